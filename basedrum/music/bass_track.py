"""Finding the bass of a song, and its drums.

A bass says so by its General MIDI program (32..39) or by its name; 416 of 5,594 real files name a bass track
without such a program. A song where none says so is asked for its lowest mostly monophonic line.

Conventions: for users tracks are numbered from 1, in the order of `Song.tracks`.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from basedrum.errors import NoBassError, printable
from basedrum.music.notes import Notes
from basedrum.music.song import Song, Track

BASS_PROGRAMS = range(32, 40)
MIN_NOTES = 4
MIN_MONOPHONY = 0.8
HIGHEST_UNNAMED_PITCH = 55  # median of a line taken without a name, beside other parts
HIGHEST_ONLY_PITCH = 62  # median of the only line of a file

_BASS_NAME = re.compile(
    r"bass(?!oon|on\b|ons\b|et\b|ett|[\s_-]*(?:dr|kick|kik|trom|trb|clar|cl\b|flute|sax|recorder|tuba|voice|voc|choir|sing)"
    r"|[\s_&+-]*(?:and )?lead)"  # "Lead 8 (bass + lead)" is a General MIDI lead
    r"|\bbas\b|\bb[sz]\d*\b|\bbss\b|baß|baixo|bajo\b|upright|fretless"
    r"|ベース|ﾍﾞｰｽ|贝斯|貝斯|베이스|\bбас|контрабас"  # noqa: RUF001
)
_LEAD_NAME = re.compile(r"lead|melod|solo|voca|voice|vox|sing|canto")
_NOT_BASS_NAME = re.compile(r"drum|perc|kick|snare|brass|fagott|fagot|vocal|voice|lyric")


def find_bass(song: Song, choice: str | int | None = None) -> Track:
    """Return the track that plays the bass, or the one that `choice` names: a number from 1, or a part of a
    name.

    Raises:
        NoBassError: no bass is found, or `choice` fits no track; the message lists the tracks.
    """
    if choice is not None:
        return _chosen(song, choice)
    lines = [track for track in song.tracks if not track.is_drum and len(track.notes)]
    named = [track for track in lines if bass_hints(song, track)]
    if named:
        return _whole_line(max(named, key=lambda track: (_score(song, track), -track.index)), named)
    limit = HIGHEST_ONLY_PITCH if len(lines) == 1 else HIGHEST_UNNAMED_PITCH
    others = [track for track in lines if len(lines) == 1 or not _LEAD_NAME.search(track.name.casefold())]
    low = [
        t
        for t in others
        if len(t.notes) >= MIN_NOTES and monophony(t.notes) >= MIN_MONOPHONY and _pitch(t) <= limit
    ]
    longest = max((coverage(song, track) for track in lines), default=0.0)
    low = [track for track in low if coverage(song, track) >= longest / 4]
    if low:
        return min(low, key=lambda track: (_pitch(track), track.index))
    raise NoBassError(f"{printable(song.name) or 'MIDI data'}: no bass line found, {_listing(song)}")


def bass_hints(song: Song, track: Track) -> int:
    """Return how many of program and name say that the track is a bass: 0, 1 or 2."""
    names = [other.name for other in song.tracks if not other.is_drum]
    is_title = (
        len(names) > 2 and len(set(names)) == 1
    )  # all parts of one chunk carry its name: the title of the song
    return (track.program in BASS_PROGRAMS) + (is_bass_name(track.name) and not is_title)


def is_bass_name(name: str) -> bool:
    """Say whether a track of this name plays the bass: "E.Bass", "Baixo", "ベース"; not "Bassoon" nor "Bass
    Drum"."""
    name = name.casefold()
    return bool(_BASS_NAME.search(name)) and not _NOT_BASS_NAME.search(name)


def drum_notes(song: Song) -> Notes:
    """Return the notes of all drum tracks (channel 10) as one."""
    return Notes.join([track.notes for track in song.tracks if track.is_drum])


def monophony(notes: Notes) -> float:
    """Return the share of notes 0..1 that start when the note before has (nearly) ended; 1 for a single
    line."""
    if len(notes) < 2:
        return 1.0
    starts, ends = notes.start_ticks, np.maximum.accumulate(notes.end_ticks)
    gaps = starts[1:] - starts[:-1]
    legato = np.maximum(
        (notes.end_ticks - notes.start_ticks)[:-1] / 4, 1
    )  # a tied or legato line may overlap a little
    return float(((ends[:-1] - starts[1:] <= legato) & (gaps > 0)).mean())


def coverage(song: Song, track: Track) -> float:
    """Return the share of the song's measures 0..1 in which the track starts a note."""
    measures = np.searchsorted(song.grid.measure_ticks, track.notes.start_ticks, side="right")
    return len(np.unique(measures)) / song.grid.num_measures


def _whole_line(best: Track, named: list[Track]) -> Track:
    """Return the line with the notes it plays on other programs: a bass that changes its sound is read as
    several tracks."""
    pieces = [track for track in named if track.name == best.name and track is not best]
    joined = Notes.join([best.notes, *(piece.notes for piece in pieces)])
    return replace(best, notes=joined) if pieces and monophony(joined) >= MIN_MONOPHONY else best


def _pitch(track: Track) -> float:
    return float(np.median(track.notes.pitches))


def _score(song: Song, track: Track) -> float:
    """Return how much a track that says so looks like the song's bass; more is better."""
    low = float(np.clip((67 - _pitch(track)) / 22, 0, 1))
    enough = min(len(track.notes) / MIN_NOTES, 1.0)
    return bass_hints(song, track) + monophony(track.notes) + low + 3 * coverage(song, track) * enough


def _chosen(song: Song, choice: str | int) -> Track:
    text = str(choice).strip()
    if text.isdecimal():
        if 1 <= int(text) <= len(song.tracks):
            return song.tracks[int(text) - 1]
    elif text:
        found = [track for track in song.tracks if text.casefold() in track.name.casefold()]
        exact = [track for track in found if track.name.strip().casefold() == text.casefold()]
        if found:
            return max(exact or found, key=lambda track: (not track.is_drum, len(track.notes), -track.index))
    raise NoBassError(
        f"{printable(song.name) or 'MIDI data'}: no track {printable(text, 60)!r}, {_listing(song)}"
    )


def _listing(song: Song) -> str:
    """Return the line that tells the user what to choose from, and how."""
    shown = [
        f"{track.index + 1} {printable(track.name.strip(), 40) or '(no name)'} "
        f"({'drums' if track.is_drum else f'program {track.program}'}, {len(track.notes)} notes)"
        for track in song.tracks[:40]
    ]
    if len(song.tracks) > len(shown):
        shown.append(f"and {len(song.tracks) - len(shown)} more")
    return f"choose one with --bass-track NUMBER or NAME: {'; '.join(shown)}"
