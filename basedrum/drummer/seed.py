"""The seed a song is played with where none is given: made from its bass.

One seed for all songs would be one personality: the noise would ignore the song. Here songs differ, and one
song keeps its drummer: nothing counts but the line the bass plays in its first bars, whatever its key.
Transposed, renamed, copied or changed further on, the song has the same seed.

Conventions: a seed is 0..99,999, short enough to be typed again.
"""

from __future__ import annotations

import hashlib

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.rolls import BassRoll

NUM_MEASURES = 8
NUM_SEEDS = 100_000
REST = 255
SALT = bytes([13])  # of 24 tried, one with which the twelve samples get ordinary drummers (lab/NOTES.md)


def seed_of(bass: BassRoll) -> int:
    """Return the seed 0..99,999 that a bass line stands for.

    What counts is on which steps of its first 8 measures, from the first with a note, notes start, and how
    many semitones above the first one they lie, octaves left out. (By the rhythm alone one song in six would
    share its seed with others, most of all those in plain eighths: lab/NOTES.md.)

    bass: T steps on its grid.
    """
    measures = bass.onset.reshape(-1, STEPS_PER_MEASURE, bass.onset.shape[1])
    begins = int(np.argmax(measures.any(axis=(1, 2))))
    first = measures[begins : begins + NUM_MEASURES].reshape(-1, bass.onset.shape[1])
    starts, lowest = first.any(axis=1), first.argmax(axis=1)
    line = np.full(NUM_MEASURES * STEPS_PER_MEASURE, REST, np.uint8)
    if starts.any():
        root = lowest[np.argmax(starts)]
        line[: len(first)][starts] = (lowest[starts] - root) % 12
    digest = hashlib.blake2b(line.tobytes(), digest_size=8, salt=SALT).digest()
    return int.from_bytes(digest, "little") % NUM_SEEDS
