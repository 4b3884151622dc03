"""Whom an evaluation measures: anything that plays a whole song. The drummers that users have, and the simple
baselines, come through the same door, `basedrum.player.Drummer.play` with its default options.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np

from basedrum.drummer.controls import Controls
from basedrum.drummer.perform import PhraseDrummer
from basedrum.drummer.phrase import Phrase
from basedrum.measures.baselines import Baseline
from basedrum.midi.midi_song import MidiSong
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_PHRASE
from basedrum.played import PlayedSong
from basedrum.player import Drummer


class SongDrummer(Protocol):
    """Anything that plays drums to whole songs."""

    @property
    def name(self) -> str:
        """What it is called in a report."""

    def play(self, song: MidiSong, seed: int | None = None, **changes: Any) -> PlayedSong:
        """Return the song with drums; without a seed that of the user's default."""


class UserDrummer:
    """A drummer as its user has it: `Drummer.play`, what is not asked for left at its default."""

    def __init__(self, model: str | os.PathLike | PhraseDrummer, name: str = "") -> None:
        """Load a drummer by name or path, or take what plays phrases.

        Raises:
            WeightsError: there is no such drummer, or the file is not one.
        """
        self._drummer = Drummer(model)
        self.name = name or self._drummer.name

    @property
    def styles(self) -> tuple[str, ...]:
        return self._drummer.styles

    def play(self, song: MidiSong, seed: int | None = None, **changes: Any) -> PlayedSong:
        return self._drummer.play(song, seed=seed, **changes)


class PhraseByPhrase:
    """A baseline as `drummer.perform` asks for one: it plays every phrase by itself."""

    lookahead = 0
    styles: tuple[str, ...] = ()

    def __init__(self, baseline: Baseline) -> None:
        self.name = baseline.name
        self._baseline = baseline

    def new_song(self, seed: int, controls: Controls) -> _SongOfPhrases:
        """Return the baseline at the start of a song; it ignores the controls."""
        return _SongOfPhrases(self._baseline, seed)


class _SongOfPhrases:
    """A baseline in the middle of a song; see `drummer.song.PhrasePlayer`."""

    score = None

    def __init__(self, baseline: Baseline, seed: int) -> None:
        self._baseline, self._seed = baseline, seed

    def play(self, phrase: Phrase) -> np.ndarray:
        before = None if phrase.previous is None else phrase.previous[None]
        seed = int(np.random.SeedSequence([self._seed, phrase.index]).generate_state(1)[0])
        bass, steps = phrase.bass[None], phrase.measure_steps[None]
        return self._baseline.play(bass, np.asarray([phrase.qpm]), steps, before, seed)[0]

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


def baseline_drummer(baseline: Baseline) -> UserDrummer:
    """Return a baseline of `measures.baselines` that plays whole songs through the door."""
    return UserDrummer(PhraseByPhrase(baseline))
