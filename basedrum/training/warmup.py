"""The warm-up: the model learns to find real drums likely, and which bars real drummers repeat."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basedrum.models.protocol import Model
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_PHRASE
from basedrum.music.kit import NUM_VOICES
from basedrum.training.batches import Batch
from basedrum.training.descent import descend, late_rate
from basedrum.training.feed import Feed
from basedrum.training.networks import Networks
from basedrum.training.process import Process
from basedrum.training.sections import WarmupConfig

CLIP = 1.0
DECAY_FROM = 0.7
BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.01


class LikelihoodLoss(nn.Module):
    """What the model minimises: less is better, 0 for one that is certain of what real drummers play."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return `likelihood`, nats a step, and for a family with plans `plan`, nats a bar, and `kit`, nats a
        voice."""
        found = self.model.log_likelihood(batch.condition, batch.drums)
        losses = {"likelihood": -found.hits.mean() / STEPS_PER_PHRASE}
        if found.plan is not None:
            losses["plan"] = -found.plan.mean() / MEASURES_PER_PHRASE
        if found.kit is not None:
            losses["kit"] = -found.kit.mean() / NUM_VOICES
        return losses


class Warmup:
    """The first phase of a training; follows `networks.Phase`."""

    moves_model = True

    def __init__(self, networks: Networks, config: WarmupConfig, feed: Feed, process: Process) -> None:
        self.config, self.feed, self.process, self.steps = config, feed, process, config.steps
        parameters = networks.model.parameters()
        self.optimizer = torch.optim.AdamW(parameters, config.lr, betas=BETAS, weight_decay=WEIGHT_DECAY)
        self.loss = process.shared(LikelihoodLoss(networks.model))

    def advance(self, step: int, number: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Take one step, as `Phase` says."""
        batch = self.feed.batch(step)
        with self.process.autocast():
            losses = self.loss(batch)
        total = torch.stack(list(losses.values())).sum()
        descend(total, losses, self.optimizer, late_rate(number, self.steps, DECAY_FROM), CLIP)
        return losses

    def state(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
