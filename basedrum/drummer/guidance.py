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

STYLE, DENSITY = 1.5, 1.3  # guidance scales, chosen on the dev lines of `lab run styles` and on split valid
HOLD = 0.4  # what each hit that is missing to the density asked for, or too many, adds to the logits


def guidance_of(
    controls: Controls, allowed_repeats: Tensor | None = None, keep_new: bool = False
) -> Guidance:
    """Return how a model is to sample.

    Args:
        allowed_repeats, keep_new: as in `models.protocol.Guidance`.
    """
    return Guidance(controls.temperature, STYLE, DENSITY, HOLD, allowed_repeats, keep_new)
