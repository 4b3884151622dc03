"""A classifier of styles: a small network that names the style of drums alone, trained on real drums.

It takes the mean bar of the four of a phrase (how often each voice plays each step) and the hits a bar of
each voice.

Conventions: hits (n, 64, 12) bool; styles by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

LEAST_SONGS = 15  # of a style, in the training split, for it to be known
STEPS, BATCH, WIDTH, LEARNING_RATE, WEIGHT_DECAY = 1500, 128, 64, 2e-3, 3e-2


@dataclass(frozen=True)
class StyleClassifier:
    """A trained classifier and the styles it knows."""

    styles: tuple[str, ...]
    network: nn.Module

    def scores(self, hits: np.ndarray) -> np.ndarray:
        """Return (n, styles) log-likelihoods."""
        with torch.no_grad():
            return torch.log_softmax(self.network(_rows(hits)), dim=1).numpy()

    def classify(self, hits: np.ndarray, among: Sequence[str] | None = None) -> np.ndarray:
        """Return (n,) int: the likeliest of the styles `among` (all if None), by place in that list."""
        columns = [self.styles.index(style) for style in among or self.styles]
        return self.scores(hits)[:, columns].argmax(axis=1)

    def accuracy(
        self, dataset: PhraseDataset, split: str, among: Sequence[str] | None = None
    ) -> dict[str, float]:
        """Return how often it is right on a split's phrases of each style, 0..1, each song counting the same;
        NaN if none."""
        among = list(among or self.styles)
        out = {}
        for place, style in enumerate(among):
            rows = _rows_of(dataset, split, style)
            if not len(rows):
                out[style] = float("nan")
                continue
            right = self.classify(dataset.kit(rows), among) == place
            songs = dataset.index["song"][rows]
            out[style] = float(np.mean([right[songs == song].mean() for song in np.unique(songs)]))
        return out


def known_styles(dataset: PhraseDataset, least_songs: int = LEAST_SONGS) -> list[str]:
    """Return the styles that enough songs of the training split have."""

    def num_songs(style: str) -> int:
        return len(np.unique(dataset.index["song"][_rows_of(dataset, "train", style)]))

    return [style for style in dataset.styles if num_songs(style) >= least_songs]


def train_style_classifier(
    dataset: PhraseDataset, styles: Sequence[str], *, seed: int = 0, steps: int = STEPS
) -> StyleClassifier:
    """Train a classifier on the training split: every style as often as any other, every song of a style as
    often as any other."""
    rng = np.random.default_rng(seed)
    songs = []
    for style in styles:
        rows = _rows_of(dataset, "train", style)
        of_song = dataset.index["song"][rows]
        songs.append([rows[of_song == song] for song in np.unique(of_song)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(_NUM_ROWS, WIDTH), nn.ReLU(), nn.Dropout(0.3), nn.Linear(WIDTH, len(styles))
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for _ in range(steps):
            labels = rng.integers(len(styles), size=BATCH)
            drawn = [rng.choice(songs[label][rng.integers(len(songs[label]))]) for label in labels]
            loss = nn.functional.cross_entropy(
                network(_rows(dataset.kit(np.asarray(drawn)))), torch.from_numpy(labels)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return StyleClassifier(tuple(styles), network.eval())


_NUM_ROWS = STEPS_PER_MEASURE * kit.NUM_VOICES + kit.NUM_VOICES


def _rows(hits: np.ndarray) -> torch.Tensor:
    """Return (n, 204) float: the mean bar, and the hits a bar of each voice, as roots."""
    bars = hits.reshape(-1, MEASURES_PER_PHRASE, STEPS_PER_MEASURE, kit.NUM_VOICES).mean(axis=1)
    return torch.from_numpy(
        np.concatenate([bars.reshape(len(bars), -1), np.sqrt(bars.sum(axis=1))], axis=1)
    ).float()


def _rows_of(dataset: PhraseDataset, split: str, style: str) -> np.ndarray:
    rows = dataset.rows(split)
    return rows[dataset.index["style"][rows] == dataset.styles.index(style)]
