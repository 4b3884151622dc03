"""Building MIDI files from nothing but notes: the practice book, the samples and songs that have no file.

Conventions: format 1; the first track holds tempo and time signatures, one track follows for each part.
Pitched parts take channels 1..9 and 11..16 in turn, drums channel 10. Same parts, same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from basedrum.midi.events import END_OF_TRACK, Event, EventFile, meta, to_bytes
from basedrum.music.grid import DEFAULT_QPM, Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

DRUM_CHANNEL = 9


def build_midi(parts: Sequence[Part], grid: Grid) -> bytes:
    """Return a format 1 MIDI file of the parts, with the tempo map and the time signatures of `grid`."""
    tracks = [tuple(conductor_events(grid))]
    pitched = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    num_pitched = 0
    for part in parts:
        channel = DRUM_CHANNEL if part.is_drum else pitched[num_pitched % len(pitched)]
        num_pitched += not part.is_drum
        events = [(0, meta(0x03, part.name.encode("utf-8"))), (0, bytes((0xC0 | channel, part.program)))]
        events += note_events(part.notes, channel)
        tracks.append((*events, (max(events[-1][0], grid.end_tick), END_OF_TRACK)))
    return to_bytes(EventFile(1, grid.ticks_per_quarter, tuple(tracks)))


def conductor_events(grid: Grid) -> list[Event]:
    """Return the tempo and time signature events of `grid`, sorted by tick, with the end of the track."""
    events: list[Event] = []
    for tick, numerator, denominator in grid.time_signatures or ((0, 4, 4),):
        events.append((tick, meta(0x58, bytes((numerator, int(math.log2(denominator)), 24, 8)))))
    for tick, qpm in grid.tempos or ((0, DEFAULT_QPM),):
        events.append((tick, meta(0x51, microseconds(qpm).to_bytes(3, "big"))))
    events.sort(key=lambda event: event[0])
    events.append((max(events[-1][0], grid.end_tick), END_OF_TRACK))
    return events


def microseconds(qpm: float) -> int:
    """Return a tempo as a MIDI file has it: whole microseconds per quarter, at most 24 bits."""
    return min(max(round(6e7 / qpm), 1), 2**24 - 1)


def note_events(notes: Notes, channel: int) -> list[Event]:
    """Return note-on and note-off events of the notes made `separate`, sorted by tick, offs before ons."""
    keyed = []
    for start, end, pitch, velocity in rows(separate(notes)):
        keyed.append((start, 1, pitch, bytes((0x90 | channel, pitch, velocity))))
        keyed.append((end, 0, pitch, bytes((0x80 | channel, pitch, 0))))
    return [(tick, message) for tick, _, _, message in sorted(keyed)]


def rows(notes: Notes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, end, pitch, velocity) of each note as plain integers."""
    columns = (notes.start_ticks, notes.end_ticks, notes.pitches, notes.velocities)
    return zip(*(column.tolist() for column in columns), strict=True)


def separate(notes: Notes) -> Notes:
    """Return notes that MIDI can hold: no two of one pitch overlap, each lasts at least a tick, velocities
    are 1..127.

    A note is cut where the next of its pitch starts; of two that start together the louder stays.
    """
    order = np.lexsort((-notes.end_ticks, -notes.velocities, notes.start_ticks, notes.pitches))
    start, pitch = notes.start_ticks[order], notes.pitches[order]
    first = np.ones(len(order), bool)
    first[1:] = (start[1:] != start[:-1]) | (pitch[1:] != pitch[:-1])
    kept = notes[order[first]]
    end = np.maximum(kept.end_ticks, kept.start_ticks + 1)
    same = kept.pitches[1:] == kept.pitches[:-1]
    end[:-1] = np.where(same, np.minimum(end[:-1], kept.start_ticks[1:]), end[:-1])
    return Notes.join([Notes(kept.start_ticks, end, kept.pitches, np.clip(kept.velocities, 1, 127))])
