"""What a drum teacher would note about four bars, as numbers: for classifiers that compare descriptions
instead of hits.

Conventions: hits (n, 64, 12) bool over sixteenth steps and the voices of `music.kit`; a descriptor that does
not exist is NaN.
Source: syncopation and evenness as in `style`; the rest are counts.
"""

from __future__ import annotations

import numpy as np

from basedrum.measures.structure import GROUPS, TOMS, last_beat_hits, similarity_matrix
from basedrum.measures.style import BANDS, bars_of, rhythm_descriptors
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE

TIME_KEEPERS = (kit.CLOSED_HAT, kit.OPEN_HAT, kit.PEDAL_HAT, kit.RIDE)
GAPS = (1, 2, 3, 4)


def phrase_descriptors(hits: np.ndarray, measure_steps: np.ndarray | None = None) -> np.ndarray:
    """Return (n, D) float32 descriptors of phrases, silence included.

    Density of each voice, its spread over the bars, and hits of each bar; how often low, middle and high
    voices strike on each step of the bar; onsets, syncopation and evenness of the three; similarity of each
    two bars, of all voices and of groups of them, and which bars are identical; how many voices strike
    together, and which; the gaps between strokes of hats and ride; hits in the last beat, toms, and crashes
    on the first step of each bar.

    Args:
        measure_steps: (n, 4) active steps of the bars; None: 16.
    """
    bars = bars_of(hits)
    by_voice = bars.sum(axis=2)  # (n, 4, 12)
    columns = [
        by_voice.mean(axis=1),
        by_voice.std(axis=1),
        by_voice.sum(axis=2),
        (by_voice > 0).any(axis=1).sum(axis=1)[:, None],
    ]
    columns += [bars[..., list(band)].any(axis=-1).mean(axis=1) for band in BANDS]  # (n, 16) each
    columns.append(rhythm_descriptors(hits))
    upper = np.triu_indices(MEASURES_PER_PHRASE, 1)
    for voices in GROUPS.values():
        columns.append(similarity_matrix(hits, voices)[:, upper[0], upper[1]])
    columns.append((bars[:, upper[0]] == bars[:, upper[1]]).all(axis=(2, 3)))
    columns += [_together(hits), *[_gaps(hits[..., voice]) for voice in TIME_KEEPERS]]
    columns += [
        last_beat_hits(hits, measure_steps),
        bars[..., list(TOMS)].sum(axis=(2, 3)),
        bars[:, :, 0, kit.CRASH],
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _together(hits: np.ndarray) -> np.ndarray:
    """Return (n, 4 + 66): the share of struck steps with 1, 2, 3 and 4 or more voices, and how often each two
    voices meet.

    Two voices meet as often as the rarer of them could: 1 where every hit of it falls on one of the other.
    """
    voices = hits.sum(axis=2)
    struck = np.maximum((voices > 0).sum(axis=1), 1)[:, None]
    shares = np.stack(
        [
            (voices == 1).sum(axis=1),
            (voices == 2).sum(axis=1),
            (voices == 3).sum(axis=1),
            (voices > 3).sum(axis=1),
        ]
    )
    cells = hits.astype(np.float32)
    both = cells.transpose(0, 2, 1) @ cells  # (n, 12, 12)
    count = cells.sum(axis=1)
    rarer = np.minimum(count[:, :, None], count[:, None, :])
    met = np.where(rarer > 0, both / np.maximum(rarer, 1), np.nan)
    upper = np.triu_indices(kit.NUM_VOICES, 1)
    return np.concatenate([shares.T / struck, met[:, upper[0], upper[1]]], axis=1)


def _gaps(onsets: np.ndarray) -> np.ndarray:
    """Return (n, 4) the share of gaps of 1, 2, 3 and 4 steps between onsets (n, 64) of one voice; NaN with
    fewer than two."""
    steps = np.where(onsets, np.arange(onsets.shape[1]), -1)
    latest = np.maximum.accumulate(steps, axis=1)[:, :-1]
    gap = np.where(onsets[:, 1:] & (latest >= 0), np.arange(1, onsets.shape[1]) - latest, 0)
    total = (gap > 0).sum(axis=1)
    shares = np.stack([(gap == size).sum(axis=1) for size in GAPS], axis=1)
    return np.where(total[:, None] > 0, shares / np.maximum(total, 1)[:, None], np.nan)
