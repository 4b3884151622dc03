"""The lab: one file for each published table, so that anyone can make it again. `basedrum lab list` names
them.

Conventions: a lab file has a `NAME`, a `SUMMARY` of one line, and `run(request) -> str`, which returns the
table as text and writes its numbers as JSON where it is asked to. Importing this room imports none of them.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from basedrum.errors import ConfigError, DataError, printable

FILES = ("feel", "first_answer", "form", "knobs", "sounds", "spliced", "styles")


@dataclass(frozen=True)
class Request:
    """What a lab file is asked for.

    Attributes:
        data: the data it measures on, as each file says; None where it was not given.
        quick: a rough table from little data.
        seed: of everything that is drawn.
        out: the JSON file to write the numbers to; None: nowhere.
        model: the drummer that is measured, by name or path.
    """

    data: Path | None = None
    quick: bool = False
    seed: int = 0
    out: Path | None = None
    model: str = "default"

    @property
    def needed_data(self) -> Path:
        """The data. Raises DataError where it was not given."""
        if self.data is None:
            raise DataError("no data given, name what to measure on with --data")
        return self.data

    def write(self, numbers: object) -> None:
        """Write numbers as JSON where the request asks for it; what is not known becomes null."""
        from basedrum.files import write_atomic

        if self.out is not None:
            write_atomic(self.out, (json.dumps(_plain(numbers), indent=1) + "\n").encode())


def summaries() -> Iterator[tuple[str, str]]:
    """Yield name and summary of each lab file."""
    for name in FILES:
        module = import_module(f"basedrum.lab.{name}")
        yield module.NAME, module.SUMMARY


def run(name: str, request: Request) -> str:
    """Make one table and return it as text.

    Raises:
        ConfigError: there is no lab file of this name. BasedrumError: what the file itself raises.
    """
    if name not in FILES:
        near = difflib.get_close_matches(name, FILES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"lab {printable(name)}: unknown, {hint}use one of {', '.join(FILES)}")
    table: str = import_module(f"basedrum.lab.{name}").run(request)
    return table


def _plain(thing: object) -> object:
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    return thing
