"""Piano rolls: the one form in which bass goes into a drummer and drums come out. BassRoll in, DrumRoll out.

Conventions: (T, 72) over sixteenth steps and MIDI pitches 24..95; T is a whole number of measures of 16
steps, 64 for the phrase of four measures that the networks work on. Steps past the end of a short measure
(3/4) are empty. Onset and sustain are separate, because sustain alone merges repeated notes. Velocities are
0..127, 0 where there is no note.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.music.notes import Notes

LOWEST_PITCH = kit.LOWEST_PITCH
NUM_PITCHES = kit.NUM_PITCHES
DEFAULT_VELOCITY = 96


def fold_octaves(pitches: np.ndarray) -> np.ndarray:
    """Return row indices 0..71 of MIDI pitches; those outside 24..95 are moved by octaves to the nearest one
    inside."""
    rows: np.ndarray = np.asarray(pitches) - LOWEST_PITCH
    outside: np.ndarray = (rows < 0) | (rows >= NUM_PITCHES)
    if outside.any():
        rows = np.where(outside, rows % 12 + np.where(rows < 0, 0, NUM_PITCHES - 12), rows)
    return rows


def _checked(array: np.ndarray, dtype: type, name: str) -> np.ndarray:
    array = np.asarray(array, dtype=dtype)
    if array.ndim != 2 or array.shape[1] != NUM_PITCHES or array.shape[0] % STEPS_PER_MEASURE:
        raise ValueError(
            f"{name} has shape {array.shape}, expected (whole measures of {STEPS_PER_MEASURE} steps, 72)"
        )
    return array


def _loudest(onset: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return velocities (T,) as uint8: 1..127 where a note of `onset` (T, P) starts, 0 elsewhere."""
    known = np.where(velocities > 0, np.clip(velocities, 1, 127), DEFAULT_VELOCITY)
    return np.where(onset.any(axis=1), known, 0).astype(np.uint8)


@dataclass(frozen=True)
class BassRoll:
    """A bass line.

    Attributes:
        onset: (T, 72) bool, True where a note starts.
        sustain: (T, 72) bool, True while a note sounds, its onset included.
        velocities: (T,) uint8, the velocity 1..127 of the loudest note that starts at a step, 0 where none
            does. None, and 0 where a note does start, stand for `DEFAULT_VELOCITY`.
    """

    onset: np.ndarray
    sustain: np.ndarray
    velocities: np.ndarray = None  # type: ignore[assignment]  # never None once it is made

    def __post_init__(self) -> None:
        onset = _checked(self.onset, bool, "BassRoll.onset")
        sustain = _checked(self.sustain, bool, "BassRoll.sustain")
        if onset.shape != sustain.shape:
            raise ValueError(f"onset {onset.shape} and sustain {sustain.shape} differ in shape")
        velocities = np.zeros(len(onset)) if self.velocities is None else np.asarray(self.velocities)
        if velocities.shape != (len(onset),):
            raise ValueError(f"velocities have shape {velocities.shape}, expected ({len(onset)},)")
        object.__setattr__(self, "onset", onset)
        object.__setattr__(self, "sustain", sustain | onset)
        object.__setattr__(self, "velocities", _loudest(onset, velocities))

    @property
    def num_steps(self) -> int:
        return len(self.onset)

    @property
    def hits(self) -> np.ndarray:
        """(T,) bool: whether any note starts at the step."""
        return np.any(self.onset, axis=1)

    def to_array(self) -> np.ndarray:
        """Return (2, T, 72) bool: onset, sustain."""
        return np.stack([self.onset, self.sustain])

    @classmethod
    def from_array(cls, array: np.ndarray) -> BassRoll:
        return cls(array[0], array[1])

    @classmethod
    def empty(cls, num_steps: int = STEPS_PER_PHRASE) -> BassRoll:
        return cls(np.zeros((num_steps, NUM_PITCHES), bool), np.zeros((num_steps, NUM_PITCHES), bool))

    def __getitem__(self, steps: slice) -> BassRoll:
        return BassRoll(self.onset[steps], self.sustain[steps], self.velocities[steps])

    def transposed(self, semitones: int) -> BassRoll:
        """Return the line moved up by semitones, folded by octaves at the edges."""
        rows = fold_octaves(np.arange(NUM_PITCHES) + LOWEST_PITCH + semitones)
        onset, sustain = np.zeros_like(self.onset), np.zeros_like(self.sustain)
        for old, new in enumerate(rows):
            onset[:, new] |= self.onset[:, old]
            sustain[:, new] |= self.sustain[:, old]
        return BassRoll(onset, sustain, self.velocities)

    def shifted(self, steps: int) -> BassRoll:
        """Return the line moved later by steps, what leaves at the end coming in at the start."""
        onset, sustain = np.roll(self.onset, steps, axis=0), np.roll(self.sustain, steps, axis=0)
        return BassRoll(onset, sustain, np.roll(self.velocities, steps))

    @classmethod
    def from_notes(cls, notes: Notes, grid: Grid) -> BassRoll:
        """Return notes on the nearest steps of `grid`, (grid.num_measures * 16, 72); each lasts at least one
        step."""
        num_steps = grid.num_measures * STEPS_PER_MEASURE
        onset = np.zeros((num_steps, NUM_PITCHES), bool)
        edges = np.zeros((num_steps + 1, NUM_PITCHES), np.int32)
        velocities = np.zeros(num_steps, np.int64)
        if len(notes):
            rows = fold_octaves(notes.pitches)
            measure, step, _ = grid.locate(notes.start_ticks)
            start = measure * STEPS_PER_MEASURE + step
            measure, step, _ = grid.locate(notes.end_ticks)
            end = np.maximum(measure * STEPS_PER_MEASURE + step, start + 1)
            ran_out = notes.end_ticks >= grid.last_tick - grid.ticks_per_step / 2
            end = np.where(ran_out, (grid.num_measures - 1) * STEPS_PER_MEASURE + grid.measure_steps[-1], end)
            onset[start, rows] = True
            np.maximum.at(velocities, start, notes.velocities)
            np.add.at(edges, (start, rows), 1)
            np.add.at(edges, (np.minimum(end, num_steps), rows), -1)
        sustain = np.cumsum(edges, axis=0)[:-1] > 0
        return cls(onset, sustain & active_steps(grid.measure_steps)[:, None], velocities)

    def to_notes(self, grid: Grid) -> Notes:
        """Return the roll as notes on `grid`, each as loud as its step.

        A note ends at the next onset of its pitch or where its sustain ends.
        """
        active = np.flatnonzero(active_steps(grid.measure_steps))  # the steps that exist, in order of time
        onset, sustain = self.onset[active], self.sustain[active]
        starts, rows = np.nonzero(onset)
        stops = (~sustain) | onset
        ends = np.empty_like(starts)
        for i, (start, row) in enumerate(zip(starts, rows, strict=True)):
            after = np.flatnonzero(stops[start + 1 :, row])
            ends[i] = start + 1 + after[0] if len(after) else len(active)
        ticks = np.append(_ticks_of(active, grid), int(grid.last_tick))
        velocities = _loudest(onset, self.velocities[active])
        return Notes(ticks[starts], ticks[ends], rows + LOWEST_PITCH, velocities[starts])


@dataclass(frozen=True)
class DrumRoll:
    """Drum hits on General MIDI pitches, with what the grid loses.

    Attributes:
        velocities: (T, 72) uint8, 1..127 where there is a hit, 0 elsewhere.
        offsets: (T, 72) float32, how far the hit lies from its step, -0.5..0.5 steps, positive is late; 0
            where no hit.
    """

    velocities: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        velocities = np.asarray(self.velocities)
        if velocities.size and (velocities.min() < 0 or velocities.max() > 127):
            span = f"{velocities.min()}..{velocities.max()}"
            raise ValueError(f"DrumRoll.velocities run {span}, expected 0..127")
        object.__setattr__(self, "velocities", _checked(velocities, np.uint8, "DrumRoll.velocities"))
        offsets = _checked(self.offsets, np.float32, "DrumRoll.offsets")
        if offsets.shape != self.velocities.shape:
            raise ValueError(
                f"velocities {self.velocities.shape} and offsets {offsets.shape} differ in shape"
            )
        object.__setattr__(self, "offsets", np.where(self.velocities > 0, offsets, np.float32(0)))

    @property
    def num_steps(self) -> int:
        return len(self.velocities)

    @property
    def hits(self) -> np.ndarray:
        """(T, 72) bool."""
        return self.velocities > 0

    def __getitem__(self, steps: slice) -> DrumRoll:
        return DrumRoll(self.velocities[steps], self.offsets[steps])

    def with_part(self, other: DrumRoll, steps: slice) -> DrumRoll:
        """Return this roll with its `steps` replaced by those of another roll of its length."""
        velocities, offsets = self.velocities.copy(), self.offsets.copy()
        velocities[steps], offsets[steps] = other.velocities[steps], other.offsets[steps]
        return DrumRoll(velocities, offsets)

    @classmethod
    def empty(cls, num_steps: int = STEPS_PER_PHRASE) -> DrumRoll:
        return cls(
            np.zeros((num_steps, NUM_PITCHES), np.uint8), np.zeros((num_steps, NUM_PITCHES), np.float32)
        )

    @classmethod
    def from_hits(cls, hits: np.ndarray, velocity: int = DEFAULT_VELOCITY) -> DrumRoll:
        """Make a roll of one velocity, on the grid, from (T, 72) bool."""
        velocities = np.where(hits, np.uint8(velocity), np.uint8(0))
        return cls(velocities, np.zeros(velocities.shape, np.float32))

    @classmethod
    def from_kit(
        cls,
        hits: np.ndarray,
        velocities: np.ndarray | None = None,
        offsets: np.ndarray | None = None,
        pitches: np.ndarray | None = None,
    ) -> DrumRoll:
        """Make a roll from kit hits (T, 12) bool, with velocities, offsets and the pitch of each hit, of the
        same shape, where known."""
        if velocities is None:
            velocities = np.full(hits.shape, DEFAULT_VELOCITY)
        if offsets is None:
            offsets = np.zeros(hits.shape)
        loud = np.where(hits, np.clip(velocities, 1, 127), 0).astype(np.uint8)
        late = np.where(hits, offsets, 0).astype(np.float32)
        return cls(kit.unfold(loud, pitches), kit.unfold(late, pitches))

    def with_pitches(self, pitches: np.ndarray) -> DrumRoll:
        """Return the hits of a roll made by `from_kit` on other pitches (T, 12) of their voices."""
        loud = kit.fold(self.velocities)
        late = self.offsets[:, np.asarray(kit.WRITTEN_PITCHES) - LOWEST_PITCH]
        return DrumRoll.from_kit(loud > 0, loud, late, pitches)

    def to_kit(self) -> np.ndarray:
        """Return (T, 12) bool: hits folded to the voices of the kit."""
        return kit.fold(self.hits)

    @classmethod
    def from_notes(cls, notes: Notes, grid: Grid) -> DrumRoll:
        """Return drum notes on the nearest steps of `grid`; of two hits on one cell the louder stays.

        Pitches outside 24..95 are left out: no kit has them.
        """
        roll = cls.empty(grid.num_measures * STEPS_PER_MEASURE)
        notes = notes[(notes.pitches >= LOWEST_PITCH) & (notes.pitches < LOWEST_PITCH + NUM_PITCHES)]
        notes = notes[np.argsort(notes.velocities, kind="stable")]  # the loudest is written last, so it stays
        measure, step, offset = grid.locate(notes.start_ticks)
        cell = (measure * STEPS_PER_MEASURE + step, notes.pitches - LOWEST_PITCH)
        roll.velocities[cell] = np.clip(notes.velocities, 1, 127)
        roll.offsets[cell] = offset
        return roll

    def to_notes(self, grid: Grid) -> Notes:
        """Return the hits as notes on `grid`, each a sixteenth long, sorted by time; hits on inactive steps
        are left out."""
        velocities = np.where(active_steps(grid.measure_steps)[:, None], self.velocities, 0)
        steps, rows = np.nonzero(velocities)
        start = grid.tick_at(
            steps // STEPS_PER_MEASURE,
            steps % STEPS_PER_MEASURE,
            self.offsets[steps, rows].astype(np.float64),
        )
        end = start + max(1, int(grid.ticks_per_step))
        order = np.lexsort((rows, start))
        return Notes(start[order], end[order], (rows + LOWEST_PITCH)[order], velocities[steps, rows][order])


def active_steps(measure_steps: np.ndarray) -> np.ndarray:
    """Return (M * 16,) bool: the steps that exist, given the active steps (M,) of each measure."""
    return (np.arange(STEPS_PER_MEASURE) < np.asarray(measure_steps)[:, None]).reshape(-1)


def _ticks_of(steps: np.ndarray, grid: Grid) -> np.ndarray:
    return grid.tick_at(steps // STEPS_PER_MEASURE, steps % STEPS_PER_MEASURE)
