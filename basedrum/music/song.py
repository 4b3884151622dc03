"""A song as data: its bars and its parts, whatever door it came through (`midi`, later `audio`).

Conventions: ticks as in `grid`; programs are General MIDI's, 0..127; pitches and velocities are MIDI's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from basedrum.music.grid import Grid
from basedrum.music.notes import Notes


@dataclass(frozen=True)
class Part:
    """Notes and what plays them.

    Attributes:
        name: free text, not yet printable.
        program: General MIDI program 0..127.
        is_drum: whether a drum kit plays it.
        notes: in ticks, sorted by start.
    """

    name: str
    program: int
    is_drum: bool
    notes: Notes


@dataclass(frozen=True)
class Track(Part):
    """A part of a song that was read; it has at least one note. `index`: its position in `Song.tracks`."""

    index: int


@dataclass(frozen=True)
class Song:
    """A song as read.

    Attributes:
        name: for messages, not yet printable; may be empty.
        grid: its bars and its tempo; they end after the last note.
        tracks: the parts that have notes.
        markers: (tick, text) of what its file marks ("Chorus"), sorted by tick, not yet printable.
    """

    name: str
    grid: Grid
    tracks: tuple[Track, ...]
    markers: tuple[tuple[int, str], ...] = field(default=(), kw_only=True)


def drum_notes(song: Song) -> Notes:
    """Return the notes of all drum tracks as one, sorted by start, then pitch."""
    return Notes.join([track.notes for track in song.tracks if track.is_drum])
