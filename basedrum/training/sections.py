"""The sections of a training's configuration, one frozen dataclass each, and the ranges of their values.

Conventions: no torch here, so that a configuration is checked before torch is imported. Rates are of an
optimiser, weights multiply a loss, shares are from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from basedrum.errors import ConfigError

LOSSES = ("rpgan", "wgan-gp", "midinet")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """What holds in all phases.

    Attributes:
        seed: of the weights, the batches and the noise.
        batch: phrases a step, over all processes together.
        precision: float32, bfloat16 (half as long where the processor has it, far slower where not), or auto:
            bfloat16 where the processor has it.
        ema: decay of the averaged model, the one that is kept.
        drop_previous: share of the phrases whose drums before are not given.
        drop_controls: share of the phrases whose style is not given, and of those whose density is not.
        drop_form, drop_kit: share of the phrases whose place in the form of the song is not given, and of
            those for which it is not given which voices the song uses.
        always_with_style: sources of songs whose style is always given: those that are made for their style,
            which the drummer is not to play unasked.
        evaluate_every, save_every: steps between two validations, and between two saves.
        validation_phrases: how many phrases a validation takes.
    """

    seed: int = 1
    batch: int = 64
    precision: str = "auto"
    ema: float = 0.998
    drop_previous: float = 0.5
    drop_controls: float = 0.5
    drop_form: float = 0.2
    drop_kit: float = 0.2
    always_with_style: tuple[str, ...] = ()
    evaluate_every: int = 500
    save_every: int = 500
    validation_phrases: int = 384

    def __post_init__(self) -> None:
        _one_of("train", self, "precision", PRECISIONS)
        _at_least(1, "train", self, ("batch", "evaluate_every", "save_every", "validation_phrases"))
        _at_least(0, "train", self, ("seed",))
        if self.seed >= 2**63:
            raise ConfigError(f"train.seed {self.seed!r}: use a number below 2^63")
        _shares("train", self, ("ema", "drop_previous", "drop_controls", "drop_form", "drop_kit"))


@dataclass(frozen=True)
class WarmupConfig:
    """The phase of likelihood.

    Attributes:
        steps: how long; lr: learning rate.
    """

    steps: int = 1000
    lr: float = 2e-3

    def __post_init__(self) -> None:
        _at_least(0, "warmup", self, ("steps",))
        _above_0("warmup", self, ("lr",))


@dataclass(frozen=True)
class AdversarialConfig:
    """The phase of model against discriminator.

    Attributes:
        steps: how long.
        loss: rpgan (relativistic, R1 + R2), wgan-gp or midinet.
        discriminator_first: steps at the beginning in which the discriminator alone learns.
        discriminator_moves, model_moves: how often each of the two learns in a step.
        discriminator_lr, model_lr: learning rates; beta1, beta2: Adam's, of both.
        decay_from: share of the steps after which the rates fall in a line to a twentieth.
        gamma: weight of the gradient penalty. penalty_every: steps between two penalties, each that much
            stronger.
        mismatch: weight of "real drums over another song's bass are fake", which makes drums follow the bass:
            too high and they follow it more than real ones do. mismatch_from: share of the steps it starts
            at. mismatch_kickless: share of these drums that is shown without its kick, so that the rest of
            the kit has to fit, too.
        likelihood: weight of the likelihood of real drums in the model's loss.
        feature_matching, sample_matching: weights of MidiNet's two matching terms.
        rollout: share of the phrases whose drums before are the model's own, so that it learns to follow
            itself.
    """

    steps: int = 4000
    loss: str = "rpgan"
    discriminator_first: int = 100
    discriminator_moves: int = 1
    model_moves: int = 1
    discriminator_lr: float = 4e-4
    model_lr: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.99
    decay_from: float = 1.0
    gamma: float = 0.1
    penalty_every: int = 8
    mismatch: float = 0.5
    mismatch_from: float = 0.3
    mismatch_kickless: float = 0.7
    likelihood: float = 0.15
    feature_matching: float = 0.0
    sample_matching: float = 0.0
    rollout: float = 0.8

    def __post_init__(self) -> None:
        section = "adversarial"
        _one_of(section, self, "loss", LOSSES)
        _at_least(0, section, self, ("steps", "discriminator_first"))
        _at_least(1, section, self, ("discriminator_moves", "model_moves", "penalty_every"))
        _above_0(section, self, ("discriminator_lr", "model_lr"))
        _at_least(
            0, section, self, ("gamma", "mismatch", "likelihood", "feature_matching", "sample_matching")
        )
        _shares(section, self, ("decay_from", "mismatch_from", "mismatch_kickless", "rollout"))
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                shown = f"{section}.{name} {getattr(self, name)!r}"
                raise ConfigError(f"{shown}: use a number from 0 to below 1")


@dataclass(frozen=True)
class RerankingConfig:
    """The phase in which the model rests and the discriminator learns to rank what it plays.

    Attributes:
        steps: how long; 0 for a drummer without re-ranker. lr: learning rate.
        mismatch: weight of "real drums over another song's bass are fake": phrases then have to fit the bass,
            too.
    """

    steps: int = 0
    lr: float = 1e-3
    mismatch: float = 0.0

    def __post_init__(self) -> None:
        _at_least(0, "reranking", self, ("steps", "mismatch"))
        _above_0("reranking", self, ("lr",))


def _one_of(section: str, values: object, name: str, known: Sequence[str]) -> None:
    value = getattr(values, name)
    if value not in known:
        raise ConfigError(f"{section}.{name} {value!r}: unknown, use one of {', '.join(known)}")


def _at_least(least: int, section: str, values: object, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(values, name)
        if not least <= value < math.inf:
            raise ConfigError(f"{section}.{name} {value!r}: use {least} or more")


def _above_0(section: str, values: object, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(values, name)
        if not 0 < value < math.inf:
            raise ConfigError(f"{section}.{name} {value!r}: use a number above 0")


def _shares(section: str, values: object, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(values, name)
        if not 0 <= value <= 1:
            raise ConfigError(f"{section}.{name} {value!r}: use a number from 0 to 1")
