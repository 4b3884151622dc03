"""Which earlier bars a bar may repeat: those whose bass has a similar rhythm.

The planner repeats bars about as often as real drummers do, but it goes on repeating them over a bass that
has changed. A repeat is allowed only where the two bars' bass starts its notes on similar steps; pitch does
not matter.

Conventions: a rhythm is (n, 4, 16) bool, the steps of the four measures of a phrase on which bass notes
start. The choices of a bar are those of `models.recall`.
"""

from __future__ import annotations

import numpy as np

from basedrum.models.recall import NUM_CHOICES, RECALLED
from basedrum.music.grid import MEASURES_PER_PHRASE

LEAST_ALIKE = 0.5
"""Jaccard index of two rhythms from which on a repeat is allowed; chosen on split valid (lab/NOTES.md),
measured by lab/spliced.py."""


def rhythm_likeness(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (...) the Jaccard index 0..1 of rhythms (..., 16) bool; 1 for silence and silence."""
    either = (left | right).sum(axis=-1)
    both = (left & right).sum(axis=-1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def allowed_repeats(
    now: np.ndarray, before: np.ndarray, recalled: np.ndarray, least_alike: float | None = None
) -> np.ndarray:
    """Return (n, 4, 6) bool: which choices the bass allows each of the four bars of n phrases.

    Args:
        now, before: (n, 4, 16) bool, the rhythms of the phrase and of the one before it.
        recalled: that of the phrase that is recalled; silent where none is.
        least_alike: Jaccard index; None: `LEAST_ALIKE`.
    """
    least = LEAST_ALIKE if least_alike is None else least_alike
    bars = np.concatenate([before, now], axis=1)  # (n, 8, 16)
    allowed = np.ones((len(now), MEASURES_PER_PHRASE, NUM_CHOICES), bool)
    for bar in range(MEASURES_PER_PHRASE):
        here = MEASURES_PER_PHRASE + bar
        for back in range(1, MEASURES_PER_PHRASE + 1):
            allowed[:, bar, back] = rhythm_likeness(bars[:, here], bars[:, here - back]) >= least
    allowed[:, :, RECALLED] = rhythm_likeness(now, recalled) >= least
    return allowed
