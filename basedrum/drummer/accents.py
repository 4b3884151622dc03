"""The bass's dynamics as a drummer follows them: quiet where it is quiet, kick and crash on its accents.

Conventions: (T,) arrays over the steps of the song's grid, whole measures of 16; velocities 1..127, 0 where
no note starts, as in `BassRoll.velocities`.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import CRASH, KICK, NUM_VOICES

LEAST_DEVIATION = 4.0  # standard deviation of the bass's velocities below which it has no dynamics
FEWEST_NOTES = 8
CURVE_LEAN, ACCENT_LEAN = 0.8, 0.5
"""Exponents of the bass's relative loudness, measured in songs (`lab/NOTES.md`)."""
LEAST, MOST = 0.5, 1.5
ACCENTED = (KICK, CRASH)


def lean(bass_velocities: np.ndarray) -> np.ndarray:
    """Return factors (T, 12), 0.5..1.5, by which the drums' velocities follow the bass's (T,).

    All voices follow the loudest note of each bar; kick and crash also the bass's single notes, against the
    usual note of a bar so loud. All factors are 1 where the bass has no dynamics.
    """
    velocities = np.asarray(bass_velocities, np.float64)
    factors = np.ones((len(velocities), NUM_VOICES))
    played = np.flatnonzero(velocities)
    if len(played) < FEWEST_NOTES or velocities[played].std() < LEAST_DEVIATION:
        return factors
    curve = _loudness_curve(velocities)
    factors *= curve[:, None] ** CURVE_LEAN
    relative = velocities[played] / curve[played]
    accents = velocities[played] / (np.median(relative) * curve[played])
    factors[played[:, None], ACCENTED] *= accents[:, None] ** ACCENT_LEAN
    return np.clip(factors, LEAST, MOST)


def _loudness_curve(velocities: np.ndarray) -> np.ndarray:
    """Return (T,) the loudest note of each measure against their median, smoothed over neighbours.

    Where the bass rests, it goes from the measure before to the one after.
    """
    loudest = velocities.reshape(-1, STEPS_PER_MEASURE).max(axis=1)
    measures = np.arange(len(loudest))
    played = np.flatnonzero(loudest)
    padded = np.pad(np.interp(measures, played, loudest[played]), 1, mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    middles = measures * STEPS_PER_MEASURE + STEPS_PER_MEASURE / 2
    return np.interp(np.arange(len(velocities)) + 0.5, middles, smooth / np.median(loudest[played]))
