"""What a listener hears in songs that are not in straight 4/4: waltzes, 6/8, 5/4 and swing.

Conventions: `Written` holds hits (M, 16, 12) bool on the measures of a grid; a written bar may have several
measures. Ternary beats are laid on four steps, their last third on the last (`music.swing`). Each measure
gives one value a song, NaN where the song has no case of it.
Source: this project's own definitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.measures.song_bars import TIME, mean
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE, Grid

WALTZ_STEPS, SIX_EIGHT_STEPS, FIVE_FOUR_STEPS = 12, 8, 20
MOST = 0.5
SKIPS, WRONG_SKIPS = (7, 15), (3, 11)
"""The last thirds of beats 2 and 4, where jazz drummers play, and those of 1 and 3, where they do not."""


@dataclass(frozen=True)
class Written:
    """The drums of a song on its own bars.

    Attributes:
        hits: (M, 16, 12) bool, on the measures of `grid`.
        sounds: (M,) bool, where the bass does.
    """

    hits: np.ndarray
    grid: Grid
    sounds: np.ndarray

    @property
    def steps_of_bar(self) -> np.ndarray:
        """(M,) the steps of the written bar that each measure belongs to."""
        return np.bincount(self.grid.bars, self.grid.measure_steps).astype(int)[self.grid.bars]


def other_metre_values(song: Written) -> dict[str, float]:
    """Return every measure of this file, by key."""
    return {
        "three_time": three_time(song),
        "five_hits": five_hits(song),
        **skip_values(song),
    }


def three_time(song: Written) -> float:
    """Return the hats and rides a bar of a song mostly in 3/4 or 6/8; NaN elsewhere."""
    steps, is_compound = song.steps_of_bar, song.grid.pace != 1
    chosen = np.where(is_compound, steps == SIX_EIGHT_STEPS, steps == WALTZ_STEPS)
    return _hits_a_bar(song, chosen, list(TIME))


def five_hits(song: Written) -> float:
    """Return the hits a bar of a song mostly in 5/4; NaN elsewhere."""
    chosen = (song.steps_of_bar == FIVE_FOUR_STEPS) & (song.grid.pace == 1)
    return _hits_a_bar(song, chosen, list(range(kit.NUM_VOICES)))


def skip_values(song: Written) -> dict[str, float]:
    """Return `skips` and `wrong_skips` of a swung song in 4/4 whose ride or hats keep time; NaN elsewhere.

    Of the bars with time on three beats or more: the share in which hats or ride strike the last thirds of
    the second and the fourth beat both; and that of the first or the third. 0..1.
    """
    grid = song.grid
    swung = grid.is_ternary & (song.steps_of_bar == STEPS_PER_MEASURE) & (grid.pace == 1)
    if mean(swung[song.sounds]) <= MOST or not song.sounds.any():
        return {"skips": float("nan"), "wrong_skips": float("nan")}
    time = song.hits[swung & song.sounds][..., list(TIME)].any(axis=-1)  # (n, 16)
    time = time[time[:, ::4].sum(axis=1) >= 3]
    return {
        "skips": mean(time[:, list(SKIPS)].all(axis=1)),
        "wrong_skips": mean(time[:, list(WRONG_SKIPS)].any(axis=1)),
    }


def _hits_a_bar(song: Written, chosen: np.ndarray, voices: list[int]) -> float:
    """Return hits a written bar of the measures `chosen` (M,) bool; NaN where they are not most of the
    song."""
    if not mean(chosen[song.sounds]) > MOST:
        return float("nan")
    counted = chosen & song.sounds
    bars = len(np.unique(song.grid.bars[counted]))
    return float(song.hits[counted][..., voices].sum() / bars)
