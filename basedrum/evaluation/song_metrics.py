"""The metrics of whole songs: what a listener hears, what the noise does, what a moved or a changed bass
does.

Conventions: what was played is a list of hits (M * 16, 12) bool, one a song; metrics are key -> `Estimate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.evaluation.drummers import SongDrummer
from basedrum.evaluation.evaluation_set import EvaluationSet
from basedrum.evaluation.playing import (
    SplicedSong,
    Watch,
    play_variants,
    play_with_seed,
    real_spliced_values,
    spliced_values,
    unwatched,
)
from basedrum.evaluation.songs import LaidSong
from basedrum.measures import metrics
from basedrum.measures.bootstrap import Estimate, song_mean
from basedrum.measures.idiom import Idiom
from basedrum.measures.listener import dominant_bar, listener_values, song_likeness
from basedrum.measures.other_metres import other_metre_values


def listener_metrics(
    laid: Sequence[LaidSong], played: Sequence[np.ndarray], seed: int, idiom: Idiom | None = None
) -> dict[str, Estimate]:
    """Return what a listener hears, the mean over songs; see `measures.listener`, `measures.other_metres`.

    idiom: the patterns of training songs; None: what is measured against them is left out.
    """
    rows: dict[str, list[float]] = {}
    for song, hits in zip(laid, played, strict=True):
        for key, value in song_values(song, hits, idiom).items():
            rows.setdefault(key, []).append(value)
    found = {}
    for key, values in rows.items():
        found[key] = song_mean(np.asarray(values), np.arange(len(values)), seed)
    return found | {"likeness": likeness(laid, played, seed)}


def song_values(song: LaidSong, hits: np.ndarray, idiom: Idiom | None = None) -> dict[str, float]:
    """Return what a listener hears of drums (M * 16, 12) to one song, by key; most of it only in 4/4."""
    values = other_metre_values(song.written(hits))
    if song.is_common_time:
        bars = song.bars(hits)
        values |= listener_values(bars)
        values |= {} if idiom is None else idiom.values(bars)
    return values


def likeness(laid: Sequence[LaidSong], played: Sequence[np.ndarray], seed: int) -> Estimate:
    """Return how alike two different songs are played; see `listener.song_likeness`."""
    dominant = []
    for song, hits in zip(laid, played, strict=True):
        if song.is_common_time:
            dominant.append(dominant_bar(song.bars(hits)))
    return song_likeness(np.asarray(dominant), seed)


@dataclass(frozen=True)
class NoiseTest:
    """Some songs in 4/4 of an evaluation set, for which the noise or the bass is changed.

    Attributes:
        phrases: the evaluation set; songs: the places of the chosen songs in it.
        num_seeds: how many seeds each is played with, the same for all songs, from `seed` on.
    """

    phrases: EvaluationSet
    songs: tuple[int, ...]
    num_seeds: int
    seed: int

    @classmethod
    def draw(cls, phrases: EvaluationSet, num_songs: int, num_seeds: int, seed: int) -> NoiseTest:
        """Choose at most `num_songs` at random."""
        common = [song for song in np.unique(phrases.songs).tolist() if phrases.laid[song].is_common_time]
        chosen = np.random.default_rng(seed).permutation(common)[:num_songs]
        return cls(phrases, tuple(sorted(int(song) for song in chosen)), num_seeds, seed)

    @property
    def laid(self) -> list[LaidSong]:
        return [self.phrases.laid[song] for song in self.songs]

    @property
    def rows(self) -> np.ndarray:
        """(k,) the phrases of these songs, by their places in the set."""
        return np.flatnonzero(np.isin(self.phrases.songs, self.songs))

    def cut(self, played: Sequence[np.ndarray]) -> np.ndarray:
        """Return the phrases (k, 64, 12) of what was played to these songs."""
        of_all = [song.real for song in self.phrases.laid]
        for song, hits in zip(self.songs, played, strict=True):
            of_all[song] = hits
        return self.phrases.cut(of_all)[self.rows]


def noise_metrics(drummer: SongDrummer, test: NoiseTest, watch: Watch = unwatched) -> dict[str, Estimate]:
    """Return what other seeds change, what one seed makes alike, and what a moved bass changes."""
    if not test.songs:
        return {}
    phrases, seed = test.phrases, test.seed
    seeds = [seed + number for number in range(test.num_seeds)]
    laid, rows = test.laid, test.rows
    songs, onsets = phrases.songs[rows], phrases.onsets[rows]
    played = []
    for one in watch(seeds, f"{drummer.name}, one seed for {len(laid)} songs"):
        played.append(play_with_seed(drummer, laid, one))
    samples = np.stack([test.cut(each) for each in played])
    lifts = [metrics.lift(hits, onsets, songs, seed=seed) for hits in samples]
    alike = [likeness(laid, each, seed) for each in played]
    found = {
        "seed_distance": song_mean(metrics.seed_distance(samples), songs),
        "seed_lift": Estimate.bare(float(np.mean([lift.value for lift in lifts]))),
        "seed_lift_lowest": min(lifts, key=lambda lift: lift.value),
        "variety": Estimate.bare(metrics.variety(samples, phrases.real, phrases.songs, seed=seed)),
        "likeness_one_seed": Estimate.bare(float(np.mean([each.value for each in alike]))),
    }
    variants = play_variants(drummer, laid, seed, watch)
    for key, name in (("transposed_5", "up 5"), ("transposed_12", "up 12"), ("shifted_2", "late 2")):
        found[key] = song_mean(metrics.jaccard(samples[0], test.cut(variants[name])), songs)
    return found


def spliced_metrics(
    drummer: SongDrummer | None, songs: Sequence[SplicedSong], seed: int, watch: Watch = unwatched
) -> dict[str, Estimate]:
    """Return how well the kicks of a drummer, or of the real drums (None), follow a bass that changes in bar
    10."""
    if not songs:
        return {}
    values = real_spliced_values(songs) if drummer is None else spliced_values(drummer, songs, watch)
    return {"spliced": song_mean(values, np.arange(len(values)), seed)}
