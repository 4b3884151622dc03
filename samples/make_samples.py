"""Turn the bass lines of this folder, written as text, into MIDI files, and let the drummer that ships play
to them.

    python samples/make_samples.py

writes NAME.mid beside each NAME.txt, band.mid out of the ballad, and in drums/ the song with drums, a picture
of its first
eight bars, and what the second four sound like: one channel, 22,050 Hz, 8 bits a sample by the mu law (ITU-T
G.711), which players know as WAV.

A line has a tempo, a metre, perhaps a swing, the order in which its parts are played, and the parts: a bar a
row, chord and marks. The marks are those of basedrum/music/figures.py, one character a sixteenth.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from basedrum import Drummer
from basedrum.corpus.stylebook import StylePage
from basedrum.files import write_atomic
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.figures import Chord, bass_notes, read_chord, read_figure
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

TICKS_PER_QUARTER = 480
FINGERED_BASS = 33
RATE_HZ = 22_050
HEARD_BARS = (5, 8)
FADE_S = 0.4


def read_line(text: str) -> tuple[StylePage, list[tuple[str, Chord]]]:
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
    style = StylePage("", (tempo, tempo), (numerator, denominator), {"8": 2, "16": 1}[unit], float(ratio))
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


def band_to_midi(text: str) -> bytes:
    """Return a bass line as a song: an electric piano on its chords, the bass, a side stick that counts; the
    tempo changes."""
    style, bars = read_line(text)
    bass = parse_song(line_to_midi(text)).tracks[0]
    bar_ticks = style.bar_steps * TICKS_PER_QUARTER // 4
    starts = np.arange(len(bars)) * bar_ticks
    tones = [(0, chord.third, chord.fifth, chord.seventh) for _, chord in bars]
    pitches = [
        [60 + (chord.root + tone) % 12 for tone in row] for (_, chord), row in zip(bars, tones, strict=True)
    ]
    held = [np.repeat(column, 4) for column in (starts, starts + bar_ticks - 20)]
    chords = Notes(*held, np.ravel(pitches), np.full(4 * len(bars), 62))
    beats = np.arange(len(bars) * style.metre[0]) * (TICKS_PER_QUARTER * 4 // style.metre[1])
    count = Notes(beats, beats + 60, np.full(len(beats), 37), np.full(len(beats), 70))
    tempo = style.tempo[0]
    tempos = (
        (0, tempo),
        (bar_ticks * len(bars) // 2, tempo * 1.06),
        (bar_ticks * (len(bars) - 2), tempo * 0.9),
    )
    grid = Grid(TICKS_PER_QUARTER, len(bars) * bar_ticks, tempos, ((0, *style.metre),))
    parts = [
        Part("Piano", 4, False, chords),
        Part("Bass", FINGERED_BASS, False, bass.notes),
        Part("Count", 0, True, count),
    ]
    return build_midi(parts, grid)


def excerpt(song, bars: tuple[int, int] = HEARD_BARS) -> np.ndarray:
    """Return what some bars (from 1, both included) of a played song sound like, (n,) in -1..1, faded out
    after them."""
    samples, rate = song.sound(rate=RATE_HZ)
    grid = song.song.grid
    ticks = [*grid.measure_ticks[grid.starts_bar], grid.end_tick]
    start, end = (
        round(second * rate) for second in grid.seconds_at(np.array([ticks[bars[0] - 1], ticks[bars[1]]]))
    )
    fade = round(FADE_S * rate)
    mono = samples.mean(axis=1)[start : end + fade]
    mono[-fade:] *= np.linspace(1, 0, fade)
    return mono


def to_mu_law(samples: np.ndarray) -> np.ndarray:
    """Return samples (n,) in -1..1 as (n,) uint8 of G.711's mu law."""
    whole = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int64)
    size = np.minimum(np.abs(whole) + 132, 32767)
    exponent = np.floor(np.log2(size)).astype(np.int64) - 7
    mantissa = (size >> (exponent + 3)) & 0x0F
    return (~((whole < 0) * 0x80 | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)


def to_small_wav(samples: np.ndarray, rate: int = RATE_HZ) -> bytes:
    """Return samples (n,) in -1..1 as a WAV file of one channel, 8 bits by the mu law."""
    data = to_mu_law(samples).tobytes()
    data += b"\xff" * (len(data) % 2)
    chunks = struct.pack("<4sIHHIIHHH", b"fmt ", 18, 7, 1, rate, rate, 1, 8, 0) + struct.pack(
        "<4sII", b"fact", 4, len(samples)
    )
    chunks += struct.pack("<4sI", b"data", len(samples)) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


def main() -> None:
    folder = Path(__file__).resolve().parent
    drummer = Drummer()
    (folder / "drums").mkdir(exist_ok=True)
    write_atomic(folder / "band.mid", band_to_midi((folder / "ballad.txt").read_text("utf-8")))
    for path in sorted(folder.glob("*.txt")):
        write_atomic(path.with_suffix(".mid"), line_to_midi(path.read_text("utf-8")))
        song = drummer.play(path.with_suffix(".mid"))
        song.write(folder / "drums" / f"{path.stem}.drums.mid")
        song.picture(folder / "drums" / f"{path.stem}.drums.png")
        write_atomic(folder / "drums" / f"{path.stem}.drums.wav", to_small_wav(excerpt(song)))
        print(f"{path.stem}.mid: {song.drums.hits.sum() / song.num_bars:.1f} hits a bar")


if __name__ == "__main__":
    main()
