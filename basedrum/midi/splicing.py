"""New drums for some bars of a song whose other bars keep theirs.

A hit belongs to the bar of the step it is nearest to, so one played a little early on a bar's first beat
belongs to that bar. Every event of the song stays as it was but the notes of channel 10 that belong to the
bars played anew; the new ones go into the track that holds most of the drums. Only the end of a note can
change outside: where one still sounds when a new hit of its pitch comes, it is cut there, since MIDI cannot
    say two notes of one pitch at once.

Conventions: bars are counted from 0 and ranges are inclusive.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace

import numpy as np

from basedrum.midi.building import DRUM_CHANNEL, rows, separate
from basedrum.midi.events import END_OF_TRACK, Event, meta, read_events, to_bytes
from basedrum.midi.reading import MidiSong
from basedrum.midi.writing import within
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes

NOTE_ON, NOTE_OFF = 0x90 | DRUM_CHANNEL, 0x80 | DRUM_CHANNEL


@dataclass
class _Hit:
    """A note of channel 10 among the events of a track: where its on and its off stand, None if it has no
    off."""

    tick: int
    pitch: int
    on: int
    off: int | None = None


def is_in_bars(ticks: np.ndarray, grid: Grid, first: int, last: int) -> np.ndarray:
    """Return (n,) bool: whether the step nearest to each tick lies in bars `first` to `last`."""
    measures, _, _ = grid.locate(ticks)
    bars = grid.bars[measures]
    return (bars >= first) & (bars <= last)


def song_with_new_bars(
    song: MidiSong, drums: Notes, bars: tuple[int, int], grid: Grid | None = None, text: str = ""
) -> bytes:
    """Return the song with the notes of `drums` that belong to `bars` (first and last, from 0) instead of its
    own drums there.

    `grid`: the song's with its swing, whose steps say what belongs to which bar; None: `song.grid`. `text`
    becomes a text event of the drums' track.
    """
    grid = grid or song.grid
    file = read_events(song.source)
    tracks = [list(track) for track in file.tracks]
    hits = [_hits(track) for track in tracks]
    home = max(range(len(tracks)), key=lambda i: len(hits[i]))
    for i, found in enumerate(hits):
        inside = is_in_bars(np.asarray([hit.tick for hit in found], float), grid, *bars)
        gone = {
            at
            for hit, is_gone in zip(found, inside.tolist(), strict=True)
            if is_gone
            for at in (hit.on, hit.off)
        }
        if i == home:
            kept = [hit for hit, is_gone in zip(found, inside.tolist(), strict=True) if not is_gone]
            fresh = separate(within(drums, song.grid))
            fresh = fresh[is_in_bars(fresh.start_ticks, grid, *bars)]
            tracks[i] = _merged(tracks[i], gone, kept, fresh)
            tracks[i][:0] = [(0, meta(0x01, text.encode()))] if text else []
        else:
            tracks[i] = [event for at, event in enumerate(tracks[i]) if at not in gone]
    return to_bytes(replace(file, tracks=tuple(map(tuple, tracks))))


def _hits(track: list[Event]) -> list[_Hit]:
    """Return the notes of channel 10, each off belonging to the first note of its pitch that still sounds."""
    found: list[_Hit] = []
    sounding: dict[int, deque[_Hit]] = defaultdict(deque)
    for at, (tick, message) in enumerate(track):
        if message[0] == NOTE_ON and message[2]:
            found.append(_Hit(tick, message[1], at))
            sounding[message[1]].append(found[-1])
        elif message[0] in (NOTE_ON, NOTE_OFF) and sounding[message[1]]:
            sounding[message[1]].popleft().off = at
    return found


def _merged(track: list[Event], gone: set[int | None], kept: list[_Hit], fresh: Notes) -> list[Event]:
    """Return the track without the events `gone` and with fresh notes, offs before and ons behind what lies
    at their tick."""
    keyed = [[tick, 1, at, message] for at, (tick, message) in enumerate(track) if message != END_OF_TRACK]
    of_pitch: dict[int, list[_Hit]] = defaultdict(list)
    for hit in kept:
        of_pitch[hit.pitch].append(hit)
    for start, end, pitch, velocity in rows(fresh):
        for hit in of_pitch[pitch]:
            if hit.off is not None and hit.tick < start < keyed[hit.off][0]:
                keyed[hit.off][:2] = [start, 1]
        end = min([end, *(hit.tick for hit in of_pitch[pitch] if hit.tick > start)])
        keyed.append([start, 2, pitch, bytes((NOTE_ON, pitch, velocity))])
        keyed.append([end, 0, pitch, bytes((NOTE_OFF, pitch, 0))])
    left = [row for at, row in enumerate(keyed) if at not in gone]
    events = [(tick, message) for tick, _, _, message in sorted(left, key=lambda row: row[:3])]
    ends = [tick for tick, message in track if message == END_OF_TRACK]
    return [*events, (max([*ends, *(tick for tick, _ in events)]), END_OF_TRACK)]
