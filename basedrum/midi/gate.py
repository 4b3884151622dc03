"""The gate: which bytes of a file may reach a MIDI library at all.

Small damage is mended and makes a complaint: bytes behind the last track, a track that breaks off, a wrong
count of tracks. What cannot be a song is refused.

Limits: behind this gate symusic 0.6 came through every awkward file tried; other libraries hang on 1 MB
(`lab/NOTES.md`).
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from typing import NamedTuple

from basedrum.errors import MidiError, printable
from basedrum.midi import events

MAX_BYTES = 8 * 2**20
MAX_TRACKS = 1024
MAX_PROGRAM_CHANGES = 10_000
_FOLLOWED = "bytes that are no track follow the last track, left out"

_ALL_BUT_PROGRAM_CHANGES = bytes(byte for byte in range(256) if byte >> 4 != 0xC)


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the bytes of a regular file of at most 8 MB; it does not wait for devices and pipes.

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
        raise MidiError(
            f"{shown}: cannot be read: {printable(reason)}, check the name of the file"
        ) from error
    if len(data) > MAX_BYTES:
        raise MidiError(f"{shown}: is larger than {MAX_BYTES // 2**20} MB, give a MIDI file of one song")
    return data


def gate(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return bytes that are safe to parse, and complaints, from the chunks of a file.

    Its events are walked only where there may be too many of them, so this takes microseconds.

    Returns:
        `data` itself where nothing is wrong; otherwise the header and the track chunks alone, with true
        lengths. What was mended, one line each.

    Raises:
        MidiError: no MIDI file, format 2, SMPTE time, too large, too many tracks or events, no tracks.
            (Without the file's name.)
    """
    data = bytes(data)
    if len(data) > MAX_BYTES:
        raise MidiError(f"is larger than {MAX_BYTES // 2**20} MB, give a MIDI file of one song")
    if not data:
        raise MidiError("is empty, give a MIDI file")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrap(data)
    header = _read_header(data)
    chunks, complaints, is_whole = _read_chunks(data, 8 + header.size)
    if not chunks:
        raise MidiError("has no track in it, give a MIDI file with notes")
    if len(chunks) != header.num_tracks:
        complaints.append(f"the header counts {header.num_tracks} tracks, the file has {len(chunks)}")
    file_format = 1 if len(chunks) > 1 else header.format
    if complaints or not is_whole or header.size != 6 or file_format != header.format:
        data = b"MThd" + struct.pack(">IHHH", 6, file_format, len(chunks), header.division)
        data += b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)
    _check_events(data)
    return data, tuple(complaints)


class _Header(NamedTuple):
    size: int
    format: int
    num_tracks: int
    division: int


def _read_header(data: bytes) -> _Header:
    """Return the header chunk. Raises MidiError where no song can follow it."""
    if data[:4] != b"MThd" or len(data) < events.HEADER_BYTES:
        raise MidiError("is not a MIDI file, give a Standard MIDI File (.mid)")
    header = _Header(*struct.unpack(">IHHH", data[4 : events.HEADER_BYTES]))
    if header.format > 1:
        raise MidiError(f"is a MIDI file of format {header.format}, save it as format 0 or 1")
    if header.size < 6 or header.size > len(data) - 8:
        raise MidiError("has a damaged MIDI header, save it again from the program it came from")
    if header.division & 0x8000:
        raise MidiError("counts time in SMPTE frames, save it with ticks per quarter note")
    if header.division == 0:
        raise MidiError("has zero ticks per quarter note, save it again from the program it came from")
    return header


def _read_chunks(data: bytes, at: int) -> tuple[list[bytes], list[str], bool]:
    """Return the track chunks from `at` on, complaints, and whether the file is nothing but those chunks."""
    chunks: list[bytes] = []
    complaints: list[str] = []
    is_whole = True
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        is_track = data[at : at + 4] == b"MTrk"
        if at + 8 + size > len(data):
            size = len(data) - at - 8
            if is_track:
                complaints.append("the last track breaks off")
            else:
                complaints.append(_FOLLOWED if chunks else "there is no track at the start")
        if is_track:
            chunks.append(data[at + 8 : at + 8 + size])
            if len(chunks) > MAX_TRACKS:
                raise MidiError(f"has more than {MAX_TRACKS} tracks, give a MIDI file of one song")
        is_whole = is_whole and is_track
        at += 8 + size
    if at < len(data):
        complaints.append(_FOLLOWED)
    return chunks, complaints, is_whole


def _unwrap(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF RMID file."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise MidiError("is a RIFF file without MIDI data, give a Standard MIDI File (.mid)")


def _count_program_changes(track: Sequence[events.Event]) -> int:
    return sum(message[0] >> 4 == 0xC for _, message in track)


def _check_events(data: bytes) -> None:
    """Raise MidiError for what would take gigabytes: symusic makes a part of 5 KB of each program of a
    channel."""
    if len(data) <= 3 * MAX_PROGRAM_CHANGES:  # with its delta time each takes three bytes
        return
    if len(data.translate(None, _ALL_BUT_PROGRAM_CHANGES)) > MAX_PROGRAM_CHANGES:
        tracks = events.read_events(data).tracks
        if sum(map(_count_program_changes, tracks)) > MAX_PROGRAM_CHANGES:
            raise MidiError(
                f"has more than {MAX_PROGRAM_CHANGES} program changes, give a MIDI file of one song"
            )
    elif len(data) > 2 * events.MAX_EVENTS:  # an event takes two bytes at least
        events.read_events(data)
