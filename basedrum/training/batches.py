"""From prepared phrases to batches: the batch of step k depends on the seed and k alone.

That makes resuming exact without saving a sampler: there is no state but the step.

Conventions: rows are indices into the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError
from basedrum.models.condition import Condition
from basedrum.models.recall import bass_line, recall
from basedrum.music.form_features import LARGEST
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.kit import NUM_VOICES
from basedrum.training.config import Config
from basedrum.training.song_kits import SongKits

LINES_AT_ONCE = 4096


@dataclass(frozen=True)
class Batch:
    """Real phrases and what there is to know about them.

    Attributes:
        drums: (B, T, V) real hits, 0 or 1.
        condition: what belongs to them; its `previous` are the real drums before, where they are given.
        before: the condition of the phrase before, for playing two phrases in a row.
        then: the condition of the recalled phrase; that of the phrase itself where none is recalled.
        rollout: (B,) bool, samples whose drums before are to be the model's own.
    """

    drums: Tensor
    condition: Condition
    before: Condition
    then: Condition
    rollout: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device."""
        return Batch(
            self.drums.to(device, non_blocking=True),
            self.condition.to(device),
            self.before.to(device),
            self.then.to(device),
            self.rollout.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Run:
    """Phrases and those of their songs before them.

    Attributes:
        drums: (B, T, V) real hits of the phrases.
        conditions: of the phrases, of those before them, and so on back; each with the real drums before it.
        length: (B,) int, how many phrases before each are to be played first.
        then: the condition of the phrase that the last one recalls, as in `Batch`.
    """

    drums: Tensor
    conditions: tuple[Condition, ...]
    length: Tensor
    then: Condition

    def to(self, device: torch.device | str) -> Run:
        """Return the run on a device."""
        conditions = tuple(condition.to(device) for condition in self.conditions)
        return Run(self.drums.to(device), conditions, self.length.to(device), self.then.to(device))


@dataclass(frozen=True)
class Chances:
    """Numbers (n,) in 0..1 drawn for n phrases: below a share of the configuration, a condition is left out,
    or a rollout is played. 1 gives every condition and no rollout."""

    previous: np.ndarray | float = 1.0
    form: np.ndarray | float = 1.0
    kit: np.ndarray | float = 1.0
    style: np.ndarray | float = 1.0
    density: np.ndarray | float = 1.0
    rollout: np.ndarray | float = 1.0


@dataclass(frozen=True)
class _Asked:
    """What is asked of n phrases and given of their songs: style and density (n,), 0 where not given, whether
    the form is given (n,) bool, voices (n, V) and the most at once (n,), 0 where not given."""

    style: np.ndarray
    density: np.ndarray
    has_form: np.ndarray
    voices: np.ndarray
    most_voices: np.ndarray


class Batches:
    """Draws the phrases of one split in proportion to their weight.

    Raises:
        DataError: the split has no phrases.
    """

    def __init__(self, data: PhraseDataset, config: Config, split: str = "train") -> None:
        self.data, self.config, self.lookahead = data, config, config.model.lookahead
        rows = data.rows(split)
        self.rows = rows[data.index["previous"][rows] >= 0] if self.lookahead else rows
        if not len(self.rows):
            what = " with a phrase before them" * self.lookahead
            raise DataError(f"{data.folder}: no {split} phrases{what}, prepare more songs")
        self.recalled, self.likeness = recalled_rows(data, rows, self.lookahead)
        self.song_kits = SongKits.of(data, rows)
        weights = np.asarray(data.index["weight"][self.rows], dtype=np.float64)
        self.cumulative = np.cumsum(weights if weights.sum() > 0 else np.ones(len(self.rows)))
        number = {name: i + 1 for i, name in enumerate(config.model.styles)}
        styles = [number.get(name, 0) for name in data.styles]
        self.style_of = np.asarray([*styles, 0])  # the last is that of style -1
        self.always_has_style = np.isin([*data.sources, ""], config.train.always_with_style)

    def draw(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """Return the batch of a step, this process's share of it."""
        rng = self._rng(step)
        rows = self._draw_rows(rng)
        chances = rng.random((6, self.config.train.batch))
        share = slice(rank, None, world)
        return self.load(rows[share], Chances(*chances[:, share]))

    def draw_run(self, step: int, depth: int, rank: int = 0, world: int = 1) -> Run:
        """Return phrases as `draw` does, each with up to `depth` phrases of its song before it.

        The lengths of the runs are even over 0..`depth`; a song that has fewer phrases before gives what it
        has.
        """
        rng = self._rng(step)
        rows = self._draw_rows(rng)
        wanted, form, used, style, density = rng.random((5, self.config.train.batch))
        share = slice(rank, None, world)
        rows, wanted = rows[share], (wanted[share] * (depth + 1)).astype(int)
        chances = Chances(form=form[share], kit=used[share], style=style[share], density=density[share])
        chain, length = [rows], np.zeros(len(rows), int)
        for back in range(1, depth + 1):
            there = self._before(chain[-1])
            length += (wanted >= back) & (there >= 0) & (length == back - 1)
            chain.append(np.where(there >= 0, there, chain[-1]))
        batches = [self.load(part, chances) for part in chain]
        asked = batches[0].condition
        controls = {"style": asked.style, "density": asked.density}
        conditions = tuple(batch.condition.replace(**controls) for batch in batches)
        return Run(batches[0].drums, conditions, torch.from_numpy(length), batches[0].then)

    def shared(self, rank: int = 0, world: int = 1) -> StepDataset:
        """Return this process's batches as a dataset whose item k is the batch of step k."""
        return StepDataset(self, rank, world)

    def load(self, rows: np.ndarray, chances: Chances | None = None) -> Batch:
        """Return the phrases of `rows` (n,)."""
        chances = chances or Chances()
        train = self.config.train
        drums = self.data.kit(rows)
        before = self._before(rows)
        earlier = np.where(before >= 0, before, rows)
        shown = (before >= 0) & (chances.previous >= train.drop_previous)
        asked = self._asked(rows, drums, chances)
        which = self.recalled[rows]
        then = np.where(which >= 0, which, rows)
        likeness = self.likeness[rows] * shown[:, None]
        is_recalled = likeness.max(axis=1) > 0
        bass = self.data.bass(self._bass_rows(rows))
        bass_before = self.data.bass(self._bass_rows(earlier))
        condition = self._alone(rows, bass, asked).replace(
            previous=_floats(self.data.kit(earlier) & shown[:, None, None]),
            has_previous=_floats(shown),
            bass_before=_floats(bass_before),
            recalled=_floats(self.data.kit(then) & is_recalled[:, None, None]),
            likeness=_floats(likeness),
        )
        return Batch(
            _floats(drums),
            condition,
            self._alone(earlier, bass_before, asked),
            self._alone(then, self.data.bass(self._bass_rows(then)), asked),
            torch.from_numpy(shown & (chances.rollout < self.config.adversarial.rollout)),
        )

    def _rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.config.train.seed, step])

    def _draw_rows(self, rng: np.random.Generator) -> np.ndarray:
        points = rng.random(self.config.train.batch) * self.cumulative[-1]
        return self.rows[np.searchsorted(self.cumulative, points, side="right")]

    def _before(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of the phrases before, -1 where there is none."""
        return self.data.index["previous"][rows].astype(np.int64)

    def _bass_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows whose bass the drummer plays to: with a lookahead, those of the phrases before."""
        if not self.lookahead:
            return rows
        before = self._before(rows)
        return np.where(before >= 0, before, rows)

    def _asked(self, rows: np.ndarray, drums: np.ndarray, chances: Chances) -> _Asked:
        """Return what is asked of the drums (n, T, V) of `rows`, and given of their songs."""
        index, train = self.data.index[rows], self.config.train
        bars = np.maximum(index["measure_steps"].astype(np.int64).sum(axis=1) / STEPS_PER_MEASURE, 0.25)
        has_style = (chances.style >= train.drop_controls) | self.always_has_style[index["source"]]
        has_kit = np.broadcast_to(chances.kit >= train.drop_kit, len(rows))
        return _Asked(
            np.where(has_style, self.style_of[index["style"]], 0),
            drums.sum(axis=(1, 2)) / bars * (chances.density >= train.drop_controls),
            np.broadcast_to(chances.form >= train.drop_form, len(rows)),
            *self.song_kits.of_songs(index["song"], has_kit),
        )

    def _alone(self, rows: np.ndarray, bass: np.ndarray, asked: _Asked) -> Condition:
        """Return the condition of the phrases `rows` to a bass (n, 2, 64, 72), at the beginning of a song."""
        size = len(rows)
        steps = self.data.index["measure_steps"][rows]
        active = np.arange(STEPS_PER_MEASURE) < steps[:, :, None]
        nothing = torch.zeros(size, STEPS_PER_PHRASE, NUM_VOICES)
        return Condition(
            bass=_floats(bass),
            qpm=_floats(self.data.index["qpm"][rows]),
            active=_floats(active.reshape(size, -1)),
            previous=nothing,
            has_previous=torch.zeros(size),
            style=torch.from_numpy(asked.style.astype(np.int64)),
            density=_floats(asked.density),
            bass_before=_floats(bass),
            recalled=nothing,
            likeness=torch.zeros(size, MEASURES_PER_PHRASE),
            form=_floats(self.data.index["form"][rows] / LARGEST * asked.has_form[:, None, None]),
            voices=_floats(asked.voices),
            most_voices=torch.from_numpy(asked.most_voices.astype(np.int64)),
        )


def _floats(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array)).float()


def recalled_rows(data: PhraseDataset, rows: np.ndarray, lookahead: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return for every row of the dataset which earlier row of its song it recalls, -1 for none, and the
    likeness (n, M) float32 of its measures (see `basedrum.models.recall`). Only `rows` are considered.

    With a lookahead, what counts is the bass that is played to, that of the phrase before.
    """
    index = data.index
    which, by_measure = np.full(len(index), -1), np.zeros((len(index), MEASURES_PER_PHRASE), np.float32)
    bass_rows = index["previous"][rows].astype(np.int64) if lookahead else rows
    rows, bass_rows = rows[bass_rows >= 0], bass_rows[bass_rows >= 0]
    order = np.lexsort((index["measure"][rows], index["song"][rows]))
    rows, bass_rows = rows[order], bass_rows[order]
    parts = np.array_split(bass_rows, len(bass_rows) // LINES_AT_ONCE + 1)
    lines = np.concatenate([bass_line(data.bass(part)[:, 0]) for part in parts])
    starts = np.flatnonzero(np.diff(index["song"][rows], prepend=-1))
    for first, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        for at in range(first + 2, end):
            found, likeness = recall(lines[at : at + 1], lines[None, first : at - 1])
            if found[0] >= 0:
                which[rows[at]], by_measure[rows[at]] = rows[first + found[0]], likeness[0]
    return which, by_measure


@dataclass(frozen=True)
class StepDataset(Dataset):
    """Item k is process `rank`'s share of the batch of step k."""

    batches: Batches
    rank: int
    world: int

    def __getitem__(self, step: int) -> Batch:
        return self.batches.draw(step, self.rank, self.world)
