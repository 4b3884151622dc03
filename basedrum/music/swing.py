"""Swing: where the off-beats of a song fall, measured from the onsets of its parts.

The *swing* of a measure is where its off-beat falls, as a fraction of the beat: 1/2 is straight, 2/3 a
triplet swing (long to short 2:1). `laid_grid` makes the grid that bends with it.

Conventions: positions are fractions of a beat, 0..1; (M,) arrays are over the measures of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.music.compound import Metres, without_dotted_beats
from basedrum.music.grid import STEPS_PER_BEAT, Grid
from basedrum.music.notes import Notes

STRAIGHT = 0.5
WINDOW_MEASURES = 8  # to either side: what counts for whether a measure swings
SHORTEST_SECTION_MEASURES = 4
ENOUGH_OFF_BEATS = 4

# What an onset says by its position in the beat, and the bounds of each: a straight off-beat, a swung one,
# one as late as a sixteenth, a first sixteenth, a first third, a swung last sixteenth.
_HALF, _SWUNG, _LATE, _EARLY, _THIRD, _LAST = range(6)
_BOUNDS = ((0.46, 0.54), (0.54, 0.73), (0.73, 0.79), (0.21, 0.27), (0.27, 0.38), (0.79, 0.88))
_LATEST_SWUNG_SIXTEENTH = 0.76  # as a fraction of the half beat


@dataclass(frozen=True)
class Swing:
    """Where the off-beats of each measure fall.

    Attributes:
        eighths: (M,) the off-beat in the beat, .5 straight.
        sixteenths: (M,) the off-beat in the half beat, .5 straight.
        of_others: whether other parts than the bass had to be asked somewhere.
    """

    eighths: np.ndarray
    sixteenths: np.ndarray
    of_others: bool = False

    def __str__(self) -> str:
        """Say it in words: the median long to short of the measures that swing, "" where none does."""
        for name, positions in (("eighths", self.eighths), ("sixteenths", self.sixteenths)):
            swung = positions[positions != STRAIGHT]
            if len(swung):
                middle = float(np.median(swung))
                is_partial = len(swung) < len(positions)
                where = f"{len(swung)} of {len(positions)} measures" if is_partial else "throughout"
                whose = " by the other parts" if self.of_others else ""
                return f"{name} {middle / (1 - middle):.1f}:1 {where}{whose}"
        return ""

    @classmethod
    def straight(cls, num_measures: int) -> Swing:
        return cls(np.full(num_measures, STRAIGHT), np.full(num_measures, STRAIGHT))

    @classmethod
    def of_ratio(cls, ratio: float, num_measures: int) -> Swing:
        """Return eighths of one long to short ratio: 1 straight, 2 triplets, 3 dotted."""
        return cls(np.full(num_measures, ratio / (1 + ratio)), np.full(num_measures, STRAIGHT))


@dataclass(frozen=True)
class _Onsets:
    """Onsets in the measures that may swing, and what they say.

    Attributes:
        counts: (M, 6) how many onsets of a measure lie in each of `_BOUNDS`.
        measures: (n,) the measure of each onset.
        positions: (n,) its position in the beat.
    """

    counts: np.ndarray
    measures: np.ndarray
    positions: np.ndarray

    @classmethod
    def of(cls, ticks: np.ndarray, grid: Grid, can_swing: np.ndarray) -> _Onsets:
        starts = grid.measure_ticks
        measures = np.maximum(np.searchsorted(starts, ticks + 1e-6, side="right") - 1, 0)
        beats = (ticks - starts[measures]) / grid.ticks_per_quarter
        kept = can_swing[measures]
        measures, positions = measures[kept], beats[kept] % 1
        counts = np.zeros((grid.num_measures, len(_BOUNDS)))
        for kind, (low, high) in enumerate(_BOUNDS):
            inside = (low < positions) & (positions < high)
            counts[:, kind] = np.bincount(measures[inside], minlength=grid.num_measures)
        return cls(counts, measures, positions)

    def joined(self, other: _Onsets, where: np.ndarray) -> _Onsets:
        """Return these onsets with those of another part in the measures `where` (M,) bool."""
        kept = where[other.measures]
        return _Onsets(
            self.counts + np.where(where[:, None], other.counts, 0),
            np.append(self.measures, other.measures[kept]),
            np.append(self.positions, other.positions[kept]),
        )

    def between(self, start: int, stop: int) -> np.ndarray:
        """Return the positions of the onsets of measures `start` to `stop` (exclusive)."""
        return self.positions[(start <= self.measures) & (self.measures < stop)]


def estimate_swing(bass: Notes, others: Notes, grid: Grid, dotted: Metres | None = None) -> Swing:
    """Return the swing of each measure as the onsets of the bass tell it, section by section.

    Where the bass plays hardly any off-beats (a walking bass in quarters) the other pitched parts are asked.
    Compound measures and those that are no whole beats are straight. Whether a measure swings is decided with
    the `WINDOW_MEASURES` measures to either side.
    """
    straight, coarse, pace = without_dotted_beats(grid, dotted)
    can_swing = may_swing(straight, pace)

    def onsets_of(notes: Notes) -> _Onsets:
        ticks = np.unique(notes.start_ticks)
        return _Onsets.of(coarse.to_straight(ticks) if coarse else ticks, straight, can_swing)

    of_bass, of_others = onsets_of(bass), onsets_of(others)
    is_silent = _has_few_off_beats(_around(of_bass.counts))
    onsets = of_bass.joined(of_others, is_silent)
    around = _around(onsets.counts)
    whole_song = onsets.counts.sum(axis=0)
    around = np.where(_has_few_off_beats(around)[:, None], whole_song, around)

    in_eighths, is_loose = _swings_in_eighths(around)
    in_sixteenths = ~in_eighths & _swings_in_sixteenths(around)
    swing = Swing.straight(len(pace))
    for start, stop in _sections(in_eighths):
        latest = _BOUNDS[_LATE if is_loose[start:stop].any() else _SWUNG][1]
        swing.eighths[start:stop] = _middle(onsets.between(start, stop), latest)
    for start, stop in _sections(in_sixteenths):
        positions = onsets.between(start, stop) % 0.5 * 2
        swing.sixteenths[start:stop] = _middle(positions, _LATEST_SWUNG_SIXTEENTH)
    return Swing(swing.eighths, swing.sixteenths, bool(of_others.counts[is_silent].any()))


def may_swing(straight: Grid, pace: np.ndarray) -> np.ndarray:
    """Return (M,) bool: simple measures of whole beats; arguments as from `without_dotted_beats`."""
    return (pace == 1) & (straight.measure_steps % STEPS_PER_BEAT == 0)


def _middle(positions: np.ndarray, latest: float) -> float:
    """Return the median of the swung off-beats among positions, up to `latest`; .5 where there are none."""
    swung = positions[(positions > _BOUNDS[_SWUNG][0]) & (positions < latest)]
    return float(np.median(swung)) if len(swung) else STRAIGHT


def _around(counts: np.ndarray) -> np.ndarray:
    """Return the sums of the counts within WINDOW_MEASURES of each measure."""
    total = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    measure = np.arange(len(counts))
    after = np.minimum(measure + WINDOW_MEASURES + 1, len(counts))
    return total[after] - total[np.maximum(measure - WINDOW_MEASURES, 0)]


def _has_few_off_beats(counts: np.ndarray) -> np.ndarray:
    return counts[:, [_HALF, _SWUNG, _LATE]].sum(axis=1) < ENOUGH_OFF_BEATS


def _swings_in_eighths(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (M,) whether eighths swing, and whether so loosely that off-beats as late as a sixteenth are
    among them."""
    half, swung, late, early = counts.T[:4]
    loose = (early < 0.1 * (swung + late)) & (swung >= 0.1 * late) & (swung + late >= 8) & (swung >= 3)
    unswung = np.where(loose, 0, late) + half
    clear = (swung > unswung) & ((swung >= ENOUGH_OFF_BEATS) | (half + late == 0))
    return clear | (loose & (swung + late > 2 * half)), loose


def _swings_in_sixteenths(counts: np.ndarray) -> np.ndarray:
    half, swung, late, early, third, last = counts.T
    swinging = third + last
    return (swinging >= 8) & (half >= 4) & (last >= 2) & (swinging > 0.5 * (swinging + late + early) + swung)


def _sections(swings: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) of each run of measures that swing (M,) bool.

    The shortest gaps are closed first, then the shortest runs dropped.
    """
    swings = swings.copy()
    shortest = min(SHORTEST_SECTION_MEASURES, len(swings))
    for value in (False, True):
        edges = np.flatnonzero(np.diff(swings)) + 1
        for start, stop in zip([0, *edges], [*edges, len(swings)], strict=True):
            if stop - start < shortest and swings[start] == value:
                swings[start:stop] = not value
    edges = np.flatnonzero(np.diff(np.concatenate([[False], swings, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
