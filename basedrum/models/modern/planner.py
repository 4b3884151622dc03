"""The planner: which bars of a phrase are new, and which repeat an earlier bar, drawn before it is played.

Most bars of real drums repeat one before them hit for hit, which a generator that decides each cell by itself
hardly ever does. So repeats are decided apart: for each bar the planner gives the probability of "new", of
"as 1, 2, 3 or 4 bars ago", and of "as in the recalled phrase", given the bars of the bass, the drums before,
and what it has decided for the bars before. New bars are the generator's.

Conventions: a plan is (B, M) int64 as in `models.recall`; bars before the phrase are those of
`condition.previous`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import USUAL_QPM, Condition, as_measures
from basedrum.models.modern.blocks import SLOPE
from basedrum.models.modern.distances import measure_distances
from basedrum.models.protocol import AS_LEARNED, Guidance
from basedrum.models.recall import NEW, NUM_CHOICES, RECALLED
from basedrum.music.form_features import FORM
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES

HIDDEN = 128
PAIRS = MEASURES_PER_PHRASE * (MEASURES_PER_PHRASE - 1) // 2
SQUARE = MEASURES_PER_PHRASE**2
DRUM_FEATURES = PAIRS * (2 * NUM_VOICES + 1) + MEASURES_PER_PHRASE * NUM_VOICES
BASS_FEATURES = PAIRS * 2 + MEASURES_PER_PHRASE * (STEPS_PER_MEASURE + 1)
FORM_FEATURES = FORM * (MEASURES_PER_PHRASE + 1)
NUM_FEATURES = BASS_FEATURES + DRUM_FEATURES + 2 + DRUM_FEATURES + 3 * SQUARE + MEASURES_PER_PHRASE
NUM_FEATURES += FORM_FEATURES


class Planner(nn.Module):
    """Condition -> logits of plans, bar after bar."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(NUM_FEATURES, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LeakyReLU(SLOPE),
        )
        inputs = HIDDEN + (MEASURES_PER_PHRASE - 1) * NUM_CHOICES
        self.choose = nn.ModuleList(nn.Linear(inputs, NUM_CHOICES) for _ in range(MEASURES_PER_PHRASE))

    def forward(self, condition: Condition, plan: Tensor) -> Tensor:
        """Return the logits (B, M, K) of each bar's choice, given those of `plan` for the bars before it."""
        hidden, can_be = self.trunk(plan_features(condition)), possible(condition)
        logits = [self._logits(bar, hidden, can_be, plan) for bar in range(MEASURES_PER_PHRASE)]
        return torch.stack(logits, dim=1)

    def draw(self, condition: Condition, uniform: Tensor, guidance: Guidance = AS_LEARNED) -> Tensor:
        """Return plans (B, M) drawn with `uniform` (B, M) in 0..1; temperature 0 takes the most likely."""
        hidden, can_be = self.trunk(plan_features(condition)), possible(condition)
        plan = torch.zeros(uniform.shape, dtype=torch.int64, device=uniform.device)
        for bar in range(MEASURES_PER_PHRASE):
            logits = self._logits(bar, hidden, can_be, plan)
            if guidance.temperature > 0:
                logits = logits / guidance.temperature
            if guidance.allowed_repeats is not None:
                logits = constrained(logits, guidance.allowed_repeats[:, bar], guidance)
            if guidance.temperature > 0:
                reach = torch.softmax(logits, dim=1).cumsum(dim=1)
                plan[:, bar] = (uniform[:, bar, None] >= reach[:, :-1]).sum(dim=1)
            else:
                plan[:, bar] = logits.argmax(dim=1)
        return plan

    def _logits(self, bar: int, hidden: Tensor, can_be: Tensor, plan: Tensor) -> Tensor:
        """Return the logits (B, K) of one bar's choice, from what is decided for the bars before it."""
        decided = F.one_hot(plan[:, :-1], NUM_CHOICES).to(hidden.dtype)  # (B, M - 1, K)
        is_known = torch.arange(MEASURES_PER_PHRASE - 1, device=plan.device) < bar
        known = decided * is_known[None, :, None]
        logits = self.choose[bar](torch.cat([hidden, known.flatten(1)], dim=1)).float()
        return logits.masked_fill(~can_be[:, bar], float("-inf"))


def constrained(logits: Tensor, allowed: Tensor, guidance: Guidance) -> Tensor:
    """Return the logits (B, K) of a bar's choice without the repeats that `allowed` (B, K) forbids.

    With `guidance.keep_new` the repeats that are left rise together, until "new" is as likely as before (at
    temperature 0: until the best of them is as likely as the best before).
    """
    kept = logits.masked_fill(~allowed, float("-inf"))
    kept[:, NEW] = logits[:, NEW]
    if not guidance.keep_new:
        return kept
    repeats, left = logits[:, NEW + 1 :], kept[:, NEW + 1 :]
    if guidance.temperature > 0:
        rise = repeats.logsumexp(dim=1, keepdim=True) - left.logsumexp(dim=1, keepdim=True)
    else:
        rise = repeats.amax(dim=1, keepdim=True) - left.amax(dim=1, keepdim=True)
    is_left = torch.isfinite(left)
    kept[:, NEW + 1 :] = torch.where(is_left, left + rise, left)
    return kept


def plan_features(condition: Condition) -> Tensor:
    """Return (B, F): how alike the bars of the bass are and where it starts notes; how alike the bars of the
    drums before are and what they hold; tempo; whether there are drums before; the memory of the song."""
    bass = as_measures(condition.bass[:, 0])  # (B, M, S, P) onsets
    first, second = torch.triu_indices(MEASURES_PER_PHRASE, MEASURES_PER_PHRASE, offset=1, device=bass.device)
    rhythm = bass.amax(dim=3)  # (B, M, S)
    apart = (rhythm[:, first] - rhythm[:, second]).abs().sum(dim=2)
    same = _are_same(bass[:, first], bass[:, second])
    active = as_measures(condition.active).mean(dim=2)  # (B, M)
    previous = as_measures(condition.previous) * condition.has_previous[:, None, None, None]
    tempo = torch.log2(condition.qpm.clamp(min=1.0) / USUAL_QPM)
    parts = [torch.log1p(apart), same, rhythm.flatten(1), active, measure_distances(previous)]
    parts += [torch.log1p(previous.sum(dim=2)).flatten(1), tempo[:, None], condition.has_previous[:, None]]
    return torch.cat(parts + _memory_features(condition, bass, previous), dim=1)


def _memory_features(condition: Condition, bass: Tensor, previous: Tensor) -> list[Tensor]:
    """Return how alike the bars of the bass before and now are, in rhythm and whole, and what the recalled
    drums hold and how alike they are, to each other and to those before."""
    given = condition.has_previous[:, None]
    count = MEASURES_PER_PHRASE
    now = bass.repeat(1, count, 1, 1)  # (B, M M, S, P)
    before = as_measures(condition.bass_before[:, 0]).repeat_interleave(count, dim=1)
    apart = (now.amax(dim=3) - before.amax(dim=3)).abs().sum(dim=2)
    recalled = as_measures(condition.recalled) * condition.is_recalled[:, None, None, None]
    again = _are_same(recalled.repeat_interleave(count, dim=1), previous.repeat(1, count, 1, 1))
    parts = [torch.log1p(apart) * given, _are_same(now, before) * given, again, measure_distances(recalled)]
    parts += [torch.log1p(recalled.sum(dim=2)).flatten(1), condition.likeness]
    return [*parts, condition.form.flatten(1)]


def _are_same(first: Tensor, second: Tensor) -> Tensor:
    """(B, n, S, rows) twice -> (B, n): 1 where two bars are the same."""
    return (first == second).flatten(2).all(dim=2).to(first.dtype)


def possible(condition: Condition) -> Tensor:
    """Return (B, M, K) bool: a bar can repeat one of the same length in the phrase, one before it where drums
    are given, and the recalled one where there is one."""
    length = as_measures(condition.active).sum(dim=2)  # (B, M)
    can_be = torch.ones(*length.shape, NUM_CHOICES, dtype=torch.bool, device=length.device)
    can_be[:, :, RECALLED] = condition.is_recalled[:, None] > 0
    for bar in range(MEASURES_PER_PHRASE):
        for back in range(1, RECALLED):
            if back <= bar:
                can_be[:, bar, back] = length[:, bar] == length[:, bar - back]
            else:
                can_be[:, bar, back] = condition.has_previous > 0
    return can_be


def plan_of(drums: Tensor, condition: Condition) -> Tensor:
    """Return the plan (B, M) that drums (B, T, V) follow: the nearest bar that each repeats, else the
    recalled one, NEW where none is the same."""
    bars = torch.cat([as_measures(condition.previous), as_measures(drums)], dim=1).flatten(2)  # (B, 2M, S V)
    then = as_measures(condition.recalled).flatten(2)  # (B, M, S V)
    can_be = possible(condition)
    plan = torch.zeros(len(drums), MEASURES_PER_PHRASE, dtype=torch.int64, device=drums.device)
    for bar in range(MEASURES_PER_PHRASE):
        here = bars[:, MEASURES_PER_PHRASE + bar]
        plan[:, bar] = ((here == then[:, bar]).all(dim=1) & can_be[:, bar, RECALLED]) * RECALLED
        for back in range(MEASURES_PER_PHRASE, 0, -1):  # the nearest is written last
            there = bars[:, MEASURES_PER_PHRASE + bar - back]
            same = (here == there).all(dim=1) & can_be[:, bar, back]
            plan[:, bar] = torch.where(same, back, plan[:, bar])
    return plan


def follow_plan(drums: Tensor, condition: Condition, plan: Tensor) -> Tensor:
    """Return drums (B, T, V) float in which each bar that the plan repeats is the bar it repeats.

    Silent on steps that do not exist. The gradient of a repeated bar goes to the bar it repeats.
    """
    bars = torch.cat([as_measures(condition.previous), as_measures(drums)], dim=1)  # (B, 2M, S, V)
    rows = torch.arange(len(drums), device=drums.device)
    for bar in range(MEASURES_PER_PHRASE):
        here = MEASURES_PER_PHRASE + bar
        repeats = bars[rows, here - plan[:, bar] % RECALLED]
        then = as_measures(condition.recalled)[:, bar]
        repeats = torch.where((plan[:, bar] == RECALLED)[:, None, None], then, repeats)
        bars[:, here] = repeats
    return bars[:, MEASURES_PER_PHRASE:].flatten(1, 2) * condition.active[..., None]
