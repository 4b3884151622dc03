"""A song that came from a MIDI file, and the file's events, into which drums are written.

A song from another door has no file: one is built from its parts, so that whoever writes need not ask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from basedrum.midi.building import build_midi
from basedrum.midi.events import EventFile, read_events
from basedrum.music.grid import Grid
from basedrum.music.song import Song

AnySong = TypeVar("AnySong", bound=Song)


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


def as_loop(song: AnySong) -> AnySong:
    """Return the song ending where its loop goes round (`Grid.end_tick`).

    That is the end of its tracks where they end on a bar line, or after the last note, on the nearest step;
    where they end with the last note in the middle of a bar, the loop is whole bars.
    """
    last_event = max(track[-1][0] for track in song_events(song).tracks)
    last_note = max(int(track.notes.end_ticks.max()) for track in song.tracks)
    grid = replace(song.grid, end_tick=max(last_event, last_note, 1))
    line = _bar_line_at(grid, grid.end_tick)
    if line is None:
        is_meant = last_event > last_note
        step = grid.ticks_per_step
        line = math.ceil(round(last_event / step) * step) if is_meant else math.ceil(grid.last_tick)
    return replace(song, grid=replace(grid, end_tick=max(line, 1)))


def _bar_line_at(grid: Grid, tick: int) -> int | None:
    """Return the bar line within half a step of a tick; None where there is none but that of the start."""
    lines = np.append(grid.measure_ticks[grid.starts_bar], grid.last_tick)[1:]
    nearest = float(lines[np.abs(lines - tick).argmin()])
    return round(nearest) if abs(nearest - tick) <= grid.ticks_per_step / 2 else None
