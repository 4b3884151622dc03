"""What a drummer remembers of a song: the bass it heard and the drums that were played, phrase after phrase.

Of the next phrase it knows the bass of the one before, and recalls the drums of the one whose bass was most
like it (`basedrum.models.recall`). So a verse that comes back after a chorus can get its groove back.

Conventions: n songs are remembered side by side; a song that ends leaves its row, the last rows first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.models.recall import bass_line, recall
from basedrum.music.grid import MEASURES_PER_PHRASE


@dataclass(frozen=True)
class Recollection:
    """What comes to mind for n phrases: bass_before (n, 2, 64, 72) bool, recalled (n, 64, 12) bool, likeness
    (n, 4) float32 of the measures, zeros where nothing is recalled."""

    bass_before: np.ndarray
    recalled: np.ndarray
    likeness: np.ndarray


class Memory:
    """Of n songs, from their first phrase on."""

    def __init__(self) -> None:
        self.bass_before: np.ndarray | None = None
        self.lines: list[np.ndarray] = []
        self.hits: list[np.ndarray] = []

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Add the next phrase of each song: bass (n, 2, 64, 72) as it was heard, drums (n, 64, 12) as they
        were played."""
        self.bass_before = np.asarray(bass, bool)
        self.lines.append(bass_line(self.bass_before[:, 0]))
        self.hits.append(np.asarray(hits, bool))

    def recollect(self, bass: np.ndarray) -> Recollection:
        """Return what comes to mind with bass (n, 2, 64, 72); before the first phrase, the bass itself and no
        drums."""
        bass, size = np.asarray(bass, bool), len(bass)
        if self.bass_before is None:
            return Recollection(bass, *_nothing(size))
        earlier = [line[:size] for line in self.lines[:-1]]
        if not earlier:
            return Recollection(self.bass_before[:size], *_nothing(size))
        which, likeness = recall(bass_line(bass[:, 0]), np.stack(earlier, axis=1))
        recalled = np.stack([self.hits[max(at, 0)][row] for row, at in enumerate(which)])
        return Recollection(self.bass_before[:size], recalled & (which >= 0)[:, None, None], likeness)


def _nothing(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((size, 64, 12), bool), np.zeros((size, MEASURES_PER_PHRASE), np.float32)
