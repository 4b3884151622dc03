"""One MIDI file to one pair of bass and drums, by the shortest way.

A corpus is read at the speed of its parser: where exactly one track says that it is the bass, the notes go
straight from the parsed score into the pair; every other song takes the full way through `parse_song` and
`find_bass`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from basedrum.corpus.pairs import Pair, PartNotes
from basedrum.errors import MidiError
from basedrum.midi import reading
from basedrum.music import bass_track
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import DEFAULT_VELOCITY
from basedrum.music.sections import BASS, FEWEST_PARTS, PartChanges, kind_of, part_changes
from basedrum.music.song import drum_notes


def read_pair(data: bytes, name: str) -> Pair:
    """Return bass and drums of a MIDI file.

    Raises:
        MidiError: unsafe or damaged, no drums, or no bass found.
    """
    clean, _ = reading.gate(data)
    score, clean, _ = reading.parse_score(clean)
    drums, hinted = [], []
    end = num_notes = 0
    for part in score.tracks:
        if part.is_drum:
            drums.append(part)
        elif part.program in bass_track.BASS_PROGRAMS or bass_track.is_bass_name(part.name):
            hinted.append(part)
        end = max(end, part.end())
        num_notes += len(part.notes)
    if not drums:
        raise MidiError("has no drums")
    if len(hinted) != 1 or len(drums) != 1:
        song = reading.parse_song(clean, name)
        bass = bass_track.find_bass(song)
        played = [track for track in song.tracks if not track.is_drum and track.index != bass.index]
        found = _changes([(track.program, track.notes) for track in played], bass.notes, song.grid)
        return Pair(name, song.grid, PartNotes.of(bass.notes), PartNotes.of(drum_notes(song)), found)
    if num_notes > reading.MAX_NOTES:
        raise MidiError(f"has {num_notes} notes, more than {reading.MAX_NOTES}")
    grid, line = reading.grid_of(score, end), _part(hinted[0])
    others = [
        track for track in score.tracks if track is not hinted[0] and not track.is_drum and len(track.notes)
    ]
    sounds = [(track.program, _notes(_part(track))) for track in others]
    return Pair(name, grid, line, _part(drums[0]), _changes(sounds, _notes(line), grid))


def _changes(others: Sequence[tuple[int, Notes]], bass: Notes, grid: Grid) -> PartChanges | None:
    """Return where the parts of a song enter and leave, given those beside its bass as (program, notes)."""
    if len(others) < FEWEST_PARTS:
        return None
    return part_changes([(BASS, bass), *((kind_of(program), notes) for program, notes in others)], grid)


def _notes(part: PartNotes) -> Notes:
    return Notes(part.starts, part.ends, part.pitches, np.full(len(part.starts), DEFAULT_VELOCITY))


def _part(track: Any) -> PartNotes:
    columns = track.notes.numpy()
    starts, ends, pitches = columns["time"], columns["time"] + columns["duration"], columns["pitch"]
    if len(starts) and (starts[0] < 0 or columns["duration"].min() < 0):
        raise MidiError("is longer than 2^31 ticks")
    if (starts[1:] < starts[:-1]).any():
        order = np.argsort(starts, kind="stable")
        return PartNotes(starts[order], ends[order], pitches[order])
    return PartNotes(starts, ends, pitches)
