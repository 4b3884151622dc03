"""Drummers x held-out phrases -> report, with real drums and the simple rivals beside them.

The judged songs are never touched by training: the training split is read only to fit the rivals and the matching network
and to look for copies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError, printable
from basedrum.evaluation.features import bass_rows, drum_rows
from basedrum.evaluation.matching import MatchingConfig, MatchingNetwork, train_matching
from basedrum.evaluation.playing import Previous, Stage, play_runs, play_variants, set_stage
from basedrum.evaluation.report import REAL, Report
from basedrum.evaluation.twosample import TwoSampleConfig, real_floor, two_sample
from basedrum.measures import metrics, style
from basedrum.measures.baselines import (
    CopiedKick,
    FixedBeat,
    NearestBass,
    PhraseDrummer,
    PositionMarginals,
    ShuffledDrums,
    bass_onsets,
)
from basedrum.measures.bootstrap import Estimate, song_mean
from basedrum.music.grid import STEPS_PER_MEASURE

READ_AT_ONCE = 4096
MIN_PHRASES = 8
MIN_SONGS = 5
"""A source with fewer songs gets no lift of its own: its interval would span everything."""


@dataclass(frozen=True)
class Effort:
    """How much work goes into one evaluation: `full` takes about a minute a drummer, `quick` a few seconds."""

    sets_of_fakes: int = 3
    answers: int = 8
    answered_phrases: int = 240
    drums_alone: bool = True
    without_kick: bool = True
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    two_sample: TwoSampleConfig = field(default_factory=TwoSampleConfig)


FULL = Effort()
QUICK = Effort(
    sets_of_fakes=1,
    answers=4,
    answered_phrases=120,
    drums_alone=False,
    without_kick=False,
    matching=replace(FULL.matching, steps=300),
    two_sample=replace(FULL.two_sample, steps=150),
)


@dataclass(frozen=True)
class Lessons:
    """What the training split gives: bass rows (n, R, 64), onsets (n, 64), hits (n, 64, 12), songs (n,) of some phrases,
    and the hashes of the drums of all of them, 4 bars and 2 bars at a time."""

    bass_rows: np.ndarray
    onsets: np.ndarray
    hits: np.ndarray
    songs: np.ndarray
    keys_4: np.ndarray
    keys_2: np.ndarray


def evaluate(
    drummers: Sequence[PhraseDrummer],
    dataset: PhraseDataset,
    split: str = "valid",
    *,
    seed: int = 0,
    limit: int | None = None,
    quick: bool = False,
    previous: Previous = "own",
    training_limit: int = 40_000,
    per_song: int = 6,
    rivals: bool = True,
    effort: Effort | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure drummers, the simple rivals and real drums on the phrases of a split.

    Args:
        limit: at most this many phrases (None: up to `per_song` adjoining ones of every song).
        quick: less training of the judges, fewer measures.
        previous: the drums before that a drummer is given: its own, the real ones, or none.
        training_limit: phrases of the training split that rivals and matching network learn from.
        rivals: whether the simple rivals are measured too.
        on_progress: called with the name of what is measured next.

    Raises:
        DataError: too few phrases in the split or in the training split.
    """
    effort = effort or (QUICK if quick else FULL)
    tell = on_progress or (lambda _: None)
    tell("reading phrases")
    lookahead = any(getattr(drummer, "lookahead", 0) for drummer in drummers)
    stage = set_stage(dataset, split, limit=limit, per_song=per_song, seed=seed, with_before=lookahead)
    if len(stage) < MIN_PHRASES:
        raise DataError(f"{printable(dataset.folder)}: only {len(stage)} phrases in split {split!r}, prepare more songs")
    lessons = read_lessons(dataset, training_limit, seed, all_keys=not quick)
    tell("matching network")
    judges = [(_match_key(k), _train_judge(lessons, k, seed, effort)) for k in (False, True)[: 1 + effort.without_kick]]
    everyone = [*drummers, *(simple_rivals(lessons) if rivals else [])]
    tell(REAL)
    figures = {REAL: _real_figures(stage, lessons, judges, seed, effort)}
    played = {REAL: stage.real}
    for drummer in everyone:
        name = _fresh_name(drummer.name, figures)
        tell(name)
        sets = [play_runs(drummer, stage, previous=previous, seed=seed + k) for k in range(effort.sets_of_fakes)]
        played[name] = sets[0]
        figures[name] = (
            _listening_figures(sets[0], stage, judges, seed)
            | _style_figures(sets[0], stage, lessons)
            | _distance_figures(sets[0], stage.real)
            | _noise_figures(drummer, stage, seed, effort)
            | _two_sample_figures(sets, stage, seed, effort)
        )
    groups = np.asarray([*dataset.sources, ""], object)[stage.sources]  # the last answers source -1, unknown
    num_songs = {source: len(np.unique(stage.songs[groups == source])) for source in dict.fromkeys(dataset.sources)}
    kinds = [source for source, number in num_songs.items() if number >= min(MIN_SONGS, max(num_songs.values(), default=0))]
    by_source = {n: metrics.lift_by_group(h, stage.onsets, stage.songs, groups, seed=seed) for n, h in played.items()}
    return Report(
        settings={
            "split": split,
            "phrases": len(stage),
            "songs": len(np.unique(stage.songs)),
            "previous": previous,
            "lookahead": int(lookahead),
            "seed": seed,
            "quick": quick,
            "training phrases": len(lessons.songs),
            "phrases searched for copies": len(lessons.keys_4),
        },
        figures=figures,
        lift_by_source={n: {s: row[s] for s in kinds} for n, row in by_source.items()},
        shift_curves={n: metrics.shift_curve(h, stage.onsets, stage.measure_steps) for n, h in played.items()},
    )


def simple_rivals(lessons: Lessons) -> list[PhraseDrummer]:
    """Return the drummers of `measures.baselines`, fitted on the training split."""
    return [
        FixedBeat(),
        CopiedKick(),
        PositionMarginals.fit(lessons.hits),
        NearestBass(lessons.onsets, lessons.hits),
        ShuffledDrums(lessons.hits),
    ]


def read_lessons(dataset: PhraseDataset, limit: int, seed: int = 0, *, per_song: int = 6, all_keys: bool = True) -> Lessons:
    """Read up to `limit` training phrases, at most `per_song` of one song; with `all_keys` hash all training drums.

    Raises:
        DataError: the training split is too small.
    """
    rng = np.random.default_rng(seed)
    train = dataset.rows("train")
    order = rng.permutation(train)
    songs = dataset.index["song"][order]
    by_song = np.argsort(songs, kind="stable")
    starts = np.flatnonzero(np.diff(songs[by_song], prepend=-1))
    nth = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    few = rng.permutation(order[by_song][nth < per_song])[:limit]
    if len(np.unique(dataset.index["song"][few])) < 4:
        raise DataError(f"{printable(dataset.folder)}: fewer than four songs in split 'train', prepare more songs")
    few.sort()
    parts: dict[str, list[np.ndarray]] = {"rows": [], "onsets": [], "hits": []}
    for start in range(0, len(few), READ_AT_ONCE):
        rows = few[start : start + READ_AT_ONCE]
        bass = dataset.bass(rows)
        parts["rows"].append(bass_rows(bass, dataset.index["qpm"][rows]))
        parts["onsets"].append(bass_onsets(bass))
        parts["hits"].append(dataset.kit(rows))
    hits = np.concatenate(parts["hits"])
    searched = np.setdiff1d(train, few) if all_keys else train[:0]
    chunks = [hits] + [dataset.kit(searched[i : i + READ_AT_ONCE]) for i in range(0, len(searched), READ_AT_ONCE)]
    return Lessons(
        bass_rows=np.concatenate(parts["rows"]),
        onsets=np.concatenate(parts["onsets"]),
        hits=hits,
        songs=dataset.index["song"][few].astype(np.int64),
        keys_4=np.concatenate([style.phrase_keys(chunk, 4) for chunk in chunks]),
        keys_2=np.concatenate([style.phrase_keys(chunk, 2) for chunk in chunks]),
    )


def _match_key(without_kick: bool) -> str:
    return "match_without_kick" if without_kick else "match"


def _train_judge(lessons: Lessons, without_kick: bool, seed: int, effort: Effort) -> MatchingNetwork:
    return train_matching(
        lessons.hits, lessons.bass_rows, lessons.songs, without_kick=without_kick, seed=seed, config=effort.matching
    )


def _fresh_name(name: str, taken: dict) -> str:
    number = 2
    fresh = name
    while fresh in taken:
        fresh, number = f"{name} ({number})", number + 1
    return fresh


def _listening_figures(hits: np.ndarray, stage: Stage, judges: list, seed: int) -> dict[str, Estimate]:
    figures = {
        "lift": metrics.lift(hits, stage.onsets, stage.songs, seed=seed),
        "phi_kick": metrics.phi_kick(hits, stage.onsets, stage.songs, stage.measure_steps, seed=seed),
        "lock": song_mean(metrics.lock(hits, stage.onsets), stage.songs, seed),
    }
    full = (stage.measure_steps == STEPS_PER_MEASURE).all(axis=1)  # a short measure alone would tell the song
    for key, network in judges:
        with contextlib.suppress(ValueError):  # fewer than two songs in full measures
            scores = network.scores(hits[full], stage.bass_rows[full])
            figures[key] = song_mean(metrics.recall_at_one(scores, stage.songs[full], seed=seed), stage.songs[full], seed)
    return figures


def _style_figures(hits: np.ndarray, stage: Stage, lessons: Lessons) -> dict[str, Estimate]:
    spans, span_songs = stage.spans(hits)
    similarity = style.self_similarity(spans)
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
    lags = {f"similarity_{lag}": song_mean(similarity[:, i], span_songs) for i, lag in enumerate(style.LAGS)}
    return figures | lags


def _distance_figures(hits: np.ndarray, real: np.ndarray) -> dict[str, Estimate]:
    measures = {
        "density_error": style.density_error,
        "voice_distance": style.voice_distance,
        "position_distance": style.position_distance,
        "frechet": style.frechet,
    }
    return {key: _bare(measure(hits, real)) for key, measure in measures.items()}


def _noise_figures(drummer: PhraseDrummer, stage: Stage, seed: int, effort: Effort) -> dict[str, Estimate]:
    at = np.sort(np.random.default_rng(seed).permutation(len(stage))[: effort.answered_phrases])
    played = play_variants(drummer, stage, at, answers=effort.answers, seed=seed)
    songs, first = stage.songs[at], played["answers"][0]
    return {
        "seed_distance": song_mean(metrics.seed_distance(played["answers"]), songs),
        "variety": _bare(metrics.variety(played["answers"], stage.real, stage.songs, seed=seed)),
        "transposed_5": song_mean(metrics.jaccard(first, played["up 5"]), songs),
        "transposed_12": song_mean(metrics.jaccard(first, played["up 12"]), songs),
        "shifted_2": song_mean(metrics.jaccard(first, played["late 2"]), songs),
    }


def _views(effort: Effort) -> dict[str, tuple[bool, TwoSampleConfig]]:
    """Return what each two-sample test is shown: whether the bass is in it, and the classifier (the stronger without bass)."""
    views = {"c2st": (True, effort.two_sample)}
    if effort.drums_alone:
        views["c2st_alone"] = (False, replace(effort.two_sample, compares_measures=True))
    return views


def _shown(hits: np.ndarray, stage: Stage, with_bass: bool) -> np.ndarray:
    return np.concatenate([drum_rows(hits), stage.bass_rows], axis=1) if with_bass else drum_rows(hits)


def _two_sample_figures(sets: list[np.ndarray], stage: Stage, seed: int, effort: Effort) -> dict[str, Estimate]:
    figures = {}
    for key, (with_bass, config) in _views(effort).items():
        fakes = np.concatenate([_shown(hits, stage, with_bass) for hits in sets])
        figures[key] = two_sample(
            _shown(stage.real, stage, with_bass),
            fakes,
            stage.songs,
            np.tile(stage.songs, len(sets)),
            seed=seed,
            config=config,
        )
    return figures


def _real_figures(stage: Stage, lessons: Lessons, judges: list, seed: int, effort: Effort) -> dict[str, Estimate]:
    """Return the figures of the real drums: distances between two halves of their songs, C2ST of real against real."""
    half = np.isin(stage.songs, np.random.default_rng(seed).permutation(np.unique(stage.songs))[::2])
    figures = _listening_figures(stage.real, stage, judges, seed) | _style_figures(stage.real, stage, lessons)
    figures |= _distance_figures(stage.real[half], stage.real[~half])
    with contextlib.suppress(ValueError):  # one song holds more than half of the phrases: no others to compare with
        figures["seed_distance"] = song_mean(metrics.other_song_distance(stage.real, stage.songs, seed=seed), stage.songs)
    for key, (with_bass, config) in _views(effort).items():
        rows = _shown(stage.real, stage, with_bass)
        figures[key] = real_floor(rows, stage.songs, labellings=effort.sets_of_fakes, seed=seed, config=config)
    return figures


def _bare(value: float) -> Estimate:
    """Return a figure that has no interval."""
    return Estimate(value, float("nan"), float("nan"))
