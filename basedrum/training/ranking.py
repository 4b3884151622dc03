"""The last part of a training: the generator rests, the discriminator learns to weigh its answers.

In the game the discriminator is held back (penalties, a generator that runs away from it), so its score says
little of how likely a drummer's phrase is: in trials before ours the best of four by it was easier to tell
than the first. Here it meets a drummer that stands still, and songs as the drummer plays them, following
itself; trained by the logistic loss, its score comes near the logarithm of p(real) / p(drummer). Drawing one
of several answers in proportion to that ratio brings the drummer nearer to real ones
(`basedrum.drummer.ranking`).

Sources: discriminator rejection sampling (arXiv 1810.06758); sampling-importance-resampling (Rubin, 1987).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basedrum.models.binary import MEASURES_SHARE, PHRASES_SHARE, draw_song_noise, spread, vary
from basedrum.models.condition import Condition
from basedrum.models.families import perform
from basedrum.models.planner import Planner
from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.training.batches import Run

REAL_BEFORE = 0.4
"""The part of the phrases that follows the real drums: there real and played differ in the phrase alone."""


@torch.no_grad()
def play_after_itself(
    generator: nn.Module, planner: Planner | None, run: Run, dice: torch.Generator
) -> tuple[Tensor, Condition]:
    """Return the drummer's answers (B, T, V) to the last phrases of runs, and the conditions it gave them in.

    It plays the runs from their first phrase, with the dice of one song, hearing what it played before.
    """
    size = len(run.drums)
    song = draw_song_noise(size, generator.config, dice)
    measures_share, phrases_share = (
        share * generator.config.shares_dice for share in (MEASURES_SHARE, PHRASES_SHARE)
    )
    sharing = torch.full((size,), measures_share, device=dice.device)
    played = torch.zeros_like(run.drums)
    after_real = torch.rand(size, generator=dice, device=dice.device) < REAL_BEFORE
    condition = run.conditions[0]
    recalled = None
    if run.then is not None:
        noise = spread(
            vary(song, draw_song_noise(size, generator.config, dice), phrases_share), sharing, dice
        )
        uniform = torch.rand(size, MEASURES_PER_PHRASE, generator=dice, device=dice.device)
        recalled = perform(generator, planner, run.then, noise, uniform).float()
    for back in range(len(run.conditions) - 1, -1, -1):
        condition = run.conditions[back]
        own = draw_song_noise(size, generator.config, dice)
        noise = spread(vary(song, own, phrases_share), sharing, dice)
        follows = (run.length > back) & ~after_real  # it has played the phrase before this one
        previous = torch.where(follows[:, None, None], played, condition.previous)
        given = follows.float() if back else torch.where(after_real, condition.has_previous, follows.float())
        condition = condition.replace(previous=previous * given[:, None, None], has_previous=given)
        if recalled is not None:
            likeness = condition.likeness * (0.0 if back else given[:, None])
            then = torch.where(after_real[:, None, None], condition.recalled, recalled)
            condition = condition.replace(
                recalled=then * (likeness.amax(dim=1) > 0)[:, None, None], likeness=likeness
            )
        due = torch.nonzero((run.length >= back) & ~after_real if back else torch.ones_like(follows))[:, 0]
        uniform = torch.rand(size, MEASURES_PER_PHRASE, generator=dice, device=dice.device)
        if len(due):
            hits = perform(generator, planner, condition[due], noise[due], uniform[due]).float()
            played = played.index_copy(0, due, hits)
    return played, condition


def real_condition(run: Run, condition: Condition) -> Condition:
    """Return what belongs to the real drums: the real ones before, shown wherever some are shown to the
    drummer."""
    real = run.conditions[0]
    given = condition.has_previous * real.has_previous
    shown = real.replace(previous=real.previous * given[:, None, None], has_previous=given)
    return shown if real.recalled is None else shown.replace(likeness=condition.likeness)
