"""MIDI files written byte by byte, sound and unsound, for the tests of the MIDI room."""

import struct

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x28\x40\x60\x80\x28\x00"  # one E1 on channel 1, 96 ticks long


def number(value: int) -> bytes:
    """A variable-length number."""
    out = [value & 127]
    while value > 127:
        value >>= 7
        out.append(value & 127 | 128)
    return bytes(reversed(out))


def chunk(body: bytes, kind: bytes = b"MTrk", size: int | None = None) -> bytes:
    return kind + struct.pack(">I", len(body) if size is None else size) + body


def smf(*tracks: bytes, form: int = 1, division: int = 96, count: int | None = None) -> bytes:
    """A MIDI file of raw track bodies."""
    header = b"MThd" + struct.pack(">IHHH", 6, form, len(tracks) if count is None else count, division)
    return header + b"".join(chunk(track) for track in tracks)


def named(name: bytes, program: int, notes: bytes = NOTE, channel: int = 0) -> bytes:
    """A track body with a name and a program."""
    return b"\x00\xff\x03" + number(len(name)) + name + bytes((0, 0xC0 | channel, program)) + notes + END
