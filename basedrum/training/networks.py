"""What a training trains, and what all phases have in common."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from basedrum.models.config import ModelConfig
from basedrum.models.protocol import Discriminator, Model
from basedrum.models.registry import build_discriminator, build_model


@dataclass(frozen=True)
class Networks:
    """The model, the discriminator, and the running average of the model, which is the one that is kept."""

    model: Model
    discriminator: Discriminator
    averaged: Model

    @classmethod
    def build(cls, config: ModelConfig, device: str) -> Networks:
        """Return networks with weights drawn from torch's global generator."""
        model = build_model(config).to(device)
        discriminator = build_discriminator(config).to(device)
        return cls(model, discriminator, copy.deepcopy(model).requires_grad_(False).eval())

    def state(self) -> dict[str, Any]:
        """Return the weights of each network by its name."""
        return {name: dict(getattr(self, name).state_dict()) for name in self.__dataclass_fields__}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the weights that `state` returned."""
        for name in self.__dataclass_fields__:
            getattr(self, name).load_state_dict(state[name])


class Phase(Protocol):
    """A part of a training: it owns its optimisers, its losses and its step.

    Attributes:
        steps: how long it lasts.
        moves_model: whether the model learns in it, so that the average has to follow.
    """

    steps: int
    moves_model: bool

    def advance(self, step: int, number: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Take step `number` of the phase, `step` of the training; return its losses by name.

        Raises:
            TrainingError: a loss or a gradient is not finite; the networks are as they were then.
        """

    def state(self) -> dict[str, Any]:
        """Return what `load_state` needs to go on exactly."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
