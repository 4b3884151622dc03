"""How hard and how early or late each hit is played: what a small network learned from human drummers, drawn
for a song.

It sees the hits of all voices about four bars around, the place in the bar, the tempo and the style: strong
backbeats, soft ghost notes between, hats that breathe, fills that grow. A song is played by one drummer: who
hits the hat hard does so all song, accents come again bar by bar, and the rest wanders.

Conventions: velocities 1..127; offsets in steps of the grid around its pulse, positive is late. Swing is the
grid's, not ours.

Source: `pretrained/feel.safetensors` is made by `python -m basedrum.training.feel GROOVE.zip` from the Groove
MIDI Dataset (`corpus.groove`). The dataset's drum module records softly; LOUDNESS bends its velocities to the
level that General MIDI synthesizers expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from basedrum.drummer.accents import lean
from basedrum.models.feel import DRIFT_STEPS, MIDDLE, OFFSET, PARTS, VELOCITY, FeelNet, step_rows, value_at
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.kit import CLOSED_HAT, NUM_VOICES, PERCUSSION
from basedrum.music.rolls import DrumRoll, active_steps
from basedrum.threads import one_thread
from basedrum.weights import load_feel

LOUDNESS = 0.75  # velocity -> 127 * (velocity / 127) ** LOUDNESS: 60 becomes 72, 97 becomes 104
SOFTEST = 10  # as recorded; softer hits, 1.6 % of the drummers', are lost on most synthesizers
FARTHEST = 0.45
LIKE = {"metal": "punk", "electronic": "dance", "disco": "dance", "ballad": "pop", "bossa": "latin"}
"""Styles the network was not told of, and the one that comes nearest."""


def with_feel(
    hits: np.ndarray,
    grid: Grid | None = None,
    seed: int = 0,
    humanize: float = 1.0,
    style: str | None = None,
    accents: np.ndarray | None = None,
) -> DrumRoll:
    """Return hits (T, 12) bool on the steps of `grid` as a drum roll with velocities and micro-offsets.

    Args:
        grid: the song's; 4/4 at 120 quarters per minute if None.
        humanize: 0 gives each hit its most typical velocity, exactly on the grid; 1 the spread of the human
            drummers, in loudness and in time.
        style: a style of the network, or one of `LIKE`; any other counts as not told.
        accents: (T,) velocities of the bass notes that start at a step (`accents.bass_accents`): the drums
            lean on them.
    """
    grid = grid or Grid(STEPS_PER_BEAT, len(hits))
    velocities, offsets = draw_feel(hits, grid, seed, humanize, style)
    loud = 127 * (np.clip(velocities, SOFTEST, 127) / 127) ** LOUDNESS
    if accents is not None:
        loud = loud * lean(accents)
    return DrumRoll.from_kit(hits, np.round(loud), np.clip(offsets, -FARTHEST, FARTHEST))


def draw_feel(
    hits: np.ndarray,
    grid: Grid,
    seed: int = 0,
    humanize: float = 1.0,
    style: str | None = None,
    network: FeelNet | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return velocities (T, 12) as the dataset's drum module records them and offsets (T, 12), 0 where no hit
    is.

    Args: as `with_feel`; another `network` than the one that ships.
    """
    network = network or _shipped()
    expected = expect(hits, grid, style, network)
    drawn = np.zeros((2, *hits.shape))
    if len(expected.cell):
        step = np.cumsum(active_steps(grid.measure_steps))[expected.cell] - 1
        z = _straying(network.wander.double().numpy(), _places(grid), seed)[:, step, expected.voice]
        for kind in (VELOCITY, OFFSET):
            typical = expected.typical[kind] if kind == VELOCITY else 0.0
            value = typical + humanize * (value_at(expected.quantiles[kind], z[kind]) - typical)
            drawn[kind, expected.cell, expected.voice] = np.clip(value, 1, 127) if kind == VELOCITY else value
    return drawn[VELOCITY], drawn[OFFSET]


@dataclass(frozen=True)
class Expectation:
    """What the network expects of each of n hits: `cell` (n,) in the roll, `voice` (n,), `quantiles` (2, n,
    Q)."""

    cell: np.ndarray
    voice: np.ndarray
    quantiles: np.ndarray

    @property
    def typical(self) -> np.ndarray:
        """(2, n): the medians."""
        return self.quantiles[:, :, MIDDLE]


@one_thread()
@torch.no_grad()
def expect(hits: np.ndarray, grid: Grid, style: str | None, network: FeelNet) -> Expectation:
    """Return what the network expects of hits (T, 12) on the steps of `grid`."""
    there = active_steps(grid.measure_steps)
    name = LIKE.get(style, style)
    told = 1 + network.config.styles.index(name) if name in network.config.styles else 0
    qpm = np.repeat(grid.measure_qpm, grid.measure_steps)
    heard = hits[there]
    step, voice = np.nonzero(heard)
    heard[:, CLOSED_HAT] |= heard[
        :, PERCUSSION
    ]  # nobody plays percussion in the dataset: it is heard and played as the hat
    heard[:, PERCUSSION] = False
    rows = torch.from_numpy(step_rows(heard, grid, qpm))[None]
    quantiles = network(rows, torch.tensor([told]))[0].permute(0, 3, 1, 2).double().numpy()  # (2, N, V, Q)
    asked = np.where(voice == PERCUSSION, CLOSED_HAT, voice)
    return Expectation(np.flatnonzero(there)[step], voice, quantiles[:, step, asked])


def _places(grid: Grid) -> np.ndarray:
    """(N,) the place in its measure of each step, counted on through the measures of a long bar."""
    first = np.maximum.accumulate(np.where(grid.starts_bar, np.arange(grid.num_measures), 0))
    piece = np.arange(grid.num_measures) - first
    return np.concatenate(
        [p * STEPS_PER_MEASURE + np.arange(n) for p, n in zip(piece, grid.measure_steps, strict=True)]
    )


def _straying(wander: np.ndarray, places: np.ndarray, seed: int) -> np.ndarray:
    """Draw z (2, N, 12) whose parts vary as `wander` (2, 6, 12) says."""
    length = len(places)
    fade = np.exp(-np.arange(4 * DRIFT_STEPS) / DRIFT_STEPS)
    fade /= np.sqrt((fade**2).sum())
    sizes = (
        (1, 1),
        (1, NUM_VOICES),
        (places.max() + 1, NUM_VOICES),
        (length + len(fade) - 1, NUM_VOICES),
        (length, 1),
    )
    sizes = dict(zip(PARTS, (*sizes, (length, NUM_VOICES)), strict=True))
    total = np.zeros((2, length, NUM_VOICES))
    for kind in (VELOCITY, OFFSET):
        for number, (part, size) in enumerate(sizes.items()):
            drawn = np.random.default_rng([seed, 0xFEE1, kind, number]).standard_normal(size)
            if part == "place":
                drawn = drawn[places]
            elif part == "drift":
                drawn = np.stack([np.convolve(drawn[:, v], fade, "valid") for v in range(NUM_VOICES)], axis=1)
            total[kind] += np.sqrt(wander[kind, number]) * drawn
    return total


@cache
def _shipped() -> FeelNet:
    with one_thread():
        return load_feel()
