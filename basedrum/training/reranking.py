"""The last phase: the model rests, the discriminator learns to rank what it plays.

In the adversarial phase the discriminator is held back (penalties, a model that moves away from it), so that
its score says little of how likely a phrase is. Here it meets a model that stands still, in songs in which
the model follows itself; trained by the logistic loss, its score comes near log p(real) / p(model).

Source: discriminator rejection sampling (arXiv 1810.06758).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from basedrum.models.condition import Condition
from basedrum.models.noise import Noise
from basedrum.models.protocol import Discriminator, Model
from basedrum.training.adversarial import Pair
from basedrum.training.batches import Run
from basedrum.training.descent import descend, late_rate
from basedrum.training.feed import Feed
from basedrum.training.losses import logistic_loss
from basedrum.training.mismatch import mismatched
from basedrum.training.networks import Networks
from basedrum.training.process import Process
from basedrum.training.sections import RerankingConfig

CLIP = 1.0
DEPTH = 3  # phrases that the model has followed itself for, at most, before one that is ranked
RAMP_STEPS = 100  # in which the rate rises
BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.05
REAL_BEFORE = 0.4  # share of the phrases that follows the real drums: there only the phrase itself differs


class RerankingLoss(nn.Module):
    """What the discriminator minimises: the logistic loss of real and played drums."""

    def __init__(self, discriminator: Discriminator, mismatch: float) -> None:
        super().__init__()
        self.discriminator, self.mismatch = discriminator, mismatch

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """Return `rerank`, and `fit`, the same of real drums over another song's bass, if it has a weight."""
        drums, conditions = [pair.real, pair.fake], [pair.condition, pair.fake_condition]
        if self.mismatch > 0:
            wrong = mismatched(pair.real, pair.condition)
            drums.append(wrong.drums)
            conditions.append(wrong.wrong)
        scores = self.discriminator(torch.cat(drums), Condition.join(conditions))[0]
        real, fake, *others = scores.split([len(part) for part in drums])
        losses = {"rerank": logistic_loss(real, fake)}
        for other in others:
            losses["fit"] = self.mismatch * logistic_loss(real[: len(other)], other)
        return losses


@torch.no_grad()
def play_after_itself(model: Model, run: Run, generator: torch.Generator) -> tuple[Tensor, Condition]:
    """Return what the model plays (B, T, V) in the last phrases of runs, and the conditions of them.

    It plays the runs from their first phrase, with the latent vector of one song, conditioned on what it
    played before; a share of them follows the real drums instead.
    """
    size = len(run.drums)
    song = Noise.draw(size, generator).latent
    after_real = torch.rand(size, generator=generator, device=generator.device) < REAL_BEFORE
    recalled = model.sample(run.then, replace(Noise.draw(size, generator), latent=song)).float()
    played = torch.zeros_like(run.drums)
    condition = run.conditions[0]
    for back in range(len(run.conditions) - 1, -1, -1):
        noise = replace(Noise.draw(size, generator), latent=song)
        follows = (run.length > back) & ~after_real  # it has played the phrase before this one
        condition = _following(run.conditions[back], played, recalled, follows, after_real, is_last=not back)
        due = (run.length >= back) & ~after_real if back else torch.ones_like(follows)
        which = torch.nonzero(due)[:, 0]
        if len(which):
            hits = model.sample(condition[which], noise[which]).float()
            played = played.index_copy(0, which, hits)
    return played, condition


def _following(
    real: Condition,
    played: Tensor,
    recalled: Tensor,
    follows: Tensor,
    after_real: Tensor,
    *,
    is_last: bool,
) -> Condition:
    """Return a condition whose drums before are those played, where a sample follows them.

    Only in the last phrase of a run there are samples after real drums, and memories.
    """
    previous = torch.where(follows[:, None, None], played, real.previous)
    given = torch.where(after_real, real.has_previous, follows.float()) if is_last else follows.float()
    likeness = real.likeness * given[:, None] if is_last else torch.zeros_like(real.likeness)
    then = torch.where(after_real[:, None, None], real.recalled, recalled)
    is_recalled = likeness.amax(dim=1) > 0
    return real.replace(
        previous=previous * given[:, None, None],
        has_previous=given,
        recalled=then * is_recalled[:, None, None],
        likeness=likeness,
    )


def real_condition(run: Run, condition: Condition) -> Condition:
    """Return what belongs to the real drums: the real ones before, where the model was given some, too."""
    real = run.conditions[0]
    given = condition.has_previous * real.has_previous
    previous = real.previous * given[:, None, None]
    return real.replace(previous=previous, has_previous=given, likeness=condition.likeness)


class Reranking:
    """The third phase of a training; follows `networks.Phase`."""

    moves_model = False

    def __init__(self, networks: Networks, config: RerankingConfig, feed: Feed, process: Process) -> None:
        self.networks, self.feed, self.process, self.steps = networks, feed, process, config.steps
        parameters = networks.discriminator.parameters()
        self.optimizer = torch.optim.AdamW(parameters, config.lr, betas=BETAS, weight_decay=WEIGHT_DECAY)
        self.loss = process.shared(RerankingLoss(networks.discriminator, config.mismatch))

    def advance(self, step: int, number: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Take one step, as `Phase` says."""
        run = self.feed.run(step, DEPTH)
        with self.process.autocast():
            fake, condition = play_after_itself(self.networks.averaged, run, generator)
        self.networks.discriminator.requires_grad_(True)
        with self.process.autocast():
            losses = self.loss(Pair(run.drums, real_condition(run, condition), fake, condition))
        total = torch.stack(list(losses.values())).sum()
        rate = min(1.0, (number + 1) / RAMP_STEPS) * late_rate(number, self.steps, 0.0)
        descend(total, losses, self.optimizer, rate, CLIP)
        return losses

    def state(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
