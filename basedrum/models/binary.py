"""Noise in, hits out: how a network that gives logits makes decisions it can still learn from.

Conventions: noise is standard normal, so that two draws can be mixed and stay normal; `hits` are 0.0 or 1.0.
Source: binary neurons for GANs (arXiv 1804.09399); logistic noise with a hard threshold is a Bernoulli draw,
and its straight-through gradient is that of the sigmoid. A deterministic threshold or a bare sigmoid let the
noise die in trials without a CVAE (seed distance .035 instead of .303); with one it lived through 2,000 steps
(.763, with bits .769).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from basedrum.models.config import ModelConfig
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

PHRASES_SHARE = 0.5  # correlation of the dice between the phrases of a song that is played
MEASURES_SHARE = 1.0  # and between the measures of a phrase


@dataclass(frozen=True)
class Noise:
    """The dice of a batch of phrases, standard normal.

    Attributes:
        song: (B, Z) the same through a song.
        bar: (B, M, Z) for each measure.
        step: (B, M, S, Z) for each step.
        bits: (B, M, S, V) for each possible hit.
    """

    song: Tensor
    bar: Tensor
    step: Tensor
    bits: Tensor

    def to(self, device: torch.device | str) -> Noise:
        return Noise(*(getattr(self, f.name).to(device, non_blocking=True) for f in dataclasses.fields(self)))

    def __getitem__(self, which: Tensor) -> Noise:
        return Noise(*(getattr(self, f.name)[which] for f in dataclasses.fields(self)))

    @classmethod
    def braid(cls, parts: list[Noise]) -> Noise:
        """Join n noises of k throws each to k * n, the first throws of all parts first."""
        names = [f.name for f in dataclasses.fields(cls)]
        return cls(*(torch.stack([getattr(p, name) for p in parts], dim=1).flatten(0, 1) for name in names))


def draw_song_noise(batch: int, config: ModelConfig, generator: torch.Generator) -> Noise:
    """Draw the noise that a song keeps: one measure's worth of dice, (B, 1, ...), which `spread` lays over
    phrases.

    It is drawn on the device of the random generator.
    """

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator, device=generator.device)

    return Noise(
        draw(config.song_noise),
        draw(1, config.bar_noise),
        draw(1, STEPS_PER_MEASURE, config.step_noise),
        draw(1, STEPS_PER_MEASURE, config.num_voices),
    )


def vary(song: Noise, phrase: Noise, sharing: float) -> Noise:
    """Return the dice of one phrase of a song: the song's own mixed with the phrase's, correlated by
    `sharing` 0..1.

    Both as `draw_song_noise` draws them; the song vector stays the song's.
    """

    def mix(name: str) -> Tensor:
        return sharing**0.5 * getattr(song, name) + (1 - sharing) ** 0.5 * getattr(phrase, name)

    return Noise(song.song, mix("bar"), mix("step"), mix("bits"))


def spread(song: Noise, sharing: Tensor, generator: torch.Generator) -> Noise:
    """Return the noise of one phrase: the song's dice mixed with fresh ones for each measure.

    Args:
        song: from `draw_song_noise`.
        sharing: (B,) on the device of the noise, 0..1, the correlation of the dice between measures: 1
            repeats them, 0 draws each afresh. A drummer with the same dice and the same bass plays the same
            bar.
    """

    def mix(common: Tensor) -> Tensor:
        shape = (len(common), MEASURES_PER_PHRASE, *common.shape[2:])
        fresh = torch.randn(shape, generator=generator, device=generator.device)
        share = sharing.view(-1, *[1] * (common.dim() - 1))
        return share.sqrt() * common + (1 - share).sqrt() * fresh

    return Noise(song.song, mix(song.bar), mix(song.step), mix(song.bits))


def logistic(normal: Tensor) -> Tensor:
    """Turn standard normal noise into logistic noise, cell by cell (the logit of its normal distribution
    function)."""
    uniform = torch.special.ndtr(normal).clamp(1e-6, 1 - 1e-6)
    return torch.log(uniform) - torch.log1p(-uniform)


def stochastic_hits(logits: Tensor, bits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return hits of the shape of `logits`: 1 with probability sigmoid(logits) over the noise `bits`.

    The gradient is that of the sigmoid at the noisy logit (straight through). `temperature` scales the noise:
    0 is the most likely answer, 1 the distribution the network learned.
    """
    probs = noisy_probs(logits, bits, temperature)
    return straight_through((probs > 0.5).to(probs.dtype), probs)


def noisy_probs(logits: Tensor, bits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the sigmoid of the logits with the noise `bits` on them: above one half where a hit is drawn."""
    return torch.sigmoid(logits + temperature * logistic(bits.reshape(logits.shape)))


def straight_through(hits: Tensor, probs: Tensor) -> Tensor:
    """Return `hits`, with the gradient of `probs`."""
    return hits + (probs - probs.detach())  # the bracket is exactly 0, so hits are exact
