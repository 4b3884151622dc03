"""Songs that are the same song: exact copies, copies in another key, and arrangements that share most of
their bass.

A bass line is written as its onsets and the intervals between them, so a transposed copy gives the same
numbers. Two measures in a row make a *span*; a span that few songs have is a fingerprint. Songs that share
half of their rare spans are one song, those that share fewer belong to one group, which is never split
between training and test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.corpus.pairs import SongBatch
from basedrum.music.grid import STEPS_PER_MEASURE

MIN_SPAN_ONSETS = 5
MAX_SONGS_OF_SPAN = 12
MIN_SPANS = 4
DUPLICATE_SHARE = 0.5
GROUP_SHARE = 0.2

_RNG = np.random.default_rng(20240301)
_INTERVALS = 256
# hash of one onset: (first or second measure, step in measure, interval + 128; interval 0 stands for "the
# first onset")
_TOKEN = _RNG.integers(0, 2**63, (2, STEPS_PER_MEASURE, _INTERVALS), dtype=np.uint64)
_OPENING = _RNG.integers(0, 2**63, STEPS_PER_MEASURE, dtype=np.uint64)
_MEASURE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Fingerprint:
    """`tune`: equal for equal bass onsets and intervals; `spans`: sorted distinct hashes of the telling
    spans."""

    tune: int
    spans: np.ndarray


def fingerprints(batch: SongBatch) -> list[Fingerprint]:
    """Return the fingerprint of each song of the batch."""
    song, cells = batch.bass.song, batch.bass.cells
    if not len(song):
        return [Fingerprint(0, np.zeros(0, np.uint64)) for _ in batch.pairs]
    new = np.flatnonzero(np.concatenate([[True], (np.diff(cells) != 0) | (np.diff(song) != 0)]))
    pitches = np.minimum.reduceat(batch.bass.pitches, new)  # the lowest note of each onset
    song, cells = song[new], cells[new]
    measure, step = cells // STEPS_PER_MEASURE, cells & (STEPS_PER_MEASURE - 1)
    interval = np.diff(pitches, prepend=pitches[:1]) + _INTERVALS // 2
    place = np.flatnonzero(
        np.concatenate([[True], (np.diff(measure) != 0) | (np.diff(song) != 0)])
    )  # measures with onsets
    count = np.diff(np.append(place, len(song)))
    following = _TOKEN[1, step, interval]
    leading = _TOKEN[0, step, interval]
    leading[place] = _OPENING[step[place]]  # the interval into the first onset belongs to the measure before
    first, second = np.add.reduceat(leading, place), np.add.reduceat(following, place)
    of_song, of_measure = song[place], measure[place]
    joined = (of_song[1:] == of_song[:-1]) & (of_measure[1:] == of_measure[:-1] + 1)
    telling = joined & (count[1:] + count[:-1] >= MIN_SPAN_ONSETS)
    spans = (first[:-1] + second[1:])[telling]
    # the whole line: every measure's hash times its distance from the first measure
    opens = np.flatnonzero(np.concatenate([[True], np.diff(of_song) != 0]))
    distance = of_measure - np.repeat(of_measure[opens], np.diff(np.append(opens, len(of_song))))
    body = second.copy()
    body[opens] = first[opens]
    tunes = np.zeros(len(batch), np.uint64)
    tunes[of_song[opens]] = np.add.reduceat(
        body * (distance.astype(np.uint64) * _MEASURE + np.uint64(1)), opens
    )
    bounds = np.searchsorted(of_song[:-1][telling], np.arange(len(batch) + 1))
    return [
        Fingerprint(int(tunes[i]), np.unique(spans[bounds[i] : bounds[i + 1]])) for i in range(len(batch))
    ]


@dataclass(frozen=True)
class Families:
    """`duplicate_of` (S,): the earlier song that song i repeats, or -1; `group` (S,): number of the group of
    each song."""

    duplicate_of: np.ndarray
    group: np.ndarray


def find_families(prints: Sequence[Fingerprint], groups: Sequence[str] | None = None) -> Families:
    """Compare all songs with all; of songs that repeat each other the first stays.

    `groups` (S,) names songs that belong together for other reasons; "" for none.
    """
    num_songs = len(prints)
    duplicate_of = np.full(num_songs, -1)
    links = _Groups(num_songs)
    first_of_group: dict[str, int] = {}
    for i, group in enumerate(groups or ()):
        if group:
            links.join(first_of_group.setdefault(group, i), i)
    first_of_tune: dict[int, int] = {}
    for i, each in enumerate(prints):
        if each.tune:
            j = first_of_tune.setdefault(each.tune, i)
            if j != i:
                duplicate_of[i] = j
                links.join(i, j)
    shared, sizes = _shared_rare_spans(prints)
    for (i, j), count in sorted(shared.items()):
        share = count / min(sizes[i], sizes[j])
        if count < MIN_SPANS or share < GROUP_SHARE:
            continue
        links.join(i, j)
        if share >= DUPLICATE_SHARE and duplicate_of[i] < 0 and duplicate_of[j] < 0:
            duplicate_of[j] = i
    return Families(duplicate_of, np.asarray([links.root(i) for i in range(num_songs)], dtype=np.int64))


def _shared_rare_spans(prints: Sequence[Fingerprint]) -> tuple[dict[tuple[int, int], int], np.ndarray]:
    """How many rare spans each pair (i < j) of songs shares, and how many each song has."""
    sizes = np.zeros(len(prints), np.int64)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    if not prints:
        return shared, sizes
    song = np.repeat(np.arange(len(prints)), [len(p.spans) for p in prints])
    spans = np.concatenate([p.spans for p in prints])
    order = np.argsort(spans, kind="stable")
    song, spans = song[order], spans[order]
    bounds = (
        np.concatenate([[0], np.flatnonzero(spans[1:] != spans[:-1]) + 1, [len(spans)]])
        if len(spans)
        else np.zeros(1)
    )
    counts = np.diff(bounds)
    rare = counts <= MAX_SONGS_OF_SPAN
    sizes += np.bincount(song[np.repeat(rare, counts)], minlength=len(prints))
    for start, count in zip(bounds[:-1][rare & (counts > 1)], counts[rare & (counts > 1)], strict=True):
        members = song[start : start + count].tolist()
        for a, i in enumerate(members):
            for j in members[a + 1 :]:
                shared[i, j] += 1
    return shared, sizes


class _Groups:
    """Which songs hang together (union-find; the lowest number stands for the group)."""

    def __init__(self, count: int):
        self._parent = list(range(count))

    def root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        low, high = sorted((self.root(i), self.root(j)))
        self._parent[high] = low
