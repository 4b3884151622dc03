"""Bass lines made for one question each, as songs that come through the user's door.

Conventions: a rhythm is text, one character a sixteenth of one bar: `x` a note that sounds until the next
mark, `.` its sustain, `-` silence; bars one behind the other. In 6/8 a bar has 12 characters, as in 3/4.
Notes of swung songs come late: the second eighth of each beat at two thirds of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.midi.building import build_midi
from basedrum.midi.midi_song import MidiSong
from basedrum.music.grid import STEPS_PER_BEAT, Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Track

QUARTER = 480
STEP = QUARTER // STEPS_PER_BEAT
BASS_PROGRAM, GUITAR_PROGRAM = 33, 27
SWUNG_EIGHTH = 2 / 3
STOP_BARS = (8, 16, 20)
"""Bars, from 1, in whose second half the whole band is silent."""
RIFFS = (
    "x...x...x...x...",
    "x.x.x.x.x.x.x.x.",
    "x..x..x...x.x...",
    "x.....x.x.......",
    "x...--x.x..x..x.",
    "x.x.x...x.x.x.x.",
)
FEW_NOTES = ("x...............", "x.......x.......", "x.......--------", "x.........x.....")
WALTZES = ("x...x...x...", "x...........", "x.......x...", "x.x.x.x.x.x.")
SIX_EIGHTS = ("x.....x.....", "x...x.x...x.", "x.x.x.x.x.x.", "x.........x.")
FIVE_FOURS = ("x...x...x...x...x...", "x.....x.....x...x...", "x.x.x.x.x.x.x.x.x.x.", "x...........x.......")
WALKS = ("x...x...x...x...", "x...x...x...x.x.", "x...x.x.x...x...", "x.......x.......")
ROOTS = (40, 45, 43, 38)


@dataclass(frozen=True)
class MadeSong:
    """A song with a bass, and where its band is silent: (first, last) steps, the last excluded."""

    song: MidiSong
    stops: tuple[tuple[int, int], ...] = ()


def song_of(
    bars: Sequence[str], qpm: float = 110.0, metre: tuple[int, int] = (4, 4), is_swung: bool = False
) -> MidiSong:
    """Return a song of a bass and a guitar that play the bars together; each bar in four has another root."""
    marks, roots = "".join(bars), np.repeat(_roots(len(bars)), [len(bar) for bar in bars])
    starts = np.asarray([at for at, mark in enumerate(marks) if mark == "x"], np.int64)
    ends = np.asarray([_end_of(marks, int(at)) for at in starts], np.int64)
    pitches = roots[starts]
    at, until = _ticks(starts, is_swung), _ticks(ends, is_swung)
    loud = np.full(len(starts), 90)
    bass = Track("Bass", BASS_PROGRAM, False, Notes(at, until, pitches, loud), 0)
    guitar = Track("Guitar", GUITAR_PROGRAM, False, Notes(at, until, pitches + 19, loud), 1)
    grid = Grid(QUARTER, len(marks) * STEP, ((0, qpm),), ((0, *metre),))
    return MidiSong("made", grid, (bass, guitar), build_midi((bass, guitar), grid))


def stop_songs() -> list[MadeSong]:
    """Return a song of 24 bars for each riff, in which the band is silent in the second half of some bars."""
    songs = []
    for riff in RIFFS:
        bars, stops = [riff] * 24, []
        for bar in STOP_BARS:
            bars[bar - 1] = riff[:8] + "-" * 8
            stops.append((16 * bar - 8, 16 * bar))
        songs.append(MadeSong(song_of(bars), tuple(stops)))
    return songs


def long_songs(minutes: float) -> list[MadeSong]:
    """Return a song of so many minutes for each riff."""
    count = round(minutes * 110 / 4)
    return [MadeSong(song_of([riff] * count)) for riff in RIFFS]


def _roots(count: int) -> np.ndarray:
    return np.asarray([ROOTS[bar % len(ROOTS)] for bar in range(count)])


def _end_of(marks: str, start: int) -> int:
    """Return the step at which the note of a step ends."""
    rest = marks[start + 1 :]
    return start + 1 + min((at for at in (rest.find("x"), rest.find("-")) if at >= 0), default=len(rest))


def _ticks(steps: np.ndarray, is_swung: bool) -> np.ndarray:
    ticks = steps * STEP
    if is_swung:
        late = steps % STEPS_PER_BEAT == STEPS_PER_BEAT // 2
        ticks = ticks + np.where(late, round((SWUNG_EIGHTH - 0.5) * QUARTER), 0)
    return ticks
