"""Between the 12 voices of the kit and the 72 pitches of the roll that the classic networks work on.

Conventions: `to_roll` and `to_kit` are each other's inverse on what a kit can say (see `music.kit`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from basedrum.music.kit import KIT, NUM_VOICES, WRITTEN_PITCHES
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES


def to_roll(drums: Tensor) -> Tensor:
    """(..., V) -> (..., P): each voice on the pitch it is written with, nothing on the others."""
    roll = drums.new_zeros(*drums.shape[:-1], NUM_PITCHES)
    written = torch.tensor(WRITTEN_PITCHES, device=drums.device) - LOWEST_PITCH
    return roll.index_copy(-1, written, drums)


def to_kit(roll: Tensor) -> Tensor:
    """(..., P) -> (..., V): the largest value among the pitches of each voice."""
    voices = []
    for voice in range(NUM_VOICES):
        pitches = torch.tensor(KIT[voice][1], device=roll.device) - LOWEST_PITCH
        voices.append(roll.index_select(-1, pitches).amax(dim=-1))
    return torch.stack(voices, dim=-1)
