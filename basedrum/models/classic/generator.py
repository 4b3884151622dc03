"""The classic generator: from a bass roll and a latent vector to a drum roll, by strided convolutions.

Conditioner, Conv2d k3 s2 p1 + batch norm, of the sustained bass (1 channel):
    16 @ 32x36, 32 @ 16x18, 64 @ 8x9, 128 @ 4x5, 128 @ 2x3, mean over the map -> vector 128
Generator, ConvTranspose2d k4 s2 + batch norm, each input joined by the conditioner's map of its size:
    [latent 128, vector 128, controls] -> (2, 3) 128; 256 -> 64 @ 4x5; 192 -> 32 @ 8x9; 96 -> 16 @ 16x18;
    48 -> 16 @ 32x36; 32 -> 1 @ 64x72

Source: MidiNet (arXiv 1703.10847) for conditioning by maps.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import Condition, control_features
from basedrum.models.config import ModelConfig
from basedrum.models.noise import LATENT

SLOPE = 0.2  # of every leaky ReLU
SIZES = ((32, 36), (16, 18), (8, 9), (4, 5), (2, 3))
DOWN = (1, 16, 32, 64, 128, 128)
UP = ((256, 64), (192, 32), (96, 16), (48, 16), (32, 1))


class ClassicGenerator(nn.Module):
    """(Condition, latent (B, Z)) -> logits (B, T, P)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.down = nn.ModuleList(_down(i, o) for i, o in itertools.pairwise(DOWN))
        self.start = nn.ConvTranspose2d(LATENT + 128 + len(config.styles) + 3, 128, (2, 3))
        self.start_norm = nn.BatchNorm2d(128)
        up = [nn.ConvTranspose2d(i, o, 4, stride=2, padding=1) for i, o in UP]
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o in UP[:-1])
        assert up[-1].bias is not None
        nn.init.constant_(up[-1].bias, -2.0)
        self.up = nn.ModuleList(up)

    def forward(self, condition: Condition, latent: Tensor) -> Tensor:
        maps, skips = condition.bass[:, 1:2], []
        for layer in self.down:
            maps = layer(maps)
            skips.append(maps)
        vector = maps.mean(dim=(2, 3))  # (B, 128)
        controls = control_features(condition, len(self.config.styles))
        start = torch.cat([latent, vector, controls], dim=1)[..., None, None]
        hidden = F.relu(self.start_norm(self.start(start)))  # (B, 128, 2, 3)
        sizes = [*reversed(SIZES[:-1]), tuple(condition.bass.shape[2:])]
        for i, (layer, skip, size) in enumerate(zip(self.up, reversed(skips), sizes, strict=True)):
            hidden = _fit(layer(torch.cat([hidden, skip], dim=1)), size)
            if i < len(self.up_norms):
                hidden = F.relu(self.up_norms[i](hidden))
        return hidden[:, 0].float()  # (B, T, P)


def _down(channels_in: int, channels_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU(SLOPE))


def _fit(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps cut, or padded by one column, to a size."""
    return maps[:, :, : size[0], : size[1]] if maps.shape[3] >= size[1] else F.pad(maps, (0, 1))
