"""What a drummer remembers of a song: the bass and the drums that were played, phrase after phrase.

Of the next phrase it knows the bass of the one before, and recalls the drums of the one whose bass was most
like its own (`basedrum.models.recall`). So a verse that comes back after a chorus can get its groove back.

Conventions: n songs are remembered side by side; a song that ends leaves its row, the last rows first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.models.recall import bass_line, recall
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_PHRASE
from basedrum.music.kit import NUM_VOICES


@dataclass(frozen=True)
class Recollection:
    """What is known of the songs of n phrases.

    Attributes:
        bass_before: (n, 2, 64, 72) bool, the bass of the phrase before; that of the phrase itself at the
            beginning of a song.
        recalled: (n, 64, 12) bool, the drums of the recalled phrase, without hits where none is recalled.
        likeness: (n, 4) float32, how alike the measures of both phrases' bass are, 0 where none is recalled.
        recalled_line: (n, 64) int8, the line of the recalled phrase's bass (`models.recall`), -1 where none
            is recalled.
    """

    bass_before: np.ndarray
    recalled: np.ndarray
    likeness: np.ndarray
    recalled_line: np.ndarray

    def __getitem__(self, rows: slice) -> Recollection:
        """Return what is known of some of the phrases."""
        return Recollection(
            self.bass_before[rows], self.recalled[rows], self.likeness[rows], self.recalled_line[rows]
        )


class Memory:
    """Of n songs, from their first phrase on."""

    def __init__(self) -> None:
        self.bass_before: np.ndarray | None = None
        self.lines: list[np.ndarray] = []
        self.hits: list[np.ndarray] = []

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Add the next phrase of each song: bass (n, 2, 64, 72), drums (n, 64, 12)."""
        self.bass_before = np.asarray(bass, bool)
        self.lines.append(bass_line(self.bass_before[:, 0]))
        self.hits.append(np.asarray(hits, bool))

    def recollect(self, bass: np.ndarray) -> Recollection:
        """Return what is known when phrases with the bass (n, 2, 64, 72) are to be played."""
        bass, size = np.asarray(bass, bool), len(bass)
        before = bass if self.bass_before is None else self.bass_before[:size]
        nothing = Recollection(
            before,
            np.zeros((size, STEPS_PER_PHRASE, NUM_VOICES), bool),
            np.zeros((size, MEASURES_PER_PHRASE), np.float32),
            np.full((size, STEPS_PER_PHRASE), -1, np.int8),
        )
        earlier = [line[:size] for line in self.lines[:-1]]
        if not earlier:
            return nothing
        which, likeness = recall(bass_line(bass[:, 0]), np.stack(earlier, axis=1))
        recalled, lines = nothing.recalled.copy(), nothing.recalled_line.copy()
        for row in np.flatnonzero(which >= 0):
            recalled[row] = self.hits[which[row]][row]
            lines[row] = self.lines[which[row]][row]
        return Recollection(before, recalled, likeness, lines)
