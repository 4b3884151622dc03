"""The games: what the discriminator and the generator each want.

Conventions: scores are (B,), higher is more real. `critic` and `generator` return a scalar to be made small.
Sources: MidiNet (arXiv 1703.10847), MuseGAN / WGAN-GP (1709.06298, 1704.00028), hinge (1705.02894),
relativistic pairing with R1 + R2 (R3GAN, 2501.05441).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

REAL_LABEL = 0.9


class RelativisticLoss:
    """Each fake is held against a real one: softplus of the difference. Value 2 log 2 / 2 = .693 at equal
    scores."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(real - fake).mean()


class HingeLoss:
    """Real scores above 1, fake ones below -1 count no more; 2 for a critic that says 0 to all."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


class WassersteinLoss:
    """The mean difference of scores; its penalty keeps the discriminator's slope near 1."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


class MidinetLoss:
    """Binary cross-entropy with the real label smoothed to .9 on one side."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            real, torch.full_like(real, REAL_LABEL)
        ) + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


LOSS_OF = {"rpgan": RelativisticLoss, "hinge": HingeLoss, "wgan-gp": WassersteinLoss, "midinet": MidinetLoss}


def squared_slope(score: Callable[[Tensor], Tensor], drums: Tensor) -> Tensor:
    """Return (B,) the squared norm of the score's gradient at the drums; 0 for a flat discriminator (R1,
    R2)."""
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


def likelihood(logits: Tensor, drums: Tensor, active: Tensor) -> Tensor:
    """Return the binary cross-entropy summed over the cells (T, V) that exist and averaged over the batch, in
    nats."""
    cells = F.binary_cross_entropy_with_logits(logits, drums, reduction="none") * active[..., None]
    return cells.sum(dim=(1, 2)).mean()


def divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, exp logvar) || N(0, 1)) summed over dimensions and averaged over the batch; 0 at the
    prior."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(dim=1).mean()


def logistic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of both sides' log loss in nats; log 2 for a critic that cannot tell."""
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())
