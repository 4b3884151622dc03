"""Stops: where the whole band falls silent for half a bar or more, the drums mostly do so too.

A bass that rests in every bar does not stop, so a rest is a stop only where the bars before sound in its
place. Whether the drummer of a song answers stops is drawn from its seed. Real drummers do so less often: of
97 stops in 473 whole songs .08 have no hit at all and .13 more hits than usual (lab/NOTES.md). But who writes
a bass line that stops means it.

Conventions: cells (M, 16) bool over the steps of a grid, of which the first `measure_steps` (M,) exist.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.sounding import Sounding

ANSWERS = 0.9
"""Share of songs whose drummer answers stops with a stop."""
BARS_BEFORE, FEWEST_BEFORE = 4, 3  # so many of the bars before sound where the band then stops


def answers_stops(seed: int) -> bool:
    """Return whether the drummer of a song answers stops with stops."""
    return bool(np.random.default_rng([seed, 0x57095]).random() < ANSWERS)


def find_stops(sounding: np.ndarray, measure_steps: np.ndarray) -> np.ndarray:
    """Return (M, 16) bool: the steps at which the band stops.

    Args:
        sounding: (M, 16) bool, the steps in which any part sounds.
    """
    stops = np.zeros(sounding.shape, bool)
    band = np.flatnonzero(sounding.any(axis=1))
    for measure in range(BARS_BEFORE, int(band[-1]) if len(band) else 0):
        size = int(measure_steps[measure])
        before = slice(measure - BARS_BEFORE, measure)
        if (measure_steps[before] != size).any() or not sounding[measure, :size].any():
            continue
        for first, last in _silences(sounding[measure, :size]):
            is_long = 2 * (last - first) >= size
            if is_long and sounding[before, first:last].any(axis=1).sum() >= FEWEST_BEFORE:
                stops[measure, first:last] = True
    return stops


def with_stops(hits: np.ndarray, sounding: Sounding, measure_steps: np.ndarray, seed: int) -> np.ndarray:
    """Return hits (M * 16, 12) without those in the band's stops, where the drummer of the song answers
    them."""
    if sounding.steps is None or not answers_stops(seed):
        return hits
    return hits & ~find_stops(sounding.steps, measure_steps).reshape(-1, 1)


def _silences(sounding: np.ndarray) -> list[tuple[int, int]]:
    """Return the first step and the one after the last of each silence of a measure (S,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~sounding, [0]]).astype(int)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
