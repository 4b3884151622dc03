"""The metrics of phrases: what a drummer played on the phrases of the evaluation set, beside the real drums.

Conventions: hits (n, 64, 12) bool on the n phrases of the set; metrics are key -> `Estimate`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np

from basedrum.evaluation.evaluation_set import EvaluationSet
from basedrum.evaluation.evaluators import Evaluators
from basedrum.evaluation.matching import MatchingNetwork
from basedrum.evaluation.training_subset import TrainingSubset
from basedrum.evaluation.twosample import real_floor, two_sample
from basedrum.measures import metrics, structure, style
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate, song_mean
from basedrum.music.grid import STEPS_PER_MEASURE

RECALL_PHRASES = 128
"""Among fewer phrases of a source the same wrong ones are drawn twice, and chance is well above 1 in 32."""
TREE_METRICS = ("c2st_trees", "c2st_alone_higher", "c2st_16")


def phrase_metrics(
    sets: Sequence[np.ndarray],
    phrases: EvaluationSet,
    training: TrainingSubset,
    evaluators: Evaluators,
    seed: int,
) -> dict[str, Estimate]:
    """Return all metrics of phrases of one drummer; `sets` are hits (n, 64, 12), a set of fakes each."""
    hits = sets[0]
    return (
        listening_metrics(hits, phrases, evaluators, seed)
        | style_metrics(hits, phrases, training)
        | form_metrics(hits, phrases, evaluators, seed)
        | distance_metrics(hits, phrases.real)
        | two_sample_metrics(sets, evaluators, seed)
    )


def real_phrase_metrics(
    phrases: EvaluationSet, training: TrainingSubset, evaluators: Evaluators, labellings: int, seed: int
) -> dict[str, Estimate]:
    """Return the same of the real drums: distances between two halves of their songs, C2ST of real against
    real.

    `labellings`: how often songs are called fake at random for the latter.
    """
    half = np.isin(phrases.songs, np.random.default_rng(seed).permutation(np.unique(phrases.songs))[::2])
    found = listening_metrics(phrases.real, phrases, evaluators, seed)
    found |= style_metrics(phrases.real, phrases, training)
    found |= form_metrics(phrases.real, phrases, evaluators, seed)
    found |= distance_metrics(phrases.real[half], phrases.real[~half])
    with contextlib.suppress(ValueError):  # one song has most of the phrases: no others to compare with
        distance = metrics.other_song_distance(phrases.real, phrases.songs, seed=seed)
        found["seed_distance"] = song_mean(distance, phrases.songs)
    floors = {}
    for test in evaluators.tests:
        floors[test.key] = real_floor(
            test.real, test.songs, learn=test.learn, labellings=labellings, seed=seed
        )
    return found | _with_higher(floors)


def listening_metrics(
    hits: np.ndarray, phrases: EvaluationSet, evaluators: Evaluators, seed: int
) -> dict[str, Estimate]:
    """Return whether the drums follow the bass: lift, phi, lock and recall."""
    found = {
        "lift": metrics.lift(hits, phrases.onsets, phrases.songs, seed=seed),
        "phi_kick": metrics.phi_kick(hits, phrases.onsets, phrases.songs, phrases.measure_steps, seed=seed),
        "lock": song_mean(metrics.lock(hits, phrases.onsets), phrases.songs, seed),
    }
    for key, network in evaluators.matching:
        found[key] = recall(network, hits, phrases, np.arange(len(phrases)), seed)
    return found


def recall(
    network: MatchingNetwork, hits: np.ndarray, phrases: EvaluationSet, at: np.ndarray, seed: int
) -> Estimate:
    """Return R@1 among the phrases `at`; NaN with fewer than two songs in full measures."""
    full = (phrases.measure_steps[at] == STEPS_PER_MEASURE).all(axis=1)
    at = at[full]  # a short measure alone would give the song away
    with contextlib.suppress(ValueError):
        scores = network.scores(hits[at], phrases.bass_rows[at])
        songs = phrases.songs[at]
        return song_mean(metrics.recall_at_one(scores, songs, seed=seed), songs, seed)
    return NOT_MEASURED


def source_metrics(
    hits: np.ndarray,
    phrases: EvaluationSet,
    evaluators: Evaluators,
    groups: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, dict[str, Estimate]]:
    """Return metric -> group -> estimate for groups of phrases (their places in the set), each by itself."""
    found: dict[str, dict[str, Estimate]] = {"lift": {}, "phi_kick": {}, "match": {}, "hits_per_bar": {}}
    network = evaluators.matching[0][1]
    for group, at in groups.items():
        songs, onsets, steps = phrases.songs[at], phrases.onsets[at], phrases.measure_steps[at]
        many = len(at) >= RECALL_PHRASES
        found["lift"][group] = metrics.lift(hits[at], onsets, songs, seed=seed)
        found["phi_kick"][group] = metrics.phi_kick(hits[at], onsets, songs, steps, seed=seed)
        found["match"][group] = recall(network, hits, phrases, at, seed) if many else NOT_MEASURED
        found["hits_per_bar"][group] = song_mean(style.hits_per_bar(hits[at]), songs, seed)
    return found


def style_metrics(hits: np.ndarray, phrases: EvaluationSet, training: TrainingSubset) -> dict[str, Estimate]:
    """Return density, repetition, patterns and copies."""
    spans, span_songs = phrases.spans(hits)
    similarity = style.self_similarity(spans)
    first = phrases.place == 0
    values = {
        "hits_per_bar": style.hits_per_bar(hits),
        "identical": style.identical_neighbours(hits),
        "empty_bars": style.empty_bars(hits),
        "pattern_eighth": style.drum_pattern(hits, style.EIGHTH_MASK),
        "pattern_beat": style.drum_pattern(hits, style.BEAT_MASK),
        "groove_similarity": style.groove_similarity(hits),
        "groove_consistency": style.groove_consistency(hits),
        "copied_4": style.memory(hits, training.keys_4, 4),
        "copied_2": style.memory(hits, training.keys_2, 2),
    }
    found = {key: song_mean(value, phrases.songs) for key, value in values.items()}
    found["hits_first"] = song_mean(style.hits_per_bar(hits[first]), phrases.songs[first])
    for i, lag in enumerate(style.LAGS):
        found[f"similarity_{lag}"] = song_mean(similarity[:, i], span_songs)
    return found


def form_metrics(
    hits: np.ndarray, phrases: EvaluationSet, evaluators: Evaluators, seed: int
) -> dict[str, Estimate]:
    """Return seams, sections, fills and crashes."""
    place, songs = phrases.place, phrases.songs
    seams = {
        "seam": structure.seam_ratio(hits, place, songs, seed=seed),
        "seam_equal_density": structure.seam_ratio(hits, place, songs, equal_density=True, seed=seed),
    }
    sections = structure.section_metrics(hits, evaluators.pairs, evaluators.alike, songs, seed)
    starts, steps = evaluators.starts_section, phrases.measure_steps
    return seams | sections | structure.form_metrics(hits, songs, phrases.number, starts, steps, seed)


def distance_metrics(hits: np.ndarray, real: np.ndarray) -> dict[str, Estimate]:
    """Return the distances of all hits to the real ones."""
    measures = {
        "density_error": style.density_error,
        "voice_distance": style.voice_distance,
        "position_distance": style.position_distance,
        "frechet": style.frechet,
    }
    return {key: Estimate.bare(measure(hits, real)) for key, measure in measures.items()}


def two_sample_metrics(sets: Sequence[np.ndarray], evaluators: Evaluators, seed: int) -> dict[str, Estimate]:
    """Return the AUC of classifiers that compare all sets together with the real drums."""
    found = {}
    for test in evaluators.tests:
        fakes = np.concatenate([test.show(hits) for hits in sets])
        songs = np.tile(test.songs, len(sets))
        found[test.key] = two_sample(test.real, fakes, test.songs, songs, learn=test.learn, seed=seed)
    return _with_higher(found)


def _with_higher(found: dict[str, Estimate]) -> dict[str, Estimate]:
    """Add the higher of the two classifiers of drums alone, where both were trained."""
    if {"c2st_alone", "c2st_trees"} <= set(found):
        both = (found["c2st_alone"], found["c2st_trees"])
        found["c2st_alone_higher"] = max(both, key=lambda estimate: estimate.value)
    return found
