"""One adversarial step, free of optimisers, loops and logs.

Each player's wish is a module whose forward gives named losses, so that it can be wrapped for several processes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.binary import Noise, draw_song_noise, spread
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.families import to_drums
from basedrum.models.generator import Encoder
from basedrum.training.batches import Batch
from basedrum.training.config import TrainConfig
from basedrum.training.losses import LOSS_OF, divergence, likelihood, matching, slope_from_one, squared_slope

CELLS = 64.0  # the likelihood is summed over cells; divided by the steps it stays near the size of the game's losses


def draw_dice(batch: int, model: ModelConfig, train: TrainConfig, generator: torch.Generator) -> tuple[Noise, Noise]:
    """Return the noise of two phrases of the same song, the earlier one first.

    `train.sharing` of the samples keep one throw of the dice for all measures; the rest share a random part of it.
    """
    song = draw_song_noise(batch, model, generator)
    chance, part = torch.rand(2, batch, generator=generator, device=generator.device)
    sharing = torch.where(chance < train.sharing, torch.ones_like(part), part)
    return spread(song, sharing, generator), spread(song, sharing, generator)


@torch.no_grad()
def follow_itself(generator: nn.Module, batch: Batch, noise_before: Noise) -> Condition:
    """Return the condition in which, for the rollout samples, the previous drums are what the generator itself played."""
    if not bool(batch.rollout.any()):
        return batch.condition
    logits = generator(batch.before, noise_before)
    own = to_drums(logits, batch.before, noise_before, generator.config)
    chosen = batch.rollout[:, None, None]
    return batch.condition.replace(previous=torch.where(chosen, own, batch.condition.previous))


class CriticObjective(nn.Module):
    """What the discriminator wants: real above fake, and above real drums over another song's bass."""

    def __init__(self, discriminator: nn.Module, train: TrainConfig) -> None:
        super().__init__()
        self.discriminator, self.train_config, self.loss = discriminator, train, LOSS_OF[train.loss]()

    def forward(
        self, batch: Batch, fake: Tensor, fake_condition: Condition, mix: Tensor, mismatch: float, penalise: bool
    ) -> dict[str, Tensor]:
        """Return losses by name, `critic` their sum. `mix` (B,) places WGAN-GP's points; `mismatch` weighs the third term."""
        config, score = self.train_config, self.discriminator
        size = len(batch.drums)
        drums, conditions = [batch.drums, fake], [batch.condition, fake_condition]
        if mismatch > 0:
            order = torch.arange(size, device=fake.device).roll(1)
            drums.append(batch.drums)
            conditions.append(batch.condition.with_bass_of(order))
        scores = score(torch.cat(drums), Condition.join(conditions))[0].split(size)
        losses = {"game": self.loss.critic(scores[0], scores[1])}
        if mismatch > 0:
            losses["mismatch"] = mismatch * self.loss.critic(scores[0], scores[2])
        if penalise and config.gamma > 0:
            if config.loss == "wgan-gp":
                slopes = slope_from_one(lambda d: score(d, batch.condition)[0], batch.drums, fake, mix)
                losses["penalty"] = config.gamma * config.penalty_every * slopes.mean()
            else:
                both = Condition.join(conditions[:2])
                slopes = squared_slope(lambda d: score(d, both)[0], torch.cat(drums[:2]))
                losses["penalty"] = config.gamma * config.penalty_every * slopes.mean()  # gamma / 2 of each of R1, R2
        losses["critic"] = torch.stack(list(losses.values())).sum()
        losses["gap"] = (scores[0] - scores[1]).mean().detach()
        return losses


class GeneratorObjective(nn.Module):
    """What the generator wants: to be taken for real; and, with its encoder, to be able to say what real drummers say."""

    def __init__(self, generator: nn.Module, encoder: Encoder | None, train: TrainConfig) -> None:
        super().__init__()
        self.generator, self.encoder, self.train_config = generator, encoder, train
        self.loss = LOSS_OF[train.loss]()

    def forward(
        self,
        batch: Batch,
        noise: Noise | None = None,
        fake_condition: Condition | None = None,
        discriminator: nn.Module | None = None,
        dice: tuple[Tensor, Tensor, Tensor] | None = None,
        kl: float = 0.0,
    ) -> dict[str, Tensor]:
        """Return losses by name, `generator` their sum: the game's with a discriminator, the CVAE's with dice."""
        losses, config = {}, self.train_config
        if discriminator is not None:
            fake = to_drums(self.generator(fake_condition, noise), fake_condition, noise, self.generator.config)
            fake_score, fake_features = discriminator(fake, fake_condition)
            with torch.no_grad():
                real_score, real_features = discriminator(batch.drums, batch.condition)
            losses["fool"] = self.loss.generator(real_score, fake_score)
            if config.feature_matching > 0:
                losses["features"] = config.feature_matching * matching(real_features, fake_features)
            if config.sample_matching > 0:
                losses["samples"] = config.sample_matching * matching(batch.drums.flatten(1), fake.flatten(1))
        if dice is not None:
            weight = config.reconstruction * config.reconstruction_every if discriminator is not None else 1.0
            losses |= {name: weight * loss / CELLS for name, loss in self.explain(batch, *dice, kl).items()}
        losses["generator"] = torch.stack(list(losses.values())).sum()
        return losses

    def explain(self, batch: Batch, song_dice: Tensor, bar_dice: Tensor, step_dice: Tensor, kl: float) -> dict[str, Tensor]:
        """Return the CVAE's two terms in nats a phrase. Without an encoder (classic) the noise is free and there is no `kl`."""
        song, bar, terms = song_dice, bar_dice, {}
        if self.encoder is not None:
            song_mean, song_logvar, bar_mean, bar_logvar = self.encoder(batch.drums, batch.condition)
            song = song_mean + song_dice * (0.5 * song_logvar).exp()
            bar = bar_mean + bar_dice * (0.5 * bar_logvar).exp()
            terms["kl"] = kl * (divergence(song_mean, song_logvar) + divergence(bar_mean, bar_logvar))
        logits = self.generator(batch.condition, Noise(song, bar, step_dice, step_dice))  # bits are not used by likelihood
        return {"likelihood": likelihood(logits, batch.drums, batch.condition.active)} | terms


def draw_posterior_dice(batch: int, model: ModelConfig, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return standard normal draws for the song (B, Z), bar (B, M, Z) and step (B, M, S, Z) noise of the CVAE."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator, device=generator.device)

    return draw(model.song_noise), draw(4, model.bar_noise), draw(4, 16, model.step_noise)
