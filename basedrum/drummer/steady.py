"""Holding the density of a riff that goes on for minutes.

Each phrase is played knowing the drums of the one before, so what is added by chance stays and more comes to
it: over minutes of one riff the drums drift, up to 1.6 times as dense as at its start (lab/NOTES.md). Where a
bass has been played for long, a phrase that is much denser or thinner than the first ones to it is played
again as if it followed one of those; if that does not help either, that one itself comes back.

Conventions: a phrase is (64, 12) bool; its rhythm (64,) bool, where its bass starts notes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from basedrum.drummer.phrase import Phrase
from basedrum.drummer.song import PhrasePlayer

LONG = 8  # phrases to the same bass, from which on their density is held
FIRST = 4  # phrases, whose density it is
SAME_BASS = 0.8  # Jaccard index of two rhythms
LEAST, MOST = 0.65, 1.4  # hits of a phrase, over those of the first ones


class SteadyPlayer:
    """A drummer in the middle of a song that keeps its density as long as the bass goes on."""

    def __init__(self, state: PhrasePlayer) -> None:
        self.state = state
        self._rhythms: list[np.ndarray] = []
        self._hits: list[np.ndarray] = []

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool, as `PhrasePlayer`."""
        hits = np.asarray(self.state.play(phrase), bool)
        first = self._first_to(np.any(phrase.bass[0], axis=1))
        usual = float(np.mean([each.sum() for each in first])) if first else 0.0
        if not usual or is_steady(hits, usual):
            return hits
        earlier = min(first, key=lambda each: abs(each.sum() - usual))
        hits = np.asarray(self.state.play(replace(phrase, previous=earlier)), bool)
        return hits if is_steady(hits, usual) else earlier

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory, as `PhrasePlayer`."""
        self.state.remember(bass, hits)
        self._rhythms.append(np.any(bass[0], axis=1))
        self._hits.append(np.asarray(hits, bool))

    def _first_to(self, rhythm: np.ndarray) -> list[np.ndarray]:
        """Return the first phrases to this rhythm of the bass; none where it has not been played for long."""
        if len(self._hits) < LONG:
            return []
        known = np.stack(self._rhythms)
        both, either = (known & rhythm).sum(axis=1), (known | rhythm).sum(axis=1)
        same = np.flatnonzero(both >= SAME_BASS * np.maximum(either, 1))
        return [self._hits[at] for at in same[:FIRST]] if len(same) >= LONG else []


def is_steady(hits: np.ndarray, usual: float) -> bool:
    """Return whether a phrase has about as many hits as usual."""
    return bool(LEAST * usual <= hits.sum() <= MOST * usual)
