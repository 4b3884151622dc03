"""Some bars of a song played anew, the drums of the others kept.

The drummer goes on from the kept drums: the four measures before the first new one are the phrase before. It
plays phrases of four measures from there; where the last of them reaches past the new bars it hears the bass
to come and only the new bars are kept, and at the end of the song it looks back, as a whole song does. What
comes after is not played to: the kept drums behind the new bars do not know them. Begun where a phrase of the
song begins, with the song's own seed and options, the same drums come again (not always where it swings: hits
played late there are read back on the nearest step).

Conventions: as in `song`.
"""

from __future__ import annotations

import numpy as np

from basedrum.drummer.song import (
    Listening,
    PhrasePlayer,
    first_full_bar,
    phrase_plan,
    phrase_windows,
    play_song,
)
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.music.metre import common_time
from basedrum.music.rolls import BassRoll


def redo_song(
    state: PhrasePlayer,
    bass: BassRoll,
    grid: Grid,
    sounding: np.ndarray,
    kept: np.ndarray,
    first: int,
    last: int,
    lookahead: int = 0,
    start_tick: int | None = None,
) -> np.ndarray:
    """Return hits (M * 16, 12) bool: `kept`, but measures `first` to `last` (from 0, both included) played
    anew.

    Args:
        kept: (M * 16, 12) bool, the drums the song has.
        state, bass, grid, sounding, lookahead, start_tick: as for `play_song`.
    """
    first_bar = first_full_bar(grid, start_tick)
    bars = common_time(grid, first_bar)
    measure = np.arange(grid.num_measures)
    is_new = (first <= measure) & (measure <= last)
    in_span = bars.sounding(is_new)
    is_played = bars.sounding(np.asarray(sounding, bool))
    where = np.flatnonzero(is_played)
    if not len(where) or not in_span.any():
        return kept
    cells = np.stack([bars.gather(bass.onset), bars.gather(bass.sustain)])
    first_measure = int(np.searchsorted(grid.bars[bars.measures], first_bar))
    plan = phrase_plan(cells[0], is_played, first_measure)
    begin, end = np.flatnonzero(in_span)[[0, -1]].tolist()
    stop = begin + -(-(end + 1 - begin) // MEASURES_PER_PHRASE) * MEASURES_PER_PHRASE
    before = sum(start <= begin for start in plan) - 1
    if begin in plan:
        stop = min([start for start in plan if start > end], default=stop)
    stop = min(stop, int(where[-1]) + 1)
    start = max(min(begin, stop - MEASURES_PER_PHRASE), int(where[0]))
    asked = np.isin(measure, _measures(bars.drum_cells[start:stop]))
    if (
        before > 0
    ):  # what a drummer draws for a song's first phrase is the song's: without it, another drummer would go on
        opens = np.isin(measure, _measures(bars.drum_cells[plan[0] : plan[0] + MEASURES_PER_PHRASE]))
        play_song(
            Begun(state, None, 0, remembers=False),
            bass,
            grid,
            sounding & opens,
            lookahead,
            start_tick,
            plan[:1],
        )
    listens, drums, heard_before = Listening(cells, bars.steps), bars.gather(kept), None
    for window, _ in phrase_windows(is_played, first_measure, plan):
        if first_measure <= window[-1] < begin and is_played[window].any():
            heard = window if lookahead == 0 or heard_before is None else heard_before
            state.remember(listens.phrase(heard, window), drums[window].reshape(STEPS_PER_PHRASE, -1))
        heard_before = window
    begun = Begun(state, _before(drums, begin), max(0, before))
    new = play_song(begun, bass, grid, sounding & asked, lookahead, start_tick, plan if begin in plan else ())
    return np.where(np.repeat(is_new, STEPS_PER_MEASURE)[:, None], new, kept)


class Begun:
    """A drummer that has played `num_phrases` phrases before, the last of them `before` (64, 12)."""

    def __init__(
        self, state: PhrasePlayer, before: np.ndarray | None, num_phrases: int, remembers: bool = True
    ) -> None:
        self.state, self.before, self.num_phrases, self.remembers = state, before, num_phrases, remembers

    def play(
        self, bass: np.ndarray, qpm: float, measure_steps: np.ndarray, previous: np.ndarray | None, index: int
    ) -> np.ndarray:
        """Return hits (64, 12) bool as `PhrasePlayer`; where nothing is said to have been played before, it
        knows better."""
        before = self.before if previous is None else previous
        return self.state.play(bass, qpm, measure_steps, before, self.num_phrases + index)

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Take note of a phrase, as `PhrasePlayer`, if it is to be remembered."""
        if self.remembers:
            self.state.remember(bass, hits)


def _measures(cells: np.ndarray) -> np.ndarray:
    """Return the measures that cells (-1 for none) lie in."""
    return cells[cells >= 0] // STEPS_PER_MEASURE


def _before(kept: np.ndarray, first: int) -> np.ndarray | None:
    """Return the four measures of `kept` (N, 16, 12) before `first`, (64, 12); where there are fewer, they go
    round."""
    count = min(first, MEASURES_PER_PHRASE)
    if not count:
        return None
    return kept[first - count + np.arange(-MEASURES_PER_PHRASE, 0) % count].reshape(STEPS_PER_PHRASE, -1)
