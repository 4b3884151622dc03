"""Where songs come from: folders, single files, zip and tar archives, walked in one fixed order.

Archives are read as streams and never unpacked to disk; a member larger than any song is passed by unread.
Conventions: an item's `path` is relative to its source, with forward slashes; its `name` is the file's stem;
its `source` is the name of the folder or archive that was given, without suffix (of a single file: of the
folder it lies in).
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from basedrum.errors import DataError, printable

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
LPD_SUFFIX = ".npz"
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
MAX_ITEM_BYTES = 8 * 2**20
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class Item:
    """One song file: `data` is None where it was too large to read."""

    path: str
    data: bytes | None
    source: str = ""

    @property
    def name(self) -> str:
        return stem_of(self.path)

    @property
    def is_lpd(self) -> bool:
        return self.path.lower().endswith(LPD_SUFFIX)


def stem_of(path: str) -> str:
    """Return the file's name of a path with forward slashes, without its suffix."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


class _Member(tarfile.TarInfo):
    """An entry of a tar archive; one whose name would take gigabytes is refused before it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _LONG_HEADERS and member.size > MAX_ITEM_BYTES:
            raise tarfile.ReadError("a header of more than 8 MB")
        return member


def check_sources(sources: Sequence[str | os.PathLike]) -> None:
    """Look at all sources before any is read.

    Raises:
        DataError: a source is missing, or is of no known kind.
    """
    for path in map(Path, sources):
        if path.is_dir():
            continue
        if not path.exists():
            raise DataError(f"{printable(path)}: no such file or folder, name songs to prepare")
        if not path.is_file():
            raise DataError(f"{printable(path)}: is not a regular file, name songs to prepare")
        if not _is_song(path.name) and not path.name.lower().endswith((*TAR_SUFFIXES, ".zip")):
            raise DataError(
                f"{printable(path)}: is no MIDI file, folder or archive, "
                "give .mid, .npz, .zip or .tar(.gz, .xz)"
            )


def iterate_items(sources: Sequence[str | os.PathLike]) -> Iterator[Item]:
    """Yield every song file of the sources, in the order given and, inside each, in a fixed order.

    Raises:
        DataError: a source is missing, is of no known kind, or is a broken archive.
    """
    check_sources(sources)
    for source in sources:
        path = Path(source)
        name = _source_name(path)
        if path.is_dir():
            yield from _from_folder(path, name)
        elif _is_song(path.name):
            yield Item(path.name, _read(path), name)
        elif path.name.lower().endswith(TAR_SUFFIXES):
            yield from _from_tar(path, name)
        else:
            yield from _from_zip(path, name)


def _source_name(path: Path) -> str:
    path = Path(os.path.abspath(path))
    if path.is_dir():
        return path.name
    if _is_song(path.name):
        return path.parent.name
    lower = path.name.lower()
    suffix = next((each for each in (".zip", *TAR_SUFFIXES) if lower.endswith(each)), "")
    return path.name[: len(path.name) - len(suffix)]


def _is_song(name: str) -> bool:
    lower = name.lower()
    return lower.endswith((*MIDI_SUFFIXES, LPD_SUFFIX)) and not lower.rpartition("/")[2].startswith("._")


def _read(path: str | os.PathLike) -> bytes | None:
    """The bytes of a file, None where it is larger than any song."""
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(size, MAX_ITEM_BYTES) + 1)
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read: {error.strerror}, check the file") from error
    return None if len(data) > MAX_ITEM_BYTES else data


def _from_folder(folder: Path, source: str) -> Iterator[Item]:
    for base, folders, files in os.walk(folder):
        folders.sort()
        inside = Path(base).relative_to(folder).as_posix()
        for name in sorted(files):
            path = os.path.join(base, name)
            if _is_song(name) and os.path.isfile(path):  # no pipes, no devices
                yield Item(name if inside == "." else f"{inside}/{name}", _read(path), source)


def _from_tar(path: Path, source: str) -> Iterator[Item]:
    try:
        with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
            for member in archive:
                if member.isfile() and _is_song(member.name):
                    large = member.size > MAX_ITEM_BYTES
                    file = None if large else archive.extractfile(member)
                    yield Item(member.name, None if file is None else file.read(), source)
                # a stream of 100,000 members would keep a record of each
                archive.members = []  # type: ignore[attr-defined]
    except _BROKEN as error:
        raise _broken(path, error) from error


def _from_zip(path: Path, source: str) -> Iterator[Item]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir() and _is_song(member.filename):
                    yield Item(member.filename, _read_zipped(archive, member), source)
    except _BROKEN as error:
        raise _broken(path, error) from error


def _read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    with archive.open(member) as file:  # read by the bytes that come out: the size in the directory may lie
        data = file.read(MAX_ITEM_BYTES + 1)
    return None if len(data) > MAX_ITEM_BYTES else data


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(f"{printable(path)}: is a broken archive: {printable(error)}, fetch or pack it again")
