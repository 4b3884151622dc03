"""A whole song from a drummer that knows phrases of four measures: where it plays, what bass it is given,
how phrases join.

The song is cut into phrases of four measures from the first measure with sound; each phrase is played
knowing the drums of the phrase before it. The last phrase, where fewer than four measures are left, is a
window over the song's last four
measures of which only the new ones are kept: it is filled by looking back at real music, never padded with
silence.

Where the drummer plays: in every measure in which any pitched part sounds; a note that rings on counts.
Where the whole band rests, it rests. What bass it is given: that of the measure. Where the bass rests it is
given the last four measures the bass played, round and round in step; before the bass has come in (an
intro) the first four it will play. So an intro, a break of the bass or an outro gets the groove of its
neighbourhood. With a lookahead of one phrase, a phrase is played to the bass of the phrase before it, and
the very first phrase, which has none before it, to its own.

Conventions: hits are (num_measures * 16, 12) bool over the voices of the kit; a phrase is (64, 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from basedrum.drummer.form import phrase_starts
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.music.kit import CLOSED_HAT, NUM_VOICES
from basedrum.music.metre import common_time
from basedrum.music.rolls import BassRoll, active_steps
from basedrum.music.sounding import Sounding


class PhrasePlayer(Protocol):
    """A drummer in the middle of a song: it answers one phrase after the other, its noise and settings its
    own."""

    def play(
        self, bass: np.ndarray, qpm: float, measure_steps: np.ndarray, previous: np.ndarray | None, index: int
    ) -> np.ndarray:
        """Return hits (64, 12) bool for bass (2, 64, 72) bool at qpm quarters per minute.

        measure_steps (4,) are the active steps of each measure; previous (64, 12) bool are the drums of the
        phrase before (None at the start); index counts the phrases of the song from 0.
        """

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Take note of a phrase: the bass (2, 64, 72) that was heard, the drums (64, 12) that were played."""


def play_song(
    state: PhrasePlayer,
    bass: BassRoll,
    grid: Grid,
    sounding: Sounding,
    lookahead: int = 0,
    starts: Sequence[int] | None = None,
) -> np.ndarray:
    """Return the drums of a whole song as hits (M * 16, 12) bool, none on an inactive step nor at or after
    `grid.end_tick`.

    Args:
        bass: the whole song's bass, M * 16 steps.
        sounding: where the band plays. If it begins with a pickup, no hit comes before it and phrases begin
            with the next bar.
        lookahead: 0 plays a phrase to its own bass, 1 to the bass of the phrase before.
        starts: measures of 4/4 (see `common_time`) at which phrases begin; None: where the bass says so
            (see `form`).

    Raises:
        ValueError: bass, grid and sounding are of different lengths.
    """
    num_measures = grid.num_measures
    if bass.num_steps != num_measures * STEPS_PER_MEASURE or len(sounding.measures) != num_measures:
        lengths = f"bass of {bass.num_steps} steps and {len(sounding.measures)} measures"
        raise ValueError(f"{lengths} do not fit a grid of {num_measures} measures")
    first_bar = first_full_bar(grid, sounding.start_tick)
    bars = common_time(grid, first_bar)
    is_played = bars.sounding(sounding.measures)
    first = int(np.searchsorted(grid.bars[bars.measures], first_bar))
    cells = np.stack([bars.gather(bass.onset), bars.gather(bass.sustain)])
    if starts is None:
        starts = phrase_plan(cells[0], is_played, first)
    listens = Listening(cells, bars.steps)
    hits = np.zeros((len(bars.steps), STEPS_PER_MEASURE, NUM_VOICES), bool)
    tempo = grid.measure_qpm[bars.measures]
    previous, heard_before = None, None
    for index, (window, num_new) in enumerate(phrase_windows(is_played, first, starts)):
        new = window[MEASURES_PER_PHRASE - num_new :]
        if window[-1] < first:  # the pickup, the last to be played: nothing was before it
            previous, heard_before = None, None
        heard = window if lookahead == 0 or heard_before is None else heard_before
        heard_before = window
        if not is_played[new].any():
            continue  # the whole band rests; the next phrase still follows the drums before the rest
        steps = bars.steps[window]
        active = active_steps(steps)
        phrase = listens.phrase(heard, window)
        qpm = float(tempo[window[0]])
        previous = np.asarray(state.play(phrase, qpm, steps, previous, index), bool) & active[:, None]
        state.remember(phrase, previous)
        hits[new] = previous.reshape(MEASURES_PER_PHRASE, STEPS_PER_MEASURE, NUM_VOICES)[-num_new:]
    hits = bars.scatter(hits, num_measures).reshape(num_measures, STEPS_PER_MEASURE, NUM_VOICES)
    hits &= sounding.measures[:, None, None]
    hits = in_threes(hits, bass.hits.reshape(num_measures, -1), grid)
    step_ticks = grid.tick_at(np.arange(num_measures)[:, None], np.arange(STEPS_PER_MEASURE))
    is_open = step_ticks < grid.end_tick
    if first_bar and sounding.start_tick is not None:
        is_open &= step_ticks > sounding.start_tick - grid.ticks_per_step
    return (hits & is_open[..., None]).reshape(-1, NUM_VOICES)


class Listening:
    """What a drummer hears of a song, given its bass (2, N, 16, 72) and the active steps of its measures
    (N,)."""

    def __init__(self, cells: np.ndarray, steps: np.ndarray) -> None:
        self.cells, self.steps = cells, steps
        self.source = heard_measures(cells.any(axis=(0, 2, 3)))

    def phrase(self, heard: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Return (2, 64, 72): the bass of the measures `heard`, on the steps that the measures `window`
        have."""
        active = active_steps(self.steps[window])
        return self.cells[:, self.source[heard]].reshape(2, STEPS_PER_PHRASE, -1) & active[:, None]


def phrase_plan(bass_onsets: np.ndarray, sounding: np.ndarray, first: int) -> list[int]:
    """Return the measures at which phrases begin in a song of which (N,) measures sound, those before `first`
    its pickup."""
    where = np.flatnonzero(sounding)
    where = where[where >= first]
    return phrase_starts(bass_onsets, int(where[0]), int(where[-1]) + 1) if len(where) else []


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


def in_threes(hits: np.ndarray, bass_hits: np.ndarray, grid: Grid) -> np.ndarray:
    """Return hits (M, 16, 12) with ternary beats played in three.

    What falls in the very middle of such a beat moves to its last third, unless the bass (M, 16) plays there
    too: of real drummers 1 hit in 50 of swung songs lies there, of ours 1 in 14. In compound bars of fewer
        than four beats (6/8) a closed
    hat on the first and the last third plays the second as well: real hats sound there in .45 of the beats,
        ours in .1.
    """
    hits = hits.copy()
    beats = hits.reshape(len(hits), -1, STEPS_PER_BEAT, NUM_VOICES)
    moved = grid.is_ternary[:, None] & ~bass_hits.reshape(beats.shape[:3])[:, :, 2]
    beats[:, :, 3] |= beats[:, :, 2] & moved[..., None]
    beats[:, :, 2] &= ~moved[..., None]
    flows = (grid.pace != 1) & (grid.measure_steps < STEPS_PER_MEASURE)
    beats[:, :, 1, CLOSED_HAT] |= beats[:, :, 0, CLOSED_HAT] & beats[:, :, 3, CLOSED_HAT] & flows[:, None]
    return hits


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
        after = begin + np.arange(MEASURES_PER_PHRASE - len(pickup)) % (stop - begin)
        windows.append((np.concatenate([after, pickup]), len(pickup)))
    return windows


def heard_measures(bass_plays: np.ndarray) -> np.ndarray:
    """Return (M,) int: the measure whose bass the drummer hears in each measure, given (M,) bool where the
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
