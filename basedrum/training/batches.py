"""From prepared phrases to batches: what step k of a run is shown depends on the seed and k alone.

That makes resuming exact without saving a sampler: there is no state but the step.
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
from basedrum.models.config import ModelConfig
from basedrum.models.recall import bass_line, recall
from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.music.rolls import active_steps
from basedrum.training.config import TrainConfig

LINES_AT_ONCE = 4096


@dataclass(frozen=True)
class Batch:
    """Real phrases and what there is to know about them.

    Attributes:
        drums: (B, T, V) real hits, 0 or 1.
        condition: what belongs to them; its `previous` are the real drums before, where they are shown.
        before: the condition of the phrase before, for playing two phrases in a row.
        rollout: (B,) bool, samples whose previous drums are to be the generator's own.
        then: the condition of the phrase that is recalled (any other where none is); None for drummers
            without a memory.
    """

    drums: Tensor
    condition: Condition
    before: Condition
    rollout: Tensor
    then: Condition | None = None

    def to(self, device: torch.device | str) -> Batch:
        return Batch(
            self.drums.to(device, non_blocking=True),
            self.condition.to(device),
            self.before.to(device),
            self.rollout.to(device, non_blocking=True),
            None if self.then is None else self.then.to(device),
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
    then: Condition | None = None

    def to(self, device: torch.device | str) -> Run:
        then = None if self.then is None else self.then.to(device)
        return Run(
            self.drums.to(device), tuple(c.to(device) for c in self.conditions), self.length.to(device), then
        )


class Batches:
    """Draws the phrases of one split in proportion to their weight."""

    def __init__(
        self, data: PhraseDataset, model: ModelConfig, train: TrainConfig, split: str = "train"
    ) -> None:
        self.data, self.model, self.train = data, model, train
        rows = data.rows(split)
        if model.lookahead:
            rows = rows[data.index["previous"][rows] >= 0]
        if not len(rows):
            raise DataError(
                f"{data.folder}: no {split} phrases{' with a phrase before them' * model.lookahead}, prepare more songs"
            )
        self.rows = rows
        weights = np.asarray(data.index["weight"][rows], dtype=np.float64)
        self.cumulative = np.cumsum(weights if weights.sum() > 0 else np.ones(len(rows)))
        named = {name: i + 1 for i, name in enumerate(model.styles)}
        self.style_of = np.asarray(
            [*(named.get(name, 0) for name in data.styles), 0]
        )  # the last answers style -1
        self.recalled = recalled_rows(data, data.rows(split), model.lookahead) if model.memory else None

    def draw(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """Return the batch of a step, this process's share of it."""
        rng = np.random.default_rng([self.train.seed, step])
        rows = self._draw_rows(rng)
        chance = rng.random((4, self.train.batch))
        share = slice(rank, None, world)
        return self.load(rows[share], *chance[:, share])

    def draw_run(self, step: int, depth: int, rank: int = 0, world: int = 1) -> Run:
        """Return phrases as `draw` does, each with up to `depth` phrases of its song before it.

        The lengths of the runs are even over 0..`depth`; a song that has fewer phrases before gives what it
        has.
        """
        rng = np.random.default_rng([self.train.seed, step])
        rows = self._draw_rows(rng)
        wanted, *chance = rng.random((3, self.train.batch))
        share = slice(rank, None, world)
        rows, wanted = rows[share], (wanted[share] * (depth + 1)).astype(int)
        style_chance, density_chance = (c[share] for c in chance)
        chain, length = [rows], np.zeros(len(rows), int)
        for back in range(1, depth + 1):
            there = self.data.index["previous"][chain[-1]].astype(np.int64)
            length += (wanted >= back) & (there >= 0) & (length == back - 1)
            chain.append(np.where(there >= 0, there, chain[-1]))
        batches = [self.load(r, 1.0, style_chance, density_chance) for r in chain]
        wishes = batches[0].condition
        conditions = tuple(b.condition.replace(style=wishes.style, density=wishes.density) for b in batches)
        return Run(batches[0].drums, conditions, torch.from_numpy(length), batches[0].then)

    def shared(self, rank: int = 0, world: int = 1) -> StepDataset:
        """Return this process's batches as a dataset whose item k is the batch of step k."""
        return StepDataset(self, rank, world)

    def load(
        self,
        rows: np.ndarray,
        previous_chance: np.ndarray | float = 1.0,
        style_chance: np.ndarray | float = 1.0,
        density_chance: np.ndarray | float = 1.0,
        rollout_chance: np.ndarray | float = 1.0,
    ) -> Batch:
        """Return the phrases of `rows`; chances (n,) below the configured rates leave a condition out."""
        index, train = self.data.index[rows], self.train
        drums = self._drums(rows)
        before, target = index["previous"].astype(np.int64), rows
        heard = before if self.model.lookahead else target  # lookahead: the bass of the phrase before
        has_before = before >= 0
        earlier = np.where(has_before, before, rows)
        heard_before = np.where(
            self.data.index["previous"][earlier] >= 0, self.data.index["previous"][earlier], earlier
        )
        shown = has_before & (previous_chance >= train.drop_previous)
        steps = index["measure_steps"].astype(np.int64)
        bars = np.maximum(steps.sum(axis=1) / 16.0, 0.25)
        density = drums.sum(axis=(1, 2)) / bars * (density_chance >= train.drop_wishes)
        style = np.where(style_chance >= train.drop_wishes, self.style_of[index["style"]], 0)
        condition = self._condition(heard, target, self._drums(earlier), shown, style, density)
        rows_before = heard_before if self.model.lookahead else earlier
        nothing = np.zeros_like(drums)
        hidden = np.zeros(len(rows), bool)
        condition_before = self._condition(rows_before, earlier, nothing, hidden, style, density)
        then = None
        if self.recalled is not None:
            which, likeness = self.recalled[0][rows], self.recalled[1][rows]
            there = np.where(which >= 0, which, rows)
            condition = self._remember(condition, rows_before, self._drums(there), likeness * shown[:, None])
            condition_before = self._remember(condition_before, rows_before, nothing, np.zeros_like(likeness))
            heard_then = (
                np.maximum(self.data.index["previous"][there].astype(np.int64), 0)
                if self.model.lookahead
                else there
            )
            then = self._condition(heard_then, there, nothing, hidden, style, density)
            then = self._remember(then, heard_then, nothing, np.zeros_like(likeness))
        return Batch(
            torch.from_numpy(drums).float(),
            condition,
            condition_before,
            torch.from_numpy(shown & (rollout_chance < train.rollout)),
            then,
        )

    def _draw_rows(self, rng: np.random.Generator) -> np.ndarray:
        points = rng.random(self.train.batch) * self.cumulative[-1]
        return self.rows[np.searchsorted(self.cumulative, points, side="right")]

    def _remember(
        self, condition: Condition, heard_before: np.ndarray, recalled: np.ndarray, likeness: np.ndarray
    ) -> Condition:
        given = (likeness.max(axis=1) > 0)[:, None, None]
        return condition.replace(
            bass_before=torch.from_numpy(self.data.bass(heard_before)).float(),
            recalled=torch.from_numpy(recalled * given).float(),
            likeness=torch.from_numpy(likeness).float(),
        )

    def _drums(self, rows: np.ndarray) -> np.ndarray:
        return self.data.kit(rows) if self.model.plays_kit else self.data.drums(rows)

    def _condition(
        self,
        heard: np.ndarray,
        target: np.ndarray,
        previous: np.ndarray,
        shown: np.ndarray,
        style: np.ndarray,
        density: np.ndarray,
    ) -> Condition:
        steps = self.data.index["measure_steps"][target]
        active = (
            np.stack([active_steps(s) for s in steps])
            if (steps != 16).any()
            else np.ones((len(target), 64), bool)
        )
        return Condition(
            bass=torch.from_numpy(self.data.bass(heard)).float(),
            qpm=torch.from_numpy(self.data.index["qpm"][target].astype(np.float32)),
            active=torch.from_numpy(active).float(),
            previous=torch.from_numpy(previous * shown[:, None, None]).float(),
            has_previous=torch.from_numpy(shown).float(),
            style=torch.from_numpy(style.astype(np.int64)),
            density=torch.from_numpy(np.asarray(density, np.float32)),
        )


def recalled_rows(data: PhraseDataset, rows: np.ndarray, lookahead: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return for every row of the dataset which earlier row of its song it brings to mind, -1 for none, and
    the likeness (n, M) of its measures (see `basedrum.models.recall`). Only `rows` are looked at.

    With a lookahead, what counts is the bass that is heard, that of the phrase before.
    """
    index = data.index
    which, by_measure = np.full(len(index), -1), np.zeros((len(index), MEASURES_PER_PHRASE), np.float32)
    heard = index["previous"][rows].astype(np.int64) if lookahead else rows
    rows, heard = rows[heard >= 0], heard[heard >= 0]
    order = np.lexsort((index["measure"][rows], index["song"][rows]))
    rows, heard = rows[order], heard[order]
    lines = [
        bass_line(data.bass(part)[:, 0]) for part in np.array_split(heard, len(heard) // LINES_AT_ONCE + 1)
    ]
    lines = np.concatenate(lines)
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
