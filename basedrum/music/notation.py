"""Drum grooves written as text: for tests, for the practice book and for the eye.

    groove("kick   x...x...x...x...",
           "snare  ....X.......X...")

One row a voice of the kit, one character a sixteenth: `x` a hit, `X` an accent, `o` a ghost note, `.` or `-`
nothing; blanks and bar lines (`|`) between the characters are ignored.

Conventions: arrays are (T, 12) over sixteenth steps and the voices of the kit; velocities 0..127.
"""

from __future__ import annotations

import numpy as np

from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.rolls import DrumRoll

VELOCITY_OF_MARK = {"x": 92, "X": 116, "o": 46, ".": 0, "-": 0}


def marks_to_velocities(*rows: str) -> np.ndarray:
    """Return (T, 12) int64: the velocity of each step and voice that rows of text describe, 0 for no hit.

    T is the length of the rows as written.

    Raises:
        ValueError: an unknown voice or character, a voice written twice, or rows of different length.
    """
    parsed: dict[int, list[int]] = {}
    for row in rows:
        voice, row_velocities = _parse_row(row)
        if voice in parsed:
            raise ValueError(f"groove row {row!r}: the voice is written twice")
        parsed[voice] = row_velocities
    lengths = set(map(len, parsed.values()))
    if len(lengths) > 1:
        raise ValueError(f"groove rows differ in length: {sorted(lengths)}")
    velocities = np.zeros((max(lengths, default=0), kit.NUM_VOICES), np.int64)
    for voice, row_velocities in parsed.items():
        velocities[:, voice] = row_velocities
    return velocities


def _parse_row(row: str) -> tuple[int, list[int]]:
    """Return the voice that a row of text names, and the velocity of each of its steps."""
    text = row.strip()
    names = sorted(filter(text.startswith, kit.VOICES), key=len)
    if not names:
        raise ValueError(f"groove row {row!r}: starts with no voice of the kit ({', '.join(kit.VOICES)})")
    name = names[-1]  # the longest that fits
    marks = text[len(name) :].replace("|", "").replace(" ", "")
    unknown = set(marks) - set(VELOCITY_OF_MARK)
    if unknown:
        raise ValueError(f"groove row {row!r}: unknown mark {sorted(unknown)[0]!r}, use one of x X o . - |")
    return kit.VOICES.index(name), [VELOCITY_OF_MARK[mark] for mark in marks]


def groove(*rows: str) -> DrumRoll:
    """Return the drum roll that rows of text describe, padded with silence to whole measures of 16 steps.

    Raises:
        ValueError: an unknown voice or character, a voice written twice, or rows of different length.
    """
    velocities = marks_to_velocities(*rows)
    velocities = np.pad(velocities, ((0, -len(velocities) % STEPS_PER_MEASURE), (0, 0)))
    return DrumRoll.from_kit(velocities > 0, velocities)


def to_text(hits: np.ndarray) -> str:
    """Return kit hits (T, 12) bool as rows of text with a bar line each 16 steps, the inverse of `groove`.

    Silent voices are left out.
    """
    rows = []
    for voice, name in enumerate(kit.VOICES):
        if hits[:, voice].any():
            marks = "".join(np.where(hits[:, voice], "x", "."))
            bars = [marks[i : i + STEPS_PER_MEASURE] for i in range(0, len(marks), STEPS_PER_MEASURE)]
            rows.append(f"{name:<11}{'|'.join(bars)}")
    return "\n".join(rows)
