"""The loop around the step: validations, saving, resuming.

A run that was stopped and resumed gives the same weights as one that was not (same machine, CPU, one thread).
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import TrainingError, WeightsError
from basedrum.files import write_atomic
from basedrum.training.config import Config
from basedrum.training.runfolder import RunFolder
from basedrum.training.trainer import Trainer
from basedrum.weights import load_run, save_drummer, save_run

SHOWN = ("discriminator", "model", "likelihood", "plan", "rerank", "lift", "variety")  # in the progress bar


@dataclass(frozen=True)
class LoopOptions:
    """How a training is run; none of it changes what is learned.

    Attributes:
        resume: go on with the run that is in the folder.
        device: auto, cpu, cuda or cuda:N.
        progress: show a progress bar.
        on_validation: called every `train.evaluate_every` steps; what it returns joins the log.
        provenance: what the file of weights says of its origin.
    """

    resume: bool = False
    device: str = "auto"
    progress: bool = True
    on_validation: Callable[[Trainer, int], dict[str, float]] | None = None
    provenance: dict = field(default_factory=dict)


def pick_device(device: str) -> str:
    """Return `cpu` or `cuda[:N]` for auto, cpu, cuda or cuda:N. Raises TrainingError where there is no such
    device."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise TrainingError(f"device {device!r}: unknown, use auto, cpu or cuda") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError(f"device {device!r}: no CUDA device here, use --device cpu")
    return device


def train(
    config: Config,
    data_folder: str | os.PathLike,
    run_folder: str | os.PathLike | RunFolder,
    options: LoopOptions | None = None,
) -> Path:
    """Train a drummer and return the file of its weights.

    Under `torchrun` every process takes its share of each batch. SIGINT and SIGTERM save and leave.

    Args:
        run_folder: where to; a RunFolder whose lock is held stays so.

    Raises:
        TrainingError: the folder is in use or holds another run, a loss is not finite.
        ConfigError, DataError, WeightsError, KeyboardInterrupt.
    """
    options = options or LoopOptions()
    folder = run_folder if isinstance(run_folder, RunFolder) else RunFolder(run_folder)
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = pick_device(options.device)
    if world > 1:
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    trainer = None
    try:
        trainer = Trainer(config, PhraseDataset.open(data_folder), device, rank, world)
        if rank:
            return _Loop(trainer, folder, options).run()
        with folder.lock():
            return _Loop(trainer, folder, options).run()
    finally:
        if world > 1:
            del trainer  # its wrappers hold threads of the group: left to Python's end they abort it at times
            gc.collect()
            dist.destroy_process_group()


class _Loop:
    """One run of a training; of several processes only the chief writes, validates and shows anything."""

    def __init__(self, trainer: Trainer, folder: RunFolder, options: LoopOptions) -> None:
        self.trainer, self.folder, self.options = trainer, folder, options
        self.total = trainer.config.total_steps
        self.is_chief = trainer.process.rank == 0
        self.rows: list[dict[str, Any]] = []
        self.began, self.first = time.monotonic(), 0

    def run(self) -> Path:
        """Take all steps that are left, and return the file of weights."""
        from tqdm import tqdm

        self._begin()
        trainer, train, stopped = self.trainer, self.trainer.config.train, list[int]()
        board = _tensorboard(self.folder) if self.is_chief else _idle_board
        is_hidden = not (self.is_chief and self.options.progress)
        bar = tqdm(total=self.total, initial=trainer.step, disable=is_hidden, unit="step", dynamic_ncols=True)
        with _Signals(stopped), bar:
            while trainer.step < self.total:
                trainer.advance()
                bar.update()
                is_last = trainer.step == self.total
                if self.is_chief and (trainer.step % train.evaluate_every == 0 or is_last):
                    row = self._validate(board)
                    bar.set_postfix({name: f"{row[name]:.3f}" for name in SHOWN if name in row})
                is_leaving = bool(stopped)  # a signal from here on is for the next step
                if trainer.step % train.save_every == 0 or is_last or is_leaving:
                    self._save()
                if is_leaving:
                    if not is_hidden:
                        print(f"stopped at step {trainer.step}, saved; go on with --resume", file=sys.stderr)
                    raise KeyboardInterrupt(stopped[0])
        if self.first == self.total:
            self._save()
        return self.folder.drummer

    def _begin(self) -> None:
        """Go on with the run in the folder, or begin one. Raises TrainingError if that is not asked for."""
        folder, trainer = self.folder, self.trainer
        has_run = os.path.lexists(folder.resume)
        if self.options.resume and has_run:
            trainer.load_state(load_run(folder.resume))
            self.rows = list(folder.read_log(trainer.step))
        elif self.is_chief and has_run:
            raise TrainingError(f"{folder.path}: holds a run already, add --resume or choose another folder")
        if self.is_chief:
            write_atomic(folder.config, json.dumps(trainer.config.to_dict(), indent=2).encode())
        self.began, self.first = time.monotonic(), trainer.step

    def _validate(self, board: Callable[[str, float, int], None]) -> dict[str, Any]:
        """Add a row to the log, and return it."""
        trainer = self.trainer
        speed = (trainer.step - self.first) / (time.monotonic() - self.began)
        row: dict[str, Any] = {"step": trainer.step, "steps_per_s": speed}
        for name, (total, count) in trainer.sums.items():
            row[name] = total / count
        if self.options.on_validation is not None:
            row |= self.options.on_validation(trainer, trainer.step)
        trainer.sums.clear()
        self.rows.append({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})
        self.folder.write_log(self.rows)
        for name, value in row.items():
            board(name, value, trainer.step)
        return row

    def _save(self) -> None:
        """Save the drummer first: weights too large for its half precision are refused before the last run is
        replaced."""
        if not self.is_chief:
            return
        trainer, config = self.trainer, self.trainer.config
        has_learned = config.adversarial.steps or config.reranking.steps
        discriminator = trainer.networks.discriminator if has_learned else None
        reranks = config.reranking.steps > 0 and trainer.step == self.total
        about = self.options.provenance | {"step": trainer.step}
        try:
            save_drummer(
                self.folder.drummer, trainer.networks.averaged, discriminator, about, reranks=reranks
            )
            save_run(self.folder.resume, trainer.state())
        except WeightsError as error:
            remedy = "lower the learning rate; the last checkpoint is kept"
            raise TrainingError(f"step {trainer.step - 1}: {error}, {remedy}") from error


def _idle_board(name: str, value: float, step: int) -> None:
    """Write nothing."""


def _tensorboard(folder: RunFolder) -> Callable[[str, float, int], None]:
    """Return a writer of numbers into `tensorboard/` of the run where TensorBoard is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return _idle_board
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder.path / "tensorboard"))

    def write(name: str, value: float, step: int) -> None:
        if name == "step":
            writer.flush()
        else:
            writer.add_scalar(name, value, step)

    return write


class _Signals:
    """While it is entered, SIGINT and SIGTERM are noted in a list instead of acted on; the step under way is
    finished."""

    def __init__(self, stopped: list[int]) -> None:
        self.stopped = stopped
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, lambda n, _frame: self.stopped.append(n))

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
