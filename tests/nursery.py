"""Commands to be killed, stopped and starved: one process imports torch once and forks a child for each of
them.

A task is one line of JSON on stdin: `train` (arguments of the loop), `cli` (a command line) or `each` (the
jobs of `generate_each`), what is wrong with the child (`faults`), and at which `stages` it says so and waits.
Answers are lines on stdout: the child's pid, the stages it comes to, and at its end its status and peak
memory. At a stage a child waits to be killed, or for a signal (`wait`: "signal"), or goes on at once ("no").
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import generate_each

STAGES = ("begun", "made", "written", "synced", "replaced", "saved")  # of writing run.safetensors, in order


class Nursery:
    """The test's end of the wire."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.folder, self.pid = folder, 0
        self.errors = open(folder / "nursery.txt", "w")  # noqa: SIM115 - closed by close
        command = [sys.executable, __file__]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment
        )

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def start(self, **task) -> int:
        """Fork a child and return its pid; one that a failed test has left is killed."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            while isinstance(self.news(), str):
                pass
        task.setdefault("output", str(self.folder / "output.txt"))
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        self.pid = int(self.process.stdout.readline())
        return self.pid

    def news(self) -> str | dict:
        """Wait for what the child says next: a stage (text) or its end (status, peak_mb, stdout, stderr)."""
        news = json.loads(self.process.stdout.readline())
        if isinstance(news, dict):
            self.pid = 0
            news["stdout"] = (self.folder / "output.txt").read_text()
            news["stderr"] = (self.folder / "output.txt.err").read_text()
        return news

    def run(self, **task) -> dict:
        """Fork a child and wait for its end."""
        self.start(**task)
        while isinstance(news := self.news(), str):
            pass
        return news

    def kill(self, delay: float = 0.0, **task) -> dict:
        """Fork a child and kill it `delay` seconds after it comes to a stage; return its end."""
        pid = self.start(**task)
        news = self.news()
        if isinstance(news, str):
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)
            while isinstance(news := self.news(), str):
                pass
        return news


class _Child:
    """What a forked child does with its task."""

    def __init__(self, task: dict, wire: int) -> None:
        self.task, self.wire, self.checkpoints, self.writing = task, wire, 0, False

    def at(self, stage: str) -> None:
        """Say that the stage is come to, where the task asks for it, and wait there."""
        if stage not in self.task.get("stages", ()) or self.checkpoints < self.task.get("nth", 1):
            return
        os.write(self.wire, (json.dumps(stage) + "\n").encode())
        wait = self.task.get("wait", "killed")
        if wait == "signal":
            select.select([self.signals], [], [])
            os.read(self.signals, 1)
        elif wait == "killed":
            time.sleep(3600)

    def hear_signals(self) -> None:
        """Let `at` wait for a signal: each writes a byte to a pipe, whatever handler it has."""
        self.signals, heard = os.pipe()
        os.set_blocking(heard, False)
        signal.set_wakeup_fd(heard)

    def run(self) -> int:
        from basedrum import cli, weights
        from basedrum.training import loop, validation
        from basedrum.training.config import load_config

        self.hear_signals()
        self.watch_writing(weights)
        for fault in self.task.get("faults", ()):
            getattr(self, f"fault_{fault}")(weights, loop)
        limit = self.task.get("file_limit")
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        if "each" in self.task:
            generate_each.main(self.task["each"])
            return 0
        if "cli" in self.task:
            # and no picture: that is most of a validation's time
            validation.Validation._draw = lambda *arguments: self.at("looking")
            advance = loop.Trainer.advance
            loop.Trainer.advance = lambda trainer: (self.at("step"), advance(trainer))[1]
            return cli.main(self.task["cli"])
        data, run, settings = self.task["train"]
        options = loop.LoopOptions(True, "cpu", False, _size_of_weights)
        loop.train(load_config("quick", settings), data, run, options)
        return 0

    def watch_writing(self, weights) -> None:
        write = weights.write_atomic

        def writing(path, data) -> None:
            self.writing = Path(path).name == "run.safetensors"
            self.checkpoints += self.writing
            if self.writing:
                self.at("begun")
            (self.plain if "plain_write" in self.task.get("faults", ()) else write)(path, data)
            if self.writing:
                self.at("saved")
            self.writing = False

        def around(owner, name: str, before: str | None, after: str | None) -> None:
            real = getattr(owner, name)

            def watched(*arguments, **options):
                if before and self.writing:
                    self.at(before)
                answer = real(*arguments, **options)
                if after and self.writing:
                    self.at(after)
                return answer

            setattr(owner, name, watched)

        weights.write_atomic = writing
        around(tempfile, "mkstemp", None, "made")
        around(os, "fsync", "written", None)
        around(os, "replace", "synced", "replaced")

    def plain(self, path, data) -> None:
        """Write as one should not: over what is there."""
        with open(path, "wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            if self.writing:
                self.at("written")
            file.write(data[len(data) // 2 :])

    def fault_plain_write(self, weights, loop) -> None:
        """Done by `watch_writing`."""

    def fault_forget_step(self, weights, loop) -> None:
        self._after_loading(loop, lambda trainer: setattr(trainer, "step", 0))

    def fault_forget_moments(self, weights, loop) -> None:
        def forget(trainer) -> None:
            warmup, adversarial = trainer.phases["warmup"], trainer.phases["adversarial"]
            for optimizer in (
                warmup.optimizer,
                adversarial.model_optimizer,
                adversarial.discriminator_optimizer,
            ):
                optimizer.state.clear()

        self._after_loading(loop, forget)

    def fault_forget_average(self, weights, loop) -> None:
        self._after_loading(
            loop,
            lambda trainer: trainer.networks.averaged.load_state_dict(trainer.networks.model.state_dict()),
        )

    def fault_forget_sums(self, weights, loop) -> None:
        load = loop.load_run
        loop.load_run = lambda path: load(path) | {"sums": {}}

    def _after_loading(self, loop, change) -> None:
        load = loop.Trainer.load_state

        def loaded(trainer, state) -> None:
            load(trainer, state)
            change(trainer)

        loop.Trainer.load_state = loaded

    def fault_bad_disk(self, weights, loop) -> None:
        """The call `failing` of the task fails while run.safetensors is written."""

        def fail(real):
            def failing(*arguments, **options):
                if self.writing:
                    raise OSError(28, "No space left on device")
                return real(*arguments, **options)

            return failing

        name = self.task["failing"]
        owner, name = {"mkstemp": (tempfile, name), "write": (os, "fdopen")}.get(name, (os, name))
        real = getattr(owner, name)
        setattr(owner, name, _half_writing(real, self) if name == "fdopen" else fail(real))

    def fault_nan_before(self, weights, loop) -> None:
        """A weight is broken before the eighth step."""
        self._break_a_weight(loop, lambda trainer: trainer.step == 7, lambda trainer: False)

    def fault_nan_after(self, weights, loop) -> None:
        """A weight is broken by the eighth step."""
        self._break_a_weight(loop, lambda trainer: False, lambda trainer: trainer.step == 8)

    def _break_a_weight(self, loop, before, after) -> None:
        advance = loop.Trainer.advance

        def broken(trainer):
            if before(trainer):
                trainer.networks.model.generator.bias.data[0] = float("nan")
            losses = advance(trainer)
            if after(trainer):
                trainer.networks.model.generator.bias.data[0] = float("nan")
            return losses

        loop.Trainer.advance = broken

    def fault_few_songs(self, weights, loop) -> None:
        from basedrum import app
        from basedrum.corpus import practice

        prepare, songs = app.prepare_practice, practice.practice_songs

        def slowly(*arguments):
            for song in songs(*arguments):
                yield song
                self.at("song")  # it is written

        practice.practice_songs = slowly
        app.prepare_practice = lambda folder, **options: (
            self.at("preparing"),
            prepare(folder, count=32, **options),
        )[1]


def _half_writing(fdopen, child: _Child):
    """Return an `os.fdopen` whose files take half of what they are given."""

    def opened(*arguments, **options):
        file = fdopen(*arguments, **options)
        if not child.writing:
            return file

        def write(data) -> None:
            file.raw.write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

        return _Writing(file, write)

    return opened


class _Writing:
    def __init__(self, file, write) -> None:
        self.file, self.write = file, write

    def __enter__(self):
        return self

    def __exit__(self, *_exception) -> None:
        self.file.close()


def _size_of_weights(trainer, step: int) -> dict[str, float]:
    return {"size": float(sum(p.double().abs().sum() for p in trainer.networks.averaged.parameters()))}


def _import_all(*packages: str) -> None:
    """Import all modules of these packages."""
    for name in packages:
        path = importlib.import_module(name).__path__
        for module in pkgutil.walk_packages(path, f"{name}."):
            importlib.import_module(module.name)


def _serve() -> None:
    wire = os.dup(1)
    import torch
    import torch._dynamo

    torch.set_num_threads(1)
    torch.cpu.get_capabilities = dict  # as in `conftest`
    _import_all("basedrum.music", "basedrum.midi", "basedrum.models", "basedrum.drummer")
    import basedrum.training.loop  # noqa: F401 - so that no child needs to

    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if not child:
            status = 1
            signal.signal(
                signal.SIGINT, signal.default_int_handler
            )  # a suite run in the background has it ignored
            try:
                for target, path in ((1, task["output"]), (2, task["output"] + ".err")):
                    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
                one = _Child(task, wire)

                status = one.run()
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        os.write(wire, f"{child}\n".encode())
        _, ended, used = os.wait4(child, 0)
        end = {"status": os.waitstatus_to_exitcode(ended), "peak_mb": used.ru_maxrss / 1024}
        os.write(wire, (json.dumps(end) + "\n").encode())


if __name__ == "__main__":
    _serve()
