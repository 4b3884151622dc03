"""What a listener hears in a whole song: is there a time-keeper, where do crashes and fills fall, does the
groove follow a new bass?

Each measure gives one value a song, NaN where the song has no case of it, to be averaged over songs by
`bootstrap.song_mean`. Only songs entirely in 4/4 are measured, in the bars in which their bass sounds; values
nearer to those of real drummers are better unless said otherwise.

Conventions: as in `song_bars`. Dominant bar: the cells that sound in half of the bars or more.
Source: this project's own definitions.
"""

from __future__ import annotations

import numpy as np

from basedrum.measures.bootstrap import INTERVAL, NOT_MEASURED, Estimate, song_weights
from basedrum.measures.hands import hand_values
from basedrum.measures.ideas import idea_values
from basedrum.measures.metrics import jaccard
from basedrum.measures.song_bars import NO_KEEPER, TIME, SongBars, find_keepers, mean
from basedrum.measures.structure import TOMS
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE

BODY = (kit.KICK, kit.SNARE, kit.SIDE_STICK)
BACKBEAT_STEPS, BACKBEAT_SHARE = (4, 8, 12), 0.6
LOST_FROM_BAR = 8  # counted from 0: bar 9
FEW_ONSETS, SIMPLE_BARS = 2.25, 8


def listener_values(bars: SongBars) -> dict[str, float]:
    """Return every measure that looks at one song in 4/4 alone, by key."""
    return {
        "bar_hits": mean(bars.hits.sum(axis=(1, 2))[bars.sounds]),
        "time_hits": mean(bars.hits[..., list(TIME)].sum(axis=(1, 2))[bars.sounds]),
        **keeper_values(bars),
        **crash_values(bars),
        **fill_values(bars),
        "backbeat_hole": backbeat_hole(bars),
        **left_out_values(bars),
        **simple_line_values(bars),
        **idea_values(bars),
        **hand_values(bars),
    }


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
    if mean(without[opening][counted[opening]]) > 0.5 and counted[rest].any():
        lost = float(mean(without[rest][counted[rest]]) > 0.5)
    return {
        "no_keeper": mean(without[counted]),
        "keeper_changes": mean((without[1:] != without[:-1])[both]),
        "keeper_lost": lost,
    }


def crash_values(bars: SongBars) -> dict[str, float]:
    """Return `crash_1_3`, `crash_again` and `crash_after_fill`, 0..1 each; 0 or NaN on silence.

    `crash_1_3`: 1 if the first and the third bar both begin with a crash. `crash_again`: of the bars that
    begin with a crash, the share after which the next does not and the one after it does. `crash_after_fill`:
    of the fills, the share after which the next bar begins with a crash.
    """
    crash = bars.hits[:, 0, kit.CRASH]
    first = bars.first
    opening = crash[first : first + 3]
    begins = np.flatnonzero(crash[:-2] & bars.sounds[:-2] & bars.sounds[2:])
    after = np.flatnonzero(bars.fills[:-1] & bars.sounds[:-1] & bars.sounds[1:])
    return {
        "crash_1_3": float(opening[0] and opening[2]) if len(opening) == 3 else float("nan"),
        "crash_again": mean(crash[begins + 2] & ~crash[begins + 1]),
        "crash_after_fill": mean(crash[after + 1]),
    }


def fill_values(bars: SongBars) -> dict[str, float]:
    """Return `fill_on_4`, `fill_on_8` and `no_fill`, 0..1 each.

    `fill_on_4`, `fill_on_8`: of the fills, the share in every fourth and in every eighth bar, from the first
    bar in which the bass sounds. `no_fill`: 1 in a song without any fill. NaN, NaN and 1 on silence.
    """
    number = np.flatnonzero(bars.fills & bars.sounds) - bars.first
    return {
        "fill_on_4": mean(number % 4 == 3),
        "fill_on_8": mean(number % 8 == 7),
        "no_fill": float(not len(number)),
    }


def backbeat_hole(bars: SongBars) -> float:
    """Return the share of bars, fills left out, that lack a snare where the song has its usual ones.

    A usual snare falls on step 4, 8 or 12 in .6 or more of the bars. 0..1; NaN where there is none.
    """
    snare = bars.hits[:, list(BACKBEAT_STEPS), kit.SNARE]  # (B, 3)
    if not bars.sounds.any():
        return float("nan")
    usual = snare[bars.sounds].mean(axis=0) >= BACKBEAT_SHARE
    if not usual.any():
        return float("nan")
    return mean(~snare[bars.sounds & ~bars.fills][:, usual].all(axis=1))


def left_out_values(bars: SongBars) -> dict[str, float]:
    """Return `no_toms`, `no_ride` and `no_crash`: 1 where a song never strikes them, else 0."""
    struck = bars.hits[bars.sounds].any(axis=(0, 1))
    return {
        "no_toms": float(not struck[list(TOMS)].any()),
        "no_ride": float(not struck[kit.RIDE]),
        "no_crash": float(not struck[kit.CRASH]),
    }


def simple_line_values(bars: SongBars) -> dict[str, float]:
    """Return what is played to a bass of few notes: `few_no_snare`, `few_no_keeper` and `few_hits`.

    Stretches of eight bars, from the first one of the bass on, in all of which it sounds, with 2.25 onsets a
    bar or fewer. `few_no_snare`: the share of them without any snare or side stick; `few_no_keeper`: without
    a keeper in any bar; `few_hits`: hits a bar. NaN where there is none.
    """
    has_keeper = find_keepers(bars.hits) != NO_KEEPER
    snare, keeper, hits = [], [], []
    for start in range(bars.first, len(bars.hits) - SIMPLE_BARS + 1, SIMPLE_BARS):
        here = slice(start, start + SIMPLE_BARS)
        if not bars.sounds[here].all() or bars.onsets[here].sum() > FEW_ONSETS * SIMPLE_BARS:
            continue
        snare.append(not bars.hits[here][..., [kit.SNARE, kit.SIDE_STICK]].any())
        keeper.append(not has_keeper[here].any())
        hits.append(bars.hits[here].sum() / SIMPLE_BARS)
    return {"few_no_snare": mean(snare), "few_no_keeper": mean(keeper), "few_hits": mean(hits)}


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
