"""One task of `prepare`: some hundred song files to one shard on disk, whole or not there at all.

A shard that exists is never made again; that is what makes `prepare` resumable.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from basedrum.corpus import filters
from basedrum.corpus.duplicates import Fingerprint, fingerprints
from basedrum.corpus.lpd import read_lpd_pair
from basedrum.corpus.pairs import Pair, SongBatch
from basedrum.corpus.song_pair import read_pair
from basedrum.corpus.sources import Item
from basedrum.corpus.splits import Label
from basedrum.corpus.windows import Windows, cut_windows
from basedrum.errors import BasedrumError, DataError, printable
from basedrum.files import write_atomic
from basedrum.music.grid import STEPS_PER_MEASURE

SONGS_PER_BATCH = 64
MEASURES_PER_BATCH = 12_000
MIN_LABEL_GAIN = 0.25  # of a CSV's own phase_gain, which has another scale than ours

SONG_DTYPE = np.dtype(
    [("item", "<i4"), ("tune", "<u8"), ("bar_shift_steps", "i1"), ("spans", "<i4"), ("phrases", "<i4")]
)


@dataclass(frozen=True)
class Task:
    """Songs for one shard; `labels` stand beside `items`."""

    shard: Path
    items: Sequence[Item]
    labels: Sequence[Label]


@dataclass(frozen=True)
class Shard:
    """What a shard file holds: songs with phrases, their fingerprints' spans, phrases, and (item, reason) of
    the skipped."""

    songs: np.ndarray
    spans: np.ndarray
    windows: Windows
    skipped: list[tuple[int, str]]


def make_shard(task: Task) -> None:
    """Read, filter and cut the songs of a task and write its shard; runs in a worker process."""
    skipped: list[tuple[int, str]] = []
    pairs: list[tuple[int, Pair]] = []
    for number, item in enumerate(task.items):
        if item.data is None:
            skipped.append((number, "larger than 8 MB"))
            continue
        try:
            pairs.append((number, _read(item)))
        except BasedrumError as error:
            skipped.append((number, _reason(error)))
    songs, spans, windows = _joined([_batch(part, task.labels, skipped) for part in _batches(pairs)])
    write_shard(task.shard, Shard(songs, spans, windows.distinct(), sorted(skipped)))


def _read(item: Item) -> Pair:
    data = item.data or b""
    return read_lpd_pair(data, item.name) if item.is_lpd else read_pair(data, item.name)


def _reason(error: BasedrumError) -> str:
    return printable(str(error).split(": ", 1)[-1].split(", ", 1)[0], 80)


def _batches(pairs: list[tuple[int, Pair]]) -> list[list[tuple[int, Pair]]]:
    """Group songs so that no batch grows large, whatever a file claims to hold."""
    batches: list[list[tuple[int, Pair]]] = []
    room = 0.0
    for number, pair in pairs:
        measures = pair.grid.end_tick / pair.grid.ticks_per_step / STEPS_PER_MEASURE + len(
            pair.grid.time_signatures
        )
        if not batches or len(batches[-1]) >= SONGS_PER_BATCH or room < measures:
            batches.append([])
            room = MEASURES_PER_BATCH
        room -= measures
        batches[-1].append((number, pair))
    return batches


def _batch(
    part: list[tuple[int, Pair]], labels: Sequence[Label], skipped: list
) -> tuple[np.ndarray, list, Windows]:
    """Filter and cut some songs: the song table of those with phrases, their spans, and the phrases."""
    batch = SongBatch.of([pair for _, pair in part])
    reasons = filters.unfit(batch)
    is_given = all(labels[number].bar_shift_steps is not None for number, _ in part)
    phase, gain = (np.zeros(len(part), np.int64),) * 2 if is_given else filters.bar_phase(batch)
    shifts = np.zeros(len(part), np.int64)
    for i, (number, _) in enumerate(part):
        label = labels[number]
        shift, is_doubtful = int(phase[i]), gain[i] >= filters.MIN_PHASE_GAIN
        if label.bar_shift_steps is not None:
            shift, is_doubtful = label.bar_shift_steps, label.phase_gain >= MIN_LABEL_GAIN
        if not reasons[i] and shift and is_doubtful:
            if shift == filters.TRUSTED_PHASE and batch.measure_steps[i] == STEPS_PER_MEASURE:
                shifts[i] = shift
            else:
                reasons[i] = "bar lines do not fit the drums"
    batch = batch.with_bars_shifted(shifts)
    windows, prints = cut_windows(batch, np.asarray([not reason for reason in reasons])), fingerprints(batch)
    phrases = np.bincount(windows.index["song"], minlength=len(part))
    songs = np.zeros(len(part), SONG_DTYPE)
    for i, (number, _) in enumerate(part):
        if not phrases[i]:
            skipped.append((number, reasons[i] or "no four measures with bass and drums"))
        songs[i] = (number, prints[i].tune, shifts[i], len(prints[i].spans), phrases[i])
    kept = np.flatnonzero(phrases)
    windows.index["song"] = (np.cumsum(phrases > 0) - 1)[windows.index["song"]]
    return songs[kept], [prints[i].spans for i in kept], windows


def _joined(done: list[tuple[np.ndarray, list, Windows]]) -> tuple[np.ndarray, np.ndarray, Windows]:
    """Lay batches end to end: songs and rows count on; songs without phrases are left out."""
    empty = cut_windows(SongBatch.of([]))
    songs_before = rows_before = 0
    for songs, _, windows in done:
        index = windows.index
        index["song"] += songs_before
        for link in ("previous", "next"):
            index[link][index[link] >= 0] += rows_before
        songs_before += len(songs)
        rows_before += len(index)
    tables, spans, all_windows = [np.zeros(0, SONG_DTYPE)], [np.zeros(0, np.uint64)], [empty]
    for songs, parts, windows in done:
        tables.append(songs)
        spans += parts
        all_windows.append(windows)
    columns = {}
    for column in fields(Windows):
        columns[column.name] = np.concatenate([getattr(each, column.name) for each in all_windows])
    return np.concatenate(tables), np.concatenate(spans), Windows(**columns)


def write_shard(path: Path, shard: Shard) -> None:
    """Write a shard; it is there whole or not at all."""
    windows, file = shard.windows, io.BytesIO()
    numbers = np.asarray([number for number, _ in shard.skipped], np.int64)
    reasons = np.asarray([reason for _, reason in shard.skipped], dtype="U96")
    phrases = (windows.bass, windows.drums, windows.index, windows.keys, windows.content)
    for array in (*phrases, shard.songs, shard.spans, numbers, reasons):
        np.save(file, array, allow_pickle=False)
    write_atomic(path, file.getbuffer())


def read_shard(path: Path) -> Shard:
    """Read a shard back; its rolls stay on disk, memory-mapped.

    Raises:
        DataError: it is damaged.
    """
    try:
        with open(path, "rb") as file:
            bass, drums = (_mapped(file) for _ in range(2))
            index, keys, content, songs, spans, numbers, reasons = (
                np.load(file, allow_pickle=False) for _ in range(7)
            )
    except (ValueError, EOFError, TokenError) as error:  # the last from the header of an array
        raise DataError(
            f"{printable(path)}: is damaged, remove it and run `basedrum prepare` again"
        ) from error
    skipped = list(zip(numbers.tolist(), reasons.tolist(), strict=True))
    return Shard(songs, spans, Windows(bass, drums, index, keys, content), skipped)


def read_rolls(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the packed bass and drums of a shard into memory."""
    with open(path, "rb") as file:
        return np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)


def _mapped(file: BinaryIO) -> np.ndarray:
    """Map the array that starts where the file stands, and move past it."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    start, size = file.tell(), math.prod(shape) * dtype.itemsize
    array = np.memmap(file, dtype, "r", start, shape) if size else np.zeros(shape, dtype)
    file.seek(start + size)
    return array


def fingerprints_of(shard: Shard) -> list[Fingerprint]:
    """Return the fingerprints of a shard's songs."""
    bounds = np.concatenate([[0], np.cumsum(shard.songs["spans"])])
    tunes = shard.songs["tune"].tolist()
    return [Fingerprint(tune, shard.spans[bounds[i] : bounds[i + 1]]) for i, tune in enumerate(tunes)]
