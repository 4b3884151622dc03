"""How well the feel is learned: `python -m basedrum.evaluation.feel GROOVE.zip` prints figures of unheard takes.

Two questions. How near is its best guess to what the drummer did (mean absolute error of velocity and of timing), beside two
simpler guesses: the mean of the training takes for the voice and its step in the measure, and one mean for all. And does a
drawn feel spread as drummers do: standard deviations per voice, over all hits, and within takes, around each take's own mean.

Conventions: velocities as recorded, 1..127; timing around the pulse of the moment, in steps and ms (`corpus.groove`). Drawn
offsets are taken around their pulse, and at the same hits, as the drummers' are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.checkpoint import load_feel
from basedrum.corpus.groove import Take, around_pulse, read_groove
from basedrum.drummer.feel import draw_feel, expect
from basedrum.models.feel import FeelNet
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES, VOICES

DRAWS = 8


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors of one way of guessing: `velocity` in MIDI units, `steps` and `ms` of timing."""

    velocity: float
    steps: float
    ms: float


@dataclass(frozen=True)
class Spread:
    """Standard deviations of one voice, drummers' and drawn: over all hits, and within takes."""

    voice: str
    num_hits: int
    human: float
    drawn: float
    human_within: float
    drawn_within: float


def guess_errors(network: FeelNet, learned: Sequence[Take], unheard: Sequence[Take]) -> dict[str, Errors]:
    """Return the errors on `unheard` takes of each way of guessing; the simple ones are measured on `learned`."""
    cells, constant = _means(learned)
    errors: dict[str, list] = {}
    for take in unheard:
        place = np.arange(len(take.hits)) % STEPS_PER_MEASURE
        guesses = {
            "network, style told": _typical(network, take, take.style),
            "network, untold": _typical(network, take, None),
            "mean of voice and step": cells[:, place],
            "one mean": np.broadcast_to(constant[:, None, None], (2, *take.hits.shape)),
        }
        counted = ~np.isnan(take.offsets)
        for way, (velocities, offsets) in guesses.items():
            hard = np.abs(velocities - take.velocities)[take.hits]
            late = np.abs(offsets - take.offsets)[counted]
            errors.setdefault(way, []).append((hard, late, late * _ms_per_step(take)))
    return {way: Errors(*(float(np.concatenate(kind).mean()) for kind in zip(*e, strict=True))) for way, e in errors.items()}


def spreads(network: FeelNet, takes: Sequence[Take], seed: int = 0) -> tuple[list[Spread], list[Spread]]:
    """Return the spreads of velocity and of timing (steps) of every voice that is hit, over `DRAWS` draws a take."""
    human: tuple[list, list] = ([], [])
    drawn: tuple[list, list] = ([], [])
    for number, take in enumerate(takes):
        counted = ~np.isnan(take.offsets)
        human[0].append((number, take.hits, take.velocities))
        human[1].append((number, counted, take.offsets))
        for draw in range(DRAWS):
            own = (number * DRAWS + draw) + seed * len(takes) * DRAWS
            velocities, offsets = draw_feel(take.hits, take.grid, own, style=take.style, network=network)
            drawn[0].append((own, take.hits, np.round(velocities)))
            drawn[1].append((own, counted, around_pulse(np.where(take.hits, offsets, np.nan))))
    return tuple(_spreads(*both) for both in zip(human, drawn, strict=True))


def _spreads(human: list, drawn: list) -> list[Spread]:
    found = []
    for voice, name in enumerate(VOICES):
        (own, own_take), (ours, our_take) = (_values(cells, voice) for cells in (human, drawn))
        if len(own) > 1:
            within = _within(own, own_take), _within(ours, our_take)
            found.append(Spread(name, len(own), float(own.std()), float(ours.std()), *within))
    return found


def _values(cells: list, voice: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of a voice and the number of the take of each."""
    values = [array[:, voice][counted[:, voice]].astype(np.float64) for _, counted, array in cells]
    takes = np.repeat(np.arange(len(cells)), [len(v) for v in values])
    joined = np.concatenate(values)
    there = ~np.isnan(joined)
    return joined[there], takes[there]


def _within(values: np.ndarray, takes: np.ndarray) -> float:
    """The standard deviation around each take's own mean, unbiased; takes of one hit do not count."""
    size = np.bincount(takes)
    mean = np.bincount(takes, values) / np.maximum(size, 1)
    freedom = np.maximum(size - 1, 0).sum()
    return float(np.sqrt(((values - mean[takes]) ** 2)[size[takes] > 1].sum() / max(freedom, 1)))


def _typical(network: FeelNet, take: Take, style: str | None) -> np.ndarray:
    """The medians the network gives, (2, T, 12), at the take's hits."""
    expected = expect(take.hits, take.grid, style, network)
    guess = np.zeros((2, *take.hits.shape))
    guess[:, expected.cell, expected.voice] = expected.typical
    return guess


def _means(takes: Sequence[Take]) -> tuple[np.ndarray, np.ndarray]:
    """The means of velocity and offset: (2, 16, 12) by step in the measure and voice, and (2,) of all hits.

    A cell that is never hit has the mean of all.
    """
    cells, constant = np.zeros((2, STEPS_PER_MEASURE, NUM_VOICES)), np.zeros(2)
    velocities = [np.where(take.hits, take.velocities.astype(np.float64), np.nan) for take in takes]
    for kind, arrays in enumerate((velocities, [take.offsets for take in takes])):
        bars = np.concatenate(arrays).reshape(-1, STEPS_PER_MEASURE, NUM_VOICES)
        constant[kind] = np.nanmean(bars)
        count = (~np.isnan(bars)).sum(axis=0)
        cells[kind] = np.where(count, np.nansum(bars, axis=0) / np.maximum(count, 1), constant[kind])
    return cells, constant


def _ms_per_step(take: Take) -> float:
    return 15_000 / take.qpm


def report(errors: dict[str, Errors], by_kind: tuple[list[Spread], list[Spread]]) -> str:
    """Return the figures as text."""
    lines = [f"{'mean absolute error':26}velocity   timing, steps   timing, ms"]
    lines += [f"{way:26}{e.velocity:8.2f}{e.steps:16.4f}{e.ms:13.2f}" for way, e in errors.items()]
    for what, voices, digits in (("velocity", by_kind[0], 1), ("timing, steps", by_kind[1], 4)):
        lines += ["", f"{'sd of ' + what:20}   hits   human   drawn  ratio   within takes: human   drawn  ratio"]
        for s in voices:
            over, within = (s.human, s.drawn), (s.human_within, s.drawn_within)
            figures = [f"{h:8.{digits}f}{d:8.{digits}f}{d / max(h, 1e-9):7.2f}" for h, d in (over, within)]
            lines.append(f"{s.voice:20}{s.num_hits:7}{figures[0]}{'':15}{figures[1]}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the feel on a split of a Groove MIDI Dataset zip and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m basedrum.evaluation.feel", description="Measure the feel on human drummers."
    )
    parser.add_argument("archive", metavar="GROOVE.zip", help="the Groove MIDI Dataset, the zip of MIDI files")
    parser.add_argument("--feel", metavar="FILE", help="weights to measure (default: those that ship)")
    parser.add_argument("--split", choices=("test", "validation"), default="test", help="which takes (default: test)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    options = parser.parse_args(arguments)
    network = load_feel(options.feel)
    takes = list(read_groove(options.archive, ("train", options.split)))
    unheard = [take for take in takes if take.split == options.split]
    errors = guess_errors(network, [take for take in takes if take.split == "train"], unheard)
    print(report(errors, spreads(network, unheard, options.seed)))


if __name__ == "__main__":
    main()
