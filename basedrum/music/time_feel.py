"""Half time and double time: a song's bars laid out for a drummer who counts half or twice as fast.

A drummer of 4/4 songs plays the backbeat on 2 and 4. Given two written bars as one of twice the length, at
half the tempo, that is the 3 of each written bar: half time. Given half a written bar as a whole one, at
twice the tempo, it is every off-beat: double time.

Conventions: ticks stay the song's own; what changes is how many of them are a quarter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.kit import SIDE_STICK, SNARE, VOICE_OF_PITCH
from basedrum.music.notes import Notes

QUARTERS = {"normal": 1.0, "half": 2.0, "double": 0.5}
"""How many written quarters are one of the drummer's, by feel."""
USUAL, SELDOM = 0.6, 0.2  # shares of bars
FEWEST_BARS = 4


def counted_as(grid: Grid, feel: str, start_tick: int = 0) -> Grid:
    """Return the grid of a drummer who counts the song's bars in another feel; `grid` itself for "normal".

    Args:
        feel: one of `QUARTERS`.
        start_tick: where the song begins; in half time its first bar begins one of the drummer's.
    """
    quarters = QUARTERS[feel]
    if quarters == 1:
        return grid
    signatures = grid.time_signatures or ((0, 4, 4),)
    if quarters > 1:
        signatures = _begun_at(grid, signatures, start_tick)
    # Half of an odd number is no int; a grid that is not written is only divided by it.
    resolution = cast(int, grid.ticks_per_quarter * quarters)
    return replace(grid, ticks_per_quarter=resolution, time_signatures=signatures)


def _begun_at(
    grid: Grid, signatures: tuple[tuple[int, int, int], ...], start_tick: int
) -> tuple[tuple[int, int, int], ...]:
    """Return the time signatures with the one that holds there said again at the bar that begins the song."""
    bars = grid.measure_ticks[grid.starts_bar]
    bar = int(bars[max(0, np.searchsorted(bars, start_tick, side="right") - 1)])
    before = [signature for signature in signatures if signature[0] <= bar]
    after = [signature for signature in signatures if signature[0] > bar]
    metre = before[-1][1:] if before else (4, 4)
    return (*(signature for signature in before if signature[0] < bar), (bar, *metre), *after)


def bars_within(written: Grid, counted: Grid, span: tuple[int, int]) -> tuple[int, int]:
    """Return the first and last bar of the grid `counted` that the bars `span` of the grid `written` lie
    in."""
    if counted.bars[-1] == written.bars[-1]:
        return span
    edges = np.append(written.measure_ticks[written.starts_bar], written.last_tick)
    inner = np.asarray([edges[span[0]] + 0.5, edges[span[1] + 1] - 0.5])  # clear of the bar lines
    measures = np.searchsorted(counted.measure_ticks, inner, side="right") - 1
    first, last = counted.bars[measures].tolist()
    return first, last


def feel_of(drums: Notes, grid: Grid) -> str:
    """Return the feel in which drums count the bars of `grid`: "half", "double" or "normal".

    Half time has the snare on 3 in most bars with a snare, and hardly on 2 and 4; double time on all four
    off-beats. Only bars of 4/4 count; "normal" where there are fewer than four of them.
    """
    voices = VOICE_OF_PITCH[drums.pitches]
    snares = drums[(voices == SNARE) | (voices == SIDE_STICK)]
    measure, step, _ = grid.locate(snares.start_ticks)
    struck = np.zeros((grid.num_measures, STEPS_PER_MEASURE), bool)
    struck[measure, step] = True
    bars = struck[(grid.measure_steps == STEPS_PER_MEASURE) & struck.any(axis=1)]
    if len(bars) < FEWEST_BARS:
        return "normal"
    share = bars.mean(axis=0)
    if share[[4, 12]].max() >= SELDOM:
        return "normal"
    if share[[2, 6, 10, 14]].min() >= USUAL:
        return "double"
    return "half" if share[8] >= USUAL else "normal"
