"""How well the feel is learned, on takes of human drummers that training has not seen.

Two questions. How near is its best guess to what the drummer did (mean absolute error of velocity and of
timing), beside two simpler guesses: the mean of the training takes for the voice and its step in the measure,
and one mean for all. And does a drawn feel vary as drummers do: standard deviations per voice, over all hits,
and within takes, around each take's own mean; and how far a hit's distance from the best guess is shared by
the hits near it.

Data: the Groove MIDI Dataset, its zip of MIDI files.

Conventions: velocities as recorded, 1..127; timing around the pulse of the moment, in steps and ms
(`corpus.groove`). Drawn offsets are taken around their pulse, and at the same hits, as the drummers' are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from basedrum.corpus.groove import Take, around_pulse, read_groove
from basedrum.drummer.feel import draw_feel, expect
from basedrum.lab import Request
from basedrum.models.feel import FeelNet
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES, VOICES
from basedrum.weights import load_feel

NAME = "feel"
SUMMARY = "how near the feel comes to human drummers (data: the Groove MIDI Dataset's zip)"
DRAWS, QUICK_TAKES = 8, 6


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors of one way of guessing: `velocity` in MIDI units, `steps` and `ms` of timing."""

    velocity: float
    steps: float
    ms: float


@dataclass(frozen=True)
class Spread:
    """Standard deviations of one voice, drummers' and drawn: over all hits, and within takes; `learned` is
    that of the takes that were learned from, over all hits."""

    voice: str
    num_hits: int
    human: float
    learned: float
    drawn: float
    human_within: float
    drawn_within: float


def guess_errors(network: FeelNet, learned: Sequence[Take], unseen: Sequence[Take]) -> dict[str, Errors]:
    """Return the errors on `unseen` takes of each way of guessing; the simple ones are measured on
    `learned`."""
    cells, constant = _means(learned)
    errors: dict[str, list] = {}
    for take in unseen:
        place = np.arange(len(take.hits)) % STEPS_PER_MEASURE
        guesses = {
            "network, given the style": _typical(network, take, take.style),
            "network, no style": _typical(network, take, None),
            "mean of voice and step": cells[:, place],
            "one mean": np.broadcast_to(constant[:, None, None], (2, *take.hits.shape)),
        }
        counted = ~np.isnan(take.offsets)
        for way, (velocities, offsets) in guesses.items():
            hard = np.abs(velocities - take.velocities)[take.hits]
            late = np.abs(offsets - take.offsets)[counted]
            errors.setdefault(way, []).append((hard, late, late * _ms_per_step(take)))
    return {
        way: Errors(*(float(np.concatenate(kind).mean()) for kind in zip(*e, strict=True)))
        for way, e in errors.items()
    }


def spreads(
    network: FeelNet, learned: Sequence[Take], unseen: Sequence[Take], seed: int = 0
) -> tuple[list[Spread], list[Spread]]:
    """Return the spreads of velocity and of timing (steps) of every voice that is hit, over `DRAWS` draws a
    take."""
    played = [[(take.hits, take.velocities) for take in takes] for takes in (unseen, learned)]
    timed = [[(~np.isnan(take.offsets), take.offsets) for take in takes] for takes in (unseen, learned)]
    drawn: tuple[list, list] = ([], [])
    for number, take in enumerate(unseen):
        for draw in range(DRAWS):
            own = (number * DRAWS + draw) + seed * len(unseen) * DRAWS
            velocities, offsets = draw_feel(take.hits, take.grid, own, style=take.style, network=network)
            drawn[0].append((take.hits, np.round(velocities)))
            drawn[1].append((~np.isnan(take.offsets), around_pulse(np.where(take.hits, offsets, np.nan))))
    return _spreads(played[0], played[1], drawn[0]), _spreads(timed[0], timed[1], drawn[1])


def lasting(
    network: FeelNet, takes: Sequence[Take], seed: int = 0
) -> dict[str, tuple[float, float, float, float]]:
    """Return correlations of two hits' distances from the best guess: velocity of drummers and drawn, timing
    of both.

    1 would be a drummer who never changes his mind, 0 for all three pairs white noise.
    """
    far: list[tuple[list, list]] = [([], []), ([], [])]  # of velocity and timing: drummers', drawn
    for number, take in enumerate(takes):
        typical = _typical(network, take, take.style)
        velocities, offsets = draw_feel(
            take.hits, take.grid, number + seed * len(takes), style=take.style, network=network
        )
        for kind, both in enumerate(((take.velocities, velocities), (take.offsets, offsets))):
            counted = take.hits & ~np.isnan(take.offsets) if kind else take.hits
            for place, values in zip(far[kind], both, strict=True):
                place.append(np.where(counted, values - typical[kind], np.nan))
    columns = [_shared(distances) for kind in far for distances in kind]
    human, drawn, human_late, drawn_late = columns
    return {name: (human[name], drawn[name], human_late[name], drawn_late[name]) for name in human}


def _shared(takes: list[np.ndarray]) -> dict[str, float]:
    """Correlations over the pairs of hits of one voice in a row, of one voice a measure apart, of two voices
    on one step."""
    pairs: dict[str, list] = {
        "next hit of the voice": [],
        "same place, next measure": [],
        "other voice, same step": [],
    }
    for far in takes:
        for voice in range(NUM_VOICES):
            own = far[:, voice][~np.isnan(far[:, voice])]
            pairs["next hit of the voice"].append((own[:-1], own[1:]))
            pairs["same place, next measure"].append(
                (far[:-STEPS_PER_MEASURE, voice], far[STEPS_PER_MEASURE:, voice])
            )
            for other in range(voice):
                pairs["other voice, same step"].append((far[:, voice], far[:, other]))
    return {name: _correlation(*map(np.concatenate, zip(*both, strict=True))) for name, both in pairs.items()}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    both = ~np.isnan(one) & ~np.isnan(other)
    return float(np.corrcoef(one[both], other[both])[0, 1])


def _spreads(human: list, learned: list, drawn: list) -> list[Spread]:
    found = []
    for voice, name in enumerate(VOICES):
        (own, own_take), (theirs, _), (ours, our_take) = (
            _values(cells, voice) for cells in (human, learned, drawn)
        )
        if len(own) > 1 and len(theirs) > 1:
            found.append(
                Spread(
                    voice=name,
                    num_hits=len(own),
                    human=float(own.std()),
                    learned=float(theirs.std()),
                    drawn=float(ours.std()),
                    human_within=_within(own, own_take),
                    drawn_within=_within(ours, our_take),
                )
            )
    return found


def _values(cells: list, voice: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of a voice and the number of the take of each."""
    values = [array[:, voice][counted[:, voice]].astype(np.float64) for counted, array in cells]
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


def report(
    errors: dict[str, Errors],
    by_kind: tuple[list[Spread], list[Spread]],
    shared: Mapping[str, tuple[float, ...]],
) -> str:
    """Return the table as text."""
    lines = [f"{'mean absolute error':26}velocity   timing, steps   timing, ms"]
    lines += [f"{way:26}{e.velocity:8.2f}{e.steps:16.4f}{e.ms:13.2f}" for way, e in errors.items()]
    for what, voices, digits in (("velocity", by_kind[0], 1), ("timing, steps", by_kind[1], 4)):
        lines += [
            "",
            f"{'sd of ' + what:20}   hits   human   drawn  ratio  training takes"
            "   within takes: human   drawn  ratio",
        ]
        for s in voices:
            over, within = _beside(s.human, s.drawn, digits), _beside(s.human_within, s.drawn_within, digits)
            learned = _beside(s.human, s.learned, digits)[8:]
            lines.append(f"{s.voice:20}{s.num_hits:7}{over}{learned:>17}{'':15}{within}")
    lines += ["", f"{'correlation with':26}velocity: human   drawn   timing: human   drawn"]
    lines += [f"{name:26}{a:15.2f}{b:8.2f}{c:16.2f}{d:8.2f}" for name, (a, b, c, d) in shared.items()]
    return "\n".join(lines)


def _beside(human: float, other: float, digits: int) -> str:
    """Return two numbers and their ratio."""
    return f"{human:8.{digits}f}{other:8.{digits}f}{other / max(human, 1e-9):7.2f}"


def run(request: Request) -> str:
    """Return the table for the feel that ships."""
    split = "validation" if request.quick else "test"
    takes = list(read_groove(request.needed_data, ("train", split)))
    unseen = [take for take in takes if take.split == split]
    learned = [take for take in takes if take.split == "train"]
    if request.quick:
        unseen, learned = unseen[:QUICK_TAKES], learned[:QUICK_TAKES]
    network = load_feel(None)
    errors = guess_errors(network, learned, unseen)
    by_kind = spreads(network, learned, unseen, request.seed)
    shared = lasting(network, unseen, request.seed)
    request.write(
        {
            "errors": {way: asdict(each) for way, each in errors.items()},
            "velocity": [asdict(each) for each in by_kind[0]],
            "timing": [asdict(each) for each in by_kind[1]],
            "lasting": shared,
        }
    )
    return report(errors, by_kind, shared) + "\n"
