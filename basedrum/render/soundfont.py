"""Sound through FluidSynth and a soundfont, for those who have both; `sound` needs neither.

Conventions: as in `sound`. FluidSynth starts notes on blocks of 64 samples (1.5 ms), and its own version
decides the bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np

from basedrum.errors import BasedrumError, printable
from basedrum.music.grid import Grid
from basedrum.music.song import Part
from basedrum.render.sound import CHUNK, RATE_HZ, num_samples, samples_at

DRUM_CHANNEL, DRUM_BANK = 9, 128
PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
GAIN = 0.4


def render_soundfont(
    parts: Iterable[Part], grid: Grid, soundfont: str | os.PathLike, *, rate: int = RATE_HZ
) -> tuple[np.ndarray, int]:
    """Return the sound of the parts together, (n, 2) float32 in -1..1, and its rate, played by the
    instruments of `soundfont`.

    Raises:
        BasedrumError: FluidSynth is not installed, the file is no soundfont, or the song is longer than
        `sound.MAX_S`.
    """
    fluidsynth, parts = _fluidsynth(), list(parts)
    out = np.zeros((num_samples(parts, grid, rate), 2), np.float32)
    if not Path(soundfont).is_file():
        raise BasedrumError(f"{printable(soundfont)}: no such file, name a soundfont (.sf2)")
    synth = fluidsynth.Synth(gain=GAIN, samplerate=float(rate))
    try:
        font = synth.sfload(os.fspath(soundfont))
        if font < 0:
            raise BasedrumError(
                f"{printable(soundfont)}: is not a soundfont that FluidSynth can read, name another"
            )
        events = []
        for number, part in enumerate(parts):
            if part.is_drum:
                channel, bank, program = DRUM_CHANNEL, DRUM_BANK, 0
            else:
                channel, bank, program = PITCHED_CHANNELS[number % len(PITCHED_CHANNELS)], 0, part.program
            synth.program_select(channel, font, bank, program)
            events += _events(part, channel, grid, rate)
        at = 0
        for time, is_on, channel, pitch, velocity in sorted(events):
            at = _play(synth, out, at, time)
            if is_on:
                synth.noteon(channel, pitch, velocity)
            else:
                synth.noteoff(channel, pitch)
        _play(synth, out, at, len(out))
    finally:
        synth.delete()
    return out, rate


def _fluidsynth() -> ModuleType:
    try:
        import fluidsynth
    except ImportError as error:  # also where the library itself is missing
        raise BasedrumError(
            f"soundfont: FluidSynth is not here ({printable(error, 80)}), "
            "install it and basedrum[fluidsynth], or leave it out"
        ) from error
    return fluidsynth


def _events(part: Part, channel: int, grid: Grid, rate: int) -> list[tuple[int, bool, int, int, int]]:
    """Return (sample, whether it starts, channel, pitch, velocity) of each start and end; of two at a time
    ends sort first."""
    notes = part.notes
    starts = samples_at(notes.start_ticks, grid, rate)
    ends = np.maximum(samples_at(notes.end_ticks, grid, rate), starts + 1)
    columns = (starts, ends, notes.pitches, notes.velocities)
    events = []
    for start, end, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        events.append((start, True, channel, pitch, velocity))
        events.append((end, False, channel, pitch, 0))
    return events


def _play(synth, out: np.ndarray, start: int, end: int) -> int:
    """Let the synth fill `out` from `start` to `end`, or as far as it goes; return where it stands."""
    end = max(start, min(end, len(out)))
    for at in range(start, end, CHUNK):
        length = min(CHUNK, end - at)
        out[at : at + length] = np.asarray(synth.get_samples(length), np.float32).reshape(-1, 2) / 32768
    return end
