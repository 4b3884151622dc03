"""Files of weights without their tensors: which ship, where one lies, what its header says. No torch here.

Conventions: a file is safetensors; the header holds one JSON object of ours (`weights` writes it).
"""

from __future__ import annotations

import json
import os
import stat
from importlib import resources
from pathlib import Path

from basedrum.errors import WeightsError, printable

SUFFIX = ".safetensors"
FEEL = f"feel{SUFFIX}"
MAX_BYTES = 1 << 30
MAX_HEADER_BYTES = 8 << 20  # ours have a tenth of a megabyte


def shipped() -> list[str]:
    """Return the names of the drummers that come with the package."""
    files = [file.name for file in resources.files("basedrum.pretrained").iterdir()]
    names = [name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX)]
    return sorted(name for name in names if name + SUFFIX != FEEL)


def find_file(name: str) -> Path:
    """Return the file of a drummer by its shipped name or path. Raises WeightsError where there is none."""
    if name in shipped():
        return Path(str(resources.files("basedrum.pretrained") / f"{name}.safetensors"))
    if not Path(name).exists():
        raise WeightsError(
            f"model {printable(name)}: not found, use a file of weights or one of {', '.join(shipped())}"
        )
    return Path(name)


def read_bytes(path: Path) -> tuple[bytes, dict]:
    """Return a file's bytes and the JSON object in its header.

    The header is looked at first: a pipe, a device, an endless or a foreign file costs neither time nor
    memory.

    Raises:
        WeightsError: not a file, or too large. OSError, or what JSON and its indexing raise: no weights of
            ours.
    """
    shown = printable(path)
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise WeightsError(f"{shown}: not a file, name a file of weights")
        if about.st_size > MAX_BYTES:
            raise WeightsError(f"{shown}: larger than {MAX_BYTES >> 20} MiB, name a file of weights of ours")
        start = file.read(8)
        size = int.from_bytes(start, "little")
        if len(start) < 8 or size > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size} bytes")
        start += file.read(size)
        header = json.loads(json.loads(start[8:])["__metadata__"]["basedrum"])
        if not isinstance(header, dict):
            raise TypeError("the header is no object")
        return start + file.read(max(0, about.st_size - len(start))), header


def styles_of(name_or_path: str | os.PathLike) -> tuple[str, ...]:
    """Return the styles that a drummer's file says it can be asked for; its tensors are not looked at.

    Raises:
        WeightsError: no such file, or its header is not ours.
    """
    path = find_file(os.fspath(name_or_path))
    try:
        _, header = read_bytes(path)
        return tuple(str(style) for style in header["config"]["styles"])
    except OSError as error:
        raise WeightsError(
            f"{printable(path)}: cannot be read: {error.strerror}, name another file"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise WeightsError(
            f"{printable(path)}: no drummer of basedrum, or damaged, name another file"
        ) from error
