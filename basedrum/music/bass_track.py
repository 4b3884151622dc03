"""Finding the track of a song that plays the bass.

A bass track shows by its General MIDI program (32..39) or by its name: some have only one of them. In a song
where no track shows it, the lowest mostly monophonic line is taken.

Conventions: in messages and for users tracks are numbered from 1, in the order of `Song.tracks`.
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
MOST_LISTED = 40
HIGHEST_UNNAMED_PITCH = 55  # median of a line that nothing calls a bass, beside other parts
HIGHEST_ONLY_PITCH = 62  # median of the only line of a song

_BASS_NAME = re.compile(
    r"bass(?!oon|on\b|ons\b|et\b|ett|[\s_-]*(?:dr|kick|kik|trom|trb|clar|cl\b|flute|sax|recorder|tuba|voice|voc|choir|sing)"
    r"|[\s_&+-]*(?:and )?lead)"  # "Lead 8 (bass + lead)" is a General MIDI lead
    r"|\bbas\b|\bb[sz]\d*\b|\bbss\b|baß|baixo|bajo\b|upright|fretless"
    r"|ベース|ﾍﾞｰｽ|贝斯|貝斯|베이스|\bбас|контрабас"  # noqa: RUF001
)
_LEAD_NAME = re.compile(r"lead|melod|solo|voca|voice|vox|sing|canto")
_NOT_BASS_NAME = re.compile(r"drum|perc|kick|snare|brass|fagott|fagot|vocal|voice|lyric")


def find_bass(song: Song, choice: str | int | None = None) -> Track:
    """Return the track that plays the bass.

    Args:
        choice: the track to take instead: its number from 1, or a part of its name.

    Raises:
        NoBassError: no bass is found, or `choice` fits no track; the message lists the tracks.
    """
    if choice is not None:
        return _chosen(song, choice)
    lines = [track for track in song.tracks if not track.is_drum and len(track.notes)]
    named = [track for track in lines if bass_hints(song, track)]
    if named:
        best = max(named, key=lambda track: (_score(song, track), -track.index))
        return _whole_line(best, named)
    low = _low_lines(song, lines)
    if low:
        return min(low, key=lambda track: (_median_pitch(track), track.index))
    raise NoBassError(f"{_shown_name(song)}: no bass line found, {_listing(song)}")


def bass_hints(song: Song, track: Track) -> int:
    """Return how many of program and name say that the track is a bass: 0, 1 or 2."""
    names = [other.name for other in song.tracks if not other.is_drum]
    # The parts of a format 0 file all carry its one track name, which is the title of the song.
    is_title = len(names) > 2 and len(set(names)) == 1
    return (track.program in BASS_PROGRAMS) + (is_bass_name(track.name) and not is_title)


def is_bass_name(name: str) -> bool:
    """Say whether a track of this name plays the bass: "E.Bass", "Baixo", "ベース"; not "Bassoon" nor "Bass
    Drum"."""
    name = name.casefold()
    return bool(_BASS_NAME.search(name)) and not _NOT_BASS_NAME.search(name)


def monophony(notes: Notes) -> float:
    """Return the share of notes 0..1 that start when the notes before have (nearly) ended; 1 for a single
    line.

    A legato line may overlap by a quarter of the earlier note.
    """
    if len(notes) < 2:
        return 1.0
    starts, ends = notes.start_ticks, np.maximum.accumulate(notes.end_ticks)
    lengths = notes.end_ticks - notes.start_ticks
    gaps, overlaps = starts[1:] - starts[:-1], ends[:-1] - starts[1:]
    allowed = np.maximum(lengths[:-1] / 4, 1)
    return float(((overlaps <= allowed) & (gaps > 0)).mean())


def coverage(song: Song, track: Track) -> float:
    """Return the share of the song's measures 0..1 in which the track starts a note."""
    measures = np.searchsorted(song.grid.measure_ticks, track.notes.start_ticks, side="right")
    return len(np.unique(measures)) / song.grid.num_measures


def _low_lines(song: Song, lines: list[Track]) -> list[Track]:
    """Return the lines that may be a bass though nothing calls them one: low, monophonic, not too rare."""
    is_alone = len(lines) == 1
    highest_pitch = HIGHEST_ONLY_PITCH if is_alone else HIGHEST_UNNAMED_PITCH
    longest = max((coverage(song, track) for track in lines), default=0.0)

    def may_be_bass(track: Track) -> bool:
        return (
            (is_alone or not _LEAD_NAME.search(track.name.casefold()))
            and len(track.notes) >= MIN_NOTES
            and monophony(track.notes) >= MIN_MONOPHONY
            and _median_pitch(track) <= highest_pitch
            and coverage(song, track) >= longest / 4
        )

    return list(filter(may_be_bass, lines))


def _whole_line(best: Track, named: list[Track]) -> Track:
    """Return the track with the notes it plays on other programs: a bass that changes its sound is read as
    several tracks."""
    pieces = [track.notes for track in named if track.name == best.name and track is not best]
    joined = Notes.join([best.notes, *pieces])
    return replace(best, notes=joined) if pieces and monophony(joined) >= MIN_MONOPHONY else best


def _median_pitch(track: Track) -> float:
    return float(np.median(track.notes.pitches))


def _score(song: Song, track: Track) -> float:
    """Return how likely a track with the program or the name of a bass is the song's, 0..7."""
    lowness = float(np.clip((67 - _median_pitch(track)) / 22, 0, 1))
    fullness = min(len(track.notes) / MIN_NOTES, 1.0)
    return bass_hints(song, track) + monophony(track.notes) + lowness + 3 * coverage(song, track) * fullness


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
    raise NoBassError(f"{_shown_name(song)}: no track {printable(text, 60)!r}, {_listing(song)}")


def _shown_name(song: Song) -> str:
    return printable(song.name) or "the song"


def _listing(song: Song) -> str:
    """Return the line that tells the user what to choose from, and how."""
    shown = [_described(track) for track in song.tracks[:MOST_LISTED]]
    if len(song.tracks) > len(shown):
        shown.append(f"and {len(song.tracks) - len(shown)} more")
    return f"choose one with --bass-track NUMBER or NAME: {'; '.join(shown)}"


def _described(track: Track) -> str:
    name = printable(track.name.strip(), 40) or "(no name)"
    sound = "drums" if track.is_drum else f"program {track.program}"
    return f"{track.index + 1} {name} ({sound}, {len(track.notes)} notes)"
