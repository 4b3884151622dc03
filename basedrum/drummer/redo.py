"""Some bars of a song played again, the drums of the others kept.

The drummer goes on from the kept drums: the four measures before the first new one are the phrase before.
It plays phrases of four measures from there; where the last of them reaches past the new bars it is given
the bass to come and only the new bars are kept, and at the end of the song it looks back, as a whole song
does. What comes after is not
played to: the kept drums behind the new bars do not know them. Begun where a phrase of the song begins,
with the song's own seed and options, the same drums come again (not always where it swings: hits played
late there are read back on the nearest step).

Conventions: as in `song`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from basedrum.drummer.layout import SongLayout
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.song import PhrasePlayer, play_song
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.music.rolls import BassRoll
from basedrum.music.sounding import Sounding


@dataclass(frozen=True)
class Kept:
    """Drums that are there already, and what is to be played again.

    Attributes:
        hits: (M * 16, 12) bool, the drums the song has.
        first, last: the measures to be played again, from 0, both included.
    """

    hits: np.ndarray
    first: int
    last: int


def redo_song(
    state: PhrasePlayer, bass: BassRoll, grid: Grid, sounding: Sounding, kept: Kept, lookahead: int = 0
) -> np.ndarray:
    """Return hits (M * 16, 12) bool: those of `kept`, but its measures `first` to `last` played again.

    state, bass, grid, sounding, lookahead: as for `play_song`.
    """
    layout = SongLayout(bass, grid, sounding)
    bars = layout.bars
    measure = np.arange(grid.num_measures)
    is_new = (kept.first <= measure) & (measure <= kept.last)
    in_span = bars.sounding(is_new)
    if not layout.is_played.any() or not in_span.any():
        return kept.hits
    start, stop = _span_to_play(in_span, layout)
    begin = int(np.flatnonzero(in_span)[0])
    plan = layout.starts
    before = sum(start_of <= begin for start_of in plan) - 1
    drums = bars.gather(kept.hits)
    _remember_before(state, layout, drums, begin, lookahead)
    begun = Begun(state, _before(drums, begin), max(0, before))
    asked = np.isin(measure, _measures(bars.drum_cells[start:stop]))
    new = play_song(begun, bass, grid, sounding & asked, lookahead, plan if begin in plan else ())
    return np.where(np.repeat(is_new, STEPS_PER_MEASURE)[:, None], new, kept.hits)


def _remember_before(
    state: PhrasePlayer, layout: SongLayout, drums: np.ndarray, begin: int, lookahead: int
) -> None:
    """Let the drummer remember the kept drums (N, 16, 12) of the phrases that end before measure `begin`."""
    window_before = None
    for window, _ in layout.windows():
        if layout.first <= window[-1] < begin and layout.is_played[window].any():
            source = window if lookahead == 0 or window_before is None else window_before
            state.remember(layout.bass(source, window), drums[window].reshape(STEPS_PER_PHRASE, -1))
        window_before = window


def _span_to_play(in_span: np.ndarray, layout: SongLayout) -> tuple[int, int]:
    """Return the first measure to be played and the one after the last: `in_span` (N,) bool in whole phrases,
    inside of the measures that sound."""
    plan, where = layout.starts, np.flatnonzero(layout.is_played)
    begin, end = np.flatnonzero(in_span)[[0, -1]].tolist()
    stop = begin + -(-(end + 1 - begin) // MEASURES_PER_PHRASE) * MEASURES_PER_PHRASE
    if begin in plan:
        stop = min([start for start in plan if start > end], default=stop)
    stop = min(stop, int(where[-1]) + 1)
    return max(min(begin, stop - MEASURES_PER_PHRASE), int(where[0])), stop


class Begun:
    """A drummer that has played `num_phrases` phrases before, the last of them `before` (64, 12)."""

    def __init__(self, state: PhrasePlayer, before: np.ndarray | None, num_phrases: int) -> None:
        self.state, self.before, self.num_phrases = state, before, num_phrases

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool as `PhrasePlayer`; where none are given, `before` are the drums
        before."""
        before = self.before if phrase.previous is None else phrase.previous
        return self.state.play(replace(phrase, previous=before, index=self.num_phrases + phrase.index))

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory, as `PhrasePlayer`."""
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
