"""The folder of one training run: who may use it, and what lies where. No torch here: a run in use is refused
at once.

config.json           the resolved configuration
log.csv               one row for each validation
run.safetensors       everything needed to go on
drummer.safetensors   the averaged drummer so far
pictures/             what it plays on the way
practice/             the practice songs, where there was no other data
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from basedrum.errors import TrainingError, printable
from basedrum.files import sweep, take_lock, write_atomic


class RunFolder:
    """A run's files. Raises TrainingError where the folder cannot be made."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.config, self.log = self.path / "config.json", self.path / "log.csv"
        self.resume, self.drummer = self.path / "run.safetensors", self.path / "drummer.safetensors"
        self.pictures, self.practice = self.path / "pictures", self.path / "practice"
        self._held = False
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"{printable(path)}: cannot be made: {error.strerror}, choose another folder"
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one training, and sweep out what a killed one left half written.

        Within a `with` of the same object it is held already. Raises TrainingError if another training holds
        it.
        """
        if self._held:
            yield
            return
        try:
            file = take_lock(self.path / ".lock")
        except BlockingIOError as error:
            raise TrainingError(
                f"{printable(self.path)}: another training is using it, wait for it or choose another folder"
            ) from error
        except OSError as error:
            raise TrainingError(
                f"{printable(self.path)}: cannot be used: {error.strerror}, choose another folder"
            ) from error
        with file:
            ours = (
                self.config,
                self.log,
                self.resume,
                self.drummer,
                self.pictures / "*.png",
                self.practice / "songs" / "*.mid",
            )
            for path in ours:
                sweep(path.parent, path.name)
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def read_log(self, last_step: int | None = None) -> list[dict[str, str]]:
        """Return the rows of the log, up to `last_step`. Raises TrainingError where they cannot be read."""
        try:
            with open(self.log, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            return [row for row in rows if last_step is None or int(row["step"]) <= last_step]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise TrainingError(
                f"{printable(self.log)}: cannot be read as a log, put it away and go on without it"
            ) from error

    def write_log(self, rows: list[dict]) -> None:
        """Write the whole log again (it has one row for each validation, so it stays small)."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.log, text.getvalue().encode())
