"""A drummer as an evaluation asks it: many songs side by side, the k-th call with the k-th phrase of each.

A run keeps its row from call to call. The dice of a song last from its first phrase to its last, as they do
when a whole song is played.
"""

from __future__ import annotations

import numpy as np

from basedrum.drummer.memory import Memory
from basedrum.drummer.sampling import PhraseModel


class RunDrummer:
    """Plays `basedrum.evaluation.playing`: name, lookahead, `start_songs`, `play`.

    After `start_songs` the calls up to the next one without previous drums are one set of songs; any other
    call throws dice of its own from its seed.
    """

    def __init__(self, model: PhraseModel) -> None:
        self.model, self.name, self.lookahead = model, model.name, model.lookahead
        self.song_seed: int | None = None
        self.index = 0
        self.takes: np.ndarray | None = None
        self.memory = Memory()

    def start_songs(self, num_songs: int, seed: int) -> None:
        self.song_seed, self.index, self.takes, self.memory = seed, 0, None, Memory()

    def play(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        """Return hits (n, 64, 12) bool for bass (n, 2, 64, 72), qpm (n,), measure_steps (n, 4)."""
        if self.song_seed is not None and self.index > 0 and previous is None:
            self.song_seed, self.index = None, 0
        if self.song_seed is None:
            return self.model.play(bass, qpm, measure_steps, previous, seed)
        takes = None if self.takes is None else self.takes[: len(bass)]
        answer = self.model.answer(
            bass,
            qpm,
            measure_steps,
            previous,
            self.song_seed,
            index=self.index,
            takes=takes,
            memory=self.memory,
        )
        if self.takes is None:
            self.takes = answer.takes
        self.memory.remember(bass, answer.hits)
        self.index += 1
        return answer.hits
