"""Notes in ticks: what the doors make of a file, and what is written.

Conventions: ticks are absolute from the start of the song, int64; pitches and velocities are MIDI's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Notes:
    """Notes of one part, sorted by start, as parallel int64 arrays of one length N.

    Attributes:
        start_ticks, end_ticks: (N,) position in ticks; end_ticks >= start_ticks.
        pitches: (N,) MIDI pitch 0..127.
        velocities: (N,) MIDI velocity 1..127.
    """

    start_ticks: np.ndarray
    end_ticks: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray

    def __post_init__(self) -> None:
        for name in ("start_ticks", "end_ticks", "pitches", "velocities"):
            array = np.asarray(getattr(self, name), dtype=np.int64)
            if array.ndim != 1 or len(array) != len(self.start_ticks):
                raise ValueError(f"Notes.{name} has shape {array.shape}, expected ({len(self.start_ticks)},)")
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.start_ticks)

    def __getitem__(self, which: np.ndarray | slice) -> Notes:
        """Return the notes that a mask, an index array or a slice picks."""
        return Notes(
            self.start_ticks[which], self.end_ticks[which], self.pitches[which], self.velocities[which]
        )

    @classmethod
    def empty(cls) -> Notes:
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing, nothing)

    @classmethod
    def join(cls, parts: list[Notes]) -> Notes:
        """Return the notes of several parts as one, sorted by start, then pitch."""
        if not parts:
            return cls.empty()
        joined = cls(
            np.concatenate([part.start_ticks for part in parts]),
            np.concatenate([part.end_ticks for part in parts]),
            np.concatenate([part.pitches for part in parts]),
            np.concatenate([part.velocities for part in parts]),
        )
        return joined[np.lexsort((joined.pitches, joined.start_ticks))]
