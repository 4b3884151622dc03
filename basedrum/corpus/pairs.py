"""A song as the corpus sees it: one bass line and one drum part on one grid, and many of them side by side.

`SongBatch` lays the notes of several songs end to end, so that filters, windows and fingerprints are a few
numpy calls for all songs together: a song costs microseconds, not milliseconds.

Conventions: a *cell* is measure * 16 + step, counted from the first measure of the song, as in `Grid.locate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES
from basedrum.music.sections import PartChanges


class PartNotes(NamedTuple):
    """Notes of one part, sorted by start: (N,) integers of any width."""

    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray

    @classmethod
    def of(cls, notes: Notes) -> PartNotes:
        return cls(notes.start_ticks, notes.end_ticks, notes.pitches)


@dataclass(frozen=True)
class Pair:
    """Bass and drums of one song.

    Attributes:
        changes: where other parts enter and leave, (M,) on the measures of the grid; None where there are not
            enough of them to tell.
    """

    name: str
    grid: Grid
    bass: PartNotes
    drums: PartNotes
    changes: PartChanges | None = None


def uniform_measure_steps(grid: Grid) -> int:
    """Return the steps of every measure where one metre of one measure a bar holds throughout, else 0."""
    signatures = grid.time_signatures
    if not signatures:
        return STEPS_PER_MEASURE
    first, numerator, denominator = signatures[0]
    steps, rest = divmod(16 * numerator, denominator)
    if rest or not 1 <= steps <= STEPS_PER_MEASURE or (first > 0 and (numerator, denominator) != (4, 4)):
        return 0
    for tick, *metre in signatures:
        if metre != [numerator, denominator] or tick * STEPS_PER_BEAT % (steps * grid.ticks_per_quarter):
            return 0
    return steps


@dataclass(frozen=True)
class Line:
    """One part of all songs of a batch, end to end, sorted by song, then start.

    Attributes:
        song, ticks, cells, pitches: (N,) number of the song, start tick, cell of the start, MIDI pitch.
        end_cells: (N,) the cell at which the note ends, at least one past its start.
        bounds: (S + 1,) where each song's notes begin and end.
    """

    song: np.ndarray
    ticks: np.ndarray
    cells: np.ndarray
    pitches: np.ndarray
    end_cells: np.ndarray
    bounds: np.ndarray


@dataclass(frozen=True)
class SongBatch:
    """S songs, quantised against their own bars.

    Attributes:
        pairs: the songs.
        measure_steps: (S,) steps of every measure of a song, 0 where its metre changes.
        bar_shift_steps: (S,) by how many sixteenths its bar lines were moved later than written.
        bass, drums: their notes; of the drums those on pitches 24..95.
    """

    pairs: Sequence[Pair]
    measure_steps: np.ndarray
    bar_shift_steps: np.ndarray
    bass: Line
    drums: Line

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> SongBatch:
        """Lay songs side by side and quantise all their notes."""
        metres = _Metres.of(pairs)
        bass = _line(pairs, [p.bass for p in pairs], metres, kit_only=False)
        drums = _line(pairs, [p.drums for p in pairs], metres, kit_only=True)
        return cls(pairs, metres.measure_steps, np.zeros(len(pairs), np.int64), bass, drums)

    def with_bars_shifted(self, shift_steps: np.ndarray) -> SongBatch:
        """Move the bar lines of each song later by (S,) steps, 0..15; only songs of 16-step measures may be
        moved.

        A moved song begins one measure earlier, so that nothing falls before measure 0.
        """
        shift_steps = np.asarray(shift_steps)
        if not shift_steps.any():
            return self
        moved = np.where(shift_steps > 0, STEPS_PER_MEASURE - shift_steps, 0)
        bass, drums = (
            replace(line, cells=line.cells + moved[line.song], end_cells=line.end_cells + moved[line.song])
            for line in (self.bass, self.drums)
        )
        return replace(self, bar_shift_steps=shift_steps, bass=bass, drums=drums)


class _Metres(NamedTuple):
    """What quantising needs of each song: (S,) steps a tick, steps a measure (0: changing), last tick and
    last cell."""

    steps_per_tick: np.ndarray
    measure_steps: np.ndarray
    last_tick: np.ndarray
    last_cell: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> _Metres:
        steps = np.asarray([uniform_measure_steps(p.grid) for p in pairs], dtype=np.int64)
        steps_per_tick = STEPS_PER_BEAT / np.asarray(
            [p.grid.ticks_per_quarter for p in pairs], dtype=np.float64
        )
        safe = np.maximum(steps, 1)
        end_ticks = np.asarray([max(p.grid.end_tick, 1) for p in pairs], dtype=np.int64)
        measures = np.ceil(end_ticks * steps_per_tick / safe - 1e-9).astype(np.int64)
        last_tick = measures * safe / steps_per_tick
        last_cell = (measures - 1) * STEPS_PER_MEASURE + safe - 1
        for i in np.flatnonzero(steps == 0):
            grid = pairs[int(i)].grid
            last_tick[i] = grid.last_tick
            last_cell[i] = (grid.num_measures - 1) * STEPS_PER_MEASURE + grid.measure_steps[-1] - 1
        return cls(steps_per_tick, steps, last_tick, last_cell)


def _line(pairs: Sequence[Pair], parts: Sequence[PartNotes], metres: _Metres, kit_only: bool) -> Line:
    """Lay one part of all songs end to end; `kit_only` leaves out what no kit has and does not ask where
    notes end."""
    song = np.repeat(np.arange(len(parts)), [len(part.starts) for part in parts])
    nothing = np.zeros(0, np.int32)
    ticks = np.concatenate([nothing, *(part.starts for part in parts)])
    pitches = np.concatenate([nothing, *(part.pitches for part in parts)], dtype=np.int64)
    if kit_only:
        inside = (pitches >= LOWEST_PITCH) & (pitches < LOWEST_PITCH + NUM_PITCHES)
        if not inside.all():
            song, ticks, pitches = song[inside], ticks[inside], pitches[inside]
    bounds = np.searchsorted(song, np.arange(len(parts) + 1))
    if kit_only:
        cells = _cells(pairs, ticks[None], bounds, metres)[0]
        return Line(song, ticks, cells, pitches, cells + 1, bounds)
    ends = np.concatenate([nothing, *(part.ends for part in parts)])
    cells, end_cells = _cells(pairs, np.stack([ticks, ends]), bounds, metres)
    end_cells = np.maximum(end_cells, cells + 1)
    runs_out = ends >= (metres.last_tick - 0.5 / metres.steps_per_tick)[song]
    end_cells = np.where(runs_out, metres.last_cell[song] + 1, end_cells)
    return Line(song, ticks, cells, pitches, end_cells, bounds)


def _cells(pairs: Sequence[Pair], ticks: np.ndarray, bounds: np.ndarray, metres: _Metres) -> np.ndarray:
    """Return the cells (K, N) of K rows of ticks, as `Grid.cells_at` does, song by song only where a measure
    is not 16 steps."""
    counts = np.diff(bounds)
    cells = (ticks * np.repeat(metres.steps_per_tick, counts) + 0.5).astype(np.int64)
    for i in np.flatnonzero(metres.measure_steps != STEPS_PER_MEASURE):
        notes, size = slice(bounds[i], bounds[i + 1]), metres.measure_steps[i]
        if size:
            cells[:, notes] += cells[:, notes] // size * (STEPS_PER_MEASURE - size)
        else:
            cells[:, notes] = pairs[int(i)].grid.cells_at(ticks[:, notes])
    return np.minimum(cells, np.repeat(metres.last_cell, counts))
