"""The events of a Standard MIDI File, read and written one by one.

Writing goes through here, so that what basedrum does not understand (lyrics, controllers, system exclusive,
unknown meta events) stays as it was.

Conventions: an event is (tick, bytes): tick absolute from the start of its track; bytes as in the file but
with the status byte always written out (no running status) and without the delta time. Meta: `FF type length
data`. System exclusive: `F0 length data` or `F7 length data`. The end-of-track meta event closes each track
and is kept, since it has a tick of its own.

Source: the Standard MIDI Files 1.0 specification (RP-001).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from basedrum.errors import MidiError

Event = tuple[int, bytes]

END_OF_TRACK = b"\xff\x2f\x00"
MAX_TICK = 2**31 - 1
MAX_EVENTS = 1_000_000
MAX_DELTA = 2**28 - 1
HEADER_BYTES = 14
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}


@dataclass(frozen=True)
class EventFile:
    """A MIDI file as events.

    Attributes:
        format: 0 or 1.
        division: ticks per quarter, 1..32767.
        tracks: the events of each track chunk, sorted by tick, the last one the end of the track.
        complaints: what had to be mended on the way in, one line each; empty for a faultless file.
    """

    format: int
    division: int
    tracks: tuple[tuple[Event, ...], ...]
    complaints: tuple[str, ...] = ()


def read_events(data: bytes) -> EventFile:
    """Return the events of a file whose chunks are in order (see `gate`).

    A track that cannot be read to its end is kept up to the event that is broken; that is a complaint, not an
    error.

    Raises:
        MidiError: there is no header, or there are more than a million events. (Without the file's name.)
    """
    if len(data) < HEADER_BYTES or data[:4] != b"MThd":
        raise MidiError("is not a MIDI file, give a Standard MIDI File (.mid)")
    _, file_format, _, division = struct.unpack(">IHHH", data[4:HEADER_BYTES])
    tracks, complaints = [], []
    at, most_events = HEADER_BYTES, MAX_EVENTS
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            events, complaint = read_track(data[at + 8 : at + 8 + size], most_events)
            most_events -= len(events) - 1
            tracks.append(tuple(events))
            if complaint:
                complaints.append(f"track {len(tracks)} {complaint}")
        at += 8 + size
    return EventFile(file_format, division, tuple(tracks), tuple(complaints))


def read_track(data: bytes, most_events: int = MAX_EVENTS) -> tuple[list[Event], str]:
    """Return the events of one track chunk, and what is wrong with it ("" where nothing is).

    Raises:
        MidiError: there are more than `most_events` events before its end.
    """
    track = _TrackReader(data, most_events)
    try:
        track.read()
    except IndexError:
        track.complaint = "breaks off in the middle of an event"
        track.tick = track.events[-1][0] if track.events else 0
    if not track.is_closed:
        track.events.append((track.tick, END_OF_TRACK))
        track.complaint = track.complaint or "has no end mark"
    return track.events, track.complaint


class _TrackReader:
    """A walk through one track chunk; it raises IndexError where the data ends inside an event."""

    def __init__(self, data: bytes, most_events: int) -> None:
        self.data, self.most_events = data, most_events
        self.events: list[Event] = []
        self.complaint = ""
        self.at = self.tick = self.status = 0
        self.is_closed = self.is_cut = False

    def read(self) -> None:
        """Read up to the end-of-track event, or to where the track cannot be followed any more."""
        while self.at < len(self.data) and not self.is_closed and not self.is_cut:
            delta, self.at = read_number(self.data, self.at)
            if self.tick + delta > MAX_TICK:
                self._cut("runs past 2^31 ticks, cut there")
                return
            self.tick += delta
            if len(self.events) > self.most_events:
                raise MidiError(f"has more than {MAX_EVENTS} events, give a MIDI file of one song")
            byte = self.data[self.at]
            if byte < 0xF0:
                self._read_channel_event(byte)
            elif byte in (0xF0, 0xF7, 0xFF):
                self._read_sized_event(byte)
            else:
                self.complaint = "has messages that belong on a cable, not in a file, left out"
                self.at += 1 + _SYSTEM_DATA_BYTES.get(byte, 0)

    def _cut(self, complaint: str) -> None:
        self.complaint, self.is_cut = complaint, True

    def _read_channel_event(self, byte: int) -> None:
        if byte >= 0x80:
            self.status = byte
            self.at += 1
        elif not self.status:
            self._cut("has data without a status byte, cut there")
            return
        num_bytes = _DATA_BYTES[self.status >> 4]
        payload = self.data[self.at : self.at + num_bytes]
        self.at += len(payload)
        if len(payload) < num_bytes:
            raise IndexError
        if not payload.isascii():
            self.complaint = "has values above 127, limited"
            payload = bytes(min(value, 127) for value in payload)
        self.events.append((self.tick, bytes((self.status,)) + payload))

    def _read_sized_event(self, byte: int) -> None:
        """Read a meta event or a system exclusive."""
        start = self.at
        head_bytes = 2 if byte == 0xFF else 1
        size, data_start = read_number(self.data, start + head_bytes)
        self.at = data_start + size
        if self.at > len(self.data):
            raise IndexError
        if byte == 0xFF and self.data[start + 1] == 0x2F:
            self.events.append((self.tick, END_OF_TRACK))
            self.is_closed = True
            return
        head = self.data[start : start + head_bytes]
        self.events.append((self.tick, head + number_bytes(size) + self.data[data_start : self.at]))
        if byte != 0xFF:
            self.status = 0


def to_bytes(file: EventFile) -> bytes:
    """Return the file as bytes: the inverse of `read_events`."""
    header = b"MThd" + struct.pack(">IHHH", 6, file.format, len(file.tracks), file.division)
    return header + b"".join(track_bytes(track) for track in file.tracks)


def track_bytes(events: Sequence[Event]) -> bytes:
    """Return events as one track chunk, with the end-of-track event added where it is missing."""
    parts, now = [], 0
    if not events or events[-1][1] != END_OF_TRACK:
        events = [*events, (events[-1][0] if events else 0, END_OF_TRACK)]
    for tick, message in events:
        while tick - now > MAX_DELTA:  # longer than one delta time can say: an empty text event lies between
            parts.append(number_bytes(MAX_DELTA) + b"\xff\x01\x00")
            now += MAX_DELTA
        parts.append(number_bytes(tick - now))
        parts.append(message)
        now = tick
    body = b"".join(parts)
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length number at `at` and the position behind it.

    Raises:
        IndexError: the data ends inside it, or it has more than 4 bytes.
    """
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    number = byte & 0x7F
    for _ in range(3):
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at
    raise IndexError("a variable-length number of more than 4 bytes")


def number_bytes(number: int) -> bytes:
    """Return a number 0..2^28 - 1 as a variable-length number of 1..4 bytes.

    Raises:
        ValueError: the number is negative or does not fit.
    """
    if not 0 <= number <= MAX_DELTA:
        raise ValueError(f"{number} does not fit a variable-length number (0..{MAX_DELTA})")
    out = [number & 0x7F]
    while number > 0x7F:
        number >>= 7
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


def meta(kind: int, data: bytes) -> bytes:
    """Return a meta event."""
    return bytes((0xFF, kind)) + number_bytes(len(data)) + data
