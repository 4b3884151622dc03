"""A song that came from a MIDI file, and the file's events, into which drums are written.

A song from another door has no file: one is built from its parts, so that whoever writes need not ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from basedrum.midi.building import build_midi
from basedrum.midi.events import EventFile, read_events
from basedrum.music.song import Song


@dataclass(frozen=True)
class MidiSong(Song):
    """A MIDI file that passed the gate: the song, and what is needed to write into the same file.

    Attributes:
        source: the MIDI file's own bytes; of a damaged file the mended ones.
        complaints: what was mended, one line each.
    """

    source: bytes
    complaints: tuple[str, ...] = ()


def song_events(song: Song) -> EventFile:
    """Return the events of the song's own file, or of one that is built from its parts."""
    return read_events(song.source if isinstance(song, MidiSong) else build_midi(song.tracks, song.grid))
