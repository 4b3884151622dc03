"""The form of a song, as far as the drummer needs it: where phrases begin.

Phrases of four measures are counted from the first measure, but songs have bars in between: an intro of two,
a bar that is held. Where the bass comes back after 4, 8 or 16 measures, a stretch that repeats begins and
ends with a section, so such measures are where phrases would begin; a shorter phrase is put in where that
lets enough of them.

Measured on 1,133 songs in 4/4 with crashes on some of their ones: the share of these ones that begin a phrase
is .46 counted from the first measure, .51 with the best of the four offsets, .55 with shorter phrases put in
(260 held-out songs: .43, .51); by chance .25.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.music.sections import section_borders

MOST_EVIDENCE = 2
COST_OF_SHORT = {
    1: 5.0,
    2: 4.0,
    3: 5.0,
}  # of a phrase of so many measures, in changes between repeating and not


def phrase_starts(bass: np.ndarray, begin: int, end: int) -> list[int]:
    """Return the measures at which phrases of 1 to 4 measures begin, `begin` the first, for the song up to
    `end`.

    Args:
        bass: (N, 16, 72) bool, the onsets of the bass.
    """
    gain = np.minimum(section_borders(bass), MOST_EVIDENCE)
    best, length = [0.0], [0]
    for measure in range(begin + 1, end + 1):
        ends_here = []
        for size in (4, 1, 2, 3):
            if size <= measure - begin:
                cost = 0.0 if size == MEASURES_PER_PHRASE or measure == end else COST_OF_SHORT[size]
                ends_here.append((best[measure - begin - size] - cost, size))
        value, size = max(ends_here, key=lambda found: found[0])
        best.append(value + (gain[measure] if measure < end else 0.0))
        length.append(size)
    starts = []
    at = end
    while at > begin:
        at -= length[at - begin]
        starts.append(at)
    return starts[::-1]
