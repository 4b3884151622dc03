"""What a bar may repeat, and which earlier phrase of its song a phrase recalls.

A phrase recalls the one whose bass was most like its own: likeness is the share of the steps with a note in
either on which both start the same one (the lowest). The phrase before is not recalled, it is known anyway;
of equals the latest is.

Conventions: a line is (..., T) int8, the lowest pitch row that starts on each step, -1 where none does. A
plan is (..., M) int64, for each bar NEW, k for a repeat of the bar k before it (1..M, also in the phrase
before), or RECALLED for the bar in the same place of the recalled phrase. No torch here.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import MEASURES_PER_PHRASE

NEW = 0
RECALLED = MEASURES_PER_PHRASE + 1
NUM_CHOICES = RECALLED + 1

LEAST = 0.25
"""Less alike phrases are not recalled: real drummers hardly ever repeat their bars."""


def bass_line(onset: np.ndarray) -> np.ndarray:
    """Return the line (..., T) of onsets (..., T, P) bool."""
    return np.where(onset.any(axis=-1), onset.argmax(axis=-1), -1).astype(np.int8)


def likeness(line: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (...) 0..1, how alike lines (..., t) are; 1 for silence and silence."""
    notes = (line >= 0) | (others >= 0)
    same = (line == others) & notes
    return (same.sum(axis=-1) + 1e-6) / (notes.sum(axis=-1) + 1e-6)


def recall(line: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of k earlier phrases each of n phrases recalls (n,), -1 for none, and the likeness (n, M)
    float32 of its measures, zeros for none.

    line: (n, T); earlier: (n, k, T), in order of time, the phrase before not among them.
    """
    which, by_measure = np.full(len(line), -1), np.zeros((len(line), MEASURES_PER_PHRASE), np.float32)
    if not len(line) or not earlier.shape[1]:
        return which, by_measure
    alike = likeness(line[:, None], earlier)  # (n, k)
    latest = alike.shape[1] - 1 - alike[:, ::-1].argmax(axis=1)
    rows = np.arange(len(line))
    found = alike[rows, latest] >= LEAST
    which[found] = latest[found]
    then = earlier[rows, latest].reshape(len(line), MEASURES_PER_PHRASE, -1)
    by_measure[found] = likeness(line.reshape(then.shape), then)[found]
    return which, by_measure
