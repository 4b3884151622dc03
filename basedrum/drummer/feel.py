"""The feel of a performance: how hard, and how early or late, each hit is played.

A small network learned from human drummers gives the distribution of both for each hit, from the hits of all
voices about four bars around, the place in the bar, the tempo and the style; this room draws from it. One
drummer plays a song: who hits the hat hard does so all song, accents come again bar by bar, the rest varies
slowly or from hit to hit.

Conventions: velocities 1..127; offsets in steps of the grid around its pulse, positive is late. Swing is in
the grid, not here. Arrays are (T, 12) over the cells of the grid and the voices of the kit; N counts the
steps that exist, Q the quantiles.

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
from basedrum.music.kit import CLOSED_HAT, KICK, NUM_VOICES, PERCUSSION, SIDE_STICK, SNARE
from basedrum.music.rolls import DrumRoll, active_steps
from basedrum.threads import one_thread
from basedrum.weights import load_feel

LOUDNESS = 0.75  # velocity -> 127 * (velocity / 127) ** LOUDNESS: 60 becomes 72, 97 becomes 104
SOFTEST = 10  # as recorded; softer hits are lost on most synthesizers (`lab/NOTES.md`)
FARTHEST_STEPS = 0.45
DEPTH, DEPTH_SD = np.ones(NUM_VOICES), np.zeros(NUM_VOICES)
"""How deep a voice's dynamics are in a song, as a multiple of what the network expects: mean and standard
deviation over songs. Drummers differ more in the depth of their hat's accents than the network knows, and it
plays them deep in the plain grooves that songs have. Of the snare only what is softer than usual is made
deeper, the ghost notes (`lab/NOTES.md`)."""
DEPTH[[CLOSED_HAT, PERCUSSION, SNARE]] = 0.8, 0.8, 1.25
DEPTH_SD[[CLOSED_HAT, PERCUSSION]] = 0.3
DEVIATION = np.ones(NUM_VOICES)
"""Size of what is drawn around the expected velocity, as a multiple of what was measured; the kick's is too
wide for the drummers of the dataset (`lab/NOTES.md`)."""
DEVIATION[KICK] = 0.75
MS_PER_STEP_AT_1_BPM = 15_000
SIMILAR_STYLE = {
    "hard_rock": "rock",
    "ballad": "pop",
    "metal": "punk",
    "neo_soul": "hiphop",
    "hip_hop": "hiphop",
    "trap": "hiphop",
    "electronic": "dance",
    "disco": "dance",
    "house": "dance",
    "breakbeat": "dance",
    "drum_and_bass": "funk",
    "ska": "reggae",
    "bossa": "latin",
    "samba": "latin",
    "jazz_waltz": "jazz",
    "blues_shuffle": "blues",
    "twelve_eight_blues": "blues",
    "new_wave": "rock",
    "second_line": "neworleans",
}
"""Styles of `music.styles` that the network knows by another name or not at all, and what comes nearest."""

LATE_SNARE_MS = {"neo_soul": 24.0}
"""How far the snare drags behind the beat in styles whose drummers the network has not learned from."""


def with_feel(
    hits: np.ndarray,
    grid: Grid | None = None,
    seed: int = 0,
    humanize: float = 1.0,
    style: str | None = None,
    accents: np.ndarray | None = None,
) -> DrumRoll:
    """Return hits (T, 12) bool on the steps of `grid` as a drum roll with velocities and offsets.

    Args:
        grid: the song's; 4/4 at 120 quarters per minute if None.
        humanize: 0 gives each hit its most typical velocity, exactly on the grid; 1 the spread of the human
            drummers, in loudness and in time.
        style: a style of the network, or one of `SIMILAR_STYLE`; any other is treated as unknown.
        accents: (T,) velocities of the bass notes that start at each step (`BassRoll.velocities`), which the
            drums follow; None: they do not.
    """
    grid = grid or Grid(STEPS_PER_BEAT, len(hits))
    velocities, offsets = draw_feel(hits, grid, seed, humanize, style)
    offsets = offsets + humanize * _lateness(hits, grid, style)
    loud = 127 * (np.clip(velocities, SOFTEST, 127) / 127) ** LOUDNESS
    if accents is not None:
        loud = loud * lean(accents)
    return DrumRoll.from_kit(hits, np.round(loud), np.clip(offsets, -FARTHEST_STEPS, FARTHEST_STEPS))


def _lateness(hits: np.ndarray, grid: Grid, style: str | None) -> np.ndarray:
    """Return (T, 12) by how many steps each hit is to come later than the network has it."""
    late = np.zeros(hits.shape)
    steps_per_ms = np.repeat(grid.measure_qpm, STEPS_PER_MEASURE)[: len(hits)] / MS_PER_STEP_AT_1_BPM
    snares = [SNARE, SIDE_STICK]
    late[:, snares] = hits[:, snares] * (LATE_SNARE_MS.get(style or "", 0.0) * steps_per_ms)[:, None]
    return late


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

    Args: as `with_feel`.
        network: None is the one that ships.
    """
    network = network or _shipped()
    expected = expect(hits, grid, style, network)
    velocities, offsets = np.zeros(hits.shape), np.zeros(hits.shape)
    if not len(expected.cell):
        return velocities, offsets
    step = np.cumsum(active_steps(grid.measure_steps))[expected.cell] - 1
    z = _draw_deviations(_variances(network), _places(grid), seed)[:, step, expected.voice]
    drawn_velocity = value_at(expected.quantiles[VELOCITY], z[VELOCITY] * DEVIATION[expected.voice])
    drawn_offset = value_at(expected.quantiles[OFFSET], z[OFFSET])
    typical = expected.typical[VELOCITY]
    swell = _from_the_mean(typical, expected.voice)
    swell = np.where(expected.voice == SNARE, np.minimum(swell, 0), swell)
    flat = np.clip(typical + (DEPTH[expected.voice] - 1) * swell, 1, 127)
    depth = DEPTH + DEPTH_SD * np.random.default_rng([seed, 0xDE97]).standard_normal()
    drawn_velocity = drawn_velocity + (depth[expected.voice] - 1) * swell
    at = expected.cell, expected.voice
    velocities[at] = np.clip(flat + humanize * (drawn_velocity - flat), 1, 127)
    offsets[at] = humanize * drawn_offset
    return velocities, offsets


def _from_the_mean(values: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Return (n,) how far each of the values (n,) lies from the mean of those of its voice (n,)."""
    count = np.bincount(voice, minlength=NUM_VOICES)
    means = np.bincount(voice, values, NUM_VOICES) / np.maximum(count, 1)
    return values - means[voice]


@dataclass(frozen=True)
class Expectation:
    """What the network expects of n hits.

    Attributes:
        cell: (n,) where in the roll each hit is, 0..T - 1.
        voice: (n,) its voice.
        quantiles: (2, n, Q) of its velocity and of its offset.
    """

    cell: np.ndarray
    voice: np.ndarray
    quantiles: np.ndarray

    @property
    def typical(self) -> np.ndarray:
        """(2, n) the medians."""
        return self.quantiles[:, :, MIDDLE]


@one_thread()
@torch.no_grad()
def expect(hits: np.ndarray, grid: Grid, style: str | None, network: FeelNet) -> Expectation:
    """Return what the network expects of hits (T, 12) on the steps of `grid`."""
    is_active = active_steps(grid.measure_steps)
    qpm = np.repeat(grid.measure_qpm, grid.measure_steps)
    kit_hits = hits[is_active]
    step, voice = np.nonzero(kit_hits)
    # Nobody plays percussion in the dataset: it goes in, and comes out, as the hat.
    kit_hits[:, CLOSED_HAT] |= kit_hits[:, PERCUSSION]
    kit_hits[:, PERCUSSION] = False
    rows = torch.from_numpy(step_rows(kit_hits, grid, qpm))[None]  # (1, R, N)
    output = network(rows, torch.tensor([_style_index(style, network.config.styles)]))  # (1, 2, V, Q, N)
    quantiles = output[0].permute(0, 3, 1, 2).double().numpy()  # (2, N, V, Q)
    played_as = np.where(voice == PERCUSSION, CLOSED_HAT, voice)
    return Expectation(np.flatnonzero(is_active)[step], voice, quantiles[:, step, played_as])


def _style_index(style: str | None, styles: tuple[str, ...]) -> int:
    """Return the network's number of a style, 0 for an unknown one."""
    if style is None:
        return 0
    name = SIMILAR_STYLE.get(style, style)
    return 1 + styles.index(name) if name in styles else 0


def _variances(network: FeelNet) -> np.ndarray:
    """Return (2, 6, 12) the variance of each of `PARTS` of the deviations, for each voice."""
    assert isinstance(network.variances, torch.Tensor)
    return network.variances.double().numpy()


def _places(grid: Grid) -> np.ndarray:
    """Return (N,) the place in its measure of each step, counted on through the measures of a long bar."""
    measures = np.arange(grid.num_measures)
    first_of_bar = np.maximum.accumulate(np.where(grid.starts_bar, measures, 0))
    cells = np.arange(STEPS_PER_MEASURE) + (measures - first_of_bar)[:, None] * STEPS_PER_MEASURE  # (M, 16)
    return cells.ravel()[active_steps(grid.measure_steps)]


def _draw_deviations(variances: np.ndarray, places: np.ndarray, seed: int) -> np.ndarray:
    """Return normal z (2, N, 12) as sums of parts with these variances (2, 6, 12).

    Args:
        places: (N,) the place in the bar of each step.
    """
    length = len(places)
    fade = np.exp(-np.arange(4 * DRIFT_STEPS) / DRIFT_STEPS)
    fade /= np.sqrt((fade**2).sum())
    sizes: dict[str, tuple[int, int]] = {
        "song": (1, 1),
        "voice": (1, NUM_VOICES),
        "place": (int(places.max()) + 1, NUM_VOICES),
        "drift": (length + len(fade) - 1, NUM_VOICES),
        "together": (length, 1),
        "fresh": (length, NUM_VOICES),
    }
    total = np.zeros((2, length, NUM_VOICES))
    for kind in (VELOCITY, OFFSET):
        for number, part in enumerate(PARTS):
            drawn = np.random.default_rng([seed, 0xFEE1, kind, number]).standard_normal(sizes[part])
            if part == "place":
                drawn = drawn[places]
            elif part == "drift":
                drawn = np.stack([np.convolve(column, fade, "valid") for column in drawn.T], axis=1)
            total[kind] += np.sqrt(variances[kind, number]) * drawn
    return total


@cache
def _shipped() -> FeelNet:
    with one_thread():
        return load_feel()
