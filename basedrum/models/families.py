"""From a config to its two players."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.autoregressive import Autoregressive
from basedrum.models.binary import Noise, noisy_probs, stochastic_hits, straight_through
from basedrum.models.classic import ClassicDiscriminator, ClassicGenerator
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.discriminator import Discriminator
from basedrum.models.generator import Generator
from basedrum.models.planner import Planner, follow_plan, plan_of

CRASH_AGAIN = 0.75
"""How often a bar that comes again in its phrase takes its crash on the one along, where drums are played hit
after hit. Real bars that are an earlier one of their phrase but for that do in .44. With all of them taken
along .257 of phrases and .203 of the bars in them began with a crash, with half of them .211 and .124; real
ones .244 and .164."""


def build_generator(config: ModelConfig) -> nn.Module:
    """Return a generator: (Condition, Noise, plan) -> logits (B, T, V); of `autoregressive`, (Condition,
    drums) -> logits."""
    return {"modern": Generator, "classic": ClassicGenerator, "autoregressive": Autoregressive}[
        config.family
    ](config)


def build_discriminator(config: ModelConfig) -> nn.Module:
    """Return a discriminator: (drums (B, T, V), Condition) -> score (B,), features (B, F)."""
    return Discriminator(config) if config.plays_kit else ClassicDiscriminator(config)


def play_planned(generator: nn.Module, condition: Condition, noise: Noise, plan: Tensor | None) -> Tensor:
    """Return the drums (B, T, V) that the discriminator is shown, silent on steps that do not exist.

    `modern` and `autoregressive`: hits, 0 or 1, with a straight-through gradient; bars that the plan repeats
    are those they repeat, and their gradient goes there. The gradient of `autoregressive` is that of each hit
    by itself, the hits before it taken as they were played. `classic`: probs, as its first authors had it.
    """
    if generator.config.family == "autoregressive":
        drums = generator.play(condition, noise.bits, plan=plan).float()
        if torch.is_grad_enabled():
            drums = straight_through(drums, noisy_probs(generator(condition, drums, plan), noise.bits))
    else:
        drums = to_drums(draw_logits(generator, condition, noise, plan), condition, noise, generator.config)
    drums = drums * condition.active[..., None]
    return drums if plan is None else follow_plan(drums, condition, plan)


def to_drums(logits: Tensor, condition: Condition, noise: Noise, config: ModelConfig) -> Tensor:
    """Return what the discriminator is shown, (B, T, V), silent on steps that do not exist.

    `modern`: hits, 0 or 1, with a straight-through gradient. `classic`: probs, as its first authors had it.
    """
    drums = (
        stochastic_hits(logits, noise.bits, config.bits)
        if config.family == "modern"
        else torch.sigmoid(logits)
    )
    return drums * condition.active[..., None]


def explain(generator: nn.Module, condition: Condition, noise: Noise, drums: Tensor) -> Tensor:
    """Return the logits (B, T, V) by which a generator's likelihood of real drums is taken.

    `autoregressive` reads, for each hit, the real ones before it; `modern` the plan that real drums follow,
    where it is told plans; the others have nothing but their noise.
    """
    if generator.config.family == "autoregressive":
        return generator(condition, drums)
    return draw_logits(
        generator, condition, noise, plan_of(drums, condition) if generator.config.told_plans else None
    )


def draw_logits(generator: nn.Module, condition: Condition, noise: Noise, plan: Tensor | None) -> Tensor:
    """Return the logits (B, T, V) of a family that plays from noise; the plan reaches a generator that is
    told plans."""
    return generator(condition, noise, plan) if generator.config.told_plans else generator(condition, noise)


@torch.no_grad()
def perform(
    generator: nn.Module,
    planner: Planner | None,
    condition: Condition,
    noise: Noise,
    uniform: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Return hits (k B, T, V) bool: the decision a listener hears.

    Args:
        planner: decides, given `uniform` (k B, M) in 0..1, which bars repeat earlier ones; without one, none
            has to.
        noise: of k times as many samples as conditions: the first answers to all of them, the second answers
            to all ...
        temperature: scales all the dice: 0 is the most typical answer, the same for every throw; 1 is as
            learned.
    """
    config: ModelConfig = generator.config
    plan = None if planner is None else planner.draw(condition, uniform, temperature)
    every = condition.repeat(len(noise.song) // len(condition))
    if config.family == "autoregressive":
        return generator.play(every, noise.bits, temperature, plan, crash_again=CRASH_AGAIN)
    calm = Noise(noise.song * temperature, noise.bar * temperature, noise.step * temperature, noise.bits)
    if config.family == "classic":
        return (generator(every, calm) > 0) & (every.active[..., None] > 0)
    hits = (
        stochastic_hits(draw_logits(generator, condition, calm, plan), noise.bits, temperature * config.bits)
        > 0.5
    )
    hits = hits & (every.active[..., None] > 0)
    return hits if plan is None else follow_plan(hits, every, plan)
