"""The adversarial phase: the discriminator learns to tell played drums from real ones, the model to
play drums that it cannot tell.

The discriminator moves first, against the very drums that the model then learns from: they are played once
for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from basedrum.models.condition import Condition
from basedrum.models.noise import Noise
from basedrum.models.protocol import Discriminator, Model
from basedrum.training.batches import Batch
from basedrum.training.descent import descend, late_rate
from basedrum.training.feed import Feed
from basedrum.training.losses import LOSS_OF, matching, slope_from_one, squared_slope
from basedrum.training.mismatch import mismatched
from basedrum.training.networks import Networks
from basedrum.training.process import Process
from basedrum.training.sections import AdversarialConfig
from basedrum.training.warmup import LikelihoodLoss

LIKELIHOOD_EVERY = 3  # the likelihood is taken so seldom, then that much stronger


@dataclass(frozen=True)
class Pair:
    """Real and played drums (B, T, V), each with the condition that belongs to them."""

    real: Tensor
    condition: Condition
    fake: Tensor
    fake_condition: Condition


class DiscriminatorLoss(nn.Module):
    """What the discriminator minimises: real above fake, and above real drums over another song's bass."""

    def __init__(self, discriminator: Discriminator, config: AdversarialConfig) -> None:
        super().__init__()
        self.discriminator, self.config, self.loss = discriminator, config, LOSS_OF[config.loss]()

    def forward(
        self, pair: Pair, mix: Tensor, mismatch: float = 0.0, penalty: float = 0.0
    ) -> dict[str, Tensor]:
        """Return losses by name, `discriminator` their sum; `gap`, how far apart the mean scores are.

        Args:
            mix: (B,) in 0..1, places WGAN-GP's points between real and fake.
            mismatch, penalty: weights of the two further terms; 0 leaves one out.
        """
        drums, conditions = [pair.real, pair.fake], [pair.condition, pair.fake_condition]
        is_bare = self.config.mismatch_kickless > 0
        if mismatch > 0:
            wrong = mismatched(pair.real, pair.condition, self.config.mismatch_kickless)
            if is_bare:  # else the real drums with their own bass are among the scores already
                drums.append(wrong.drums)
                conditions.append(wrong.right)
            drums.append(wrong.drums)
            conditions.append(wrong.wrong)
        scores = self._scores(drums, conditions)
        losses = {"real_fake": self.loss.discriminator(scores[0], scores[1])}
        if mismatch > 0:
            right = scores[2] if is_bare else scores[0][: len(scores[-1])]
            losses["mismatch"] = mismatch * self.loss.discriminator(right, scores[-1])
        if penalty > 0:
            losses["penalty"] = penalty * self._slopes(pair, mix).mean()
        losses["discriminator"] = torch.stack(list(losses.values())).sum()
        losses["gap"] = (scores[0] - scores[1]).mean().detach()
        return losses

    def _scores(self, drums: list[Tensor], conditions: list[Condition]) -> tuple[Tensor, ...]:
        """Return the scores of each part, all parts judged in one pass."""
        scores = self.discriminator(torch.cat(drums), Condition.join(conditions))[0]
        return scores.split([len(part) for part in drums])

    def _slopes(self, pair: Pair, mix: Tensor) -> Tensor:
        """Return what the penalty punishes, (B,) for WGAN-GP, (2 B,) for R1 and R2 (half of each counts)."""
        if self.config.loss == "wgan-gp":
            return slope_from_one(self._score_with(pair.condition), pair.real, pair.fake, mix)
        both = Condition.join([pair.condition, pair.fake_condition])
        return squared_slope(self._score_with(both), torch.cat([pair.real, pair.fake]))

    def _score_with(self, condition: Condition) -> Callable[[Tensor], Tensor]:
        return lambda drums: self.discriminator(drums, condition)[0]


class ModelTurn(nn.Module):
    """What the model does in one move, in one forward pass, so that several processes can share it."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model, self.likelihood = model, LikelihoodLoss(model)

    def forward(
        self, batch: Batch, condition: Condition, noise: Noise, with_likelihood: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the played drums (B, T, V), and the likelihood loss of the real ones if asked for."""
        fake = self.model.replay(condition, noise)
        return fake, self.likelihood(batch)["likelihood"] if with_likelihood else None


def deceive(
    discriminator: Discriminator, batch: Batch, fake: Tensor, condition: Condition, config: AdversarialConfig
) -> dict[str, Tensor]:
    """Return what the model wants of the discriminator, by name: `model`, and MidiNet's matching terms where
    they have a weight."""
    loss = LOSS_OF[config.loss]()
    fake_score, fake_features = discriminator(fake, condition)
    with torch.no_grad():
        real_score, real_features = discriminator(batch.drums, batch.condition)
    terms = {"model": loss.model(real_score, fake_score)}
    if config.feature_matching > 0:
        terms["features"] = config.feature_matching * matching(real_features, fake_features)
    if config.sample_matching > 0:
        terms["samples"] = config.sample_matching * matching(batch.drums.flatten(1), fake.flatten(1))
    return terms


@torch.no_grad()
def follow_itself(model: Model, batch: Batch, noise: Noise) -> Condition:
    """Return the condition in which, for the rollout samples, the drums before are what the model itself
    played with this noise, and so are those it recalls."""
    chosen = torch.nonzero(batch.rollout)[:, 0]
    if not len(chosen):
        return batch.condition
    both = Condition.join([batch.before[chosen], batch.then[chosen]])
    before, then = model.replay(both, noise[torch.cat([chosen, chosen])]).chunk(2)
    previous = batch.condition.previous.index_copy(0, chosen, before)
    recalled = batch.condition.recalled.index_copy(0, chosen, then)
    is_recalled = batch.condition.is_recalled[:, None, None]
    return batch.condition.replace(previous=previous, recalled=recalled * is_recalled)


def two_phrases(batch: int, generator: torch.Generator) -> tuple[Noise, Noise]:
    """Return the noise of two phrases of the same songs, the earlier one first."""
    before, now = Noise.draw(batch, generator), Noise.draw(batch, generator)
    return before, replace(now, latent=before.latent)


class Adversarial:
    """The second phase of a training; follows `networks.Phase`."""

    moves_model = True

    def __init__(self, networks: Networks, config: AdversarialConfig, feed: Feed, process: Process) -> None:
        self.networks, self.config, self.feed, self.process = networks, config, feed, process
        self.steps = config.steps
        betas = (config.beta1, config.beta2)
        model, discriminator = networks.model, networks.discriminator
        self.model_optimizer = torch.optim.Adam(model.parameters(), config.model_lr, betas=betas)
        self.discriminator_optimizer = torch.optim.Adam(
            discriminator.parameters(), config.discriminator_lr, betas=betas
        )
        self.turn_alone = ModelTurn(model)
        self.turn: Any = (
            None  # shared when it is first used: a wrapper notes the gradients of the warm-up, too
        )
        self.loss = process.shared(DiscriminatorLoss(discriminator, config))

    def advance(self, step: int, number: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Take one step, as `Phase` says."""
        config = self.config
        batch = self.feed.batch(step)
        if self.turn is None:
            self.turn = self.process.shared(self.turn_alone, find_unused_parameters=True)
        model_moves = config.model_moves if number >= config.discriminator_first else 0
        losses: dict[str, Tensor] = {}
        for move in range(max(config.discriminator_moves, model_moves)):
            before, now = two_phrases(len(batch.drums), generator)
            learns = move < model_moves
            takes_likelihood = config.likelihood > 0 and move == 0 and number % LIKELIHOOD_EVERY == 0
            with self.process.autocast(), torch.set_grad_enabled(learns):
                condition = follow_itself(self.networks.model, batch, before)
                turn = self.turn if learns else self.turn_alone
                fake, likelihood = turn(batch, condition, now, takes_likelihood and learns)
            pair = Pair(batch.drums, batch.condition, fake, condition)
            if move < config.discriminator_moves:
                losses |= self._move_discriminator(pair, number, generator)
            if learns:
                losses |= self._move_model(batch, pair, likelihood, number)
        return losses

    def _move_discriminator(self, pair: Pair, number: int, generator: torch.Generator) -> dict[str, Tensor]:
        config = self.config
        is_late = number >= config.mismatch_from * config.steps
        is_penalised = number % config.penalty_every == 0
        mix = torch.rand(len(pair.fake), generator=generator, device=generator.device)
        self.networks.discriminator.requires_grad_(True)
        with self.process.autocast():
            losses = self.loss(
                replace(pair, fake=pair.fake.detach()),
                mix,
                config.mismatch if is_late else 0.0,
                config.gamma * config.penalty_every if is_penalised else 0.0,
            )
        descend(losses["discriminator"], losses, self.discriminator_optimizer, self._rate(number))
        return losses

    def _move_model(
        self, batch: Batch, pair: Pair, likelihood: Tensor | None, number: int
    ) -> dict[str, Tensor]:
        config = self.config
        discriminator = self.networks.discriminator
        discriminator.requires_grad_(False)
        with self.process.autocast():
            losses = deceive(discriminator, batch, pair.fake, pair.fake_condition, config)
        total = torch.stack(list(losses.values())).sum()
        if likelihood is not None:
            total = total + config.likelihood * LIKELIHOOD_EVERY * likelihood
            losses["likelihood"] = likelihood
        descend(total, losses, self.model_optimizer, self._rate(number))
        return losses

    def _rate(self, number: int) -> float:
        return late_rate(number, self.steps, self.config.decay_from)

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model_optimizer.state_dict(),
            "discriminator": self.discriminator_optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.model_optimizer.load_state_dict(state["model"])
        self.discriminator_optimizer.load_state_dict(state["discriminator"])
