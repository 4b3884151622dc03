"""The modern discriminator: a 3-D convolution over (measure, step, voice).

It takes eight measures in a row (the phrase before, where it is given, and the phrase), the bass, and how
alike the measures are, to each other and to those of the recalled phrase. No normalisation: it is trained
with gradient penalties.

| layer | out |
|---|---|
| Conv3d 1 -> C (1, 3, V) + bass stem (1, 5), then [., bass C/2] | 1.5 C @ (8, 16) |
| conv 2C (1, 4) / (1, 2) | 2C @ (8, 8) |
| conv 2C (3, 4) / (1, 2) | 2C @ (8, 4) |
| conv 3C (1, 4) | 3C @ (8, 1) |
| conv 4C (8, 1) | 4C |
| pattern: conv C/2 (1, 16) over the voices and their sum, per measure | 8 C/2 |
| similarity: distance between every two measures, and to recalled ones, voice by voice | 128 |
| linear of all three | f: 128 |
| score = linear(f) + <f, linear(bass, controls, kit, form)> / sqrt(128) | 1 |

Source: the last line is the projection of arXiv 1802.05637.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import (
    BASS_ROWS,
    NUM_KIT_FEATURES,
    Condition,
    as_measures,
    control_features,
    kit_features,
)
from basedrum.models.config import ModelConfig
from basedrum.models.modern.blocks import SLOPE
from basedrum.models.modern.distances import distances_between, measure_distances
from basedrum.music.form_features import FORM
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES

FEATURES = 128
MEASURES = 2 * MEASURES_PER_PHRASE
PAIRS = MEASURES * (MEASURES - 1) // 2
SIMILARITIES = (PAIRS + MEASURES_PER_PHRASE**2) * (2 * NUM_VOICES + 1) + MEASURES_PER_PHRASE


class ModernDiscriminator(nn.Module):
    """(drums (B, T, V), Condition) -> score (B,), features (B, 128). Higher is more real."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels, side = config.discriminator_width, config.discriminator_width // 2
        self.drums_in = nn.Conv3d(1, channels, (1, 3, NUM_VOICES), padding=(0, 1, 0))
        self.bass_in = nn.Conv2d(BASS_ROWS + 1, channels, (1, 5), padding=(0, 2))
        self.bass_side = nn.Conv2d(BASS_ROWS + 1, side, (1, 5), padding=(0, 2))
        self.halve = nn.Conv2d(channels + side, 2 * channels, (1, 4), stride=(1, 2), padding=(0, 1))
        self.quarter = nn.Conv2d(2 * channels, 2 * channels, (3, 4), stride=(1, 2), padding=(1, 1))
        self.to_bars = nn.Conv2d(2 * channels, 3 * channels, (1, 4))
        self.to_phrase = nn.Conv2d(3 * channels, 4 * channels, (MEASURES, 1))
        self.pattern = nn.Conv2d(NUM_VOICES + 1, side, (1, STEPS_PER_MEASURE))
        self.similarity = nn.Linear(SIMILARITIES, FEATURES)
        self.features = nn.Linear(4 * channels + MEASURES * side + FEATURES, FEATURES)
        self.score = nn.Linear(FEATURES, 1)
        controls = len(config.styles) + 3 + NUM_KIT_FEATURES + FORM * (MEASURES_PER_PHRASE + 1)
        self.bass_out = nn.Linear(side * MEASURES_PER_PHRASE * 4 + controls, FEATURES)

    def forward(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        before = as_measures(condition.previous) * condition.has_previous[:, None, None, None]
        measures = torch.cat([before, as_measures(drums)], dim=1)  # (B, 2M, S, V)
        bass = _bass_rows(condition)  # (B, R + 1, 2M, S)
        side = F.leaky_relu(self.bass_side(bass), SLOPE)  # (B, C/2, 2M, S)
        maps = self.drums_in(measures[:, None])[..., 0] + self.bass_in(bass)  # (B, C, 2M, S)
        maps = torch.cat([F.leaky_relu(maps, SLOPE), side], dim=1)
        maps = F.leaky_relu(self.halve(maps), SLOPE)  # (B, 2C, 2M, 8)
        maps = F.leaky_relu(self.quarter(maps), SLOPE)  # (B, 2C, 2M, 4)
        maps = F.leaky_relu(self.to_bars(maps), SLOPE)  # (B, 3C, 2M, 1)
        phrase = F.leaky_relu(self.to_phrase(maps), SLOPE).flatten(1)  # (B, 4C)
        voices = torch.cat([measures, measures.sum(dim=3, keepdim=True)], dim=3).permute(0, 3, 1, 2)
        patterns = F.leaky_relu(self.pattern(voices), SLOPE).flatten(1)  # (B, 2M C/2)
        alike = F.leaky_relu(self.similarity(_similarities(measures, condition)), SLOPE)  # (B, 128)
        parts = torch.cat([phrase, patterns, alike], dim=1)
        features = F.leaky_relu(self.features(parts), SLOPE)  # (B, 128)
        bass_now = F.avg_pool2d(side[:, :, -MEASURES_PER_PHRASE:], (1, 4)).flatten(1)
        controls = [control_features(condition, len(self.config.styles)), kit_features(condition)]
        controls.append(condition.form.flatten(1))
        direction = self.bass_out(torch.cat([bass_now, *controls], dim=1))  # (B, 128)
        score = self.score(features)[:, 0] + (features * direction).sum(dim=1) / math.sqrt(FEATURES)
        return score.float(), features.float()


def _bass_rows(condition: Condition) -> Tensor:
    """Return (B, R + 1, 2M, S): features of the bass before and now, and a row that is -1 before, 1 now, and
    0 where nothing before is given."""
    rows = torch.cat([condition.features_before, condition.features], dim=2)
    now = torch.ones_like(condition.features[:, :1])
    before = condition.has_previous[:, None, None, None].expand_as(now) * -1.0
    return torch.cat([rows, torch.cat([before, now], dim=2)], dim=1)


def _similarities(measures: Tensor, condition: Condition) -> Tensor:
    """Return the features of how alike the measures (B, 2M, S, V) are, to each other and to recalled ones."""
    recalled = distances_between(as_measures(condition.recalled), measures[:, -MEASURES_PER_PHRASE:])
    is_recalled = condition.is_recalled[:, None]
    return torch.cat([measure_distances(measures), recalled * is_recalled, condition.likeness], dim=1)
