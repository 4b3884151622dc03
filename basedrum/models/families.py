"""From a config to its two players."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.autoregressive import Autoregressive
from basedrum.models.binary import Noise, stochastic_hits
from basedrum.models.classic import ClassicDiscriminator, ClassicGenerator
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.discriminator import Discriminator
from basedrum.models.generator import Generator
from basedrum.models.planner import Planner, follow_plan


def build_generator(config: ModelConfig) -> nn.Module:
    """Return a generator: (Condition, Noise) -> logits (B, T, V); of `autoregressive`, (Condition, drums) -> logits."""
    return {"modern": Generator, "classic": ClassicGenerator, "autoregressive": Autoregressive}[config.family](config)


def build_discriminator(config: ModelConfig) -> nn.Module:
    """Return a discriminator: (drums (B, T, V), Condition) -> score (B,), features (B, F)."""
    return Discriminator(config) if config.plays_kit else ClassicDiscriminator(config)


def to_drums(logits: Tensor, condition: Condition, noise: Noise, config: ModelConfig) -> Tensor:
    """Return what the discriminator is shown, (B, T, V), silent on steps that do not exist.

    `modern`: hits, 0 or 1, with a straight-through gradient. `classic`: probs, as its first authors had it.
    """
    drums = stochastic_hits(logits, noise.bits) if config.family == "modern" else torch.sigmoid(logits)
    return drums * condition.active[..., None]


def explain(generator: nn.Module, condition: Condition, noise: Noise, drums: Tensor) -> Tensor:
    """Return the logits (B, T, V) by which a generator's likelihood of real drums is taken.

    `autoregressive` reads, for each hit, the real ones before it; the others have nothing but their noise.
    """
    return generator(condition, drums if generator.config.family == "autoregressive" else noise)


@torch.no_grad()
def sample(generator: nn.Module, condition: Condition, noise: Noise, temperature: float = 1.0) -> Tensor:
    """Return hits (B, T, V) bool from a generator: the decision a listener hears.

    Noise of k times as many samples gives k answers to each condition, the first answers to all of them first (`modern`).
    `temperature` scales all the dice: 0 is the most typical answer, the same for every throw; 1 is as learned.
    """
    config: ModelConfig = generator.config
    if config.family == "autoregressive":
        return generator.play(condition, noise.bits, temperature)
    calm = Noise(noise.song * temperature, noise.bar * temperature, noise.step * temperature, noise.bits)
    logits = generator(condition, calm)
    hits = stochastic_hits(logits, noise.bits, temperature) > 0.5 if config.family == "modern" else logits > 0
    active = condition.active.repeat(len(hits) // len(condition), 1)
    return hits & (active[..., None] > 0)


@torch.no_grad()
def perform(
    generator: nn.Module,
    planner: Planner | None,
    condition: Condition,
    noise: Noise,
    uniform: Tensor,
    temperature: float = 1.0,
) -> Tensor:
    """Return hits (B, T, V) bool as `sample` does, with the bars repeated that the planner, given `uniform` (B, M), repeats."""
    hits = sample(generator, condition, noise, temperature)
    if planner is None:
        return hits
    plan = planner.draw(condition, uniform, temperature)
    return follow_plan(hits, condition.repeat(len(hits) // len(condition)), plan)
