"""Are the drums as those of real drummers? The classifier two-sample test (C2ST).

A fresh classifier, a small network or trees, is trained on real drums and a drummer's of one half of the
songs, and scores those of the other half; then the halves change places. The metric is the area under the ROC
curve (AUC): the chance that a real phrase scores above a generated one, .5 = the classifier cannot know them
apart.

Conventions: rows (n, ...) of what the classifier takes as input.
Source: Lopez-Paz and Oquab, Revisiting classifier two-sample tests (arXiv 1610.06545).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from basedrum.evaluation.features import as_tensor
from basedrum.measures.bootstrap import INTERVAL, NOT_MEASURED, Estimate, song_weights
from basedrum.threads import one_thread

SCORED_AT_ONCE = 512


@dataclass(frozen=True)
class TwoSampleConfig:
    """How the classifier is trained; the defaults take about 10 seconds of one thread, whatever the number of
    phrases. Longer training and deeper networks found no more.
    """

    width: int = 48
    batch: int = 128
    steps: int = 500
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    compares_measures: bool = False
    """Whether it is also shown how much neighbouring measures differ: a stronger
    classifier, which finds repetition at once."""


class Classifier(nn.Module):
    """Rows (B, R, 64) -> logits (B,), positive for real: four measures seen by one network, averaged."""

    def __init__(self, num_rows: int, config: TwoSampleConfig) -> None:
        super().__init__()
        width = config.width
        self.compares_measures = config.compares_measures
        self.measures = nn.Sequential(
            nn.Conv1d(num_rows, width, 5, padding=2),  # (B, width, 64) steps
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, 2 * width, 4, stride=4),  # (B, 2 width, 16) beats
            nn.LeakyReLU(0.2),
            nn.Conv1d(2 * width, 2 * width, 4, stride=4),  # (B, 2 width, 4) measures
            nn.LeakyReLU(0.2),
        )
        self.verdict = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear((4 if config.compares_measures else 2) * width, 64),
            nn.LeakyReLU(0.2),
            nn.Dropout(config.dropout),
            nn.Linear(64, 1),
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        measures = self.measures(rows)
        seen = [measures.mean(dim=2)]
        if self.compares_measures:
            seen.append((measures[..., 1:] - measures[..., :-1]).abs().mean(dim=2))
        return self.verdict(torch.cat(seen, dim=1))[:, 0]


def wins(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Return (n, m) 1 where real score i lies above fake score j, .5 on a tie, 0 below."""
    return (np.sign(real[:, None] - fake[None, :]) + 1) / 2


def auc(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the mean of `wins`: the chance that a real phrase scores above a fake one. 0..1; NaN without
    scores."""
    return (
        float(wins(np.asarray(real, float), np.asarray(fake, float)).mean())
        if len(real) and len(fake)
        else float("nan")
    )


Learner = Callable[[np.ndarray, np.ndarray, int], Callable[[np.ndarray], np.ndarray]]
"""(real, fake, seed) -> a function that gives rows their scores, high for real; `network_learner`,
`trees.trees_learner`."""


def network_learner(config: TwoSampleConfig = TwoSampleConfig()) -> Learner:
    """Return what trains a `Classifier` on rows (n, R, 64)."""

    @one_thread()
    def learn(real: np.ndarray, fake: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
        network = _train(real, fake, seed, config)
        return one_thread()(lambda rows: _scores(network, rows))

    return learn


def two_sample(
    real: np.ndarray,
    fake: np.ndarray,
    real_songs: np.ndarray,
    fake_songs: np.ndarray,
    *,
    learn: Learner,
    seed: int = 0,
) -> Estimate:
    """Return the AUC of real rows (n, ...) against fake rows (m, ...), cross-fitted over two halves of the
    songs.

    .5..1 (a little below .5 by chance); .5 is best. The interval resamples the songs that are scored, not the
    training of the classifier. NaN with fewer than four songs. Silence: 1.
    """
    names = np.unique(np.concatenate([real_songs, fake_songs]))
    if len(names) < 4:
        return NOT_MEASURED
    half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    songs = [np.searchsorted(names, s) for s in (real_songs, fake_songs)]
    table, pairs = np.zeros((len(names), len(names))), np.zeros((len(names), len(names)))
    for fold, inside in enumerate((half, np.setdiff1d(names, half))):
        test = [np.isin(names[s], inside) for s in songs]
        if not all(t.any() and (~t).any() for t in test):
            return NOT_MEASURED
        scores = learn(real[~test[0]], fake[~test[1]], seed + fold)
        left, right = scores(real[test[0]]), scores(fake[test[1]])
        hot = [np.eye(len(names), dtype=np.float32)[s[t]] for s, t in zip(songs, test, strict=True)]
        for start in range(0, len(left), SCORED_AT_ONCE):
            rows = slice(start, start + SCORED_AT_ONCE)
            table += hot[0][rows].T @ (wins(left[rows], right).astype(np.float32) @ hot[1])
        pairs += np.outer(hot[0].sum(axis=0), hot[1].sum(axis=0))
    weights = song_weights(len(names), seed)
    drawn = np.einsum("rs,st,rt->r", weights, table, weights, optimize=True)
    possible = np.einsum("rs,st,rt->r", weights, pairs, weights, optimize=True)
    low, high = np.percentile((drawn / np.maximum(possible, 1e-9))[possible > 0], INTERVAL)
    return Estimate(float(table.sum() / pairs.sum()), float(low), float(high))


def real_floor(
    rows: np.ndarray,
    songs: np.ndarray,
    *,
    learn: Learner,
    labellings: int = 3,
    seed: int = 0,
) -> Estimate:
    """Return the AUC of real drums against real drums, songs called fake at random: what .5 looks
    like here.

    The mean of several labellings, and the mean of their intervals. Exactly one half of the songs must not be
    called fake: what one fold then has too much of, the other lacks, and the AUC comes out below .5.
    """
    estimates = []
    for number in range(labellings):
        names = np.unique(songs)
        coin = np.random.default_rng([seed, number]).random(len(names)) < 0.5
        fake = np.isin(songs, names[coin])
        estimates.append(
            two_sample(rows[~fake], rows[fake], songs[~fake], songs[fake], learn=learn, seed=seed + number)
        )
    known = [(e.value, e.low, e.high) for e in estimates if not np.isnan(e.value)]
    return Estimate(*np.mean(known, axis=0).tolist()) if known else NOT_MEASURED


def _train(real: np.ndarray, fake: np.ndarray, seed: int, config: TwoSampleConfig) -> Classifier:
    rng = np.random.default_rng([seed, 2])
    half = config.batch // 2
    target = torch.cat([torch.ones(half), torch.zeros(half)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(real.shape[1], config)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 2 * config.learning_rate, total_steps=config.steps
        )
        for _ in range(config.steps):
            rows = np.concatenate(
                [real[rng.integers(0, len(real), half)], fake[rng.integers(0, len(fake), half)]]
            )
            loss = functional.binary_cross_entropy_with_logits(network(as_tensor(rows)), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def _scores(network: Classifier, rows: np.ndarray) -> np.ndarray:
    return torch.cat([network(as_tensor(rows[i : i + 512])) for i in range(0, len(rows), 512)]).numpy()
