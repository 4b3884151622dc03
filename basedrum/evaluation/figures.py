"""The figures of one drummer: what he played, and what he answers when asked again, set against the stage and
the judges.

Conventions: a set of answers is hits (n, 64, 12) bool on the n phrases of the stage; figures are measure ->
`Estimate`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from basedrum.evaluation.features import drum_rows
from basedrum.evaluation.lessons import Lessons
from basedrum.evaluation.matching import MatchingConfig, MatchingNetwork, train_matching
from basedrum.evaluation.playing import Stage, play_variants
from basedrum.evaluation.trees import TreesConfig, trees_available, trees_judge
from basedrum.evaluation.twosample import Judge, TwoSampleConfig, network_judge, real_floor, two_sample
from basedrum.measures import metrics, structure, style
from basedrum.measures.baselines import PhraseDrummer
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate, song_mean
from basedrum.measures.descriptors import phrase_descriptors
from basedrum.music.grid import STEPS_PER_MEASURE

RECALL_PHRASES = 128
"""Among fewer phrases of a source the same wrong answers are drawn twice, and chance is well above 1 in
32."""
TREE_FIGURES = ("c2st_trees", "c2st_alone_higher", "c2st_16")


@dataclass(frozen=True)
class Effort:
    """How much work goes into one evaluation: `full` takes 45 seconds of one thread a drummer (and three
    minutes for the judges and the real drums before the first), `quick` a few seconds."""

    sets_of_fakes: int = 3
    answers: int = 8
    answered_phrases: int = 240
    drums_alone: bool = True
    descriptors: bool = True
    without_kick: bool = True
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    two_sample: TwoSampleConfig = field(default_factory=TwoSampleConfig)
    trees: TreesConfig = field(default_factory=TreesConfig)


FULL = Effort()
QUICK = Effort(
    sets_of_fakes=1,
    answers=4,
    answered_phrases=120,
    drums_alone=False,
    descriptors=False,
    without_kick=False,
    matching=replace(FULL.matching, steps=300),
    two_sample=replace(FULL.two_sample, steps=150),
)


@dataclass(frozen=True)
class View:
    """One two-sample test: what the judge is shown of a set of answers, (k, ...) rows of the songs (k,); the
    real rows."""

    key: str
    show: Callable[[np.ndarray], np.ndarray]
    songs: np.ndarray
    real: np.ndarray
    judge: Judge


@dataclass(frozen=True)
class Judges:
    """All that is trained or looked up once and used for every drummer.

    Attributes:
        matching: the key of the figure and the network of each matching.
        views: the two-sample tests.
        pairs, alike: phrases of one song and how alike their bass is; see `structure.bass_pairs`.
        starts_section: (n,) bool; see `structure.new_sections`.
    """

    matching: tuple[tuple[str, MatchingNetwork], ...]
    views: tuple[View, ...]
    pairs: np.ndarray
    alike: np.ndarray
    starts_section: np.ndarray


def gather_judges(stage: Stage, lessons: Lessons, seed: int, effort: Effort) -> Judges:
    """Train the matching networks on the lessons and set up the two-sample tests."""
    matching = []
    for key, without_kick in (("match", False), ("match_without_kick", True))[: 1 + effort.without_kick]:
        network = train_matching(
            lessons.hits,
            lessons.bass_rows,
            lessons.songs,
            without_kick=without_kick,
            seed=seed,
            config=effort.matching,
        )
        matching.append((key, network))
    pairs, alike = structure.bass_pairs(stage.bass, stage.place)
    starts = structure.new_sections(stage.bass, stage.place)
    return Judges(tuple(matching), tuple(_views(stage, effort)), pairs, alike, starts)


def _views(stage: Stage, effort: Effort) -> list[View]:
    def with_bass(hits: np.ndarray) -> np.ndarray:
        return np.concatenate([drum_rows(hits), stage.bass_rows], axis=1)

    def phrases(hits: np.ndarray) -> np.ndarray:
        return phrase_descriptors(hits, stage.measure_steps)

    def spans(hits: np.ndarray) -> np.ndarray:
        return structure.structure_descriptors(stage.spans(hits)[0], stage.spans(stage.measure_steps)[0])

    shows = [("c2st", with_bass, stage.songs, network_judge(effort.two_sample))]
    if effort.drums_alone:
        stronger = network_judge(replace(effort.two_sample, compares_measures=True))
        shows.append(("c2st_alone", drum_rows, stage.songs, stronger))
    if effort.descriptors and trees_available():
        shows.append(("c2st_trees", phrases, stage.songs, trees_judge(effort.trees)))
        shows.append(("c2st_16", spans, stage.spans(stage.real)[1], trees_judge(effort.trees)))
    return [View(key, show, songs, show(stage.real), judge) for key, show, songs, judge in shows]


def listening_figures(hits: np.ndarray, stage: Stage, judges: Judges, seed: int) -> dict[str, Estimate]:
    figures = {
        "lift": metrics.lift(hits, stage.onsets, stage.songs, seed=seed),
        "phi_kick": metrics.phi_kick(hits, stage.onsets, stage.songs, stage.measure_steps, seed=seed),
        "lock": song_mean(metrics.lock(hits, stage.onsets), stage.songs, seed),
    }
    return figures | {
        key: recall(network, hits, stage, np.arange(len(stage)), seed) for key, network in judges.matching
    }


def recall(network: MatchingNetwork, hits: np.ndarray, stage: Stage, at: np.ndarray, seed: int) -> Estimate:
    """Return R@1 among the phrases `at`; NaN with fewer than two songs in full measures."""
    at = at[
        (stage.measure_steps[at] == STEPS_PER_MEASURE).all(axis=1)
    ]  # a short measure alone would tell the song
    with contextlib.suppress(ValueError):
        scores = network.scores(hits[at], stage.bass_rows[at])
        return song_mean(metrics.recall_at_one(scores, stage.songs[at], seed=seed), stage.songs[at], seed)
    return NOT_MEASURED


def source_figures(
    hits: np.ndarray, stage: Stage, judges: Judges, groups: dict[str, np.ndarray], seed: int
) -> dict[str, dict[str, Estimate]]:
    """Return measure -> group -> estimate for groups of phrases (row numbers of the stage), each by
    itself."""
    found: dict[str, dict[str, Estimate]] = {"lift": {}, "phi_kick": {}, "match": {}, "hits_per_bar": {}}
    for group, at in groups.items():
        songs = stage.songs[at]
        found["lift"][group] = metrics.lift(hits[at], stage.onsets[at], songs, seed=seed)
        found["phi_kick"][group] = metrics.phi_kick(
            hits[at], stage.onsets[at], songs, stage.measure_steps[at], seed=seed
        )
        many = len(at) >= RECALL_PHRASES
        found["match"][group] = recall(judges.matching[0][1], hits, stage, at, seed) if many else NOT_MEASURED
        found["hits_per_bar"][group] = song_mean(style.hits_per_bar(hits[at]), songs, seed)
    return found


def style_figures(hits: np.ndarray, stage: Stage, lessons: Lessons) -> dict[str, Estimate]:
    spans, span_songs = stage.spans(hits)
    similarity = style.self_similarity(spans)
    first = stage.place == 0
    values = {
        "hits_per_bar": style.hits_per_bar(hits),
        "identical": style.identical_neighbours(hits),
        "empty_bars": style.empty_bars(hits),
        "pattern_eighth": style.drum_pattern(hits, style.EIGHTH_MASK),
        "pattern_beat": style.drum_pattern(hits, style.BEAT_MASK),
        "groove_similarity": style.groove_similarity(hits),
        "groove_consistency": style.groove_consistency(hits),
        "copied_4": style.memory(hits, lessons.keys_4, 4),
        "copied_2": style.memory(hits, lessons.keys_2, 2),
    }
    figures = {key: song_mean(value, stage.songs) for key, value in values.items()}
    figures["hits_first"] = song_mean(style.hits_per_bar(hits[first]), stage.songs[first])
    lags = {f"similarity_{lag}": song_mean(similarity[:, i], span_songs) for i, lag in enumerate(style.LAGS)}
    return figures | lags


def form_figures(hits: np.ndarray, stage: Stage, judges: Judges, seed: int) -> dict[str, Estimate]:
    seams = {
        "seam": structure.seam_ratio(hits, stage.place, stage.songs, seed=seed),
        "seam_equal_density": structure.seam_ratio(
            hits, stage.place, stage.songs, equal_density=True, seed=seed
        ),
    }
    sections = structure.section_figures(hits, judges.pairs, judges.alike, stage.songs, seed)
    fills = structure.form_figures(
        hits, stage.songs, stage.number, judges.starts_section, stage.measure_steps, seed
    )
    return seams | sections | fills


def distance_figures(hits: np.ndarray, real: np.ndarray) -> dict[str, Estimate]:
    measures = {
        "density_error": style.density_error,
        "voice_distance": style.voice_distance,
        "position_distance": style.position_distance,
        "frechet": style.frechet,
    }
    return {key: _bare(measure(hits, real)) for key, measure in measures.items()}


def noise_figures(drummer: PhraseDrummer, stage: Stage, seed: int, effort: Effort) -> dict[str, Estimate]:
    at = np.sort(np.random.default_rng(seed).permutation(len(stage))[: effort.answered_phrases])
    played = play_variants(drummer, stage, at, answers=effort.answers, seed=seed)
    songs, first = stage.songs[at], played["answers"][0]
    lifts = [metrics.lift(hits, stage.onsets[at], songs, seed=seed) for hits in played["answers"]]
    return {
        "seed_distance": song_mean(metrics.seed_distance(played["answers"]), songs),
        "seed_lift": _bare(float(np.mean([lift.value for lift in lifts]))),
        "seed_lift_lowest": min(lifts, key=lambda lift: lift.value),
        "variety": _bare(metrics.variety(played["answers"], stage.real, stage.songs, seed=seed)),
        "transposed_5": song_mean(metrics.jaccard(first, played["up 5"]), songs),
        "transposed_12": song_mean(metrics.jaccard(first, played["up 12"]), songs),
        "shifted_2": song_mean(metrics.jaccard(first, played["late 2"]), songs),
    }


def two_sample_figures(sets: list[np.ndarray], judges: Judges, seed: int) -> dict[str, Estimate]:
    found = {}
    for view in judges.views:
        fakes = np.concatenate([view.show(hits) for hits in sets])
        songs = np.tile(view.songs, len(sets))
        found[view.key] = two_sample(view.real, fakes, view.songs, songs, judge=view.judge, seed=seed)
    return _with_higher(found)


def real_figures(
    stage: Stage, lessons: Lessons, judges: Judges, seed: int, effort: Effort
) -> dict[str, Estimate]:
    """Return the figures of the real drums: distances between two halves of their songs, C2ST of real against
    real."""
    half = np.isin(stage.songs, np.random.default_rng(seed).permutation(np.unique(stage.songs))[::2])
    figures = listening_figures(stage.real, stage, judges, seed) | style_figures(stage.real, stage, lessons)
    figures |= form_figures(stage.real, stage, judges, seed)
    figures |= distance_figures(stage.real[half], stage.real[~half])
    with contextlib.suppress(
        ValueError
    ):  # one song holds more than half of the phrases: no others to compare with
        figures["seed_distance"] = song_mean(
            metrics.other_song_distance(stage.real, stage.songs, seed=seed), stage.songs
        )
    labellings = effort.sets_of_fakes
    floors = {
        v.key: real_floor(v.real, v.songs, judge=v.judge, labellings=labellings, seed=seed)
        for v in judges.views
    }
    return figures | _with_higher(floors)


def _with_higher(found: dict[str, Estimate]) -> dict[str, Estimate]:
    """Add the higher of the two judges of drums alone, where both were asked."""
    if {"c2st_alone", "c2st_trees"} <= set(found):
        found["c2st_alone_higher"] = max(
            found["c2st_alone"], found["c2st_trees"], key=lambda estimate: estimate.value
        )
    return found


def _bare(value: float) -> Estimate:
    """Return a figure that has no interval."""
    return Estimate(value, float("nan"), float("nan"))
