"""The network of the feel: from the hits of a song to how hard and how early or late each of them is played.

A stack of dilated convolutions takes in about four bars both ways and gives, for every step and voice,
quantiles of the velocity and of the offset that human drummers would give a hit there. It learns by the
pinball loss, whose least mean is at the true quantiles: the middle one is the best guess, the others say how
far drummers deviate from it.

Their deviations are no white noise: a drummer who hits the hat hard does so all song, and repeats accents
bar by bar. The deviation, as a normal value z, is a sum of parts that last differently long; the tensor
`variances` holds the variance of each (`PARTS`).

Conventions: the steps are those that exist, in order of time (short measures are not padded); velocities are
1..127, offsets in steps. Q quantile levels, V = 12 voices of the kit, N steps.

Source: quantile regression, Koenker and Bassett, Econometrica 46 (1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.kit import NUM_VOICES

LEVELS = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99)
MIDDLE = LEVELS.index(0.5)
LEVELS_AS_Z = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)).numpy()
ROWS = (
    NUM_VOICES + STEPS_PER_MEASURE + 3
)  # hits, place in the measure, whether it starts a bar, its length, tempo
VELOCITY_MIDDLE, VELOCITY_UNIT, OFFSET_UNIT = 72.0, 32.0, 0.1
VELOCITY, OFFSET = 0, 1
PARTS = ("song", "voice", "place", "drift", "together", "fresh")
"""What deviates: the whole kit all song; a voice all song; a voice at one place of the bar all song; a voice
for some bars; all voices of one step; a single hit."""
DRIFT_STEPS = 64  # a drift falls to 1/e of itself over so many steps
FARTHEST_Z = 3.0


@dataclass(frozen=True)
class FeelConfig:
    """`styles` it can be given; `width` channels; `dilations` of its layers, in steps; `style_width` of a
    style's vector."""

    styles: tuple[str, ...] = ()
    width: int = 64
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
    style_width: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "styles", tuple(self.styles))
        object.__setattr__(self, "dilations", tuple(self.dilations))


class FeelNet(nn.Module):
    """(rows (B, R, N), style (B,) int64, 0 unknown) -> quantiles (B, 2, V, Q, N) of velocity and offset,
    rising over Q."""

    def __init__(self, config: FeelConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.style = nn.Embedding(1 + len(config.styles), config.style_width)
        self.stem = nn.Conv1d(ROWS + config.style_width, config.width, 3, padding=1)
        self.layers = nn.ModuleList(_Layer(config.width, dilation, dropout) for dilation in config.dilations)
        self.head = nn.Conv1d(config.width, 2 * NUM_VOICES * len(LEVELS), 1)
        self.register_buffer("variances", torch.zeros(2, len(PARTS), NUM_VOICES))

    def forward(self, rows: Tensor, style: Tensor) -> Tensor:
        styles = self.style(style)[..., None].expand(-1, -1, rows.shape[-1])
        maps = self.stem(torch.cat([rows, styles], dim=1))
        for layer in self.layers:
            maps = layer(maps)
        values = self.head(F.silu(maps)).unflatten(1, (2, NUM_VOICES, len(LEVELS)))
        middle, steps = values[:, :, :, MIDDLE : MIDDLE + 1], F.softplus(values - 1.5)
        below = steps[:, :, :, :MIDDLE].flip(3).cumsum(3).flip(3)
        above = steps[:, :, :, MIDDLE + 1 :].cumsum(3)
        rising = torch.cat([middle - below, middle, middle + above], dim=3)  # (B, 2, V, Q, N)
        return torch.stack(
            [VELOCITY_MIDDLE + VELOCITY_UNIT * rising[:, 0], OFFSET_UNIT * rising[:, 1]], dim=1
        )


class _Layer(nn.Module):
    """SiLU, dilated conv, SiLU, dropout, conv, skip; begins near the identity."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.second(self.dropout(F.silu(self.first(F.silu(maps)))))


def step_rows(hits: np.ndarray, grid: Grid, qpm: np.ndarray) -> np.ndarray:
    """Return the network's rows (R, N) float32 for hits (N, 12) bool on the steps of `grid` that exist, at
    qpm (N,)."""
    steps = grid.measure_steps
    place = np.concatenate([np.arange(n) for n in steps])
    rows = np.zeros((ROWS, len(place)), np.float32)
    rows[:NUM_VOICES] = hits.T
    rows[NUM_VOICES + place, np.arange(len(place))] = 1
    rows[-3] = np.repeat(grid.starts_bar, steps)
    rows[-2] = np.repeat(steps, steps) / STEPS_PER_MEASURE
    rows[-1] = np.log2(np.clip(qpm, 40, 320) / 120)
    return rows


def value_at(quantiles: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return (n,) the value at normal z (n,) of the distribution whose quantiles are (n, Q): linear in z,
    ends drawn out."""
    z = np.clip(z, -FARTHEST_Z, FARTHEST_Z)
    at = np.clip(np.searchsorted(LEVELS_AS_Z, z), 1, len(LEVELS) - 1)
    row = np.arange(len(z))
    low, high = quantiles[row, at - 1], quantiles[row, at]
    return low + (high - low) * (z - LEVELS_AS_Z[at - 1]) / (LEVELS_AS_Z[at] - LEVELS_AS_Z[at - 1])


def z_of(quantiles: np.ndarray, values: np.ndarray, half_unit: float = 0.0) -> np.ndarray:
    """Return (n,) the normal z of values (n,), the inverse of `value_at`; a value stands for all within
    `half_unit` of it."""
    row, found = np.arange(len(values)), []
    for value in (values - half_unit, values + half_unit):
        at = np.clip((quantiles < value[:, None]).sum(axis=1), 1, len(LEVELS) - 1)
        low, high = quantiles[row, at - 1], quantiles[row, at]
        share = (value - low) / np.maximum(high - low, 1e-6)
        z = LEVELS_AS_Z[at - 1] + share * (LEVELS_AS_Z[at] - LEVELS_AS_Z[at - 1])
        found.append(np.clip(z, -FARTHEST_Z, FARTHEST_Z))
    return (found[0] + found[1]) / 2


def pinball(quantiles: Tensor, target: Tensor) -> Tensor:
    """Return the pinball loss (...,) of quantiles (..., Q) against target (...,), mean over the levels; less
    is better."""
    error = target[..., None] - quantiles
    levels = torch.tensor(LEVELS, dtype=quantiles.dtype)
    return torch.maximum(levels * error, (levels - 1) * error).mean(-1)
