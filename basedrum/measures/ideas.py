"""Does a drummer have one idea to one bass, another to another, and does it play what drummers play?

Conventions: as in `song_bars`; each measure gives one value a song, NaN where the song has no case of it.
Source: this project's own definitions.
"""

from __future__ import annotations

import numpy as np

from basedrum.measures.song_bars import SongBars, alike, find_keepers, mean
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

RIFF_BARS, RIFF_INSIDE, RIFF_ACROSS = 4, 0.6, 0.4
DENSITY_CHANGE = 0.25
RIFF_KEYS = ("riff_kick", "riff_kit", "riff_marked", "riff_density", "riff_keeper")
STRONG_STEPS = (0, 8)


def idea_values(bars: SongBars) -> dict[str, float]:
    """Return every measure of this file, by key."""
    return {
        "one_idea": one_idea(bars),
        "kick_same_bass": kick_same_bass(bars),
        "push": push(bars),
        **new_riff_values(bars),
    }


def one_idea(bars: SongBars) -> float:
    """Return how many different bars of kick and snare are played to four bars of one bass rhythm.

    The number of different bars over that of bars, fills left out; the mean over the groups of four bars,
    from the first bar on, whose bass rhythm is the same in all. .25..1, NaN where there is no such group.
    """
    shares = []
    for start in range(bars.first, len(bars.hits) - MEASURES_PER_PHRASE + 1, MEASURES_PER_PHRASE):
        group = slice(start, start + MEASURES_PER_PHRASE)
        rhythm = bars.onsets[group]
        played = bars.hits[group][~bars.fills[group]][..., [kit.KICK, kit.SNARE]]
        if rhythm[0].any() and (rhythm == rhythm[0]).all() and len(played) > 1 and played.any():
            shares.append(len(np.unique(played.reshape(len(played), -1), axis=0)) / len(played))
    return mean(shares)


def kick_same_bass(bars: SongBars) -> float:
    """Return the mean Jaccard index of the kicks of two bars whose bass is the same, 0..1; NaN without such
    bars.

    Each different bar of bass counts by its number of pairs. Pairs without any kick are left out.
    """
    kick = bars.hits[..., kit.KICK]
    likeness = []
    for line in np.unique(bars.line[bars.sounds]):
        same = kick[bars.sounds & (bars.line == line)]
        one, other = np.triu_indices(len(same), 1)
        known = same[one].any(axis=1) | same[other].any(axis=1)
        likeness.append(alike(same[one[known]], same[other[known]]))
    return mean(np.concatenate(likeness)) if likeness else float("nan")


def push(bars: SongBars) -> float:
    """Return the share of bass notes tied over a one or a three that have a kick where they start, 0..1.

    NaN where there are none.
    """
    onsets, held = bars.onsets.ravel(), bars.held.ravel()
    kick = bars.hits[..., kit.KICK].ravel()
    steps = np.arange(len(onsets))
    tied = np.isin(steps % STEPS_PER_MEASURE, STRONG_STEPS) & held & ~onsets
    starts = np.maximum.accumulate(np.where(onsets, steps, -1))[tied]
    return mean(kick[starts[starts >= 0]])


def find_new_riffs(bars: SongBars) -> list[int]:
    """Return the bars with which the bass begins something else.

    Such a bar has four bars to either side whose bass rhythms are alike inside each side (Jaccard index above
    .6 in the mean over pairs of bars) and not across (below .4).
    """
    inside, across = np.triu_indices(RIFF_BARS, 1), _across()
    found = []
    for at in range(RIFF_BARS, len(bars.hits) - RIFF_BARS + 1):
        old, new = bars.onsets[at - RIFF_BARS : at], bars.onsets[at : at + RIFF_BARS]
        if not bars.sounds[at - RIFF_BARS : at + RIFF_BARS].all():
            continue
        steady = min(alike(side[inside[0]], side[inside[1]]).mean() for side in (old, new))
        if steady > RIFF_INSIDE and alike(old[across[0]], new[across[1]]).mean() < RIFF_ACROSS:
            found.append(at)
    return found


def new_riff_values(bars: SongBars) -> dict[str, float]:
    """Return what the drums do where the bass begins something else (`find_new_riffs`), 0..1 each.

    `riff_kick`, `riff_kit`: how alike kicks and all drums are across, the mean Jaccard index over the pairs
    of bars of the four to either side. Shares of the changes: `riff_marked`, with a fill in the bar before or
    a crash on the one; `riff_density`, whose hits change by a quarter or more; `riff_keeper`, after which
    most bars have another keeper than most bars before. NaN where the bass never changes.
    """
    across = _across()
    keepers = find_keepers(bars.hits)
    rows: dict[str, list[float]] = {key: [] for key in RIFF_KEYS}
    for at in find_new_riffs(bars):
        before, after = slice(at - RIFF_BARS, at), slice(at, at + RIFF_BARS)
        drums = [bars.hits[side].reshape(RIFF_BARS, -1) for side in (before, after)]
        kick = [bars.hits[side][..., kit.KICK] for side in (before, after)]
        old, new = int(drums[0].sum()), int(drums[1].sum())
        rows["riff_kick"].append(alike(kick[0][across[0]], kick[1][across[1]]).mean())
        rows["riff_kit"].append(alike(drums[0][across[0]], drums[1][across[1]]).mean())
        rows["riff_marked"].append(bool(bars.fills[at - 1] or bars.hits[at, 0, kit.CRASH]))
        rows["riff_density"].append(abs(new - old) >= DENSITY_CHANGE * max(old, 1))
        rows["riff_keeper"].append(_commonest(keepers[before]) != _commonest(keepers[after]))
    return {key: mean(values) for key, values in rows.items()}


def _across() -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of each of the four bars before with each of the four after."""
    return np.repeat(np.arange(RIFF_BARS), RIFF_BARS), np.tile(np.arange(RIFF_BARS), RIFF_BARS)


def _commonest(numbers: np.ndarray) -> int:
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])
