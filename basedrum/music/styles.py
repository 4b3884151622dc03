"""The styles of music that a user may ask a drummer for: one table of names, descriptions and other names.

A drummer's file may know fewer; what one knows is fixed by its training.

Conventions: a canonical name is lower case, its words joined by `_`; `normalise` makes that of what a user
types.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from basedrum.errors import ConfigError, printable


@dataclass(frozen=True)
class Style:
    """A style of music.

    Attributes:
        name: canonical, such as `hard_rock`.
        description: what its drums do, in one line.
        aliases: other names for it, normalised.
    """

    name: str
    description: str
    aliases: tuple[str, ...] = ()


def normalise(text: str) -> str:
    """Return a name as a user types it in the form of the table: `R & B` is `r_and_b`, `Drum'n'Bass` is
    `drum_n_bass`."""
    words = text.casefold().replace("&", " and ").replace("+", " and ")
    return "_".join(re.findall(r"\w+", re.sub(r"[_\W]+", " ", words)))


STYLES: tuple[Style, ...] = (
    Style("rock", "eighths on the hat, snare on two and four", ("rock_and_roll", "rock_n_roll", "indie")),
    Style("hard_rock", "heavy half-open hats, the kick doubles the riff", ("heavy_rock", "arena_rock")),
    Style("pop", "steady and light, the kick marks the pushes", ("pop_rock", "dance_pop")),
    Style("ballad", "slow, few notes, side stick in the verse", ("slow_rock", "power_ballad")),
    Style("punk", "fast and straight, snare on two and four or between the beats", ("punk_rock", "hardcore")),
    Style(
        "metal", "double kick under gallops, half-time breakdowns", ("heavy_metal", "thrash", "game_metal")
    ),
    Style("funk", "sixteenths with ghost notes, the kick with the bass", ("funky",)),
    Style("soul", "Motown: snare on every beat or the backbeat, tambourine", ("motown", "stax")),
    Style(
        "neo_soul",
        "R&B: laid-back late snare, ghost notes, a kick off the beat",
        ("r_and_b", "rnb", "r_n_b", "rhythm_and_blues", "neosoul"),
    ),
    Style(
        "hip_hop",
        "head-nod, the kick in pairs around the one",
        ("hiphop", "rap", "boom_bap", "lofi", "lo_fi"),
    ),
    Style("trap", "half-time clap on three, rolling hats, the kick with the 808", ("drill",)),
    Style("disco", "kick on every beat, open hats between them", ("eurodisco", "nu_disco")),
    Style(
        "house",
        "kick on every beat, claps on two and four",
        ("techno", "dance", "edm", "trance", "electronic"),
    ),
    Style("breakbeat", "sampled funk beats at dance tempo", ("big_beat", "break_beat")),
    Style(
        "drum_and_bass",
        "broken beats at double speed over a slow bass",
        ("dnb", "d_and_b", "drum_n_bass", "drumnbass", "drum_bass", "jungle"),
    ),
    Style("reggae", "one drop: the one is empty, kick and stick on three", ("one_drop", "roots", "dub")),
    Style("ska", "fast, hats between the beats", ("two_tone", "rocksteady")),
    Style("bossa", "heartbeat kick, the stick plays a clave", ("bossa_nova", "bossanova")),
    Style("samba", "running sixteenths over a surdo-like kick", ("batucada",)),
    Style("latin", "son and salsa: clave, cascara, cowbell", ("salsa", "son", "mambo", "cha_cha", "cumbia")),
    Style("afrobeat", "kick and snare scattered round whispering hats", ("afro_beat", "afro")),
    Style(
        "jazz",
        "swing: ride, hat on two and four, light comping",
        ("swing", "jazz_swing", "bebop", "big_band"),
    ),
    Style("jazz_waltz", "swung three to the bar on the ride", ("swing_waltz",)),
    Style(
        "blues_shuffle",
        "long and short on the hat, snare on two and four",
        ("shuffle", "boogie", "rock_shuffle", "blues", "texas_blues"),
    ),
    Style("twelve_eight_blues", "slow blues in 12/8", ("12_8_blues", "slow_blues", "doo_wop")),
    Style(
        "country", "train beat on the snare, root and fifth below", ("train", "bluegrass", "country_train")
    ),
    Style("gospel", "churchy pockets, tambourine, busy turns", ("praise", "worship")),
    Style("new_wave", "motorik eighths, machine snares", ("synth_pop", "synthpop", "synthwave", "post_punk")),
    Style("second_line", "New Orleans parade, rolling snare", ("new_orleans", "zydeco")),
    Style("march", "snare drum rudiments, bass drum on the beat", ("polka", "marching")),
    Style("waltz", "three to the bar, the kick on the one", ("3_4", "three_four")),
    Style("six_eight", "two beats of three, folk and anthems", ("6_8", "jig", "folk")),
)
_BY_ANY_NAME = {name: style for style in STYLES for name in (style.name, *style.aliases)}


def style_named(name: str) -> Style | None:
    """Return the style of this name or other name, as a user types it, or None."""
    return _BY_ANY_NAME.get(normalise(name))


def own_name(text: str, known: Sequence[str]) -> str | None:
    """Return which of the names a drummer knows a user means, or None: a drummer may use other names."""
    if text in known:
        return text
    typed, style = normalise(text), style_named(text)
    for name in known:
        if typed == normalise(name) or (style is not None and style_named(name) is style):
            return name
    return None


def find_style(text: str) -> Style:
    """Return the style that a user means.

    Raises:
        ConfigError: there is none of that name; the message tells the nearest and how to list all.
    """
    if style := style_named(text):
        return style
    near = difflib.get_close_matches(normalise(text), _BY_ANY_NAME, n=1)
    hint = f"did you mean {_BY_ANY_NAME[near[0]].name}? " if near else ""
    raise ConfigError(f"style {printable(text)}: unknown, {hint}`basedrum styles` lists all")
