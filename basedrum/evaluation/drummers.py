"""Whom an evaluation measures: anything that plays a whole song. The drummers that users have, and the simple
baselines, come through the same door, `basedrum.player.Drummer.play` with its default options.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np

from basedrum.measures.baselines import PhraseDrummer
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_PHRASE
from basedrum.music.song import Song
from basedrum.played import PlayedSong
from basedrum.player import Drummer


class SongDrummer(Protocol):
    """Anything that plays drums to whole songs."""

    name: str

    def play(self, song: Song, seed: int | None = None, **options) -> PlayedSong:
        """Return the song with drums; without a seed that of the user's default."""


class UserDrummer:
    """A drummer as its user has it: `Drummer.play`, what is not asked for left at its default."""

    def __init__(self, model: object, name: str = "") -> None:
        """Load a drummer by name or path, or take a model object that has `new_song`.

        Raises:
            CheckpointError: there is no such drummer, or the file is not one.
        """
        self._drummer = _drummer_of(model)
        self.name = name or str(self._drummer.model.name)

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(self._drummer.model.styles)

    def play(self, song: Song, seed: int | None = None, **options) -> PlayedSong:
        if seed is not None:
            options["seed"] = seed
        return self._drummer.play(song, **options)


def _drummer_of(model: object) -> Drummer:
    if isinstance(model, str | os.PathLike):
        return Drummer(model)
    drummer = Drummer.__new__(Drummer)
    drummer.model = cast(Any, model)
    return drummer


class PhraseByPhrase:
    """A model of a simple drummer that plays every phrase by itself, as `Drummer` asks for one."""

    lookahead = 0
    styles: Sequence[str] = ()

    def __init__(self, drummer: PhraseDrummer) -> None:
        self.name = drummer.name
        self._drummer = drummer

    def new_song(self, seed: int, **_options) -> _SongOfPhrases:
        """Return the drummer at the start of a song; what may be asked of other drummers is ignored."""
        return _SongOfPhrases(self._drummer, seed)


class _SongOfPhrases:
    """A simple drummer in the middle of a song; see `drummer.song.PhrasePlayer`."""

    score = None

    def __init__(self, drummer: PhraseDrummer, seed: int) -> None:
        self._drummer, self._seed = drummer, seed

    def play(
        self, bass: np.ndarray, qpm: float, measure_steps: np.ndarray, previous: np.ndarray | None, index: int
    ) -> np.ndarray:
        before = None if previous is None else previous[None]
        seed = int(np.random.SeedSequence([self._seed, index]).generate_state(1)[0])
        return self._drummer.play(bass[None], np.asarray([qpm]), measure_steps[None], before, seed)[0]

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Take note of nothing."""


class SilentPhrases:
    """A drummer that never strikes: it comes through the door for what the door makes of a song."""

    name = "silence"

    def play(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        return np.zeros((len(bass), STEPS_PER_PHRASE, kit.NUM_VOICES), bool)


def baseline_drummer(drummer: PhraseDrummer) -> UserDrummer:
    """Return a simple drummer of `measures.baselines` that plays whole songs through the door."""
    return UserDrummer(PhraseByPhrase(drummer))
