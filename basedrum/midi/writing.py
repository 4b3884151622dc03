"""Writing drums: into the song they were made for, or alone.

A song is never written through a MIDI library, since each drops something: its own events go through one by
one.

Conventions: drums sound on channel 10; every hit starts before the end of the song's last bar and has ended
by then.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import replace

import numpy as np

from basedrum.midi.building import DRUM_CHANNEL, build_midi, microseconds, note_events, rows, separate
from basedrum.midi.events import END_OF_TRACK, Event, meta, read_events, to_bytes
from basedrum.midi.reading import MidiSong
from basedrum.music.grid import DEFAULT_QPM, Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

DRUM_TRACK_NAME = "Drums (basedrum)"
_REPLACED = {
    status << 4 | DRUM_CHANNEL for status in (0x8, 0x9, 0xA, 0xC)
}  # note off, note on, poly pressure, program


def song_with_drums(song: MidiSong, drums: Notes, keep_drums: bool = False, text: str = "") -> bytes:
    """Return the song as a format 1 MIDI file with `drums` in a new last track, `text` as a text event in it.

    Every other event stays as it was, in order; of channel 10 the notes, their pressure and the kit (program)
    are left out unless `keep_drums`. Resolution, tempo map and time signatures are the song's own.
    """
    file = read_events(song.source)
    tracks = file.tracks
    if not keep_drums:
        tracks = tuple(tuple(event for event in track if event[1][0] not in _REPLACED) for track in tracks)
    own: list[Event] = [(0, meta(0x03, DRUM_TRACK_NAME.encode()))]
    own += [(0, meta(0x01, text.encode()))] if text else []
    own.append((0, bytes((0xC0 | DRUM_CHANNEL, 0))))
    own += note_events(within(drums, song.grid), DRUM_CHANNEL)
    own.append((max(own[-1][0], song.grid.end_tick), END_OF_TRACK))
    return to_bytes(replace(file, format=1, tracks=(*tracks, tuple(own))))


def within(notes: Notes, grid: Grid) -> Notes:
    """Return the notes that start within the bars of the song, those that ring past its end cut there."""
    last = math.ceil(grid.last_tick)
    inside = notes[(notes.start_ticks >= 0) & (notes.start_ticks < grid.last_tick)]
    return replace(inside, end_ticks=np.minimum(inside.end_ticks, last))


def drums_alone(drums: Notes, grid: Grid, text: str = "") -> bytes:
    """Return a MIDI file of the drums alone, written by pretty_midi, with the resolution, tempo map and metre
    of `grid`, and `text` as a text event."""
    import pretty_midi

    drums = separate(within(drums, grid))
    tempos = {0: DEFAULT_QPM, **dict(grid.tempos)}
    last = max(math.ceil(grid.last_tick), *tempos) + 1
    if (
        last >= pretty_midi.pretty_midi.MAX_TICK
    ):  # it keeps an array of seconds for every tick, and refuses longer songs
        return build_midi([Part(DRUM_TRACK_NAME, 0, True, drums)], grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        midi = pretty_midi.PrettyMIDI(resolution=grid.ticks_per_quarter)
        # Its constructor takes one tempo only. It writes the whole microseconds of a quarter by cutting: half
        # of one more keeps rounding from losing one, and the ticks stay exact, since seconds go there and
        # back by the same scale.
        scales = [
            (tick, (microseconds(tempos[tick]) + 0.5) / 1e6 / grid.ticks_per_quarter)
            for tick in sorted(tempos)
        ]
        midi._tick_scales = scales
        midi._update_tick_to_time(last)
        midi.time_signature_changes = [
            pretty_midi.TimeSignature(numerator, denominator, midi.tick_to_time(tick))
            for tick, numerator, denominator in grid.time_signatures or ((0, 4, 4),)
        ]
        kit = pretty_midi.Instrument(program=0, is_drum=True, name=DRUM_TRACK_NAME)
        for start, end, pitch, velocity in rows(drums):
            kit.notes.append(
                pretty_midi.Note(velocity, pitch, midi.tick_to_time(start), midi.tick_to_time(end))
            )
        midi.instruments.append(kit)
        midi.text_events += [pretty_midi.Text(text, 0.0)] if text else []
        buffer = io.BytesIO()
        midi.write(buffer)
    return buffer.getvalue()
