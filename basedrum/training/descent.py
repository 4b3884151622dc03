"""One step of an optimiser, and how its rate falls."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from basedrum.errors import TrainingError

LAST_RATE = 0.05
KEPT = "the last checkpoint is kept"


def descend(
    total: Tensor,
    losses: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    rate: float = 1.0,
    clip: float | None = None,
) -> None:
    """Step against the gradient of `total`, at `rate` times the optimiser's learning rate.

    Args:
        losses: by name, to say which one failed.
        clip: the greatest norm of the gradient; None for any.

    Raises:
        TrainingError: a loss or the gradient is not finite; no weight has changed then.
    """
    bad = [name for name, value in losses.items() if not torch.isfinite(value)]
    if bad or not torch.isfinite(total):
        name = (bad or ["total"])[0]
        remedy = f"lower the learning rate or look at the data; {KEPT}"
        raise TrainingError(f"the loss {name} is not finite, {remedy}")
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, clip or float("inf"))
    if not torch.isfinite(norm):
        raise TrainingError(f"a gradient is not finite, lower the learning rate; {KEPT}")
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("base_lr", group["lr"]) * rate
    optimizer.step()


def late_rate(step: int, steps: int, decay_from: float) -> float:
    """Return 1 until the share `decay_from` of the steps, then a line down to LAST_RATE at their end."""
    part = step / max(1, steps)
    if part <= decay_from:
        return 1.0
    return 1.0 - (1.0 - LAST_RATE) * (part - decay_from) / max(1e-9, 1.0 - decay_from)


@torch.no_grad()
def average(averaged: nn.Module, model: nn.Module, step: int, ema: float) -> None:
    """Move the averaged model towards the model: its decay is min(ema, (1 + k) / (10 + k)) in step k, so that
    it follows closely at first. What is not floating point is copied."""
    decay = min(ema, (1 + step) / (10 + step))
    kept, floats, targets = averaged.state_dict(), [], []
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            floats.append(kept[name])
            targets.append(value)
        else:
            kept[name].copy_(value)
    torch._foreach_lerp_(floats, targets, 1 - decay)
