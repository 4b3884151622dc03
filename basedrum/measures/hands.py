"""What hands play: rolls, open hats, more hands than a drummer has, and how loud the snare and the hats are.

Conventions: as in `song_bars`; velocities (B, 16, 12) 0..127 over the same cells, 0 where nothing is struck.
Each measure gives one value a song, NaN where the song has no case of it.
Source: this project's own definitions.
"""

from __future__ import annotations

import numpy as np

from basedrum.measures.song_bars import HATS, SongBars, mean
from basedrum.measures.structure import TOMS
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE

BUSY_SNARE, ROLL_STEPS = 7, 4
MANY_HANDS = 3
FEET = (kit.KICK, kit.PEDAL_HAT)
GHOST = 0.6  # of the backbeat's velocity
BACKBEATS = (4, 12)


def hand_values(bars: SongBars) -> dict[str, float]:
    """Return every measure of this file that needs no velocities, by key."""
    hits = bars.hits
    hands = np.delete(hits, list(FEET), axis=-1)
    return {
        "busy_snare": mean((hits[..., kit.SNARE].sum(axis=1) >= BUSY_SNARE)[bars.sounds]),
        **roll_values(bars),
        **open_hat_values(bars),
        "three_hands": mean((hands.sum(axis=-1) >= MANY_HANDS).any(axis=1)[bars.sounds]),
    }


def roll_values(bars: SongBars) -> dict[str, float]:
    """Return `roll` and `roll_again`, 0..1 each; NaN without bass.

    `roll`: the share of bars with four sixteenths in a row on snare or toms in their second half;
    `roll_again`: the share of bars that are one and follow one.
    """
    struck = bars.hits[:, STEPS_PER_MEASURE // 2 :][..., [kit.SNARE, *TOMS]].any(axis=-1)
    rows = np.lib.stride_tricks.sliding_window_view(struck, ROLL_STEPS, axis=1)
    rolls = np.all(rows, axis=2).any(axis=1) & bars.sounds
    again = rolls[1:] & rolls[:-1]
    count = max(int(bars.sounds.sum()), 1)
    return {"roll": mean(rolls[bars.sounds]), "roll_again": float(again.sum() / count)}


def open_hat_values(bars: SongBars) -> dict[str, float]:
    """Return `open_unclosed` and `open_off_eighth`, of the open hats: 0..1, NaN where there are none.

    `open_unclosed`: the share after which no hat is struck within a beat; `open_off_eighth`: on the eighths
    between the beats.
    """
    hats = bars.hits[..., list(HATS)].any(axis=-1).ravel()
    counted = bars.hits[..., kit.OPEN_HAT] & bars.sounds[:, None]
    steps = np.flatnonzero(counted.ravel())
    after = steps[:, None] + np.arange(1, STEPS_PER_BEAT + 1)
    padded = np.append(hats, np.zeros(STEPS_PER_BEAT, bool))
    return {
        "open_unclosed": mean(~padded[after].any(axis=1)),
        "open_off_eighth": mean(steps % STEPS_PER_BEAT == STEPS_PER_BEAT // 2),
    }


def velocity_values(velocities: np.ndarray) -> dict[str, float]:
    """Return `ghosts`, `hat_accent` and `kick_spread` of the velocities (B, 16, 12) of a song in 4/4.

    `ghosts`: the share of snare hits softer than .6 of the mean of those on the two and four; `hat_accent`:
    the mean velocity of closed hats on the beats minus that of the others; `kick_spread`: the standard
    deviation of the kicks' velocities. NaN where there is nothing to compare.
    """
    snare = velocities[..., kit.SNARE].astype(np.float64)
    hat = velocities[..., kit.CLOSED_HAT].astype(np.float64)
    kick = velocities[..., kit.KICK].astype(np.float64)
    backbeat = snare[:, list(BACKBEATS)]
    usual = mean(backbeat[backbeat > 0])
    on_beat, off_beat = hat[:, ::STEPS_PER_BEAT], np.delete(hat, np.s_[::STEPS_PER_BEAT], axis=1)
    return {
        "ghosts": mean(snare[snare > 0] < GHOST * usual) if usual == usual else float("nan"),
        "hat_accent": mean(on_beat[on_beat > 0]) - mean(off_beat[off_beat > 0]),
        "kick_spread": float(kick[kick > 0].std()) if (kick > 0).any() else float("nan"),
    }
