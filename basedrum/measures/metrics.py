"""Does the drummer follow the bass? Measures of drums against the bass they are played to, and of how much
the noise and the bass change them.

Each measure is a pure function; those of one number a phrase return (n,), to be averaged by
`bootstrap.song_mean`.

Conventions: hits (n, 64, 12) bool over sixteenth steps and the voices of `music.kit`; bass (n, 64) bool, True
where a bass note starts; songs (n,) int; measure_steps (n, 4) int, the active steps of each measure (None:
all 16). Steps past the end of a short measure are expected to be empty in hits and bass (`mask_inactive`).
Source: lock, lift and shift curve are this project's own; the Jaccard index is |A and B| / |A or B|.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basedrum.measures.bootstrap import (
    INTERVAL,
    NOT_MEASURED,
    Estimate,
    cross_song_permutation,
    song_mean,
    song_weights,
    sums_by_song,
)
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE

LIFT_DRAWS = 20
SHIFTS = (0, 1, 2, 4, 8)


def active(measure_steps: np.ndarray) -> np.ndarray:
    """Return (n, 64) bool: the steps that exist, given the active steps (n, 4) of each measure."""
    steps = np.arange(STEPS_PER_MEASURE) < np.asarray(measure_steps)[..., None]
    return steps.reshape(len(steps), steps.shape[1] * STEPS_PER_MEASURE)


def mask_inactive(hits: np.ndarray, measure_steps: np.ndarray) -> np.ndarray:
    """Return the hits with those past the end of short measures removed, as writing them into the song
    does."""
    return hits & active(measure_steps)[..., None]


def lock(hits: np.ndarray, bass: np.ndarray) -> np.ndarray:
    """Return (n,) F1 = 2 |K and B| / (|K| + |B|) of kick and bass onsets.

    0..1. Higher is not better: real drummers have .53, four-on-the-floor .60, copying the bass 1. 0 where
    either is silent.
    """
    kick = hits[..., kit.KICK]
    both = np.logical_and(kick, bass).sum(axis=-1)
    total = kick.sum(axis=-1) + bass.sum(axis=-1)
    return 2 * both / np.maximum(total, 1)


def lift_values(
    hits: np.ndarray, bass: np.ndarray, songs: np.ndarray, *, draws: int = LIFT_DRAWS, seed: int = 0
) -> np.ndarray:
    """Return (n,) lock minus the mean lock with the bass of other songs, over `draws` permutations across
    songs.

    Raises:
        ValueError: one song holds more than half of the phrases.
    """
    rng = np.random.default_rng(seed)
    shuffled = np.zeros(len(hits))
    for _ in range(draws):
        shuffled += lock(hits, bass[cross_song_permutation(songs, rng)])
    return lock(hits, bass) - shuffled / draws


def lift(
    hits: np.ndarray, bass: np.ndarray, songs: np.ndarray, *, draws: int = LIFT_DRAWS, seed: int = 0
) -> Estimate:
    """Return lift = mean F1(K_i, B_i) - mean F1(K_i, B_pi(i)), pi a permutation across songs; interval by
    song.

    -1..1. 0 for any drummer that ignores the bass and on silence; the nearer to real drummers (.12 to .14)
    the better, more is copying. NaN where one song holds more than half of the phrases.
    """
    try:
        values = lift_values(hits, bass, songs, draws=draws, seed=seed)
    except ValueError:
        return NOT_MEASURED
    return song_mean(values, songs, seed)


def lift_by_group(
    hits: np.ndarray,
    bass: np.ndarray,
    songs: np.ndarray,
    groups: np.ndarray,
    *,
    draws: int = LIFT_DRAWS,
    seed: int = 0,
) -> dict:
    """Return the lift inside each group (a source, a style), permuting only inside it: the group's own habits
    cancel."""
    picks = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    return {g: lift(hits[i], bass[i], songs[i], draws=draws, seed=seed) for g, i in picks.items()}


def shift_curve(
    hits: np.ndarray,
    bass: np.ndarray,
    measure_steps: np.ndarray | None = None,
    shifts: Sequence[int] = SHIFTS,
) -> dict[int, float]:
    """Return the mean lock with the bass rolled later by each number of sixteenths, over the phrases of full
    measures.

    0..1 each. Real drummers: .53 at 0, .08 at 1: a drummer one step late shows its peak elsewhere. 0 on
    silence.
    """
    full = (
        np.ones(len(hits), bool)
        if measure_steps is None
        else (np.asarray(measure_steps) == STEPS_PER_MEASURE).all(axis=1)
    )
    if not full.any():
        return {shift: float("nan") for shift in shifts}
    return {shift: float(lock(hits[full], np.roll(bass[full], shift, axis=1)).mean()) for shift in shifts}


def _without_position(onsets: np.ndarray, exists: np.ndarray) -> np.ndarray:
    """Return onsets (n, 64) minus the mean of their position in the measure; 0 on steps that do not exist."""
    by_position = onsets.reshape(-1, STEPS_PER_MEASURE)
    counts = exists.reshape(-1, STEPS_PER_MEASURE).sum(axis=0)
    means = by_position.sum(axis=0) / np.maximum(counts, 1)
    return ((by_position - means) * exists.reshape(-1, STEPS_PER_MEASURE)).reshape(onsets.shape)


def phi_kick(
    hits: np.ndarray,
    bass: np.ndarray,
    songs: np.ndarray,
    measure_steps: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Return the correlation of kick and bass onset over all cells, after removing the mean of each of the 16
    positions.

    -1..1. 0 for any drummer that ignores the bass, 1 for a copy, .28 for real drummers: nearer to them is
    better. On silence, and
    where every kick falls on a fixed position, the correlation does not exist: 0.
    """
    exists = np.ones(bass.shape, bool) if measure_steps is None else active(measure_steps)
    kick = _without_position(hits[..., kit.KICK] & exists, exists)
    line = _without_position(bass & exists, exists)
    sums = sums_by_song(
        np.stack([kick * line, kick * kick, line * line], axis=-1).sum(axis=1), songs
    )  # (songs, 3)
    if not len(sums):
        return NOT_MEASURED
    drawn = np.concatenate([sums.sum(axis=0, keepdims=True), song_weights(len(sums), seed) @ sums])
    spread = np.sqrt(drawn[:, 1] * drawn[:, 2])
    phis = np.where(spread > 1e-9, drawn[:, 0] / np.maximum(spread, 1e-9), 0.0)
    low, high = np.percentile(phis[1:], INTERVAL)
    return Estimate(float(phis[0]), float(low), float(high))


def jaccard(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (...) the Jaccard index of two sets of hits (..., 64, 12): hits in both / hits in either.

    0..1. 1 = the same drums, also where both are silent. For a moved bass: 1 is wanted when the bass is
    transposed and the noise kept, a low value when the rhythm of the bass is shifted.
    """
    both = np.logical_and(left, right).sum(axis=(-2, -1))
    either = np.logical_or(left, right).sum(axis=(-2, -1))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def seed_distance(samples: np.ndarray) -> np.ndarray:
    """Return (n,) the mean Jaccard distance over all pairs of R samples (R, n, 64, 12) to one bass.

    0..1. 0 = the noise is ignored (also on silence); real drums of different songs lie .83 apart, of one song
    .42.

    Raises:
        ValueError: fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError(f"seed distance needs at least two samples to one bass, not {len(samples)}")
    pairs = zip(*np.tril_indices(len(samples), -1), strict=True)
    return np.mean([1 - jaccard(samples[i], samples[j]) for i, j in pairs], axis=0)


def other_song_distance(hits: np.ndarray, songs: np.ndarray, *, draws: int = 4, seed: int = 0) -> np.ndarray:
    """Return (n,) the mean Jaccard distance of each phrase's drums to drums of other songs: 0..1, real .83, 0
    on silence.

    Raises:
        ValueError: one song holds more than half of the phrases.
    """
    rng = np.random.default_rng(seed)
    return np.mean(
        [1 - jaccard(hits, hits[cross_song_permutation(songs, rng)]) for _ in range(draws)], axis=0
    )


def variety(samples: np.ndarray, real: np.ndarray, songs: np.ndarray, *, seed: int = 0) -> float:
    """Return mean seed distance / mean distance between the real drums (n, 64, 12) of different songs.

    0 upwards. 0 = the noise is ignored (also on silence), 1 = two samples for one bass differ as much as two
    songs do; real drums of one song lie at about .5. NaN where the real drums do not differ or one song holds
    more than half of them.
    """
    try:
        scale = float(other_song_distance(real, songs, seed=seed).mean())
    except ValueError:
        return float("nan")
    return float(seed_distance(samples).mean()) / scale if scale > 0 else float("nan")


def recall_at_one(
    scores: np.ndarray, songs: np.ndarray, *, num_choices: int = 32, draws: int = 8, seed: int = 0
) -> np.ndarray:
    """Return (n,) how often the true bass scores highest among `num_choices`, the others drawn from other
    songs.

    `scores` (n, n): the match of drums i with bass j. 0..1; chance is 1 / num_choices, also on silence (a tie
    counts its share); nearer to real drummers is better.

    Raises:
        ValueError: fewer than two songs.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(songs, kind="stable")
    _, which, sizes = np.unique(songs, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    if len(sizes) < 2:
        raise ValueError("matching needs phrases of at least two songs")
    starts = (np.cumsum(sizes) - sizes)[which]  # where each phrase's own song begins in `order`
    others = len(songs) - sizes[which]
    won = np.zeros(len(songs))
    true = np.diagonal(scores)
    for _ in range(draws):
        picks = (rng.random((len(songs), num_choices - 1)) * others[:, None]).astype(np.int64)
        picks = order[np.where(picks >= starts[:, None], picks + sizes[which][:, None], picks)]
        others_scores = np.take_along_axis(scores, picks, axis=1)
        beaten = (others_scores > true[:, None]).any(axis=1)
        won += ~beaten / (1 + (others_scores == true[:, None]).sum(axis=1))
    return won / draws
