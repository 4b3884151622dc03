"""Prepared data: a folder of memory-mapped, bit-packed phrases and their index. Opening it reads no music.

Conventions: a phrase is 4 measures of 16 steps; `bass.npy` (N, 2, 64, 9) uint8 holds onset and sustain,
`drums.npy` (N, 64, 9) uint8 the hits on GM pitches, both packed along MIDI pitches 24..95; `index.npy` (N,)
of `INDEX_DTYPE`; `songs.csv` one line a song; `meta.json` the format and the lists of names. Rows of one song
stand together in order of time.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from basedrum.corpus.windows import INDEX_DTYPE, PACKED_PITCHES
from basedrum.errors import DataError, printable
from basedrum.files import write_atomic
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_PHRASE

FORMAT = "basedrum phrases 2"
SPLITS = ("train", "valid", "test")
SONG_FIELDS = ("id", "path", "source", "style", "split", "group", "phrases", "bar_shift_steps")
ARRAYS = {
    "index": (INDEX_DTYPE, ()),
    "bass": (np.dtype(np.uint8), (2, STEPS_PER_PHRASE, PACKED_PITCHES)),
    "drums": (np.dtype(np.uint8), (STEPS_PER_PHRASE, PACKED_PITCHES)),
}
"""Name, dtype and shape of a row of each array of the folder."""
HELD_OUT_FILE = "held_out.zip"
"""Whole songs beside the arrays, which must not outlive them; see `held_out`."""


class PhraseDataset:
    """Phrases on disk, read in batches of row numbers.

    Attributes:
        folder: where they lie.
        index: (N,) structured array, read-only: song, measure, source, style, split, qpm, measure_steps,
            previous, next, weight, form; see `INDEX_DTYPE`. Drawing rows with p ~ weight keeps loops and
            large sources within their share.
        sources, styles: names that the numbers in the index stand for.
        meta: everything in meta.json.
    """

    def __init__(self, folder: Path, meta: dict, arrays: Mapping[str, np.ndarray]):
        self.folder = folder
        self.meta = meta
        self.sources: list[str] = meta["sources"]
        self.styles: list[str] = meta["styles"]
        self.index = arrays["index"]
        self._bass, self._drums = arrays["bass"], arrays["drums"]

    @classmethod
    def open(cls, folder: str | os.PathLike) -> PhraseDataset:
        """Open a folder that `basedrum prepare` wrote; takes milliseconds, whatever its size.

        Raises:
            DataError: no such folder, not prepared data, unfinished, or damaged.
        """
        folder = Path(folder)
        shown = printable(folder)
        if not folder.is_dir():
            raise DataError(f"{shown}: is not a folder, name one that `basedrum prepare` wrote")
        try:
            meta = json.loads((folder / "meta.json").read_text("utf-8"))
            known = meta["format"] == FORMAT and all(isinstance(meta[k], list) for k in ("sources", "styles"))
            count = int(meta["phrases"])
        except FileNotFoundError:
            raise DataError(
                f"{shown}: holds no finished data (no meta.json), run `basedrum prepare` to its end"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{shown}: meta.json is damaged or not ours, run `basedrum prepare` again"
            ) from error
        if not known:
            raise DataError(f"{shown}: holds data of another kind, run `basedrum prepare` again")
        return cls(folder, meta, {name: _mapped(folder, name, count) for name in ARRAYS})

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def songs(self) -> list[str]:
        """The id of each song, in the order that `index["song"]` counts."""
        return [row["id"] for row in self.song_table]

    @cached_property
    def song_table(self) -> list[dict[str, str]]:
        """The lines of songs.csv."""
        try:
            with open(self.folder / "songs.csv", encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            if not all(row.get("id") for row in rows):
                raise ValueError("a line without id")
            return rows
        except (OSError, ValueError, csv.Error) as error:
            raise DataError(
                f"{printable(self.folder)}: songs.csv cannot be read, run `basedrum prepare` again"
            ) from error

    def rows(self, split: str) -> np.ndarray:
        """Return the row numbers (int64) of a split: train, valid or test."""
        if split not in SPLITS:
            raise ValueError(f"split {split!r}: use one of {', '.join(SPLITS)}")
        return np.flatnonzero(self.index["split"] == SPLITS.index(split))

    def bass(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 2, 64, 72) bool: onset and sustain."""
        return np.unpackbits(self._bass[rows], axis=-1).view(bool)

    def drums(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 64, 72) bool: hits on MIDI pitches 24..95."""
        return np.unpackbits(self._drums[rows], axis=-1).view(bool)

    def kit(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 64, 12) bool: the hits folded to the voices of the kit."""
        return kit.fold(self.drums(rows))


def _mapped(folder: Path, name: str, count: int) -> np.ndarray:
    """Map one array of the folder after checking that it is what meta.json promises."""
    dtype, shape = ARRAYS[name]
    where = printable(folder / f"{name}.npy")
    try:
        if count:
            # unlike np.load it takes nothing but .npy
            array: np.ndarray = np.lib.format.open_memmap(folder / f"{name}.npy", mode="r")
        else:
            with open(folder / f"{name}.npy", "rb") as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # a damaged header makes numpy fail in many ways
        raise DataError(f"{where}: is missing or damaged, run `basedrum prepare` again") from error
    if array.dtype != dtype or array.shape != (count, *shape):
        raise DataError(f"{where}: does not fit its meta.json, run `basedrum prepare` again")
    return array


class DatasetWriter:
    """Writes the arrays of a dataset piece by piece, too large for `write_atomic`: temporary names, fsync,
    rename.

    Nothing is a dataset until `finish` has written meta.json; one that was there stays whole until all of the
    new one is on the disk.
    """

    def __init__(self, folder: str | os.PathLike, count: int):
        self.folder = Path(folder)
        self.count = count
        self._files: dict[str, BinaryIO] = {}
        try:
            for name in (*(f"{array}.npy" for array in ARRAYS), "songs.csv"):
                self._files[name] = open(self._part(name), "wb")  # noqa: SIM115 - open across calls, closed by finish
            for name, (dtype, shape) in ARRAYS.items():
                header = {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": (count, *shape),
                }
                np.lib.format.write_array_header_1_0(self._files[f"{name}.npy"], header)
        except OSError:
            self.close()
            raise

    def append(self, index: np.ndarray, bass: np.ndarray, drums: np.ndarray) -> None:
        """Add rows of all three arrays."""
        for name, rows in (("index", index), ("bass", bass), ("drums", drums)):
            dtype, shape = ARRAYS[name]
            if rows.dtype != dtype or rows.shape != (len(index), *shape):
                raise ValueError(
                    f"{name}: {rows.dtype} {rows.shape}, expected {dtype} ({len(index)}, {shape})"
                )
            self._files[f"{name}.npy"].write(np.ascontiguousarray(rows).data)

    def attach(self, name: str) -> BinaryIO:
        """Return a further file of the folder to be written before `finish`, which puts it in place."""
        self._files[name] = open(self._part(name), "w+b")  # noqa: SIM115 - open across calls, closed by finish
        return self._files[name]

    def finish(
        self, songs: Iterable[Mapping[str, object]], sources: Sequence[str], styles: Sequence[str], **more
    ) -> None:
        """Put the arrays in place and write songs.csv and, last, meta.json."""
        text = io.StringIO()
        table = csv.DictWriter(text, SONG_FIELDS, lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(songs)
        self._files["songs.csv"].write(text.getvalue().encode("utf-8", "surrogateescape"))
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        (self.folder / "meta.json").unlink(missing_ok=True)
        (self.folder / HELD_OUT_FILE).unlink(missing_ok=True)
        for name in self._files:
            os.replace(self._part(name), self.folder / name)
        meta = {
            "format": FORMAT,
            "phrases": self.count,
            "sources": list(sources),
            "styles": list(styles),
            **more,
        }
        write_atomic(self.folder / "meta.json", (json.dumps(meta, indent=1, sort_keys=True) + "\n").encode())

    def close(self) -> None:
        """Give up: close and remove what is unfinished."""
        for name, file in self._files.items():
            with contextlib.suppress(OSError):  # on a full disk: what it still holds has no place
                file.close()
            self._part(name).unlink(missing_ok=True)

    def _part(self, name: str) -> Path:
        return self.folder / f".{name}.part"


def write_dataset(
    folder: str | os.PathLike,
    arrays: Mapping[str, np.ndarray],
    songs: Iterable[Mapping[str, object]],
    sources: Sequence[str] = (),
    styles: Sequence[str] = (),
    **more: object,
) -> None:
    """Write a whole dataset: the arrays of `ARRAYS` by name, one mapping a song.

    Raises:
        DataError: the folder cannot be written.
    """
    writer = None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        writer = DatasetWriter(folder, len(arrays["index"]))
        writer.append(arrays["index"], arrays["bass"], arrays["drums"])
        writer.finish(songs, sources, styles, **more)
    except OSError as error:
        raise DataError(
            f"{printable(folder)}: cannot be written: {error.strerror}, choose another place"
        ) from error
    finally:
        if writer:
            writer.close()
