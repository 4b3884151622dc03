"""What is trained or looked up once in an evaluation and used for every drummer: the matching networks and
the two-sample tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from basedrum.evaluation.effort import Effort
from basedrum.evaluation.evaluation_set import EvaluationSet
from basedrum.evaluation.features import drum_rows
from basedrum.evaluation.matching import MatchingNetwork, train_matching
from basedrum.evaluation.training_subset import TrainingSubset
from basedrum.evaluation.trees import trees_available, trees_learner
from basedrum.evaluation.twosample import Learner, network_learner
from basedrum.measures import structure
from basedrum.measures.descriptors import phrase_descriptors


@dataclass(frozen=True)
class TwoSampleTest:
    """One classifier two-sample test.

    Attributes:
        key: of its metric.
        show: hits (n, 64, 12) on the phrases of the set -> the rows (k, ...) that the classifier takes.
        songs: (k,) the song of each row; real: (k, ...) the rows of the real drums.
        learn: trains the classifier.
    """

    key: str
    show: Callable[[np.ndarray], np.ndarray]
    songs: np.ndarray
    real: np.ndarray
    learn: Learner


@dataclass(frozen=True)
class Evaluators:
    """What every drummer is measured with.

    Attributes:
        matching: the key of the metric and the network of each matching.
        tests: the two-sample tests.
        pairs, alike: phrases of one song and how alike their bass is; see `structure.bass_pairs`.
        starts_section: (n,) bool; see `structure.new_sections`.
    """

    matching: tuple[tuple[str, MatchingNetwork], ...]
    tests: tuple[TwoSampleTest, ...]
    pairs: np.ndarray
    alike: np.ndarray
    starts_section: np.ndarray


def gather_evaluators(
    phrases: EvaluationSet, training: TrainingSubset, seed: int, effort: Effort
) -> Evaluators:
    """Train the matching networks on the training subset and set up the two-sample tests."""
    matching = []
    for key, without_kick in (("match", False), ("match_without_kick", True))[: 1 + effort.without_kick]:
        network = train_matching(
            training.hits,
            training.bass_rows,
            training.songs,
            without_kick=without_kick,
            seed=seed,
            config=effort.matching,
        )
        matching.append((key, network))
    pairs, alike = structure.bass_pairs(phrases.bass, phrases.place)
    starts = structure.new_sections(phrases.bass, phrases.place)
    return Evaluators(tuple(matching), tuple(_tests(phrases, effort)), pairs, alike, starts)


def _tests(phrases: EvaluationSet, effort: Effort) -> list[TwoSampleTest]:
    def with_bass(hits: np.ndarray) -> np.ndarray:
        return np.concatenate([drum_rows(hits), phrases.bass_rows], axis=1)

    def described(hits: np.ndarray) -> np.ndarray:
        return phrase_descriptors(hits, phrases.measure_steps)

    def spans(hits: np.ndarray) -> np.ndarray:
        return structure.structure_descriptors(
            phrases.spans(hits)[0], phrases.spans(phrases.measure_steps)[0]
        )

    def test(
        key: str, show: Callable[[np.ndarray], np.ndarray], songs: np.ndarray, learn: Learner
    ) -> TwoSampleTest:
        return TwoSampleTest(key, show, songs, show(phrases.real), learn)

    tests = [test("c2st", with_bass, phrases.songs, network_learner(effort.two_sample))]
    if effort.drums_alone:
        stronger = network_learner(replace(effort.two_sample, compares_measures=True))
        tests.append(test("c2st_alone", drum_rows, phrases.songs, stronger))
    if effort.descriptors and trees_available():
        trees = trees_learner(effort.trees)
        tests.append(test("c2st_trees", described, phrases.songs, trees))
        tests.append(test("c2st_16", spans, phrases.spans(phrases.real)[1], trees))
    return tests
