"""The losses: what the discriminator and the model each minimise.

Conventions: scores are (B,), higher is more real; each loss is a scalar, lower is better for the one that
minimises it.

Sources: MidiNet (arXiv 1703.10847), MuseGAN / WGAN-GP (1709.06298, 1704.00028), relativistic pairing with
R1 + R2 (R3GAN, 2501.05441).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

REAL_LABEL = 0.9


class AdversarialLoss(Protocol):
    """The two sides of an adversarial loss, given the scores of real and fake drums."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def model(self, real: Tensor, fake: Tensor) -> Tensor: ...


class RelativisticLoss:
    """Each fake against a real one: mean softplus(fake - real) for the discriminator, the other way round for
    the model. At least 0; log 2 = .693 at equal scores."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(fake - real).mean()

    def model(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(real - fake).mean()


class WassersteinLoss:
    """mean fake - mean real for the discriminator, - mean fake for the model. Unbounded; 0 at equal scores.
    Its penalty keeps the discriminator's slope near 1."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def model(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


class MidinetLoss:
    """Binary cross-entropy, the real label smoothed to .9 on the discriminator's side. At least 0; 2 log 2
    for a discriminator that scores all 0."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        of_real = F.binary_cross_entropy_with_logits(real, torch.full_like(real, REAL_LABEL))
        return of_real + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))

    def model(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


LOSS_OF: dict[str, Callable[[], AdversarialLoss]] = {
    "rpgan": RelativisticLoss,
    "wgan-gp": WassersteinLoss,
    "midinet": MidinetLoss,
}


def logistic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return (mean softplus(-real) + mean softplus(fake)) / 2, in nats: at least 0, log 2 for scores of 0.

    The score that minimises it is log p(real) / p(fake).
    """
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())


def squared_slope(score: Callable[[Tensor], Tensor], drums: Tensor) -> Tensor:
    """Return (B,) the squared norm of the score's gradient at the drums (R1, R2); 0 for a constant score."""
    drums = drums.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(score(drums).sum(), drums, create_graph=True)
    return slope.square().flatten(1).sum(dim=1)


def slope_from_one(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return (B,) (|slope| - 1)^2 at points between real and fake; `mix` (B,) says where (WGAN-GP)."""
    between = torch.lerp(fake.detach(), real.detach(), mix[:, None, None])
    return (squared_slope(score, between).add(1e-12).sqrt() - 1).square()


def matching(real: Tensor, fake: Tensor) -> Tensor:
    """Return the squared distance between the batch means of real and fake features; 0 where they agree."""
    return (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
