"""A loaded drummer, asked for one phrase after the other (a song) or for many at once.

All chance comes from `models.noise.phrase_noise`: the same seed gives the same song whatever is played beside
it.

Conventions: drums are kit hits, (64, 12) or (n, 64, 12) bool.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from basedrum.drummer.controls import Controls
from basedrum.drummer.guidance import guidance_of
from basedrum.drummer.memory import Memory, Recollection
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.repeats import allowed_repeats
from basedrum.drummer.resampling import LOW_DENSITY, MOST_ATTEMPTS, drawn_habits, is_wanting
from basedrum.models.condition import Condition, as_measures
from basedrum.models.noise import Noise, kit_noise, phrase_noise
from basedrum.models.protocol import Discriminator
from basedrum.music.form_features import FORM, LARGEST, MEASURES_KNOWN
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES
from basedrum.music.rolls import active_steps
from basedrum.weights import Drummer, load_drummer

PHRASES_AT_ONCE = 64
SILENT_BAR = 4.0
"""What each bar without a hit costs the score of a phrase: the re-ranker saw too few to mind them, and the
drummer plays more of them than real drummers do."""


@dataclass(frozen=True)
class PhraseInputs:
    """What n phrases are played to.

    Attributes:
        bass: (n, 2, 64, 72) bool, onset and sustain.
        qpm: (n,) quarters per minute.
        measure_steps: (n, 4) steps of each measure that exist.
        previous: (n, 64, 12) bool, the drums before; None, or a phrase without any hit, is "not given".
        allowed_repeats: (n, 4, K) bool, which bars may be repeated (choices as in `models.recall`), or None.
        kit: what the song of all n uses, as `models.protocol.Model.draw_kit` returns it; None: not given.
        form: (n, 5, F) uint8, where in the form of their songs they lie (`music.form_features`), or None.
        keep_new: see `models.protocol.Guidance`.
    """

    bass: np.ndarray
    qpm: np.ndarray
    measure_steps: np.ndarray
    previous: np.ndarray | None = None
    allowed_repeats: np.ndarray | None = None
    form: np.ndarray | None = None
    kit: tuple[Tensor, Tensor] | None = None
    keep_new: bool = False

    def __len__(self) -> int:
        return len(self.bass)

    def __getitem__(self, rows: slice) -> PhraseInputs:
        """Return some of the phrases."""
        parts: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            parts[field.name] = value[rows] if isinstance(value, np.ndarray) else value
        return PhraseInputs(**parts)


class PhraseModel:
    """One loaded drummer.

    Attributes:
        name: what it was loaded as.
        lookahead: 0 plays to the bass it is given, 1 plays the phrase after it.
        styles: the names that may be asked for.
    """

    def __init__(self, drummer: Drummer) -> None:
        self.drummer, self.name, self.config = drummer, drummer.name, drummer.config
        self.lookahead, self.styles = drummer.config.lookahead, drummer.config.styles

    def new_song(self, seed: int, controls: Controls | None = None) -> SongState:
        """Begin a song. Raises ConfigError for a style the drummer does not know."""
        controls = controls or Controls()
        controls.check(self.styles)
        return SongState(self, seed, controls)

    def sample(
        self,
        phrases: PhraseInputs,
        noise: Noise,
        controls: Controls | None = None,
        known: Recollection | None = None,
    ) -> np.ndarray:
        """Return hits (n, 64, 12) bool for n phrases, each independent of the others.

        Args:
            noise: of the n phrases.
            known: of their songs until then; None: the bass before was the same, and nothing is recalled.

        Raises:
            ConfigError: a style the drummer does not know.
        """
        controls = controls or Controls()
        controls.check(self.styles)
        known = known or Memory().recollect(phrases.bass)
        hits = []
        with torch.inference_mode():
            for first in range(0, len(phrases), PHRASES_AT_ONCE):
                rows = slice(first, first + PHRASES_AT_ONCE)
                condition = self.condition(phrases[rows], controls, known[rows])
                allowed = phrases.allowed_repeats
                mask = None if allowed is None else torch.from_numpy(np.asarray(allowed[rows], bool))
                guidance = guidance_of(controls, self.config.style_guidance, mask, phrases.keep_new)
                hits.append(self.drummer.model.sample(condition, noise[rows], guidance).numpy())
        return np.concatenate(hits)

    def condition(self, phrases: PhraseInputs, controls: Controls, known: Recollection) -> Condition:
        """Return what the networks are given."""
        size, active = len(phrases), np.stack([active_steps(row) for row in phrases.measure_steps])
        if phrases.previous is None:
            previous, given = torch.zeros(size, *known.recalled.shape[1:]), torch.zeros(size)
        else:
            previous, given = _floats(phrases.previous), _floats(phrases.previous.any(axis=(1, 2)))
        style = controls.style_index(self.styles)
        form, kit = phrases.form, phrases.kit
        return Condition(
            bass=_floats(phrases.bass),
            qpm=_floats(phrases.qpm),
            active=_floats(active),
            previous=previous,
            has_previous=given,
            style=torch.full((size,), style),
            density=torch.full((size,), float(controls.density or 0.0)),
            bass_before=_floats(known.bass_before),
            recalled=_floats(known.recalled) * given[:, None, None],
            likeness=_floats(known.likeness) * given[:, None],
            form=torch.zeros(size, MEASURES_KNOWN, FORM) if form is None else _floats(form / LARGEST),
            voices=torch.zeros(size, NUM_VOICES) if kit is None else kit[0].expand(size, -1),
            most_voices=torch.zeros(size, dtype=torch.int64) if kit is None else kit[1].expand(size),
        )


@dataclass(frozen=True)
class _Sampled:
    """A phrase that was played, and what it was played to."""

    phrases: PhraseInputs
    known: Recollection
    hits: np.ndarray


class SongState:
    """A drummer in the middle of a song; follows `drummer.song.PhrasePlayer`.

    Attributes:
        memory: of the song so far.
    """

    def __init__(self, model: PhraseModel, seed: int, controls: Controls) -> None:
        self.model, self.seed, self.controls = model, seed, controls
        self.memory = Memory()
        few = controls.density is not None and controls.density < LOW_DENSITY
        self._habits = (False, False) if few or controls.temperature == 0 else drawn_habits(seed)
        self._kit: tuple[Tensor, Tensor] | None = None
        self._latest: _Sampled | None = None
        self._played: list[_Sampled] = []

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool, as `PhrasePlayer`."""
        before = None if phrase.previous is None else np.asarray(phrase.previous)[None]
        bass, steps, qpm = phrase.bass[None], np.asarray(phrase.measure_steps)[None], phrase.qpm
        allowed = self._allowed_repeats(bass)
        form = None if phrase.form is None else phrase.form[None]
        inputs = PhraseInputs(bass, np.asarray([qpm]), steps, before, allowed, form, keep_new=True)
        hits = self.draw(inputs, phrase.index)
        earlier = [played[0] for played in self.memory.hits]
        for attempt in range(1, MOST_ATTEMPTS):
            if not is_wanting(hits, steps[0], earlier, self._habits):
                break
            hits = self.draw(inputs, phrase.index, attempt)
        return hits

    def _allowed_repeats(self, bass: np.ndarray) -> np.ndarray:
        """Return (1, 4, K) bool: which bars the rhythm of the bass (1, 2, 64, 72) allows to be repeated."""
        known = self.memory.recollect(bass)
        shape = (1, MEASURES_PER_PHRASE, STEPS_PER_MEASURE)
        now = bass[:, 0].any(axis=2).reshape(shape)
        before = known.bass_before[:, 0].any(axis=2).reshape(shape)
        return allowed_repeats(now, before, (known.recalled_line >= 0).reshape(shape))

    def draw(self, phrase: PhraseInputs, index: int, attempt: int = 0) -> np.ndarray:
        """Return hits (64, 12) bool for one phrase (n = 1).

        Args:
            index: the place of the phrase in the song, from 0.
            attempt: other noise for the same phrase; `play` is attempt 0.
        """
        noise = phrase_noise(self.seed, index, attempt)
        known = self.memory.recollect(phrase.bass)
        if self._kit is None:  # the first phrase decides for the song
            self._kit = self._draw_kit(phrase, known)
        phrase = replace(phrase, kit=self._kit)
        hits = self.model.sample(phrase, noise, self.controls, known)
        self._latest = _Sampled(phrase, known, hits)
        return hits[0]

    def _draw_kit(self, phrase: PhraseInputs, known: Recollection) -> tuple[Tensor, Tensor]:
        """Return the voices that the song is to use, and how many at once; at temperature 0 the likely
        ones."""
        uniform = kit_noise(self.seed)
        if self.controls.temperature == 0:
            uniform = torch.full_like(uniform, 0.5)
        with torch.inference_mode():
            condition = self.model.condition(phrase, self.controls, known)
            return self.model.drummer.model.draw_kit(condition, uniform)

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Take note of a phrase: the bass (2, 64, 72) it was played to, the drums (64, 12) played."""
        if self._latest is not None:
            sampled = _Sampled(self._latest.phrases, self._latest.known, np.asarray(hits, bool)[None])
            self._played.append(sampled)
            self._latest = None
        self.memory.remember(bass[None], hits[None])

    @property
    def score(self) -> float | None:
        """How real the re-ranker finds what was played and remembered, the mean over the phrases.

        Computed when it is asked for. It compares songs played to the same bass; None without a re-ranker or
        phrases.
        """
        reranker = self.model.drummer.reranker
        if reranker is None or not self._played:
            return None
        return float(np.mean([self._score(reranker, sampled) for sampled in self._played]))

    def _score(self, reranker: Discriminator, sampled: _Sampled) -> float:
        with torch.inference_mode():
            condition = self.model.condition(sampled.phrases, self.controls, sampled.known)
            hits = torch.from_numpy(sampled.hits)
            silent = ~as_measures(hits).flatten(2).any(dim=2)  # (1, M)
            score = reranker(hits.float(), condition)[0] - SILENT_BAR * silent.sum(dim=1)
        return score.item()


def load_phrase_model(name_or_path: str | os.PathLike = "default") -> PhraseModel:
    """Load a shipped drummer by name or any by path. Raises WeightsError."""
    return PhraseModel(load_drummer(name_or_path))


def _floats(array: npt.ArrayLike) -> Tensor:
    return torch.from_numpy(np.asarray(array)).float()
