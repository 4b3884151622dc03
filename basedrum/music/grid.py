"""Musical time: where a tick falls in the bars of a song, and where a step sounds.

A song's written bars are laid on *measures* of at most 16 sixteenth steps, as the networks need them. A 4/4
bar is one measure of 16 steps, a 3/4 bar one measure of 12 (the last 4 steps are inactive), a 5/4 bar two
measures of 12 and 8.

Conventions: ticks are absolute from the start of the file; steps are sixteenths (a quarter of a quarter
note); a measure index counts from the first bar of the song; offsets are in steps, -0.5..0.5 around the step.
Tempo is in quarters per minute. Musical and clock time mix only here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

STEPS_PER_BEAT = 4
STEPS_PER_MEASURE = 16
MEASURES_PER_PHRASE = 4
STEPS_PER_PHRASE = MEASURES_PER_PHRASE * STEPS_PER_MEASURE
DEFAULT_QPM = 120.0


def split_bar(num_steps: int, numerator: int = 4, denominator: int = 4) -> list[int]:
    """Return the steps of each measure that a bar of `num_steps` sixteenths is laid on, each 1..16.

    Long bars are cut on beats: 5/4 -> [12, 8], 7/4 -> [16, 12], 12/8 -> [12, 12].
    """
    if num_steps <= STEPS_PER_MEASURE:
        return [max(1, num_steps)]
    beat = 6 if denominator == 8 and numerator % 3 == 0 else 4
    pieces = -(-num_steps // STEPS_PER_MEASURE)
    size = min(-(-num_steps // (pieces * beat)) * beat, STEPS_PER_MEASURE // beat * beat)
    return [size] * (num_steps // size) + ([num_steps % size] if num_steps % size else [])


class _Run(NamedTuple):
    """Equal bars on end, and the steps of each measure of one of them."""

    first_tick: float
    bar_ticks: float
    num_bars: int
    measure_steps: list[int]


@dataclass(frozen=True)
class Grid:
    """The bars and the tempo of one song.

    Attributes:
        ticks_per_quarter: resolution of the file, 1..32767.
        end_tick: where the song ends; the bars cover it (at least one bar).
        tempos: (tick, quarters per minute), sorted by tick; empty means 120 throughout.
        time_signatures: (tick, numerator, denominator), sorted by tick; empty means 4/4 throughout. A change
            inside a bar cuts that bar short.
    """

    ticks_per_quarter: int
    end_tick: int
    tempos: tuple[tuple[int, float], ...] = ()
    time_signatures: tuple[tuple[int, int, int], ...] = ()

    @property
    def ticks_per_step(self) -> float:
        return self.ticks_per_quarter / STEPS_PER_BEAT

    @cached_property
    def _measures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(start tick, steps, whether it starts a bar, bar index) of each measure."""
        signatures = [s for s in self.time_signatures if s[0] < max(self.end_tick, 1)]
        if not signatures or signatures[0][0] > 0:
            signatures.insert(0, (0, 4, 4))
        runs: list[_Run] = []
        for i, (tick, numerator, denominator) in enumerate(signatures):
            is_last = i + 1 == len(signatures)
            end = max(self.end_tick, 1) if is_last else signatures[i + 1][0]
            bar_ticks = max(1.0, self.ticks_per_quarter * 4 * numerator / denominator)
            num_bars = math.ceil((end - tick) / bar_ticks - 1e-9)
            if num_bars < 1:
                continue
            closing_tick = tick + (num_bars - 1) * bar_ticks
            closing_ticks = bar_ticks if is_last else min(bar_ticks, end - closing_tick)
            whole = split_bar(self._num_steps(bar_ticks), numerator, denominator)
            closing = split_bar(self._num_steps(closing_ticks), numerator, denominator)
            if closing == whole:
                runs.append(_Run(tick, bar_ticks, num_bars, whole))
            else:
                runs.append(_Run(tick, bar_ticks, num_bars - 1, whole))
                runs.append(_Run(closing_tick, bar_ticks, 1, closing))
        return self._measures_of(runs)

    def _num_steps(self, ticks: float) -> int:
        return math.ceil(ticks / self.ticks_per_step - 1e-9)

    def _measures_of(self, runs: list[_Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return `_measures` of runs of bars, all runs at once: songs may change their metre hundreds of
        times."""
        first_tick = np.asarray([run.first_tick for run in runs])
        bar_ticks = np.asarray([run.bar_ticks for run in runs])
        num_bars = np.asarray([run.num_bars for run in runs])
        sizes = np.asarray([len(run.measure_steps) for run in runs])
        pieces = np.zeros((len(runs), sizes.max()), np.int64)
        pieces[np.arange(sizes.max()) < sizes[:, None]] = np.concatenate([run.measure_steps for run in runs])
        done = np.cumsum(pieces, axis=1) - pieces
        counts = num_bars * sizes
        run = np.repeat(np.arange(len(runs)), counts)
        bar, piece = np.divmod(np.arange(len(run)) - (np.cumsum(counts) - counts)[run], sizes[run])
        starts = first_tick[run] + bar * bar_ticks[run] + done[run, piece] * self.ticks_per_step
        return starts, pieces[run, piece], piece == 0, bar + (np.cumsum(num_bars) - num_bars)[run]

    @property
    def num_measures(self) -> int:
        return len(self._measures[0])

    @property
    def measure_ticks(self) -> np.ndarray:
        """(M,) float64: the tick at which each measure starts."""
        return self._measures[0]

    @property
    def measure_steps(self) -> np.ndarray:
        """(M,) int64: active steps of each measure, 1..16."""
        return self._measures[1]

    @property
    def starts_bar(self) -> np.ndarray:
        """(M,) bool: whether the measure is the first of a written bar."""
        return self._measures[2]

    @property
    def bars(self) -> np.ndarray:
        """(M,) int64: the written bar each measure belongs to, from 0."""
        return self._measures[3]

    @cached_property
    def pace(self) -> np.ndarray:
        """(M,) beats of the grid in a quarter of the file: 1, but in compound time (see `LaidGrid`)."""
        return np.ones(self.num_measures)

    @cached_property
    def is_ternary(self) -> np.ndarray:
        """(M,) bool, whether the beats are divided in three (see `laid_grid.LaidGrid`)."""
        return np.zeros(self.num_measures, bool)

    @property
    def last_tick(self) -> float:
        """The tick at which the last measure ends (>= end_tick)."""
        return float(self.measure_ticks[-1] + self.measure_steps[-1] * self.ticks_per_step)

    def locate(self, ticks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (measure, step, offset) of each tick: the nearest step in the file's own bars.

        A tick nearer to the next measure's first step than to its own measure's last belongs to the next
        measure; in the last measure it stays on the last step. Offsets of the rest lie in -0.5..0.5 steps.
        """
        ticks = np.asarray(ticks, dtype=np.float64)
        starts, steps = self.measure_ticks, self.measure_steps
        measure = np.clip(np.searchsorted(starts, ticks, side="right") - 1, 0, len(starts) - 1)
        position = np.maximum((ticks - starts[measure]) / self.ticks_per_step, 0.0)
        nearest = np.floor(position + 0.5).astype(np.int64)
        step = np.minimum(nearest, steps[measure] - 1)
        later = measure + 1
        has_next = later < len(starts)
        next_start = starts[np.minimum(later, len(starts) - 1)]
        gap = np.where(has_next, (next_start - ticks) / self.ticks_per_step, np.inf)
        # The second case: a bar may be cut between two steps.
        is_next = has_next & ((nearest > step) | (gap < np.abs(position - step)))
        offset = np.where(is_next, -gap, position - step)
        measure = np.where(is_next, later, measure)
        step = np.where(is_next, 0, step)
        return measure, step, np.clip(offset, -0.5, 0.5)

    @cached_property
    def _cell_of_step(self) -> np.ndarray | None:
        """The cell of every step from tick 0 on; None where a measure begins between two steps."""
        steps = self.measure_steps
        before = np.cumsum(steps) - steps
        if (self.measure_ticks != before * self.ticks_per_step).any():
            return None
        skipped = np.arange(len(steps)) * STEPS_PER_MEASURE - before
        return np.arange(before[-1] + steps[-1]) + np.repeat(skipped, steps)

    def cells_at(self, ticks: np.ndarray) -> np.ndarray:
        """Return measure * 16 + step of each tick (int64), as `locate` finds them, in a fraction of its
        time."""
        if self._cell_of_step is None:
            measure, step, _ = self.locate(ticks)
            return measure * STEPS_PER_MEASURE + step
        nearest = (np.asarray(ticks) / self.ticks_per_step + 0.5).astype(np.int64)
        return self._cell_of_step[np.clip(nearest, 0, len(self._cell_of_step) - 1)]

    def tick_at(self, measure: np.ndarray, step: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
        """Return the tick (int64, never before tick 0) at which a step of a measure sounds."""
        ticks = self.measure_ticks[measure] + (np.asarray(step) + offset) * self.ticks_per_step
        return np.maximum(np.floor(ticks + 0.5), 0).astype(np.int64)

    def qpm_at(self, ticks: np.ndarray) -> np.ndarray:
        """Return the tempo at each tick, in quarters per minute."""
        changes = np.asarray([tick for tick, _ in self.tempos], np.float64)
        tempos = np.asarray([DEFAULT_QPM, *(qpm for _, qpm in self.tempos)], np.float64)
        at = np.maximum(np.asarray(ticks), 0)  # before tick 0 as at tick 0
        return tempos[np.searchsorted(changes, at, side="right")]

    @property
    def measure_qpm(self) -> np.ndarray:
        """(M,) quarters per minute at the start of each measure."""
        return self.qpm_at(self.measure_ticks)

    def seconds_at(self, ticks: np.ndarray) -> np.ndarray:
        """Return the clock time of each tick in seconds, through every tempo change."""
        changes = np.unique([0.0, *(max(tick, 0) for tick, _ in self.tempos)])
        seconds_per_tick = 60.0 / (self.qpm_at(changes) * self.ticks_per_quarter)
        elapsed = np.concatenate([[0.0], np.cumsum(np.diff(changes) * seconds_per_tick[:-1])])
        ticks = np.asarray(ticks, dtype=np.float64)
        at = np.maximum(np.searchsorted(changes, ticks, side="right") - 1, 0)
        return elapsed[at] + (ticks - changes[at]) * seconds_per_tick[at]
