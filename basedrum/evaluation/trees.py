"""A classifier of descriptors: gradient-boosted trees, for the two-sample test of drums alone and of 16 bars.

Where the convolutional network of `twosample` takes the hits themselves, the trees take a description of a
phrase or a span. They are scikit-learn's, which is an extra of its own: without it these metrics are not
measured.

Conventions: descriptors (n, D) float32, NaN where one does not exist.
Source: Friedman, Greedy function approximation: a gradient boosting machine (2001).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

HOW_TO_GET = (
    "drums alone by trees, and 16-bar structure, were not measured: they need scikit-learn "
    "(pip install scikit-learn)"
)


@dataclass(frozen=True)
class TreesConfig:
    """How the trees are grown; the defaults take about two seconds of one thread for 6,000 phrases."""

    iterations: int = 100
    leaves: int = 8
    learning_rate: float = 0.05
    min_leaf: int = 20
    l2: float = 1.0
    features_share: float = 0.3


def trees_available() -> bool:
    """Return whether scikit-learn is installed; looking does not import it."""
    return find_spec("sklearn") is not None


def trees_learner(config: TreesConfig = TreesConfig()) -> Callable[[np.ndarray, np.ndarray, int], Callable]:
    """Return what trains trees on descriptors for `twosample.two_sample`."""

    def learn(real: np.ndarray, fake: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        trees = HistGradientBoostingClassifier(
            max_iter=config.iterations,
            learning_rate=config.learning_rate,
            max_leaf_nodes=config.leaves,
            min_samples_leaf=config.min_leaf,
            l2_regularization=config.l2,
            max_features=config.features_share,
            early_stopping=False,  # it would set rows aside, not songs
            random_state=seed,
        )
        truth = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
        rows = np.concatenate([real, fake])
        known = ~np.isnan(rows).all(axis=0)  # scikit-learn refuses a column without any number
        with threadpool_limits(1):  # on a busy machine two threads took 200 times as long as one
            trees.fit(rows[:, known], truth)

        def scores(descriptors: np.ndarray) -> np.ndarray:
            with threadpool_limits(1):
                return trees.decision_function(descriptors[:, known])

        return scores

    return learn
