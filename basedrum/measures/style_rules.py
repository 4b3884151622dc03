"""What makes a style that style: rules that drums are held to, style by style.

A basic rule ("B") is one that a fixed loop meets too, a signature rule ("S") is the style's own. A rule is
met where at least `NEEDED` of the bars that are no fill meet it.

Conventions: bars and steps as in `measures.style_bars`; names of styles as in `music.styles`. A style has
rules in one metre (`BAR_STEPS`, else 4/4); in 7/8 all styles have the same ones.
Source: drummers' common knowledge, written down before anything was measured (`lab/styles.py` measures).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.measures.song_bars import find_fills
from basedrum.measures.style_bars import (
    CASCARA,
    CYMBALS,
    HAT_OR_RIDE,
    HATS,
    SNARES,
    TIME,
    TOMS,
    Predicate,
    StyleBars,
    accents,
    all_of,
    at_least,
    at_most,
    bass_in_kick,
    between_beats_stronger,
    clave,
    ghosts,
    half_time_section,
    in_pairs,
    kick_like,
    kick_on_bass,
    late_snare,
    no,
    on,
    one_of,
    plays_like,
    quiet,
    tambourine_keeps_time,
    two_hands,
)
from basedrum.music import kit

NEEDED = 0.6
MIN_BARS = 3


@dataclass(frozen=True)
class Rule:
    """One rule: `kind` is B or S; `holds` tells of each bar whether it meets the rule."""

    kind: str
    name: str
    holds: Predicate


def share_met(rule: Rule, bars: StyleBars) -> float:
    """Return the share of the bars without a fill that meet a rule, 0..1; NaN where fewer than three are
    left."""
    counted = ~find_fills(bars.hits)
    if counted.sum() < MIN_BARS:
        return float("nan")
    return float(np.asarray(rule.holds(bars), float)[counted].mean())


def rules_met(style: str, bars: StyleBars) -> dict[Rule, bool]:
    """Return for every rule of a style, in this metre, whether the bars meet it; empty where it has none."""
    return {rule: share_met(rule, bars) >= NEEDED for rule in rules_of(style, bars.num_steps)}


def rules_of(style: str, bar_steps: int = 16) -> tuple[Rule, ...]:
    """Return the rules of a style in bars of so many steps; empty where it has none in this metre."""
    if bar_steps == 14:
        style = "seven_eight"
    if bar_steps == 12 and style == "ballad":
        style = "six_eight"
    return RULES.get(style, ()) if BAR_STEPS.get(style, 16) == bar_steps else ()


def basic(name: str, *parts: Predicate) -> Rule:
    """Return a basic rule: all parts hold."""
    return Rule("B", name, all_of(*parts))


def signature(name: str, *parts: Predicate) -> Rule:
    """Return a signature rule: all parts hold."""
    return Rule("S", name, all_of(*parts))


KICK, SNARE, STICK = (kit.KICK,), (kit.SNARE,), (kit.SIDE_STICK,)
PERCUSSION, PEDAL, OPEN = (kit.PERCUSSION,), (kit.PEDAL_HAT,), (kit.OPEN_HAT,)
EIGHTH_STEPS, BEATS, OFF_EIGHTHS = slice(0, None, 2), slice(0, None, 4), slice(2, None, 4)
OFF_BEAT_STEPS = (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)
LONG_SHORT = slice(3, None, 4)  # where the second of two swung eighths lies

backbeat = on(SNARES, 4, 12)
snare_backbeat = on(SNARE, 4, 12)
half_time_backbeat = all_of(on(SNARES, 8), no(one_of(on(SNARES, 4), on(SNARES, 12))))
between_beats = on(SNARES, 2, 6, 10, 14)
kick_on_one = on(KICK, 0)
kick_on_four = on(KICK, 0, 4, 8, 12)
eighths = at_least(6, HAT_OR_RIDE, EIGHTH_STEPS)
open_between = at_least(3, OPEN, OFF_EIGHTHS)
cymbal_quarters = at_least(3, CYMBALS, BEATS)
running_kick = at_least(11, KICK)
EIGHTHS = basic("eighths on hat or ride", eighths)
BACKBEAT = basic("backbeat", backbeat)
SNARE_BACKBEAT = basic("snare on 4 and 12", snare_backbeat)
KICK_ON_ONE = basic("kick on 0", kick_on_one)
NO_TAMBOURINE = basic("no tambourine for a hat", no(tambourine_keeps_time))
TWO_HANDS = basic("two hands", two_hands)
GHOSTS = signature("ghost notes", ghosts)
SYNCOPATED_KICK = signature("a kick off the beat", at_least(1, KICK, OFF_BEAT_STEPS), at_most(8, KICK))

BAR_STEPS = {"jazz_waltz": 12, "waltz": 12, "six_eight": 12, "twelve_eight_blues": 24, "seven_eight": 14}

RULES: dict[str, tuple[Rule, ...]] = {
    "rock": (
        EIGHTHS,
        SNARE_BACKBEAT,
        basic("kick on 0 and one of 7 to 11", kick_on_one, at_least(1, KICK, slice(7, 12))),
        NO_TAMBOURINE,
        TWO_HANDS,
    ),
    "hard_rock": (
        basic("cymbal on quarters", cymbal_quarters),
        SNARE_BACKBEAT,
        KICK_ON_ONE,
        signature("kick with the riff", kick_on_bass(0.6), at_least(2, KICK)),
        signature("no side stick, no percussion", at_most(0, (*STICK, *PERCUSSION))),
    ),
    "pop": (
        EIGHTHS,
        BACKBEAT,
        KICK_ON_ONE,
        basic("no snare clutter", at_most(3, SNARE)),
        TWO_HANDS,
    ),
    "ballad": (
        KICK_ON_ONE,
        basic("time kept", at_least(4, HAT_OR_RIDE)),
        basic("backbeat, whole or half", at_least(1, SNARES, (4, 8, 12))),
        signature("few notes", at_most(2, SNARES), at_most(4, KICK)),
    ),
    "punk": (
        basic("snare on 4 and 12 or between the beats", one_of(snare_backbeat, between_beats)),
        basic("time kept", at_least(3, TIME, BEATS)),
        basic("kick on 0 and three more or more", kick_on_one, at_least(3, KICK)),
        signature("no percussion", at_most(0, PERCUSSION)),
        signature("no sixteenth hats", at_most(11, HATS)),
    ),
    "metal": (
        basic("cymbal on quarters", cymbal_quarters),
        basic("backbeat, whole or half", one_of(snare_backbeat, half_time_backbeat)),
        signature("kick plays the gallop, or runs", one_of(bass_in_kick(0.7), running_kick)),
        signature("a half-time section", half_time_section),
    ),
    "funk": (
        SNARE_BACKBEAT,
        basic("hat in eighths or more", at_least(6, HATS)),
        KICK_ON_ONE,
        GHOSTS,
        signature("kick off the eighths, or on 6 or 10", at_least(1, KICK, (6, 10, *range(1, 16, 2)))),
        signature("hat, not tambourine", no(tambourine_keeps_time)),
    ),
    "soul": (
        basic("snare on the backbeat or every beat", backbeat),
        basic("eighths on hat or tambourine", at_least(6, (*HAT_OR_RIDE, *PERCUSSION), EIGHTH_STEPS)),
        KICK_ON_ONE,
        signature("kick with the bass", kick_on_bass(0.6)),
        SYNCOPATED_KICK,
    ),
    "neo_soul": (
        BACKBEAT,
        basic("hats", at_least(4, HATS)),
        KICK_ON_ONE,
        SYNCOPATED_KICK,
        GHOSTS,
        signature("late snare", late_snare),
    ),
    "hip_hop": (
        BACKBEAT,
        basic("time kept", at_least(4, HAT_OR_RIDE)),
        KICK_ON_ONE,
        signature("a kick off the beat, few in all", at_least(1, KICK, OFF_BEAT_STEPS), at_most(5, KICK)),
        signature("no toms, no crash", at_most(0, (*TOMS, kit.CRASH))),
    ),
    "trap": (
        signature("snare or clap on 8 only", half_time_backbeat),
        signature("hat eighths", at_least(6, HATS)),
        signature("hat rolls", in_pairs(at_least(3, HATS, slice(1, None, 2)))),
        signature("kick with the 808", bass_in_kick(0.6)),
        signature("no ride, no crash", at_most(0, (kit.RIDE, kit.CRASH))),
    ),
    "disco": (
        basic("kick on every beat", kick_on_four),
        BACKBEAT,
        signature("open hat between the beats", open_between),
        signature("hats in eighths or more", at_least(6, HATS)),
        signature("no snare clutter", at_most(3, SNARES)),
    ),
    "house": (
        basic("kick on every beat", kick_on_four),
        BACKBEAT,
        signature("open hat between the beats", open_between),
        signature("no toms", at_most(0, TOMS)),
    ),
    "breakbeat": (
        SNARE_BACKBEAT,
        basic("time kept", at_least(4, HAT_OR_RIDE)),
        KICK_ON_ONE,
        SYNCOPATED_KICK,
    ),
    "drum_and_bass": (
        SNARE_BACKBEAT,
        KICK_ON_ONE,
        EIGHTHS,
        signature("kick on 9, 10 or 11", at_least(1, KICK, slice(9, 12))),
        GHOSTS,
    ),
    "reggae": (
        basic("hat eighths", at_least(6, HATS, EIGHTH_STEPS)),
        signature("no kick on 0", at_most(0, KICK, slice(0, 1))),
        signature("kick with stick or snare on 8", on(KICK, 8), on(SNARES, 8)),
        signature("no backbeat", no(backbeat)),
    ),
    "ska": (
        basic("snare on 4 and 12, or on 8", one_of(backbeat, on(SNARES, 8))),
        basic("time kept", at_least(3, HAT_OR_RIDE)),
        signature("hats between the beats", between_beats_stronger),
    ),
    "bossa": (
        basic("eighths", at_least(6, (*HAT_OR_RIDE, *PERCUSSION), EIGHTH_STEPS)),
        signature("kick 0 6 8 14", kick_like((0, 6, 8, 14))),
        signature("the stick plays a clave", clave(STICK)),
        signature("no backbeat", no(snare_backbeat)),
        signature("no crash", at_most(0, (kit.CRASH,))),
    ),
    "samba": (
        signature("sixteenths", at_least(12, tuple(range(1, 12)))),
        signature("surdo kick", kick_like((0, 3, 8, 11), (0, 7, 8, 15), (0, 3, 4, 7, 8, 11, 12, 15))),
        signature("snare or stick off the beat", at_least(2, SNARES, OFF_BEAT_STEPS)),
        signature("no rock backbeat", quiet(backbeat)),
    ),
    "latin": (
        basic("hand percussion, ride or stick", at_least(4, (*PERCUSSION, kit.RIDE, *STICK))),
        signature(
            "clave, cascara or cowbell",
            one_of(
                clave((*STICK, *PERCUSSION)),
                plays_like(CASCARA, (kit.RIDE, kit.PERCUSSION, *STICK)),
                at_least(4, PERCUSSION, EIGHTH_STEPS),
            ),
        ),
        signature("kick light, and off the one", at_most(4, KICK), at_least(1, KICK, (3, 6, 10, 14))),
        signature("no rock backbeat", no(snare_backbeat)),
    ),
    "afrobeat": (
        basic("eighths on hat or shaker", at_least(6, (*HAT_OR_RIDE, *PERCUSSION), EIGHTH_STEPS)),
        signature("kick off the beat", at_least(1, KICK, OFF_BEAT_STEPS)),
        signature("snare or stick off the beat", at_least(2, SNARES, OFF_BEAT_STEPS)),
        signature("no rock backbeat", no(snare_backbeat)),
    ),
    "jazz": (
        basic("ride or hat on quarters", at_least(3, HAT_OR_RIDE, BEATS)),
        signature("skips on 7 and 15", on(HAT_OR_RIDE, 7, 15), no(on(HAT_OR_RIDE, 3, 11))),
        signature("pedal hat on 4 and 12", on(PEDAL, 4, 12)),
        signature("no loud backbeat", quiet(backbeat)),
        signature("light kick", quiet(at_least(3, KICK))),
    ),
    "jazz_waltz": (
        basic("ride or hat on quarters", at_least(2, HAT_OR_RIDE, BEATS)),
        signature("a skip on 3, 7 or 11", at_least(1, HAT_OR_RIDE, LONG_SHORT)),
        signature("pedal hat on 4 or 8", at_least(1, PEDAL, (4, 8))),
        signature("light kick", quiet(at_least(3, KICK))),
    ),
    "blues_shuffle": (
        BACKBEAT,
        KICK_ON_ONE,
        basic("time kept", at_least(3, HAT_OR_RIDE, BEATS)),
        signature("long and short", at_least(3, (*HAT_OR_RIDE, *SNARE), LONG_SHORT)),
        signature("no straight eighths", at_most(1, (*HAT_OR_RIDE, *SNARE), OFF_EIGHTHS)),
    ),
    "twelve_eight_blues": (
        basic("snare on 6 and 18", on(SNARES, 6, 18)),
        basic("kick on 0 and 12", on(KICK, 0, 12)),
        basic("beats kept", at_least(4, TIME)),
        signature("shuffle or triplets", at_least(8, HAT_OR_RIDE)),
    ),
    "country": (
        basic("kick on 0 and 8", on(KICK, 0, 8)),
        signature("train on the snare over a plain kick", at_least(10, SNARE), at_most(6, KICK)),
        signature("accents on 4 and 12, or between", one_of(accents(4, 12), accents(2, 6, 10, 14))),
    ),
    "gospel": (
        basic("snare on the backbeat or between the beats", one_of(backbeat, between_beats)),
        basic("hats", at_least(6, HAT_OR_RIDE)),
        KICK_ON_ONE,
        signature("tambourine or ghost notes", one_of(at_least(2, PERCUSSION), ghosts)),
        signature(
            "a kick off the beat, or on all four",
            one_of(at_least(1, KICK, OFF_BEAT_STEPS), kick_on_four),
            at_most(8, KICK),
        ),
    ),
    "new_wave": (
        SNARE_BACKBEAT,
        EIGHTHS,
        basic("kick on 0 and 8", on(KICK, 0, 8)),
        basic("no ghost notes", no(ghosts)),
        basic("no tambourine", at_most(0, PERCUSSION)),
    ),
    "second_line": (
        signature("rolling snare", at_least(6, SNARE)),
        signature("snare off the beat", at_least(3, SNARE, OFF_BEAT_STEPS)),
        signature("the snare, not the hat", at_most(6, HAT_OR_RIDE)),
    ),
    "march": (
        basic("kick on 0 and 8", on(KICK, 0, 8)),
        signature("snare rudiments", at_least(4, SNARE)),
        signature("no hats in eighths", no(eighths)),
    ),
    "waltz": (
        KICK_ON_ONE,
        signature("4 and 8 on snare, hat or ride", on((*SNARES, *HATS, kit.RIDE), 4, 8)),
        signature("no kick on 4 and 8", at_most(0, KICK, (4, 8))),
    ),
    "six_eight": (
        KICK_ON_ONE,
        basic("snare on 6", on(SNARES, 6)),
        basic("six eighths of time", at_least(6, TIME, EIGHTH_STEPS)),
        basic("at most 14 hits", lambda bars: bars.hits.sum(axis=(1, 2)) <= 14),
    ),
    "seven_eight": (
        KICK_ON_ONE,
        basic("eighths", at_least(6, HAT_OR_RIDE, EIGHTH_STEPS)),
        signature("snare on 4, 8 or 10", at_least(1, SNARES, (4, 8, 10))),
    ),
}
