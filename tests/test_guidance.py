"""The guidance that a drummer plays with, from the controls a user gives."""

import torch

from basedrum.drummer.controls import Controls
from basedrum.drummer.guidance import guidance_of
from basedrum.models.protocol import Guidance


def test_controls_are_guided_with_the_scales_that_ship():
    mask = torch.ones(1, 4, 6, dtype=torch.bool)
    found = guidance_of(Controls(temperature=0.5, density=9.0, style="rock"), 1.5, mask, keep_new=True)
    assert found == Guidance(0.5, style=1.5, density=1.3, hold=0.4, allowed_repeats=mask, keep_new=True)
    assert guidance_of(Controls(), 6.0) == Guidance(1.0, 6.0, 1.3, 0.4, None, False)
