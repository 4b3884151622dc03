"""Bars of clicks before a song: everything in the file moved behind them.

What sets a file up at tick 0 stays there: names, programs, controllers, tempo, key. Notes and what marks a
place in the song (markers, cues, lyrics, texts after the first) move.

Conventions: a click is a hit of channel 10 on each beat, dotted ones in compound time; ticks as in `grid`.
"""

from __future__ import annotations

from dataclasses import replace

from basedrum.midi.building import DRUM_CHANNEL
from basedrum.midi.events import Event, meta, read_events, to_bytes
from basedrum.music.compound import is_compound
from basedrum.music.grid import Grid

FIRST_VELOCITY, VELOCITY = 120, 96
_META, _LYRIC, _MARKER, _CUE, _METRE = 0xFF, 0x05, 0x06, 0x07, 0x58
_NOTES = (0x80, 0x90, 0xA0)


def with_count_in(data: bytes, num_bars: int, grid: Grid, pitch: int) -> bytes:
    """Return a MIDI file with `num_bars` bars of clicks before it, in the last track that has drums; the
    same bytes for 0.

    Args:
        grid: the song's; its first bar says how the clicks count, a shorter bar before others the second.
        pitch: of the clicks.
    """
    if not num_bars:
        return data
    metre = _metre(grid)
    bar_ticks = grid.ticks_per_quarter * 4 * metre[0] // metre[1]
    later = num_bars * bar_ticks
    file = read_events(data)
    signatures = grid.time_signatures
    is_other = bool(signatures) and signatures[0][0] == 0 and signatures[0][1:] != metre
    tracks = [_moved(track, later, is_other) for track in file.tracks]
    if is_other:
        tracks[0] = ((0, _signature(metre)), *tracks[0])
    home = max(range(len(tracks)), key=lambda number: (_has_drums(tracks[number]), number))
    tracks[home] = _with_clicks(tracks[home], _clicks(metre, bar_ticks, num_bars, pitch))
    return to_bytes(replace(file, tracks=tuple(tracks)))


def _metre(grid: Grid) -> tuple[int, int]:
    """Return the metre to count in: that of the first bar, or of the second where the first is a shorter
    one."""
    signatures = [signature for signature in grid.time_signatures if signature[0] < max(grid.end_tick, 1)]
    if not signatures or signatures[0][0] > 0:
        return 4, 4
    first = signatures[0]
    if len(signatures) > 1:
        second = signatures[1]
        whole = grid.ticks_per_quarter * 4 * first[1] / first[2]
        is_short = first[1] / first[2] < second[1] / second[2]
        if second[0] <= whole and is_short:
            return second[1:]
    return first[1:]


def _signature(metre: tuple[int, int]) -> bytes:
    return meta(_METRE, bytes((metre[0], metre[1].bit_length() - 1, 24, 8)))


def _moved(track: tuple[Event, ...], later: int, moves_metre: bool) -> tuple[Event, ...]:
    moved = []
    for tick, message in track:
        stays = tick == 0 and not _belongs_to_a_place(message, moves_metre)
        moved.append((tick if stays else tick + later, message))
    return tuple(sorted(moved, key=lambda event: event[0]))


def _belongs_to_a_place(message: bytes, moves_metre: bool) -> bool:
    """Return whether an event at tick 0 belongs to the song's first moment, not to the file's set-up."""
    if message[0] == _META:
        kind = message[1]
        return kind in (_LYRIC, _MARKER, _CUE, 0x2F) or (kind == _METRE and moves_metre)
    return message[0] & 0xF0 in _NOTES


def _has_drums(track: tuple[Event, ...]) -> bool:
    return any(message[0] == 0x90 | DRUM_CHANNEL for _, message in track)


def _clicks(metre: tuple[int, int], bar_ticks: int, num_bars: int, pitch: int) -> list[Event]:
    num_beats = metre[0] // 3 if is_compound(*metre) else metre[0]
    clicks: list[Event] = []
    for bar in range(num_bars):
        for beat in range(num_beats):
            start = bar * bar_ticks + beat * bar_ticks // num_beats
            end = start + max(1, bar_ticks // num_beats // 4)
            velocity = VELOCITY if beat else FIRST_VELOCITY
            clicks.append((start, bytes((0x90 | DRUM_CHANNEL, pitch, velocity))))
            clicks.append((end, bytes((0x80 | DRUM_CHANNEL, pitch, 0))))
    return clicks


def _with_clicks(track: tuple[Event, ...], clicks: list[Event]) -> tuple[Event, ...]:
    """Return a track with clicks, behind what sets it up at tick 0."""
    return tuple(sorted([*track, *clicks], key=lambda event: event[0]))
