"""The families by name: the one place that chooses between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from basedrum.models.classic.discriminator import ClassicDiscriminator
from basedrum.models.classic.model import ClassicModel
from basedrum.models.config import ModelConfig
from basedrum.models.modern.discriminator import ModernDiscriminator
from basedrum.models.modern.model import ModernModel
from basedrum.models.protocol import Discriminator, Model


@dataclass(frozen=True)
class Family:
    """How the two networks of a family are built."""

    model: Callable[[ModelConfig], Model]
    discriminator: Callable[[ModelConfig], Discriminator]


REGISTRY = {
    "modern": Family(ModernModel, ModernDiscriminator),
    "classic": Family(ClassicModel, ClassicDiscriminator),
}


def build_model(config: ModelConfig) -> Model:
    """Return a model with newly drawn weights."""
    return REGISTRY[config.family].model(config)


def build_discriminator(config: ModelConfig) -> Discriminator:
    """Return a discriminator with newly drawn weights."""
    return REGISTRY[config.family].discriminator(config)
