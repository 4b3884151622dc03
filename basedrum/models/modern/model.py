"""The model of the family that ships: a planner decides which bars repeat, a generator plays the new ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.modern.decoding import Draw, sample_hits
from basedrum.models.modern.generator import AutoregressiveGenerator
from basedrum.models.modern.kit_planner import KitPlanner
from basedrum.models.modern.planner import Planner, follow_plan, plan_of
from basedrum.models.noise import Noise, noisy_probs, straight_through
from basedrum.models.protocol import AS_LEARNED, Guidance, LogLikelihood

CRASH_AGAIN = 0.75
"""How often a bar that repeats one of its phrase repeats its crash on the one, too. Real drummers often leave
it out: with every crash repeated, bars inside a phrase begin with one more often than theirs."""


class ModernModel(nn.Module):
    """Follows `models.protocol.Model`."""

    needs_warmup = True

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = AutoregressiveGenerator(config)
        self.planner = Planner()
        self.kit_planner = KitPlanner(len(config.styles))

    @torch.no_grad()
    def sample(self, condition: Condition, noise: Noise, guidance: Guidance = AS_LEARNED) -> Tensor:
        """Return hits (B, T, V) bool, as the protocol says."""
        plan = self.planner.draw(condition, noise.plan, guidance)
        return sample_hits(self.generator, condition, Draw(noise.cells, plan, CRASH_AGAIN), guidance)

    @torch.no_grad()
    def draw_kit(self, condition: Condition, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return `voices` and `most_voices`, as the protocol says."""
        return self.kit_planner.draw(condition, uniform)

    def log_likelihood(self, condition: Condition, drums: Tensor) -> LogLikelihood:
        """Return how likely the drums and the plan that they follow are, as the protocol says.

        The hits of bars that repeat count like those of new bars: the generator learns from them, too.
        """
        plan = plan_of(drums, condition)
        logits = self.generator(condition, drums, plan)
        cells = F.binary_cross_entropy_with_logits(logits, drums, reduction="none")
        hits = -(cells * condition.active[..., None]).sum(dim=(1, 2))
        choices = self.planner(condition, plan).log_softmax(dim=2)  # (B, M, K)
        of_plan = choices.gather(2, plan[..., None])[..., 0].sum(dim=1)
        return LogLikelihood(hits, of_plan, self.kit_planner.log_likelihood(condition))

    def replay(self, condition: Condition, noise: Noise) -> Tensor:
        """Return what was played, 0 or 1, as the protocol says.

        The gradient is that of each hit by itself, the hits before it taken as they were played; that of a
        bar that repeats one of the phrase goes to the bar it repeats. The planners get none.
        """
        with torch.no_grad():
            plan = self.planner.draw(condition, noise.plan)
        drums = sample_hits(self.generator, condition, Draw(noise.cells, plan)).float()
        if torch.is_grad_enabled():
            probs = noisy_probs(self.generator(condition, drums, plan), noise.cells)
            drums = straight_through(drums, probs)
        return follow_plan(drums, condition, plan)
