"""The input of the evaluation's own networks: rolls as rows of numbers a step.

They are kept apart from the conditioner of the drummers on purpose: what a drummer's own features miss, its
evaluation should not miss as well.

Conventions: bass rows (n, 7, 64) float16: onset, sustain, lowest onset pitch relative to the phrase's median
in octaves, up, down, same as the note before, tempo; independent of key. Drum rows (n, 12, 64).
"""

from __future__ import annotations

import numpy as np
import torch

NUM_BASS_ROWS = 7


def bass_rows(bass: np.ndarray, qpm: np.ndarray) -> np.ndarray:
    """Return (n, 7, 64) float16 from rolls (n, 2, 64, 72) bool and tempos (n,)."""
    onset, sustain = bass[:, 0], bass[:, 1]
    starts = onset.any(axis=-1)
    lowest = np.where(starts, onset.argmax(axis=-1), -1)
    before = _last_before(lowest)
    median = np.array([np.median(row[row >= 0]) if (row >= 0).any() else 0.0 for row in lowest])
    moved = starts & (before >= 0)
    rows = [
        starts,
        sustain.any(axis=-1),
        np.where(starts, np.clip((lowest - median[:, None]) / 12, -2, 2), 0),
        moved & (lowest > before),
        moved & (lowest < before),
        moved & (lowest == before),
        np.broadcast_to(np.log2(np.clip(qpm, 30, 400) / 120)[:, None], starts.shape),
    ]
    return np.stack(rows, axis=1).astype(np.float16)


def _last_before(lowest: np.ndarray) -> np.ndarray:
    """Return (n, 64) the value at the latest earlier step that is not -1, or -1."""
    steps = np.where(lowest >= 0, np.arange(lowest.shape[1]), -1)
    latest = np.maximum.accumulate(steps, axis=1)
    latest = np.concatenate([np.full((len(steps), 1), -1), latest[:, :-1]], axis=1)
    return np.where(latest >= 0, np.take_along_axis(lowest, np.maximum(latest, 0), axis=1), -1)


def drum_rows(hits: np.ndarray, without_kick: bool = False) -> np.ndarray:
    """Return (n, 12, 64) float16 from hits (n, 64, 12) bool; without the kick its row is empty."""
    rows = hits.transpose(0, 2, 1).astype(np.float16)
    if without_kick:
        rows[:, 0] = 0
    return rows


def as_tensor(rows: np.ndarray) -> torch.Tensor:
    """Return rows as a float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(rows)).float()
