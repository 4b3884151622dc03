"""The seed a song is played with where none is given: made from the rhythm of its bass.

One seed for all songs would be one personality: the noise would ignore the song. Here songs differ, and one
song keeps its drummer: nothing counts but on which steps the bass starts notes in its first bars. Transposed,
renamed, copied or changed further on, the song has the same seed.

Conventions: a seed is 0..99,999, short enough to be typed again.
"""

from __future__ import annotations

import hashlib

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.rolls import BassRoll

NUM_MEASURES = 8
"""The rhythm of so many measures makes the seed. Of 231 held-out songs 39 then share one with another song,
most of them in plain eighths; with four measures 53, with sixteen 31 (lab/NOTES.md)."""
NUM_SEEDS = 100_000


def seed_of(bass: BassRoll) -> int:
    """Return the seed 0..99,999 that the rhythm of a bass line stands for.

    bass: T steps on its grid. What counts is on which steps of its first 8 measures, from the first with a
    note, notes start.
    """
    rhythm = bass.hits.reshape(-1, STEPS_PER_MEASURE)
    begins = int(np.argmax(rhythm.any(axis=1)))
    first = np.zeros((NUM_MEASURES, STEPS_PER_MEASURE), bool)
    played = rhythm[begins : begins + NUM_MEASURES]
    first[: len(played)] = played
    digest = hashlib.blake2b(np.packbits(first).tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % NUM_SEEDS
