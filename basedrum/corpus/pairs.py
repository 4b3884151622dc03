"""A song as the corpus sees it: one bass line and one drum part on one grid, and many of them side by side.

`Batch` lays the notes of several songs end to end, so that filters, windows and fingerprints are a few numpy calls for
all songs together: a song costs microseconds, not milliseconds.

Conventions: a *cell* is measure * 16 + step, counted from the first measure of the song, as in `Grid.locate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES


@dataclass(frozen=True)
class Pair:
    """Bass and drums of one song; `bar_shift_steps` moves its bar lines later by so many sixteenths (0: as written)."""

    name: str
    grid: Grid
    bass: Notes
    drums: Notes
    bar_shift_steps: int = 0


def uniform_measure_steps(grid: Grid) -> int:
    """Return the steps of every measure where one metre of one measure a bar holds throughout, else 0."""
    signatures = grid.time_signatures
    if not signatures:
        return STEPS_PER_MEASURE
    first, numerator, denominator = signatures[0]
    steps, rest = divmod(16 * numerator, denominator)
    if first > 0 and (numerator, denominator) != (4, 4):
        return 0
    if rest or not 1 <= steps <= STEPS_PER_MEASURE:
        return 0
    for tick, num, den in signatures:
        same = num == numerator and den == denominator
        if not same or tick * STEPS_PER_BEAT % (steps * grid.ticks_per_quarter):
            return 0
    return steps


@dataclass(frozen=True)
class Batch:
    """Notes of S songs end to end, each part sorted by song, then start.

    Attributes:
        pairs: the S songs.
        measure_steps: (S,) steps of every measure of a song, 0 where its metre changes.
        drum_song, drum_ticks, drum_cells, drum_pitches: (D,) int64, pitches 24..95 only.
        bass_song, bass_ticks, bass_cells, bass_end_cells, bass_pitches: (B,) int64.
        bounds: per part, (S + 1,) where each song's notes begin and end.
    """

    pairs: Sequence[Pair]
    measure_steps: np.ndarray
    drum_song: np.ndarray
    drum_ticks: np.ndarray
    drum_cells: np.ndarray
    drum_pitches: np.ndarray
    drum_bounds: np.ndarray
    bass_song: np.ndarray
    bass_ticks: np.ndarray
    bass_cells: np.ndarray
    bass_end_cells: np.ndarray
    bass_pitches: np.ndarray
    bass_bounds: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Batch:
        """Lay songs side by side and quantise all their notes against their own bars."""
        steps = np.asarray([uniform_measure_steps(p.grid) for p in pairs], dtype=np.int64)
        drum_song, drum_ticks, drum_pitches = _laid([p.drums for p in pairs])
        inside = (drum_pitches >= LOWEST_PITCH) & (drum_pitches < LOWEST_PITCH + NUM_PITCHES)
        drum_song, drum_ticks, drum_pitches = drum_song[inside], drum_ticks[inside], drum_pitches[inside]
        bass_song, bass_ticks, bass_pitches = _laid([p.bass for p in pairs])
        bass_ends = np.concatenate([p.bass.end_ticks for p in pairs]) if pairs else np.zeros(0, np.int64)
        per_song = _PerSong.of(pairs, steps)
        drum_bounds = np.searchsorted(drum_song, np.arange(len(pairs) + 1))
        bass_bounds = np.searchsorted(bass_song, np.arange(len(pairs) + 1))
        drum_cells, bass_cells, bass_end_cells = (
            per_song.cells(song, ticks)
            for song, ticks in ((drum_song, drum_ticks), (bass_song, bass_ticks), (bass_song, bass_ends))
        )
        for i in np.flatnonzero(steps == 0):
            grid, drums, bass = pairs[i].grid, slice(*drum_bounds[i : i + 2]), slice(*bass_bounds[i : i + 2])
            measure, step, _ = grid.locate(np.concatenate([drum_ticks[drums], bass_ticks[bass], bass_ends[bass]]))
            cells = measure * STEPS_PER_MEASURE + step
            num_drums, num_bass = drums.stop - drums.start, bass.stop - bass.start
            drum_cells[drums] = cells[:num_drums]
            bass_cells[bass] = cells[num_drums : num_drums + num_bass]
            bass_end_cells[bass] = cells[num_drums + num_bass :]
        last_ticks = np.asarray([p.grid.ticks_per_step for p in pairs]) / 2
        last_ticks = per_song.last_ticks - last_ticks
        bass_end_cells = np.maximum(bass_end_cells, bass_cells + 1)
        bass_end_cells = np.where(bass_ends >= last_ticks[bass_song], per_song.end_cells[bass_song], bass_end_cells)
        return cls(
            pairs, steps, drum_song, drum_ticks, drum_cells, drum_pitches, drum_bounds,
            bass_song, bass_ticks, bass_cells, bass_end_cells, bass_pitches, bass_bounds,
        )  # fmt: skip


def _laid(parts: list[Notes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(song, start tick, pitch) of all notes of all songs."""
    song = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    if not parts:
        return song, np.zeros(0, np.int64), np.zeros(0, np.int64)
    return song, np.concatenate([p.start_ticks for p in parts]), np.concatenate([p.pitches for p in parts])


@dataclass(frozen=True)
class _PerSong:
    """What quantising needs of each song, as arrays (S,)."""

    steps_per_tick: np.ndarray
    steps: np.ndarray
    shift: np.ndarray
    last_step: np.ndarray
    last_ticks: np.ndarray
    end_cells: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[Pair], steps: np.ndarray) -> _PerSong:
        ticks_per_quarter = np.asarray([p.grid.ticks_per_quarter for p in pairs], dtype=np.float64)
        safe = np.maximum(steps, 1)
        bar_ticks = ticks_per_quarter / STEPS_PER_BEAT * safe
        measures = np.ceil(np.asarray([max(p.grid.end_tick, 1) for p in pairs]) / bar_ticks - 1e-9).astype(np.int64)
        shift = np.asarray([p.bar_shift_steps for p in pairs], dtype=np.int64)
        shift = np.where(shift != 0, safe - shift, 0)  # one measure early, so that no note falls before measure 0
        last_step = measures * safe - 1
        last_ticks, end_cells = measures * bar_ticks, _step_to_cell(last_step + shift, safe) + 1
        for i in np.flatnonzero(steps == 0):
            grid = pairs[i].grid
            last_ticks[i] = grid.last_tick
            end_cells[i] = (grid.num_measures - 1) * STEPS_PER_MEASURE + grid.measure_steps[-1]
        return cls(STEPS_PER_BEAT / ticks_per_quarter, safe, shift, last_step, last_ticks, end_cells)

    def cells(self, song: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """The cell of each note in songs of one metre: what `Grid.locate` answers, for many songs at once."""
        step = (ticks * self.steps_per_tick[song] + 0.5).astype(np.int64)
        return _step_to_cell(np.minimum(step, self.last_step[song]) + self.shift[song], self.steps[song])


def _step_to_cell(step: np.ndarray, measure_steps: np.ndarray) -> np.ndarray:
    return step + step // measure_steps * (STEPS_PER_MEASURE - measure_steps)
