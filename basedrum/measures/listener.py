"""What a listener hears in a whole song: is there a time-keeper, where do crashes and fills fall, does the
groove follow a new bass?

Each measure gives one value a song, NaN where the song has no case of it, to be averaged over songs by
`bootstrap.song_mean`. Only songs entirely in 4/4 are measured, in the bars in which their bass sounds; values
nearer to those of real drummers are better unless said otherwise.

Conventions: hits (B, 16, 12) bool, the bars of one song over the voices of `music.kit`.
Keeper: that of hats together, ride, percussion and crash that strikes three steps or more of a bar, on three
beats or more; hats and ride come before the others. Groove: the cells that sound in .4 or more of the bars up
to 8 to either side. Fill: a bar in whose second half the snare and the toms strike three cells outside the
groove, or the toms two. Dominant bar: the cells that sound in half of the bars or more.
Source: this project's own definitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.measures.bootstrap import INTERVAL, NOT_MEASURED, Estimate, song_weights
from basedrum.measures.metrics import jaccard
from basedrum.measures.structure import TOMS
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE

HATS = (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT)
BODY = (kit.KICK, kit.SNARE, kit.SIDE_STICK)
KEEPER_NAMES = ("hats", "ride", "percussion", "crash")
NO_KEEPER = -1
KEEPER_STRIKES, KEEPER_BEATS = 3, 3
GROOVE_SHARE, GROOVE_BARS = 0.4, 8
BACKBEAT_STEPS, BACKBEAT_SHARE = (4, 8, 12), 0.6
RIFF_BARS, RIFF_INSIDE, RIFF_ACROSS = 4, 0.6, 0.4
LOST_FROM_BAR = 8  # counted from 0: bar 9


@dataclass(frozen=True)
class SongBars:
    """The B bars of one song in 4/4.

    Attributes:
        hits: (B, 16, 12) bool, the drums.
        onsets: (B, 16) bool, where a bass note starts.
        sounds: (B,) bool, whether the bass sounds in the bar.
        line: (B,) int, equal numbers for bars with the same bass notes.
    """

    hits: np.ndarray
    onsets: np.ndarray
    sounds: np.ndarray
    line: np.ndarray

    @property
    def first(self) -> int:
        """The first bar in which the bass sounds; B where it never does."""
        return int(np.argmax(self.sounds)) if self.sounds.any() else len(self.sounds)


def listener_values(bars: SongBars) -> dict[str, float]:
    """Return every measure of this room that looks at one song alone, by key."""
    fills = find_fills(bars.hits)
    return {
        "bar_hits": _mean(bars.hits.sum(axis=(1, 2))[bars.sounds]),
        "time_hits": _mean(bars.hits[..., [*HATS, kit.RIDE]].sum(axis=(1, 2))[bars.sounds]),
        **keeper_values(bars),
        **crash_values(bars, fills),
        **fill_values(bars, fills),
        "backbeat_hole": backbeat_hole(bars, fills),
        "one_idea": one_idea(bars, fills),
        "kick_same_bass": kick_same_bass(bars),
        **new_riff_values(bars),
    }


def find_keepers(hits: np.ndarray) -> np.ndarray:
    """Return (B,) int: the keeper of each bar, by its place in `KEEPER_NAMES`; -1 where there is none.

    Where hats and ride both keep time it is the one with more strikes.
    """
    strikes = np.stack(
        [hits[..., list(HATS)].any(axis=-1), *(hits[..., v] for v in (kit.RIDE, kit.PERCUSSION, kit.CRASH))],
        axis=-1,
    )  # (B, 16, 4)
    count = strikes.sum(axis=1)
    beats = strikes.reshape(len(hits), -1, STEPS_PER_BEAT, len(KEEPER_NAMES)).any(axis=2).sum(axis=1)
    keeps = (count >= KEEPER_STRIKES) & (beats >= KEEPER_BEATS)
    order = count + STEPS_PER_MEASURE * np.asarray([1, 1, 0, 0])
    best = np.where(keeps, order, -1).argmax(axis=1)
    return np.where(keeps.any(axis=1), best, NO_KEEPER)


def find_fills(hits: np.ndarray) -> np.ndarray:
    """Return (B,) bool: the bars that are fills; `hits` (B, steps, 12) bool."""
    before = np.concatenate([np.zeros((1, *hits.shape[1:]), int), np.cumsum(hits, axis=0)])
    at = np.arange(len(hits))
    low, high = np.maximum(at - GROOVE_BARS, 0), np.minimum(at + GROOVE_BARS + 1, len(hits))
    groove = before[high] - before[low] >= GROOVE_SHARE * (high - low)[:, None, None]
    outside = (hits & ~groove)[:, hits.shape[1] // 2 :]
    toms = outside[..., list(TOMS)].sum(axis=(1, 2))
    return (toms >= 2) | (toms + outside[..., kit.SNARE].sum(axis=1) >= 3)


def keeper_values(bars: SongBars) -> dict[str, float]:
    """Return `no_keeper`, `keeper_changes` and `keeper_lost`, 0..1 each.

    `no_keeper`: the share of bars with kick, snare or side stick that have no keeper. `keeper_changes`: of
    two such bars in a row, the share of which one has a keeper and the other none. `keeper_lost`: in a song
    that has none in most of its bars 1 to 4, 1 if it has none in most of those from bar 9 on, else 0. NaN on
    silence.
    """
    counted = bars.sounds & bars.hits[..., list(BODY)].any(axis=(1, 2))
    without = find_keepers(bars.hits) == NO_KEEPER
    both = counted[1:] & counted[:-1]
    opening = slice(bars.first, bars.first + MEASURES_PER_PHRASE)
    rest = slice(bars.first + LOST_FROM_BAR, None)
    lost = float("nan")
    if _mean(without[opening][counted[opening]]) > 0.5 and counted[rest].any():
        lost = float(_mean(without[rest][counted[rest]]) > 0.5)
    return {
        "no_keeper": _mean(without[counted]),
        "keeper_changes": _mean((without[1:] != without[:-1])[both]),
        "keeper_lost": lost,
    }


def crash_values(bars: SongBars, fills: np.ndarray) -> dict[str, float]:
    """Return `crash_1_3`, `crash_again` and `crash_after_fill`, 0..1 each; 0 or NaN on silence.

    `crash_1_3`: 1 if the first and the third bar both begin with a crash. `crash_again`: of the bars that
    begin with a crash, the share after which the next does not and the one after it does. `crash_after_fill`:
    of the fills, the share after which the next bar begins with a crash.
    """
    crash = bars.hits[:, 0, kit.CRASH]
    first = bars.first
    opening = crash[first : first + 3]
    begins = np.flatnonzero(crash[:-2] & bars.sounds[:-2] & bars.sounds[2:])
    after = np.flatnonzero(fills[:-1] & bars.sounds[:-1] & bars.sounds[1:])
    return {
        "crash_1_3": float(opening[0] and opening[2]) if len(opening) == 3 else float("nan"),
        "crash_again": _mean(crash[begins + 2] & ~crash[begins + 1]),
        "crash_after_fill": _mean(crash[after + 1]),
    }


def fill_values(bars: SongBars, fills: np.ndarray) -> dict[str, float]:
    """Return `fill_on_4`, `fill_on_8` and `no_fill`, 0..1 each.

    `fill_on_4`, `fill_on_8`: of the fills, the share in every fourth and in every eighth bar, from the first
    bar in which the bass sounds. `no_fill`: 1 in a song without any fill. NaN, NaN and 1 on silence.
    """
    number = np.flatnonzero(fills & bars.sounds) - bars.first
    return {
        "fill_on_4": _mean(number % 4 == 3),
        "fill_on_8": _mean(number % 8 == 7),
        "no_fill": float(not len(number)),
    }


def backbeat_hole(bars: SongBars, fills: np.ndarray) -> float:
    """Return the share of bars, fills left out, that lack a snare where the song has its usual ones.

    A usual snare falls on step 4, 8 or 12 in .6 or more of the bars. 0..1; NaN where there is none.
    """
    snare = bars.hits[:, list(BACKBEAT_STEPS), kit.SNARE]  # (B, 3)
    if not bars.sounds.any():
        return float("nan")
    usual = snare[bars.sounds].mean(axis=0) >= BACKBEAT_SHARE
    if not usual.any():
        return float("nan")
    return _mean(~snare[bars.sounds & ~fills][:, usual].all(axis=1))


def one_idea(bars: SongBars, fills: np.ndarray) -> float:
    """Return how many different bars of kick and snare are played to four bars of one bass rhythm.

    The number of different bars over that of bars, fills left out; the mean over the groups of four bars,
    from the first bar on, whose bass rhythm is the same in all. .25..1, NaN where there is no such group.
    """
    shares = []
    for start in range(bars.first, len(bars.hits) - MEASURES_PER_PHRASE + 1, MEASURES_PER_PHRASE):
        group = slice(start, start + MEASURES_PER_PHRASE)
        rhythm = bars.onsets[group]
        played = bars.hits[group][~fills[group]][..., [kit.KICK, kit.SNARE]]
        if rhythm[0].any() and (rhythm == rhythm[0]).all() and len(played) > 1 and played.any():
            shares.append(len(np.unique(played.reshape(len(played), -1), axis=0)) / len(played))
    return _mean(shares)


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
        likeness.append(_alike(same[one[known]], same[other[known]]))
    return _mean(np.concatenate(likeness)) if likeness else float("nan")


def new_riff_values(bars: SongBars) -> dict[str, float]:
    """Return `riff_kick` and `riff_kit`: how alike kicks and all drums are across a change of the bass, 0..1.

    A change is a bar line with four bars to either side whose bass rhythms are alike inside each side
    (Jaccard index above .6 in the mean over pairs of bars) and not across (below .4). Mean Jaccard index over
    the pairs of bars across; NaN where the bass never changes.
    """
    across = np.repeat(np.arange(RIFF_BARS), RIFF_BARS), np.tile(np.arange(RIFF_BARS), RIFF_BARS)
    inside = np.triu_indices(RIFF_BARS, 1)
    kicks, kits = [], []
    for at in range(RIFF_BARS, len(bars.hits) - RIFF_BARS + 1):
        sides = slice(at - RIFF_BARS, at), slice(at, at + RIFF_BARS)
        old, new = bars.onsets[sides[0]], bars.onsets[sides[1]]
        if not (bars.sounds[sides[0]].all() and bars.sounds[sides[1]].all()):
            continue
        steady = min(_alike(side[inside[0]], side[inside[1]]).mean() for side in (old, new))
        if steady <= RIFF_INSIDE or _alike(old[across[0]], new[across[1]]).mean() >= RIFF_ACROSS:
            continue
        drums = [bars.hits[side].reshape(RIFF_BARS, -1) for side in sides]
        kick = [bars.hits[side][..., kit.KICK] for side in sides]
        kits.append(_alike(drums[0][across[0]], drums[1][across[1]]).mean())
        kicks.append(_alike(kick[0][across[0]], kick[1][across[1]]).mean())
    return {"riff_kick": _mean(kicks), "riff_kit": _mean(kits)}


def dominant_bar(bars: SongBars) -> np.ndarray:
    """Return (16, 12) bool: the dominant bar of those in which the bass sounds."""
    counted = bars.hits[bars.sounds]
    return 2 * counted.sum(axis=0) >= max(len(counted), 1)


def song_likeness(dominant: np.ndarray, seed: int = 0) -> Estimate:
    """Return how alike different songs are played: the mean Jaccard index of the dominant bars (S, 16, 12) of
    two songs.

    0..1; played with one seed for all songs it tells how far the seed goes before the song. The interval
    resamples songs. NaN with fewer than two songs.
    """
    if len(dominant) < 2:
        return NOT_MEASURED
    alike = jaccard(dominant[:, None], dominant[None])
    others = 1.0 - np.eye(len(dominant))
    weights = song_weights(len(dominant), seed)
    drawn = ((weights @ (alike * others)) * weights).sum(axis=1)
    possible = ((weights @ others) * weights).sum(axis=1)
    low, high = np.percentile((drawn / np.maximum(possible, 1))[possible > 0], INTERVAL)
    return Estimate(float((alike * others).sum() / others.sum()), float(low), float(high))


def kick_follows(kick: np.ndarray, new: np.ndarray, old: np.ndarray) -> float:
    """Return how much better kicks fit the bass that is played than the one that was played before.

    F1 of kicks (T,) with the onsets of the new bass (T,) minus F1 with those of the old one: -1..1, 0 for a
    drummer that ignores the bass and on silence.
    """
    return _f1(kick, new) - _f1(kick, old)


def _f1(kick: np.ndarray, bass: np.ndarray) -> float:
    return float(2 * (kick & bass).sum() / max(int(kick.sum() + bass.sum()), 1))


def _alike(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (n,) the Jaccard index of rows (n, K) of bools; 1 where both are empty."""
    return jaccard(left[..., None], right[..., None])


def _mean(values: np.ndarray | list) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
