"""The modern generator: bass maps and noise in, drum logits out, coarse to fine.

| layer | out |
|---|---|
| 1x1 of [f2, bar embedding, bar noise, what the plan has for the bar], Residual (3, 1) | 2C @ (4, 1) |
| x4, 1x1 with f1, Residual (3, 3) twice | 2C @ (4, 4) |
| x4, 1x1 with f0 and step noise, + position map, Residual (3, 3), Residual (3, 5) | C @ (4, 16) |
| 1x1, bias -2 | V logits @ (4, 16) |

Every Residual is steered by [song noise, glob, wishes]. The Encoder, used in training alone, guesses the
noise that real drums would have come from, so that the generator learns to use its noise (VAE-GAN, arXiv
1512.09300).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.binary import Noise
from basedrum.models.blocks import SLOPE, Residual, along_steps, position_map, spread_bars
from basedrum.models.condition import BASS_ROWS, Condition, as_measures, wish_features
from basedrum.models.conditioner import GLOB, Conditioner
from basedrum.models.config import ModelConfig
from basedrum.models.planner import num_choices
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE


class Generator(nn.Module):
    """(Condition, Noise, plan (B, M) where it is told the plans) -> logits (B, T, V)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.width, 2 * config.width
        steering = config.song_noise + GLOB + len(config.styles) + 3
        self.conditioner = Conditioner(config)
        self.bar_position = position_map(coarse, MEASURES_PER_PHRASE, 1)
        self.choices = num_choices(config) if config.told_plans else 0
        self.bar_in = nn.Conv2d(coarse + config.bar_noise + self.choices, coarse, 1)
        self.bar = Residual(coarse, (3, 1), steering)
        self.to_beats = nn.ConvTranspose2d(coarse, coarse, (1, 4), stride=(1, 4))
        self.beat_in = nn.Conv2d(2 * coarse, coarse, 1)
        self.beat_first = Residual(coarse, (3, 3), steering)
        self.beat_second = Residual(coarse, (3, 3), steering)
        self.to_steps = nn.ConvTranspose2d(coarse, coarse, (1, 4), stride=(1, 4))
        self.step_in = nn.Conv2d(coarse + fine + config.step_noise, fine, 1)
        self.step_position = position_map(fine, MEASURES_PER_PHRASE, STEPS_PER_MEASURE)
        self.step_first = Residual(fine, (3, 3), steering)
        self.step_second = Residual(fine, (3, 5), steering)
        self.out = nn.Conv2d(fine, config.num_voices, 1)
        nn.init.constant_(self.out.bias, -2.0)

    def forward(self, condition: Condition, noise: Noise, plan: Tensor | None = None) -> Tensor:
        """Noise of k times as many samples gives k answers to each condition, the first answers to all of
        them first; so does the plan. None: all bars are new.
        """
        heard = [*self.conditioner(condition), wish_features(condition, len(self.config.styles))]
        answers = len(noise.song) // len(condition)
        f0, f1, f2, glob, wishes = (
            (maps.repeat(answers, *[1] * (maps.dim() - 1)) for maps in heard) if answers > 1 else heard
        )
        steering = torch.cat([noise.song, glob, wishes], dim=1)  # (B, W)
        bars = [f2 + self.bar_position, spread_bars(noise.bar)]
        if self.choices:
            if plan is None:
                plan = torch.zeros(len(noise.song), MEASURES_PER_PHRASE, dtype=torch.int64, device=f2.device)
            bars.append(spread_bars(F.one_hot(plan, self.choices).to(f2.dtype)))
        maps = self.bar_in(torch.cat(bars, dim=1))  # (B, 2C, M, 1)
        maps = self.to_beats(self.bar(maps, steering))  # (B, 2C, M, 4)
        maps = self.beat_in(torch.cat([maps, f1], dim=1))
        maps = self.beat_second(self.beat_first(maps, steering), steering)
        maps = self.to_steps(maps)  # (B, 2C, M, S)
        maps = (
            self.step_in(torch.cat([maps, f0, along_steps(noise.step)], dim=1)) + self.step_position
        )  # (B, C, M, S)
        maps = self.step_second(self.step_first(maps, steering), steering)
        logits = self.out(F.leaky_relu(maps, SLOPE))  # (B, V, M, S)
        return logits.permute(0, 2, 3, 1).flatten(1, 2).float()  # (B, T, V)


class Encoder(nn.Module):
    """(drums (B, T, V), Condition) -> mean and log-variance of (song noise, bar noise).

    [drums, bass] -> conv (1, 5) C -> conv (1, 4)/(1, 4) 2C -> conv (1, 4) 2C @ (4, 1) -> bar; linear 128 ->
    song.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.width
        self.stem = nn.Conv2d(config.num_voices + BASS_ROWS, channels, (1, 5), padding=(0, 2))
        self.to_beats = nn.Conv2d(channels, 2 * channels, (1, 4), stride=(1, 4))
        self.to_bars = nn.Conv2d(2 * channels, 2 * channels, (1, 4))
        self.bar = nn.Conv2d(2 * channels, 2 * config.bar_noise, 1)
        self.hidden = nn.Linear(2 * channels * MEASURES_PER_PHRASE, 128)
        self.song = nn.Linear(128, 2 * config.song_noise)

    def forward(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return song mean, song logvar (B, Z) and bar mean, bar logvar (B, M, Z)."""
        rows = torch.cat([as_measures(drums).permute(0, 3, 1, 2), condition.heard], dim=1)  # (B, V + R, M, S)
        maps = F.leaky_relu(self.stem(rows), SLOPE)
        maps = F.leaky_relu(self.to_beats(maps), SLOPE)  # (B, 2C, M, 4)
        maps = F.leaky_relu(self.to_bars(maps), SLOPE)  # (B, 2C, M, 1)
        bar_mean, bar_logvar = self.bar(maps)[..., 0].permute(0, 2, 1).chunk(2, dim=2)  # (B, M, Z)
        hidden = F.leaky_relu(self.hidden(maps.flatten(1)), SLOPE)
        song_mean, song_logvar = self.song(hidden).chunk(2, dim=1)  # (B, Z)
        return (
            song_mean.float(),
            song_logvar.float().clamp(-8, 8),
            bar_mean.float(),
            bar_logvar.float().clamp(-8, 8),
        )
