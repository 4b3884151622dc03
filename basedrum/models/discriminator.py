"""The modern discriminator: a 3-D convolution over (measure, step, voice), with the measure axis as its third
dimension.

It sees the phrase, the phrase before where it is shown (eight measures in a row), the bass, and how alike the
measures are, to each other and to those of a phrase that is recalled. No normalisation: it sits under
gradient penalties.

| layer | out |
|---|---|
| Conv3d 1 -> C (1, 3, V) + bass stem (1, 5), then [., bass C/2] | 1.5 C @ (M, 16) |
| conv 2C (1, 4) / (1, 2) | 2C @ (M, 8) |
| conv 2C (3, 4) / (1, 2) | 2C @ (M, 4) |
| conv 3C (1, 4) | 3C @ (M, 1) |
| conv 4C (M, 1) | 4C |
| pattern: conv C/2 (1, 16) over the voices and their sum, per measure | M C/2 |
| similarity: distance between every two measures, and to recalled ones, voice by voice | 128 |
| linear of all three | f: 128 |
| score = linear(f) + <f, linear(bass, wishes)> / sqrt(128) (projection, arXiv 1802.05637) | 1 |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.blocks import SLOPE
from basedrum.models.condition import (
    BASS_ROWS,
    Condition,
    as_measures,
    is_recalled,
    wish_features,
)
from basedrum.models.config import ModelConfig
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

FEATURES = 128


class Discriminator(nn.Module):
    """(drums (B, T, V), Condition) -> score (B,), features (B, 128). Higher is more real.

    Drums of k times as many samples are k answers to each condition, the first answers to all of them first.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.hears_previous = config.discriminator_hears_previous
        voices, channels = config.num_voices, config.critic_width
        self.measures = MEASURES_PER_PHRASE * (2 if self.hears_previous else 1)
        self.drums_in = nn.Conv3d(1, channels, (1, 3, voices), padding=(0, 1, 0))
        self.bass_in = nn.Conv2d(BASS_ROWS + 1, channels, (1, 5), padding=(0, 2))
        self.bass_side = nn.Conv2d(BASS_ROWS + 1, channels // 2, (1, 5), padding=(0, 2))
        self.halve = nn.Conv2d(channels + channels // 2, 2 * channels, (1, 4), stride=(1, 2), padding=(0, 1))
        self.quarter = nn.Conv2d(2 * channels, 2 * channels, (3, 4), stride=(1, 2), padding=(1, 1))
        self.to_bars = nn.Conv2d(2 * channels, 3 * channels, (1, 4))
        self.to_phrase = nn.Conv2d(3 * channels, 4 * channels, (self.measures, 1))
        self.pattern = nn.Conv2d(voices + 1, channels // 2, (1, STEPS_PER_MEASURE))
        width = 4 * channels + self.measures * (channels // 2)
        if config.similarity:
            pairs = self.measures * (self.measures - 1) // 2
            known = pairs * (2 * voices + 1)
            known += MEASURES_PER_PHRASE**2 * (2 * voices + 1) + MEASURES_PER_PHRASE if config.memory else 0
            self.similarity = nn.Linear(known, FEATURES)
            width += FEATURES
        self.features = nn.Linear(width, FEATURES)
        self.score = nn.Linear(FEATURES, 1)
        bass_width = (channels // 2) * MEASURES_PER_PHRASE * 4
        self.bass_out = nn.Linear(bass_width + len(config.styles) + 3, FEATURES)

    def forward(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        answers = len(drums) // len(condition)

        def again(heard: Tensor) -> Tensor:
            return heard if answers == 1 else heard.repeat(answers, *[1] * (heard.dim() - 1))

        measures = as_measures(drums)  # (B, M, S, V)
        rows = condition.heard  # (B, R, 4, S)
        shown = torch.ones_like(rows[:, :1])
        if self.hears_previous:
            given = condition.has_previous[:, None, None, None]
            before = as_measures(condition.previous) * given
            measures = torch.cat([again(before), measures], dim=1)  # (B, 2M, S, V)
            rows_before = condition.heard_before if self.config.memory else torch.zeros_like(rows)
            rows = torch.cat([rows_before, rows], dim=2)  # (B, R, 2M, S)
            shown = torch.cat(
                [given.expand_as(shown) * -1.0, shown], dim=2
            )  # before: -1, now: 1, not given: 0
        bass = torch.cat([rows, shown], dim=1)
        side = F.leaky_relu(self.bass_side(bass), SLOPE)  # (B, C/2, M, S)
        maps = self.drums_in(measures[:, None])[..., 0] + again(self.bass_in(bass))  # (B, C, M, S)
        maps = torch.cat([F.leaky_relu(maps, SLOPE), again(side)], dim=1)
        maps = F.leaky_relu(self.halve(maps), SLOPE)  # (B, 2C, M, 8)
        maps = F.leaky_relu(self.quarter(maps), SLOPE)  # (B, 2C, M, 4)
        maps = F.leaky_relu(self.to_bars(maps), SLOPE)  # (B, 3C, M, 1)
        parts = [F.leaky_relu(self.to_phrase(maps), SLOPE).flatten(1)]  # (B, 4C)
        voices = torch.cat([measures, measures.sum(dim=3, keepdim=True)], dim=3).permute(
            0, 3, 1, 2
        )  # (B, V + 1, M, S)
        parts.append(F.leaky_relu(self.pattern(voices), SLOPE).flatten(1))
        if self.config.similarity:
            alike = [measure_distances(measures)]
            if self.config.memory:
                given = again(is_recalled(condition)[:, None])
                recalled, now = again(as_measures(condition.recalled)), measures[:, -MEASURES_PER_PHRASE:]
                alike += [distances_between(recalled, now) * given, again(condition.likeness)]
            parts.append(F.leaky_relu(self.similarity(torch.cat(alike, dim=1)), SLOPE))
        features = F.leaky_relu(self.features(torch.cat(parts, dim=1)), SLOPE)  # (B, 128)
        now = F.avg_pool2d(side[:, :, -MEASURES_PER_PHRASE:], (1, 4)).flatten(1)
        bass_view = again(
            self.bass_out(torch.cat([now, wish_features(condition, len(self.config.styles))], dim=1))
        )
        score = self.score(features)[:, 0] + (features * bass_view).sum(dim=1) / math.sqrt(FEATURES)
        return score.float(), features.float()


def measure_distances(measures: Tensor) -> Tensor:
    """(B, M, S, V) -> (B, pairs * (2V + 1)): log1p and exp(-.) of the Hamming distance of every two measures
    by voice, and exp(-.) of the whole distance, 1 where two measures are the same."""
    first, second = torch.triu_indices(measures.shape[1], measures.shape[1], offset=1, device=measures.device)
    return _distances(measures[:, first], measures[:, second])


def distances_between(first: Tensor, second: Tensor) -> Tensor:
    """(B, M, S, V) twice -> (B, M * M * (2V + 1)): the same of every measure of one with every measure of the
    other."""
    count = first.shape[1]
    return _distances(first.repeat_interleave(count, dim=1), second.repeat(1, count, 1, 1))


def _distances(first: Tensor, second: Tensor) -> Tensor:
    apart = (first - second).abs().sum(dim=2)  # (B, pairs, V)
    whole = torch.exp(-0.5 * apart.sum(dim=2, keepdim=True))
    return torch.cat([torch.log1p(apart), torch.exp(-apart), whole], dim=2).flatten(1)
