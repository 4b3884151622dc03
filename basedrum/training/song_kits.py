"""What the drums of a song use: which voices at all, and how many at once. Read off the prepared phrases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.models.condition import MOST_VOICES
from basedrum.music.kit import NUM_VOICES

ROWS_AT_ONCE = 4096
RARE = 0.01  # share of a song's struck steps that may have more voices at once than counts as its most


@dataclass(frozen=True)
class SongKits:
    """The kits of the S songs of a dataset.

    Attributes:
        voices: (S, V) bool, the voices that a song uses.
        most: (S,) int, how many voices it plays at once at most, rare steps left out: 1..MOST_VOICES.
    """

    voices: np.ndarray
    most: np.ndarray

    @classmethod
    def of(cls, data: PhraseDataset, rows: np.ndarray) -> SongKits:
        """Return the kits of the songs of `rows`; songs without a phrase among them use nothing."""
        num_songs = int(data.index["song"].max(initial=-1)) + 1
        voices = np.zeros((num_songs, NUM_VOICES), bool)
        at_once = np.zeros((num_songs, NUM_VOICES + 1), np.int64)  # steps by how many voices are struck
        for part in np.array_split(rows, len(rows) // ROWS_AT_ONCE + 1):
            hits, song = data.kit(part), data.index["song"][part]
            np.logical_or.at(voices, song, hits.any(axis=1))
            count = hits.sum(axis=2)  # (n, T)
            np.add.at(at_once, (np.repeat(song, count.shape[1]), count.ravel()), 1)
        struck = at_once[:, 1:]
        above = struck[:, ::-1].cumsum(axis=1)[:, ::-1]  # steps with at least 1, 2, ... voices
        is_usual = above > RARE * np.maximum(struck.sum(axis=1, keepdims=True), 1)
        return cls(voices, is_usual.sum(axis=1).clip(1, MOST_VOICES))

    def of_songs(self, songs: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return voices (n, V) and the most at once (n,) of n songs, zeros where not `given` (n,) bool."""
        return self.voices[songs] & given[:, None], self.most[songs] * given
