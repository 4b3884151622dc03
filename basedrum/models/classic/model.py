"""The classic model: its roll is folded to the kit here, so that no other room knows of pitches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.classic.generator import ClassicGenerator
from basedrum.models.classic.roll import to_kit
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.noise import LATENT, Noise
from basedrum.models.protocol import AS_LEARNED, Guidance, LogLikelihood


class ClassicModel(nn.Module):
    """Follows `models.protocol.Model`. All chance is in the latent vector, which temperature scales; there is
    no guidance and no plan."""

    needs_warmup = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = ClassicGenerator(config)

    @torch.no_grad()
    def sample(self, condition: Condition, noise: Noise, guidance: Guidance = AS_LEARNED) -> Tensor:
        """Return hits (B, T, V) bool, as the protocol says."""
        logits = to_kit(self.generator(condition, guidance.temperature * noise.latent))
        return (logits > 0) & (condition.active[..., None] > 0)

    def draw_kit(self, condition: Condition, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return zeros: it leaves open what a song uses."""
        return torch.zeros_like(condition.voices), torch.zeros_like(condition.most_voices)

    def log_likelihood(self, condition: Condition, drums: Tensor) -> LogLikelihood:
        """Return how likely the drums are without noise, as the protocol says."""
        latent = torch.zeros(len(drums), LATENT, device=drums.device)
        logits = to_kit(self.generator(condition, latent))
        cells = F.binary_cross_entropy_with_logits(logits, drums, reduction="none")
        return LogLikelihood(-(cells * condition.active[..., None]).sum(dim=(1, 2)))

    def replay(self, condition: Condition, noise: Noise) -> Tensor:
        """Return probabilities, as in MidiNet, as the protocol says."""
        probs = torch.sigmoid(to_kit(self.generator(condition, noise.latent)))
        return probs * condition.active[..., None]
