"""Turn the bass lines of this folder, written as text, into MIDI files: `python samples/make_samples.py`.

A line has a tempo, a metre, perhaps a swing, the order in which its parts are played, and the parts: a bar a row, chord and
marks. The marks are those of basedrum/music/figures.py, one character a sixteenth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from basedrum.corpus.stylebook import Style
from basedrum.files import write_atomic
from basedrum.midi.building import Part, build_midi
from basedrum.music.figures import Chord, bass_notes, read_chord, read_figure
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes

TICKS_PER_QUARTER = 480
FINGERED_BASS = 33


def read_line(text: str) -> tuple[Style, list[tuple[str, Chord]]]:
    """Return the tempo, metre and swing of a bass line, and its bars in the order they are played.

    Raises:
        ValueError: a row that cannot be read, or a bar of the wrong length.
    """
    header: dict[str, str] = {}
    parts: dict[str, list[tuple[str, Chord]]] = {}
    part = ""
    for raw in text.splitlines():
        row = raw.split("# ")[0].rstrip()
        first, _, rest = row.strip().partition(" ")
        if row.startswith(" "):
            parts[part].append((read_figure(rest), read_chord(first)))
        elif rest:
            header[first] = rest.strip()
        elif first:
            part = first
            parts[part] = []
    numerator, denominator = (int(v) for v in header["metre"].split("/"))
    unit, ratio = header.get("swing", "16 0.5").split()
    tempo = float(header["tempo"])
    style = Style("", (tempo, tempo), (numerator, denominator), {"8": 2, "16": 1}[unit], float(ratio))
    bars = [bar for name in header["play"].split() for bar in parts[name]]
    for marks, _ in bars:
        if len(marks) != style.bar_steps:
            raise ValueError(f"bar {marks!r} has {len(marks)} steps, {header['metre']} has {style.bar_steps}")
    return style, bars


def line_to_midi(text: str) -> bytes:
    """Return the MIDI file of a bass line written as text: one track named Bass."""
    style, bars = read_line(text)
    ticks_per_step = TICKS_PER_QUARTER // 4
    notes = bass_notes(bars)
    starts = np.array([round(style.swung(note.step) * ticks_per_step) for note in notes])
    ends = np.array([round(style.swung(note.step + note.num_steps) * ticks_per_step) for note in notes])
    steps = np.array([note.step for note in notes])
    dead = np.array([note.dead for note in notes])
    lengths = np.where(dead, ticks_per_step // 3, (ends - starts) * 0.92).astype(np.int64)
    loud = np.where(dead, 50, 84) + 10 * (steps % style.bar_steps == 0) + 4 * (steps % 4 == 0)
    grid = Grid(
        TICKS_PER_QUARTER,
        len(bars) * style.bar_steps * ticks_per_step,
        tempos=((0, style.tempo[0]),),
        time_signatures=((0, *style.metre),),
    )
    played = Notes(starts, starts + lengths, np.array([note.pitch for note in notes]), loud)
    return build_midi([Part("Bass", FINGERED_BASS, False, played)], grid)


def main() -> None:
    folder = Path(__file__).resolve().parent
    for path in sorted(folder.glob("*.txt")):
        write_atomic(path.with_suffix(".mid"), line_to_midi(path.read_text("utf-8")))
        print(f"{path.stem}.mid")


if __name__ == "__main__":
    main()
