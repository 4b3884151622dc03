"""Which bars are new, and which play an earlier one again: drawn before a phrase is heard.

Of real bars 60 to 70 % repeat one of the four to seven before them, hit for hit. A generator whose every cell
is a throw of
its own hardly ever does, however its dice are shared: one hit in two hundred differs. So repeating is decided
apart: for each bar of a phrase the planner gives the chances of "new", of "as 1, 2, 3 or 4 bars ago" and,
where the drummer has a memory, of "as when the bass was last like this", knowing the bars of the bass, the
drums before, and what it has decided for the bars before in the phrase. New bars are the generator's.

Where the same bass comes back after another one, real drummers play .62 of the bars as one of the four
before, .25 as they did then, and .13 anew (9,759 phrases of 501 held-out songs).

Conventions: a plan is (B, M) int64, 0 new, k the bar k before, RECALL the bar in the same place of
`condition.recalled`; bars before the phrase are those of `condition.previous`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.blocks import SLOPE
from basedrum.models.condition import USUAL_QPM, Condition, as_measures, is_recalled
from basedrum.models.config import ModelConfig
from basedrum.models.discriminator import measure_distances
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

HIDDEN = 128
RECALL = MEASURES_PER_PHRASE + 1
PAIRS = MEASURES_PER_PHRASE * (MEASURES_PER_PHRASE - 1) // 2


def num_choices(config: ModelConfig) -> int:
    """Return K: new, four bars back, and the recalled one where there is a memory."""
    return MEASURES_PER_PHRASE + 1 + config.memory


class Planner(nn.Module):
    """Condition -> chances of plans, bar after bar."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        voices = config.num_voices
        bass = PAIRS * 2 + MEASURES_PER_PHRASE * (STEPS_PER_MEASURE + 1)
        drums = PAIRS * (2 * voices + 1) + MEASURES_PER_PHRASE * voices
        memory = drums + 3 * MEASURES_PER_PHRASE**2 + MEASURES_PER_PHRASE if config.memory else 0
        self.choices = num_choices(config)
        self.seen = nn.Sequential(
            nn.Linear(bass + drums + 2 + memory, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LeakyReLU(SLOPE),
        )
        decided = (MEASURES_PER_PHRASE - 1) * self.choices
        self.choose = nn.ModuleList(
            nn.Linear(HIDDEN + decided, self.choices) for _ in range(MEASURES_PER_PHRASE)
        )

    def forward(self, condition: Condition, plan: Tensor) -> Tensor:
        """Return the logits (B, M, K) of each bar's choice, given those of `plan` for the bars before it."""
        seen, allowed = self.seen(plan_features(condition)), possible(condition)
        return torch.stack(
            [self._logits(bar, seen, allowed, plan) for bar in range(MEASURES_PER_PHRASE)], dim=1
        )

    def draw(self, condition: Condition, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        """Return plans (k B, M) drawn with numbers `uniform` (k B, M) in 0..1; temperature 0 takes the
        likeliest."""
        answers = len(uniform) // len(condition)
        seen = self.seen(plan_features(condition)).repeat(answers, 1)
        allowed = possible(condition).repeat(answers, 1, 1)
        plan = torch.zeros(uniform.shape, dtype=torch.int64, device=uniform.device)
        for bar in range(MEASURES_PER_PHRASE):
            logits = self._logits(bar, seen, allowed, plan)
            if temperature > 0:
                reach = torch.softmax(logits / temperature, dim=1).cumsum(dim=1)
                plan[:, bar] = (uniform[:, bar, None] >= reach[:, :-1]).sum(dim=1)
            else:
                plan[:, bar] = logits.argmax(dim=1)
        return plan

    def _logits(self, bar: int, seen: Tensor, allowed: Tensor, plan: Tensor) -> Tensor:
        """Return the logits (B, K) of one bar's choice, from what is decided for the bars before it."""
        decided = F.one_hot(plan[:, :-1], self.choices).to(seen.dtype)  # (B, M - 1, K)
        known = decided * (torch.arange(MEASURES_PER_PHRASE - 1, device=plan.device) < bar)[None, :, None]
        logits = self.choose[bar](torch.cat([seen, known.flatten(1)], dim=1)).float()
        return logits.masked_fill(~allowed[:, bar], float("-inf"))


def plan_features(condition: Condition) -> Tensor:
    """Return (B, F): how alike the bars of the bass are and where it starts notes, how alike the bars of the
    drums before are and what they hold, tempo, and whether there are drums before."""
    bass = as_measures(condition.bass[:, 0])  # (B, M, S, P) onsets
    first, second = torch.triu_indices(MEASURES_PER_PHRASE, MEASURES_PER_PHRASE, offset=1, device=bass.device)
    rhythm = bass.amax(dim=3)  # (B, M, S)
    apart = (rhythm[:, first] - rhythm[:, second]).abs().sum(dim=2)
    same = (bass[:, first] == bass[:, second]).flatten(2).all(dim=2).to(bass.dtype)
    active = as_measures(condition.active).mean(dim=2)  # (B, M)
    previous = as_measures(condition.previous) * condition.has_previous[:, None, None, None]
    tempo = torch.log2(condition.qpm.clamp(min=1.0) / USUAL_QPM)
    parts = [torch.log1p(apart), same, rhythm.flatten(1), active, measure_distances(previous)]
    parts += [torch.log1p(previous.sum(dim=2)).flatten(1), tempo[:, None], condition.has_previous[:, None]]
    if condition.recalled is not None:
        parts += _memory_features(condition, bass, previous)
    return torch.cat(parts, dim=1)


def _memory_features(condition: Condition, bass: Tensor, previous: Tensor) -> list[Tensor]:
    """Return how alike the bars of the bass before and now are, in rhythm and whole, and what the recalled
    drums hold and how alike they are, to each other and to those before."""
    given = condition.has_previous[:, None]
    count = MEASURES_PER_PHRASE
    now = bass.repeat(1, count, 1, 1)  # (B, M M, S, P)
    before = as_measures(condition.bass_before[:, 0]).repeat_interleave(count, dim=1)
    apart = (now.amax(dim=3) - before.amax(dim=3)).abs().sum(dim=2)
    same = (now == before).flatten(2).all(dim=2).to(bass.dtype)
    recalled = as_measures(condition.recalled) * is_recalled(condition)[:, None, None, None]
    again = (
        (recalled.repeat_interleave(count, dim=1) == previous.repeat(1, count, 1, 1))
        .flatten(2)
        .all(dim=2)
        .to(bass.dtype)
    )
    parts = [torch.log1p(apart) * given, same * given, again, measure_distances(recalled)]
    return [*parts, torch.log1p(recalled.sum(dim=2)).flatten(1), condition.likeness]


def possible(condition: Condition) -> Tensor:
    """Return (B, M, K) bool: a bar can repeat one of the same length in the phrase, one before it where drums
    are given, and the recalled one where there is one."""
    length = as_measures(condition.active).sum(dim=2)  # (B, M)
    choices = MEASURES_PER_PHRASE + 1 + (condition.recalled is not None)
    allowed = torch.ones(*length.shape, choices, dtype=torch.bool, device=length.device)
    if condition.recalled is not None:
        allowed[:, :, RECALL] = is_recalled(condition)[:, None] > 0
    for bar in range(MEASURES_PER_PHRASE):
        for back in range(1, RECALL):
            there = bar - back
            allowed[:, bar, back] = (
                length[:, bar] == length[:, there] if there >= 0 else condition.has_previous > 0
            )
    return allowed


def plan_of(drums: Tensor, condition: Condition) -> Tensor:
    """Return the plan (B, M) that real drums (B, T, V) follow: the nearest bar that each repeats, else the
    recalled one, 0 where none is the same."""
    bars = torch.cat([as_measures(condition.previous), as_measures(drums)], dim=1).flatten(2)  # (B, 2M, S V)
    allowed = possible(condition)
    plan = torch.zeros(len(drums), MEASURES_PER_PHRASE, dtype=torch.int64, device=drums.device)
    for bar in range(MEASURES_PER_PHRASE):
        here = MEASURES_PER_PHRASE + bar
        if condition.recalled is not None:
            then = as_measures(condition.recalled)[:, bar].flatten(1)
            plan[:, bar] = ((bars[:, here] == then).all(dim=1) & allowed[:, bar, RECALL]) * RECALL
        for back in range(MEASURES_PER_PHRASE, 0, -1):  # the nearest is written last
            same = (bars[:, here] == bars[:, here - back]).all(dim=1) & allowed[:, bar, back]
            plan[:, bar] = torch.where(same, back, plan[:, bar])
    return plan


def follow_plan(hits: Tensor, condition: Condition, plan: Tensor) -> Tensor:
    """Return hits (B, T, V) in which the bars that the plan repeats are those they repeat."""
    bars = torch.cat(
        [as_measures(condition.previous).to(hits.dtype), as_measures(hits)], dim=1
    )  # (B, 2M, S, V)
    rows = torch.arange(len(hits), device=hits.device)
    bars = bars.clone()
    for bar in range(MEASURES_PER_PHRASE):
        here = MEASURES_PER_PHRASE + bar
        repeats = bars[rows, here - plan[:, bar] % RECALL]
        if condition.recalled is not None:
            then = as_measures(condition.recalled)[:, bar].to(hits.dtype)
            repeats = torch.where((plan[:, bar] == RECALL)[:, None, None], then, repeats)
        bars[:, here] = repeats
    kept = bars[:, MEASURES_PER_PHRASE:].flatten(1, 2)
    return (
        kept * condition.active[..., None].to(hits.dtype)
        if hits.is_floating_point()
        else kept & (condition.active[..., None] > 0)
    )


def plan_loss(logits: Tensor, plan: Tensor) -> Tensor:
    """Return the mean cross-entropy of a bar's choice, in nats."""
    return F.cross_entropy(logits.flatten(0, 1), plan.flatten())
