"""Does a drummer play what drummers play? Bars of kick and snare, and of the time-keeper, that occur in
several songs of the training split.

Conventions: bars (n, 16, 12) bool over the voices of `music.kit`; a pattern is the cells of some voices of a
bar, known by its bytes.
Source: this project's own definitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from basedrum.measures.song_bars import HATS, SongBars, mean
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE

FEWEST_SONGS = 3
BACKBONE = (kit.KICK, kit.SNARE)


@dataclass
class Idiom:
    """The patterns of many songs, and in how many songs each occurs."""

    backbone: dict[bytes, int] = field(default_factory=dict)
    time: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def of(cls, hits: np.ndarray, songs: np.ndarray) -> Idiom:
        """Return the patterns of phrases (n, 64, 12) of some songs (n,)."""
        idiom = cls()
        order = np.argsort(songs, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(songs[order])) + 1):
            idiom.add_song(hits[rows].reshape(-1, STEPS_PER_MEASURE, hits.shape[-1]))
        return idiom

    def add_song(self, bars: np.ndarray) -> None:
        """Count the patterns of the bars (n, 16, 12) of one song, each once."""
        bars = bars[bars.any(axis=(1, 2))]
        for counts, rows in ((self.backbone, backbone_rows(bars)), (self.time, time_rows(bars))):
            for pattern in {row.tobytes() for row in rows}:
                counts[pattern] = counts.get(pattern, 0) + 1

    def values(self, bars: SongBars) -> dict[str, float]:
        """Return `idiom_backbone` and `idiom_time`: the share of bars, fills left out, whose pattern occurs
        in three songs or more. 0..1; NaN where nothing is played."""
        played = bars.hits[bars.sounds & ~bars.fills]
        played = played[played.any(axis=(1, 2))]
        return {
            "idiom_backbone": _share(self.backbone, backbone_rows(played)),
            "idiom_time": _share(self.time, time_rows(played)),
        }


def backbone_rows(bars: np.ndarray) -> np.ndarray:
    """Return (n, 4) uint8: kick and snare of each bar."""
    return _packed(bars[..., list(BACKBONE)])


def time_rows(bars: np.ndarray) -> np.ndarray:
    """Return (n, 4) uint8: hats together and ride of each bar."""
    hats = bars[..., list(HATS)].any(axis=-1)
    return _packed(np.stack([hats, bars[..., kit.RIDE]], axis=-1))


def _packed(cells: np.ndarray) -> np.ndarray:
    return np.packbits(cells.reshape(len(cells), STEPS_PER_MEASURE * cells.shape[-1]), axis=1)


def _share(counts: dict[bytes, int], rows: np.ndarray) -> float:
    return mean([counts.get(row.tobytes(), 0) >= FEWEST_SONGS for row in rows])
