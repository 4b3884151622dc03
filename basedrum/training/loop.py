"""The loop around the step: warm-up, game, looks at held-out phrases, checkpoints, resuming.

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
from pathlib import Path

import torch
from torch import distributed as dist

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import CheckpointError, TrainingError
from basedrum.files import write_atomic
from basedrum.training.config import Config
from basedrum.training.runfolder import RunFolder
from basedrum.training.trainer import Trainer
from basedrum.weights import load_run, save_drummer, save_run


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
    *,
    resume: bool = False,
    device: str = "auto",
    progress: bool = True,
    on_look: Callable[[Trainer, int], dict[str, float]] | None = None,
    provenance: dict | None = None,
) -> Path:
    """Train a drummer and return the file of its weights.

    Under `torchrun` every process plays its share of each batch. SIGINT and SIGTERM save and leave.

    Args:
        run_folder: where to; a RunFolder whose lock is held stays so.
        on_look: called every `evaluate_every` steps; what it returns joins the log and the progress bar.

    Raises:
        TrainingError: the folder is in use or holds another run, a loss is not finite.
        DataError, CheckpointError, KeyboardInterrupt.
    """
    folder = run_folder if isinstance(run_folder, RunFolder) else RunFolder(run_folder)
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = pick_device(device)
    if world > 1:
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    trainer = None
    try:
        trainer = Trainer(config, PhraseDataset.open(data_folder), device, rank, world)
        if rank:
            return _run(trainer, folder, resume, False, None, {})
        with folder.lock():
            return _run(trainer, folder, resume, progress, on_look, provenance or {})
    finally:
        if world > 1:
            del (
                trainer
            )  # its wrappers hold threads of the group: left to the end of Python they abort it now and then
            gc.collect()
            dist.destroy_process_group()


def _run(
    trainer: Trainer, folder: RunFolder, resume: bool, progress: bool, on_look, provenance: dict
) -> Path:
    from tqdm import tqdm

    train, chief = trainer.config.train, trainer.rank == 0
    rows: list[dict] = []
    if resume and os.path.lexists(folder.resume):
        trainer.load_state(load_run(folder.resume))
        rows = folder.read_log(trainer.step)
    elif chief and os.path.lexists(folder.resume):
        raise TrainingError(f"{folder.path}: holds a run already, add --resume or choose another folder")
    if chief:
        write_atomic(folder.config, json.dumps(trainer.config.to_dict(), indent=2).encode())

    def save() -> None:
        """The drummer first: weights too large for its half precision are refused before the last run is
        replaced."""
        if not chief:
            return
        try:
            has_learned = train.steps or train.ranking_steps  # a critic that never played knows nothing
            critic = trainer.discriminator if has_learned else None
            ranks = train.ranking_steps > 0 and trainer.step == train.total_steps
            about = provenance | {"step": trainer.step}
            save_drummer(
                folder.drummer, trainer.averaged, critic, about, ranks=ranks, planner=trainer.planner
            )
            save_run(folder.resume, trainer.state())
        except CheckpointError as error:
            raise TrainingError(
                f"step {trainer.step - 1}: {error}, lower the learning rate; the last checkpoint is kept"
            ) from error

    stopped: list[int] = []
    board = _tensorboard(folder) if chief else None
    bar = tqdm(
        total=train.total_steps, initial=trainer.step, disable=not progress, unit="step", dynamic_ncols=True
    )
    began, first = time.monotonic(), trainer.step
    with _signals(stopped), bar:
        while trainer.step < train.total_steps:
            trainer.advance()
            bar.update()
            last = trainer.step == train.total_steps
            if chief and (trainer.step % train.evaluate_every == 0 or last):
                row = {
                    "step": trainer.step,
                    "steps_per_s": (trainer.step - first) / (time.monotonic() - began),
                }
                row |= {name: total / count for name, (total, count) in trainer.sums.items()}
                row |= on_look(trainer, trainer.step) if on_look else {}
                trainer.sums.clear()
                rows.append({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})
                folder.write_log(rows)
                for name, value in row.items():
                    board(name, value, trainer.step)
                shown = ("critic", "fool", "likelihood", "plan", "rank", "lift", "variety")
                bar.set_postfix({k: f"{row[k]:.3f}" for k in shown if k in row})
            leaving = bool(stopped)  # a signal from here on is for the next step
            if trainer.step % train.save_every == 0 or last or leaving:
                save()
            if leaving:
                if chief and progress:
                    print(f"stopped at step {trainer.step}, saved; go on with --resume", file=sys.stderr)
                raise KeyboardInterrupt(stopped[0])
    if first == train.total_steps:
        save()
    return folder.drummer


def _tensorboard(folder: RunFolder) -> Callable[[str, float, int], None]:
    """Return a writer of figures into `tensorboard/` of the run where TensorBoard is installed, else an idle
    one."""
    if importlib.util.find_spec("tensorboard") is None:
        return lambda name, value, step: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder.path / "tensorboard"))
    return lambda name, value, step: (
        writer.add_scalar(name, value, step) if name != "step" else writer.flush()
    )


class _signals:
    """While it is entered, SIGINT and SIGTERM are noted in a list instead of acted on; the step under way is
    finished."""

    def __init__(self, stopped: list[int]) -> None:
        self.stopped, self.before = stopped, {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, lambda n, _frame: self.stopped.append(n))

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
