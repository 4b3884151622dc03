"""The classic discriminator: a 3-D convolution over (4 measures, 16 steps, 72 pitches).

The bass is a second channel.

Conv3d, kernel = stride but for the last two, leaky ReLU .2, no norm:
    16 (1, 1, 12), 32 (1, 4, 1), 64 (1, 1, 3), 64 (1, 1, 2), 128 (1, 4, 1), 128 (2, 1, 1), 256 (3, 1, 1), 1

Source: MuseGAN (arXiv 1709.06298).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.classic.generator import SLOPE
from basedrum.models.classic.roll import to_roll
from basedrum.models.condition import Condition, as_measures, control_features
from basedrum.models.config import ModelConfig

KERNELS = ((1, 1, 12), (1, 4, 1), (1, 1, 3), (1, 1, 2), (1, 4, 1), (2, 1, 1), (3, 1, 1))
CHANNELS = (2, 16, 32, 64, 64, 128, 128, 256)


class ClassicDiscriminator(nn.Module):
    """(drums (B, T, V), Condition) -> score (B,), features (B, 256). Higher is more real."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        layers = []
        for number, kernel in enumerate(KERNELS):
            stride = kernel if kernel[0] == 1 else 1
            layers.append(nn.Conv3d(CHANNELS[number], CHANNELS[number + 1], kernel, stride=stride))
        self.layers = nn.ModuleList(layers)
        self.controls = nn.Linear(len(config.styles) + 3, 256)
        self.score = nn.Linear(256, 1)

    def forward(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        rolls = torch.stack([to_roll(drums), condition.bass[:, 1]], dim=2)  # (B, T, 2, P)
        maps = as_measures(rolls).permute(0, 3, 1, 2, 4)  # (B, 2, M, S, P)
        for layer in self.layers:
            maps = F.leaky_relu(layer(maps), SLOPE)
        features = maps.flatten(1)  # (B, 256)
        moved = features + self.controls(control_features(condition, len(self.config.styles)))
        return self.score(moved)[:, 0].float(), features.float()
