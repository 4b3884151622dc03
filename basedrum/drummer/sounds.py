"""Which sound the percussion and the side stick of a song have: tambourine, shaker or congas, stick or clap.

The drummer plays twelve voices, of which two stand for several sounds. One of them is drawn for a song, from
its seed, with the shares that real songs have where the voice is played in the same places; a style that is
asked for says it instead. Congas and bongos have a pitch for each place of the bar.

Conventions: hits (T, 12) bool over the voices of the kit, whole measures of 16 steps; pitches are MIDI's.

Source: the shares are counted by `lab/sounds.py` (tables in `lab/NOTES.md`); the styles' are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE
from basedrum.music.kit import (
    CLAP,
    CLOSED_HAT,
    CRASH,
    LOWEST_PITCH,
    NUM_VOICES,
    OPEN_HAT,
    PEDAL_HAT,
    PERCUSSION,
    RIDE,
    SIDE_STICK,
    SNARE,
    VOICE_OF_PITCH,
    WRITTEN_PITCHES,
)
from basedrum.music.rolls import DrumRoll
from basedrum.music.styles import style_named

KINDS: dict[str, tuple[int, ...]] = {
    "tambourine": (54,),
    "cowbell": (56,),
    "bongos": (60, 61),
    "congas": (62, 63, 64),
    "cabasa": (69,),
    "maracas": (70,),
    "shaker": (82,),
}
"""The percussion and its pitches: high and low bongo; muted, open and low conga."""

SHARES: dict[str, tuple[float, ...]] = {
    "keeper": (0.430, 0.033, 0.047, 0.106, 0.174, 0.120, 0.090),
    "backbeat": (0.785, 0.114, 0.013, 0.037, 0.047, 0.002, 0.002),
    "sparse": (0.543, 0.074, 0.104, 0.182, 0.063, 0.002, 0.032),
    "quarters": (0.348, 0.277, 0.049, 0.000, 0.118, 0.175, 0.034),
    "off-beats": (0.491, 0.001, 0.145, 0.069, 0.143, 0.074, 0.076),
    "eighths": (0.335, 0.051, 0.045, 0.210, 0.237, 0.066, 0.055),
    "sixteenths": (0.392, 0.030, 0.050, 0.176, 0.174, 0.121, 0.057),
    "syncopated": (0.288, 0.042, 0.134, 0.263, 0.138, 0.076, 0.059),
}
"""How often real songs whose percussion is played so (`percussion_place`) have each of `KINDS`."""

ON_SNARE = (0.1, 0.3, 0.6)  # shares of the side stick's hits that are on a snare, and the bounds between
CLAP_SHARES = ((0.10, 0.25), (0.20, 0.56), (0.34, 0.58), (0.77, 0.67))
"""How often it is a clap, by the share of its hits that are on a snare; mostly on the backbeat, and
elsewhere."""

LOW_PITCHES = {"bongos": (0.45, 61, 60), "congas": (0.31, 64, 63)}
"""Of the drums with two pitches: how many places of a bar have the low one, the low and the high pitch."""
MUTED_CONGA, MUTED_SHARE = 62, 0.49  # of the conga's high hits

_NORMAL: dict[str, float] = {}
STYLES: dict[str, tuple[float | None, dict[str, float]]] = {
    "afrobeat": (0.1, {"shaker": 3, "congas": 3, "cowbell": 1}),
    "ballad": (0.1, {"shaker": 3, "tambourine": 2, "congas": 1, "cabasa": 1}),
    "blues_shuffle": (0.1, {"tambourine": 2, "shaker": 1, "maracas": 1}),
    "bossa": (0.0, {"shaker": 3, "cabasa": 3, "maracas": 1}),
    "breakbeat": (0.6, {"shaker": 2, "tambourine": 1, "congas": 1}),
    "country": (0.1, {"tambourine": 2, "shaker": 2}),
    "disco": (1.0, {"tambourine": 3, "congas": 2, "cowbell": 2, "shaker": 1}),
    "drum_and_bass": (0.6, {"shaker": 3, "tambourine": 1}),
    "funk": (None, {"cowbell": 2, "tambourine": 2, "congas": 2, "shaker": 1}),
    "gospel": (0.9, {"tambourine": 5, "shaker": 1}),
    "hard_rock": (None, {"cowbell": 3, "tambourine": 2}),
    "hip_hop": (0.8, {"shaker": 3, "tambourine": 2, "cowbell": 1}),
    "house": (1.0, {"shaker": 3, "congas": 2, "tambourine": 1, "cowbell": 1}),
    "latin": (0.0, {"congas": 4, "cowbell": 3, "bongos": 2, "maracas": 2}),
    "metal": (None, {"tambourine": 1, "cowbell": 1}),
    "neo_soul": (0.5, {"shaker": 3, "tambourine": 2, "congas": 1}),
    "new_wave": (0.8, {"tambourine": 2, "cowbell": 1, "shaker": 1}),
    "punk": (None, {"tambourine": 1}),
    "reggae": (0.0, {"shaker": 2, "cabasa": 2, "bongos": 2, "tambourine": 1}),
    "rock": (None, {"tambourine": 4, "cowbell": 2, "shaker": 2, "maracas": 1}),
    "samba": (0.0, {"shaker": 3, "tambourine": 2, "cabasa": 1}),
    "second_line": (0.1, {"tambourine": 2, "cowbell": 2}),
    "ska": (0.0, {"tambourine": 2, "cowbell": 1, "shaker": 1}),
    "soul": (0.5, {"tambourine": 6, "congas": 2, "shaker": 1}),
    "trap": (0.9, {"shaker": 2, "cowbell": 1}),
    "twelve_eight_blues": (0.1, {"tambourine": 2, "shaker": 1, "maracas": 1}),
}
"""Of a style of `music.styles`: how often its side stick is a clap (None: as `CLAP_SHARES` says), and weights
of its percussion."""


@dataclass(frozen=True)
class Sounds:
    """What the two voices of several sounds are in a song.

    Attributes:
        stick: the pitch of the side stick away from the snare; on a snare it is a clap.
        percussion: (16,) the pitch of the percussion at each step of a measure.
    """

    stick: int
    percussion: np.ndarray

    def of_kit(self) -> Sounds:
        """Return the sounds of a kit alone: no clap."""
        return replace(self, stick=WRITTEN_PITCHES[SIDE_STICK])

    def pitches(self, hits: np.ndarray) -> np.ndarray:
        """Return (T, 12) the pitch of each of the hits (T, 12)."""
        pitches = np.tile(np.asarray(WRITTEN_PITCHES), (len(hits), 1))
        pitches[:, SIDE_STICK] = np.where(hits[:, SNARE], CLAP, self.stick)
        pitches[:, PERCUSSION] = self.percussion[np.arange(len(hits)) % STEPS_PER_MEASURE]
        return pitches


def choose_sounds(
    hits: np.ndarray, seed: int, style: str | None = None, kept: DrumRoll | None = None
) -> Sounds:
    """Return the sounds of a song with these hits (T, 12); same hits, seed and style, same sounds.

    Args:
        kept: drums the song already has, whose sounds go on.
    """
    rng = np.random.default_rng([seed, 0x50D5])
    stick_chance, kind_chance = rng.random(2)
    of_style = _of_style(style)
    share = of_style[0] if of_style[0] is not None else clap_share(hits)
    stick = CLAP if stick_chance < share else WRITTEN_PITCHES[SIDE_STICK]
    weights = np.asarray([of_style[1].get(kind, 0.0) for kind in KINDS], float)
    if not weights.any():
        weights = np.asarray(SHARES[percussion_place(hits)])
    place = int(np.searchsorted(np.cumsum(weights) / weights.sum(), kind_chance, side="right"))
    kind = tuple(KINDS)[min(place, len(KINDS) - 1)]
    percussion = _pitch_of_places(kind, rng)
    return Sounds(stick, percussion) if kept is None else _going_on(kept, Sounds(stick, percussion), rng)


def _of_style(style: str | None) -> tuple[float | None, dict[str, float]]:
    named = style_named(style) if style else None
    return STYLES.get(named.name, (None, _NORMAL)) if named else (None, _NORMAL)


def is_clap_style(style: str | None) -> bool:
    """Return whether the side stick of a style is mostly a clap."""
    share = _of_style(style)[0]
    return share is not None and share > 0.5


def _pitch_of_places(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return (16,) the pitch at each step of a measure."""
    low_chance, muted_chance = rng.random((2, STEPS_PER_MEASURE))
    if kind not in LOW_PITCHES:
        return np.full(STEPS_PER_MEASURE, KINDS[kind][0])
    share, low, high = LOW_PITCHES[kind]
    high_pitch = np.where(muted_chance < MUTED_SHARE, MUTED_CONGA, high) if kind == "congas" else high
    return np.where(low_chance < share, low, high_pitch)


def _going_on(kept: DrumRoll, drawn: Sounds, rng: np.random.Generator) -> Sounds:
    """Return the sounds that kept drums have, those drawn where they have none."""
    hits = kept.to_kit()
    stick, percussion = drawn.stick, drawn.percussion
    alone = kept.hits[~hits[:, SNARE]].sum(axis=0)
    counts = _counts_of(SIDE_STICK, alone)
    if counts.any():
        stick = LOWEST_PITCH + int(counts.argmax())
    by_place = kept.hits.reshape(-1, STEPS_PER_MEASURE, kept.hits.shape[1]).sum(axis=0)
    counts = _counts_of(PERCUSSION, by_place)
    if counts.any():
        usual = LOWEST_PITCH + int(counts.sum(axis=0).argmax())
        kind = next((kind for kind, pitches in KINDS.items() if usual in pitches), None)
        if kind is None:
            percussion = np.full(STEPS_PER_MEASURE, usual)
        elif percussion[0] not in KINDS[kind]:
            percussion = _pitch_of_places(kind, rng)
        percussion = np.where(counts.any(axis=1), LOWEST_PITCH + counts.argmax(axis=1), percussion)
    return Sounds(stick, percussion)


def _counts_of(voice: int, counts: np.ndarray) -> np.ndarray:
    """Return counts (..., 72) of the pitches of one voice, 0 for those of others."""
    pitches = LOWEST_PITCH + np.arange(counts.shape[-1])
    return np.where(VOICE_OF_PITCH[pitches] == voice, counts, 0)


def clap_share(hits: np.ndarray) -> float:
    """Return how often the side stick of real songs that is played as in hits (T, 12) is a clap."""
    stick = hits[:, SIDE_STICK]
    if not stick.any():
        return 0.0
    on_snare = float(hits[stick, SNARE].mean())
    steps = np.flatnonzero(stick) % STEPS_PER_MEASURE
    on_backbeat = bool(np.isin(steps, (4, 12)).mean() > 0.6)
    return CLAP_SHARES[int(np.searchsorted(ON_SNARE, on_snare, side="right"))][0 if on_backbeat else 1]


def percussion_place(hits: np.ndarray) -> str:
    """Return where in the bar the percussion of hits (T, 12) is played: one of the keys of `SHARES`.

    Counted over the bars that have some of it. "keeper": it alone keeps time in most bars that keep time.
    """
    bars = hits.reshape(-1, STEPS_PER_MEASURE, NUM_VOICES)
    played = bars[:, :, PERCUSSION]
    counts = played.sum(axis=0)
    total = counts.sum()
    if not total:
        return "sparse"
    hats = np.asarray(bars[:, :, [CLOSED_HAT, PEDAL_HAT, OPEN_HAT]].any(axis=2))
    others = keeps_time(hats)
    others |= keeps_time(bars[:, :, RIDE]) | keeps_time(bars[:, :, CRASH])
    alone = keeps_time(played) & ~others
    a_bar = total / played.any(axis=1).sum()
    share = counts / total
    odd = share[1::2].sum()
    rules = {
        "keeper": alone.sum() > others.sum(),
        "backbeat": share[[4, 12]].sum() > 0.6,
        "sparse": a_bar < 2,
        "sixteenths": odd >= 0.3 and a_bar >= 9,
        "syncopated": odd >= 0.3,
        "quarters": share[::STEPS_PER_BEAT].sum() > 0.8,
        "off-beats": share[2::STEPS_PER_BEAT].sum() > 0.6,
    }
    return next((name for name, is_so in rules.items() if is_so), "eighths")


def keeps_time(played: np.ndarray) -> np.ndarray:
    """Return (M,) bool: whether each bar of (M, 16) bool has three hits over three beats."""
    beats = played.reshape(len(played), -1, STEPS_PER_BEAT)
    return (beats.sum(axis=(1, 2)) >= 3) & (beats.any(axis=2).sum(axis=1) >= 3)
