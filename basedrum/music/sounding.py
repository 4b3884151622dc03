"""Where a song sounds: the measures in which any part plays, and where the first note begins.

Conventions: measures are those of a `Grid`; ticks are absolute from the start of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.sections import Form


@dataclass(frozen=True)
class Sounding:
    """Where the band plays.

    Attributes:
        measures: (M,) bool, whether any part sounds in the measure.
        start_tick: where the first note begins; None where that is not known (then nothing counts as a
            pickup).
        steps: (M, 16) bool, whether any part sounds at the step; None where that is not known.
        form: where its parts come in and go; None where that is not known.
    """

    measures: np.ndarray
    start_tick: int | None = None
    steps: np.ndarray | None = None
    form: Form | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", np.asarray(self.measures, bool))

    def __and__(self, measures: np.ndarray) -> Sounding:
        """Return the same song, silent outside of `measures` (M,) bool."""
        return replace(self, measures=self.measures & measures)

    @classmethod
    def of(cls, parts: Sequence[Notes], grid: Grid, start_tick: int | None = None) -> Sounding:
        """Return where the parts sound: measures in which a note starts, or sounds for half a step or more.

        start_tick: where the band begins, if not with the first note of these parts.
        """
        notes = Notes.join(list(parts))
        first, _, _ = grid.locate(notes.start_ticks)
        last_moment = notes.end_ticks - grid.ticks_per_step / 2
        until = np.searchsorted(grid.measure_ticks, last_moment, side="left") - 1
        edges = np.zeros(grid.num_measures + 1, np.int64)
        np.add.at(edges, first, 1)
        np.add.at(edges, np.maximum(first, until) + 1, -1)
        if start_tick is None and len(notes):
            start_tick = int(notes.start_ticks.min())
        return cls(np.cumsum(edges)[:-1] > 0, start_tick, _sounding_steps(notes, grid))


def _sounding_steps(notes: Notes, grid: Grid) -> np.ndarray:
    """Return (M, 16) bool: the steps at which notes sound, each at least on its first."""
    num_measures = grid.num_measures
    starts = grid.cells_at(notes.start_ticks)
    edges = np.zeros(num_measures * STEPS_PER_MEASURE + 1, np.int64)
    np.add.at(edges, starts, 1)
    np.add.at(edges, np.maximum(grid.cells_at(notes.end_ticks), starts + 1), -1)
    return (np.cumsum(edges)[:-1] > 0).reshape(num_measures, STEPS_PER_MEASURE)
