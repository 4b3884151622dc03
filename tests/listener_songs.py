"""Songs of some bars for the tests of what a listener hears: drums as text, a bass of one rhythm a bar."""

import numpy as np

from basedrum.measures.song_bars import SongBars
from basedrum.music.notation import groove

ROCK = ("kick x.......x.......", "snare ....x.......x...")
HATS = (*ROCK, "closed hat x.x.x.x.x.x.x.x.")
BASS = "x...x...x...x..."


def bar(*rows: str) -> np.ndarray:
    return groove(*rows).to_kit()


def song(*bars: np.ndarray, bass: list[str] | None = None, silent: tuple[int, ...] = ()) -> SongBars:
    """Return the bars with a bass of one rhythm a bar (`BASS` unless told); it rests in the bars `silent`."""
    rhythms = bass or [BASS] * len(bars)
    onsets = np.asarray([[mark == "x" for mark in rhythm] for rhythm in rhythms])
    held = np.ones(onsets.shape, bool)
    held[list(silent)] = False
    line = [sorted(set(rhythms)).index(rhythm) for rhythm in rhythms]
    return SongBars(np.stack(bars), onsets, held, np.asarray(line))


def with_fills(bars: SongBars, fills: np.ndarray) -> SongBars:
    """Return the same bars, of which these are said to be fills."""
    same = SongBars(bars.hits, bars.onsets, bars.held, bars.line)
    same.__dict__["fills"] = fills
    return same
