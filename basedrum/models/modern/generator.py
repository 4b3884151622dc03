"""The autoregressive generator: step after step, and inside a step voice after voice, so that each decision
is conditioned on every one before it.

It learns by likelihood, and then against the discriminator: what it played goes through it once more in
parallel, and each hit gets the straight-through gradient of its own decision. Each step is conditioned on
what the plan has for its bar; bars that repeat are copied.

| layer | out |
|---|---|
| conditioner: 1x1 of each map, repeated to every step, leaky ReLU; the plan | context: 2C + K @ T |
| drums 1, 2, 3, 4, 8, 12, 16, 32, 48 and 64 steps ago, into the phrase before | past: 10 V @ T |
| trunk over the steps of [context, past], begun with [whole, controls] (`modern.trunk`) | H @ T |
| linear of [trunk, context, past] and of the step's voices before it, leaky ReLU | 16 units of each voice |
| linear of a voice's units, bias -2 | V logits @ T |

Inside a step all voices are drawn at once, again and again until none changes: as no voice depends on a later
one, that is the draw of one voice after the other, in two or three rounds instead of twelve.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import NUM_KIT_FEATURES, Condition, control_features, kit_features
from basedrum.models.config import ModelConfig
from basedrum.models.modern.blocks import SLOPE
from basedrum.models.modern.conditioner import WHOLE, Conditioner
from basedrum.models.modern.planner import plan_of
from basedrum.models.modern.trunk import build_trunk
from basedrum.models.recall import NUM_CHOICES
from basedrum.music.grid import STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.kit import NUM_VOICES

LAGS = (1, 2, 3, 4, 8, 12, 16, 32, 48, 64)
UNITS = 16
INPUTS_OF_PAST = len(LAGS) * NUM_VOICES


class AutoregressiveGenerator(nn.Module):
    """(Condition, drums (B, T, V)) -> logits (B, T, V), each conditioned on the drums before it alone.

    `modern.decoding` samples from it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.size = 2 * config.width + NUM_CHOICES  # of the context
        all_units = UNITS * NUM_VOICES
        self.conditioner = Conditioner(config.width)
        channels = (config.width, 2 * config.width, 2 * config.width)
        self.joins = nn.ModuleList(nn.Conv2d(c, 2 * config.width, 1) for c in channels)
        inputs = self.size + INPUTS_OF_PAST
        self.trunk = build_trunk(config.trunk, inputs, WHOLE + _num_controls(config), 4 * config.width)
        self.units = nn.Linear(self.trunk.width + inputs, all_units)
        self.inside = nn.Parameter(torch.empty(NUM_VOICES, all_units).normal_(std=0.1))
        self.out = nn.Parameter(torch.empty(NUM_VOICES, UNITS).normal_(std=0.1))
        self.bias = nn.Parameter(torch.full((NUM_VOICES,), -2.0))

    def forward(self, condition: Condition, drums: Tensor, plan: Tensor | None = None) -> Tensor:
        """Return logits; `plan` (B, M) is what the drums follow, read off them where it is not given."""
        plan = plan_of(drums, condition) if plan is None else plan
        context, start = self.context(condition, plan)
        past = torch.cat([drums_before(condition), drums], dim=1)  # (B, 2T, V)
        inputs = torch.cat([context, past[:, lagged_steps(past.device)].flatten(2)], dim=2)
        hidden = self.trunk(inputs, start)  # (B, T, H)
        units = self.units(torch.cat([hidden, inputs], dim=2))  # (B, T, V * units)
        inside, out = self.voice_weights()
        sums = F.leaky_relu(units + drums @ inside, SLOPE) @ out  # (B, T, V)
        return (sums + self.bias).float()

    def context(self, condition: Condition, plan: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context (B, T, 2C + K) of every step, and what holds for the whole phrase (B, W)."""
        fine, beats, bars, whole = self.conditioner(condition)
        joined = torch.zeros((), device=fine.device)
        for join, maps in zip(self.joins, (fine, beats, bars), strict=True):
            joined = joined + join(maps).repeat_interleave(STEPS_PER_MEASURE // maps.shape[3], dim=3)
        maps = F.leaky_relu(joined, SLOPE).flatten(2).transpose(1, 2)  # (B, T, 2C)
        planned = F.one_hot(plan, NUM_CHOICES).to(maps.dtype).repeat_interleave(STEPS_PER_MEASURE, dim=1)
        controls = control_features(condition, len(self.config.styles))
        return torch.cat([maps, planned], dim=2), torch.cat([whole, controls, kit_features(condition)], dim=1)

    def voice_weights(self) -> tuple[Tensor, Tensor]:
        """Return the weights from a voice to the units of the voices after it (V, V * units), and from a
        voice's own units to its logit (V * units, V)."""
        voices = torch.arange(NUM_VOICES, device=self.out.device)
        owner = voices.repeat_interleave(UNITS)  # of each unit
        inside = self.inside * (voices[:, None] < owner)
        return inside, (self.out.flatten() * (voices[:, None] == owner)).t()


def _num_controls(config: ModelConfig) -> int:
    return len(config.styles) + 3 + NUM_KIT_FEATURES


def drums_before(condition: Condition) -> Tensor:
    """Return (B, T, V): the phrase before, silent where it is not given."""
    return condition.previous * condition.has_previous[:, None, None]


def lagged_steps(device: torch.device) -> Tensor:
    """Return (T, lags): where the past of each step lies in the phrase before and this one."""
    steps = torch.arange(STEPS_PER_PHRASE, device=device)
    return STEPS_PER_PHRASE + steps[:, None] - torch.tensor(LAGS, device=device)
