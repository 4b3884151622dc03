"""Our own bass lines in every style, to hear and to measure what a style name buys; read from `lab/lines`.

`dev` is for looking at, `check` has other lines and tempi and is for the last figure only. The notation is
told at the head of `dev.txt`.

Conventions: a line becomes a MIDI song of one track, 24 bars in the form A A B B A A.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources

import numpy as np

from basedrum.corpus.stylebook import StylePage
from basedrum.midi.building import build_midi
from basedrum.music.figures import Chord, bass_notes, read_chord, read_figure
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

SETS = ("dev", "check")
FORM = "AABBAA"
TICKS_PER_QUARTER = 480
TICKS_PER_STEP = TICKS_PER_QUARTER // 4
FINGERED_BASS = 33


@dataclass(frozen=True)
class StyleLine:
    """A bass line: the style it is of, a name, its tempo, metre and swing, and its bars in playing order."""

    style: str
    name: str
    page: StylePage
    bars: tuple[tuple[str, Chord], ...]

    def to_midi(self) -> bytes:
        """Return a MIDI file with one track named Bass."""
        notes = bass_notes(self.bars)
        starts = np.array([self._tick(note.step) for note in notes])
        ends = np.array([self._tick(note.step + note.num_steps) for note in notes])
        dead = np.array([note.dead for note in notes])
        steps = np.array([note.step for note in notes])
        lengths = np.where(dead, TICKS_PER_STEP // 3, (ends - starts) * 0.92).astype(np.int64)
        loud = np.where(dead, 50, 84) + 10 * (steps % self.page.bar_steps == 0) + 4 * (steps % 4 == 0)
        grid = Grid(
            TICKS_PER_QUARTER,
            len(self.bars) * self.page.bar_steps * TICKS_PER_STEP,
            tempos=((0, self.page.tempo[0]),),
            time_signatures=((0, *self.page.metre),),
        )
        played = Notes(starts, starts + lengths, np.array([note.pitch for note in notes]), loud)
        return build_midi([Part("Bass", FINGERED_BASS, False, played)], grid)

    def _tick(self, step: int) -> int:
        return round(self.page.swung(step) * TICKS_PER_STEP)


@dataclass
class _Draft:
    style: str
    name: str
    tempo: float = 0.0
    metre: tuple[int, int] = (4, 4)
    swing: tuple[int, float] = (1, 0.5)
    parts: dict[str, list[tuple[str, Chord]]] = field(default_factory=dict)

    def add(self, row: str) -> None:
        """Take one row of the text."""
        key, _, value = row.partition(" ")
        value = value.strip()
        if key == "tempo":
            self.tempo = float(value)
        elif key == "metre":
            numerator, denominator = value.split("/")
            self.metre = int(numerator), int(denominator)
        elif key == "swing":
            unit, ratio = value.split()
            self.swing = {"8": 2, "16": 1}[unit], float(ratio)
        else:
            self.parts[key] = self._part(value)

    def _part(self, text: str) -> list[tuple[str, Chord]]:
        chords, _, written = text.partition("|")
        marks = read_figure(written)
        bar = 16 * self.metre[0] // self.metre[1]
        if len(marks) % bar:
            raise ValueError(f"{self.style} {self.name}: {len(marks)} steps, bars have {bar}")
        figures = [marks[i : i + bar] for i in range(0, len(marks), bar)]
        return [(figures[i % len(figures)], read_chord(name)) for i, name in enumerate(chords.split())]

    def line(self) -> StyleLine:
        """Return the line."""
        tempo = (self.tempo, self.tempo)
        page = StylePage(self.style, tempo, self.metre, self.swing[0], self.swing[1])
        bars = tuple(bar for part in FORM for bar in self.parts[part])
        return StyleLine(self.style, self.name, page, bars)


def read_lines(text: str) -> list[StyleLine]:
    """Return the lines of a text.

    Raises:
        ValueError, KeyError: a row that cannot be read, a bar of the wrong length or a part that is missing.
    """
    drafts: list[_Draft] = []
    for block in text.split("\n\n"):
        rows = [row.strip() for row in block.splitlines() if row.strip() and not row.startswith("#")]
        if not rows:
            continue
        style, name = rows[0].split()
        drafts.append(_Draft(style, name))
        for row in rows[1:]:
            drafts[-1].add(row)
    return [draft.line() for draft in drafts]


def load_lines(name: str) -> list[StyleLine]:
    """Return the lines of the set `dev` or `check`."""
    return read_lines(
        resources.files("basedrum.lab").joinpath("lines").joinpath(f"{name}.txt").read_text("utf-8")
    )
