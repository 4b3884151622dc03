"""What style the songs of known collections are in, read off the rows of a table of songs.

A wrong label hurts more than a missing one: only families, artists and titles whose drums are surely of a
style have one, and a song of a mixed folder only where its drums swing.

Conventions: a row has the columns source, artist_or_game, title, path, drum_R16, drum_Rtrip; styles are the
canonical names of `music.styles`. `drum_Rtrip`, `drum_R16`: how well the hits sit on triplets and on
sixteenths, 0..1. `training.label_styles` holds the songs to the rules of the style that the row names.
Source: the families of MMA accompaniments by their names; the labels of the Groove MIDI Dataset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SWUNG = 0.1  # triplets fit better than sixteenths by at least this

FAMILIES: dict[str, str] = {
    "bossa": "kara-kbossa stdlib-bossanova",
    "soul": "kara-8beatmotown",
    "jazz": "stdlib-modernjazz casio-slowswing casio-slowbigband casio-modernjazz",
    "funk": "kara-kfunk1",
    "metal": "pflib-metal1 pflib-metal2 casio-heavymetal",
    "rock": "pflib-rock1 pflib-8beat1 pflib-8beat2 stdlib-8beat casio-rock2",
    "ballad": "stdlib-popballad stdlib-pianoballad stdlib-guitarballad",
    "hip_hop": "casio-hip-hop casio-hip",
    "house": "stdlib-trance casio-house casio-techno casio-trance2 casio-dance2",
    "disco": "casio-discosoul stdlib-boneym",
    "pop": "casio-8beatpop1 casio-8beatpop2 casio-8beatpop3 casio-80spop casio-poprock1",
    "blues_shuffle": "casio-shufflerock",
}
"""Families of MMA accompaniments, by the style they are named for; those whose drums break the rules of their
style are left out."""

HUMAN_DRUMS: dict[str, str] = {
    "rock": "rock rock_indie",
    "hip_hop": "hiphop",
    "funk": "funk funk_fast funk_groove1 funk_groove2 funk_groove5",
    "punk": "punk",
    "jazz": "jazz jazz_swing jazz_fast jazz_mediumfast",
    "soul": "soul soul_motown",
    "country": "country",
    "reggae": "reggae",
    "samba": "latin_samba latin_brazilian-samba",
    "gospel": "gospel",
    "afrobeat": "afrobeat highlife",
    "pop": "pop pop_soft",
    "disco": "dance_disco",
    "bossa": "latin_brazilian-bossa",
    "blues_shuffle": "blues_shuffle rock_shuffle",
    "second_line": "neworleans_secondline",
}
"""Labels of Groove MIDI, `/` written as `_`."""

ARTISTS: dict[str, str] = {
    "punk": "Ramones Offspring RiseAgainst",
    "metal": "Megadeth Slipknot",
    "hard_rock": "BlackSabbath GunsNRoses VanHalen LedZeppelin Ratt Soundgarden AliceInChains"
    " QueensOfTheStoneAge",
    "rock": "FooFighters Oasis PearlJam Strokes BlackKeys Who Eagles LynyrdSkynyrd Journey Beatles"
    " FranzFerdinand Paramore",
}
"""Rock artists whose drums are mostly of one style."""

TITLES: dict[str, str] = {
    "bossa": r"bossa|ipanema|corcovado|wave_|desafinado|insensatez|blue_bossa",
    "samba": r"samba(?!_pa_ti)",
    "blues_shuffle": r"shuffle|boogie_woogie",
    "jazz_waltz": r"jazz_waltz",
    "metal": r"\b(metallica|sabaton|dragonforce|iron.?maiden|megadeth|slayer|pantera)\b",
    "hard_rock": r"\bacdc\b|ac/dc",
    "reggae": r"\b(bob.?marley|reggae)\b",
    "disco": r"\b(boney.?m|disco)\b",
    "hip_hop": r"\b(indaclub|bigpimpin|badmeetsevil|8mileroad|hardknocklife|rollout|southernhospitality)\b",
}
"""Patterns of titles, in any source of transcriptions but games."""

_GROOVE_TITLE = re.compile(r"gmd-drummer\d+_session\d+_\d+-(.+)-\d+-s\d+")
_NOT_A_GROOVE = re.compile(r"(Ending|Intro)\w*-\d+$|\d[EF][AB]?-\d+$")
_JAZZ_FOLDERS = ("jazz",)
_TRANSCRIPTIONS = ("rock", "midi-archives", "wildwest", "wildwest3", "tegridy", "web90s", "robert", "louivi")


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word.lower(): style for style, words in table.items() for word in words.split()}


_OF_FAMILY, _OF_LABEL, _OF_ARTIST = _by_word(FAMILIES), _by_word(HUMAN_DRUMS), _by_word(ARTISTS)


def label_of(row: Mapping[str, str]) -> str | None:
    """Return the canonical style of a song by its row, None where it is not sure."""
    source, title = row.get("source", ""), row.get("title", "")
    if source == "mma":
        return None if _NOT_A_GROOVE.search(title) else _OF_FAMILY.get(row.get("artist_or_game", "").lower())
    if source == "gmd":
        match = _GROOVE_TITLE.fullmatch(title)
        return _OF_LABEL.get(match[1]) if match else None
    if source not in _TRANSCRIPTIONS:
        return None
    for style, pattern in TITLES.items():
        if re.search(pattern, title.casefold()):
            return style
    if source == "rock":
        return _OF_ARTIST.get(row.get("artist_or_game", "").lower())
    if source == "midi-archives" and row.get("artist_or_game") in _JAZZ_FOLDERS and _swings(row):
        return "jazz"
    return None


def _swings(row: Mapping[str, str]) -> bool:
    try:
        return float(row["drum_Rtrip"]) - float(row["drum_R16"]) >= SWUNG
    except (KeyError, ValueError):
        return False
