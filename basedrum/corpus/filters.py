"""Which songs are fit to learn from: a real kit, notes on the grid, bar lines that fit. Whole batches at
once.

Source: the thresholds are those of the research corpus; the bar-line test rotates the drums of a song and
asks which rotation best fits where kick, snare and crash of 2,698 real four-bar windows fall.
"""

from __future__ import annotations

import numpy as np

from basedrum.corpus.pairs import Line, SongBatch
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE

MIN_DRUM_GRID, MIN_BASS_GRID = 0.85, 0.75
MIN_PULSE = 0.3
"""Hands do not keep within 1/24 beat of the grid, but a played take still gathers around the sixteenths: the
length of the mean phase vector of its onsets is .3 and more for players at a click, near 0 for a song that
ignores its grid."""
MAX_HELD_STEPS = 2_000_000
MIN_PHASE_GAIN = 0.15
TRUSTED_PHASE = 8
"""Bar lines half a bar off can be put right: over 1,874 windows shifted by 8 steps the crash falls on the
first beat as in sound songs (.23 of bars, .03 elsewhere). Other shifts are as often half-time feel as wrong
bar lines: such songs go."""

_KICK_AT = (0.74, 0.01, 0.09, 0.06, 0.19, 0.02, 0.24, 0.09, 0.55, 0.04, 0.16, 0.07, 0.20, 0.03, 0.17, 0.07)
_SNARE_AT = (0.15, 0.02, 0.09, 0.07, 0.63, 0.03, 0.12, 0.11, 0.18, 0.06, 0.12, 0.09, 0.65, 0.06, 0.13, 0.12)
_CRASH_AT = (0.20, 0.01, 0.01, 0.01, 0.02, 0.01, 0.01, 0.01, 0.03, 0.01, 0.01, 0.01, 0.02, 0.01, 0.01, 0.01)
_VOICES = (kit.KICK, kit.SNARE, kit.CRASH)
_LOG_ODDS = np.stack([np.log(np.asarray(p) / np.mean(p)) for p in (_KICK_AT, _SNARE_AT, _CRASH_AT)])
_FITS = np.stack(
    [np.roll(_LOG_ODDS, shift, axis=1).reshape(-1) for shift in range(STEPS_PER_MEASURE)], axis=1
)
_VOICE_ROW = np.full(kit.NUM_VOICES + 1, -1)
_VOICE_ROW[list(_VOICES)] = range(len(_VOICES))


def unfit(batch: SongBatch) -> list[str]:
    """Return for each song the reason to leave it out, "" for a song to keep."""
    reasons = np.full(len(batch), "", dtype=object)
    for part, limit in (("bass", MIN_BASS_GRID), ("drums", MIN_DRUM_GRID)):
        for i in np.flatnonzero(grid_share(batch, part) < limit):
            if pulse(batch, part, int(i)) < MIN_PULSE:
                reasons[i] = f"{part} off the grid"
    held = _sums(batch.bass.end_cells - batch.bass.cells, batch.bass)
    reasons[held > MAX_HELD_STEPS] = "more long notes than a bass can hold"
    reasons[~has_real_kit(batch)] = "no real kit"
    reasons[np.diff(batch.drums.bounds) == 0] = "no drums"
    reasons[np.diff(batch.bass.bounds) == 0] = "no bass"
    return reasons.tolist()


def has_real_kit(batch: SongBatch) -> np.ndarray:
    """(S,) bool: a kick, and a snare, hat or cymbal."""
    voices = kit.VOICE_OF_PITCH[batch.drums.pitches]
    counts = np.bincount(
        batch.drums.song * (kit.NUM_VOICES + 1) + voices + 1, minlength=len(batch) * (kit.NUM_VOICES + 1)
    )
    has = counts.reshape(len(batch), kit.NUM_VOICES + 1)[:, 1:] > 0
    others = [kit.SNARE, kit.SIDE_STICK, kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT, kit.CRASH, kit.RIDE]
    return has[:, kit.KICK] & has[:, others].any(axis=1)


def grid_share(batch: SongBatch, part: str) -> np.ndarray:
    """(S,) share 0..1 of onsets within 1/24 beat of the sixteenth or the eighth-triplet grid; 1 for a silent
    part."""
    line = _line(batch, part)
    total = np.diff(line.bounds)
    beat = np.asarray([p.grid.ticks_per_quarter for p in batch.pairs], np.int32)
    in_beat = (line.ticks % np.repeat(beat, total)).astype(np.float32)
    position = in_beat * np.repeat((24.0 / beat).astype(np.float32), total)  # 0..24 within the beat
    near = np.zeros(len(position), bool)
    for size in (6, 8):
        near |= np.abs(position - np.rint(position / size) * size) <= 1.001
    return np.where(total > 0, _sums(near, line) / np.maximum(total, 1), 1.0)


def pulse(batch: SongBatch, part: str, i: int) -> float:
    """Return how closely the onsets of song i gather, 0..1, around sixteenths or eighth triplets: the better
    fit."""
    line = _line(batch, part)
    beats = line.ticks[line.bounds[i] : line.bounds[i + 1]] / batch.pairs[i].grid.ticks_per_quarter
    return max(float(np.abs(np.exp(2j * np.pi * n * beats).mean())) for n in (4, 3)) if len(beats) else 0.0


def _sums(values: np.ndarray, line: Line) -> np.ndarray:
    """Sums (S,) over the notes of each song of integer values (N,)."""
    return np.diff(np.concatenate([[0], np.cumsum(values)])[line.bounds])


def _line(batch: SongBatch, part: str) -> Line:
    return batch.drums if part == "drums" else batch.bass


def bar_phase(batch: SongBatch) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation in steps (S,) that fits kick, snare and crash best, and what it gains (S,) over
    none.

    The gain is in nats a hit; both are 0 for songs in other metres than 4/4.
    """
    row = _VOICE_ROW[kit.VOICE_OF_PITCH[batch.drums.pitches]]
    of = (row >= 0) & (batch.measure_steps[batch.drums.song] == STEPS_PER_MEASURE)
    width = len(_VOICES) * STEPS_PER_MEASURE
    at = batch.drums.song * width + row * STEPS_PER_MEASURE + (batch.drums.cells & (STEPS_PER_MEASURE - 1))
    counts = np.bincount(at[of], minlength=len(batch) * width).reshape(len(batch), width)
    scores = counts @ _FITS / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    best = scores.argmax(axis=1)
    return best, scores.max(axis=1) - scores[:, 0]
