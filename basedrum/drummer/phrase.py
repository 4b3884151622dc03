"""One phrase of a song, as a drummer is asked to play it. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Phrase:
    """Four measures of 16 steps, and what is known of them.

    Attributes:
        bass: (2, 64, 72) bool, onset and sustain.
        qpm: quarters per minute.
        measure_steps: (4,) the steps of each measure that exist.
        previous: (64, 12) bool, the drums of the phrase before; None at the start.
        index: which phrase of its song it is, from 0.
        form: (5, F) uint8, where in the song's form its four measures and the one after them lie
            (`music.form_features`); None where that is not known.
    """

    bass: np.ndarray
    qpm: float
    measure_steps: np.ndarray
    previous: np.ndarray | None = None
    index: int = 0
    form: np.ndarray | None = None
