"""A song laid out for a drummer who plays phrases of four measures: where phrases begin, and what bass each
is given.

Where the bass rests, the drummer is given the last four measures the bass played, round and round in step;
before the bass has come in (an intro) the first four it will play.

Conventions: the N measures here are those of 4/4 that the song's bars are laid on (see
`music.metre.common_time`); a phrase is a window of four of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from basedrum.drummer.form import phrase_starts
from basedrum.music.form_features import form_features
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.music.kit import NUM_VOICES
from basedrum.music.metre import common_time
from basedrum.music.rolls import BassRoll, active_steps
from basedrum.music.sections import Form, section_borders
from basedrum.music.sounding import Sounding


class SongLayout:
    """A song's bass, laid on measures of 4/4 and cut into phrases.

    Attributes:
        first: the measure with which phrases begin, the first of the bar after a pickup.
        is_played: (N,) bool, whether the band plays in the measure.
        steps: (N,) the active steps of each measure; qpm: (N,) its tempo.
        starts: the measures at which phrases begin, as the bass says (see `form`).
        form: (N + 1, F) uint8, where in the song's form they lie (`music.form_features`).

    Raises:
        ValueError: bass, grid and sounding are of different lengths.
    """

    def __init__(self, bass: BassRoll, grid: Grid, sounding: Sounding) -> None:
        num_measures = grid.num_measures
        if bass.num_steps != num_measures * STEPS_PER_MEASURE or len(sounding.measures) != num_measures:
            lengths = f"bass of {bass.num_steps} steps and {len(sounding.measures)} measures"
            raise ValueError(f"{lengths} do not fit a grid of {num_measures} measures")
        self.grid, self.sounding = grid, sounding
        self.first_bar = first_full_bar(grid, sounding.start_tick)
        self.bars = common_time(grid, self.first_bar)
        self.steps = self.bars.steps
        self.qpm = grid.measure_qpm[self.bars.measures]
        self.is_played = self.bars.sounding(sounding.measures)
        self.first = int(np.searchsorted(grid.bars[self.bars.measures], self.first_bar))
        self._cells = np.stack([self.bars.gather(bass.onset), self.bars.gather(bass.sustain)])
        self._source = bass_sources(np.any(self._cells, axis=(0, 2, 3)))
        self.starts = self._phrase_starts()
        self.form = self._form()

    def _phrase_starts(self) -> list[int]:
        where = np.flatnonzero(self.is_played)
        where = where[where >= self.first]
        return phrase_starts(self._cells[0], int(where[0]), int(where[-1]) + 1) if len(where) else []

    def _form(self) -> np.ndarray:
        """Return (N + 1, F): where in the song's form its measures lie, as `music.form_features`."""
        form = (self.sounding.form or Form.unknown(self.grid.num_measures)).laid_on(self.bars)
        border = section_borders(self._cells[0][self.first :])  # a pickup is not in the song's form
        laid = replace(form, border=np.concatenate([np.zeros(self.first), border]))
        where = np.flatnonzero(self.is_played)
        where = np.append(where[where >= self.first], self.first)
        return form_features(laid, int(where[0]), int(where.max()) + 1)

    def windows(self, starts: Sequence[int] | None = None) -> list[tuple[np.ndarray, int]]:
        """Return the windows of `phrase_windows`, phrases beginning at `starts` (None: the song's own)."""
        return phrase_windows(self.is_played, self.first, self.starts if starts is None else starts)

    def bass(self, source: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Return (2, 64, 72): the bass of the measures `source`, on the steps that the measures `window`
        have."""
        active = active_steps(self.steps[window])
        return self._cells[:, self._source[source]].reshape(2, STEPS_PER_PHRASE, -1) & active[:, None]

    def to_song(self, hits: np.ndarray) -> np.ndarray:
        """Return hits (N, 16, 12) on the song's own measures (M, 16, 12), silent where the band is."""
        num_measures = self.grid.num_measures
        laid = self.bars.scatter(hits, num_measures).reshape(num_measures, STEPS_PER_MEASURE, NUM_VOICES)
        return laid & self.sounding.measures[:, None, None]


def first_full_bar(grid: Grid, start_tick: int | None) -> int:
    """Return the bar, from 0, with which phrases begin: the one after a pickup, which begins in the second
    half of its bar."""
    if start_tick is None:
        return 0
    measure, _, _ = grid.locate(np.asarray([start_tick]))
    bar = int(grid.bars[measure[0]])
    starts = np.append(grid.measure_ticks[grid.starts_bar], grid.last_tick)
    is_pickup = start_tick - starts[bar] >= (starts[bar + 1] - starts[bar]) / 2 - grid.ticks_per_step / 4
    return bar + 1 if is_pickup and bar + 2 < len(starts) else 0


def phrase_windows(
    sounding: np.ndarray, first: int = 0, starts: Sequence[int] = ()
) -> list[tuple[np.ndarray, int]]:
    """Return (window, num_new) per phrase: the four measures played, of which the last num_new (1..4) are
    kept.

    The windows cover the song from its first to its last measure with sound; a song shorter than four
    measures goes round. What sounds before measure `first`, a pickup, comes last, as the end of a phrase that
    goes on with the first measures. A phrase begins at each of `starts`, and where four measures have passed.
    """
    where = np.flatnonzero(sounding)
    pickup, where = where[where < first][-MEASURES_PER_PHRASE + 1 :], where[where >= first]
    if not len(where):
        return []
    begin, stop = int(where[0]), int(where[-1]) + 1
    windows = []
    edges = [begin, *(start for start in starts if begin < start < stop), stop]
    for here, after in pairwise(edges):
        for start in range(here, after, MEASURES_PER_PHRASE):
            end = min(start + MEASURES_PER_PHRASE, after)
            window = np.arange(end - begin - MEASURES_PER_PHRASE, end - begin)
            window = np.where(window < 0, window % min(MEASURES_PER_PHRASE, stop - begin), window)
            windows.append((begin + window, end - start))
    if len(pickup):
        next_measures = begin + np.arange(MEASURES_PER_PHRASE - len(pickup)) % (stop - begin)
        windows.append((np.concatenate([next_measures, pickup]), len(pickup)))
    return windows


def bass_sources(bass_plays: np.ndarray) -> np.ndarray:
    """Return (M,) int: the measure whose bass the drummer is given in each measure, given (M,) bool where the
    bass sounds."""
    source = np.arange(len(bass_plays))
    playing = np.flatnonzero(bass_plays)
    if not len(playing):
        return source
    before = np.searchsorted(playing, source, side="right")  # playing measures up to and with this one
    for measure in np.flatnonzero(~bass_plays):
        known = playing[: before[measure]][-MEASURES_PER_PHRASE:]
        came_in = known[-1] + 1 if len(known) else playing[0]
        known = known if len(known) else playing[:MEASURES_PER_PHRASE]
        source[measure] = known[(measure - came_in) % len(known)]
    return source
