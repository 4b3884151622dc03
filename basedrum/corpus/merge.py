"""Shards to one dataset: duplicates dropped, splits and weights dealt, phrases laid end to end.

The songs that are held out from training are kept whole beside them.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from basedrum.corpus import shard_tasks
from basedrum.corpus.duplicates import Families, find_families
from basedrum.corpus.held_out import HELD_OUT_SPLITS, write_held_out
from basedrum.corpus.phrases import HELD_OUT_FILE, SPLITS, DatasetWriter
from basedrum.corpus.prepare_report import PrepareReport
from basedrum.corpus.shard_tasks import ShardTasks
from basedrum.corpus.shards import SONG_DTYPE, Shard, fingerprints_of, read_rolls, read_shard
from basedrum.corpus.sources import stem_of
from basedrum.corpus.splits import Label, capped_weights, split_of_hash
from basedrum.errors import DataError, printable
from basedrum.files import write_atomic


@dataclass(frozen=True)
class _Songs:
    """The N songs of all shards.

    Attributes:
        numbers: (N,) the place of each among all songs of the sources.
        keep: (N,) bool, False for duplicates.
        table: a line of songs.csv for each.
    """

    numbers: np.ndarray
    keep: np.ndarray
    table: list[dict]

    @property
    def kept(self) -> list[dict]:
        return [row for row, is_kept in zip(self.table, self.keep, strict=True) if is_kept]

    @property
    def held_out(self) -> dict[int, int]:
        """The row in songs.csv of each kept song that is not for training, by its place in the sources."""
        rows = np.cumsum(self.keep) - 1
        is_held_out = [row["split"] in HELD_OUT_SPLITS for row in self.table]
        chosen = np.flatnonzero(self.keep & np.asarray(is_held_out, bool))
        return dict(zip(self.numbers[chosen].tolist(), rows[chosen].tolist(), strict=True))


def merge_shards(
    out: Path, tasks: ShardTasks, paths: Sequence[Path], seed: int, caps: Mapping[str, float]
) -> PrepareReport:
    """Write the dataset of all shards, with the held-out songs, to `out`.

    Raises:
        DataError: no song was fit to use, or a source changed while it was read.
    """
    shards = [read_shard(path) for path in paths]  # their rolls stay on disk
    songs, skipped = _without_duplicates(tasks, shards, seed)
    _write_skipped(out / "skipped.csv", tasks.songs, skipped)
    if not songs.keep.any():
        raise DataError(f"{printable(out)}: no song was fit to use, see skipped.csv in that folder")
    sources = sorted({row["source"] for row in songs.table if row["source"]})
    styles = sorted({row["style"] for row in songs.table if row["style"]})
    index, contents = _index(shards, songs, sources, styles, caps)
    writer = DatasetWriter(out, len(index))
    try:
        done = 0
        for path, content in zip(paths, contents, strict=True):
            bass, drums = (rolls.take(content, axis=0) for rolls in read_rolls(path))
            writer.append(index[done : done + len(content)], bass, drums)
            done += len(content)
        held_out = songs.held_out
        write_held_out(writer.attach(HELD_OUT_FILE), tasks, held_out)
        writer.finish(songs.kept, sources, styles, seed=seed, source_caps=dict(caps))
    finally:
        writer.close()
    reasons = Counter(
        "duplicates" if reason.startswith("duplicate of") else reason for reason in skipped.values()
    )
    return PrepareReport(
        folder=out,
        songs=len(tasks.songs),
        kept_songs=int(songs.keep.sum()),
        phrases=len(index),
        skipped=dict(reasons.most_common()),
        splits={name: int((index["split"] == i).sum()) for i, name in enumerate(SPLITS)},
        held_out=len(held_out),
    )


def _without_duplicates(
    tasks: ShardTasks, shards: Sequence[Shard], seed: int
) -> tuple[_Songs, dict[int, str]]:
    """Return the songs with their labels and splits, and why each of the others was left out."""
    size = shard_tasks.SONGS_PER_SHARD
    numbers = np.concatenate(
        [np.zeros(0, np.int64), *(shard.songs["item"] + i * size for i, shard in enumerate(shards))]
    ).astype(np.int64)
    labels = [tasks.labels[n] for n in numbers]
    paths = [tasks.songs[n] for n in numbers]
    prints = list(chain.from_iterable(map(fingerprints_of, shards)))
    families = find_families(prints, [label.group for label in labels])
    keep = families.duplicate_of < 0
    skipped: dict[int, str] = {}
    for i, shard in enumerate(shards):
        skipped.update({i * size + item: reason for item, reason in shard.skipped})
    for repeated in np.flatnonzero(~keep).tolist():
        skipped[int(numbers[repeated])] = f"duplicate of {paths[families.duplicate_of[repeated]]}"
    return _Songs(numbers, keep, _song_table(paths, shards, families, labels, seed)), skipped


def _write_skipped(path: Path, songs: list[str], skipped: Mapping[int, str]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("path", "reason"))
    table.writerows((songs[i], skipped[i]) for i in sorted(skipped))
    write_atomic(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _song_table(
    paths: Sequence[str], shards: Sequence[Shard], families: Families, labels: Sequence[Label], seed: int
) -> list[dict]:
    """Return one line a song: its labels, its group and its split.

    The split is that of its own label, else of its group, else by hash.
    """
    columns = np.concatenate([np.zeros(0, SONG_DTYPE), *(shard.songs for shard in shards)])
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
    songs: _Songs,
    sources: list[str],
    styles: list[str],
    caps: Mapping[str, float],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the index of the whole dataset, and which of its rolls each shard gives to it."""
    table, keep = songs.table, songs.keep
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
        for name in ("song", "source", "style", "split"):
            index[name] = numbers[name][song]
        parts.append(index[kept])
        keys.append(shard.windows.keys[kept])
        contents.append(shard.windows.content[kept])
        songs_before += len(shard.songs)
        rows_before += len(kept)
    index = np.concatenate(parts)
    index["weight"] = _weights(index, np.concatenate(keys), songs.kept, caps)
    return index, contents


def _weights(index: np.ndarray, keys: np.ndarray, table: list[dict], caps: Mapping[str, float]) -> np.ndarray:
    """Return 1 / how often the song repeats the phrase, scaled so that no source exceeds its cap."""
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
    return next((str(row[name]) for name in ("source", "genre", "style") if row[name] in caps), "")
