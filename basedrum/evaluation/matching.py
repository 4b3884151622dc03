"""The matching network: do these drums belong to this bass?

Two networks turn bass and drums into unit vectors, trained so that real pairs lie close. The metric is R@1:
how often the true bass of given drums scores highest among 32. Real pairs are the ceiling a drummer may come
near; well above it, it copies.

Conventions: rows of `evaluation.features`; batches of real pairs, basses of the same song never count as
wrong answers.
Source: contrastive learning with a learned temperature, Radford et al. (arXiv 2103.00020); InfoNCE: arXiv
1807.03748.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from basedrum.evaluation.features import NUM_BASS_ROWS, as_tensor, drum_rows
from basedrum.measures.metrics import recall_at_one
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_PHRASE
from basedrum.threads import one_thread


@dataclass(frozen=True)
class MatchingConfig:
    """How the network is trained; the defaults take about 80 seconds of one thread."""

    size: int = 96
    width: int = 64
    batch: int = 256
    steps: int = 1200
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    dropout: float = 0.2
    check_every: int = 100
    patience: int = 4
    valid_share: float = 0.08
    max_valid: int = 1000


class Tower(nn.Module):
    """Rows (B, R, 64) -> unit vectors (B, size)."""

    def __init__(self, num_rows: int, config: MatchingConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.Sequential(
            nn.Conv1d(num_rows, width, 5, padding=2),  # (B, width, 64)
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, 2 * width, 4, stride=4),  # (B, 2 width, 16) beats
            nn.LeakyReLU(0.2),
            nn.Conv1d(2 * width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),  # (B, 16 width)
            nn.Dropout(config.dropout),
            nn.Linear(STEPS_PER_PHRASE // 4 * width, config.size),
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.layers(rows), dim=1)


class MatchingNetwork(nn.Module):
    """A tower for the bass, a tower for the drums, and the temperature of their products."""

    def __init__(self, config: MatchingConfig, without_kick: bool = False) -> None:
        super().__init__()
        self.bass = Tower(NUM_BASS_ROWS, config)
        self.drums = Tower(kit.NUM_VOICES, config)
        self.log_scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))
        self.without_kick = without_kick

    def forward(self, drums: torch.Tensor, bass: torch.Tensor) -> torch.Tensor:
        """Return (B, B) logits of drums i with bass j."""
        return self.drums(drums) @ self.bass(bass).T * self.log_scale.exp().clamp(max=100)

    @one_thread()
    @torch.no_grad()
    def scores(self, hits: np.ndarray, bass: np.ndarray) -> np.ndarray:
        """Return (n, m) the cosine of drums (n, 64, 12) bool with bass rows (m, 7, 64)."""
        self.eval()
        left = [self.drums(as_tensor(drum_rows(part, self.without_kick))) for part in _parts(hits)]
        right = [self.bass(as_tensor(part)) for part in _parts(bass)]
        return (torch.cat(left) @ torch.cat(right).T).numpy()


def _parts(array: np.ndarray, size: int = 512) -> list[np.ndarray]:
    return [array[i : i + size] for i in range(0, max(len(array), 1), size)]


@one_thread()
def train_matching(
    hits: np.ndarray,
    bass: np.ndarray,
    songs: np.ndarray,
    *,
    without_kick: bool = False,
    seed: int = 0,
    config: MatchingConfig = MatchingConfig(),
) -> MatchingNetwork:
    """Train on real pairs: hits (n, 64, 12) bool, bass rows (n, 7, 64), songs (n,); keep the step best on
    songs set aside.

    Raises:
        ValueError: fewer than four songs.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(songs))
    if len(names) < 4:
        raise ValueError(f"the matching network needs phrases of at least four songs, not {len(names)}")
    aside = np.isin(songs, names[: max(2, round(config.valid_share * len(names)))])
    train, valid = np.flatnonzero(~aside), rng.permutation(np.flatnonzero(aside))[: config.max_valid]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MatchingNetwork(config, without_kick)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        best, best_state, worse = -1.0, copy.deepcopy(network.state_dict()), 0
        for step in range(1, config.steps + 1):
            network.train()
            rows = rng.choice(train, min(config.batch, len(train)), replace=False)
            logits = network(as_tensor(drum_rows(hits[rows], without_kick)), as_tensor(bass[rows]))
            loss = matching_loss(logits, torch.from_numpy(songs[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % config.check_every == 0 or step == config.steps:
                found = recall_at_one(
                    network.scores(hits[valid], bass[valid]), songs[valid], seed=seed
                ).mean()
                if found > best:
                    best, best_state, worse = found, copy.deepcopy(network.state_dict()), 0
                else:
                    worse += 1
                    if worse >= config.patience:
                        break
    network.load_state_dict(best_state)
    return network.eval()


def matching_loss(logits: torch.Tensor, songs: torch.Tensor) -> torch.Tensor:
    """Return InfoNCE in both directions of logits (B, B), pairs on the diagonal: the mean of -log softmax of
    the true one.

    0 upwards, 0 is best, log B for a network that knows nothing. Wrong answers of the same song are left out.
    """
    same = (songs[:, None] == songs[None, :]) & ~torch.eye(len(songs), dtype=torch.bool)
    logits = logits.masked_fill(same, float("-inf"))
    target = torch.arange(len(logits))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
