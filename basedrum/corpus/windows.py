"""Songs to phrases: windows of four measures, back to back, from the first measure in which bass or drums
sounds.

A window is kept where both parts sound in at least three of its four measures; a phrase never hangs over the
last measure that has a note.

Conventions: packed rolls are `np.packbits` along the 72 pitches, 9 bytes a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from basedrum.corpus.pairs import SongBatch
from basedrum.music.form_features import FORM, MEASURES_KNOWN, form_features
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES, fold_octaves
from basedrum.music.sections import Form, measures_since, section_borders

MIN_SHARED_MEASURES = 3
PACKED_PITCHES = NUM_PITCHES // 8

INDEX_DTYPE = np.dtype(
    [
        ("song", "<i4"),
        ("measure", "<i4"),
        ("source", "<i2"),
        ("style", "<i2"),
        ("split", "i1"),
        ("qpm", "<f4"),
        ("measure_steps", "u1", (MEASURES_PER_PHRASE,)),
        ("previous", "<i4"),
        ("next", "<i4"),
        ("weight", "<f4"),
        ("form", "u1", (MEASURES_KNOWN, FORM)),
    ]
)
"""One phrase: its song, first measure, source and style (numbers into the dataset's lists), split (0 train, 1
valid, 2 test), tempo, active steps of its measures, the rows of the adjoining phrases (-1: none), sampling
weight, and where in the form of its song it lies (`music.form_features`)."""

_KEY_WORDS = np.random.default_rng(20240229).integers(
    1, 2**63, 3 * STEPS_PER_PHRASE * PACKED_PITCHES // 8, dtype=np.uint64
)


@dataclass(frozen=True)
class Windows:
    """The kept phrases of a batch of songs: N rows, songs in order, each song's phrases in order of time.

    Attributes:
        bass: (D, 2, 64, 9) uint8 packed onset and sustain.
        drums: (D, 64, 9) uint8 packed hits.
        index: (N,) of `INDEX_DTYPE`; song counts within the batch, links count within these rows.
        keys: (N,) uint64, equal for equal bass and drums.
        content: (N,) int64, the row of `bass` and `drums` that holds each phrase; all rows in turn, until
            `distinct`.
    """

    bass: np.ndarray
    drums: np.ndarray
    index: np.ndarray
    keys: np.ndarray
    content: np.ndarray

    def distinct(self) -> Windows:
        """Return the same phrases with the rolls of equal ones kept once: loops fill about a third of real
        songs."""
        _, first, content = np.unique(self.keys, return_index=True, return_inverse=True)
        return replace(
            self, bass=self.bass.take(first, axis=0), drums=self.drums.take(first, axis=0), content=content
        )


def cut_windows(batch: SongBatch, fit: np.ndarray | None = None) -> Windows:
    """Return the phrases of the songs of the batch that are `fit` (S,) bool; None: of all."""
    first, last = _sounding_span(batch)
    num_phrases = np.maximum(last + 1 - first, 0) // MEASURES_PER_PHRASE
    if fit is not None:
        num_phrases = np.where(fit, num_phrases, 0)
    offsets = np.concatenate([[0], np.cumsum(num_phrases)])
    total = int(offsets[-1])
    song = np.repeat(np.arange(len(batch)), num_phrases)
    measure = first[song] + (np.arange(total) - offsets[song]) * MEASURES_PER_PHRASE
    measure_steps = _measure_steps(batch, song, measure)

    bounds = offsets * STEPS_PER_PHRASE  # the steps of all phrases end to end
    origin = bounds[:-1] - first * STEPS_PER_MEASURE

    def packed(song_bounds: np.ndarray, cells: np.ndarray, rows: np.ndarray) -> np.ndarray:
        counts = np.diff(song_bounds)
        steps = cells + np.repeat(origin, counts)
        bits = (steps * NUM_PITCHES + rows)[steps < np.repeat(bounds[1:], counts)]
        return _packed(bits, total)

    drums = packed(batch.drums.bounds, batch.drums.cells, batch.drums.pitches - LOWEST_PITCH)
    bass_rows = fold_octaves(batch.bass.pitches)
    onset = packed(batch.bass.bounds, batch.bass.cells, bass_rows)
    length, cells = _held_cells(batch, fit)
    held_before = np.concatenate([[0], np.cumsum(length)])
    sustain = packed(held_before[batch.bass.bounds], cells, np.repeat(bass_rows, length))
    short = np.flatnonzero((measure_steps < STEPS_PER_MEASURE).any(axis=1))
    active = np.arange(STEPS_PER_MEASURE) < measure_steps[short, :, None]
    sustain[short] *= active.reshape(len(short), STEPS_PER_PHRASE, 1)

    both = _measures_with(drums) & _measures_with(sustain)
    keep = np.flatnonzero(both.sum(axis=1) >= MIN_SHARED_MEASURES)
    index = np.zeros(len(keep), INDEX_DTYPE)
    index["song"], index["measure"], index["measure_steps"] = song[keep], measure[keep], measure_steps[keep]
    index["qpm"] = _tempo(batch, song[keep], measure[keep])
    index["form"] = _form(batch, song[keep], measure[keep])
    adjoining = (np.diff(keep) == 1) & (np.diff(song[keep]) == 0)
    rows = np.arange(len(keep))
    index["previous"], index["next"] = -1, -1
    index["previous"][1:][adjoining] = rows[:-1][adjoining]
    index["next"][:-1][adjoining] = rows[1:][adjoining]
    onset, sustain, drums = (rolls.take(keep, axis=0) for rolls in (onset, sustain, drums))
    bass = np.stack([onset, sustain], axis=1)
    return Windows(bass, drums, index, phrase_keys(bass, drums), rows)


def phrase_keys(bass: np.ndarray, drums: np.ndarray) -> np.ndarray:
    """Return (N,) uint64: a hash of the packed bass and drums of each phrase, equal for equal phrases."""
    words = [part.reshape(len(part), int(np.prod(part.shape[1:]))).view(np.uint64) for part in (bass, drums)]
    split = words[0].shape[1]
    mixed = [part ^ (part >> np.uint64(29)) for part in words]
    return mixed[0] @ _KEY_WORDS[:split] + mixed[1] @ _KEY_WORDS[split:]


def _form(batch: SongBatch, song: np.ndarray, measure: np.ndarray) -> np.ndarray:
    """Return (N, 5, FORM) uint8: where phrases that begin with `measure` of `song` (N,) lie in its form."""
    first, last = _sounding_span(batch)
    form = np.zeros((len(song), MEASURES_KNOWN, FORM), np.uint8)
    for number in np.unique(song).tolist():
        features = form_features(
            _form_of_song(batch, number, int(last[number]) + 1), first[number], last[number] + 1
        )
        rows = np.flatnonzero(song == number)
        form[rows] = features[measure[rows, None] + np.arange(MEASURES_KNOWN)]
    return form


def _form_of_song(batch: SongBatch, number: int, num_measures: int) -> Form:
    """Return the form of a song of the batch, `num_measures` long."""
    notes = slice(batch.bass.bounds[number], batch.bass.bounds[number + 1])
    cells = batch.bass.cells[notes]
    onsets = np.zeros((num_measures * STEPS_PER_MEASURE, NUM_PITCHES), bool)
    inside = cells < len(onsets)
    onsets[cells[inside], fold_octaves(batch.bass.pitches[notes][inside])] = True
    border = section_borders(onsets.reshape(num_measures, STEPS_PER_MEASURE, -1))
    changes = batch.pairs[number].changes
    form = Form.unknown(num_measures)
    if changes is not None and not batch.bar_shift_steps[number]:
        entering, leaving, tracks = (_to_length(part, num_measures) for part in changes)
        form = replace(
            form,
            entering=entering,
            leaving=leaving,
            tracks_changing=tracks,
            since_change=measures_since(_to_length(changes.is_change, num_measures)),
            parts_known=np.ones(num_measures, bool),
        )
    return replace(form, border=border)


def _to_length(values: np.ndarray, length: int) -> np.ndarray:
    """Return (length,) the first values, zeros where there are no more."""
    return np.pad(values[:length], (0, max(0, length - len(values))))


def _held_cells(batch: SongBatch, fit: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """How many cells each bass note fills (N,), and all these cells end to end."""
    length = batch.bass.end_cells - batch.bass.cells
    if fit is not None:
        length = np.where(fit[batch.bass.song], length, 0)
    cells = np.repeat(batch.bass.cells - (np.cumsum(length) - length), length)
    return length, cells + np.arange(len(cells))


_scratch = np.zeros(0, bool)


def _packed(bits: np.ndarray, num_phrases: int) -> np.ndarray:
    """Pack the cells that are set, counted over all phrases, to (N, 64, 9) uint8."""
    global _scratch
    size = num_phrases * STEPS_PER_PHRASE * NUM_PITCHES
    if len(_scratch) < size:
        _scratch = np.zeros(size, bool)
    _scratch[bits] = (
        True  # one scratch for all, wiped where it was written: fresh pages would cost more than the packing
    )
    packed = np.packbits(_scratch[:size])
    _scratch[bits] = False
    return packed.reshape(num_phrases, STEPS_PER_PHRASE, PACKED_PITCHES)


def _measures_with(packed: np.ndarray) -> np.ndarray:
    """Return (N, 4) bool: whether anything sounds in each measure of packed (N, 64, 9)."""
    measures = packed.reshape(len(packed), MEASURES_PER_PHRASE, STEPS_PER_MEASURE * PACKED_PITCHES)
    return np.asarray(measures.view(np.uint64).any(axis=-1))


def _sounding_span(batch: SongBatch) -> tuple[np.ndarray, np.ndarray]:
    """First and last measure (S,) with an onset; (0, -1) for a song without notes."""
    first, last = np.full(len(batch), np.iinfo(np.int64).max), np.full(len(batch), -1)
    for cells, bounds in ((line.cells, line.bounds) for line in (batch.drums, batch.bass)):
        some = np.flatnonzero(bounds[1:] > bounds[:-1])
        first[some] = np.minimum(first[some], cells[bounds[some]] // STEPS_PER_MEASURE)
        last[some] = np.maximum(last[some], cells[bounds[some + 1] - 1] // STEPS_PER_MEASURE)
    return np.where(last < 0, 0, first), last


def _measure_steps(batch: SongBatch, song: np.ndarray, measure: np.ndarray) -> np.ndarray:
    """(N, 4) active steps of the measures of each phrase."""
    steps = np.repeat(batch.measure_steps[song][:, None], MEASURES_PER_PHRASE, axis=1)
    for i in np.flatnonzero(batch.measure_steps == 0):
        rows = song == i
        steps[rows] = batch.pairs[int(i)].grid.measure_steps[
            measure[rows, None] + np.arange(MEASURES_PER_PHRASE)
        ]
    return steps


def _tempo(batch: SongBatch, song: np.ndarray, measure: np.ndarray) -> np.ndarray:
    """(N,) quarters per minute at the start of each phrase."""
    bounds = np.searchsorted(song, np.arange(len(batch) + 1))
    qpm = np.empty(len(song))
    for i, pair in enumerate(batch.pairs):
        rows = slice(bounds[i], bounds[i + 1])
        grid = pair.grid
        if len(grid.tempos) == 1 and grid.tempos[0][0] <= 0:
            qpm[rows] = grid.tempos[0][1]
        elif batch.measure_steps[i]:
            earlier = STEPS_PER_MEASURE - batch.bar_shift_steps[i] if batch.bar_shift_steps[i] else 0
            qpm[rows] = grid.qpm_at((measure[rows] * batch.measure_steps[i] - earlier) * grid.ticks_per_step)
        else:
            qpm[rows] = grid.qpm_at(grid.measure_ticks[measure[rows]])
    return qpm
