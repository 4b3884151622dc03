"""Writing drums: into the song they were made for, or alone.

A song is never written through a MIDI library, since each drops something: its own events go through one by
one.

Conventions: drums sound on channel 10; every hit starts before the end of the song's last bar and has ended
by then. Drums are notes, or a part for each track of them. A `text` becomes a text event at the start of the
(first) drums' track; "" is none.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from basedrum.midi.building import DRUM_CHANNEL, microseconds, note_events, rows, separate
from basedrum.midi.events import END_OF_TRACK, Event, meta, to_bytes
from basedrum.midi.midi_song import song_events
from basedrum.music.grid import DEFAULT_QPM, Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part, Song

DRUM_TRACK_NAME = "Drums (basedrum)"
# Of the drums that are replaced: note off, note on, pressure of a note, program.
_REPLACED = {status << 4 | DRUM_CHANNEL for status in (0x8, 0x9, 0xA, 0xC)}


Drums = Notes | Sequence[Part]


def song_with_drums(song: Song, drums: Drums, keep_drums: bool = False, text: str = "") -> bytes:
    """Return the song as a format 1 MIDI file with `drums` in a new last track, or a track for each part.

    Every other event stays as it was, in order; of channel 10 the notes, their pressure and the kit (program)
    are left out unless `keep_drums`. Resolution, tempo map and time signatures are the song's own.
    """
    file = song_events(song)
    tracks = list(file.tracks)
    if not keep_drums:
        for number, track in enumerate(tracks):
            tracks[number] = tuple(event for event in track if event[1][0] not in _REPLACED)
    for part in _parts(drums):
        own: list[Event] = [(0, meta(0x03, part.name.encode()))]
        own += [(0, meta(0x01, text.encode()))] if text else []
        own.append((0, bytes((0xC0 | DRUM_CHANNEL, 0))))
        own += note_events(within(part.notes, song.grid), DRUM_CHANNEL)
        own.append((max(own[-1][0], song.grid.end_tick), END_OF_TRACK))
        tracks.append(tuple(own))
        text = ""
    return to_bytes(replace(file, format=1, tracks=tuple(tracks)))


def _parts(drums: Drums) -> list[Part]:
    """Return drums as parts, at least one."""
    if isinstance(drums, Notes):
        return [Part(DRUM_TRACK_NAME, 0, True, drums)]
    return list(drums) or _parts(Notes.empty())


def within(notes: Notes, grid: Grid) -> Notes:
    """Return the notes that start within the bars of the song, those that ring past its end cut there."""
    last = math.ceil(grid.last_tick)
    inside = notes[(notes.start_ticks >= 0) & (notes.start_ticks < grid.last_tick)]
    return replace(inside, end_ticks=np.minimum(inside.end_ticks, last))


def drums_alone(drums: Drums, grid: Grid, text: str = "") -> bytes:
    """Return a MIDI file of the drums alone, with the resolution, tempo map and metre of `grid`.

    pretty_midi writes it, or `song_with_drums` where the song is too long for pretty_midi.
    """
    import pretty_midi

    tempos = {0: DEFAULT_QPM, **dict(grid.tempos)}
    last = max(math.ceil(grid.last_tick), *tempos) + 1
    if last >= pretty_midi.pretty_midi.MAX_TICK:  # it keeps an array of seconds for every tick
        return song_with_drums(Song("", grid, ()), drums, text=text)
    # The constructor takes one tempo only. What it writes are the whole microseconds of a quarter, cut off:
    # half of one more keeps rounding from losing one, and the ticks stay exact, since seconds go there and
    # back by the same scale.
    scales = []
    for tick in sorted(tempos):
        scales.append((tick, (microseconds(tempos[tick]) + 0.5) / 1e6 / grid.ticks_per_quarter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        midi = pretty_midi.PrettyMIDI(resolution=grid.ticks_per_quarter)
        midi._tick_scales = scales
        midi._update_tick_to_time(last)
        for tick, numerator, denominator in grid.time_signatures or ((0, 4, 4),):
            signature = pretty_midi.TimeSignature(numerator, denominator, midi.tick_to_time(tick))
            midi.time_signature_changes.append(signature)
        for part in _parts(drums):
            kit = pretty_midi.Instrument(program=0, is_drum=True, name=part.name)
            for start, end, pitch, velocity in rows(separate(within(part.notes, grid))):
                seconds = midi.tick_to_time(start), midi.tick_to_time(end)
                kit.notes.append(pretty_midi.Note(velocity, pitch, *seconds))
            midi.instruments.append(kit)
        midi.text_events += [pretty_midi.Text(text, 0.0)] if text else []
        buffer = io.BytesIO()
        midi.write(buffer)
    return buffer.getvalue()
