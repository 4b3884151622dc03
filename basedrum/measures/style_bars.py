"""The bars of a song as the rules of styles look at them, and what such rules are made of.

A predicate says of every bar whether something holds; small ones are joined to the rules of
`measures.style_rules`.

Conventions: bars are (n, S) steps of sixteenths from 0: S is 16 in 4/4, 12 in 3/4 and 6/8, 24 in 12/8, 14 in
7/8; the second of two swung eighths lies on the last step of its beat, as in the rolls of songs. Velocities
0..127; voices as in `music.kit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.music import kit

GHOST_VELOCITY = 70  # softer is a ghost note, on a snare whose backbeat is loud
MIN_LATE_MS = 6.0
ACCENT = 5  # how much louder an accent is than the rest
SIGNATURE_F1 = 0.75

HATS = (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT)
TOMS = (kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM)
HAT_OR_RIDE = (kit.CLOSED_HAT, kit.OPEN_HAT, kit.RIDE)
CYMBALS = (*HATS, kit.RIDE, kit.CRASH)
TIME = (*CYMBALS, kit.PERCUSSION)
SNARES = (kit.SNARE, kit.SIDE_STICK)
HANDS = tuple(voice for voice in range(kit.NUM_VOICES) if voice not in (kit.KICK, kit.PEDAL_HAT))
SON_CLAVE = (0, 3, 6, 10, 12)
CASCARA = (0, 2, 3, 5, 7, 8, 10, 11, 13, 15)


@dataclass(frozen=True)
class StyleBars:
    """The bars of one song.

    Attributes:
        hits: (n, S, 12) bool.
        velocities: (n, S, 12), 0 where no hit.
        bass: (n, S) bool, where a bass note starts.
        late_ms: (n, S, 12) how far each hit lags behind its step, in milliseconds; None where not known.
    """

    hits: np.ndarray
    velocities: np.ndarray
    bass: np.ndarray
    late_ms: np.ndarray | None = None

    @property
    def num_steps(self) -> int:
        return self.hits.shape[1]

    def any_of(self, voices: Sequence[int]) -> np.ndarray:
        """Return (n, S) bool: where any of some voices hits."""
        return np.any(self.hits[:, :, list(voices)], axis=2)

    def loud(self, voices: Sequence[int]) -> np.ndarray:
        """Return (n, S) bool: where any of some voices hits no softer than a ghost note."""
        return np.any(self.velocities[:, :, list(voices)] >= GHOST_VELOCITY, axis=2)

    def count(self, voices: Sequence[int], steps: Sequence[int] | slice = slice(None)) -> np.ndarray:
        """Return (n,) how many of some steps any of some voices hits."""
        return self.any_of(voices)[:, steps].sum(axis=1)


Predicate = Callable[[StyleBars], np.ndarray]


def style_bars(
    hits: np.ndarray,
    velocities: np.ndarray,
    bass: np.ndarray,
    measure_steps: Sequence[int],
    late_ms: np.ndarray | None = None,
) -> StyleBars:
    """Gather the bars of a roll.

    Args:
        hits: (T, 12) bool, measures of 16 steps each; velocities: (T, 12). bass: (T,) bool. late_ms: (T, 12).
        measure_steps: the steps of each measure of one bar, (16,) in 4/4, (12,) in 3/4, (12, 12) in 12/8.
    """
    steps = [16 * i + np.arange(count) for i, count in enumerate(measure_steps)]
    kept = np.concatenate(steps)
    num_bars = len(hits) // (16 * len(measure_steps))
    index = (np.arange(num_bars) * 16 * len(measure_steps))[:, None] + kept
    loud = np.where(hits, np.maximum(velocities, 1), 0)
    late = None if late_ms is None else late_ms[index]
    return StyleBars(hits[index], loud[index], bass[index], late)


def on(voices: Sequence[int], *steps: int) -> Predicate:
    """A rule: every one of these steps is hit by one of these voices."""
    return lambda bars: np.all(bars.any_of(voices)[:, list(steps)], axis=1)


def at_least(count: int, voices: Sequence[int], steps: Sequence[int] | slice = slice(None)) -> Predicate:
    """A rule: at least so many of the steps are hit by one of these voices."""
    return lambda bars: bars.count(voices, steps) >= count


def at_most(count: int, voices: Sequence[int], steps: Sequence[int] | slice = slice(None)) -> Predicate:
    """A rule: at most so many of the steps are hit by one of these voices."""
    return lambda bars: bars.count(voices, steps) <= count


def all_of(*rules: Predicate) -> Predicate:
    """A rule: all of these hold."""
    return lambda bars: np.all([rule(bars) for rule in rules], axis=0)


def one_of(*rules: Predicate) -> Predicate:
    """A rule: one of these holds, bar by bar."""
    return lambda bars: np.any([rule(bars) for rule in rules], axis=0)


def no(rule: Predicate) -> Predicate:
    """A rule: the other does not hold."""
    return lambda bars: ~rule(bars)


def in_pairs(rule: Predicate) -> Predicate:
    """A rule: the other holds in the bar or in one of its neighbours."""

    def holds(bars: StyleBars) -> np.ndarray:
        here = rule(bars)
        return here | np.append(here[1:], False) | np.append(False, here[:-1])

    return holds


def two_hands(bars: StyleBars) -> np.ndarray:
    """At most two hand voices on any step."""
    return np.all(bars.hits[:, :, list(HANDS)].sum(axis=2) <= 2, axis=1)


def ghosts(bars: StyleBars) -> np.ndarray:
    """A snare hit softer than a ghost note's limit."""
    soft = bars.hits[:, :, kit.SNARE] & (bars.velocities[:, :, kit.SNARE] < GHOST_VELOCITY)
    return np.any(soft, axis=1)


def tambourine_keeps_time(bars: StyleBars) -> np.ndarray:
    """Percussion hits more steps than hat and ride, and at least three."""
    hand = bars.count((kit.PERCUSSION,))
    return (hand >= 3) & (hand > bars.count(HAT_OR_RIDE))


def kick_on_bass(share: float) -> Predicate:
    """A rule: at least this share of the bar's kicks fall on a note of the bass; no kick: not met."""

    def holds(bars: StyleBars) -> np.ndarray:
        kick = bars.hits[:, :, kit.KICK]
        return (kick & bars.bass).sum(axis=1) >= np.maximum(share * kick.sum(axis=1), 1e-9)

    return holds


def bass_in_kick(share: float) -> Predicate:
    """A rule: at least this share of the bar's bass notes have a kick; no note: met."""

    def holds(bars: StyleBars) -> np.ndarray:
        both = bars.hits[:, :, kit.KICK] & bars.bass
        return both.sum(axis=1) >= share * bars.bass.sum(axis=1)

    return holds


def kick_like(*patterns: Sequence[int]) -> Predicate:
    """A rule: the bar's kicks and one of the patterns have an F1 of at least .75."""
    return lambda bars: np.max([_f1(bars.any_of((kit.KICK,)), p) for p in patterns], axis=0) >= SIGNATURE_F1


def _f1(played: np.ndarray, pattern: Sequence[int]) -> np.ndarray:
    """(n,) F1 of the steps played (n, S) against a pattern of steps."""
    wanted = np.zeros(played.shape[1], bool)
    wanted[list(pattern)] = True
    total = played.sum(axis=1) + wanted.sum()
    return 2 * (played & wanted).sum(axis=1) / total


def clave(voices: Sequence[int]) -> Predicate:
    """A rule: one of the voices plays a son or bossa clave, in one bar or spread over two, either side
    first."""
    over_two = [tuple(2 * step for step in SON_CLAVE), (0, 6, 12, 20, 26)]
    patterns = [p for pattern in over_two for p in (pattern, tuple((step + 16) % 32 for step in pattern))]
    in_one = [SON_CLAVE, tuple((step + 8) % 16 for step in SON_CLAVE), (0, 3, 6, 10, 13)]

    def holds(bars: StyleBars) -> np.ndarray:
        best = np.zeros(len(bars.hits))
        for voice in voices:
            played = bars.any_of((voice,))
            for pattern in in_one:
                best = np.maximum(best, _f1(played, pattern))
            after = np.concatenate([played[:, :], np.roll(played, -1, axis=0)], axis=1)
            before = np.concatenate([np.roll(played, 1, axis=0), played], axis=1)
            for pattern in patterns:
                best = np.maximum(best, np.maximum(_f1(after, pattern), _f1(before, pattern)))
        return best >= SIGNATURE_F1

    return holds


def accents(*steps: int) -> Predicate:
    """A rule: the snare hits all these steps, by 5 or more louder on the mean than its other hits."""

    def holds(bars: StyleBars) -> np.ndarray:
        loud = bars.velocities[:, :, kit.SNARE].astype(float)
        accented = np.zeros(loud.shape[1], bool)
        accented[list(steps)] = True
        others = loud[:, ~accented]
        rest = others.sum(axis=1) / np.maximum((others > 0).sum(axis=1), 1)
        there = np.all(loud[:, accented] > 0, axis=1)
        return there & (loud[:, accented].mean(axis=1) >= rest + ACCENT)

    return holds


def late_snare(bars: StyleBars) -> np.ndarray:
    """The loud snare hits of the bar lag behind their steps by 6 ms or more on the mean; not known: not
    met."""
    if bars.late_ms is None:
        return np.zeros(len(bars.hits), bool)
    loud = bars.velocities[:, :, kit.SNARE] >= GHOST_VELOCITY
    late = np.where(loud, bars.late_ms[:, :, kit.SNARE], 0).sum(axis=1)
    return late >= MIN_LATE_MS * np.maximum(loud.sum(axis=1), 1)


def half_time_section(bars: StyleBars) -> np.ndarray:
    """All bars, where the song has four bars or more with the snare on 8 and not on 4 or 12, and four with
    the backbeat."""
    snare = bars.loud(SNARES)
    half = (snare[:, 8] & ~snare[:, 4] & ~snare[:, 12]).sum() >= 4
    whole = (snare[:, 4] & snare[:, 12]).sum() >= 4
    return np.full(len(bars.hits), bool(half and whole))


def between_beats_stronger(bars: StyleBars) -> np.ndarray:
    """Hat and ride are louder on the off-eighths (2 6 10 14) than on the beats, and hit three of them."""
    loud = bars.velocities[:, :, list(HAT_OR_RIDE)].max(axis=2)
    off, beats = loud[:, 2::4].mean(axis=1), loud[:, 0::4].mean(axis=1)
    return ((loud[:, 2::4] > 0).sum(axis=1) >= 3) & (off > beats)


def plays_like(pattern: Sequence[int], voices: Sequence[int]) -> Predicate:
    """A rule: one of the voices and the pattern have an F1 of at least .75."""
    return lambda bars: np.max([_f1(bars.any_of((v,)), pattern) for v in voices], axis=0) >= SIGNATURE_F1


def quiet(rule: Predicate) -> Predicate:
    """A rule: what hits no softer than a ghost note does not meet the other."""

    def holds(bars: StyleBars) -> np.ndarray:
        loud = np.where(bars.velocities >= GHOST_VELOCITY, bars.velocities, 0)
        return ~rule(StyleBars(loud > 0, loud, bars.bass, bars.late_ms))

    return holds
