"""The bass's dynamics, as a drummer leans on them: quiet where it is quiet, a kick and a crash where it leans
in.

Conventions: (T,) arrays over the steps of the song's grid, whole measures of 16. `accents` hold the velocity
1..127 of the bass note that starts at a step, 0 where none does.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import CRASH, KICK, NUM_VOICES
from basedrum.music.rolls import BassRoll

SAYS_NOTHING = 4.0  # standard deviation of the bass's velocities below which it has no dynamics
FEWEST_NOTES = 8
CURVE_LEAN, ACCENT_LEAN = 0.8, 0.5
"""Powers of the bass's louder or softer. In 250 songs with dynamics in both parts the drums of a measure
followed its loudest bass note by .86 (r = .76), a kick the single bass note it falls on by .23, a crash by
.50."""
LEAST, MOST = 0.5, 1.5
ACCENTED = (KICK, CRASH)


def bass_accents(bass: BassRoll) -> np.ndarray:
    """Return (T,) float: the velocity of the loudest bass note that starts at each step, 0 where none does."""
    return np.asarray(bass.velocities, np.float64)


def lean(accents: np.ndarray) -> np.ndarray:
    """Return factors (T, 12) by which velocities lean on the bass; all 1 where the bass has no dynamics.

    All voices follow the bass's loudness over the bars, the loudest note of each; kick and crash also its
    single accents, against a usual note of a bar so loud.
    """
    factors = np.ones((len(accents), NUM_VOICES))
    played = np.flatnonzero(accents)
    if len(played) < FEWEST_NOTES or accents[played].std() < SAYS_NOTHING:
        return factors
    curve = _curve(accents)
    factors *= curve[:, None] ** CURVE_LEAN
    usual = np.median(accents[played] / curve[played])
    factors[played[:, None], ACCENTED] *= (accents[played] / (usual * curve[played]))[:, None] ** ACCENT_LEAN
    return np.clip(factors, LEAST, MOST)


def _curve(accents: np.ndarray) -> np.ndarray:
    """The loudest note of each measure against their median, smoothed over neighbours, held where the bass
    rests: (T,)."""
    loudest = accents.reshape(-1, STEPS_PER_MEASURE).max(axis=1)
    measures = np.arange(len(loudest))
    heard = np.flatnonzero(loudest)
    padded = np.pad(np.interp(measures, heard, loudest[heard]), 1, mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    middles = measures * STEPS_PER_MEASURE + STEPS_PER_MEASURE / 2
    return np.interp(np.arange(len(accents)) + 0.5, middles, smooth / np.median(loudest[heard]))
