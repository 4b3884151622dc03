"""The planner of the kit: which voices a song uses at all, and how many at once, drawn before it is played.

Drummers leave voices out for a whole song, and many songs never play more than two or three voices at once; a
generator that decides phrase by phrase does neither. Both are drawn once from the first phrase of the bass,
its tempo and the style, and hold through the song.

Conventions: voices are (B, V) 0 or 1, the most voices at once (B,) int64 in 1..MOST_VOICES.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.condition import MOST_VOICES, USUAL_QPM, Condition, as_measures
from basedrum.models.modern.blocks import SLOPE
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES

HIDDEN = 96
BASS = 2 * STEPS_PER_MEASURE + 3


class KitPlanner(nn.Module):
    """Condition -> logits of the voices, one after the other, and of the most voices at once, after them."""

    def __init__(self, num_styles: int) -> None:
        super().__init__()
        self.num_styles = num_styles
        self.trunk = nn.Sequential(
            nn.Linear(BASS + num_styles + 1, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LeakyReLU(SLOPE),
        )
        self.voices = nn.Linear(HIDDEN, NUM_VOICES)
        self.after = nn.Parameter(torch.zeros(NUM_VOICES, NUM_VOICES))  # from a voice to those after it
        self.most = nn.Linear(HIDDEN + NUM_VOICES, MOST_VOICES)

    def log_likelihood(self, condition: Condition) -> Tensor:
        """Return (B,) of the kit that the condition gives, 0 where it gives none."""
        hidden, voices = self._hidden(condition), condition.voices
        logits = self.voices(hidden) + voices @ self.after.triu(diagonal=1)
        of_voices = -F.binary_cross_entropy_with_logits(logits, voices, reduction="none").sum(dim=1)
        choices = self.most(torch.cat([hidden, voices], dim=1)).log_softmax(dim=1)
        of_most = choices.gather(1, (condition.most_voices - 1).clamp(min=0)[:, None])[:, 0]
        return (of_voices + of_most) * condition.has_voices

    def draw(self, condition: Condition, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return voices and the most voices at once, drawn with `uniform` (B, V + 1) in 0..1."""
        hidden = self._hidden(condition)
        alone, after = self.voices(hidden), self.after.triu(diagonal=1)
        voices = torch.zeros_like(alone)
        for voice in range(NUM_VOICES):
            prob = torch.sigmoid(alone[:, voice] + voices @ after[:, voice])
            voices[:, voice] = (uniform[:, voice] < prob).to(voices.dtype)
        reach = torch.softmax(self.most(torch.cat([hidden, voices], dim=1)), dim=1).cumsum(dim=1)
        most = 1 + (uniform[:, -1:] >= reach[:, :-1]).sum(dim=1)
        return voices, most

    def _hidden(self, condition: Condition) -> Tensor:
        """Return (B, H): on which steps notes of the bass start and sound, how many; tempo; style."""
        onset, sustain = (as_measures(part).amax(dim=3).mean(dim=1) for part in condition.bass.unbind(1))
        tempo = torch.log2(condition.qpm.clamp(min=1.0) / USUAL_QPM)
        short = condition.active.mean(dim=1)
        numbers = torch.stack([torch.log1p(onset.sum(dim=1)), tempo, short], dim=1)
        style = F.one_hot(condition.style, self.num_styles + 1).to(onset.dtype)
        return self.trunk(torch.cat([onset, sustain, numbers, style], dim=1))
