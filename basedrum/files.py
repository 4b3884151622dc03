"""Writing files so that none is ever half written, and locks for folders that one process at a time may use.

Every file of the project is written here: under a temporary name in the target folder, synced, renamed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from basedrum.errors import BasedrumError, printable

try:
    import fcntl
except ImportError:  # Windows has no flock: two processes in one folder are not noticed
    fcntl = None  # type: ignore[assignment]


def write_atomic(path: str | os.PathLike, data: bytes | memoryview) -> None:
    """Write `data` to `path`; on any failure an existing file at `path` stays as it was.

    Raises:
        BasedrumError: the folder is missing or not writable, the disk is full, `path` is a folder, a device
        or a pipe.
    """
    shown, temporary = printable(path), None
    try:
        path = Path(os.path.realpath(path))  # through links, so that a link stays one
        if path.is_dir():
            raise BasedrumError(f"{shown}: is a folder, name a file to write")
        if path.exists() and not path.is_file():
            raise BasedrumError(f"{shown}: is not a regular file, name a file to write")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
        temporary = None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or error
        raise BasedrumError(
            f"{shown}: cannot be written: {reason}, choose another place or free some space"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    _sync_folder(path.parent)


def sweep(folder: str | os.PathLike, names: str) -> None:
    """Remove from `folder` what interrupted calls of `write_atomic` left of files of these names (a glob).

    Only for a process that alone writes there: a file that is being written is removed as well.
    """
    for left in Path(folder).glob(f".{names}.????????.part"):
        with contextlib.suppress(OSError):
            left.unlink()


def take_lock(path: str | os.PathLike) -> BinaryIO:
    """Return the open lock file `path`, made where it is missing; no other process gets it until it is
    closed.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be opened.
    """
    file = open(path, "a+b")  # noqa: SIM115 - the caller closes it
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise BlockingIOError(*error.args) from error
    return file


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where the system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
