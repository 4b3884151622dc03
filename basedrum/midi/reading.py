"""Reading MIDI files from anywhere: a gate that refuses what is unsafe, then symusic, then our own Song.

The stages stand on their own for those who read many files: `gate` walks the chunks only, `parse_score` lets symusic read
the events, `parse_song` does both and makes the Song.

Conventions: ticks are the file's own; symusic splits a track chunk by channel and program, and so do we.
Limits: design figures measured on 553 awkward files; any piano roll can be made to ask for gigabytes by 70 bytes, so
beats and notes are counted before anything is laid on a grid.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import symusic

from basedrum.errors import MidiError, printable
from basedrum.midi import events
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes

MAX_BYTES = 8 * 2**20
MAX_TRACKS = 1024
MAX_BEATS = 20_000
MAX_BARS = 25_000
MAX_NOTES = 200_000
MAX_CHANGES = 20_000
MAX_PROGRAM_CHANGES = 10_000
LOWEST_QPM, HIGHEST_QPM = 10.0, 1000.0

_ALL_BUT_PROGRAM_CHANGES = bytes(byte for byte in range(256) if byte >> 4 != 0xC)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Track:
    """The notes of one channel and program of one track chunk.

    Attributes:
        index: position in Song.tracks.
        name: as in the file, not yet printable.
        program: General MIDI program 0..127.
        is_drum: whether it sounds on channel 10.
        notes: sorted by start; never empty.
    """

    index: int
    name: str
    program: int
    is_drum: bool
    notes: Notes


@dataclass(frozen=True)
class Song:
    """A MIDI file that passed the gate.

    Attributes:
        name: what to call it in messages.
        grid: its bars and tempo; the bars end after the last note of any track.
        tracks: those with notes.
        source: the MIDI file's own bytes; of a damaged file the mended ones.
        complaints: what was mended, one line each.
    """

    name: str
    grid: Grid
    tracks: tuple[Track, ...]
    source: bytes
    complaints: tuple[str, ...] = ()


def read_song(path: str | os.PathLike) -> Song:
    """Read a MIDI file; what had to be mended is logged as a warning.

    Raises:
        MidiError: there is no such file, it is no MIDI file, it is too large or too damaged, or it has no notes.
    """
    song = parse_song(read_bytes(path), Path(path).name)
    for complaint in song.complaints:
        logger.warning("basedrum: warning: %s: %s", printable(song.name), complaint)
    return song


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the bytes of a regular file of at most 8 MB; devices, pipes and folders are never opened for long.

    Raises:
        MidiError: it cannot be read, is not a regular file, or is too large.
    """
    shown = printable(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
                raise MidiError(f"{shown}: is {kind}, name a MIDI file (.mid)")
            data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise MidiError(f"{shown}: is a folder, name a MIDI file (.mid)") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MidiError(f"{shown}: cannot be read: {printable(reason)}, check the name of the file") from error
    if len(data) > MAX_BYTES:
        raise MidiError(f"{shown}: is larger than {MAX_BYTES // 2**20} MB, give a MIDI file of one song")
    return data


def parse_song(data: bytes, name: str = "") -> Song:
    """Read a MIDI file from its bytes, quietly: what was mended stands in `Song.complaints`.

    Raises:
        MidiError: it is no MIDI file, or is too large or too damaged, or it has no notes.
    """
    try:
        clean, complaints = gate(data)
        _check_events(clean)
        score, clean, more = parse_score(clean)
        grid, tracks = _song_of(score, clean)
    except MidiError as error:
        raise MidiError(f"{printable(name) or 'MIDI data'}: {error}") from error.__cause__
    return Song(name, grid, tracks, clean, (*complaints, *more))


def gate(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Walk the chunks of a file, none of its events: return bytes that are safe to parse, and complaints.

    The bytes are `data` itself for a sound file; otherwise the header and the track chunks alone, with true lengths.

    Raises:
        MidiError: no MIDI file, format 2, SMPTE time, too large, too many tracks, no tracks. (Without the file's name.)
    """
    data = bytes(data)
    if len(data) > MAX_BYTES:
        raise MidiError(f"is larger than {MAX_BYTES // 2**20} MB, give a MIDI file of one song")
    if not data:
        raise MidiError("is empty, give a MIDI file")
    complaints: list[str] = []
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrap(data)
    if data[:4] != b"MThd" or len(data) < events.HEADER_BYTES:
        raise MidiError("is not a MIDI file, give a Standard MIDI File (.mid)")
    header_size, file_format, num_tracks, division = struct.unpack(">IHHH", data[4 : events.HEADER_BYTES])
    if file_format > 1:
        raise MidiError(f"is a MIDI file of format {file_format}, save it as format 0 or 1")
    if header_size < 6 or header_size > len(data) - 8:
        raise MidiError("has a damaged MIDI header, save it again from the program it came from")
    if division & 0x8000:
        raise MidiError("counts time in SMPTE frames, save it with ticks per quarter note")
    if division == 0:
        raise MidiError("has zero ticks per quarter note, save it again from the program it came from")
    chunks, is_sound = [], header_size == 6
    at = 8 + header_size
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        kind = data[at : at + 4]
        if at + 8 + size > len(data):
            if kind == b"MTrk" or not chunks:
                complaints.append("the last track breaks off" if kind == b"MTrk" else "there is no track at the start")
            else:
                complaints.append("bytes that are no track follow the last track, left out")
            is_sound = False
            size = len(data) - at - 8
        if kind == b"MTrk":
            chunks.append(data[at + 8 : at + 8 + size])
            if len(chunks) > MAX_TRACKS:
                raise MidiError(f"has more than {MAX_TRACKS} tracks, give a MIDI file of one song")
        else:
            is_sound = False
        at += 8 + size
    if at < len(data):
        complaints.append("bytes that are no track follow the last track, left out")
        is_sound = False
    if not chunks:
        raise MidiError("has no track in it, give a MIDI file with notes")
    if len(chunks) != num_tracks:
        complaints.append(f"the header counts {num_tracks} tracks, the file has {len(chunks)}")
        is_sound = False
    if file_format == 0 and len(chunks) > 1:
        file_format, is_sound = 1, False
    if not is_sound:
        header = b"MThd" + struct.pack(">IHHH", 6, file_format, len(chunks), division)
        data = header + b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)
    return data, tuple(complaints)


def _unwrap(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF RMID file."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise MidiError("is a RIFF file without MIDI data, give a Standard MIDI File (.mid)")


def parse_score(data: bytes) -> tuple[symusic.core.ScoreTick, bytes, tuple[str, ...]]:
    """Let symusic read bytes that passed the gate: return its score, the bytes it read, and complaints.

    What symusic refuses, or is known to misread, is mended by our own walker first, which keeps each track up to its
    first broken event.

    Raises:
        MidiError: it cannot be read even so. (Without the file's name.)
    """
    if not _may_hold_escapes(data):
        try:
            return symusic.Score.from_midi(data), data, ()
        except Exception:
            logger.debug("symusic refuses the file, our own walker tries", exc_info=True)
    file = events.read_events(data)
    mended = events.to_bytes(file)
    plain = [tuple(e for e in track if e[1][0] not in (0xF0, 0xF7)) for track in file.tracks]
    try:
        score = symusic.Score.from_midi(events.to_bytes(events.EventFile(file.format, file.division, tuple(plain))))
    except Exception as error:
        raise MidiError("is too damaged to read, save it again from the program it came from") from error
    return score, mended, file.complaints


def _check_events(data: bytes) -> None:
    """Refuse what would take symusic or us gigabytes: each program of a channel becomes a part of 5 KB in symusic."""
    if len(data.translate(None, _ALL_BUT_PROGRAM_CHANGES)) > MAX_PROGRAM_CHANGES:
        tracks = events.read_events(data).tracks
        if sum(message[0] >> 4 == 0xC for track in tracks for _, message in track) > MAX_PROGRAM_CHANGES:
            raise MidiError(f"has more than {MAX_PROGRAM_CHANGES} program changes, give a MIDI file of one song")
    elif len(data) > 2 * events.MAX_EVENTS:  # an event takes two bytes at least
        events.read_events(data)


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
            names[raw.decode("utf-8", "replace")] = raw.decode("cp932" if is_japanese else "latin-1", "replace")
        at = data.find(b"\xff\x03", at + 2)
    return names


def _may_hold_escapes(data: bytes) -> bool:
    """Say whether there may be F7 events (escapes, packets of a system exclusive), whose time symusic 0.6 misreads.

    A sound file without them has an F7 only where a system exclusive ends, or inside a delta time.
    """
    if data.count(b"\xf7") <= data.count(b"\xf0"):
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
            if is_packet and data[events.read_number(data, end)[1]] >= 0x80:  # no running status behind an F7 event
                return True
    return True


def parse_alone(data: bytes) -> None:
    """Let symusic read bytes and drop the result: the bare speed that `basedrum prepare` is measured against."""
    symusic.Score.from_midi(data)


def _song_of(score: symusic.core.ScoreTick, data: bytes) -> tuple[Grid, tuple[Track, ...]]:
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
        tracks.append(Track(len(tracks), name, part.program, part.is_drum, notes))
    return grid_of(score, end), tuple(tracks)


def grid_of(score: symusic.core.ScoreTick, end: int) -> Grid:
    """Return the bars and the tempo of a score whose last note ends at tick `end`.

    Raises:
        MidiError: it is too long, or has too many bars or changes. (Without the file's name.)
    """
    if end > MAX_BEATS * score.ticks_per_quarter:
        raise MidiError(f"is longer than {MAX_BEATS} beats, give a MIDI file of one song")
    grid = Grid(score.ticks_per_quarter, end, _tempos(score, end), _time_signatures(score, end))
    signatures = grid.time_signatures
    # Bars are counted only where they may be shorter than beats, since counting takes time.
    has_short = len(signatures) > MAX_BARS // 4 or any(4 * numerator < denominator for _, numerator, denominator in signatures)
    if has_short and grid.num_measures > MAX_BARS:
        raise MidiError(f"has more than {MAX_BARS} bars, give a MIDI file of one song")
    return grid


def _tempos(score: symusic.core.ScoreTick, end: int) -> tuple[tuple[int, float], ...]:
    columns = score.tempos.numpy()
    if len(columns["time"]) > MAX_CHANGES:
        raise MidiError(f"has more than {MAX_CHANGES} tempo changes, give a MIDI file of one song")
    last = dict(zip(columns["time"].tolist(), columns["mspq"].tolist(), strict=True))
    return tuple(
        (tick, min(max(6e7 / max(last[tick], 1), LOWEST_QPM), HIGHEST_QPM)) for tick in sorted(last) if 0 <= tick <= end
    )


def _time_signatures(score: symusic.core.ScoreTick, end: int) -> tuple[tuple[int, int, int], ...]:
    columns = score.time_signatures.numpy()
    if len(columns["time"]) > MAX_CHANGES:
        raise MidiError(f"has more than {MAX_CHANGES} time signatures, give a MIDI file of one song")
    rows = zip(columns["time"].tolist(), columns["numerator"].tolist(), columns["denominator"].tolist(), strict=True)
    last = {t: (n, d) for t, n, d in rows if 0 <= t <= end and 1 <= n <= 64 and d in (1, 2, 4, 8, 16, 32, 64)}
    return tuple((tick, *last[tick]) for tick in sorted(last))
