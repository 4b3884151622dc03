"""A song that goes round: its bars laid out twice, for a drummer whose loop begins with its own end.

Conventions: as in `grid`; the second round begins where the song ends (`Grid.end_tick`), also inside a bar:
the last bar of a round is then cut short.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.sounding import Sounding

ROUNDS = 2


@dataclass(frozen=True)
class TwoRounds(Grid):
    """The measures of `once`, one time after the other; every tick of the second is later by its length."""

    once: Grid = field(kw_only=True)

    @classmethod
    def of(cls, once: Grid) -> TwoRounds:
        """Return two rounds of a song's grid."""
        return cls(
            once.ticks_per_quarter, ROUNDS * once.end_tick, once.tempos, once.time_signatures, once=once
        )

    @cached_property
    def _measures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        starts, steps, starts_bar, bars = self.once._measures
        rounds = np.arange(ROUNDS)[:, None]
        last = np.asarray([len(starts) - 1])
        ticks = self.once.tick_at(last, np.arange(STEPS_PER_MEASURE))
        steps = steps.copy()
        steps[-1] = max(1, int((ticks[: steps[-1]] < self.once.end_tick).sum()))
        return (
            (starts + rounds * self.once.end_tick).ravel(),
            np.tile(steps, ROUNDS),
            np.tile(starts_bar, ROUNDS),
            (bars + rounds * (bars[-1] + 1)).ravel(),
        )

    @cached_property
    def pace(self) -> np.ndarray:
        return np.tile(self.once.pace, ROUNDS)

    @cached_property
    def is_ternary(self) -> np.ndarray:
        return np.tile(self.once.is_ternary, ROUNDS)

    @property
    def last_tick(self) -> float:
        return float(self.end_tick)

    @property
    def measure_qpm(self) -> np.ndarray:
        return np.tile(self.once.measure_qpm, ROUNDS)

    def tick_at(self, measure: np.ndarray, step: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
        later, measure = np.divmod(np.asarray(measure), self.once.num_measures)
        return self.once.tick_at(measure, step, offset) + later * self.once.end_tick


def bass_twice(bass: BassRoll) -> BassRoll:
    """Return a bass line that is played twice."""
    return BassRoll(
        np.tile(bass.onset, (ROUNDS, 1)), np.tile(bass.sustain, (ROUNDS, 1)), np.tile(bass.velocities, ROUNDS)
    )


def drums_twice(drums: DrumRoll) -> DrumRoll:
    """Return drums that are played twice."""
    return DrumRoll(np.tile(drums.velocities, (ROUNDS, 1)), np.tile(drums.offsets, (ROUNDS, 1)))


def sounding_twice(sounding: Sounding) -> Sounding:
    """Return where two rounds sound; what begins late in the first bar is no pickup, since a round came
    before."""
    steps = None if sounding.steps is None else np.tile(sounding.steps, (ROUNDS, 1))
    measures = np.tile(np.arange(len(sounding.measures)), ROUNDS)
    form = None if sounding.form is None else sounding.form[measures]
    return Sounding(sounding.measures[measures], steps=steps, form=form)
