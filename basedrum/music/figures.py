"""Chords and bass figures written as text: one character a sixteenth, the degree of the chord that is played.

    1-..1.5.        root held for two steps, root again, fifth

    1 to 9    degrees of the chord's scale upwards (3 and 7 follow the chord: minor in `ii7`, major in `IM7`);
    8 the octave 0         the tenth (the third an octave up)
    b t       flat second, tritone
    v w u     below the root: the fifth, the seventh, the sixth
    < >       a semitone below or above the next chord's root
    n         the next chord's root, early
    x         a dead note: short, quiet, on the root
    -         the note before sounds on, also across the bar line
    .         rest; `|` and blanks are ignored

Chords are roman figures over a key (`I`, `ii7`, `bVII`, `IVM7`, `V7`) or names (`E`, `Am7`, `Bb`). Minor is
lower case or `m`.
Conventions: pitches are MIDI numbers; roots lie in 28..39, the low octave of a bass tuned E A D G.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LOWEST_ROOT = 28
FIGURE_MARKS = frozenset("1234567890btvwu<>nx-.")
_SCALE = (0, 2, 4, 5, 7, 9, 11)
_ROMAN = re.compile(r"(b|#)?(VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(M7|7|o|sus)?")
_NAMED = re.compile(r"([A-G])(b|#)?(m7|m|M7|7|o|sus)?")
_DEGREES = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True)
class Chord:
    """A chord as a bass player reads it: semitones of its root above the key (or above C), and of its tones
    above its root."""

    root: int
    third: int
    fifth: int
    sixth: int
    seventh: int


@dataclass(frozen=True)
class FigureNote:
    """One note of a bass line: where it starts and how long it is written, in steps; `dead` for a muted
    one."""

    step: int
    num_steps: int
    pitch: int
    dead: bool = False


def read_chord(text: str) -> Chord:
    """Return the chord that a roman figure or a chord name stands for.

    Raises:
        ValueError: neither.
    """
    if match := _ROMAN.fullmatch(text):
        shift, roman, kind = match.groups()
        root, minor = _SCALE[_DEGREES.index(roman.upper())], roman.islower()
    elif match := _NAMED.fullmatch(text):
        letter, shift, kind = match.groups()
        root, minor = _SCALE["CDEFGAB".index(letter)], kind in ("m", "m7")
    else:
        raise ValueError(f"chord {text!r}: write a roman figure such as ii7 or bVII, or a name such as Am7")
    root = (root + {"b": -1, "#": 1, None: 0}[shift]) % 12
    half_diminished = kind == "o"
    return Chord(
        root,
        third=5 if kind == "sus" else 3 if minor or half_diminished else 4,
        fifth=6 if half_diminished else 7,
        sixth=8 if half_diminished or (minor and kind in (None, "m")) else 9,
        seventh=11 if kind == "M7" else 10,
    )


def read_figure(text: str) -> str:
    """Return the marks of a figure without blanks and bar lines.

    Raises:
        ValueError: an unknown mark, or nothing written.
    """
    marks = text.replace("|", "").replace(" ", "")
    unknown = set(marks) - FIGURE_MARKS
    if unknown or not marks:
        raise ValueError(f"bass figure {text!r}: unknown mark {(sorted(unknown) or ['nothing'])[0]!r}")
    return marks


def root_pitch(chord: Chord, key: int = 0) -> int:
    """Return the MIDI pitch 28..39 of a chord's root; `key` is the pitch class (0 = C) that roman figures
    count from."""
    return LOWEST_ROOT + (chord.root + key - LOWEST_ROOT) % 12


def bass_notes(bars: Sequence[tuple[str, Chord]], key: int = 0) -> list[FigureNote]:
    """Return the notes of a line, bar by bar as (marks, chord); `<`, `>` and `n` look at the chord of the bar
    after.

    After the last bar the first chord comes again. Notes that would lie below 28 sound an octave higher.
    """
    notes: list[FigureNote] = []
    step, sounding = 0, False
    for i, (marks, chord) in enumerate(bars):
        root, next_root = root_pitch(chord, key), root_pitch(bars[(i + 1) % len(bars)][1], key)
        pitch_of = _pitches(chord, root, next_root)
        for mark in marks:
            if mark == "-" and sounding:
                last = notes[-1]
                notes[-1] = FigureNote(last.step, last.num_steps + 1, last.pitch, last.dead)
            sounding = mark in pitch_of or (mark == "-" and sounding)
            if mark in pitch_of:
                pitch = pitch_of[mark]
                notes.append(FigureNote(step, 1, pitch if pitch >= LOWEST_ROOT else pitch + 12, mark == "x"))
            step += 1
    return notes


def _pitches(chord: Chord, root: int, next_root: int) -> dict[str, int]:
    """The MIDI pitch of every mark that is a note."""
    above = {"1": 0, "2": 2, "3": chord.third, "4": 5, "5": chord.fifth, "6": chord.sixth, "7": chord.seventh}
    above |= {"8": 12, "9": 14, "0": 12 + chord.third, "b": 1, "t": 6, "x": 0}
    above |= {"v": chord.fifth - 12, "w": chord.seventh - 12, "u": chord.sixth - 12}
    return {mark: root + semitones for mark, semitones in above.items()} | {
        "<": next_root - 1,
        ">": next_root + 1,
        "n": next_root,
    }
