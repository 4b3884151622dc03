"""Two hands: what one kit player can strike at once, and where the percussion goes when nobody else plays it.

The songs the drummer learned from were often written by several players or by none: a step in five bars has
three or more hand voices at once, where human drummers have them in .008 of bars (Groove MIDI). So each
phrase is made playable before the next one is played to it. What gives way: the time-keeping hand to the
crash, the snare and the toms, and among those the less marked to the more. A foot takes the closed hat over
where it accompanies the ride.

Percussion is another player's. So is a hand clap: a side stick on a snare is one where most of the phrase's
side sticks are (`drummer.sounds`); elsewhere the snare takes its place.

Conventions: hits (T, 12) bool over the voices of the kit, T whole measures of 16 steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.drummer.phrase import Phrase
from basedrum.drummer.song import PhrasePlayer
from basedrum.music.kit import (
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    LOW_TOM,
    MID_TOM,
    OPEN_HAT,
    PEDAL_HAT,
    PERCUSSION,
    RIDE,
    SIDE_STICK,
    SNARE,
)

MOST_HANDS = 2
RANK = (CRASH, SNARE, LOW_TOM, HIGH_TOM, MID_TOM, SIDE_STICK, RIDE, OPEN_HAT, CLOSED_HAT)
"""The hand voices, those first that keep a hand."""
HATS = (CLOSED_HAT, PEDAL_HAT, OPEN_HAT)
MOSTLY = 0.5


@dataclass(frozen=True)
class Company:
    """Who else plays.

    Attributes:
        percussion: whether a second player has percussion and claps.
        stick_is_clap: whether the style's side stick is a clap, which alone becomes a snare.
    """

    percussion: bool = True
    stick_is_clap: bool = False


class HandedPlayer:
    """A drummer with two hands: what `player` plays, made playable phrase by phrase."""

    def __init__(self, player: PhrasePlayer, company: Company | None = None) -> None:
        self.player, self.company = player, company or Company()

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool, as `PhrasePlayer`."""
        hits = np.array(self.player.play(phrase), bool)
        if not self.company.percussion:
            hits = without_percussion(hits, self.company.stick_is_clap)
        return with_two_hands(without_stray_sticks(hits))

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory, as `PhrasePlayer`."""
        self.player.remember(bass, hits)


def without_stray_sticks(hits: np.ndarray) -> np.ndarray:
    """Return hits without the side sticks on a snare, unless at least half of all are there: then they are
    claps."""
    stick, snare = hits[:, SIDE_STICK], hits[:, SNARE]
    if not stick.any() or snare[stick].mean() >= MOSTLY:
        return hits
    hits = hits.copy()
    hits[:, SIDE_STICK] &= ~snare
    return hits


def with_two_hands(hits: np.ndarray) -> np.ndarray:
    """Return hits of which at most two a step need a hand, no hat both open and closed.

    A side stick on a snare is a clap, and no hand.
    """
    hits = hits.copy()
    hits[:, CLOSED_HAT] &= ~hits[:, OPEN_HAT]
    is_full = num_hands(hits) > MOST_HANDS
    to_foot = is_full & hits[:, CLOSED_HAT] & hits[:, RIDE]
    hits[:, PEDAL_HAT] |= to_foot
    hits[:, CLOSED_HAT] &= ~to_foot
    free = np.full(len(hits), MOST_HANDS)
    for voice in RANK:
        is_clap = hits[:, SNARE] if voice == SIDE_STICK else np.zeros(len(hits), bool)
        hits[:, voice] &= is_clap | (free > 0)
        free -= hits[:, voice] & ~is_clap
    return hits


def num_hands(hits: np.ndarray) -> np.ndarray:
    """Return (T,) how many hands each step takes; a side stick on a snare is a clap, and takes none."""
    return hits[:, list(RANK)].sum(axis=1) - (hits[:, SIDE_STICK] & hits[:, SNARE])


def without_percussion(hits: np.ndarray, stick_is_clap: bool) -> np.ndarray:
    """Return hits of the kit alone: percussion moved to the time-keeper, no stick where a snare is.

    The time-keeper is the ride where it has more hits than the hats, else the closed hat. A hit is dropped
    where either has one already.

    Args:
        stick_is_clap: whether the other sticks, too, become snares.
    """
    hits = hits.copy()
    hits[:, SIDE_STICK] &= ~hits[:, SNARE]
    if stick_is_clap:
        hits[:, SNARE] |= hits[:, SIDE_STICK]
        hits[:, SIDE_STICK] = False
    hats = hits[:, HATS].any(axis=1)
    keeper = RIDE if hits[:, RIDE].sum() > hats.sum() else CLOSED_HAT
    hits[:, keeper] |= hits[:, PERCUSSION] & ~hats & ~hits[:, RIDE]
    hits[:, PERCUSSION] = False
    return hits
