"""Chords and bass lines written as text, for the practice book: one character a sixteenth step, the degree of
the chord that is played.

    1-..1.5.        root held for two steps, root again, fifth

    1 to 9    degrees of the chord's scale upwards (3 and 7 follow the chord: minor in `ii7`, major in `IM7`);
    8         the octave
    0         the tenth (the third an octave up)
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
    """A chord as a bass player reads it, in semitones.

    Attributes:
        root: above the key, or above C for a chord name; 0..11.
        third, fifth, sixth, seventh: above the root.
    """

    root: int
    third: int
    fifth: int
    sixth: int
    seventh: int


@dataclass(frozen=True)
class FigureNote:
    """One note of a bass line.

    Attributes:
        step: where it starts, in sixteenths from the start of the line.
        num_steps: how long it is written, at least 1.
        pitch: MIDI pitch.
        dead: whether it is muted.
    """

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
        root, is_minor = _SCALE[_DEGREES.index(roman.upper())], roman.islower()
    elif match := _NAMED.fullmatch(text):
        letter, shift, kind = match.groups()
        root, is_minor = _SCALE["CDEFGAB".index(letter)], kind in ("m", "m7")
    else:
        raise ValueError(f"chord {text!r}: write a roman figure such as ii7 or bVII, or a name such as Am7")
    root = (root + {"b": -1, "#": 1, None: 0}[shift]) % 12
    if kind == "o":  # half diminished
        return Chord(root, third=3, fifth=6, sixth=8, seventh=10)
    third = 3 if is_minor else 4
    sixth = 8 if is_minor and kind in (None, "m") else 9
    return Chord(
        root,
        third=5 if kind == "sus" else third,
        fifth=7,
        sixth=sixth,
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
    """Return the MIDI pitch 28..39 of a chord's root; roman figures count from the pitch class `key`, 0 for
    C."""
    return LOWEST_ROOT + (chord.root + key - LOWEST_ROOT) % 12


def bass_notes(bars: Sequence[tuple[str, Chord]], key: int = 0) -> list[FigureNote]:
    """Return the notes of a line given bar by bar as (marks, chord).

    `<`, `>` and `n` look at the chord of the bar after; after the last bar the first chord comes again. Notes
    that would lie below pitch 28 sound an octave higher.
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
    """Return the MIDI pitch of every mark that is a note."""
    above = {"1": 0, "2": 2, "3": chord.third, "4": 5, "5": chord.fifth, "6": chord.sixth, "7": chord.seventh}
    above |= {"8": 12, "9": 14, "0": 12 + chord.third, "b": 1, "t": 6, "x": 0}
    above |= {"v": chord.fifth - 12, "w": chord.seventh - 12, "u": chord.sixth - 12}
    return {mark: root + semitones for mark, semitones in above.items()} | {
        "<": next_root - 1,
        ">": next_root + 1,
        "n": next_root,
    }
