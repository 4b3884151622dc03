"""Gives each step of a training its batch, on the training's device."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import DataLoader

from basedrum.training.batches import Batch, Batches, Run
from basedrum.training.process import Process

WORKERS = 2  # on a GPU so many processes draw ahead, which changes nothing but the time


class Feed:
    """The batches of the steps before `end`, and the runs of any step."""

    def __init__(self, batches: Batches, process: Process, end: int) -> None:
        self.batches, self.process, self.end = batches, process, end
        self._stream: Iterator[Batch] | None = None
        self._next = 0

    def batch(self, step: int) -> Batch:
        """Return this process's share of the batch of a step."""
        if self._stream is None or step != self._next:
            loader = DataLoader(
                self.batches.shared(self.process.rank, self.process.world),
                batch_size=None,
                sampler=range(step, self.end),
                num_workers=WORKERS if self.process.device.startswith("cuda") else 0,
            )
            self._stream = iter(loader)
        self._next = step + 1
        return next(self._stream).to(self.process.device)

    def run(self, step: int, depth: int) -> Run:
        """Return this process's share of the run of a step (see `Batches.draw_run`)."""
        drawn = self.batches.draw_run(step, depth, self.process.rank, self.process.world)
        return drawn.to(self.process.device)
