"""From a config to its two players."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.binary import Noise, stochastic_hits
from basedrum.models.classic import ClassicDiscriminator, ClassicGenerator
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.discriminator import Discriminator
from basedrum.models.generator import Generator


def build_generator(config: ModelConfig) -> nn.Module:
    """Return a generator: (Condition, Noise) -> logits (B, T, V)."""
    return Generator(config) if config.family == "modern" else ClassicGenerator(config)


def build_discriminator(config: ModelConfig) -> nn.Module:
    """Return a discriminator: (drums (B, T, V), Condition) -> score (B,), features (B, F)."""
    return Discriminator(config) if config.family == "modern" else ClassicDiscriminator(config)


def to_drums(logits: Tensor, condition: Condition, noise: Noise, config: ModelConfig) -> Tensor:
    """Return what the discriminator is shown, (B, T, V), silent on steps that do not exist.

    `modern`: hits, 0 or 1, with a straight-through gradient. `classic`: probs, as its first authors had it.
    """
    drums = stochastic_hits(logits, noise.bits) if config.family == "modern" else torch.sigmoid(logits)
    return drums * condition.active[..., None]


@torch.no_grad()
def sample(generator: nn.Module, condition: Condition, noise: Noise, temperature: float = 1.0) -> Tensor:
    """Return hits (B, T, V) bool from a generator: the decision a listener hears.

    `temperature` scales all the dice: 0 is the most typical answer, the same for every throw; 1 is as learned.
    """
    config: ModelConfig = generator.config
    calm = Noise(noise.song * temperature, noise.bar * temperature, noise.step * temperature, noise.bits)
    logits = generator(condition, calm)
    hits = stochastic_hits(logits, noise.bits, temperature) > 0.5 if config.family == "modern" else logits > 0
    return hits & (condition.active[..., None] > 0)
