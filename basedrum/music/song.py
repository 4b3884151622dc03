"""A song as data: its bars and its parts, wherever they came from. A door (`midi`, later `audio`) makes one.

Conventions: ticks as in `grid`; programs are those of General MIDI, 0..127; pitches and velocities are
MIDI's.
"""

from __future__ import annotations

from dataclasses import dataclass

from basedrum.music.grid import Grid
from basedrum.music.notes import Notes


@dataclass(frozen=True)
class Part:
    """Notes and what plays them: `name`, General MIDI `program` 0..127, `is_drum` for a drum kit, `notes` in
    ticks."""

    name: str
    program: int
    is_drum: bool
    notes: Notes


@dataclass(frozen=True)
class Track:
    """One part of a song that was read: the notes of one channel and program of one track chunk.

    Attributes:
        index: position in Song.tracks.
        name: as in the file, not yet printable.
        program: General MIDI program 0..127.
        is_drum: whether it is a drum part (channel 10).
        notes: sorted by start; never empty.
    """

    index: int
    name: str
    program: int
    is_drum: bool
    notes: Notes


@dataclass(frozen=True)
class Song:
    """A song: `name` for messages; `grid`, its bars and tempo, which end after the last note; `tracks`, those
    with notes."""

    name: str
    grid: Grid
    tracks: tuple[Track, ...]
