"""One adversarial step, free of optimisers, loops and logs.

Each player's part is a module with one forward, so that it can be wrapped for several processes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.binary import Noise, draw_song_noise, spread
from basedrum.models.condition import Condition, is_recalled
from basedrum.models.config import ModelConfig
from basedrum.models.families import explain, play_planned
from basedrum.models.generator import Encoder
from basedrum.models.planner import Planner, plan_loss, plan_of
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_PHRASE
from basedrum.music.kit import KICK
from basedrum.training.batches import Batch
from basedrum.training.config import TrainConfig
from basedrum.training.losses import (
    LOSS_OF,
    divergence,
    likelihood,
    logistic_loss,
    matching,
    slope_from_one,
    squared_slope,
)


def draw_dice(
    batch: int, model: ModelConfig, train: TrainConfig, generator: torch.Generator
) -> tuple[Noise, Noise]:
    """Return the noise of two phrases of the same song, the earlier one first.

    `train.sharing` of the samples keep one throw of the dice for all measures; the rest share a random part
    of it.
    """
    song = draw_song_noise(batch, model, generator)
    chance, part = torch.rand(2, batch, generator=generator, device=generator.device)
    sharing = torch.where(chance < train.sharing, torch.ones_like(part), part) * model.shares_dice
    return spread(song, sharing, generator), spread(song, sharing, generator)


@torch.no_grad()
def follow_itself(
    generator: nn.Module, planner: Planner | None, batch: Batch, noise_before: Noise, dice: torch.Generator
) -> Condition:
    """Return the condition in which, for the rollout samples, the previous drums are what the generator
    itself played, and so are those it recalls."""
    chosen = torch.nonzero(batch.rollout)[:, 0]
    if not len(chosen):
        return batch.condition
    before, noise = batch.before[chosen], noise_before[chosen]
    if batch.then is not None:
        before, noise = (
            Condition.join([before, batch.then[chosen]]),
            noise_before[torch.cat([chosen, chosen])],
        )
    own = play_planned(generator, before, noise, draw_plan(planner, before, dice))
    condition = batch.condition.replace(
        previous=batch.condition.previous.index_copy(0, chosen, own[: len(chosen)])
    )
    if batch.then is None:
        return condition
    given = is_recalled(condition)[:, None, None]
    return condition.replace(recalled=condition.recalled.index_copy(0, chosen, own[len(chosen) :]) * given)


@torch.no_grad()
def draw_plan(planner: Planner | None, condition: Condition, dice: torch.Generator) -> Tensor | None:
    """Return a plan (B, M) of the planner; None without one."""
    if planner is None:
        return None
    uniform = torch.rand(len(condition), MEASURES_PER_PHRASE, generator=dice, device=dice.device)
    return planner.draw(condition, uniform)


class CriticObjective(nn.Module):
    """What the discriminator wants: real above fake, and above real drums over another song's bass."""

    def __init__(self, discriminator: nn.Module, train: TrainConfig) -> None:
        super().__init__()
        self.discriminator, self.train_config, self.loss = discriminator, train, LOSS_OF[train.loss]()

    def forward(
        self,
        real: Tensor,
        real_condition: Condition,
        fake: Tensor,
        fake_condition: Condition,
        mix: Tensor | None = None,
        mismatch: float = 0.0,
        penalise: bool = False,
        ranking: bool = False,
    ) -> dict[str, Tensor]:
        """Return losses by name, `critic` their sum. `mix` (B,) places WGAN-GP's points; `mismatch` weighs
        the third term.

        With `ranking` the game is over: `rank`, the logistic loss, is all, and `fit`, the same of real drums
        over another song's bass, where `mismatch` weighs it.
        """
        config, score = self.train_config, self.discriminator
        wrong = len(real) // 2 if mismatch > 0 else 0
        drums, conditions = [real, fake], [real_condition, fake_condition]
        bare = 0 if ranking else round(config.mismatch_kickless * wrong)
        if wrong:  # half of the batch is enough for this term, the dearest of the three by its use
            half = torch.arange(wrong, device=fake.device)
            shown = without_kick(real[:wrong], bare)
            drums += [shown, shown] if bare else [shown]
            conditions += [real_condition[half]] * bool(bare) + [
                real_condition[half].with_bass_of(half.roll(1))
            ]
        scores = score(torch.cat(drums), Condition.join(conditions))[0].split([len(d) for d in drums])
        if ranking:
            losses = {"rank": logistic_loss(scores[0], scores[1])}
            if wrong:
                losses["fit"] = mismatch * logistic_loss(scores[0][:wrong], scores[-1])
            return losses
        losses = {"game": self.loss.critic(scores[0], scores[1])}
        if wrong:
            losses["mismatch"] = mismatch * self.loss.critic(
                scores[2] if bare else scores[0][:wrong], scores[-1]
            )
        if penalise and config.gamma > 0:
            if config.loss == "wgan-gp":
                slopes = slope_from_one(lambda d: score(d, real_condition)[0], real, fake, mix)
                losses["penalty"] = config.gamma * config.penalty_every * slopes.mean()
            else:
                both = Condition.join(conditions[:2])
                slopes = squared_slope(lambda d: score(d, both)[0], torch.cat(drums[:2]))
                losses["penalty"] = (
                    config.gamma * config.penalty_every * slopes.mean()
                )  # gamma / 2 of each of R1, R2
        losses["critic"] = torch.stack(list(losses.values())).sum()
        losses["gap"] = (scores[0] - scores[1]).mean().detach()
        return losses


def without_kick(drums: Tensor, count: int) -> Tensor:
    """Return drums (B, T, V), the first `count` of them without their kick."""
    if not count:
        return drums
    shown = drums.clone()
    shown[:count, :, KICK] = 0
    return shown


class GeneratorTurn(nn.Module):
    """The generator and its encoder: play for the discriminator, and explain what real drummers played
    (CVAE)."""

    def __init__(self, generator: nn.Module, encoder: Encoder | None) -> None:
        super().__init__()
        self.generator, self.encoder = generator, encoder

    def forward(
        self,
        batch: Batch,
        condition: Condition | None = None,
        noise: Noise | None = None,
        posterior: tuple[Tensor, Tensor, Tensor] | None = None,
        plan: Tensor | None = None,
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return (drums (B, T, V), if a condition and noise are given; the CVAE's two terms, if its dice are
        given)."""
        played, terms = None, {}
        if condition is not None:
            played = play_planned(self.generator, condition, noise, plan)
        if posterior is not None:
            terms = self.explain(batch, *posterior)
        return played, terms

    def explain(
        self, batch: Batch, song_dice: Tensor, bar_dice: Tensor, step_dice: Tensor
    ) -> dict[str, Tensor]:
        """Return likelihood and kl in nats a step. Without an encoder the noise is free and there is no
        kl."""
        song, bar, terms = song_dice, bar_dice, {}
        if self.encoder is not None:
            song_mean, song_logvar, bar_mean, bar_logvar = self.encoder(batch.drums, batch.condition)
            song = song_mean + song_dice * (0.5 * song_logvar).exp()
            bar = bar_mean + bar_dice * (0.5 * bar_logvar).exp()
            terms["kl"] = (
                divergence(song_mean, song_logvar) + divergence(bar_mean, bar_logvar)
            ) / STEPS_PER_PHRASE
        noise = Noise(song, bar, step_dice, step_dice)  # bits are not used by likelihood
        logits = explain(self.generator, batch.condition, noise, batch.drums)
        return {
            "likelihood": likelihood(logits, batch.drums, batch.condition.active) / STEPS_PER_PHRASE
        } | terms


def fooling(
    discriminator: nn.Module, batch: Batch, fake: Tensor, fake_condition: Condition, train: TrainConfig
) -> dict[str, Tensor]:
    """Return what the generator wants of the discriminator, by name: `fool`, and MidiNet's matching terms
    where weighted."""
    loss = LOSS_OF[train.loss]()
    fake_score, fake_features = discriminator(fake, fake_condition)
    with torch.no_grad():
        real_score, real_features = discriminator(batch.drums, batch.condition)
    terms = {"fool": loss.generator(real_score, fake_score)}
    if train.feature_matching > 0:
        terms["features"] = train.feature_matching * matching(real_features, fake_features)
    if train.sample_matching > 0:
        terms["samples"] = train.sample_matching * matching(batch.drums.flatten(1), fake.flatten(1))
    return terms


def draw_posterior_dice(
    batch: int, model: ModelConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return standard normal draws for the song (B, Z), bar (B, M, Z) and step (B, M, S, Z) noise of the
    CVAE."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator, device=generator.device)

    return draw(model.song_noise), draw(4, model.bar_noise), draw(4, 16, model.step_noise)


class PlanTurn(nn.Module):
    """The planner learns which bars real drummers repeat."""

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self.planner = planner

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return `plan`, the cross-entropy of a bar's choice in nats."""
        plan = plan_of(batch.drums, batch.condition)
        return {"plan": plan_loss(self.planner(batch.condition, plan), plan)}
