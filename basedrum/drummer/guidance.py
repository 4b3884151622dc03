"""A style that was asked for, stressed: the drummer answers with and without the wish, and goes further that way.

The game teaches a drummer little about styles that few of its songs have. With the same dice, the logits without the wish are
the point to leave: logits = without + STYLE_GUIDANCE * (with - without). On 60 phrases of unseen songs, each asked for in
10 styles, a judge of styles (`evaluation.styles`) heard the style asked for in .14 of the answers of a drummer half trained
at 1, .18 at 2, .22 at 3.5, .26 at 5 (chance .10); hits a bar rose from 15 to 16, 17 and 21.

Source: classifier-free guidance (Ho and Salimans, arXiv 2207.12598), here in logits.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from basedrum.models.binary import Noise
from basedrum.models.condition import Condition

STYLE_GUIDANCE = 3.0


class Guided(nn.Module):
    """A generator whose style wish counts `strength` times; 1 is the generator itself, as it is where no style is asked for."""

    def __init__(self, generator: nn.Module, strength: float = STYLE_GUIDANCE) -> None:
        super().__init__()
        self.generator, self.strength, self.config = generator, strength, generator.config

    def forward(self, condition: Condition, noise: Noise, *plan: Tensor) -> Tensor:
        """Return logits (B, T, V)."""
        logits = self.generator(condition, noise, *plan)
        if self.strength == 1 or not condition.style.any():
            return logits
        without = self.generator(replace(condition, style=torch.zeros_like(condition.style)), noise, *plan)
        return without + self.strength * (logits - without)

    def play(self, condition: Condition, bits: Tensor, temperature: float = 1.0, plan: Tensor | None = None) -> Tensor:
        """Return hits (B, T, V) bool of a generator that plays hit after hit."""
        return self.generator.play(condition, bits, temperature, plan, guidance=self.strength)
