"""How sure a metric is: means with an interval from resampling whole songs.

Phrases of one song resemble each other, so resampling phrases would claim too much; songs are drawn instead.

Conventions: values are one number a phrase, (n,) float; songs are one integer a phrase, (n,); intervals cover
95 %.
Source: the ordinary percentile bootstrap over clusters (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval; all three NaN where it cannot be measured."""

    value: float
    low: float
    high: float

    @classmethod
    def bare(cls, value: float) -> Estimate:
        """Return a metric that has no interval."""
        return cls(value, float("nan"), float("nan"))

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)


NOT_MEASURED = Estimate(float("nan"), float("nan"), float("nan"))


def song_weights(num_songs: int, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Return (resamples, num_songs): how often each song is drawn when that many songs are drawn with
    replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_songs, np.full(num_songs, 1 / num_songs), size=resamples).astype(np.float64)


def sums_by_song(values: np.ndarray, songs: np.ndarray) -> np.ndarray:
    """Return (num_songs, ...) the sum of the values (n, ...) of each song, songs in sorted order."""
    names, which = np.unique(songs, return_inverse=True)
    sums = np.zeros((len(names), *np.shape(values)[1:]))
    np.add.at(sums, which.reshape(-1), np.asarray(values, np.float64))
    return sums


def song_ratio(numerator: np.ndarray, denominator: np.ndarray, songs: np.ndarray, seed: int = 0) -> Estimate:
    """Return sum(numerator) / sum(denominator) with its interval over songs; NaN where the denominators are
    all 0."""
    top, bottom = sums_by_song(numerator, songs), sums_by_song(denominator, songs)
    if len(bottom) == 0 or bottom.sum() == 0:
        return NOT_MEASURED
    weights = song_weights(len(top), seed)
    drawn = weights @ bottom
    ratios = (weights @ top)[drawn > 0] / drawn[drawn > 0]
    low, high = np.percentile(ratios, INTERVAL)
    return Estimate(float(top.sum() / bottom.sum()), float(low), float(high))


def song_mean(values: np.ndarray, songs: np.ndarray, seed: int = 0) -> Estimate:
    """Return the mean over phrases with its interval over songs; phrases whose value is NaN are left out."""
    known = ~np.isnan(np.asarray(values, np.float64))
    return song_ratio(
        np.asarray(values, np.float64)[known], np.ones(int(known.sum())), np.asarray(songs)[known], seed
    )


def cross_song_permutation(songs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) a random permutation that gives every phrase a phrase of another song.

    The songs are laid in a row in random order, phrases shuffled inside, and the row is turned by at least
    the longest song.

    Raises:
        ValueError: one song holds more than half of the phrases, so there is no such permutation.
    """
    names, which, sizes = np.unique(songs, return_inverse=True, return_counts=True)
    total = len(which)
    if total == 0 or 2 * sizes.max() > total:
        raise ValueError("no permutation across songs: one song holds more than half of the phrases")
    order = np.lexsort((rng.random(total), rng.permutation(len(names))[which.reshape(-1)]))
    turn = rng.integers(sizes.max(), total - sizes.max() + 1)
    partners = np.empty(total, np.int64)
    partners[order] = np.roll(order, turn)
    return partners
