"""A grid that bends with the beats of a song: swung off-beats and compound beats laid on whole steps.

Drummers are learned from songs laid on the nearest sixteenth, where a swung off-beat is the fourth sixteenth
of its beat. So on a `LaidGrid` the off-beat of a swung beat *is* that step, for the bass going in and for the
drums coming out; that of a light swing (below .625) is the third. A dotted beat of compound time is one beat
of four steps, its three eighths the steps 0, 1 and 3. Straightening a swung bass instead made the drums fit
real ones less well (`lab/NOTES.md`).

Conventions: positions are fractions of a beat, 0..1; (M,) arrays are over the measures of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from basedrum.music.compound import Metres, dotted_metres, without_dotted_beats
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.swing import STRAIGHT, Swing, estimate_swing, may_swing
from basedrum.music.warp import Warp

TRIPLET = 2 / 3
FOURTH_STEP_FROM = 0.625  # from here on the nearest sixteenth to an off-beat is the fourth of its beat


@dataclass(frozen=True)
class LaidGrid(Grid):
    """A grid whose beats are bent: the measures and steps of `straight`, at the ticks that `warp` gives them.

    Its bars are the written ones. A compound bar has four steps a dotted beat: 12/8 is a measure of 16 steps,
    6/8 one of 8.

    Attributes:
        straight: the same measures with even beats.
        warp: from the song's own ticks to those of `straight`.
        pace: (M,) straight ticks an own tick: 1, in compound time of eighths 2/3.
        is_ternary: (M,) bool, whether the steps of a beat fall at 0, 1/3, 1/2 and 2/3 of it, or near.
        swing: how its simple measures swing.
    """

    straight: Grid = field(kw_only=True)
    warp: Warp = field(kw_only=True)
    pace: np.ndarray = field(kw_only=True)
    is_ternary: np.ndarray = field(kw_only=True)
    swing: Swing = field(kw_only=True)

    @cached_property
    def _measures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        starts, steps, starts_bar, bars = self.straight._measures
        return self.warp.to_own(starts), steps, starts_bar, bars

    @property
    def last_tick(self) -> float:
        return float(self.warp.to_own(self.straight.last_tick))

    @property
    def measure_qpm(self) -> np.ndarray:
        """(M,) beats per minute at the start of each measure: of the dotted beat in compound time."""
        return super().measure_qpm * self.pace

    def locate(self, ticks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.straight.locate(self.warp.to_straight(ticks))

    def cells_at(self, ticks: np.ndarray) -> np.ndarray:
        return self.straight.cells_at(self.warp.to_straight(ticks))

    def tick_at(self, measure: np.ndarray, step: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
        at = self.straight.measure_ticks[measure] + (np.asarray(step) + offset) * self.ticks_per_step
        return np.maximum(np.floor(self.warp.to_own(at) + 0.5), 0).astype(np.int64)


def lay_song(bass: Notes, others: Notes, grid: Grid, ratio: float | None = None) -> tuple[Grid, Grid]:
    """Return the grids to lay the bass on and to play the drums on: the same measures and steps, each at its
    own ticks.

    Args:
        others: the song's other pitched parts, asked where the bass plays hardly any off-beats.
        ratio: long to short of the drums' eighths, 1 straight to 3 dotted, in the whole song; None: they
            swing as the bass does.
    """
    dotted = dotted_metres(bass, grid)
    swing = estimate_swing(bass, others, grid, dotted)
    if ratio is None:
        laid = lay_out(grid, swing, dotted=dotted)
        return laid, laid
    of_drums = Swing.of_ratio(ratio, len(swing.eighths))
    return lay_out(grid, swing, of_drums, dotted), lay_out(grid, of_drums, swing, dotted)


def lay_out(
    grid: Grid, swing: Swing | None = None, partner: Swing | None = None, dotted: Metres | None = None
) -> Grid:
    """Return `grid` with its compound bars and its swung beats laid on steps, or `grid` itself without any.

    Args:
        swing: where the off-beats fall; None is straight.
        partner: how the part on the other grid swings (the bass's for the drums, the drums' for the bass), if
            not alike. An off-beat is the fourth step of its beat where both swing enough.
        dotted: the compound metres to count in dotted beats; None: all.
    """
    straight, coarse, pace = without_dotted_beats(grid, dotted)
    can_swing = may_swing(straight, pace)
    swing = swing or Swing.straight(len(pace))
    partner = partner or swing
    eighths = np.where(can_swing, swing.eighths, STRAIGHT)
    sixteenths = np.where(can_swing, swing.sixteenths, STRAIGHT)
    if coarse is None and (eighths == STRAIGHT).all() and (sixteenths == STRAIGHT).all():
        return grid
    swings_enough = (np.minimum(eighths, partner.eighths) >= FOURTH_STEP_FROM) & can_swing
    is_ternary = (pace != 1) | swings_enough
    inner = _inside_the_beat(np.where(pace != 1, TRIPLET, eighths), sixteenths, is_ternary)
    return LaidGrid(
        ticks_per_quarter=grid.ticks_per_quarter,
        end_tick=grid.end_tick,
        tempos=grid.tempos,
        time_signatures=grid.time_signatures,
        straight=straight,
        warp=_warp_to(straight, coarse, inner, straight.ticks_per_quarter / pace),
        pace=pace,
        is_ternary=is_ternary,
        swing=swing,
    )


def _warp_to(straight: Grid, coarse: Warp | None, inner: np.ndarray, beat_ticks: np.ndarray) -> Warp:
    """Return the map to the ticks of `straight` that puts each beat's four steps where `inner` says.

    Args:
        coarse: the map that makes dotted beats quarters; None: the beats are quarters.
        inner: (M, 4) where in the beat its steps fall.
        beat_ticks: (M,) how long a beat is in own ticks.
    """
    to_own = coarse.to_own if coarse else np.asarray
    starts = straight.measure_ticks
    last = np.asarray([straight.last_tick])
    stops = np.append(starts[1:], last)
    beat = np.arange(STEPS_PER_MEASURE // STEPS_PER_BEAT)
    begin = starts[:, None] + beat * straight.ticks_per_quarter  # (M, 4) beats
    is_whole = begin + straight.ticks_per_quarter <= stops[:, None] + 1e-6
    at = begin[..., None] + np.arange(STEPS_PER_BEAT) * straight.ticks_per_step  # (M, 4, 4) steps
    own = to_own(begin)[..., None] + inner[:, None] * beat_ticks[:, None, None]
    knots = np.concatenate([at[is_whole].ravel(), starts, last])
    own_knots = np.concatenate([own[is_whole].ravel(), to_own(starts), to_own(last)])
    knots, first = np.unique(knots, return_index=True)
    return Warp(own_knots[first], knots)


def _inside_the_beat(eighths: np.ndarray, sixteenths: np.ndarray, is_ternary: np.ndarray) -> np.ndarray:
    """Return (M, 4): where in the beat its four steps fall."""
    halves = np.where(eighths != STRAIGHT, eighths, sixteenths)  # where the half beats are divided
    first = np.where(is_ternary, TRIPLET / 2, halves / 2)
    middle = np.where(is_ternary, STRAIGHT, eighths)
    last = np.where(is_ternary, eighths, (1 + halves) / 2)
    return np.stack([np.zeros(len(first)), first, middle, last], axis=1)
