"""Reading MIDI files from anywhere: through the gate, then symusic, into a `MidiSong`.

The steps can be called one by one by those who read many files: `gate` looks at the chunks, `parse_score`
lets symusic read the events, `parse_song` does both and makes the MidiSong.

Conventions: ticks are the file's own; a track is one channel and program of a track chunk, as symusic splits
it. Limits: 70 bytes can make any piano roll ask for gigabytes, so beats, bars and notes are counted before
anything is laid on a grid.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import symusic
from symusic.core import ScoreTick

from basedrum.errors import MidiError, printable
from basedrum.midi import events
from basedrum.midi.gate import gate, read_bytes
from basedrum.midi.midi_song import MidiSong
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Track

MAX_BEATS = 20_000
MAX_BARS = 25_000
MAX_NOTES = 200_000
MAX_CHANGES = 20_000
MAX_MARKERS, MAX_MARKER_LETTERS = 1000, 80
LOWEST_QPM, HIGHEST_QPM = 10.0, 1000.0

logger = logging.getLogger(__name__)


def read_song(path: str | os.PathLike) -> MidiSong:
    """Read a MIDI file; what had to be mended is logged as a warning.

    Raises:
        MidiError: there is no such file, it is no MIDI file, it is too large or too damaged, or it has no
        notes.
    """
    song = parse_song(read_bytes(path), Path(path).name)
    for complaint in song.complaints:
        logger.warning("basedrum: warning: %s: %s", printable(song.name), complaint)
    return song


def parse_song(data: bytes, name: str = "") -> MidiSong:
    """Read a MIDI file from its bytes, quietly: what was mended stands in `MidiSong.complaints`.

    Raises:
        MidiError: it is no MIDI file, or is too large or too damaged, or it has no notes.
    """
    try:
        clean, complaints = gate(data)
        score, clean, more = parse_score(clean)
        grid, tracks = _song_of(score, clean)
        markers = _markers(score, grid.end_tick)
    except MidiError as error:
        raise MidiError(f"{printable(name) or 'MIDI data'}: {error}") from error.__cause__
    return MidiSong(name, grid, tracks, clean, (*complaints, *more), markers=markers)


def parse_score(data: bytes) -> tuple[ScoreTick, bytes, tuple[str, ...]]:
    """Return symusic's score of bytes that passed the gate, the bytes it stands for, and complaints.

    What symusic refuses, or is known to misread, is first mended by `read_events`, which keeps each track up
    to its first broken event.

    Raises:
        MidiError: it cannot be read even so. (Without the file's name.)
    """
    if not _may_hold_escapes(data):
        try:
            return _symusic_score(data), data, ()
        except Exception:
            logger.debug("symusic refuses the file, mending it first", exc_info=True)
    file = events.read_events(data)
    if file.complaints:  # a packet in a damaged track is noise, over which other readers would stumble
        file = _without(file, 0xF7)
    mended = events.to_bytes(file)
    try:
        score = _symusic_score(events.to_bytes(_without(file, 0xF0, 0xF7)))
    except Exception as error:
        raise MidiError("is too damaged to read, save it again from the program it came from") from error
    return score, mended, file.complaints


def _symusic_score(data: bytes) -> ScoreTick:
    """Return symusic's score; it raises RuntimeError, ValueError and others of its own."""
    return cast(ScoreTick, symusic.Score.from_midi(data))


def _without(file: events.EventFile, *statuses: int) -> events.EventFile:
    """Return the file without the events that begin with these status bytes."""
    tracks = []
    for track in file.tracks:
        tracks.append(tuple(event for event in track if event[1][0] not in statuses))
    return replace(file, tracks=tuple(tracks))


def track_names(data: bytes) -> dict[str, str]:
    """Return the track names that are not UTF-8: from the text symusic makes of each, to what it says.

    Old files name tracks in the code page of their maker: Shift-JIS where its kana occur, otherwise Latin-1.
    """
    names = {}
    at = data.find(b"\xff\x03")
    while at >= 0:
        with contextlib.suppress(IndexError):
            size, start = events.read_number(data, at + 2)
            raw = data[start : start + min(size, 1000)]
            is_japanese = any(0x81 <= byte <= 0x84 for byte in raw)
            code_page = "cp932" if is_japanese else "latin-1"
            names[raw.decode("utf-8", "replace")] = raw.decode(code_page, "replace")
        at = data.find(b"\xff\x03", at + 2)
    return names


def _may_hold_escapes(data: bytes) -> bool:
    """Say whether there may be F7 events (escapes, packets of a system exclusive), whose time symusic 0.6
    misreads.

    A faultless file without them has an F7 only where a system exclusive ends, or inside a delta time.
    """
    if b"\xf7" not in data or data.count(b"\xf7") <= data.count(b"\xf0"):
        return False
    at = -1
    for _ in range(MAX_CHANGES):
        at = data.find(b"\xf7", at + 1)
        if at < 0:
            return False
        with contextlib.suppress(IndexError):
            size, start = events.read_number(data, at + 1)
            end = start + size
            is_packet = size > 0 and (0xF0 <= data[start] < 0xFF or data[end - 1] == 0xF7)
            # An F7 event is not followed by running status.
            if is_packet and data[events.read_number(data, end)[1]] >= 0x80:
                return True
    return True


def _song_of(score: ScoreTick, data: bytes) -> tuple[Grid, tuple[Track, ...]]:
    """Make grid and tracks of a score, after its bounds were checked."""
    num_notes = score.note_num()
    if num_notes == 0:
        raise MidiError("has no notes, give a song with a bass line")
    if num_notes > MAX_NOTES:
        raise MidiError(f"has {num_notes} notes, more than {MAX_NOTES}, give a MIDI file of one song")
    tracks: list[Track] = []
    names: dict[str, str] = {}
    end = 0
    for part in score.tracks:
        columns = part.notes.numpy()
        if not len(columns["time"]):
            continue
        start, pitch = columns["time"].astype(np.int64), columns["pitch"]
        stop, velocity = start + columns["duration"], columns["velocity"]
        key = start * 128 + pitch
        if (key[1:] < key[:-1]).any():
            order = np.argsort(key, kind="stable")
            start, stop, pitch, velocity = start[order], stop[order], pitch[order], velocity[order]
        if start[0] < 0 or (stop < start).any():
            raise MidiError("is longer than 2^31 ticks, give a MIDI file of one song")
        end = max(end, int(stop.max()))
        notes = Notes(start, stop, pitch, velocity)
        name = part.name
        if "\ufffd" in name:
            names = names or track_names(data)
            name = names.get(name, name)
        tracks.append(Track(name, part.program, part.is_drum, notes, len(tracks)))
    return grid_of(score, end), tuple(tracks)


def grid_of(score: ScoreTick, end: int) -> Grid:
    """Return the bars and the tempo of a score whose last note ends at tick `end`.

    Raises:
        MidiError: it is too long, or has too many bars or changes. (Without the file's name.)
    """
    if end > MAX_BEATS * score.ticks_per_quarter:
        raise MidiError(f"is longer than {MAX_BEATS} beats, give a MIDI file of one song")
    grid = Grid(score.ticks_per_quarter, end, _tempos(score, end), _time_signatures(score, end))
    signatures = grid.time_signatures
    # Bars are counted only where they may be shorter than beats, since counting takes time.
    has_short = len(signatures) > MAX_BARS // 4 or any(
        4 * numerator < denominator for _, numerator, denominator in signatures
    )
    if has_short and grid.num_measures > MAX_BARS:
        raise MidiError(f"has more than {MAX_BARS} bars, give a MIDI file of one song")
    return grid


def _markers(score: ScoreTick, end: int) -> tuple[tuple[int, str], ...]:
    """Return the markers of a score up to tick `end`, the first ones where there are too many."""
    marks = [(mark.time, mark.text[:MAX_MARKER_LETTERS]) for mark in score.markers[:MAX_MARKERS]]
    return tuple(sorted(mark for mark in marks if 0 <= mark[0] <= end))


def _tempos(score: ScoreTick, end: int) -> tuple[tuple[int, float], ...]:
    if len(score.tempos) > MAX_CHANGES:
        raise MidiError(f"has more than {MAX_CHANGES} tempo changes, give a MIDI file of one song")
    last = {change.time: change.mspq for change in score.tempos}
    tempos = []
    for tick in sorted(last):
        if 0 <= tick <= end:
            qpm = 6e7 / max(last[tick], 1)
            tempos.append((tick, min(max(qpm, LOWEST_QPM), HIGHEST_QPM)))
    return tuple(tempos)


def _time_signatures(score: ScoreTick, end: int) -> tuple[tuple[int, int, int], ...]:
    if len(score.time_signatures) > MAX_CHANGES:
        raise MidiError(f"has more than {MAX_CHANGES} time signatures, give a MIDI file of one song")
    last: dict[int, tuple[int, int]] = {}
    for change in score.time_signatures:
        is_valid = 1 <= change.numerator <= 64 and change.denominator in (1, 2, 4, 8, 16, 32, 64)
        if is_valid and 0 <= change.time <= end:
            last[change.time] = (change.numerator, change.denominator)
    # Some files have a change a few ticks beside the bar line, which would cut a bar of one step off.
    changes: dict[int, tuple[int, int]] = {}
    start, bar = 0, 4.0 * score.ticks_per_quarter
    for tick in sorted(last):
        beside = (tick - start + bar / 2) % bar - bar / 2
        start = tick - round(beside) if abs(beside) < score.ticks_per_quarter / 16 else tick
        changes[start] = last[tick]
        bar = 4 * score.ticks_per_quarter * last[tick][0] / last[tick][1]
    return tuple((tick, *metre) for tick, metre in changes.items())
