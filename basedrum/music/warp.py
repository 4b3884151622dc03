"""A map between two clocks of one song: the ticks of its file, and ticks in which its beats are even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Warp:
    """A rising map, linear between its knots and of slope 1 outside them.

    Attributes:
        own: (K,) float64, the knots in the song's own ticks, rising.
        straight: (K,) float64, the same knots in straight ticks, rising.
    """

    own: np.ndarray
    straight: np.ndarray

    def to_straight(self, ticks: np.ndarray | float) -> np.ndarray:
        """Return own ticks as straight ticks, float64."""
        return _interpolate(np.asarray(ticks, np.float64), self.own, self.straight)

    def to_own(self, ticks: np.ndarray | float) -> np.ndarray:
        """Return straight ticks as own ticks, float64; the inverse of `to_straight`."""
        return _interpolate(np.asarray(ticks, np.float64), self.straight, self.own)


def _interpolate(at: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    behind_the_last = np.maximum(at - old[-1], 0)
    before_the_first = np.minimum(at - old[0], 0)
    return np.interp(at, old, new) + behind_the_last + before_the_first
