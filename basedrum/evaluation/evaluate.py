"""Drummers x held-out phrases -> report, with real drums and the simple rivals beside them.

The judged songs are never touched by training: the training split is read only to fit the rivals and the
matching network and to look for copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError, printable
from basedrum.evaluation import figures as found
from basedrum.evaluation.figures import FULL, QUICK, TREE_FIGURES, Effort, gather_judges
from basedrum.evaluation.lessons import Lessons, read_lessons
from basedrum.evaluation.playing import Previous, Stage, play_runs, set_stage
from basedrum.evaluation.report import REAL, Report
from basedrum.evaluation.trees import HOW_TO_GET, trees_available
from basedrum.measures import metrics
from basedrum.measures.baselines import (
    CopiedKick,
    FixedBeat,
    NearestBass,
    PhraseDrummer,
    PositionMarginals,
    ShuffledDrums,
)
from basedrum.measures.bootstrap import NOT_MEASURED

MIN_PHRASES = 8
MIN_SONGS = 5
"""A source with fewer songs gets no figures of its own: their intervals would span everything."""


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
    earlier: Report | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure drummers, the simple rivals and real drums on the phrases of a split.

    Args:
        limit: at most this many phrases (None: up to `per_song` adjoining ones of every song).
        quick: less training of the judges, fewer measures.
        previous: the drums before that a drummer is given: its own, the real ones, or none.
        training_limit: phrases of the training split that rivals and matching network learn from.
        rivals: whether the simple rivals are measured too.
        earlier: a report of the same phrases and settings, whose drummers (real drums and rivals among them)
            are taken over as they were measured: only `drummers` are played.
        on_progress: called with the name of what is measured next.

    Raises:
        DataError: too few phrases in the split or in the training split; the earlier report was measured
        otherwise.
    """
    effort = effort or (QUICK if quick else FULL)
    tell = on_progress or (lambda _: None)
    tell("reading phrases")
    lookahead = any(getattr(drummer, "lookahead", 0) for drummer in drummers)
    stage = set_stage(dataset, split, limit=limit, per_song=per_song, seed=seed, with_before=lookahead)
    if len(stage) < MIN_PHRASES:
        raise DataError(
            f"{printable(dataset.folder)}: only {len(stage)} phrases in split {split!r}, prepare more songs"
        )
    lessons = read_lessons(dataset, training_limit, seed, all_keys=not quick)
    settings = {
        "split": split,
        "phrases": len(stage),
        "songs": len(np.unique(stage.songs)),
        "previous": previous,
        "lookahead": int(lookahead),
        "seed": seed,
        "quick": quick,
        "training phrases": len(lessons.songs),
        "phrases searched for copies": len(lessons.keys_4),
    }
    if earlier is not None and earlier.settings != settings:
        otherwise = ", ".join(key for key in settings if earlier.settings.get(key) != settings[key])
        raise DataError(
            f"the earlier report was measured otherwise ({otherwise}), measure all drummers again"
        )
    tell("matching network")
    judges = gather_judges(stage, lessons, seed, effort)
    sources = _large_sources(dataset, stage)
    if earlier is None:
        tell(REAL)
        figures = {REAL: found.real_figures(stage, lessons, judges, seed, effort)}
        by_source = {REAL: found.source_figures(stage.real, stage, judges, sources, seed)}
        shift_curves = {REAL: metrics.shift_curve(stage.real, stage.onsets, stage.measure_steps)}
    else:
        figures, shift_curves = dict(earlier.figures), dict(earlier.shift_curves)
        by_source = {name: {key: rows[name] for key, rows in earlier.by_source.items()} for name in figures}
    for drummer in [*drummers, *(simple_rivals(lessons) if rivals and earlier is None else [])]:
        name = _fresh_name(drummer.name, figures)
        tell(name)
        sets = [
            play_runs(drummer, stage, previous=previous, seed=seed + k) for k in range(effort.sets_of_fakes)
        ]
        figures[name] = (
            found.listening_figures(sets[0], stage, judges, seed)
            | found.style_figures(sets[0], stage, lessons)
            | found.form_figures(sets[0], stage, judges, seed)
            | found.distance_figures(sets[0], stage.real)
            | found.noise_figures(drummer, stage, seed, effort)
            | found.two_sample_figures(sets, judges, seed)
        )
        by_source[name] = found.source_figures(sets[0], stage, judges, sources, seed)
        shift_curves[name] = metrics.shift_curve(sets[0], stage.onsets, stage.measure_steps)
    notes = []
    if effort.descriptors and not trees_available():
        notes.append(HOW_TO_GET)
        for row in figures.values():
            row.update({key: row.get(key, NOT_MEASURED) for key in TREE_FIGURES})
    return Report(
        settings=settings,
        figures=figures,
        by_source={key: {name: row[key] for name, row in by_source.items()} for key in by_source[REAL]},
        shift_curves=shift_curves,
        notes=notes,
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


def _large_sources(dataset: PhraseDataset, stage: Stage) -> dict[str, np.ndarray]:
    """Return the row numbers of the stage of each source with enough songs for figures of its own."""
    at = {source: np.flatnonzero(stage.sources == number) for number, source in enumerate(dataset.sources)}
    num_songs = {source: len(np.unique(stage.songs[rows])) for source, rows in at.items()}
    enough = max(1, min(MIN_SONGS, max(num_songs.values(), default=0)))
    return {source: rows for source, rows in at.items() if num_songs[source] >= enough}


def _fresh_name(name: str, taken: dict) -> str:
    number = 2
    fresh = name
    while fresh in taken:
        fresh, number = f"{name} ({number})", number + 1
    return fresh
