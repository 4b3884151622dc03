"""A loaded drummer, asked for one phrase at a time (a song) or for many at once (an evaluation).

The dice of a song are thrown once and kept; each phrase gets them mixed with a few fresh ones, and its measures share
them all. Two phrases with the same bass then get recognisably the same groove, two measures with the same bass often the
very same one, and the same seed gives the same song whatever is played beside it.

Conventions: drums are kit hits, (64, 12) or (n, 64, 12) bool, whatever the family makes inside.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from basedrum.checkpoint import Drummer, load_drummer
from basedrum.errors import ConfigError, printable
from basedrum.models.binary import Noise, draw_song_noise, spread, vary
from basedrum.models.condition import Condition
from basedrum.models.families import sample
from basedrum.music import kit
from basedrum.music.rolls import active_steps

PHRASES_SHARE = 0.85  # correlation of the dice between the phrases of a song
MEASURES_SHARE = 1.0  # and between the measures of a phrase


@dataclass(frozen=True)
class Wishes:
    """What a user may ask for: `temperature` (0 the likeliest, 1 as learned), hits per bar, one of the drummer's styles."""

    temperature: float = 1.0
    density: float | None = None
    style: str | None = None


class PhraseModel:
    """One loaded drummer.

    Attributes:
        name: what it was loaded as.
        lookahead: 0 answers the bass it is given, 1 answers with the drums of the phrase after it.
        styles: the names that may be wished for.
    """

    def __init__(self, drummer: Drummer, phrases_share: float = PHRASES_SHARE, measures_share: float = MEASURES_SHARE) -> None:
        self.drummer, self.phrases_share, self.measures_share = drummer, phrases_share, measures_share
        self.name, self.config = drummer.name, drummer.config
        self.lookahead, self.styles = drummer.config.lookahead, drummer.config.styles

    def new_song(
        self, seed: int, *, temperature: float = 1.0, density: float | None = None, style: str | None = None
    ) -> SongState:
        """Throw the dice of a song. Raises ConfigError for a style the drummer does not know."""
        return SongState(self, seed, self._checked(Wishes(temperature, density, style)))

    def play(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        seed: int,
        songs: np.ndarray | None = None,
        index: int = 0,
        wishes: Wishes | None = None,
    ) -> np.ndarray:
        """Return hits (n, 64, 12) bool for n phrases at once.

        Args:
            bass: (n, 2, 64, 72) bool; qpm: (n,); measure_steps: (n, 4).
            previous: (n, 64, 12) bool, the drums before each phrase; None, or a phrase without any hit, is "not given".
            seed, songs, index: the dice: phrases with the same seed and the same number in `songs` (n,) share the dice of
                a song (each its own where songs is None); `index` is the place of the phrase in its song.
        """
        wishes = self._checked(wishes or Wishes())
        numbers = np.arange(len(bass)) if songs is None else np.asarray(songs)
        with torch.no_grad():
            noise = self._noise(seed, numbers, index)
            condition = self._condition(bass, qpm, measure_steps, previous, wishes)
            hits = sample(self.drummer.generator, condition, noise, wishes.temperature).numpy()
        return hits if self.config.plays_kit else kit.fold(hits)

    def _checked(self, wishes: Wishes) -> Wishes:
        if wishes.style is not None and wishes.style not in self.styles:
            if not self.styles:
                raise ConfigError(f"style {printable(wishes.style)}: this drummer knows no styles, leave --style out")
            near = difflib.get_close_matches(wishes.style, self.styles, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(f"style {printable(wishes.style)}: unknown, {hint}use one of {', '.join(self.styles)}")
        return wishes

    def _noise(self, seed: int, songs: np.ndarray, index: int) -> Noise:
        """The dice of each phrase; they depend on (seed, song, index) alone, not on what else is in the batch."""
        thrown: dict[int, Noise] = {}
        for number in songs.tolist():
            if number not in thrown:
                song, own = (draw_song_noise(1, self.config, _dice(seed, number, place)) for place in (0, 2 * index + 1))
                phrase = vary(song, own, self.phrases_share)
                thrown[number] = spread(phrase, torch.tensor([self.measures_share]), _dice(seed, number, 2 * index + 2))
        parts = [thrown[number] for number in songs.tolist()]
        return Noise(*(torch.cat([getattr(p, f.name) for p in parts]) for f in dataclasses.fields(Noise)))

    def _condition(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        wishes: Wishes,
    ) -> Condition:
        size, voices = len(bass), self.config.num_voices
        if previous is None:
            before, given = torch.zeros(size, 64, voices), torch.zeros(size)
        else:
            wide = previous if self.config.plays_kit else kit.unfold(previous)
            before, given = _floats(wide), _floats(previous.any(axis=(1, 2)))
        steps = np.asarray(measure_steps)
        style = 0 if wishes.style is None else 1 + self.styles.index(wishes.style)
        return Condition(
            bass=_floats(bass),
            qpm=_floats(qpm),
            active=_floats(np.stack([active_steps(row) for row in steps])),
            previous=before,
            has_previous=given,
            style=torch.full((size,), style),
            density=torch.full((size,), float(wishes.density or 0.0)),
        )


class SongState:
    """A drummer in the middle of a song: its dice and the wishes it was given."""

    def __init__(self, model: PhraseModel, seed: int, wishes: Wishes) -> None:
        self.model, self.seed, self.wishes = model, seed, wishes

    def play(
        self, bass: np.ndarray, qpm: float, measure_steps: np.ndarray, previous: np.ndarray | None, index: int
    ) -> np.ndarray:
        """Return hits (64, 12) bool for bass (2, 64, 72); `previous` (64, 12) or None; `index` counts phrases from 0."""
        before = None if previous is None else previous[None]
        return self.model.play(
            bass[None], np.asarray([qpm]), np.asarray(measure_steps)[None], before, self.seed, index=index, wishes=self.wishes
        )[0]


def load_phrase_model(name_or_path: str | os.PathLike = "default") -> PhraseModel:
    """Load a shipped drummer by name or any by path. Raises CheckpointError."""
    return PhraseModel(load_drummer(name_or_path))


def _dice(seed: int, song: int, index: int) -> torch.Generator:
    generator = torch.Generator()
    state = np.random.SeedSequence([seed % (1 << 64), song, index]).generate_state(1, np.uint64)[0]
    generator.manual_seed(int(state) >> 1)
    return generator


def _floats(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array)).float()
