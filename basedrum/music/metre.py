"""Any metre on measures of 4/4: from which steps of a bar a drummer of 4/4 songs gets its bass, and on which
its drums are played.

Nearly all bars that drummers are learned from are in 4/4. A waltz cut off a bar of 4/4 would have its
backbeat on two and a second kick on three; played the first, second and *fourth* beat of a whole 4/4 bar, the
drums go one, two, three as they should. So short bars are played as some beats of a 4/4 measure, or two of
them as one; long ones as several measures. How much it helps each metre is in `lab/NOTES.md`; for 7/8, 7/4
and 5/8 nothing tried was better than bars of 4/4 cut short.

Conventions: a cell is measure * 16 + step on the song's grid; -1 is no cell. N counts the measures of 4/4, M
those of the grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid


@dataclass(frozen=True)
class CommonTime:
    """A song's bars as N measures of 4/4.

    Attributes:
        bass_cells: (N, 16) the cell whose bass the drummer gets at each step.
        drum_cells: (N, 16) the cell that the drums of each step are played on; -1 where they are dropped.
        steps: (N,) active steps of each measure, 1..16.
    """

    bass_cells: np.ndarray
    drum_cells: np.ndarray
    steps: np.ndarray

    @property
    def measures(self) -> np.ndarray:
        """(N,) the measure of the song's grid in which each begins."""
        return self.bass_cells[:, 0] // STEPS_PER_MEASURE

    def sounding(self, measures: np.ndarray) -> np.ndarray:
        """Return (N,) bool: whether any of the grid's measures (M,) bool that each plays in sounds."""
        is_kept = self.drum_cells >= 0
        return (measures[self.drum_cells // STEPS_PER_MEASURE] & is_kept).any(axis=1)

    def gather(self, cells: np.ndarray) -> np.ndarray:
        """Return what the drummer gets, (N, 16, ...), of an array over cells (M * 16, ...)."""
        gathered = cells[self.bass_cells]
        gathered[self.bass_cells < 0] = 0
        return gathered

    def scatter(self, hits: np.ndarray, num_measures: int) -> np.ndarray:
        """Return what is played, (M * 16, ...), of an array (N, 16, ...); 0 elsewhere."""
        cells = np.zeros((num_measures * STEPS_PER_MEASURE, *hits.shape[2:]), hits.dtype)
        is_kept = self.drum_cells >= 0
        cells[self.drum_cells[is_kept]] = hits[is_kept]
        return cells


@dataclass(frozen=True)
class _Layout:
    """One measure of 4/4: for each of its 16 steps a step of the bar, -1 for none."""

    bass_steps: np.ndarray
    drum_steps: np.ndarray

    @classmethod
    def of_beats(cls, bass: tuple[int, ...], drums: tuple[int, ...]) -> _Layout:
        """Return the layout of four beats, each a beat of the bar counted from 0, -1 for none."""
        return cls(_steps_of_beats(bass), _steps_of_beats(drums))


def _steps_of_beats(beats: tuple[int, ...]) -> np.ndarray:
    first_steps = np.asarray(beats)[:, None] * STEPS_PER_BEAT
    return np.where(first_steps >= 0, first_steps + np.arange(STEPS_PER_BEAT), -1).ravel()


# the measures of a bar of so many steps
_LAYOUTS: dict[int, list[_Layout]] = {
    12: [_Layout.of_beats(bass=(0, 1, 0, 2), drums=(0, 1, -1, 2))],
    20: [
        _Layout.of_beats(bass=(0, 1, 0, 1), drums=(0, 1, -1, -1)),
        _Layout.of_beats(bass=(2, 3, 2, 4), drums=(2, 3, -1, 4)),
    ],
    24: [
        _Layout.of_beats(bass=(0, 1, 2, 3), drums=(0, 1, 2, 3)),
        _Layout.of_beats(bass=(4, 5, 4, 5), drums=(4, 5, -1, -1)),
    ],
    28: [
        _Layout.of_beats(bass=(0, 1, 2, 3), drums=(0, 1, 2, 3)),
        _Layout.of_beats(bass=(4, 5, 6, -1), drums=(4, 5, 6, -1)),
    ],
}
_JOINED_STEPS = (4, 8)  # bars of so many steps make up a measure together


def common_time(grid: Grid, first_bar: int = 0) -> CommonTime:
    """Return the bars of `grid` as measures of 4/4.

    Args:
        first_bar: where the song begins after a pickup; what comes before is not joined with what follows.
    """
    bass, drums, steps = [], [], []
    for size, cells in _joined_bars(grid, first_bar):
        for layout in _layouts(size, len(cells)):
            has_bass = layout.bass_steps >= 0
            bass.append(np.where(has_bass, cells[layout.bass_steps], -1))
            drums.append(np.where(layout.drum_steps >= 0, cells[layout.drum_steps], -1))
            steps.append(int(np.flatnonzero(has_bass)[-1]) + 1)
    return CommonTime(np.stack(bass), np.stack(drums), np.asarray(steps))


def _joined_bars(grid: Grid, first_bar: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the steps of a bar and the cells of it and of those that make up a measure with it."""
    active = np.flatnonzero((np.arange(STEPS_PER_MEASURE) < grid.measure_steps[:, None]).ravel())
    bar_of_cell = grid.bars[active // STEPS_PER_MEASURE]
    bars = np.split(active, np.flatnonzero(np.diff(bar_of_cell)) + 1)
    start = 0
    while start < len(bars):
        size, stop = len(bars[start]), start + 1
        if size in _JOINED_STEPS:
            last = min(start + STEPS_PER_MEASURE // size, len(bars))
            while stop < last and stop != first_bar and len(bars[stop]) == size:
                stop += 1
        yield size, np.concatenate(bars[start:stop])
        start = stop


def _layouts(size: int, num_cells: int) -> list[_Layout]:
    """Return the layout of each measure, for bars of `size` steps that have `num_cells` together."""
    if size in _LAYOUTS:
        return _LAYOUTS[size]
    steps = np.arange(STEPS_PER_MEASURE)
    if size in _JOINED_STEPS:
        return [_Layout(steps % num_cells, np.where(steps < num_cells, steps, -1))]
    found, start = [], 0
    while start < num_cells:
        left = num_cells - start
        length = left if left <= STEPS_PER_MEASURE else min(STEPS_PER_MEASURE, (left - 8) // 4 * 4)
        here = np.where(steps < length, start + steps, -1)
        found.append(_Layout(here, here))
        start += length
    return found
