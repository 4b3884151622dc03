"""The modern conditioner: it listens to the bass and gives the generator maps at three scales.

Rows (bass features, the drums of the phrase before, what memory there is) -> f0 at (4, 16), f1 at (4, 4), f2
at (4, 1), glob.

| layer | out |
|---|---|
| conv (1, 5) + position map, Residual (1, 5) | f0: C @ (4, 16) |
| conv (1, 4) / (1, 4), Residual (3, 3) | f1: 2C @ (4, 4) |
| conv (1, 4) / (1, 4), Residual (3, 1) | f2: 2C @ (4, 1) |
| linear | glob: 64 |
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.blocks import Residual, position_map, repeat_last_measure
from basedrum.models.condition import BASS_ROWS, Condition, as_measures, is_recalled
from basedrum.models.config import ModelConfig
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

GLOB = 64


class Conditioner(nn.Module):
    """Condition -> (f0 (B, C, M, S), f1 (B, 2C, M, 4), f2 (B, 2C, M, 1), glob (B, 64))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels, self.hears_previous = config.width, config.generator_hears_previous
        rows = BASS_ROWS + (2 * config.num_voices + 1 if self.hears_previous else 0)
        self.memory = config.memory
        rows += BASS_ROWS + config.num_voices + 1 if self.memory else 0
        self.stem = nn.Conv2d(rows, channels, (1, 5), padding=(0, 2))
        self.position = position_map(channels, MEASURES_PER_PHRASE, STEPS_PER_MEASURE)
        self.fine = Residual(channels, (1, 5))
        self.to_beats = nn.Conv2d(channels, 2 * channels, (1, 4), stride=(1, 4))
        self.beats = Residual(2 * channels, (3, 3))
        self.to_bars = nn.Conv2d(2 * channels, 2 * channels, (1, 4), stride=(1, 4))
        self.bars = Residual(2 * channels, (3, 1))
        self.glob = nn.Linear(2 * channels * MEASURES_PER_PHRASE, GLOB)

    def forward(self, condition: Condition) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = condition.heard  # (B, R, M, S)
        if self.hears_previous:
            given = condition.has_previous[:, None, None, None]
            before = as_measures(condition.previous).permute(0, 3, 1, 2) * given  # (B, V, M, S)
            rows = torch.cat([rows, before, repeat_last_measure(before), given.expand_as(rows[:, :1])], dim=1)
        if self.memory:
            recalled = (
                as_measures(condition.recalled).permute(0, 3, 1, 2)
                * is_recalled(condition)[:, None, None, None]
            )
            likeness = condition.likeness[:, None, :, None].expand_as(rows[:, :1])
            rows = torch.cat([rows, condition.heard_before, recalled, likeness], dim=1)
        f0 = self.fine(self.stem(rows) + self.position)  # (B, C, M, S)
        f1 = self.beats(self.to_beats(f0))  # (B, 2C, M, 4)
        f2 = self.bars(self.to_bars(f1))  # (B, 2C, M, 1)
        return f0, f1, f2, self.glob(f2.flatten(1))
