"""The generator that plays step after step, and voice after voice inside a step: each hit knows every one
before it.

It listens with the conditioner of the modern generator. It learns by likelihood, and then in the game: what
it played is gone through once more in parallel, and each hit gets the straight-through gradient of its own
draw (`families.play_planned`). Where bars that repeat are decided apart, each step is told what its bar does.
Without the game it is the rival of the other families.

| layer | out |
|---|---|
| conditioner: 1x1 of f0, and of f1 and f2 repeated to every step, leaky ReLU | context: 2C @ T |
| drums 1, 2, 3, 4, 8, 12, 16, 32, 48 and 64 steps ago, into the phrase before where it is given | heard: 10V @ T |
| GRU over the steps of [context, heard], begun from [glob, wishes] | 4C @ T |
| linear of [GRU, context, heard] and of the voices before it in the step, leaky ReLU | 16 units of each voice |
| linear of a voice's units, bias -2 | V logits @ T |

A phrase is drawn in one pass over its steps. Inside a step all voices are drawn at once, again and again
until none
changes: as no voice hears a later one, that is the draw of one after the other, in two or three rounds
    instead of twelve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.binary import logistic
from basedrum.models.blocks import SLOPE
from basedrum.models.condition import Condition, as_measures, wish_features
from basedrum.models.conditioner import GLOB, Conditioner
from basedrum.models.config import ModelConfig
from basedrum.models.planner import RECALL, num_choices, plan_of
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.kit import CRASH

LAGS = (1, 2, 3, 4, 8, 12, 16, 32, 48, 64)
UNITS = 16
HOLD_MOST = 2.0


class Autoregressive(nn.Module):
    """(Condition, drums (B, T, V)) -> logits (B, T, V), each of them knowing only the drums before it; `play`
    draws."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, self.hidden = config, 4 * config.width
        context, heard, units = 2 * config.width, len(LAGS) * config.num_voices, UNITS * config.num_voices
        self.conditioner = Conditioner(config)
        channels = (config.width, 2 * config.width, 2 * config.width)
        self.joins = nn.ModuleList(nn.Conv2d(c, context, 1) for c in channels)
        self.begin = nn.Linear(GLOB + len(config.styles) + 3, self.hidden)
        context += num_choices(config) if config.plans else 0
        self.steps = nn.GRU(context + heard, self.hidden, batch_first=True)
        self.units = nn.Linear(self.hidden + context + heard, units)
        self.inside = nn.Parameter(torch.empty(config.num_voices, units).normal_(std=0.1))
        self.out = nn.Parameter(torch.empty(config.num_voices, UNITS).normal_(std=0.1))
        self.bias = nn.Parameter(torch.full((config.num_voices,), -2.0))

    def forward(self, condition: Condition, drums: Tensor, plan: Tensor | None = None) -> Tensor:
        """`plan` (B, M) where it is known; else the drums say which bars they repeat."""
        if plan is None and self.config.plans:
            plan = plan_of(drums, condition)
        context, begin = self._listen(condition, plan)
        memory = torch.cat([self._before(condition), drums], dim=1)  # (B, 2T, V)
        inputs = torch.cat([context, memory[:, self._lagged(memory.device)].flatten(2)], dim=2)
        hidden, _ = self.steps(inputs, begin[None])  # (B, T, 4C)
        return self._voices(self.units(torch.cat([hidden, inputs], dim=2)), drums, *self._wires()).float()

    @torch.inference_mode()
    def play(
        self,
        condition: Condition,
        bits: Tensor,
        temperature: float = 1.0,
        plan: Tensor | None = None,
        stress: Mapping[str, float] | None = None,
        hold: float = 0.0,
        crash_again: float = 1.0,
    ) -> Tensor:
        """Return hits (B, T, V) bool, silent on steps that do not exist, for the dice `bits` (B, M, S, V).

        `temperature` scales the dice: 0 takes the likelier of hit and rest each time, 1 draws as learned.
        Bars that `plan` (B, M) repeats are repeated hit for hit. A wish that `stress` names (`style`,
        `density`) counts so many times: what the answer with it has over the one without, to the same drums
        so far. Where a density is wished for, the logits rise by `hold` for every hit that is missing to it
        since the phrase began and fall for every one too many, by HOLD_MOST at most. A crash on the one comes
        again with a bar of the same phrase with the chance `crash_again`.
        """
        stressed = {
            name: times
            for name, times in (stress or {}).items()
            if times != 1 and getattr(condition, name).any()
        }
        views = _views(condition, stressed)
        heard = Condition.join(
            views
        )  # a copy even of one: what it keeps in inference mode is of no use to training
        told = None if plan is None else plan.repeat(len(views), 1)
        context, hidden = self._listen(heard, told)
        size, width = context.shape[2], self.hidden
        loud = torch.special.ndtr(temperature * bits[:, :, 0, CRASH]) <= crash_again  # (B, M)
        against = -(
            temperature * logistic(bits.flatten(1, 2)) + self.bias
        )  # (B, T, V): a hit where the voices' sum is more
        memory = torch.cat([self._before(condition), torch.zeros_like(against)], dim=1)
        lags = self._lagged(memory.device).unbind(0)
        from_state, from_inputs = self.units.weight.split([width, self.units.in_features - width], dim=1)
        inward = torch.cat([self.steps.weight_ih_l0, from_inputs])  # (3 gates and units, context and heard)
        known = F.linear(
            context, inward[:, :size], torch.cat([self.steps.bias_ih_l0, self.units.bias])
        ).unbind(1)
        inward = inward[:, size:].t().contiguous()
        onward = torch.cat([self.steps.weight_hh_l0, from_state]).t().contiguous()  # (4C, 3 gates and units)
        onward_bias = torch.cat([self.steps.bias_hh_l0, torch.zeros_like(self.units.bias)])
        inside, out = self._wires()

        def sound(units: Tensor) -> Tensor:
            """Return the sum (B, V) that the voices make of their units."""
            sums = F.leaky_relu(units, SLOPE) @ out
            if not stressed:
                return sums
            plain, *wished = sums.chunk(len(views))
            return plain + sum(
                times * (sum_ - plain) for sum_, times in zip(wished, stressed.values(), strict=True)
            )

        def for_each(drums: Tensor) -> Tensor:
            return drums.repeat(len(views), 1) if stressed else drums

        holds = hold > 0 and bool(condition.density.any())
        wanted = condition.density[:, None] / STEPS_PER_MEASURE  # (B, 1)
        missing = torch.zeros_like(wanted)
        gates = torch.addmm(onward_bias, hidden, onward)
        for step, (here, (new, hits)) in enumerate(
            zip(known, self._bars(condition, memory, plan, loud), strict=True)
        ):
            inputs = torch.addmm(here, for_each(memory.index_select(1, lags[step]).flatten(1)), inward)
            reset, keep = (inputs[:, : 2 * width] + gates[:, : 2 * width]).sigmoid_().chunk(2, dim=1)
            fresh = torch.addcmul(
                inputs[:, 2 * width : 3 * width], reset, gates[:, 2 * width : 3 * width]
            ).tanh_()
            hidden = torch.lerp(fresh, hidden, keep)
            gates = torch.addmm(onward_bias, hidden, onward)
            if new is not False:
                units = inputs[:, 3 * width :] + gates[:, 3 * width :]
                limit = against[:, step]
                if holds:
                    limit = limit - (hold * missing).clamp(-HOLD_MOST, HOLD_MOST)
                drawn = sound(units) > limit
                previous = torch.zeros_like(drawn)
                while not torch.equal(drawn, previous):
                    previous = drawn
                    drawn = sound(torch.addmm(units, for_each(drawn.to(units.dtype)), inside)) > limit
                hits = drawn if new is True else torch.where(new, drawn, hits)
            memory[:, STEPS_PER_PHRASE + step] = hits = hits * condition.active[:, step, None]
            if holds:
                missing = missing + (wanted > 0) * (
                    wanted * condition.active[:, step, None] - hits.sum(dim=1, keepdim=True)
                )
        return memory[:, STEPS_PER_PHRASE:] > 0

    def _bars(
        self, condition: Condition, memory: Tensor, plan: Tensor | None, loud: Tensor
    ) -> Iterator[tuple[Tensor | bool, Tensor | None]]:
        """Yield for each step whether it is new, (B, 1) bool or the same for all, and the hits (B, V) > 0
        that it repeats.

        `memory` (B, 2T, V) is looked at when a bar begins: what it repeats has been played by then. `loud`
        (B, M): bars that take a crash on the one along from a bar of the phrase they repeat.
        """
        for bar in range(MEASURES_PER_PHRASE):
            choice = None if plan is None else plan[:, bar]
            if choice is None or not bool(choice.any()):
                yield from [(True, None)] * STEPS_PER_MEASURE
                continue
            first = STEPS_PER_PHRASE + bar * STEPS_PER_MEASURE - choice % RECALL * STEPS_PER_MEASURE
            steps = first[:, None] + torch.arange(STEPS_PER_MEASURE, device=memory.device)
            hits = memory[torch.arange(len(memory), device=memory.device)[:, None], steps]  # (B, S, V)
            if condition.recalled is not None:
                hits = torch.where(
                    (choice == RECALL)[:, None, None], as_measures(condition.recalled)[:, bar], hits
                )
            hits[:, 0, CRASH] *= loud[:, bar] | (choice > bar)
            new = (choice == 0)[:, None]
            new = new if bool(new.any()) else False
            yield from ((new, hits_now > 0) for hits_now in hits.unbind(1))

    def _listen(self, condition: Condition, plan: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return context (B, T, 2C, and the plan of the step's bar where there are plans) and the state (B,
        4C) that the steps begin with."""
        *scales, glob = self.conditioner(condition)
        maps = [
            join(scale) for join, scale in zip(self.joins, scales, strict=True)
        ]  # (B, 2C, M, 16), 4 and 1
        context = F.leaky_relu(
            sum(m.repeat_interleave(STEPS_PER_MEASURE // m.shape[3], dim=3) for m in maps), SLOPE
        )
        begin = torch.tanh(
            self.begin(torch.cat([glob, wish_features(condition, len(self.config.styles))], dim=1))
        )
        context = context.flatten(2).transpose(1, 2)
        if plan is not None:
            planned = (
                F.one_hot(plan, num_choices(self.config))
                .to(context.dtype)
                .repeat_interleave(STEPS_PER_MEASURE, dim=1)
            )
            context = torch.cat([context, planned], dim=2)
        return context, begin

    def _before(self, condition: Condition) -> Tensor:
        """(B, T, V): the phrase before, silent where it is not given."""
        return (
            condition.previous
            * (condition.has_previous * self.config.generator_hears_previous)[:, None, None]
        )

    def _lagged(self, device: torch.device) -> Tensor:
        """(T, lags): where each step's past lies in two phrases of memory."""
        steps = torch.arange(STEPS_PER_PHRASE, device=device)
        return STEPS_PER_PHRASE + steps[:, None] - torch.tensor(LAGS, device=device)

    def _wires(self) -> tuple[Tensor, Tensor]:
        """Return the weights from a voice to the units of the voices after it (V, V * units), and from a
        voice's own units to its logit (V * units, V)."""
        owner = torch.arange(self.config.num_voices, device=self.out.device).repeat_interleave(
            UNITS
        )  # of each unit
        voices = torch.arange(self.config.num_voices, device=self.out.device)[:, None]
        inside = self.inside * (voices < owner)
        return inside, (self.out.flatten() * (voices == owner)).t()

    def _voices(self, units: Tensor, drums: Tensor, inside: Tensor, out: Tensor) -> Tensor:
        """(..., V * units), drums of the same step (..., V) -> logits (..., V)."""
        return F.leaky_relu(units + drums @ inside, SLOPE) @ out + self.bias


def _views(condition: Condition, stressed: Iterable[str]) -> list[Condition]:
    """Return the condition without the wishes that are stressed, and then with each of them alone; where none
    is, itself."""
    plain = condition.replace(**{name: torch.zeros_like(getattr(condition, name)) for name in stressed})
    return [plain, *(plain.replace(**{name: getattr(condition, name)}) for name in stressed)]
