"""A drummer who was asked for half time or double time, and so for a backbeat: phrases without are played
again.

Real drummers leave 2 and 4 alone in some songs, and so does this one; in another feel nothing else says what
the feel is. Where most bars of a phrase lack the backbeat, the same drummer with other noise plays it.

Conventions: hits (64, 12) bool; the backbeat is a snare or side stick on both steps 4 and 12 of a measure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basedrum.drummer.phrase import Phrase
from basedrum.drummer.song import PhrasePlayer
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import SIDE_STICK, SNARE

BACKBEAT = (4, 12)
MOST = 0.5


class BackbeatPlayer:
    """A drummer in the middle of a song whose phrases have a backbeat.

    Args:
        players: the drummer, and the same with other noise; the first phrase with a backbeat in most bars is
            played, else the one with most of it.
    """

    def __init__(self, players: Sequence[PhrasePlayer]) -> None:
        self.players = players

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool, as `PhrasePlayer`."""
        best, most = None, -1.0
        for player in self.players:
            hits = np.asarray(player.play(phrase), bool)
            share = backbeat_share(hits, np.asarray(phrase.measure_steps))
            if share > MOST:
                return hits
            if share > most:
                best, most = hits, share
        assert best is not None
        return best

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory, as `PhrasePlayer`."""
        for player in self.players:
            player.remember(bass, hits)


def backbeat_share(hits: np.ndarray, measure_steps: np.ndarray) -> float:
    """Return the share 0..1 of the measures long enough for a backbeat that have it; 1 where none is."""
    measures = hits.reshape(len(measure_steps), STEPS_PER_MEASURE, -1)
    snares = measures[:, :, SNARE] | measures[:, :, SIDE_STICK]
    long_enough = measure_steps > BACKBEAT[1]
    if not long_enough.any():
        return 1.0
    return float(snares[long_enough][:, BACKBEAT].all(axis=1).mean())
