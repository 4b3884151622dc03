"""Small songs for the tests of the corpus: bass lines that differ from seed to seed, grooves written as
text."""

import numpy as np

from basedrum.midi.building import build_midi
from basedrum.music.grid import Grid
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.song import Part

TICKS_PER_QUARTER = 96
GROOVES = (
    ("kick x...x...x...x...", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x."),
    (
        "kick x.....x.x.......",
        "snare ....x.......x..x",
        "closed hat xxxxxxxxxxxxxxxx",
        "crash x...............",
    ),
    ("kick x..x......x.....", "snare ....x.......x...", "ride x...x...x...x..."),
)


def bass_roll(seed: int, num_measures: int, steps: int = 16) -> BassRoll:
    """A bass line of random eighths and sixteenths, no measure like the other."""
    rng = np.random.default_rng(seed)
    roll = BassRoll.empty(num_measures * 16)
    for measure in range(num_measures):
        starts = np.flatnonzero(rng.random(steps) < 0.45)
        starts = np.union1d([0], starts)
        for start, end in zip(starts, [*starts[1:], steps], strict=True):
            row = int(rng.integers(4, 24))
            at = measure * 16
            roll.onset[at + start, row] = True
            roll.sustain[at + start : at + rng.integers(start + 1, end + 1), row] = True
    return roll


def drum_roll(seed: int, num_measures: int, steps: int = 16) -> DrumRoll:
    """Grooves in a random order, cut to the steps of the measure."""
    rng = np.random.default_rng(seed + 1000)
    velocities = np.concatenate(
        [groove(*GROOVES[rng.integers(len(GROOVES))]).velocities for _ in range(num_measures)]
    )
    velocities[np.arange(len(velocities)) % 16 >= steps] = 0
    return DrumRoll(velocities, np.zeros(velocities.shape, np.float32))


def grid(num_measures: int, steps: int = 16, qpm: float = 100.0) -> Grid:
    end = num_measures * steps * TICKS_PER_QUARTER // 4
    return Grid(TICKS_PER_QUARTER, end, ((0, qpm),), ((0, steps // 4, 4),))


def song(
    seed: int, num_measures: int = 12, steps: int = 16, transpose: int = 0, bass=None, drums=None
) -> bytes:
    """Return the bytes of a MIDI file with a bass and a drum track."""
    time = grid(num_measures, steps)
    bass = bass_roll(seed, num_measures, steps) if bass is None else bass
    drums = drum_roll(seed, num_measures, steps) if drums is None else drums
    notes = bass.to_notes(time)
    notes = Notes(notes.start_ticks, notes.end_ticks, notes.pitches + transpose, notes.velocities)
    return build_midi([Part("Bass", 33, False, notes), Part("Drums", 0, True, drums.to_notes(time))], time)


def write_songs(folder, songs: dict[str, bytes]):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in songs.items():
        (folder / name).write_bytes(data)
    return folder
