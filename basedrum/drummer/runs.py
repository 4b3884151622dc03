"""A drummer as an evaluation of phrases asks it: many songs side by side, the k-th call with the k-th phrase.

A song keeps its row from call to call. To go when evaluations play whole songs.
"""

from __future__ import annotations

import numpy as np

from basedrum.drummer.memory import Memory
from basedrum.drummer.sampling import PhraseInputs, PhraseModel
from basedrum.models.noise import Noise, phrase_noise


class RunDrummer:
    """Plays `basedrum.evaluation.playing`: name, lookahead, `start_songs`, `play`.

    After `start_songs` the calls up to the next one without previous drums are one set of songs; any other
    call has noise of its own from its seed.
    """

    def __init__(self, model: PhraseModel) -> None:
        self.model, self.name, self.lookahead = model, model.name, model.lookahead
        self.song_seed: int | None = None
        self.index = 0
        self.memory = Memory()

    def start_songs(self, num_songs: int, seed: int) -> None:
        self.song_seed, self.index, self.memory = seed, 0, Memory()

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
        phrases = PhraseInputs(bass, qpm, measure_steps, previous)
        if self.song_seed is None:
            return self.model.sample(phrases, _noise(len(bass), seed, 0))
        known = self.memory.recollect(bass)
        hits = self.model.sample(phrases, _noise(len(bass), self.song_seed, self.index), known=known)
        self.memory.remember(bass, hits)
        self.index += 1
        return hits


def _noise(size: int, seed: int, index: int) -> Noise:
    seeds = np.random.SeedSequence([seed, 0]).generate_state(size, np.uint64)
    return Noise.join([phrase_noise(int(song), index) for song in seeds])
