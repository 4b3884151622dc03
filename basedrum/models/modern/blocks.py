"""The layers that the modern networks are made of.

Conventions: maps are (B, channels, M, steps).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2  # of every leaky ReLU


class Residual(nn.Module):
    """Norm, leaky ReLU, convolution, leaky ReLU, convolution, skip; begins near the identity.

    `kernel` has odd sides, so that maps keep their size.
    """

    def __init__(self, channels: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.norm = nn.GroupNorm(4, channels)
        self.first = nn.Conv2d(channels, channels, kernel, padding=padding)
        self.second = nn.Conv2d(channels, channels, kernel, padding=padding)
        nn.init.normal_(self.second.weight, std=1e-3)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, maps: Tensor) -> Tensor:
        hidden = self.first(F.leaky_relu(self.norm(maps), SLOPE))
        return maps + self.second(F.leaky_relu(hidden, SLOPE))


def repeat_last_measure(phrase: Tensor) -> Tensor:
    """(B, V, M, S) -> the last measure in every place: what a phrase has to join on to."""
    return phrase[:, :, -1:].expand_as(phrase)


def position_map(channels: int, measures: int, steps: int) -> nn.Parameter:
    """Return a learned map (channels, measures, steps): where in the phrase each cell lies."""
    return nn.Parameter(torch.empty(channels, measures, steps).normal_(std=0.02))
