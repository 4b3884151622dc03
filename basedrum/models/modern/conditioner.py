"""From a condition to feature maps at three scales, which the generator is conditioned on.

| layer | out |
|---|---|
| conv (1, 5) of the rows + position map, Residual (1, 5) | fine: C @ (4, 16) |
| conv (1, 4) / (1, 4), Residual (3, 3) | beats: 2C @ (4, 4) |
| conv (1, 4) / (1, 4), Residual (3, 1) | bars: 2C @ (4, 1) |
| linear | whole: 64 |

Rows: features of the bass, the drums of the phrase before, that phrase's bass, and the recalled phrase.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.condition import BASS_ROWS, Condition, as_measures
from basedrum.models.modern.blocks import Residual, position_map, repeat_last_measure
from basedrum.music.form_features import FORM
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES

WHOLE = 64
ROWS = BASS_ROWS + (2 * NUM_VOICES + 1) + (BASS_ROWS + NUM_VOICES + 1) + 2 * FORM


class Conditioner(nn.Module):
    """Condition -> fine (B, C, M, S), beats (B, 2C, M, 4), bars (B, 2C, M, 1), whole (B, 64)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(ROWS, channels, (1, 5), padding=(0, 2))
        self.position = position_map(channels, MEASURES_PER_PHRASE, STEPS_PER_MEASURE)
        self.fine = Residual(channels, (1, 5))
        self.to_beats = nn.Conv2d(channels, 2 * channels, (1, 4), stride=(1, 4))
        self.beats = Residual(2 * channels, (3, 3))
        self.to_bars = nn.Conv2d(2 * channels, 2 * channels, (1, 4), stride=(1, 4))
        self.bars = Residual(2 * channels, (3, 1))
        self.whole = nn.Linear(2 * channels * MEASURES_PER_PHRASE, WHOLE)

    def forward(self, condition: Condition) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        fine = self.fine(self.stem(_rows(condition)) + self.position)  # (B, C, M, S)
        beats = self.beats(self.to_beats(fine))  # (B, 2C, M, 4)
        bars = self.bars(self.to_bars(beats))  # (B, 2C, M, 1)
        return fine, beats, bars, self.whole(bars.flatten(1))


def _rows(condition: Condition) -> Tensor:
    """Return (B, ROWS, M, S); rows of what is not given are zeros."""
    given = condition.has_previous[:, None, None, None]
    before = as_measures(condition.previous).permute(0, 3, 1, 2) * given  # (B, V, M, S)
    is_recalled = condition.is_recalled[:, None, None, None]
    recalled = as_measures(condition.recalled).permute(0, 3, 1, 2) * is_recalled
    one_row = condition.features[:, :1]
    rows = [condition.features, before, repeat_last_measure(before), given.expand_as(one_row)]
    rows += [condition.features_before, recalled, condition.likeness[:, None, :, None].expand_as(one_row)]
    form = condition.form.transpose(1, 2)[..., None].expand(-1, -1, -1, STEPS_PER_MEASURE)  # (B, F, M + 1, S)
    return torch.cat([*rows, form[:, :, :-1], form[:, :, 1:]], dim=1)
