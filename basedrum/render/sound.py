"""Sound: notes to samples, and samples to a WAV file, with built-in drums and bass and no system package.

A drum (see `instruments`) is rendered once for each strength and added wherever it is hit; a pitched note is
cut from one long tone of its pitch.

Conventions: samples (n, 2) float32, left and right, -1..1; times in seconds, frequencies in Hz, rates in
samples per second. Same parts, same bytes: the noise has fixed seeds.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from basedrum.errors import BasedrumError
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part
from basedrum.render.instruments import (
    BASS,
    BASS_PROGRAMS,
    DRUMS,
    HATS,
    OPEN_HAT,
    PLAIN,
    SHAKER,
    Drum,
    Timbre,
)

RATE_HZ = 44_100
TAIL_S = 2.0
MAX_S = 20 * 60
MAX_NOTES = 200_000
STRENGTHS, VARIANTS = 4, 3  # timbres of a drum by velocity, and noises it has in turn
LOUDNESS = 1.6  # gain is (velocity / 127) to this power: 64 is 9.5 dB below 127
KNEE, MOST = 0.8, 1.5  # above the knee the sound is bent, never past 1; a mix above MOST is turned down first
CHUNK = 1 << 18


DULL_HARMONICS, ATTACK_S, RELEASE_S, CHOKE_S, LONGEST_NOTE_S = 3, 0.003, 0.04, 0.015, 20.0
TABLE = 4096


def render(parts: Iterable[Part], grid: Grid, *, rate: int = RATE_HZ) -> tuple[np.ndarray, int]:
    """Return the sound of the parts together, (n, 2) float32 in -1..1, and its rate in Hz.

    It lasts as long as the song, and `TAIL_S` to fade out. Parts that are no drums play a bass where their
    program is one, else a plain soft tone. Without notes it is silent.

    Raises:
        BasedrumError: longer than `MAX_S`, or more than `MAX_NOTES` notes.
    """
    parts = list(parts)
    mix = np.zeros((2, num_samples(parts, grid, rate)), np.float32)
    for part in parts:
        if part.is_drum:
            _add_drums(mix, part.notes, grid, rate)
        else:
            _add_tones(mix, part.notes, grid, rate, BASS if part.program in BASS_PROGRAMS else PLAIN)
    _master(mix, rate)
    return mix.T, rate


def num_samples(parts: Sequence[Part], grid: Grid, rate: int) -> int:
    """Return how long the sound of the parts is: to the end of the song, or its last note, and the tail.

    Raises:
        BasedrumError: as `render`.
    """
    num_notes = sum(len(part.notes) for part in parts)
    last_starts = [int(part.notes.start_ticks.max()) for part in parts if len(part.notes)]
    last_tick = max([grid.end_tick, *last_starts])
    length_s = float(grid.seconds_at(np.asarray([last_tick]))[0])
    length = f"{length_s / 60:.0f} minutes, at most {MAX_S // 60}" if length_s > MAX_S else ""
    if length or num_notes > MAX_NOTES:
        length = length or f"{num_notes} notes, at most {MAX_NOTES}"
        raise BasedrumError(f"sound: {length} can be heard, leave it out or take a part of the song")
    return math.ceil((length_s + TAIL_S) * rate)


def samples_at(ticks: np.ndarray, grid: Grid, rate: int) -> np.ndarray:
    """Return the sample (int64) at which each tick falls."""
    return np.rint(grid.seconds_at(ticks) * rate).astype(np.int64)


def to_wav(samples: np.ndarray, rate: int) -> bytes:
    """Return samples (n, channels) or (n,) as a WAV file of 16 bits; what lies outside -1..1 is clipped."""
    samples = samples.reshape(len(samples), -1)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.setnframes(len(samples))
        for start in range(0, len(samples), CHUNK):
            whole = np.rint(np.clip(samples[start : start + CHUNK], -1, 1) * 32767)
            file.writeframesraw(whole.astype("<i2").tobytes())
    return data.getvalue()


def _add_drums(mix: np.ndarray, notes: Notes, grid: Grid, rate: int) -> None:
    """Add the hits; an open hat is silenced by the next hit of the hat."""
    starts = samples_at(notes.start_ticks, grid, rate)
    hat_starts = np.unique(starts[np.isin(notes.pitches, HATS)])
    hits = zip(starts.tolist(), notes.pitches.tolist(), notes.velocities.tolist(), strict=True)
    for number, (start, pitch, velocity) in enumerate(hits):
        drum = DRUMS.get(pitch, SHAKER)
        sound = _strike(drum, min(STRENGTHS, 1 + velocity * STRENGTHS // 128), number % VARIANTS, rate)
        if pitch == OPEN_HAT:
            later = np.searchsorted(hat_starts, start, side="right")
            if later < len(hat_starts):
                sound = _faded(sound[: int(hat_starts[later]) - start + int(CHOKE_S * rate)], CHOKE_S, rate)
        _add(mix, sound, start, _gain(velocity), drum.pan)


def _add_tones(mix: np.ndarray, notes: Notes, grid: Grid, rate: int, timbre: Timbre) -> None:
    """Add pitched notes, pitch by pitch, each cut from the longest of its pitch and released."""
    starts, ends = samples_at(notes.start_ticks, grid, rate), samples_at(notes.end_ticks, grid, rate)
    lengths = np.clip(ends - starts, int(0.02 * rate), int(LONGEST_NOTE_S * rate)) + int(RELEASE_S * rate)
    for pitch in np.unique(notes.pitches).tolist():
        same = np.flatnonzero(notes.pitches == pitch)
        dull, bright = _tone(timbre, pitch, int(lengths[same].max()), rate)
        rows = zip(
            starts[same].tolist(), lengths[same].tolist(), notes.velocities[same].tolist(), strict=True
        )
        for start, length, velocity in rows:
            sound = dull[:length] + (velocity / 127) * bright[:length]
            _add(mix, _faded(sound, RELEASE_S, rate), start, timbre.level * _gain(velocity), 0.0)


def _gain(velocity: int) -> float:
    return (velocity / 127) ** LOUDNESS


def _add(mix: np.ndarray, sound: np.ndarray, start: int, gain: float, pan: float) -> None:
    angle = (1 + pan) * math.pi / 4  # the same power for every pan
    sound = sound[: mix.shape[1] - start]
    mix[0, start : start + len(sound)] += sound * np.float32(gain * math.cos(angle) * math.sqrt(2))
    mix[1, start : start + len(sound)] += sound * np.float32(gain * math.sin(angle) * math.sqrt(2))


def _faded(sound: np.ndarray, fade_s: float, rate: int) -> np.ndarray:
    """Return a copy that falls to nothing in its last `fade_s`."""
    sound = sound.copy()
    length = min(len(sound), int(fade_s * rate))
    if length:
        sound[-length:] *= np.linspace(1, 0, length, dtype=np.float32)
    return sound


@lru_cache(maxsize=512)
def _strike(drum: Drum, strength: int, variant: int, rate: int) -> np.ndarray:
    """Return one hit (n,) float32 of strength 1..STRENGTHS; a weak one is duller but of the same energy.

    The gain makes it quiet.
    """
    reference = _raw_strike(drum, STRENGTHS, variant, rate)
    reference *= drum.level / np.abs(reference).max()
    if strength == STRENGTHS:
        return reference
    sound = _raw_strike(drum, strength, variant, rate)
    return sound * np.float32(np.sqrt(np.square(reference).sum() / np.square(sound).sum()))


def _raw_strike(drum: Drum, strength: int, variant: int, rate: int) -> np.ndarray:
    """Return one hit (n,) float32 at no particular level."""
    force = strength / STRENGTHS
    t = np.arange(int(drum.length_s * rate)) / rate
    sound = np.zeros(len(t))
    audible = [hz for hz in drum.partials_hz if hz < 0.45 * rate]
    phase = 2 * np.pi * (t + (drum.sweep - 1) * 0.012 * (1 - np.exp(-t / 0.012)))  # of a partial of 1 Hz
    for number, hz in enumerate(audible):
        start = number if drum.sweep == 1.0 else 0
        sound += np.sin(hz * phase + start) * np.exp(-t / drum.ring_s * (1 + 0.15 * number))
    sound *= (1 - drum.mix) / max(1, len(audible))
    if drum.mix > 0:
        low_hz, high_hz = drum.noise_hz
        rng = np.random.default_rng([variant, int(low_hz), int(high_hz)])
        noise = _noise(len(t), low_hz, high_hz * (0.55 + 0.45 * force), rng, rate)
        sound += drum.mix * (0.7 + 0.3 * force) * noise * np.exp(-t / drum.noise_s)
    sound[: int(0.0005 * rate)] *= np.linspace(0, 1, int(0.0005 * rate))
    return _faded(sound.astype(np.float32), 0.2 * drum.length_s, rate)


def _noise(length: int, low_hz: float, high_hz: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Return noise (length,) of RMS 1/3 between two frequencies, with edges of half an octave."""
    low_hz, high_hz = min(low_hz, 0.3 * rate), min(high_hz, 0.48 * rate)
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / rate), 1.0)
    below = np.clip(1 + 2 * np.log2(frequencies / low_hz), 0, 1)
    above = np.clip(1 - 2 * np.log2(frequencies / high_hz), 0, 1)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * below * above, length)
    return noise / (3 * max(float(np.sqrt(np.square(noise).mean())), 1e-9))


def _tone(timbre: Timbre, pitch: int, length: int, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and the high harmonics of a note, (length,) float32 each, falling as the timbre says."""
    hz = 440.0 * 2 ** ((pitch - 69) / 12)
    t = np.arange(length, dtype=np.float32) / np.float32(rate)
    place = np.rint(np.arange(length) * (hz * TABLE / rate)).astype(np.int64) % TABLE
    most = max(1, min(timbre.num_harmonics, int(0.45 * rate / hz)))
    attack = np.minimum(t / np.float32(ATTACK_S), 1)
    dull = _cycle(timbre.is_saw, 1, min(most, DULL_HARMONICS))[place] * np.exp(-t / timbre.dull_s) * attack
    bright = _cycle(timbre.is_saw, DULL_HARMONICS + 1, most)[place] * np.exp(-t / timbre.bright_s) * attack
    return dull, bright


@lru_cache(maxsize=64)
def _cycle(is_saw: bool, first: int, last: int) -> np.ndarray:
    """Return one cycle (TABLE,) float32 of the harmonics first to last of a saw or a triangle."""
    angle = 2 * np.pi * np.arange(TABLE) / TABLE
    cycle = np.zeros(TABLE)
    for k in range(first, last + 1):
        amplitude = 1 / k if is_saw else (k % 2) * (-1) ** (k // 2) / k**2
        cycle += amplitude * np.sin(k * angle)
    return cycle.astype(np.float32)


def _master(mix: np.ndarray, rate: int) -> None:
    """Turn down a mix that is far too loud, bend what is left above the knee, and end in silence; in place.

    It goes piece by piece: all at once would take as much memory again.
    """
    peak = 0.0
    for start in range(0, mix.shape[1], CHUNK):
        peak = max(peak, float(np.abs(mix[:, start : start + CHUNK]).max()))
    scale = np.float32(min(1.0, MOST / max(peak, 1e-9)))
    for start in range(0, mix.shape[1], CHUNK):
        piece = mix[:, start : start + CHUNK]
        piece *= scale
        is_loud = np.abs(piece) > KNEE
        excess = (np.abs(piece[is_loud]) - KNEE) / (1 - KNEE)
        piece[is_loud] = np.sign(piece[is_loud]) * (KNEE + (1 - KNEE) * np.tanh(excess))
    end = min(mix.shape[1], int(0.2 * rate))
    mix[:, -end:] *= np.linspace(1, 0, end, dtype=np.float32)
