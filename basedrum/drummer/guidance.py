"""How strongly the controls guide a drummer.

A drummer conditioned on its own hits keeps the style and the density it has begun with. So the controls are
given with a scale: what they add to the logits counts more than once, and a density is held as the phrase
goes on.

Source: classifier-free guidance (Ho and Salimans, arXiv 2207.12598), here in logits.
"""

from __future__ import annotations

from torch import Tensor

from basedrum.drummer.controls import Controls
from basedrum.models.protocol import Guidance

DENSITY = 1.3  # guidance scale; that of the style is the drummer's own
HOLD = 0.4  # what each hit that is missing to the density asked for, or too many, adds to the logits


def guidance_of(
    controls: Controls, style: float, allowed_repeats: Tensor | None = None, keep_new: bool = False
) -> Guidance:
    """Return how a model is to sample.

    Args:
        style: guidance scale of the style (`ModelConfig.style_guidance`).
        allowed_repeats, keep_new: as in `models.protocol.Guidance`.
    """
    return Guidance(controls.temperature, style, DENSITY, HOLD, allowed_repeats, keep_new)
