"""All chance of a phrase, drawn beforehand, and how decisions are made with it.

What is played depends on the seed, the place of a phrase in its song and the attempt alone: not on what is
played beside it, and not on torch's random generators, which may change with the version and the device.

Conventions: uniform numbers are in 0..1, one for each decision; `hits` are 0.0 or 1.0.

Source: a hard threshold on logits with logistic noise is a Bernoulli draw; its straight-through gradient is
that of the sigmoid (binary neurons for GANs, arXiv 1804.09399).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_PHRASE
from basedrum.music.kit import NUM_VOICES

LATENT = 128
SALT = 3
"""One seed is one personality, whatever the song, and people try small seeds first: this is the first of
0..4 with which none of the seeds 0..9 plays far too much, far too little or a crash all the time
(lab/NOTES.md)."""
SMALLEST = 1e-6  # uniform numbers are kept so far from 0 and 1: logistic noise is at most 13.8


@dataclass(frozen=True)
class Noise:
    """The noise of a batch of phrases.

    Attributes:
        latent: (B, Z) standard normal, the same through a song.
        plan: (B, M) uniform, one number for each bar's choice to be new or a repeat.
        cells: (B, T, V) uniform, one number for each possible hit.
    """

    latent: Tensor
    plan: Tensor
    cells: Tensor

    @classmethod
    def draw(cls, batch: int, generator: torch.Generator) -> Noise:
        """Draw noise for training, on the device of the random generator."""
        device = generator.device
        return cls(
            torch.randn(batch, LATENT, generator=generator, device=device),
            torch.rand(batch, MEASURES_PER_PHRASE, generator=generator, device=device),
            torch.rand(batch, STEPS_PER_PHRASE, NUM_VOICES, generator=generator, device=device),
        )

    @classmethod
    def join(cls, parts: list[Noise]) -> Noise:
        """Return the samples of all parts, one part after the other."""
        fields = (torch.cat([getattr(part, name) for part in parts]) for name in _NAMES)
        return cls(*fields)

    def to(self, device: torch.device | str) -> Noise:
        """Return the noise on a device."""
        return Noise(*(getattr(self, name).to(device, non_blocking=True) for name in _NAMES))

    def __getitem__(self, which: Tensor | slice) -> Noise:
        """Return the samples that an index picks."""
        return Noise(*(getattr(self, name)[which] for name in _NAMES))

    def __len__(self) -> int:
        return len(self.plan)


_NAMES = tuple(field.name for field in dataclasses.fields(Noise))


def phrase_noise(seed: int, index: int, attempt: int = 0) -> Noise:
    """Return the noise (B = 1) of phrase `index` of a song.

    Args:
        seed: of the song; its lowest 64 bits count.
        index: the place of the phrase in its song, from 0.
        attempt: other noise for the same phrase, from 0. The latent vector is the song's: it depends on the
            seed alone.
    """
    plan = _random(seed, index, attempt, "plan").random((1, MEASURES_PER_PHRASE), np.float32)
    cells = _random(seed, index, attempt, "cells").random((1, STEPS_PER_PHRASE, NUM_VOICES), np.float32)
    latent = _random(seed, 0, 0, "latent").standard_normal((1, LATENT), np.float32)
    return Noise(*(torch.from_numpy(part) for part in (latent, plan, cells)))


def kit_noise(seed: int) -> Tensor:
    """Return the noise (1, V + 1), uniform in 0..1, that the kit of a song is drawn with."""
    return torch.from_numpy(_random(seed, 0, 0, "kit ").random((1, NUM_VOICES + 1), np.float32))


def _random(seed: int, index: int, attempt: int, purpose: str) -> np.random.Generator:
    """Return a random generator of its own for each combination: every word takes the same 32 bits."""
    tag = int.from_bytes(purpose.encode()[:4], "little")
    words = [seed % (1 << 32), (seed >> 32) % (1 << 32), index, attempt, tag, SALT]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def logistic(uniform: Tensor) -> Tensor:
    """Turn uniform noise into logistic noise, cell by cell: log u - log (1 - u)."""
    uniform = uniform.clamp(SMALLEST, 1 - SMALLEST)
    return torch.log(uniform) - torch.log1p(-uniform)


def noisy_probs(logits: Tensor, cells: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the sigmoid of logits with logistic noise on them: above one half where there is a hit."""
    return torch.sigmoid(logits + temperature * logistic(cells))


def straight_through(hits: Tensor, probs: Tensor) -> Tensor:
    """Return `hits` exactly, with the gradient of `probs`."""
    return hits + (probs - probs.detach())  # the bracket is exactly 0
