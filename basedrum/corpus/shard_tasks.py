"""The songs of the sources in tasks of some hundred, and the processes that turn each task into a shard.

Songs are read here, in the order of their sources; workers get the bytes. A shard that is there already is
not made again.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from basedrum.corpus.phrases import FORMAT
from basedrum.corpus.shards import Task, make_shard
from basedrum.corpus.sources import Item, iterate_items
from basedrum.corpus.splits import Label, Labels

SONGS_PER_SHARD = 256


class ShardTasks:
    """The tasks of a run in order.

    Attributes:
        sources: where the songs come from.
        songs, labels, checksums: path, label and CRC-32 of every song met so far, in order.
    """

    def __init__(self, sources: Sequence[str | os.PathLike], shards: Path, known: Labels | None):
        self.sources = sources
        self.songs: list[str] = []
        self.labels: list[Label] = []
        self.checksums: list[int] = []
        self._shards, self._known = shards, known

    def __iter__(self) -> Iterator[Task]:
        items = iterate_items(self.sources)
        while part := list(islice(items, SONGS_PER_SHARD)):
            labels = [self._label_of(item) for item in part]
            checksums = [checksum(item) for item in part]
            number = len(self.songs) // SONGS_PER_SHARD
            name = f"{number:06d}-{_content_key(part, labels, checksums)}.shard"
            self.songs += [item.path for item in part]
            self.labels += labels
            self.checksums += checksums
            yield Task(self._shards / name, part, labels)

    def _label_of(self, item: Item) -> Label:
        return Label(source=item.source) if self._known is None else self._known.of(item.path)


def checksum(item: Item) -> int:
    """Return the CRC-32 of the song's bytes, 0 where it was too large to read."""
    return zlib.crc32(item.data or b"")


def _content_key(items: Sequence[Item], labels: Sequence[Label], checksums: Sequence[int]) -> str:
    """Return a name for exactly these songs and labels, so that no other shard is taken for this one."""
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=10)
    for item, label, crc in zip(items, labels, checksums, strict=True):
        known = (item.path, len(item.data or b""), crc, label)
        digest.update(repr(known).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def run_tasks(tasks: Iterable[Task], workers: int) -> Iterator[tuple[Path, int]]:
    """Yield (shard, number of songs) in order.

    A few tasks a worker are held in memory at a time; what fits in two shards is not worth starting processes
    for.
    """
    tasks = iter(tasks)
    waiting: deque = deque(islice(tasks, 3))
    if workers == 1 or len(waiting) < 3:
        for task in chain(waiting, tasks):
            if not task.shard.exists():
                make_shard(task)
            yield task.shard, len(task.items)
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
                yield shard, count
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None, "only for worker processes"
    sentinel = parent.sentinel

    def leave_with_parent() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
