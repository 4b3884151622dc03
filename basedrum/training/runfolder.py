"""The folder of one training run: who may use it, and what lies where. No torch here: a run in use is refused at once.

config.json  the resolved config      log.csv  one row a look       run.safetensors  everything needed to go on
drummer.safetensors  the averaged drummer so far                    pictures/  what it plays on the way
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import BinaryIO

from basedrum.errors import TrainingError, printable
from basedrum.files import take_lock, write_atomic


class RunFolder:
    """A run's files. Raises TrainingError where the folder cannot be made."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.config, self.log = self.path / "config.json", self.path / "log.csv"
        self.resume, self.drummer = self.path / "run.safetensors", self.path / "drummer.safetensors"
        self.pictures = self.path / "pictures"
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{printable(path)}: cannot be made: {error.strerror}, choose another folder") from error

    def lock(self) -> BinaryIO:
        """Hold the folder for one training, until the result is closed. Raises TrainingError if another one holds it."""
        try:
            return take_lock(self.path / ".lock")
        except BlockingIOError as error:
            raise TrainingError(
                f"{printable(self.path)}: another training is using it, wait for it or choose another folder"
            ) from error

    def read_log(self) -> list[dict[str, str]]:
        if not self.log.exists():
            return []
        with open(self.log, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def write_log(self, rows: list[dict]) -> None:
        """Write the whole log anew (it has one row a look, so it stays small)."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.log, text.getvalue().encode())
