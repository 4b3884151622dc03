"""Phrases that are sampled again: those without a time-keeper, and those without the song's backbeat.

Drummers leave the hats or the backbeat out now and then, and so does this one; but it loses them more easily,
and a listener misses them at once. Whether a song is one whose drummer always keeps time is drawn from its
seed: a drummer who now keeps time and now does not would be worse than either.

Conventions: hits of a phrase (64, 12) bool over the voices of `music.kit`; measures of 16 steps, of which the
first `measure_steps` exist. A time-keeper plays at least three hits over at least three beats of a measure:
the hats together, the ride, the percussion or the crash.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE

MOST_ATTEMPTS = 3
KEEPS_TIME, KEEPS_BACKBEAT = 0.25, 0.25
"""Shares of songs whose drummer always has a time-keeper, and always the backbeat; chosen on split valid by
the share of bars without (lab/NOTES.md)."""
FEWEST_HITS = 3  # of a time-keeper, and the beats they are spread over
USUAL_SHARE = 0.6  # of its bars in which a song has its backbeat
FEWEST_BARS = 4  # of a song, from which on its backbeat is known
LOW_DENSITY = 8.0  # hits a bar: below that nobody expects a time-keeper
BACKBEATS = (4, 8, 12)  # steps
SNARES = (kit.SNARE, kit.SIDE_STICK)
TIME_KEEPERS = (
    (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT),
    (kit.RIDE,),
    (kit.PERCUSSION,),
    (kit.CRASH,),
)


def drawn_habits(seed: int) -> tuple[bool, bool]:
    """Return whether the drummer of a song always keeps time, and always the backbeat."""
    chances = np.random.default_rng([seed, 0x7173]).random(2)
    return bool(chances[0] < KEEPS_TIME), bool(chances[1] < KEEPS_BACKBEAT)


def has_keeper(hits: np.ndarray, measure_steps: np.ndarray) -> np.ndarray:
    """Return (4,) bool: whether each measure of a phrase has a time-keeper."""
    measures = hits.reshape(MEASURES_PER_PHRASE, STEPS_PER_MEASURE, -1)
    beats = measures.reshape(MEASURES_PER_PHRASE, -1, STEPS_PER_BEAT, measures.shape[2])
    needed = np.minimum(FEWEST_HITS, np.maximum(np.asarray(measure_steps) // STEPS_PER_BEAT, 1))
    found = np.zeros(MEASURES_PER_PHRASE, bool)
    for voices in TIME_KEEPERS:
        struck = np.any(beats[..., voices], axis=3)  # (4, beats, 4)
        found |= (struck.sum(axis=(1, 2)) >= needed) & (struck.any(axis=2).sum(axis=1) >= needed)
    return found


def has_backbeat(hits: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """Return (m,) bool: whether each measure of (m * 16, 12) has a snare or side stick on any of `steps`."""
    measures = hits.reshape(-1, STEPS_PER_MEASURE, hits.shape[-1])
    return np.asarray(measures[:, list(steps)][..., SNARES].any(axis=(1, 2)))


def usual_backbeat(earlier: Sequence[np.ndarray]) -> list[int]:
    """Return the steps of a song's backbeat, given its phrases (64, 12) so far; none where it has none
    yet."""
    if len(earlier) * MEASURES_PER_PHRASE < FEWEST_BARS:
        return []
    bars = np.concatenate(earlier)
    return [step for step in BACKBEATS if has_backbeat(bars, [step]).mean() >= USUAL_SHARE]


def is_wanting(
    hits: np.ndarray, measure_steps: np.ndarray, earlier: Sequence[np.ndarray], habits: tuple[bool, bool]
) -> bool:
    """Return whether a phrase lacks, in most of its measures, what the drummer of the song always has.

    Args:
        earlier: the phrases (64, 12) of the song so far.
        habits: whether the drummer always keeps time, and always the backbeat (`drawn_habits`).
    """
    keeps_time, keeps_backbeat = habits
    most = MEASURES_PER_PHRASE / 2
    if keeps_time and (~has_keeper(hits, measure_steps)).sum() > most:
        return True
    usual = usual_backbeat(earlier) if keeps_backbeat else []
    return bool(usual) and bool((~has_backbeat(hits, usual)).sum() > most)
