"""A training: its networks, and its three phases one after the other.

A step is a function of (configuration, data, step, number of processes): batches and noise come from the seed
and the step alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import ConfigError, TrainingError, printable
from basedrum.training.adversarial import Adversarial
from basedrum.training.batches import Batches
from basedrum.training.config import Config
from basedrum.training.descent import average
from basedrum.training.feed import Feed
from basedrum.training.networks import Networks, Phase
from basedrum.training.process import Process, has_bfloat16
from basedrum.training.reranking import Reranking
from basedrum.training.warmup import Warmup

HARMLESS = (
    "evaluate_every",
    "save_every",
    "validation_phrases",
)  # keys of [train] that may change on resuming


class Trainer:
    """The networks, and one step of the training.

    Attributes:
        networks: model, discriminator and averaged model; the averaged one is kept.
        step: how many steps are done, of all phases.
        sums: of each loss since the last validation: its sum, and how often it was taken.

    Raises:
        ConfigError: a training that cannot teach this model. DataError: no phrases to train on.
    """

    def __init__(
        self, config: Config, data: PhraseDataset, device: str = "cpu", rank: int = 0, world: int = 1
    ) -> None:
        train = config.train
        is_halved = train.precision == "bfloat16" or (train.precision == "auto" and has_bfloat16(device))
        self.config, self.process = config, Process(device, rank, world, is_halved)
        torch.manual_seed(train.seed)
        if device.startswith(
            "cuda"
        ):  # half a percent of precision for twice the speed; the CPU is left exact
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        self.feed = Feed(Batches(data, config), self.process, config.warmup.steps + config.adversarial.steps)
        self.networks = Networks.build(config.model, device)
        if self.networks.model.needs_warmup and not config.warmup.steps:
            raise ConfigError("warmup.steps 0: parts of this model learn in the warm-up alone, use 1 or more")
        self.phases: dict[str, Phase] = {
            "warmup": Warmup(self.networks, config.warmup, self.feed, self.process),
            "adversarial": Adversarial(self.networks, config.adversarial, self.feed, self.process),
            "reranking": Reranking(self.networks, config.reranking, self.feed, self.process),
        }
        self.step = 0
        self.sums: dict[str, tuple[float, int]] = {}

    def advance(self) -> dict[str, float]:
        """Take one step and return its losses by name.

        Raises:
            TrainingError: a loss or a gradient is not finite; the networks are as they were before.
        """
        phase, number = self._phase()
        generator = self.process.generator(self.config.train.seed, self.step)
        try:
            losses = phase.advance(self.step, number, generator)
        except TrainingError as error:
            raise TrainingError(f"step {self.step}: {error}") from error
        if phase.moves_model:
            averaged, model = cast(nn.Module, self.networks.averaged), cast(nn.Module, self.networks.model)
            average(averaged, model, self.step, self.config.train.ema)
        self.step += 1
        values = torch.stack([value.detach() for value in losses.values()])
        taken = dict(zip(losses, values.tolist(), strict=True))
        for name, value in taken.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)
        return taken

    def _phase(self) -> tuple[Phase, int]:
        """Return the phase of this step and the step's number in it."""
        number = self.step
        for phase in self.phases.values():
            if number < phase.steps:
                return phase, number
            number -= phase.steps
        raise IndexError(f"step {self.step}: the training has {self.config.total_steps}")

    def state(self) -> dict[str, Any]:
        """Return everything that a later process needs to go on exactly."""
        return {
            "step": self.step,
            "sums": dict(self.sums),
            "config": self.config.to_dict(),
            "networks": self.networks.state(),
            "phases": {name: phase.state() for name, phase in self.phases.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`.

        Raises:
            TrainingError: it belongs to another model or training, or cannot be one's state.
        """
        try:
            self._check_config(state["config"])
            self._load_state(state)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            why = f"the checkpoint does not fit this training ({printable(error, 100)})"
            raise TrainingError(f"resume: {why}, choose another run folder") from error

    def _check_config(self, other: Mapping[str, Mapping[str, Any]]) -> None:
        mine = json.loads(json.dumps(self.config.to_dict()))
        for section, values in mine.items():
            for key, value in values.items():
                was = other[section][key]
                if was != value and not (section == "train" and key in HARMLESS):
                    remedy = "give the same config or choose another run folder"
                    raise TrainingError(f"resume: {section}.{key} was {was}, is now {value}, {remedy}")

    def _load_state(self, state: Mapping[str, Any]) -> None:
        if type(state["step"]) is not int or not 0 <= state["step"] <= self.config.total_steps:
            raise ValueError(f"step {state['step']}")
        sums = {str(name): (float(total), int(count)) for name, (total, count) in state["sums"].items()}
        self.networks.load_state(state["networks"])
        for name, phase in self.phases.items():
            phase.load_state(state["phases"][name])
        self.step, self.sums = state["step"], sums
