"""One MIDI file to one pair of bass and drums, by the shortest way.

A corpus is read at the speed of its parser: where exactly one track says that it is the bass, the notes go straight from
the parsed score into the pair; every other song takes the full way through `parse_song` and `find_bass`.
"""

from __future__ import annotations

import numpy as np

from basedrum.corpus.pairs import Pair
from basedrum.errors import MidiError
from basedrum.midi import reading, tracks
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes


def read_pair(data: bytes, name: str) -> Pair:
    """Return bass and drums of a MIDI file.

    Raises:
        MidiError: unsafe or damaged, no drums, or no bass found.
    """
    clean, _ = reading.gate(data)
    score, clean, _ = reading.parse_score(clean)
    if not 0 < score.note_num() <= reading.MAX_NOTES:
        raise MidiError("has no notes, or too many")
    drums, hinted = [], []
    end = 0
    for part in score.tracks:
        if part.is_drum:
            drums.append(part)
        elif part.program in tracks.BASS_PROGRAMS or tracks.is_bass_name(part.name):
            hinted.append(part)
        end = max(end, part.end())
    if not drums:
        raise MidiError("no drums")
    if len(hinted) != 1:
        song = reading.parse_song(clean, name)
        return Pair(name, song.grid, tracks.find_bass(song).notes, tracks.drum_notes(song))
    if end > reading.MAX_BEATS * score.ticks_per_quarter:
        raise MidiError(f"is longer than {reading.MAX_BEATS} beats")
    grid = Grid(score.ticks_per_quarter, end, reading._tempos(score, end), reading._time_signatures(score, end))
    drum_notes = _notes(drums[0]) if len(drums) == 1 else Notes.join([_notes(part) for part in drums])
    return Pair(name, grid, _notes(hinted[0]), drum_notes)


def _notes(part: object) -> Notes:
    columns = part.notes.numpy()
    start = columns["time"].astype(np.int64)
    notes = Notes(start, start + columns["duration"], columns["pitch"], columns["velocity"])
    if len(start) and (start[0] < 0 or columns["duration"].min() < 0):
        raise MidiError("is longer than 2^31 ticks")
    return notes if (start[1:] >= start[:-1]).all() else notes[np.argsort(start, kind="stable")]
