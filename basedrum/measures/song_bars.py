"""The bars of one song, as what a listener hears is measured in them: its keeper, its fills, its bass.

Conventions: hits (B, 16, 12) bool, the bars of one song over the voices of `music.kit`.
Keeper: that of hats together, ride, percussion and crash that strikes three steps or more of a bar, on three
beats or more; hats and ride come before the others. Groove: the cells that sound in .4 or more of the bars up
to 8 to either side. Fill: a bar in whose second half the snare and the toms strike three cells outside the
groove, or the toms two.
Source: this project's own definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from basedrum.measures.metrics import jaccard
from basedrum.measures.structure import TOMS
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE

HATS = (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT)
TIME = (*HATS, kit.RIDE)
KEEPER_NAMES = ("hats", "ride", "percussion", "crash")
NO_KEEPER = -1
KEEPER_STRIKES, KEEPER_BEATS = 3, 3
GROOVE_SHARE, GROOVE_BARS = 0.4, 8


@dataclass(frozen=True)
class SongBars:
    """The B bars of one song in 4/4.

    Attributes:
        hits: (B, 16, 12) bool, the drums.
        onsets: (B, 16) bool, where a bass note starts.
        held: (B, 16) bool, where a bass note sounds, the step on which it starts among them.
        line: (B,) int, equal numbers for bars with the same bass notes.
    """

    hits: np.ndarray
    onsets: np.ndarray
    held: np.ndarray
    line: np.ndarray

    @cached_property
    def sounds(self) -> np.ndarray:
        """(B,) bool: whether the bass sounds in the bar."""
        return np.any(self.held, axis=1)

    @cached_property
    def fills(self) -> np.ndarray:
        """(B,) bool: the bars that are fills."""
        return find_fills(self.hits)

    @property
    def first(self) -> int:
        """The first bar in which the bass sounds; B where it never does."""
        return int(np.argmax(self.sounds)) if self.sounds.any() else len(self.sounds)


def find_keepers(hits: np.ndarray) -> np.ndarray:
    """Return (B,) int: the keeper of each bar, by its place in `KEEPER_NAMES`; -1 where there is none.

    Where hats and ride both keep time it is the one with more strikes.
    """
    strikes = np.stack(
        [hits[..., list(HATS)].any(axis=-1), *(hits[..., v] for v in (kit.RIDE, kit.PERCUSSION, kit.CRASH))],
        axis=-1,
    )  # (B, 16, 4)
    count = strikes.sum(axis=1)
    beats = strikes.reshape(len(hits), -1, STEPS_PER_BEAT, len(KEEPER_NAMES)).any(axis=2).sum(axis=1)
    keeps = (count >= KEEPER_STRIKES) & (beats >= KEEPER_BEATS)
    order = count + STEPS_PER_MEASURE * np.asarray([1, 1, 0, 0])
    best = np.where(keeps, order, -1).argmax(axis=1)
    return np.where(keeps.any(axis=1), best, NO_KEEPER)


def find_fills(hits: np.ndarray) -> np.ndarray:
    """Return (B,) bool: the bars that are fills; `hits` (B, steps, 12) bool."""
    before = np.concatenate([np.zeros((1, *hits.shape[1:]), int), np.cumsum(hits, axis=0)])
    at = np.arange(len(hits))
    low, high = np.maximum(at - GROOVE_BARS, 0), np.minimum(at + GROOVE_BARS + 1, len(hits))
    groove = before[high] - before[low] >= GROOVE_SHARE * (high - low)[:, None, None]
    outside = (hits & ~groove)[:, hits.shape[1] // 2 :]
    toms = outside[..., list(TOMS)].sum(axis=(1, 2))
    return (toms >= 2) | (toms + outside[..., kit.SNARE].sum(axis=1) >= 3)


def alike(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (n,) the Jaccard index of rows (n, K) of bools; 1 where both are empty."""
    return jaccard(left[..., None], right[..., None])


def mean(values: np.ndarray | Sequence[float]) -> float:
    """Return the mean of values; NaN where there are none."""
    return float(np.mean(values)) if len(values) else float("nan")
