"""How hard and how early or late each hit is played: a small table measured from human drummers, sampled for a song.

It knows the voice and its place in the bar, nothing else: strong backbeats, soft ghost notes between, hats that breathe,
a hit a little before or behind the pulse. Neighbouring hits of a voice are correlated, so loudness and time wander
instead of flickering.

Conventions: velocities 1..127; offsets in steps, positive is late. Tables are over the 12 voices of the kit and the 16
steps of a measure.

Source: `feel.json` is measured by `python -m basedrum.drummer.feel GROOVE.zip` from the 4/4 takes in the train split of the
Groove MIDI Dataset v1.0.0 (CC BY 4.0), Gillick, Roberts, Engel, Eck, Bamman, "Learning to Groove with Inverse Sequence
Transformations", ICML 2019. The dataset's drum module records softly; LOUDNESS bends its velocities to the level that
General MIDI synthesizers expect.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from basedrum.files import write_atomic
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.rolls import DrumRoll

LOUDNESS = 0.75  # velocity -> 127 * (velocity / 127) ** LOUDNESS: 60 becomes 72, 97 becomes 104
TABLE = Path(__file__).with_name("feel.json")
MODULE_PITCHES = {22: 42, 26: 46, 58: 43}  # the Roland TD-11's closed and open hat edge and low tom rim, as General MIDI


def with_feel(hits: np.ndarray, seed: int = 0, humanize: float = 1.0) -> DrumRoll:
    """Return hits (T, 12) bool as a drum roll with velocities and micro-offsets.

    Args:
        humanize: 0 gives each voice its mean velocity at its place in the bar, exactly on the grid; 1 the spread of the
            human drummers, in loudness and in time.
    """
    table = _table()
    shape = (-1, STEPS_PER_MEASURE, kit.NUM_VOICES)
    noise = np.random.default_rng([seed, 0xFEE1]).standard_normal((len(hits), 2, kit.NUM_VOICES))
    loud = _wandering(noise[:, 0], hits, table["velocity_correlation"])
    late = _wandering(noise[:, 1], hits, table["offset_correlation"])
    mean, spread = table["velocity_mean"].T[None], table["velocity_spread"].T[None]
    velocities = np.clip(mean + humanize * spread * loud.reshape(shape), 1, 127).reshape(hits.shape)
    velocities = np.round(127 * (velocities / 127) ** LOUDNESS)
    offsets = humanize * (table["offset_mean"] + table["offset_spread"] * np.clip(late, -2, 2))
    return DrumRoll.from_kit(hits, velocities, np.clip(offsets, -0.45, 0.45))


def measure_feel(takes: Iterable[DrumRoll]) -> dict[str, list]:
    """Return the tables that `with_feel` reads, measured from takes in 4/4.

    Spreads and correlations are within a take, around the take's own mean of that cell, so that a song is played by one
    drummer. Offsets are around the pulse of the moment (the median offset of the hits within half a bar) and their
    mean and spread are robust (median, quartiles): drummers drift against a click and swing, which are not this table's.
    """
    rows = []
    for number, take in enumerate(takes):
        loud, late = kit.fold(take.velocities), take.offsets
        step, voice = np.nonzero(loud)
        if len(step) < 2:
            continue
        pitches = np.argmax(
            np.where(kit.VOICE_OF_PITCH[24:96] == np.arange(12)[voice][:, None], take.velocities[step], 0), axis=1
        )
        offset = late[step, pitches]
        pulse = [np.median(offset[np.abs(step - s) <= STEPS_PER_MEASURE // 2]) for s in step]
        rows.append(np.stack([np.full(len(step), number), voice, step % STEPS_PER_MEASURE, loud[step, voice], offset - pulse]))
    cells = np.concatenate(rows, axis=1)
    for voice in set(range(kit.NUM_VOICES)) - set(cells[1].astype(int)):  # nobody plays percussion there: as the hat
        borrowed = cells[:, cells[1] == kit.CLOSED_HAT]
        borrowed[1] = voice
        cells = np.concatenate([cells, borrowed], axis=1)
    take, voice, step, velocity, offset = cells
    cell = (voice * STEPS_PER_MEASURE + step).astype(int)
    own = ((take * kit.NUM_VOICES + voice) * STEPS_PER_MEASURE + step).astype(int)
    size = np.bincount(own)
    residual = velocity - (np.bincount(own, velocity) / np.maximum(size, 1))[own]
    counted = size[own] > 1
    by_voice = [voice == v for v in range(kit.NUM_VOICES)]
    voice_mean = np.asarray([velocity[m].mean() for m in by_voice])
    count = np.bincount(cell, minlength=192)
    prior = 20  # a rare cell leans on its voice as if it had been seen twenty times more
    total = np.bincount(cell, velocity, minlength=192) + prior * np.repeat(voice_mean, STEPS_PER_MEASURE)
    voice_spread = np.asarray([np.sqrt(np.mean(residual[m & counted] ** 2)) for m in by_voice])
    squares = np.bincount(cell[counted], residual[counted] ** 2, minlength=192)
    spread = (squares + prior * np.repeat(voice_spread**2, 16)) / (np.bincount(cell[counted], minlength=192) + prior)
    quartiles = np.asarray([np.percentile(offset[m], [25, 50, 75]) for m in by_voice])
    return {
        "velocity_mean": (total / (count + prior)).reshape(-1, STEPS_PER_MEASURE).round(1).tolist(),
        "velocity_spread": np.sqrt(spread).reshape(-1, STEPS_PER_MEASURE).round(1).tolist(),
        "velocity_correlation": [_neighbour_correlation(residual[m], take[m]) for m in by_voice],
        "offset_mean": quartiles[:, 1].round(3).tolist(),
        "offset_spread": ((quartiles[:, 2] - quartiles[:, 0]) / 1.349).round(3).tolist(),
        "offset_correlation": [_neighbour_correlation(offset[m], take[m]) for m in by_voice],
    }


def _neighbour_correlation(values: np.ndarray, take: np.ndarray) -> float:
    """Return the correlation of each value with the next one of the same take, kept within 0..0.9."""
    same = take[1:] == take[:-1]
    one, following = values[:-1][same], values[1:][same]
    if not one.std() or not following.std():
        return 0.0
    return round(float(np.clip(np.corrcoef(one, following)[0, 1], 0, 0.9)), 2)


def _wandering(noise: np.ndarray, hits: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Return (T, 12) values of unit variance at the hits, each correlated with the voice's hit before; 0 elsewhere."""
    out = np.zeros(noise.shape)
    for voice in range(noise.shape[1]):
        keep, before = correlation[voice], None
        for step in np.flatnonzero(hits[:, voice]):
            fresh = noise[step, voice]
            before = fresh if before is None else keep * before + np.sqrt(1 - keep**2) * fresh
            out[step, voice] = before
    return out


@cache
def _table() -> dict[str, np.ndarray]:
    tables = json.loads(TABLE.read_text(encoding="utf-8"))["tables"]
    return {name: np.asarray(values, dtype=np.float64) for name, values in tables.items()}


def _takes(archive: str) -> Iterable[DrumRoll]:
    """Yield the 4/4 takes of the train split of a Groove MIDI Dataset zip as drum rolls on General MIDI pitches."""
    import csv
    import io
    import zipfile

    from basedrum.midi.reading import parse_song
    from basedrum.midi.tracks import drum_notes

    with zipfile.ZipFile(archive) as files:
        listing = csv.DictReader(io.TextIOWrapper(files.open("groove/info.csv"), encoding="utf-8"))
        for row in listing:
            if row["split"] == "train" and row["time_signature"] == "4-4":
                song = parse_song(files.read(f"groove/{row['midi_filename']}"), row["id"])
                notes = drum_notes(song)
                pitches = np.asarray([MODULE_PITCHES.get(p, p) for p in notes.pitches.tolist()])
                yield DrumRoll.from_notes(replace(notes, pitches=pitches), song.grid)


if __name__ == "__main__":
    credit = (
        "Measured from the Groove MIDI Dataset v1.0.0, train split, takes in 4/4. Jon Gillick, Adam Roberts, Jesse Engel, "
        "Douglas Eck, David Bamman: Learning to Groove with Inverse Sequence Transformations, ICML 2019. Dataset made "
        "available by Google LLC under CC BY 4.0, https://creativecommons.org/licenses/by/4.0/. Reduced to means and spreads."
    )
    tables = json.dumps({"credit": credit, "tables": measure_feel(_takes(sys.argv[1]))}, indent=1)
    write_atomic(TABLE, (tables + "\n").encode())
