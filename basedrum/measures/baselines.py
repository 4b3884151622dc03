"""The simple drummers an honest evaluation must beat; none of them learns more than counts.

Each has a `name` and `play(bass, qpm, measure_steps, previous, seed) -> hits`, the protocol of every drummer
in the evaluation. Phrases end with the measure: nothing is played past the end of a short one.

Conventions: bass (n, 2, 64, 72) bool, onset and sustain; measure_steps (n, 4) int; hits (n, 64, 12) bool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from basedrum.measures.metrics import mask_inactive
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE, STEPS_PER_PHRASE

CELLS_AT_ONCE = 16_000_000
"""Distances held in memory at a time by the retrieval: 64 MB."""


class Baseline(Protocol):
    """Anything that plays phrases of drums to phrases of bass."""

    @property
    def name(self) -> str:
        """What it is called in a report."""

    def play(
        self,
        bass: np.ndarray,
        qpm: np.ndarray,
        measure_steps: np.ndarray,
        previous: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        """Return hits (n, 64, 12) bool; qpm (n,) quarters a minute, previous (n, 64, 12) bool the drums
        before, or None."""


def bass_onsets(bass: np.ndarray) -> np.ndarray:
    """Return (n, 64) bool: whether any bass note starts at the step, from rolls (n, 2, 64, 72)."""
    return np.asarray(bass[:, 0].any(axis=-1))


def _on_steps(steps: range | list[int]) -> np.ndarray:
    """Return (64,) bool: True on these steps of every measure."""
    return np.isin(np.arange(STEPS_PER_PHRASE) % STEPS_PER_MEASURE, list(steps))


@dataclass(frozen=True)
class FixedBeat:
    """The rock beat that keyboards start with: kick on 1 and 3, snare on 2 and 4, eighths on the closed
    hat."""

    name: ClassVar[str] = "fixed beat"

    def play(self, bass, qpm, measure_steps, previous, seed) -> np.ndarray:
        hits = np.zeros((len(bass), STEPS_PER_PHRASE, kit.NUM_VOICES), bool)
        hits[..., kit.KICK] = _on_steps([0, 8])
        hits[..., kit.SNARE] = _on_steps([4, 12])
        hits[..., kit.CLOSED_HAT] = _on_steps(range(0, 16, 2))
        return mask_inactive(hits, measure_steps)


@dataclass(frozen=True)
class CopiedKick:
    """A kick on every bass onset under a backbeat and eighths: perfect agreement, no musician."""

    name: ClassVar[str] = "copied kick"

    def play(self, bass, qpm, measure_steps, previous, seed) -> np.ndarray:
        hits = FixedBeat().play(bass, qpm, measure_steps, previous, seed)
        hits[..., kit.KICK] = bass_onsets(bass)
        return mask_inactive(hits, measure_steps)


@dataclass(frozen=True)
class PositionMarginals:
    """Each cell drawn by itself, with the chance its voice has at its position in real measures.

    Attributes:
        chances: (16, 12) P(hit | position, voice).
    """

    chances: np.ndarray
    name: ClassVar[str] = "position marginals"

    @classmethod
    def fit(cls, hits: np.ndarray) -> PositionMarginals:
        """Count the real drums (n, 64, 12) of training songs."""
        return cls(hits.reshape(-1, STEPS_PER_MEASURE, kit.NUM_VOICES).mean(axis=0))

    def play(self, bass, qpm, measure_steps, previous, seed) -> np.ndarray:
        chances = np.tile(self.chances, (STEPS_PER_PHRASE // STEPS_PER_MEASURE, 1))
        hits = np.random.default_rng(seed).random((len(bass), *chances.shape)) < chances
        return mask_inactive(hits, measure_steps)


class NearestBass:
    """The real drums of a training phrase whose bass has the nearest rhythm (Hamming distance of the
    onsets)."""

    name = "nearest bass"

    def __init__(self, onsets: np.ndarray, hits: np.ndarray, choices: int = 2) -> None:
        """Keep the basses (N, 64) bool and drums (N, 64, 12) bool of training phrases.

        The seed picks among the `choices` nearest phrases and all those as near as the last of them.

        Raises:
            ValueError: no phrase, or not as many basses as drums.
        """
        if len(onsets) != len(hits) or not len(hits):
            raise ValueError(f"{len(onsets)} basses and {len(hits)} drums to retrieve from")
        self.onsets = np.asarray(onsets, np.float32)
        self.packed = np.packbits(hits.reshape(len(hits), -1), axis=1)
        self.choices = choices

    def nearest(self, onsets: np.ndarray, seed: int) -> np.ndarray:
        """Return (n,) the training phrase taken for each bass (n, 64), in chunks that bound the memory."""
        rng = np.random.default_rng(seed)
        size = max(1, CELLS_AT_ONCE // len(self.onsets))
        num_notes = self.onsets.sum(axis=1)
        last = min(self.choices, len(self.onsets)) - 1
        picks = []
        for start in range(0, len(onsets), size):
            chunk = onsets[start : start + size].astype(np.float32)
            distances = num_notes - 2 * (
                chunk @ self.onsets.T
            )  # the query's own notes add the same to a whole row
            limit = np.partition(distances, last, axis=1)[:, last]
            rows, columns = np.nonzero(distances <= limit[:, None])
            order = np.lexsort((rng.random(len(rows)), rows))
            picks.append(columns[order][np.searchsorted(rows, np.arange(len(chunk)))])
        return np.concatenate(picks) if picks else np.zeros(0, np.int64)

    def play(self, bass, qpm, measure_steps, previous, seed) -> np.ndarray:
        packed = self.packed[self.nearest(bass_onsets(bass), seed)]
        hits = np.unpackbits(packed, axis=1, count=STEPS_PER_PHRASE * kit.NUM_VOICES).astype(bool)
        return mask_inactive(hits.reshape(len(bass), STEPS_PER_PHRASE, kit.NUM_VOICES), measure_steps)


@dataclass(frozen=True)
class ShuffledDrums:
    """Real drums of some other song: perfect drums that ignore the bass.

    Attributes:
        hits: (N, 64, 12) bool, real drums of songs that are not evaluated.
    """

    hits: np.ndarray
    name: ClassVar[str] = "another song's drums"

    def play(self, bass, qpm, measure_steps, previous, seed) -> np.ndarray:
        return mask_inactive(
            self.hits[np.random.default_rng(seed).integers(0, len(self.hits), len(bass))], measure_steps
        )
