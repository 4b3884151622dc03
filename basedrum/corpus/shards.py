"""One task of `prepare`: some hundred song files to one shard on disk, whole or not there at all.

A shard that exists is never made again; that is what makes `prepare` resumable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from basedrum.corpus import filters
from basedrum.corpus.duplicates import Fingerprint, fingerprints
from basedrum.corpus.lpd import read_lpd_pair
from basedrum.corpus.pairs import Batch, Pair
from basedrum.corpus.song_pair import read_pair
from basedrum.corpus.sources import Item
from basedrum.corpus.splits import Label
from basedrum.corpus.windows import Windows, cut_windows
from basedrum.errors import BasedrumError, printable
from basedrum.midi.reading import parse_alone
from basedrum.music.grid import STEPS_PER_MEASURE

SONGS_PER_BATCH = 64
MEASURES_PER_BATCH = 12_000
MIN_LABEL_GAIN = 0.25  # of a CSV's own phase_gain, which has another scale than ours
PARSER_SAMPLE = 8
"""Every so many songs are parsed once more, bare, to state the parser's own speed on the same bytes in the same run."""

SONG_DTYPE = np.dtype([("item", "<i4"), ("tune", "<u8"), ("bar_shift_steps", "i1"), ("spans", "<i4"), ("phrases", "<i4")])


@dataclass(frozen=True)
class Task:
    """Songs for one shard; `labels` stand beside `items`."""

    shard: Path
    items: Sequence[Item]
    labels: Sequence[Label]


@dataclass(frozen=True)
class Shard:
    """What a shard file holds: songs with phrases, their fingerprints' spans, phrases, and (item, reason) of the skipped."""

    songs: np.ndarray
    spans: np.ndarray
    windows: Windows
    skipped: list[tuple[int, str]]
    parser_s: float
    work_s: float


def make_shard(task: Task) -> Path:
    """Read, filter and cut the songs of a task and write its shard; runs in a worker process."""
    started = time.process_time()
    skipped: list[tuple[int, str]] = []
    pairs: list[tuple[int, Pair]] = []
    parser_s = parser_bytes = all_bytes = 0.0
    for number, item in enumerate(task.items):
        if item.data is None:
            skipped.append((number, "larger than 8 MB"))
            continue
        try:
            pairs.append((number, _read(item)))
        except BasedrumError as error:
            skipped.append((number, _reason(error)))
            continue
        all_bytes += len(item.data)
        if number % PARSER_SAMPLE == 0 and not item.is_lpd:
            before = time.process_time()
            parse_alone(item.data)
            parser_s += time.process_time() - before
            parser_bytes += len(item.data)
    probing_s = parser_s
    if parser_bytes:
        parser_s *= all_bytes / parser_bytes
    done = [_batch(part, task.labels, skipped) for part in _batches(pairs)]
    songs, spans, windows = _joined(done)
    work_s = time.process_time() - started - probing_s
    write_shard(task.shard, Shard(songs, spans, windows, sorted(skipped), parser_s, work_s))
    return task.shard


def _read(item: Item) -> Pair:
    return read_lpd_pair(item.data, item.name) if item.is_lpd else read_pair(item.data, item.name)


def _reason(error: BasedrumError) -> str:
    return printable(str(error).split(": ", 1)[-1].split(", ", 1)[0], 80)


def _batches(pairs: list[tuple[int, Pair]]) -> list[list[tuple[int, Pair]]]:
    """Group songs so that no batch grows large, whatever a file claims to hold."""
    batches: list[list[tuple[int, Pair]]] = []
    room = 0.0
    for number, pair in pairs:
        measures = pair.grid.end_tick / pair.grid.ticks_per_step / STEPS_PER_MEASURE + len(pair.grid.time_signatures)
        if not batches or len(batches[-1]) >= SONGS_PER_BATCH or room < measures:
            batches.append([])
            room = MEASURES_PER_BATCH
        room -= measures
        batches[-1].append((number, pair))
    return batches


def _batch(part: list[tuple[int, Pair]], labels: Sequence[Label], skipped: list) -> tuple[np.ndarray, list, Windows]:
    """Filter and cut some songs: the song table of those with phrases, their spans, and the phrases."""
    batch = Batch.of([pair for _, pair in part])
    reasons = filters.unfit(batch)
    phase, gain = filters.bar_phase(batch)
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
    empty = cut_windows(Batch.of([]))
    songs_before = rows_before = 0
    for songs, _, windows in done:
        index = windows.index
        index["song"] += songs_before
        for link in ("previous", "next"):
            index[link][index[link] >= 0] += rows_before
        songs_before += len(songs)
        rows_before += len(index)
    songs = np.concatenate([np.zeros(0, SONG_DTYPE), *(songs for songs, _, _ in done)])
    spans = np.concatenate([np.zeros(0, np.uint64), *(each for _, parts, _ in done for each in parts)])
    columns = (np.concatenate([getattr(w, f.name) for w in (empty, *(w for _, _, w in done))]) for f in fields(Windows))
    return songs, spans, Windows(*columns)


def write_shard(path: Path, shard: Shard) -> None:
    """Write a shard under a temporary name and rename it: it is there whole, or not at all."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    numbers = np.asarray([number for number, _ in shard.skipped], np.int64)
    reasons = np.asarray([reason for _, reason in shard.skipped], dtype="U96")
    with open(temporary, "wb") as file:
        windows = shard.windows
        times = np.asarray([shard.parser_s, shard.work_s])
        for array in (
            shard.songs,
            shard.spans,
            windows.index,
            windows.keys,
            numbers,
            reasons,
            times,
            windows.bass,
            windows.drums,
        ):
            np.save(file, array, allow_pickle=False)
    os.replace(temporary, path)


def read_shard(path: Path, rolls: bool = True) -> Shard:
    """Read a shard back; without `rolls` its bass and drums are left on disk."""
    with open(path, "rb") as file:
        songs, spans, index, keys, numbers, reasons, times = (np.load(file, allow_pickle=False) for _ in range(7))
        bass, drums = (np.load(file, allow_pickle=False) for _ in range(2)) if rolls else (np.zeros(0), np.zeros(0))
    skipped = list(zip(numbers.tolist(), reasons.tolist(), strict=True))
    return Shard(songs, spans, Windows(bass, drums, index, keys), skipped, float(times[0]), float(times[1]))


def fingerprints_of(shard: Shard) -> list[Fingerprint]:
    """Return the fingerprints of a shard's songs."""
    bounds = np.concatenate([[0], np.cumsum(shard.songs["spans"])])
    tunes = shard.songs["tune"].tolist()
    return [Fingerprint(tune, shard.spans[bounds[i] : bounds[i + 1]]) for i, tune in enumerate(tunes)]
