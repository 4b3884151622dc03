"""Drummers and held-out songs -> report, with the real drums and the simple baselines beside them.

Every drummer plays whole songs through the door that its users have, and is measured on what they would get.
The training split is read only to fit the baselines and the matching networks and to look for copies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError, printable
from basedrum.evaluation.drummers import SongDrummer, baseline_drummer
from basedrum.evaluation.effort import FULL, QUICK, Effort
from basedrum.evaluation.evaluation_set import EvaluationSet, build_evaluation_set
from basedrum.evaluation.evaluators import Evaluators, gather_evaluators
from basedrum.evaluation.phrase_metrics import (
    TREE_METRICS,
    phrase_metrics,
    real_phrase_metrics,
    source_metrics,
)
from basedrum.evaluation.playing import SplicedSong, play_songs, splice_songs
from basedrum.evaluation.report import REAL, Report
from basedrum.evaluation.song_metrics import NoiseTest, listener_metrics, noise_metrics, spliced_metrics
from basedrum.evaluation.songs import lay_songs, read_songs
from basedrum.evaluation.training_subset import TrainingSubset, read_training_subset
from basedrum.evaluation.trees import HOW_TO_GET, trees_available
from basedrum.measures import metrics
from basedrum.measures.baselines import (
    Baseline,
    CopiedKick,
    FixedBeat,
    NearestBass,
    PositionMarginals,
    ShuffledDrums,
)
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate
from basedrum.measures.idiom import Idiom

MIN_PHRASES = 8
MIN_SONGS = 5
"""A source with fewer songs gets no metrics of its own: their intervals would span everything."""
TRAINING_PHRASES = 40_000


@dataclass(frozen=True)
class Options:
    """How an evaluation is made.

    Attributes:
        split: valid or test; seed: of the choice of songs and phrases, the noise and the classifiers.
        limit: at most so many songs (None: as many as the effort allows); per_song: adjoining phrases of
            each.
        quick: less playing and training, fewer metrics; effort: exactly how much, instead.
        training_limit: phrases of the training split that baselines and matching networks are fitted on.
        baselines: whether the simple baselines are measured too.
    """

    split: str = "valid"
    seed: int = 0
    limit: int | None = None
    per_song: int = 6
    quick: bool = False
    effort: Effort | None = None
    training_limit: int = TRAINING_PHRASES
    baselines: bool = True


class Progress:
    """Says what is measured next, and shows how far the songs of each step are; silent without `tell`."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell

    def tell(self, what: str) -> None:
        if self._tell is not None:
            self._tell(what)

    def watch(self, songs: Iterable, what: str) -> Iterable:
        """Return the songs, with a bar while they are gone through."""
        return tqdm(songs, desc=what, unit=" songs", leave=False, disable=self._tell is None)


@dataclass(frozen=True)
class Measuring:
    """Everything that every drummer of one evaluation is measured with."""

    phrases: EvaluationSet
    training: TrainingSubset
    idiom: Idiom
    evaluators: Evaluators
    noise: NoiseTest
    spliced: Sequence[SplicedSong]
    sources: Mapping[str, np.ndarray]
    effort: Effort
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Measured:
    """What was found of one drummer; see `Report`."""

    metrics: dict[str, Estimate]
    by_source: dict[str, dict[str, Estimate]]
    shift_curve: dict[int, float]


def evaluate(
    drummers: Sequence[SongDrummer],
    dataset: PhraseDataset,
    options: Options = Options(),
    *,
    earlier: Report | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Report:
    """Measure drummers, the simple baselines and the real drums on the held-out songs of a split.

    Args:
        earlier: a report on the same songs with the same options, whose drummers (real drums and baselines
            among them) are taken over as they were measured: only `drummers` are played.
        on_progress: called with the name of what is measured next.

    Raises:
        DataError: no whole songs, too few phrases in the split or in the training split; the earlier report
        was measured otherwise.
    """
    progress = Progress(on_progress)
    effort = options.effort or (QUICK if options.quick else FULL)
    phrases, left_out = _evaluation_set(dataset, options, effort, progress)
    training = read_training_subset(dataset, options.training_limit, options.seed, all_keys=not options.quick)
    settings = _settings(options, effort, phrases, training, left_out)
    if earlier is not None and earlier.settings != settings:
        otherwise = ", ".join(key for key in settings if earlier.settings.get(key) != settings[key])
        raise DataError(
            f"the earlier report was measured otherwise ({otherwise}), measure all drummers again"
        )
    progress.tell("matching networks")
    measuring = Measuring(
        phrases=phrases,
        training=training,
        idiom=Idiom.of(training.hits, training.songs),
        evaluators=gather_evaluators(phrases, training, options.seed, effort),
        noise=NoiseTest.draw(phrases, effort.noise_songs, effort.samples, options.seed),
        spliced=splice_songs(phrases.laid, effort.spliced_songs, options.seed),
        sources=_large_sources(phrases),
        effort=effort,
        seed=options.seed,
        progress=progress,
    )
    if earlier is None:
        progress.tell(REAL)
        found = {REAL: measure_real_drums(measuring)}
    else:
        found = _taken_over(earlier)
    others: list[SongDrummer] = []
    if options.baselines and earlier is None:
        others = [baseline_drummer(each) for each in simple_baselines(training)]
    for drummer in [*drummers, *others]:
        name = _fresh_name(drummer.name, found)
        progress.tell(name)
        found[name] = measure_drummer(drummer, measuring)
    return _report(settings, found, effort)


def measure_real_drums(measuring: Measuring) -> Measured:
    """Return the metrics of the songs' own drums."""
    phrases, seed = measuring.phrases, measuring.seed
    real = [song.real for song in phrases.laid]
    found = real_phrase_metrics(
        phrases, measuring.training, measuring.evaluators, measuring.effort.sets_of_fakes, seed
    )
    found |= listener_metrics(phrases.laid, real, seed, measuring.idiom)
    found |= spliced_metrics(None, measuring.spliced, seed)
    return _measured(found, phrases.real, measuring)


def measure_drummer(drummer: SongDrummer, measuring: Measuring) -> Measured:
    """Return the metrics of one drummer, who plays every song through the door."""
    phrases, seed, watch = measuring.phrases, measuring.seed, measuring.progress.watch
    played = play_songs(drummer, phrases.laid, sets=measuring.effort.sets_of_fakes, watch=watch)
    sets = [phrases.cut(each) for each in played]
    found = phrase_metrics(sets, phrases, measuring.training, measuring.evaluators, seed)
    found |= listener_metrics(phrases.laid, played[0], seed, measuring.idiom)
    found |= noise_metrics(drummer, measuring.noise, watch)
    found |= spliced_metrics(drummer, measuring.spliced, seed, watch)
    return _measured(found, sets[0], measuring)


def simple_baselines(training: TrainingSubset) -> list[Baseline]:
    """Return the drummers of `measures.baselines`, fitted on the training subset."""
    return [
        FixedBeat(),
        CopiedKick(),
        PositionMarginals.fit(training.hits),
        NearestBass(training.onsets, training.hits),
        ShuffledDrums(training.hits),
    ]


def _evaluation_set(
    dataset: PhraseDataset, options: Options, effort: Effort, progress: Progress
) -> tuple[EvaluationSet, Counter[str]]:
    """Return the phrases of the songs that are played, and how many songs were left out, by reason."""
    progress.tell("reading songs")
    limit = effort.songs if options.limit is None else options.limit
    songs, left_out = read_songs(dataset, options.split, limit=limit, seed=options.seed)
    held_out = lay_songs(progress.watch(songs, "songs on their bars"))
    phrases = build_evaluation_set(held_out.songs, per_song=options.per_song, seed=options.seed)
    if len(phrases) < MIN_PHRASES:
        raise DataError(
            f"{printable(dataset.folder)}: only {len(phrases)} phrases in split {options.split!r}, "
            "prepare more songs"
        )
    return phrases, left_out + held_out.left_out


def _settings(
    options: Options,
    effort: Effort,
    phrases: EvaluationSet,
    training: TrainingSubset,
    left_out: Counter[str],
) -> dict[str, object]:
    settings: dict[str, object] = {
        "split": options.split,
        "songs": len(phrases.laid),
        "phrases": len(phrases),
        "seed": options.seed,
        "quick": options.quick,
        "songs played": f"{effort.sets_of_fakes} times",
        "noise": f"{effort.samples} seeds on {effort.noise_songs} songs",
        "spliced songs": effort.spliced_songs,
        "training phrases": len(training.songs),
        "phrases searched for copies": len(training.keys_4),
    }
    for reason, count in sorted(left_out.items()):
        settings[f"left out, {reason}"] = count
    return settings


def _measured(found: dict[str, Estimate], hits: np.ndarray, measuring: Measuring) -> Measured:
    phrases = measuring.phrases
    by_source = source_metrics(hits, phrases, measuring.evaluators, measuring.sources, measuring.seed)
    return Measured(found, by_source, metrics.shift_curve(hits, phrases.onsets, phrases.measure_steps))


def _taken_over(earlier: Report) -> dict[str, Measured]:
    found = {}
    for name, row in earlier.metrics.items():
        by_source = {key: rows[name] for key, rows in earlier.by_source.items()}
        found[name] = Measured(row, by_source, earlier.shift_curves[name])
    return found


def _report(settings: dict[str, object], found: dict[str, Measured], effort: Effort) -> Report:
    notes = []
    if effort.descriptors and not trees_available():
        notes.append(HOW_TO_GET)
        for each in found.values():
            for key in TREE_METRICS:
                each.metrics.setdefault(key, NOT_MEASURED)
    by_source: dict[str, dict[str, dict[str, Estimate]]] = {}
    for name, each in found.items():
        for key, rows in each.by_source.items():
            by_source.setdefault(key, {})[name] = rows
    return Report(
        settings=settings,
        metrics={name: each.metrics for name, each in found.items()},
        by_source=by_source,
        shift_curves={name: each.shift_curve for name, each in found.items()},
        notes=notes,
    )


def _large_sources(phrases: EvaluationSet) -> dict[str, np.ndarray]:
    """Return the places in the set of the phrases of each source with enough songs for metrics of its own."""
    at, num_songs = {}, {}
    for number, source in enumerate(phrases.source_names):
        at[source] = np.flatnonzero(phrases.sources == number)
        num_songs[source] = len(np.unique(phrases.songs[at[source]]))
    enough = max(1, min(MIN_SONGS, max(num_songs.values(), default=0)))
    return {source: rows for source, rows in at.items() if num_songs[source] >= enough}


def _fresh_name(name: str, taken: Mapping[str, object]) -> str:
    number = 2
    fresh = name
    while fresh in taken:
        fresh, number = f"{name} ({number})", number + 1
    return fresh
