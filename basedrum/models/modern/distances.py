"""How alike measures of drums are, as features.

Conventions: measures are (B, M, S, V), 0 or 1; distances are Hamming distances.
"""

from __future__ import annotations

import torch
from torch import Tensor


def measure_distances(measures: Tensor) -> Tensor:
    """Return (B, pairs * (2 V + 1)) for every two measures: log1p and exp(-.) of the distance in each voice,
    and exp(-. / 2) of the whole distance, 1 where two measures are the same."""
    first, second = torch.triu_indices(measures.shape[1], measures.shape[1], offset=1, device=measures.device)
    return _distances(measures[:, first], measures[:, second])


def distances_between(first: Tensor, second: Tensor) -> Tensor:
    """Return (B, M * M * (2 V + 1)), as `measure_distances`, for each measure of both."""
    count = first.shape[1]
    return _distances(first.repeat_interleave(count, dim=1), second.repeat(1, count, 1, 1))


def _distances(first: Tensor, second: Tensor) -> Tensor:
    apart = (first - second).abs().sum(dim=2)  # (B, pairs, V)
    whole = torch.exp(-0.5 * apart.sum(dim=2, keepdim=True))
    return torch.cat([torch.log1p(apart), torch.exp(-apart), whole], dim=2).flatten(1)
