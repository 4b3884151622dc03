"""The Groove MIDI Dataset as takes on our grid: what human drummers played, how hard, and how early or late.

Where the second of each pair of eighths or sixteenths comes late all through, the take is laid on a grid that
swings as it does. Swing so becomes a number of the take, and what is left of the time is feel: how far a hit
lies from the pulse of the moment, which drifts against the click as drummers do.

Conventions: arrays are (T, 12) over the sixteenths of whole measures of 16 (see `music.grid`) and the voices
of the kit.

Source: Gillick, Roberts, Engel, Eck, Bamman, "Learning to Groove with Inverse Sequence Transformations", ICML
2019; the dataset is made available by Google LLC under CC BY 4.0.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from basedrum.errors import BasedrumError, DataError, printable
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.compound import is_compound
from basedrum.music.grid import Grid
from basedrum.music.laid_grid import lay_out
from basedrum.music.notes import Notes
from basedrum.music.rolls import DrumRoll
from basedrum.music.song import drum_notes
from basedrum.music.swing import Swing

CREDIT = (
    "Groove MIDI Dataset v1.0.0: Jon Gillick, Adam Roberts, Jesse Engel, Douglas Eck, David Bamman, "
    "Learning to Groove with Inverse Sequence Transformations, ICML 2019. Made available by Google LLC under "
    "CC BY 4.0, "
    "https://creativecommons.org/licenses/by/4.0/."
)
LISTING = "groove/info.csv"
MODULE_PITCHES = {
    22: 42,
    26: 46,
    58: 43,
}  # the Roland TD-11's closed and open hat edge and low tom rim, as General MIDI
PULSE_STEPS = 8  # the pulse of the moment is the median offset of the hits as many steps before and after
FARTHEST = 0.35  # steps from the pulse; farther lies a triplet, a thirty-second or a flam, no timing of ours
SWING_GAIN = 0.8  # a take swings where swung steps leave less than this share of the distances to even ones
EVEN = (1, 0.5)
FEWEST_HITS = 16  # shorter takes are not asked whether they swing


@dataclass(frozen=True)
class Take:
    """One take of a drummer.

    Attributes:
        name: the dataset's id; split: train, validation or test; style: the first part of the dataset's
            ("rock"); drummer: who played it; qpm: its tempo.
        swing: (pair, ratio): the second half of each pair of eighths (2) or sixteenths (1) begins at this
            share of the pair all through; (1, 0.5) is even.
        velocities: (T, 12) uint8, 0 where no hit; offsets: (T, 12) float32, steps from the pulse of the
            moment, positive is late, NaN where there is no hit or it lies too far off to be feel.
        grid: the bars of the take, swung beats and compound bars laid on steps (`music.swing`).
    """

    name: str
    split: str
    style: str
    drummer: str
    qpm: float
    swing: tuple[int, float]
    velocities: np.ndarray
    offsets: np.ndarray
    grid: Grid

    @property
    def hits(self) -> np.ndarray:
        """(T, 12) bool."""
        return self.velocities > 0


def read_groove(
    archive: str | os.PathLike, splits: Sequence[str] = ("train", "validation", "test")
) -> Iterator[Take]:
    """Yield the takes of a Groove MIDI Dataset zip that belong to `splits`, in the order of its listing.

    Raises:
        DataError: no such archive, or it is not this dataset.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            listing = csv.DictReader(io.TextIOWrapper(files.open(LISTING), encoding="utf-8"))
            for row in listing:
                if row["split"] in splits:
                    take = read_take(files.read(f"groove/{row['midi_filename']}"), row)
                    if take is not None:
                        yield take
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, BasedrumError) as error:
        raise DataError(
            f"{printable(archive)}: is not the Groove MIDI Dataset: {printable(error)}, "
            "give its zip of MIDI files"
        ) from error


def read_take(data: bytes, row: dict[str, str]) -> Take | None:
    """Return the take of one MIDI file and its row of the listing; None where it has no hit."""
    song = parse_song(data, row["id"])
    notes = drum_notes(song)
    if not len(notes):
        return None
    pitches = np.asarray([MODULE_PITCHES.get(pitch, pitch) for pitch in notes.pitches.tolist()])
    beats = notes.start_ticks / song.grid.ticks_per_quarter
    compound = any(is_compound(*metre) for _, *metre in song.grid.time_signatures)
    pair, ratio = EVEN if compound or len(notes) < FEWEST_HITS else find_swing(beats)
    swing = Swing.straight(song.grid.num_measures)
    (swing.eighths if pair == 2 else swing.sixteenths)[:] = ratio
    grid = lay_out(song.grid, swing)
    velocities, offsets = _folded(replace(notes, pitches=pitches), grid)
    return Take(
        name=row["id"],
        split=row["split"],
        style=row["style"].split("/")[0],
        drummer=row["drummer"],
        qpm=float(grid.measure_qpm[0]),
        swing=(pair, ratio),
        velocities=velocities,
        offsets=around_pulse(offsets),
        grid=grid,
    )


def around_pulse(offsets: np.ndarray) -> np.ndarray:
    """Return offsets (T, 12), NaN where no hit, as distances from the pulse of the moment, NaN where past
    `FARTHEST`."""
    step, voice = np.nonzero(~np.isnan(offsets))
    late = offsets[step, voice]
    first, last = (
        np.searchsorted(step, step - PULSE_STEPS),
        np.searchsorted(step, step + PULSE_STEPS, side="right"),
    )
    pulse = np.empty(len(step), np.float32)
    for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        repeated = i and (a, b) == (first[i - 1], last[i - 1])
        pulse[i] = pulse[i - 1] if repeated else np.median(late[a:b])
    rest = late - pulse
    out = np.full(offsets.shape, np.nan, np.float32)
    out[step, voice] = np.where(np.abs(rest) <= FARTHEST, rest, np.nan)
    return out


def find_swing(beats: np.ndarray) -> tuple[int, float]:
    """Return the swing (pair, ratio) whose steps lie nearest to onsets, in quarters; (1, 0.5) if none is
    clearly nearer.

    The onsets may all be early or late together. A swing must leave less than `SWING_GAIN` of the even steps'
    distances.
    """
    counts = np.bincount((beats % 1 * PLACES + 0.5).astype(int) % PLACES, minlength=PLACES)
    distances = (_distances() @ counts).min(axis=1)
    best = int(distances.argmin())
    return SWINGS[best] if distances[best] < SWING_GAIN * distances[0] else EVEN


PLACES = 120  # in a beat
SWUNG = [round(float(ratio), 2) for ratio in np.arange(0.54, 0.721, 0.02)]
SWINGS = [EVEN, *((2, ratio) for ratio in SWUNG), *((1, ratio) for ratio in SWUNG)]


@cache
def _distances() -> np.ndarray:
    """(swings, latenesses, places): how far each place in a beat is from the steps of a swing that comes so
    late."""
    late = np.arange(-8, 9)[:, None, None] / PLACES  # up to a fifteenth of a beat
    place = (np.arange(PLACES) / PLACES - late)[..., 0, :, None] % 1
    eighths, sixteenths = ((lambda r: (0, r / 2, r, 1)), (lambda r: (0, r / 2, 0.5, 0.5 + r / 2, 1)))
    steps = [np.asarray(eighths(ratio) if pair == 2 else sixteenths(ratio)) for pair, ratio in SWINGS]
    return np.stack([np.abs(place - own).min(axis=-1) for own in steps])


def _folded(notes: Notes, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Velocities (T, 12) and offsets (T, 12), NaN where no hit; of several hits of a voice on a step the
    loudest counts."""
    roll = DrumRoll.from_notes(notes, grid)
    velocities = kit.fold(roll.velocities)
    offsets = np.full(velocities.shape, np.nan, np.float32)
    step, row = np.nonzero(roll.velocities)
    voice = kit.VOICE_OF_PITCH[row + 24]
    loudest = (voice >= 0) & (roll.velocities[step, row] == velocities[step, voice])
    offsets[step[loudest], voice[loudest]] = roll.offsets[step[loudest], row[loudest]]
    return velocities, offsets
