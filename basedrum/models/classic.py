"""The classic pair: the idea as it was first had, with the connections it lacked.

The sustained bass roll goes through strided convolutions to a vector; the maps on the way join the generator
in depth at every size. The discriminator is a 3-D convolution over (measure 4, step 16, pitch 72) with the
bass as a second channel.

Conditioner, Conv2d k3 s2 p1 + batch norm (1 channel, 3 with the previous drums):
    16 @ 32x36, 32 @ 16x18, 64 @ 8x9, 128 @ 4x5, 128 @ 2x3, mean over the map -> vector 128
Generator, ConvTranspose2d k4 s2 + batch norm, each input joined by the conditioner's map of its size:
    [noise 128, vector 128, wishes] -> (2, 3) 128; 256 -> 64 @ 4x5; 192 -> 32 @ 8x9; 96 -> 16 @ 16x18; 48 ->
    16 @ 32x36; 32 -> 1 @ 64x72
Discriminator, Conv3d, kernel = stride but for the last two, leaky ReLU .2, no norm:
    16 (1, 1, 12), 32 (1, 4, 1), 64 (1, 1, 3), 64 (1, 1, 2), 128 (1, 4, 1), 128 (2, 1, 1), 256 (3, 1, 1), 1

Source: MidiNet (arXiv 1703.10847) for conditioning by maps, MuseGAN (1709.06298) for the 3-D discriminator.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.binary import Noise
from basedrum.models.blocks import SLOPE
from basedrum.models.condition import Condition, as_measures, wish_features
from basedrum.models.config import ModelConfig

CLASSIC_NOISE = 128
SIZES = ((32, 36), (16, 18), (8, 9), (4, 5), (2, 3))


def _roll(condition: Condition, hears_previous: bool) -> Tensor:
    """(B, 1 or 3, T, P): the sustained bass, and where it is shown the previous drums with a map that says it
    is."""
    roll = condition.bass[:, 1:2]
    if not hears_previous:
        return roll
    given = condition.has_previous[:, None, None, None]
    return torch.cat([roll, condition.previous[:, None] * given, given.expand_as(roll)], dim=1)


class ClassicGenerator(nn.Module):
    """(Condition, Noise) -> logits (B, T, P); of the noise only `song` is used, with 128 dimensions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.hears_previous = config.generator_hears_previous
        channels = (3 if self.hears_previous else 1, 16, 32, 64, 128, 128)
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o), nn.LeakyReLU(SLOPE))
            for i, o in itertools.pairwise(channels)
        )
        self.start = nn.ConvTranspose2d(config.song_noise + 128 + len(config.styles) + 3, 128, (2, 3))
        self.start_norm = nn.BatchNorm2d(128)
        widths = ((256, 64), (192, 32), (96, 16), (48, 16), (32, 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 4, stride=2, padding=1) for i, o in widths)
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o in widths[:-1])
        nn.init.constant_(self.up[-1].bias, -2.0)

    def forward(self, condition: Condition, noise: Noise) -> Tensor:
        maps, skips = _roll(condition, self.hears_previous), []
        for layer in self.down:
            maps = layer(maps)
            skips.append(maps)
        vector = maps.mean(dim=(2, 3))  # (B, 128)
        wishes = wish_features(condition, len(self.config.styles))
        hidden = self.start(torch.cat([noise.song, vector, wishes], dim=1)[..., None, None])  # (B, 128, 2, 3)
        hidden = F.relu(self.start_norm(hidden))
        sizes = [*reversed(SIZES[:-1]), tuple(condition.bass.shape[2:])]
        for i, (layer, skip, size) in enumerate(zip(self.up, reversed(skips), sizes, strict=True)):
            hidden = layer(torch.cat([hidden, skip], dim=1))
            hidden = (
                hidden[:, :, : size[0], : size[1]] if hidden.shape[3] >= size[1] else F.pad(hidden, (0, 1))
            )
            if i < len(self.up_norms):
                hidden = F.relu(self.up_norms[i](hidden))
        return hidden[:, 0].float()  # (B, T, P)


class ClassicDiscriminator(nn.Module):
    """(drums (B, T, P), Condition) -> score (B,), features (B, 256)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.hears_previous = config.discriminator_hears_previous
        kernels = ((1, 1, 12), (1, 4, 1), (1, 1, 3), (1, 1, 2), (1, 4, 1), (2, 1, 1), (3, 1, 1))
        channels = (4 if self.hears_previous else 2, 16, 32, 64, 64, 128, 128, 256)
        self.layers = nn.ModuleList(
            nn.Conv3d(i, o, k, stride=k if k[0] == 1 else 1)
            for i, o, k in zip(channels, channels[1:], kernels, strict=False)
        )
        self.wishes = nn.Linear(len(config.styles) + 3, 256)
        self.score = nn.Linear(256, 1)

    def forward(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        channels = [drums[:, None], _roll(condition, self.hears_previous)]
        maps = as_measures(torch.cat(channels, dim=1).transpose(1, 2)).permute(
            0, 3, 1, 2, 4
        )  # (B, 2 or 4, M, S, P)
        for layer in self.layers:
            maps = F.leaky_relu(layer(maps), SLOPE)
        features = maps.flatten(1)  # (B, 256)
        wished = features + self.wishes(wish_features(condition, len(self.config.styles)))
        return self.score(wished)[:, 0].float(), features.float()
