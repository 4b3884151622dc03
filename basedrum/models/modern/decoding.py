"""Sampling from the autoregressive generator, one pass over the steps of a phrase.

The layers are those of `AutoregressiveGenerator.forward`, written out for one step: what depends on the
condition alone is computed for all steps beforehand.

Source: guidance is classifier-free (Ho and Salimans, arXiv 2207.12598), in logits: the condition is given
without the guided controls and once with each of them, to the same drums so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from basedrum.models.condition import Condition, as_measures
from basedrum.models.modern.blocks import SLOPE
from basedrum.models.modern.generator import AutoregressiveGenerator, drums_before, lagged_steps
from basedrum.models.noise import logistic
from basedrum.models.protocol import AS_LEARNED, Guidance
from basedrum.models.recall import NEW, RECALLED
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.kit import CRASH

HOLD_MOST = 2.0  # as far as logits are moved at most to hold a density


@dataclass(frozen=True)
class Draw:
    """What decides a phrase beside its condition.

    Attributes:
        cells: (B, T, V) uniform noise.
        plan: (B, M), what each bar repeats.
        crash_again: the probability that a crash on the one comes again with a bar of the same phrase.
    """

    cells: Tensor
    plan: Tensor
    crash_again: float = 1.0


@torch.inference_mode()
def sample_hits(
    generator: AutoregressiveGenerator, condition: Condition, draw: Draw, guidance: Guidance = AS_LEARNED
) -> Tensor:
    """Return hits (B, T, V) bool, silent on steps that do not exist."""
    scales = _scales(condition, guidance)
    network = _StepNetwork(generator, condition, draw.plan, scales)
    noise = guidance.temperature * logistic(draw.cells)
    limits = -(noise + generator.bias)  # (B, T, V): a hit where the voices' sum is more
    ones = noise[:, ::STEPS_PER_MEASURE, CRASH]  # (B, M)
    with_crash = torch.sigmoid(ones) <= draw.crash_again
    limits = limits.masked_fill(_unused(condition)[:, None], float("inf"))
    most = condition.most_voices if bool(condition.most_voices.any()) else None
    density = _DensityHold(condition, guidance.hold)
    memory = torch.cat([drums_before(condition), torch.zeros_like(limits)], dim=1)  # (B, 2T, V)
    bars = _bars(condition, memory, draw.plan, with_crash)
    for step, bar in enumerate(bars):
        network.advance(step, memory)
        hits = bar.repeated
        if bar.is_any_new:
            margins = network.draw(density.moved(limits[:, step]))
            drawn = margins > 0 if most is None else _strongest(margins, most)
            hits = drawn if hits is None else torch.where(bar.is_new, drawn, hits)
        assert hits is not None
        active = condition.active[:, step, None]
        hits = hits * active
        memory[:, STEPS_PER_PHRASE + step] = hits
        density.count(hits, active)
    return memory[:, STEPS_PER_PHRASE:] > 0


def _unused(condition: Condition) -> Tensor:
    """Return (B, V) bool: the voices that the song leaves out."""
    return (condition.voices == 0) & (condition.has_voices[:, None] > 0)


def _strongest(margins: Tensor, most: Tensor) -> Tensor:
    """Return hits (B, V) bool: where margins are positive, of too many the `most` (B,) largest; 0: all."""
    order = margins.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (margins > 0) & ((order < most[:, None]) | (most[:, None] == 0))


def _scales(condition: Condition, guidance: Guidance) -> dict[str, float]:
    """Return the guidance scales of the controls that are given and guided."""
    scales = {"style": guidance.style, "density": guidance.density}
    return {name: s for name, s in scales.items() if s != 1 and getattr(condition, name).any()}


def _views(condition: Condition, names: list[str]) -> list[Condition]:
    """Return the condition without the controls `names`, then with each of them alone; itself without any."""
    plain = condition.replace(**{name: torch.zeros_like(getattr(condition, name)) for name in names})
    return [plain] + [plain.replace(**{name: getattr(condition, name)}) for name in names]


class _StepNetwork:
    """The generator's layers for one step after the other, for all views of the condition at once."""

    def __init__(
        self,
        generator: AutoregressiveGenerator,
        condition: Condition,
        plan: Tensor,
        scales: dict[str, float],
    ) -> None:
        self.scales = scales
        views = _views(condition, list(scales))
        self.num_views = len(views)
        # a copy even of one view: features kept in inference mode are of no use to training
        context, start = generator.context(Condition.join(views), plan.repeat(self.num_views, 1))
        self.trunk = generator.trunk.steps(context, start)
        hidden, known = generator.trunk.width, generator.trunk.width + generator.size
        weight = generator.units.weight
        self.known = F.linear(context, weight[:, hidden:known], generator.units.bias).unbind(1)
        self.of_hidden = weight[:, :hidden].t().contiguous()
        self.of_past = weight[:, known:].t().contiguous()
        self.inside, self.out = generator.voice_weights()
        self.lags = lagged_steps(context.device).unbind(0)
        self.units = start

    def advance(self, step: int, memory: Tensor) -> None:
        """Take in the past of a step, from `memory` (B, 2T, V)."""
        past = self._for_each_view(memory.index_select(1, self.lags[step]).flatten(1))
        hidden = self.trunk.advance(step, past)
        self.units = torch.addmm(torch.addmm(self.known[step], past, self.of_past), hidden, self.of_hidden)

    def draw(self, limits: Tensor) -> Tensor:
        """Return by how much each voice's sum (B, V) is above its limit: there is a hit where it is
        positive."""
        units = self.units
        margins = self._sums(units) - limits
        drawn, before = margins > 0, torch.zeros_like(limits, dtype=torch.bool)
        while not torch.equal(drawn, before):
            before = drawn
            hits = self._for_each_view(drawn.to(units.dtype))
            margins = self._sums(torch.addmm(units, hits, self.inside)) - limits
            drawn = margins > 0
        return margins

    def _sums(self, units: Tensor) -> Tensor:
        """Return the guided sums (B, V) that the voices make of their units."""
        sums = F.leaky_relu(units, SLOPE) @ self.out
        if not self.scales:
            return sums
        plain, *others = sums.chunk(self.num_views)
        moves = [s * (other - plain) for other, s in zip(others, self.scales.values(), strict=True)]
        return plain + sum(moves)

    def _for_each_view(self, drums: Tensor) -> Tensor:
        return drums if self.num_views == 1 else drums.repeat(self.num_views, 1)


class _DensityHold:
    """Moves the limits by the hits that are missing to the density asked for since the phrase began."""

    def __init__(self, condition: Condition, hold: float) -> None:
        self.hold = hold if hold > 0 and bool(condition.density.any()) else 0.0
        self.wanted = condition.density[:, None] / STEPS_PER_MEASURE  # (B, 1) hits a step
        self.missing = torch.zeros_like(self.wanted)

    def moved(self, limits: Tensor) -> Tensor:
        """Return the limits (B, V) of a step, lower where hits are missing."""
        if not self.hold:
            return limits
        return limits - (self.hold * self.missing).clamp(-HOLD_MOST, HOLD_MOST)

    def count(self, hits: Tensor, active: Tensor) -> None:
        """Take note of the hits (B, V) of a step, active (B, 1)."""
        if self.hold:
            more = self.wanted * active - hits.sum(dim=1, keepdim=True)
            self.missing = self.missing + (self.wanted > 0) * more


@dataclass(frozen=True)
class _Bar:
    """What the plan has for a step: `is_new` (B, 1) bool, and the hits (B, V) bool that it repeats; None
    where the bar is new for all."""

    is_new: Tensor
    is_any_new: bool
    repeated: Tensor | None


def _bars(condition: Condition, memory: Tensor, plan: Tensor, with_crash: Tensor) -> Iterator[_Bar]:
    """Yield what the plan has for each step.

    `memory` (B, 2T, V) is read when a bar begins: what it repeats has been played by then. `with_crash`
    (B, M): where a crash on the one comes again with a bar of the same phrase.
    """
    rows = torch.arange(len(memory), device=memory.device)[:, None]
    places = torch.arange(STEPS_PER_MEASURE, device=memory.device)
    for number in range(MEASURES_PER_PHRASE):
        choice = plan[:, number]
        is_new = (choice == NEW)[:, None]
        if bool(is_new.all()):
            yield from [_Bar(is_new, True, None)] * STEPS_PER_MEASURE
            continue
        is_any_new = bool(is_new.any())
        first = STEPS_PER_PHRASE + number * STEPS_PER_MEASURE - choice % RECALLED * STEPS_PER_MEASURE
        hits = memory[rows, first[:, None] + places]  # (B, S, V)
        recalled = as_measures(condition.recalled)[:, number]
        hits = torch.where((choice == RECALLED)[:, None, None], recalled, hits)
        hits[:, 0, CRASH] *= with_crash[:, number] | (choice > number)
        for step in (hits > 0).unbind(1):
            yield _Bar(is_new, is_any_new, step)
