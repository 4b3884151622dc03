"""The layers that the modern networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2


def same(kernel: tuple[int, int]) -> tuple[int, int]:
    """Return the padding that keeps a map's size for an odd kernel."""
    return kernel[0] // 2, kernel[1] // 2


class Residual(nn.Module):
    """norm, FiLM, leaky ReLU, conv, leaky ReLU, conv, skip; begins near the identity.

    Source: FiLM (arXiv 1709.07871). Without a steering width it takes no steering vector.
    """

    def __init__(self, channels: int, kernel: tuple[int, int], steering: int = 0) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.film = nn.Linear(steering, 2 * channels) if steering else None
        self.first = nn.Conv2d(channels, channels, kernel, padding=same(kernel))
        self.second = nn.Conv2d(channels, channels, kernel, padding=same(kernel))
        nn.init.normal_(self.second.weight, std=1e-3)
        nn.init.zeros_(self.second.bias)

    def forward(self, maps: Tensor, steering: Tensor | None = None) -> Tensor:
        hidden = self.norm(maps)
        if self.film is not None:
            scale, shift = self.film(steering)[..., None, None].chunk(2, dim=1)
            hidden = hidden * (1 + scale) + shift
        hidden = self.first(F.leaky_relu(hidden, SLOPE))
        return maps + self.second(F.leaky_relu(hidden, SLOPE))


def along_steps(steps: Tensor) -> Tensor:
    """(B, M, S, Z) noise -> (B, Z, M, S) maps."""
    return steps.permute(0, 3, 1, 2)


def spread_bars(bars: Tensor) -> Tensor:
    """(B, M, Z) noise -> (B, Z, M, 1) maps."""
    return bars.permute(0, 2, 1)[..., None]


def repeat_last_measure(phrase: Tensor) -> Tensor:
    """(B, V, M, S) -> the last measure in every place: what a phrase has to join on to."""
    return phrase[:, :, -1:].expand_as(phrase)


def position_map(channels: int, measures: int, steps: int) -> nn.Parameter:
    """A learned map that tells every cell where in the phrase it lies."""
    return nn.Parameter(torch.empty(channels, measures, steps).normal_(std=0.02))
