"""Real drums over another song's bass: what a discriminator is shown so that drums have to fit their bass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from basedrum.models.condition import Condition
from basedrum.music.kit import KICK


@dataclass(frozen=True)
class Mismatch:
    """The first half of a batch of real drums, with their own bass and with that of the sample before.

    Half of a batch is enough: of all that a discriminator is shown, these count least for their time.

    Attributes:
        drums: (B // 2, T, V), the first of them without their kick.
        right, wrong: their conditions.
    """

    drums: Tensor
    right: Condition
    wrong: Condition


def mismatched(drums: Tensor, condition: Condition, kickless: float = 0.0) -> Mismatch:
    """Return the drums (B, T, V) over another song's bass; the share `kickless` is shown without its kick."""
    half = torch.arange(len(drums) // 2, device=drums.device)
    right = condition[half]
    shown = without_kick(drums[: len(half)], round(kickless * len(half)))
    return Mismatch(shown, right, right.with_bass_of(half.roll(1)))


def without_kick(drums: Tensor, count: int) -> Tensor:
    """Return drums (B, T, V), the first `count` of them without their kick."""
    if not count:
        return drums
    shown = drums.clone()
    shown[:count, :, KICK] = 0
    return shown
