"""A loaded drummer, asked for one phrase at a time (a song) or for many at once (an evaluation).

The dice of a song are thrown once and kept; each phrase gets them mixed with a few fresh ones, and its
measures share them all. Two phrases with the same bass then get recognisably the same groove, two measures
with the same bass often the very same one, and the same seed gives the same song whatever is played beside
it.

Conventions: drums are kit hits, (64, 12) or (n, 64, 12) bool, whatever the family makes inside.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from basedrum.drummer.guidance import Guided
from basedrum.drummer.memory import Memory, Recollection
from basedrum.drummer.ranking import ANSWERS, SILENT_BAR, STRICTNESS, draw_answers
from basedrum.errors import ConfigError, printable
from basedrum.models.binary import MEASURES_SHARE, PHRASES_SHARE, Noise, draw_song_noise, spread, vary
from basedrum.models.condition import Condition, as_measures
from basedrum.models.families import perform
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.music.rolls import active_steps
from basedrum.weights import Drummer, load_drummer

PHRASES_AT_ONCE = 64


@dataclass(frozen=True)
class Wishes:
    """What a user may ask for: `temperature` (0 the likeliest, 1 as learned), hits per bar, one of the
    drummer's styles."""

    temperature: float = 1.0
    density: float | None = None
    style: str | None = None


@dataclass(frozen=True)
class Answers:
    """Answers to n phrases: hits (n, 64, 12) bool; takes (n,), the throw of the song's dice they were played
    with; scores (n,), how real the ranker finds them (0 without one)."""

    hits: np.ndarray
    takes: np.ndarray
    scores: np.ndarray


class PhraseModel:
    """One loaded drummer.

    Attributes:
        name: what it was loaded as.
        lookahead: 0 answers the bass it is given, 1 answers with the drums of the phrase after it.
        styles: the names that may be wished for.
        answers: how many answers to a phrase it draws one of. Where each hit knows those before it one is
            enough: drawn of eight, they were no harder to tell from real drummers' and took more than twice
                as long.
    """

    def __init__(
        self,
        drummer: Drummer,
        phrases_share: float | None = None,
        measures_share: float | None = None,
        answers: int | None = None,
        strictness: float = STRICTNESS,
    ) -> None:
        self.drummer, shares = drummer, drummer.config.shares_dice
        self.phrases_share = PHRASES_SHARE * shares if phrases_share is None else phrases_share
        self.measures_share = MEASURES_SHARE * shares if measures_share is None else measures_share
        self.name, self.config, self.strictness = drummer.name, drummer.config, strictness
        self.lookahead, self.styles = drummer.config.lookahead, drummer.config.styles
        wanted = (ANSWERS if shares else 1) if answers is None else answers
        self.answers = wanted if drummer.ranker is not None else 1
        self.generator = Guided(drummer.generator) if drummer.config.plays_kit else drummer.generator

    def new_song(
        self, seed: int, *, temperature: float = 1.0, density: float | None = None, style: str | None = None
    ) -> SongState:
        """Throw the dice of a song. Raises ConfigError for a style the drummer does not know."""
        return SongState(self, seed, self._checked(Wishes(temperature, density, style)))

    def play(self, *phrases, **more) -> np.ndarray:
        """Return hits (n, 64, 12) bool for n phrases at once, told as `answer` is."""
        return self.answer(*phrases, **more).hits

    def answer(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        seed: int,
        songs: np.ndarray | None = None,
        index: int = 0,
        wishes: Wishes | None = None,
        takes: np.ndarray | None = None,
        memory: Memory | None = None,
    ) -> Answers:
        """Answer n phrases at once.

        Args:
            bass: (n, 2, 64, 72) bool; qpm: (n,); measure_steps: (n, 4).
            previous: (n, 64, 12) bool, the drums before each phrase; None, or a phrase without any hit, is
                "not given".
            seed, songs, index: the dice: phrases with the same seed and the same number in `songs` (n,) share
                the dice of a song (each its own where songs is None); `index` is the place of the phrase in
                its song.
            memory: of the songs until then. None: the bass is taken to have been the same before, and nothing
                is recalled.
            takes: (n,) which of a song's throws to go on with: what was drawn for its first phrase. None
                throws anew.
        """
        wishes = self._checked(wishes or Wishes())
        size = len(bass)
        numbers = np.arange(size) if songs is None else np.asarray(songs)
        condition = self._condition(bass, qpm, measure_steps, previous, wishes)
        if self.config.memory:
            condition = _with_memory(condition, (memory or Memory()).recollect(bass))
        num_answers = self.answers if wishes.temperature > 0 else 1  # at 0 all answers are the same
        parts = []
        with torch.inference_mode():
            for first in range(0, size, PHRASES_AT_ONCE):
                at = np.arange(first, min(first + PHRASES_AT_ONCE, size))
                kept = None if takes is None else np.asarray(takes)[at]
                told = condition[torch.from_numpy(at)]
                parts.append(
                    self._draw(told, seed, numbers[at], index, kept, num_answers, wishes.temperature)
                )
        hits, kept, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Answers(hits if self.config.plays_kit else kit.fold(hits), kept, scores)

    def _draw(
        self,
        condition: Condition,
        seed: int,
        songs: np.ndarray,
        index: int,
        takes: np.ndarray | None,
        num_answers: int,
        temperature: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return hits, takes and scores of n phrases: `num_answers` are played, one is drawn."""
        size, where = len(songs), np.arange(len(songs))
        dice = [_Dice(seed, number, index) for number in songs.tolist()]
        thrown = [
            d.noise(self, num_answers, None if takes is None else int(takes[i])) for i, d in enumerate(dice)
        ]
        noise = Noise.braid(thrown)  # (k n, ...), the first throw of all phrases first
        uniform = (
            torch.from_numpy(np.stack([d.plan(num_answers) for d in dice], axis=1)).float().flatten(0, 1)
        )
        hits = perform(self.generator, self.drummer.planner, condition, noise, uniform, temperature)
        drawn, scores = np.zeros(size, int), np.zeros((num_answers, size))
        if self.drummer.ranker is not None:
            silent = ~as_measures(hits).flatten(2).any(dim=2)  # (k n, M)
            scores = self.drummer.ranker(hits.float(), condition)[0] - SILENT_BAR * silent.sum(dim=1)
            scores = scores.numpy().reshape(num_answers, size)
        if num_answers > 1:
            drawn = draw_answers(scores, [d.rng("draw") for d in dice], self.strictness)
        chosen = hits.numpy().reshape(num_answers, size, *hits.shape[1:])[drawn, where]
        return chosen, drawn if takes is None else takes, scores[drawn, where]

    def _checked(self, wishes: Wishes) -> Wishes:
        if wishes.style is not None and wishes.style not in self.styles:
            if not self.styles:
                raise ConfigError(
                    f"style {printable(wishes.style)}: this drummer knows no styles, leave --style out"
                )
            near = difflib.get_close_matches(wishes.style, self.styles, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"style {printable(wishes.style)}: unknown, {hint}use one of {', '.join(self.styles)}"
            )
        return wishes

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
    """A drummer in the middle of a song: its dice and the wishes it was given.

    `score` is how real its ranker finds what it played, the mean over the phrases; None without a ranker. It
    compares songs played to the same bass.
    """

    def __init__(self, model: PhraseModel, seed: int, wishes: Wishes) -> None:
        self.model, self.seed, self.wishes = model, seed, wishes
        self.takes: np.ndarray | None = None
        self.scores: list[float] = []
        self.memory = Memory()

    @property
    def score(self) -> float | None:
        return float(np.mean(self.scores)) if self.scores and self.model.drummer.ranker is not None else None

    def play(
        self, bass: np.ndarray, qpm: float, measure_steps: np.ndarray, previous: np.ndarray | None, index: int
    ) -> np.ndarray:
        """Return hits (64, 12) bool for bass (2, 64, 72); `previous` (64, 12) or None; `index` counts phrases
        from 0."""
        before = None if previous is None else previous[None]
        steps = np.asarray(measure_steps)[None]
        answer = self.model.answer(
            bass[None],
            np.asarray([qpm]),
            steps,
            before,
            self.seed,
            index=index,
            wishes=self.wishes,
            takes=self.takes,
            memory=self.memory,
        )
        if self.takes is None:
            self.takes = answer.takes
        self.scores.append(float(answer.scores[0]))
        return answer.hits[0]

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Take note of a phrase: the bass (2, 64, 72) that was heard, the drums (64, 12) that were played."""
        self.memory.remember(bass[None], hits[None])


def load_phrase_model(name_or_path: str | os.PathLike = "default") -> PhraseModel:
    """Load a shipped drummer by name or any by path. Raises CheckpointError."""
    return PhraseModel(load_drummer(name_or_path))


@dataclass(frozen=True)
class _Dice:
    """The dice of one phrase: they depend on the seed, the song and the place in it alone, not on what is
    played beside it."""

    seed: int
    song: int
    index: int

    def noise(self, model: PhraseModel, throws: int, take: int | None) -> Noise:
        """Return (k, ...) throws, each with song dice of its own, or all with those of throw `take`."""
        song = draw_song_noise(throws, model.config, self._torch("song", 0))
        if take is not None:
            song = song[torch.full((throws,), take)]
        own = draw_song_noise(throws, model.config, self._torch("phrase", self.index))
        sharing = torch.full((throws,), model.measures_share)
        return spread(vary(song, own, model.phrases_share), sharing, self._torch("measures", self.index))

    def plan(self, throws: int) -> np.ndarray:
        """Return (k, 4) numbers in 0..1."""
        return self.rng("plan").random((throws, MEASURES_PER_PHRASE))

    def rng(self, what: str) -> np.random.Generator:
        return np.random.default_rng(self._words(what, self.index))

    def _torch(self, what: str, index: int) -> torch.Generator:
        generator = torch.Generator()
        state = np.random.SeedSequence(self._words(what, index)).generate_state(1, np.uint64)[0]
        generator.manual_seed(int(state) >> 1)
        return generator

    def _words(self, what: str, index: int) -> list[int]:
        return [self.seed % (1 << 64), self.song, index, int.from_bytes(what.encode()[:4], "little")]


def _with_memory(condition: Condition, known: Recollection) -> Condition:
    given = condition.has_previous[:, None]
    likeness = _floats(known.likeness) * given
    return condition.replace(
        bass_before=_floats(known.bass_before),
        recalled=_floats(known.recalled) * given[..., None],
        likeness=likeness,
    )


def _floats(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array)).float()
