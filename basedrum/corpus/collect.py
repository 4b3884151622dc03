"""`basedrum prepare`: songs from anywhere to one folder of phrases. All cores, resumable, the same bytes
every time.

Songs are read in the order of their sources, some hundred to a shard; each shard is written whole by a
worker. When all are there, duplicates are found across shards, splits and weights are dealt, and the shards
are merged.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import signal
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

import numpy as np
from tqdm import tqdm

from basedrum.corpus.duplicates import Families, find_families
from basedrum.corpus.phrases import FORMAT, SPLITS, DatasetWriter
from basedrum.corpus.shards import Shard, Task, fingerprints_of, make_shard, read_rolls, read_shard
from basedrum.corpus.sources import Item, check_sources, iterate_items, stem_of
from basedrum.corpus.splits import DEFAULT_CAPS, STYLES, Label, Labels, capped_weights, split_of_hash
from basedrum.errors import DataError, printable
from basedrum.files import take_lock, write_atomic

SONGS_PER_SHARD = 256


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did, in numbers.

    Attributes:
        songs, kept_songs, phrases: files looked at, songs kept, phrases written.
        skipped: how many songs were left out, by reason.
        splits: phrases in each split.
        seconds: wall clock of this run.
        work_s: processor seconds of all processes, for all songs (of resumed shards: as measured when they
            were made).
        reading_s: the part of it that getting the files out of folders and archives took.
        parser_s: processor seconds the MIDI parser alone needs for the same bytes, measured in the same
            processes.
    """

    songs: int
    kept_songs: int
    phrases: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    work_s: float = 0.0
    reading_s: float = 0.0
    parser_s: float = 0.0

    def __str__(self) -> str:
        lines = [f"{self.kept_songs} of {self.songs} songs kept, {self.phrases} phrases of four measures"]
        lines += [f"  {name}: {count} phrases" for name, count in self.splits.items()]
        lines += [f"  left out: {count} songs, {reason}" for reason, count in self.skipped.items()]
        if self.seconds and self.parser_s:
            each = 1e6 / max(self.songs, 1)
            bare, fetched = self.parser_s, self.parser_s + self.reading_s
            lines.append(
                f"{self.songs / self.seconds:.0f} songs/s; {each * self.work_s:.0f} microseconds of processor a song, "
                f"{self.work_s / bare:.1f} x the bare MIDI parser on the same files ({each * bare:.0f}), "
                f"{self.work_s / fetched:.1f} x fetching and parsing them ({each * fetched:.0f})"
            )
        return "\n".join(lines)


def prepare(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    *,
    songs_csv: str | os.PathLike | None = None,
    seed: int = 0,
    workers: int | None = None,
    source_caps: Mapping[str, float] | None = None,
    styles: Sequence[str] = STYLES,
    progress: bool = True,
) -> PrepareReport:
    """Turn songs into a dataset of phrases at `out`, and write skipped.csv beside it.

    Args:
        sources: folders, MIDI files, LPD .npz files, and .zip or .tar(.gz, .xz) archives of these.
        songs_csv: labels of songs by file name (`id`) or `path`: split, source, style or genre, group,
            phase16. Without it the source of a song is the name of the folder or archive it came from.
        seed: of the split of songs without one in the CSV.
        workers: processes; None for one a core.
        source_caps: the largest share of the sampling weight that a source, genre or style may have; None for
            `DEFAULT_CAPS`, {} for none.
        styles: words that name a style in a genre.

    Raises:
        DataError: a source or the CSV cannot be used, `out` cannot be written or is being written, or no
        phrase is left.
    """
    started, cpu = time.perf_counter(), time.process_time()
    out = Path(out)
    check_sources(sources)
    labels = Labels.read(songs_csv, styles) if songs_csv is not None else None
    inline_s = 0.0
    try:
        shards = out / ".shards"
        shards.mkdir(parents=True, exist_ok=True)
        with take_lock(out / ".lock"):
            tasks = _Tasks(sources, shards, labels)
            paths = []
            with tqdm(desc="prepare", unit=" songs", disable=not progress, smoothing=0.05) as bar:
                for path, count, seconds in _run(tasks, workers or os.cpu_count() or 1):
                    paths.append(path)
                    inline_s += seconds
                    bar.update(count)
            report = _merge(out, tasks, paths, seed, DEFAULT_CAPS if source_caps is None else source_caps)
            own_s = time.process_time() - cpu - inline_s
            shutil.rmtree(shards)
    except BlockingIOError as error:
        raise DataError(
            f"{printable(out)}: another `prepare` is writing it, wait for it or choose another folder"
        ) from error
    except OSError as error:
        raise DataError(
            f"{printable(out)}: cannot be written: {error.strerror or error}, choose another place"
        ) from error
    except BrokenExecutor as error:
        raise DataError(
            f"{printable(out)}: a worker process was killed, run again (what is done is kept)"
        ) from error
    return replace(
        report, seconds=time.perf_counter() - started, work_s=report.work_s + own_s, reading_s=tasks.reading_s
    )


class _Tasks:
    """The tasks of a run in order. `songs` and `labels` grow by every song met, `reading_s` by the time that
    reading took."""

    def __init__(self, sources: Sequence[str | os.PathLike], shards: Path, known: Labels | None):
        self.songs: list[str] = []
        self.labels: list[Label] = []
        self.reading_s = 0.0
        self._sources, self._shards, self._known = sources, shards, known

    def __iter__(self) -> Iterator[Task]:
        items = iterate_items(self._sources)
        while part := self._next(items):
            labels = [
                self._known.of(item.path) if self._known is not None else Label(source=item.source)
                for item in part
            ]
            number = len(self.songs) // SONGS_PER_SHARD
            name = f"{number:06d}-{_content_key(part, labels)}.shard"
            self.songs += [item.path for item in part]
            self.labels += labels
            yield Task(self._shards / name, part, labels)

    def _next(self, items: Iterator[Item]) -> list[Item]:
        started = time.process_time()
        part = list(islice(items, SONGS_PER_SHARD))
        self.reading_s += time.process_time() - started
        return part


def _content_key(items: Sequence[Item], labels: Sequence[Label]) -> str:
    """A name for exactly these songs, so that a shard of other songs or labels is not taken for this one."""
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=10)
    for item, label in zip(items, labels, strict=True):
        known = (item.path, len(item.data or b""), zlib.crc32(item.data or b""), label)
        digest.update(repr(known).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _run(tasks: Iterable[Task], workers: int) -> Iterator[tuple[Path, int, float]]:
    """Yield (shard, number of songs, processor seconds spent on it in this process) in order.

    A few tasks a worker are held in memory at a time; what fits in two shards is not worth starting processes
    for.
    """
    tasks = iter(tasks)
    waiting: deque = deque(islice(tasks, 3))
    if workers == 1 or len(waiting) < 3:
        for task in chain(waiting, tasks):
            before = time.process_time()
            if not task.shard.exists():
                make_shard(task)
            yield task.shard, len(task.items), time.process_time() - before
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin_worker) as pool:

        def submitted(task: Task) -> tuple[Path, int, Future | None]:
            return task.shard, len(task.items), None if task.shard.exists() else pool.submit(make_shard, task)

        try:
            waiting = deque(map(submitted, waiting))
            while waiting:
                waiting.extend(map(submitted, islice(tasks, max(0, workers * 2 - len(waiting)))))
                shard, count, future = waiting.popleft()
                if future is not None:
                    future.result()
                yield shard, count, 0.0
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def leave_with_parent() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()


def _merge(
    out: Path, tasks: _Tasks, paths: list[Path], seed: int, caps: Mapping[str, float]
) -> PrepareReport:
    """Drop duplicates, deal splits and weights, and lay the shards end to end."""
    songs = tasks.songs
    shards = [read_shard(path) for path in paths]  # their rolls stay on disk
    numbers = [shard.songs["item"] + i * SONGS_PER_SHARD for i, shard in enumerate(shards)]
    number = np.concatenate([np.zeros(0, np.int64), *numbers]).astype(np.int64)
    label_of = [tasks.labels[n] for n in number]
    prints = [each for shard in shards for each in fingerprints_of(shard)]
    families = find_families(prints, [label.group for label in label_of])
    keep = families.duplicate_of < 0
    skipped = {
        i * SONGS_PER_SHARD + item: reason for i, shard in enumerate(shards) for item, reason in shard.skipped
    }
    for i in np.flatnonzero(~keep):
        skipped[int(number[i])] = f"duplicate of {songs[number[families.duplicate_of[i]]]}"
    _write_skipped(out / "skipped.csv", songs, skipped)
    if not keep.any():
        raise DataError(f"{printable(out)}: no song was fit to use, see skipped.csv in that folder")
    table = _song_table([songs[n] for n in number], shards, families, label_of, seed)
    sources = sorted({row["source"] for row in table if row["source"]})
    styles = sorted({row["style"] for row in table if row["style"]})
    index, contents = _index(shards, table, keep, sources, styles, caps)
    writer = DatasetWriter(out, len(index))
    try:
        done = 0
        for path, content in zip(paths, contents, strict=True):
            bass, drums = (rolls.take(content, axis=0) for rolls in read_rolls(path))
            writer.append(index[done : done + len(content)], bass, drums)
            done += len(content)
        writer.finish(
            [table[i] for i in np.flatnonzero(keep)], sources, styles, seed=seed, source_caps=dict(caps)
        )
    finally:
        writer.close()
    reasons = Counter(
        "duplicates" if reason.startswith("duplicate of") else reason for reason in skipped.values()
    )
    return PrepareReport(
        songs=len(songs),
        kept_songs=int(keep.sum()),
        phrases=len(index),
        skipped=dict(reasons.most_common()),
        splits={name: int((index["split"] == i).sum()) for i, name in enumerate(SPLITS)},
        work_s=sum(shard.work_s for shard in shards),
        parser_s=sum(shard.parser_s for shard in shards),
    )


def _write_skipped(path: Path, songs: list[str], skipped: Mapping[int, str]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("path", "reason"))
    table.writerows((songs[i], skipped[i]) for i in sorted(skipped))
    write_atomic(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _song_table(
    paths: Sequence[str], shards: Sequence[Shard], families: Families, labels: Sequence[Label], seed: int
) -> list[dict]:
    """One line a song: its labels, its group, and the split: its own label's, else its group's, else by
    hash."""
    columns = np.concatenate([shard.songs for shard in shards])
    groups = families.group.tolist()
    key_of: dict[int, int] = {}
    split_of: dict[int, str] = {}
    for group, tune, label in zip(groups, columns["tune"].tolist(), labels, strict=True):
        key_of[group] = min(key_of.get(group, 2**64), tune)
        if label.split:
            split_of.setdefault(group, label.split)
    return [
        {
            "id": stem_of(path),
            "path": path,
            "source": label.source,
            "style": label.style,
            "split": label.split or split_of.get(group) or SPLITS[split_of_hash(key_of[group], seed)],
            "group": label.group or f"{key_of[group]:016x}",
            "phrases": int(row["phrases"]),
            "bar_shift_steps": int(row["bar_shift_steps"]),
            "genre": label.genre,
        }
        for path, label, group, row in zip(paths, labels, groups, columns, strict=True)
    ]


def _index(
    shards: Sequence[Shard],
    table: list[dict],
    keep: np.ndarray,
    sources: list[str],
    styles: list[str],
    caps: Mapping[str, float],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The index of the whole dataset, and which of its rolls each shard gives to it."""
    numbers = np.zeros(len(table), [("song", "i4"), ("source", "i2"), ("style", "i2"), ("split", "i1")])
    numbers["song"] = np.cumsum(keep) - 1
    for name, names in (("source", ["", *sources]), ("style", ["", *styles])):
        place = {each: i - 1 for i, each in enumerate(names)}
        numbers[name] = [place[row[name]] for row in table]
    numbers["split"] = [SPLITS.index(row["split"]) for row in table]
    parts, contents, keys = [], [], []
    songs_before = rows_before = 0
    for shard in shards:
        index, song = shard.windows.index, shard.windows.index["song"] + songs_before
        kept = np.flatnonzero(keep[song])
        new_row = np.cumsum(keep[song]) - 1 + rows_before
        for link in ("previous", "next"):
            index[link] = np.where(index[link] >= 0, new_row[index[link]], -1)
        for name in numbers.dtype.names:
            index[name] = numbers[name][song]
        parts.append(index[kept])
        keys.append(shard.windows.keys[kept])
        contents.append(shard.windows.content[kept])
        songs_before += len(shard.songs)
        rows_before += len(kept)
    index = np.concatenate(parts)
    index["weight"] = _weights(
        index, np.concatenate(keys), [row for row, kept in zip(table, keep, strict=True) if kept], caps
    )
    return index, contents


def _weights(index: np.ndarray, keys: np.ndarray, table: list[dict], caps: Mapping[str, float]) -> np.ndarray:
    """1 / how often the song repeats the phrase, scaled in each split so that no source has more than its
    cap."""
    order = np.lexsort((keys, index["song"]))
    same = (np.diff(index["song"][order]) == 0) & (keys[order][1:] == keys[order][:-1])
    run = np.cumsum(np.concatenate([[0], ~same]))
    weight = np.empty(len(index))
    weight[order] = 1.0 / np.bincount(run)[run]
    names = ["", *caps]
    of_song = np.asarray([names.index(_cap_of(row, caps)) for row in table])
    category = of_song[index["song"]]
    limits = np.asarray([1.0, *caps.values()])
    for split in range(len(SPLITS)):
        rows = index["split"] == split
        totals = np.bincount(category[rows], weight[rows], minlength=len(names))
        weight[rows] *= capped_weights(totals, limits)[category[rows]]
    return weight


def _cap_of(row: Mapping[str, object], caps: Mapping[str, float]) -> str:
    return next((row[name] for name in ("source", "genre", "style") if row[name] in caps), "")
