"""Does it sound like drums? Measures of drums by themselves: density, repetition, patterns, memory, distance
to real drums.

Conventions: hits (n, 64, 12) bool over sixteenth steps and the voices of `music.kit`, a phrase of 4 measures
of 16 steps; a bar here is such a measure. Functions of one number a phrase return (n,), NaN where it does not
exist, to be averaged by `bootstrap.song_mean`. Steps past the end of a short measure are expected to be
empty.
Source: EB, DP: Dong et al., MuseGAN (arXiv 1709.06298); GS, GC: Wu and Yang (arXiv 2008.01307);
Jensen-Shannon: Lin 1991;
syncopation: Longuet-Higgins and Lee 1984; evenness: first Fourier coefficient of the cycle (Milne et al.
    2015);
Frechet: Heusel et al. (arXiv 1706.08500). The formulas are written from the papers and checked by counted
cases.
"""

from __future__ import annotations

import numpy as np

from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

EIGHTH_MASK = np.tile([1.0, 0.1], 8)
BEAT_MASK = np.tile([1.0, 0.1, 0.0, 0.1], 4)
SPAN_MEASURES = 16
LAGS = (1, 2, 4, 8)
BANDS = (
    (kit.KICK,),
    (kit.SNARE, kit.SIDE_STICK, kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM),
    (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT, kit.CRASH, kit.RIDE, kit.PERCUSSION),
)
"""Low, middle and high voices, as the rhythm descriptors gather them."""
METRICAL_WEIGHTS = np.tile(
    [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4], MEASURES_PER_PHRASE
)


def bars_of(hits: np.ndarray) -> np.ndarray:
    """Return (n, bars, 16, 12) of hits (n, 16 * bars, 12)."""
    return hits.reshape(len(hits), hits.shape[1] // STEPS_PER_MEASURE, STEPS_PER_MEASURE, hits.shape[-1])


def empty_bars(hits: np.ndarray) -> np.ndarray:
    """Return (n,) EB: the share of bars with no hit. 0..1, real .025, nearer to it is better; 1 on
    silence."""
    return 1.0 - bars_of(hits).any(axis=(2, 3)).mean(axis=1)


def hits_per_bar(hits: np.ndarray) -> np.ndarray:
    """Return (n,) hits of all voices a bar. 0..192, real 12 to 16, nearer to it is better; 0 on silence."""
    return bars_of(hits).sum(axis=(1, 2, 3)) / bars_of(hits).shape[1]


def voice_density(hits: np.ndarray) -> np.ndarray:
    """Return (12,) the hits a bar of each voice over all phrases; 0 on silence."""
    return bars_of(hits).sum(axis=(0, 1, 2)) / max(1, hits.shape[0] * hits.shape[1] // STEPS_PER_MEASURE)


def density_error(hits: np.ndarray, real: np.ndarray) -> float:
    """Return sum over voices |density - real density| / sum of real density.

    0 upwards, 0 is best, 1 on silence. A surplus of one voice does not make good for the lack of another.
    """
    wanted = voice_density(real)
    return (
        float(np.abs(voice_density(hits) - wanted).sum() / wanted.sum()) if wanted.sum() > 0 else float("nan")
    )


def drum_pattern(hits: np.ndarray, mask: np.ndarray = EIGHTH_MASK) -> np.ndarray:
    """Return (n,) DP: sum of mask over the hits / number of hits; `mask` (16,) weighs the steps of a bar.

    0..1. Real .84 with the eighth mask, .60 with the beat mask (say which); nearer to it is better. NaN on
    silence.
    """
    by_step = bars_of(hits).sum(axis=(1, 3))
    total = by_step.sum(axis=1)
    return np.where(total > 0, by_step @ mask / np.maximum(total, 1), np.nan)


def _bar_difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return Hamming distance / Q of bars (..., 16, 12): Q = 16 steps, a step counts as struck whatever the
    voice."""
    return (left.any(axis=-1) != right.any(axis=-1)).mean(axis=-1)


def groove_similarity(hits: np.ndarray) -> np.ndarray:
    """Return (n,) GS: the mean over all pairs of bars of 1 - Hamming / Q of the struck steps, all voices as
    one, Q = 16.

    0..1, real .91 to .93, nearer to it is better; 1 on silence and for one bar repeated.
    """
    bars = bars_of(hits)
    one, other = np.tril_indices(bars.shape[1], -1)
    return 1 - _bar_difference(bars[:, one], bars[:, other]).mean(axis=1)


def groove_consistency(hits: np.ndarray) -> np.ndarray:
    """Return (n,) GC: as `groove_similarity`, over neighbouring bars only. 0..1, real .92 to .93; 1 on
    silence."""
    bars = bars_of(hits)
    return 1 - _bar_difference(bars[:, 1:], bars[:, :-1]).mean(axis=1)


def identical_neighbours(hits: np.ndarray) -> np.ndarray:
    """Return (n,) the share of neighbouring bars with the same hits, among those that are not both empty.

    0..1, real .30 to .34, nearer to it is better; NaN on silence, which repeats nothing.
    """
    bars = bars_of(hits)
    sounding = np.asarray(bars.any(axis=(2, 3)))
    counted = sounding[:, 1:] | sounding[:, :-1]
    same = (bars[:, 1:] == bars[:, :-1]).all(axis=(2, 3)) & counted
    return np.where(counted.any(axis=1), same.sum(axis=1) / np.maximum(counted.sum(axis=1), 1), np.nan)


def self_similarity(spans: np.ndarray, lags: tuple[int, ...] = LAGS) -> np.ndarray:
    """Return (n, lags) the mean Jaccard index of bars `lag` apart, over spans (n, 256, 12) of 16 bars.

    0..1, nearer to real drums is better. Pairs of empty bars are left out; NaN on silence.
    """
    bars = bars_of(spans)
    rows = []
    for lag in lags:
        left, right = bars[:, lag:], bars[:, :-lag]
        both = (left & right).sum(axis=(2, 3))
        either = (left | right).sum(axis=(2, 3))
        known = (either > 0).sum(axis=1)
        rows.append(
            np.where(known > 0, (both / np.maximum(either, 1)).sum(axis=1) / np.maximum(known, 1), np.nan)
        )
    return np.stack(rows, axis=1)


def jensen_shannon(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (...) the Jensen-Shannon distance of histograms (..., K): the square root of the divergence in
    bits.

    0..1; 0 for the same distribution, 1 for distributions without overlap, and where just one of them is
    empty.
    """
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    totals = [h.sum(axis=-1, keepdims=True) for h in (left, right)]
    p, q = (h / np.maximum(t, 1e-300) for h, t in zip((left, right), totals, strict=True))
    middle = (p + q) / 2

    def divergence(a: np.ndarray) -> np.ndarray:
        return (a * np.log2(np.where(a > 0, a, 1.0) / np.where(a > 0, middle, 1.0))).sum(axis=-1)

    distance = np.sqrt(np.clip((divergence(p) + divergence(q)) / 2, 0.0, 1.0))
    silent = [t[..., 0] == 0 for t in totals]
    return np.where(silent[0] & silent[1], 0.0, np.where(silent[0] | silent[1], 1.0, distance))


def voice_distance(hits: np.ndarray, real: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of the voice histograms: 0..1, 0 is best, 1 on silence."""
    return float(jensen_shannon(voice_density(hits), voice_density(real)))


def position_distance(hits: np.ndarray, real: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of each voice's step profile (16), averaged by the voices' share of
    real hits.

    0..1, 0 is best, 1 on silence.
    """
    profiles = [bars_of(h).sum(axis=(0, 1)).T for h in (hits, real)]  # (12, 16)
    share = profiles[1].sum(axis=1)
    return float((jensen_shannon(*profiles) * share).sum() / share.sum()) if share.sum() else float("nan")


_MIX = tuple(np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _mixed(words: np.ndarray) -> np.ndarray:
    """Return uint64 words scrambled one to one (the finaliser of splitmix64)."""
    words = (words ^ (words >> np.uint64(30))) * _MIX[1]
    words = (words ^ (words >> np.uint64(27))) * _MIX[2]
    return words ^ (words >> np.uint64(31))


def phrase_keys(hits: np.ndarray, num_measures: int = MEASURES_PER_PHRASE) -> np.ndarray:
    """Return (n, windows) uint64: a hash of the hits of every window of `num_measures` bars of a phrase; 0
    for a silent one.

    Two different windows share a hash with a probability of about 2 ** -64.
    """
    bars = bars_of(hits)
    packed = np.packbits(bars.reshape(*bars.shape[:2], -1), axis=-1)  # (n, bars, 24) bytes
    words = np.ascontiguousarray(packed).view(np.uint64)  # (n, bars, 3)
    count = bars.shape[1] - num_measures + 1
    keys = np.zeros((len(hits), count), np.uint64)
    for measure in range(num_measures):
        for word in range(words.shape[2]):
            salt = _mixed(np.full(1, 1 + measure * words.shape[2] + word, np.uint64) * _MIX[0])
            keys += _mixed(words[:, measure : measure + count, word] ^ salt)
    sounding = np.asarray(bars.any(axis=(2, 3)))
    audible = np.any([sounding[:, m : m + count] for m in range(num_measures)], axis=0)
    return np.where(audible, keys, np.uint64(0))


def memory(
    hits: np.ndarray, training_keys: np.ndarray, num_measures: int = MEASURES_PER_PHRASE
) -> np.ndarray:
    """Return (n,) the share of a phrase's windows of `num_measures` bars found verbatim in the training
    songs.

    `training_keys`: every value of `phrase_keys(training hits, num_measures)`, any shape. 0..1, no more than
    real held-out drums have (.07 at 4 bars) is wanted. Silent windows are left out; NaN on silence.
    """
    keys = phrase_keys(hits, num_measures)
    found = np.isin(keys, np.unique(training_keys)) & (keys != 0)
    audible = (keys != 0).sum(axis=1)
    return np.where(audible > 0, found.sum(axis=1) / np.maximum(audible, 1), np.nan)


def syncopation(onsets: np.ndarray) -> np.ndarray:
    """Return (n,) the syncopation of onsets (n, 64) a bar: how much stronger the strongest rest after an
    onset is than it.

    Weights 0, -1, -2, -3, -4 for bar, half, beat, eighth and sixteenth; an onset counts max(0, weight of the
    strongest step between it and the next onset - its own weight), around the cycle. 0 upwards; 0 on silence
    and for onsets on the beat.
    """
    strongest = np.full(len(onsets), -9)
    total = np.zeros(len(onsets))
    steps = onsets.shape[1]
    for step in range(2 * steps - 1, -1, -1):  # backwards, twice round, so that the end knows the beginning
        weight, here = METRICAL_WEIGHTS[step % steps], onsets[:, step % steps]
        if step < steps:
            total += np.where(here, np.maximum(strongest - weight, 0), 0)
        strongest = np.where(here, -9, np.maximum(strongest, weight))
    return total / (steps // STEPS_PER_MEASURE)


def evenness(onsets: np.ndarray) -> np.ndarray:
    """Return (n,) |sum over the K onsets of exp(2 pi i (t_k / 64 - k / K))| / K: 0..1, 1 when evenly spaced,
    0 on silence."""
    count = onsets.sum(axis=1)
    rank = np.cumsum(onsets, axis=1) - 1
    phase = np.arange(onsets.shape[1]) / onsets.shape[1] - rank / np.maximum(count, 1)[:, None]
    return np.abs((np.exp(2j * np.pi * phase) * onsets).sum(axis=1)) / np.maximum(count, 1)


def rhythm_descriptors(hits: np.ndarray) -> np.ndarray:
    """Return (n, 9): onsets a bar, syncopation and evenness of the low, the middle and the high voices; zeros
    on silence."""
    columns = []
    for band in BANDS:
        onsets = np.asarray(hits[..., list(band)].any(axis=-1))
        columns += [onsets.sum(axis=1) / MEASURES_PER_PHRASE, syncopation(onsets), evenness(onsets)]
    return np.stack(columns, axis=1)


def frechet(hits: np.ndarray, real: np.ndarray) -> float:
    """Return the Frechet distance of the rhythm descriptors, each scaled by its spread in the real drums.

    |mu - mu'|^2 + Tr(C + C' - 2 (C C')^1/2). 0 upwards, 0 is best. Quote it beside the distance between two
    halves of real songs. Silence is as far as its descriptors (all 0) lie from real ones. NaN with fewer than
    two phrases.
    """
    if min(len(hits), len(real)) < 2:
        return float("nan")
    left, right = rhythm_descriptors(hits), rhythm_descriptors(real)
    scale = np.maximum(right.std(axis=0), 1e-6)
    left, right = left / scale, right / scale
    covariances = [np.cov(x, rowvar=False) for x in (left, right)]
    values, vectors = np.linalg.eigh(covariances[1])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[0] @ root), 0)).sum()
    return float(
        ((left.mean(axis=0) - right.mean(axis=0)) ** 2).sum()
        + sum(np.trace(c) for c in covariances)
        - 2 * cross
    )
