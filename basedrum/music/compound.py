"""Compound time (6/8, 9/8, 12/8): which songs count it in dotted beats, and those beats made quarters.

A bar of 6/8 that is counted in two dotted beats is treated as two quarters; one counted in three quarters, as
a hemiola is, stays as written. `swing` and `laid_grid` build on the quarters.

Conventions: (M,) arrays are over the measures of the grid. The pace of a measure is the number of straight
ticks to one own tick: 1, and 2/3 where an eighth is a third of the beat.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.warp import Warp

Metres = frozenset[tuple[int, int]]
"""Time signatures as (numerator, denominator)."""


def is_compound(numerator: int, denominator: int) -> bool:
    """Say whether a time signature may have dotted beats: 6/8, 9/8, 12/8, 6/16 ..."""
    return denominator >= 8 and numerator % 3 == 0 and numerator >= 6


def dotted_metres(bass: Notes, grid: Grid) -> Metres:
    """Return the compound metres of a song that its bass counts in dotted beats.

    The others it counts in twos, as a 6/8 of three quarters: there it begins more notes on an eighth that
    only twos have than on one that only threes have.
    """
    ticks, starts = np.unique(bass.start_ticks), grid.measure_ticks[grid.starts_bar]
    bar = np.maximum(np.searchsorted(starts, ticks + grid.ticks_per_step / 2, side="right") - 1, 0)
    signatures = grid.time_signatures
    changes = np.asarray([tick for tick, _, _ in signatures])
    signature_of_bar = np.searchsorted(changes, starts + 1, side="right") - 1
    found = set()
    for metre in {(numerator, denominator) for _, numerator, denominator in signatures}:
        if not is_compound(*metre):
            continue
        has_metre = np.asarray([signature[1:] == metre for signature in signatures])
        inside = (has_metre[signature_of_bar] & (signature_of_bar >= 0))[bar]
        pulses = (ticks - starts[bar])[inside] * metre[1] / (4 * grid.ticks_per_quarter)
        if not _counts_in_twos(pulses, metre[0]):
            found.add(metre)
    return frozenset(found)


def _counts_in_twos(pulses: np.ndarray, num_pulses: int) -> bool:
    """Say whether onsets, in pulses from the start of their bar, fall in twos rather than in threes."""
    nearest = np.clip(np.round(pulses).astype(int), 0, num_pulses)
    counts = np.bincount(nearest, minlength=num_pulses + 1)[:num_pulses]  # the last: the next bar's first
    place = np.arange(num_pulses)
    only_threes = (place % 3 == 0) & (place > 0)
    only_twos = (place % 2 == 0) & (place % 3 != 0)
    return bool(counts[only_twos].mean() > counts[only_threes].mean())


def without_dotted_beats(grid: Grid, dotted: Metres | None) -> tuple[Grid, Warp | None, np.ndarray]:
    """Return the grid with a quarter for each dotted beat, the map to its ticks, and the pace (M,).

    Args:
        dotted: the compound metres that have dotted beats; None: all of them.

    Returns:
        The grid itself and None for the map where no bar has dotted beats.
    """
    signatures = [signature for signature in grid.time_signatures if signature[0] < max(grid.end_tick, 1)]
    if dotted is None:
        dotted = frozenset((n, d) for _, n, d in signatures if is_compound(n, d))
    if not any((n, d) in dotted for _, n, d in signatures):
        return grid, None, np.ones(grid.num_measures)
    if signatures[0][0] > 0:
        signatures.insert(0, (0, 4, 4))
    changes = [tick for tick, _, _ in signatures]
    own = np.asarray([*changes, max(grid.end_tick, changes[-1] + 1)], np.float64)
    paces = np.asarray([d / 12 if (n, d) in dotted else 1.0 for _, n, d in signatures])
    at = np.concatenate([[0.0], np.cumsum(np.diff(own) * paces)])
    metres = []
    for start, (_, numerator, denominator) in zip(at.tolist(), signatures, strict=False):
        if (numerator, denominator) in dotted:
            metres.append((start, numerator // 3, 4))
        else:
            metres.append((start, numerator, denominator))
    end = float(at[-1])  # straight ticks need not be whole
    straight = Grid(grid.ticks_per_quarter, end, (), tuple(metres))  # type: ignore[arg-type]
    pace = paces[np.searchsorted(at[:-1], straight.measure_ticks + 1e-6, side="right") - 1]
    own[-1] += (straight.last_tick - at[-1]) / paces[-1]
    return straight, Warp(own, np.append(at[:-1], straight.last_tick)), pace
