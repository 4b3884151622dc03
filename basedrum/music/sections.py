"""The form of a song, measure by measure: where kinds of parts come in or go, where the bass begins something
else, and where the file names a section.

Drummers fill before such measures and crash on them, so these are what a drummer is given of the song beside
its bass. Parts count by kind, since two guitars that take turns are no new section.

Of 31,738 bars of whole songs of split valid a fill lies before .319 of those in which two kinds come in or
go, before .203 of those in which one does and .057 of the others; crashes on the one .442, .298, .159
(lab/NOTES.md).

Conventions: (M,) arrays are over the measures of the song's grid, (N,) over measures of 4/4 (`metre`). A part
sounds in a measure if its notes start on two steps or more there, or sound for a quarter of it: a last chord
on the one of a new section is not in it. A kind comes in where it sounds for two measures after two of
silence, and goes where it is the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.metre import CommonTime
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll
from basedrum.music.song import Song, Track

LAGS = (4, 8, 16)
ALIKE = 0.6  # Jaccard index of two measures of bass that count as the same
KINDS = ("keys", "organ", "guitar", "bass", "strings", "voices", "brass", "lead", "other")
KEYS, ORGAN, GUITAR, BASS, STRINGS, VOICES, BRASS, LEAD, OTHER = range(len(KINDS))
FEWEST_PARTS = 2  # beside the bass, from which on the parts of a song say something
SETTLED_MEASURES = 2  # of silence and of sound to either side of where a kind comes in or goes
FEWEST_STARTS, LEAST_SOUND = 2, 0.25

_FIRST_PROGRAMS = (
    (0, KEYS),
    (16, ORGAN),
    (24, GUITAR),
    (32, BASS),
    (40, STRINGS),
    (52, VOICES),
    (55, STRINGS),
    (56, BRASS),
    (72, LEAD),
    (88, STRINGS),
    (91, VOICES),
    (92, STRINGS),
    (96, OTHER),
)
"""The first programs of each kind: pipes and synthesizer leads carry melodies, pads do what strings do."""

_SECTION_NAME = re.compile(
    r"\b(intro|verse|strophe?|couplet|estrofe|chorus|refr(ain|ao|ão)|estribillo|coro|hook|bridge|ponte"
    r"|solo|improviso|interlude|break(down)?|(main )?riff|theme|tema|outro|coda|ending|end|part [a-z0-9])\b"
    r"|^\s*(pre-?chorus|[a-h][0-9]?)\s*$",
    re.IGNORECASE,
)


class PartChanges(NamedTuple):
    """How many kinds of parts enter and leave with each measure, and how many tracks do either, (M,) ints."""

    entering: np.ndarray
    leaving: np.ndarray
    tracks: np.ndarray

    @property
    def is_change(self) -> np.ndarray:
        """(M,) bool: where a kind or two tracks come in or go."""
        return (self.entering + self.leaving > 0) | (self.tracks >= 2)


@dataclass(frozen=True)
class Form:
    """What is known of a song's form.

    Attributes:
        entering, leaving: (M,) how many kinds of parts come in with the measure, and how many are gone from
            it on.
        tracks_changing: (M,) how many tracks beside the drums come in or go there, of whatever kind.
        since_change: (M,) measures since the last at which a kind or two tracks came in or went, or a section
            was named, 0 there; since the song's first until then.
        parts_known: (M,) bool, whether the song has enough parts to tell; the same in all measures.
        border: (M,) how often a stretch of bass that repeats begins or ends there (`section_borders`).
        named: (M,) bool, whether a marker of the file names a section that begins there.
    """

    entering: np.ndarray
    leaving: np.ndarray
    tracks_changing: np.ndarray
    since_change: np.ndarray
    parts_known: np.ndarray
    border: np.ndarray
    named: np.ndarray

    def __len__(self) -> int:
        return len(self.entering)

    @classmethod
    def of(cls, song: Song, bass: BassRoll, grid: Grid, bass_index: int | None = None) -> Form:
        """Return the form of a song.

        Args:
            bass: its bass on the steps of `grid`, which has the measures of the song's own.
            bass_index: the number of the track that plays the bass; None: whatever has a bass's program.
        """
        found = part_changes(pitched_parts(song, bass_index), grid)
        num_measures = grid.num_measures
        named = named_measures(song.markers, grid)
        others = [track for track in song.tracks if not (track.is_drum or _is_bass(track, bass_index))]
        return cls(
            found.entering,
            found.leaving,
            found.tracks,
            measures_since(found.is_change | named),
            np.full(num_measures, len(others) >= FEWEST_PARTS),
            section_borders(bass.onset.reshape(num_measures, STEPS_PER_MEASURE, -1)),
            named,
        )

    @classmethod
    def unknown(cls, num_measures: int) -> Form:
        """Return the form of a song of which nothing is known."""
        none, no = np.zeros(num_measures, np.int64), np.zeros(num_measures, bool)
        return cls(none, none, none, np.arange(num_measures), no, np.zeros(num_measures), no)

    def laid_on(self, bars: CommonTime) -> Form:
        """Return the form on the measures of 4/4 `bars`: of the song's measures that begin in each, what is
        most."""
        cells = np.where(bars.drum_cells % STEPS_PER_MEASURE == 0, bars.drum_cells, -1)  # the ones
        measures = cells // STEPS_PER_MEASURE  # (N, 16)
        laid = {}
        for field in fields(self):
            values = getattr(self, field.name)
            there = np.where(measures >= 0, values[measures], np.zeros((), values.dtype))
            laid[field.name] = there.max(axis=1)
        laid["parts_known"] = np.full(len(measures), self.parts_known.any())  # also where no measure begins
        return Form(**laid)

    def __getitem__(self, measures: np.ndarray | slice) -> Form:
        """Return the form of some of the measures."""
        return Form(*(getattr(self, field.name)[measures] for field in fields(self)))


def kind_of(program: int) -> int:
    """Return the kind, a place in `KINDS`, of a General MIDI program 0..127."""
    return next(kind for first, kind in reversed(_FIRST_PROGRAMS) if program >= first)


def pitched_parts(song: Song, bass_index: int | None = None) -> list[tuple[int, Notes]]:
    """Return (kind, notes) of every track of a song but the drums."""
    parts = []
    for track in song.tracks:
        if not track.is_drum:
            parts.append((BASS if _is_bass(track, bass_index) else kind_of(track.program), track.notes))
    return parts


def part_changes(parts: Sequence[tuple[int, Notes]], grid: Grid) -> PartChanges:
    """Return where parts, given as (kind, notes), come in and go."""
    each = [sounding_measures(notes, grid) for _, notes in parts]
    sounding = np.asarray(each, bool).reshape(len(parts), grid.num_measures)
    entering, leaving = changes(sounding_kinds([kind for kind, _ in parts], sounding))
    tracks = np.sum(changes(sounding), axis=(0, 1))
    return PartChanges(entering.sum(axis=0), leaving.sum(axis=0), tracks)


def sounding_kinds(kinds: Sequence[int], sounding: np.ndarray) -> np.ndarray:
    """Return (9, M) bool: which kinds sound in which measures, given the kinds of n parts and where each
    sounds (n, M)."""
    found = np.zeros((len(KINDS), sounding.shape[1]), bool)
    for kind, measures in zip(kinds, sounding, strict=True):
        found[kind] |= measures
    return found


def sounding_measures(notes: Notes, grid: Grid) -> np.ndarray:
    """Return (M,) bool: the measures in which notes start on two steps or more, or sound a quarter of the
    time."""
    num_measures = grid.num_measures
    if not len(notes):
        return np.zeros(num_measures, bool)
    started = np.unique(grid.cells_at(notes.start_ticks))  # a chord is one start
    starts = np.bincount(started // STEPS_PER_MEASURE, minlength=num_measures)
    ticks = np.concatenate([notes.start_ticks, notes.end_ticks])
    steps = np.concatenate([np.ones(len(notes)), -np.ones(len(notes))])
    order = np.lexsort((-steps, ticks))
    ticks, depth = ticks[order].astype(np.float64), np.cumsum(steps[order])
    passed = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * (depth[:-1] > 0))])  # sounding ticks so far
    edges = np.append(grid.measure_ticks, grid.last_tick)
    share = np.diff(np.interp(edges, ticks, passed)) / np.maximum(np.diff(edges), 1)
    return (starts >= FEWEST_STARTS) | (share >= LEAST_SOUND)


def changes(sounding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two (K, M) bool: where each of K kinds (K, M) comes in, and from where on it is gone."""
    entering, leaving = np.zeros_like(sounding), np.zeros_like(sounding)
    settled = SETTLED_MEASURES
    num_places = sounding.shape[1] - 2 * settled + 1
    if num_places <= 0:
        return entering, leaving
    windows = np.lib.stride_tricks.sliding_window_view(sounding, settled, axis=1)
    all_sound, all_rest = np.all(windows, axis=2), ~np.any(windows, axis=2)
    here = slice(settled, settled + num_places)
    entering[:, here] = all_rest[:, :num_places] & all_sound[:, here]
    leaving[:, here] = all_sound[:, :num_places] & all_rest[:, here]
    return entering, leaving


def measures_since(begins: np.ndarray) -> np.ndarray:
    """Return (M,) int: how many measures ago the last True of (M,) was, or the first measure."""
    at = np.arange(len(begins))
    return at - np.maximum.accumulate(np.where(begins, at, 0))


def section_borders(bass: np.ndarray) -> np.ndarray:
    """Return (M,) how often a stretch that is the same 4, 8 or 16 measures later begins or ends with the
    measure.

    Args:
        bass: (M, 16, 72) bool, the onsets of the bass.
    """
    steps = bass.reshape(*bass.shape[:2], -1, 12).any(axis=2).reshape(len(bass), -1)  # pitch classes
    counts, total = np.zeros(len(bass) + max(LAGS)), steps.sum(axis=1)
    for lag in LAGS:
        if lag >= len(bass):
            continue
        both = (steps[:-lag] & steps[lag:]).sum(axis=1)
        either = total[:-lag] + total[lag:] - both
        same = np.where(either > 0, both > ALIKE * either, True)
        edges = np.flatnonzero(same[1:] != same[:-1]) + 1
        counts[edges] += 1
        counts[edges + lag] += 1
    return counts[: len(bass)]


def named_measures(markers: Sequence[tuple[int, str]], grid: Grid) -> np.ndarray:
    """Return (M,) bool: the measures that begin with a marker (tick, text) which names a section.

    A marker belongs to the nearest beginning of a measure, as it may stand at a pickup.
    """
    named = np.zeros(grid.num_measures + 1, bool)  # the last: where the song ends
    ticks = [tick for tick, text in markers if _SECTION_NAME.search(text)]
    if ticks:
        measure, step, _ = grid.locate(np.asarray(ticks))
        named[measure + (2 * step >= grid.measure_steps[measure])] = True
    return named[:-1]


def _is_bass(track: Track, bass_index: int | None) -> bool:
    return kind_of(track.program) == BASS if bass_index is None else track.index == bass_index
