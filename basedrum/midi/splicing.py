"""New drums for some bars of a song whose other bars keep theirs.

A hit belongs to the bar of the step it is nearest to, so one played a little early on a bar's first beat
belongs to that bar. Every event of the song stays as it was but the notes of channel 10 that belong to the
bars played again; the new ones of each pitch go into the track that holds most of that pitch, else into the
one that holds most of the drums. Only the end of a note can
change outside: where one still sounds when a new hit of its pitch comes, it is cut there, since two notes of
one pitch cannot sound at once in MIDI.

Conventions: bars are counted from 0 and ranges are inclusive.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace

import numpy as np

from basedrum.midi.building import DRUM_CHANNEL, rows, separate
from basedrum.midi.events import END_OF_TRACK, Event, meta, to_bytes
from basedrum.midi.midi_song import song_events
from basedrum.midi.writing import within
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Song

NOTE_ON, NOTE_OFF = 0x90 | DRUM_CHANNEL, 0x80 | DRUM_CHANNEL


@dataclass
class _Hit:
    """A note of channel 10 among the events of a track.

    Attributes:
        tick, pitch: of its note-on.
        on: which event its note-on is.
        off: which event its note-off is; None where it has none.
    """

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
    song: Song, drums: Notes, bars: tuple[int, int], grid: Grid | None = None, text: str = ""
) -> bytes:
    """Return the song as a MIDI file, with `drums` instead of its own in some bars.

    Args:
        drums: notes of the whole song; those outside of `bars` are not used.
        bars: the first and the last bar.
        grid: the song's with its swing, whose steps say what belongs to which bar; None: `song.grid`.
        text: a text event for the drums' track; "" for none.
    """
    grid = grid or song.grid
    file = song_events(song)
    tracks = [list(track) for track in file.tracks]
    hits = [_hits(track) for track in tracks]
    home, home_of_pitch = _homes(hits)
    fresh = separate(within(drums, song.grid))
    fresh = fresh[is_in_bars(fresh.start_ticks, grid, *bars)]
    for number, found in enumerate(hits):
        is_inside = is_in_bars(np.asarray([hit.tick for hit in found], float), grid, *bars).tolist()
        kept: list[_Hit] = []
        gone: set[int | None] = set()
        for hit, is_gone in zip(found, is_inside, strict=True):
            if is_gone:
                gone |= {hit.on, hit.off}
            else:
                kept.append(hit)
        own = fresh[home_of_pitch[fresh.pitches] == number]
        if len(own) or number == home:
            tracks[number] = _merged(tracks[number], gone, kept, own)
        else:
            tracks[number] = [event for at, event in enumerate(tracks[number]) if at not in gone]
    tracks[home][:0] = [(0, meta(0x01, text.encode()))] if text else []
    return to_bytes(replace(file, tracks=tuple(map(tuple, tracks))))


def _homes(hits: list[list[_Hit]]) -> tuple[int, np.ndarray]:
    """Return the track that holds most hits, and (128,) that of each pitch."""
    counts = np.zeros((len(hits), 128), np.int64)
    for number, found in enumerate(hits):
        np.add.at(counts[number], np.asarray([hit.pitch for hit in found], np.int64), 1)
    home = int(counts.sum(axis=1).argmax())
    counts[home] += 1 - counts.any(axis=0)  # a pitch that is nowhere yet
    return home, counts.argmax(axis=0)


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


@dataclass
class _Placed:
    """An event and where it goes: by tick, then offs (0) before what was there (1) before ons (2), then by
    `order`: its place in the track, or the pitch of a new note."""

    tick: int
    rank: int
    order: int
    message: bytes


def _merged(track: list[Event], gone: set[int | None], kept: list[_Hit], fresh: Notes) -> list[Event]:
    """Return the track without the events `gone` and with fresh notes, offs before and ons behind what lies
    at their tick."""
    placed = [_Placed(tick, 1, at, message) for at, (tick, message) in enumerate(track)]
    of_pitch: dict[int, list[_Hit]] = defaultdict(list)
    for hit in kept:
        of_pitch[hit.pitch].append(hit)
    new: list[_Placed] = []
    for start, end, pitch, velocity in rows(fresh):
        for hit in of_pitch[pitch]:
            if hit.off is not None and hit.tick < start < placed[hit.off].tick:
                placed[hit.off].tick = start
        end = min([end, *(hit.tick for hit in of_pitch[pitch] if hit.tick > start)])
        new.append(_Placed(start, 2, pitch, bytes((NOTE_ON, pitch, velocity))))
        new.append(_Placed(end, 0, pitch, bytes((NOTE_OFF, pitch, 0))))
    left = [event for at, event in enumerate(placed) if at not in gone and event.message != END_OF_TRACK]
    ordered = sorted([*left, *new], key=lambda event: (event.tick, event.rank, event.order))
    ends = [tick for tick, message in track if message == END_OF_TRACK]
    last = max([*ends, *(event.tick for event in ordered)])
    return [*((event.tick, event.message) for event in ordered), (last, END_OF_TRACK)]
