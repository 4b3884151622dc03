"""Note maps: on which MIDI note each voice of the kit is written, for General MIDI and for drum plug-ins that
differ from it.

Conventions: a map is twelve notes 0..127 in the order of `music.kit.VOICES`; None stands for General MIDI's.
Inside basedrum drums are on General MIDI's pitches; `to_note_map` takes notes out to a plug-in's,
`from_note_map` back. A user's own map is a TOML or JSON file of voice = note, `"closed hat" = 42` or
`closed_hat = 42`; voices it does not name stay on General MIDI's note.

Source: the makers' layouts as published in the tables `AD2`, `EZD3`, `SD3` and `SSD5 to MuseScore.xml` of
github.com/nyoro-wrl/MIDI-Drum-Remapper; for Addictive Drums 2 they agree with XLN Audio's "Addictive Drums 2
Keymap" of 2021-06-02. Compared with the independent `drums/*.txt` of github.com/insomnimus/drum-mapper: the
same notes, but for the rides of SD3 and SSD5 (there the shank, here the tip) and the percussion of SD3 and
SSD5, which it leaves out. SD3's standard kits hold none: that voice goes to the tip of the tight hat. None of
them was tried in the plug-in itself.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from basedrum.errors import ConfigError, printable
from basedrum.music import kit
from basedrum.music.notes import Notes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NoteMap = tuple[int, ...]

GM: NoteMap = kit.WRITTEN_PITCHES
NOTE_MAPS: dict[str, tuple[str, NoteMap]] = {
    # kick, snare, side stick; closed, pedal, open hat; low, mid, high tom; crash, ride, percussion
    "gm": ("General MIDI", GM),
    "ad2": ("Addictive Drums 2", (36, 38, 42, 52, 48, 55, 65, 67, 71, 77, 60, 47)),
    "ezd3": ("EZdrummer 3", (36, 38, 37, 22, 21, 24, 43, 45, 48, 49, 51, 3)),
    "sd3": ("Superior Drummer 3", (36, 38, 37, 22, 21, 24, 43, 45, 48, 49, 51, 63)),
    "ssd5": ("Steven Slate Drums 5", (36, 38, 37, 61, 72, 63, 43, 47, 48, 55, 51, 79)),
}
"""The maps that ship: name, the plug-in, its notes."""


def read_note_map(name_or_path: str | os.PathLike) -> NoteMap:
    """Return a map that ships, or the one in a TOML or JSON file.

    Raises:
        ConfigError: there is no such map, or the file is not one.
    """
    name = os.fspath(name_or_path)
    if name in NOTE_MAPS:
        return NOTE_MAPS[name][1]
    path = Path(name)
    if path.suffix.lower() not in (".toml", ".json"):
        near = difflib.get_close_matches(name.lower(), NOTE_MAPS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"kit {printable(name)}: unknown, {hint}use one of {', '.join(NOTE_MAPS)}, "
            "or a .toml or .json file"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{printable(path)}: cannot be read: {error.strerror}, check the name of the kit"
        ) from error
    try:
        text = data.decode("utf-8")
        table = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{printable(path)}: is not valid: {printable(error)}, write rows of voice = note"
        ) from error
    return _checked(table, printable(path))


def _checked(table: object, where: str) -> NoteMap:
    """Return the map that a file's table describes. Raises ConfigError, named `where`, for what is no map."""
    if not isinstance(table, dict) or not table:
        raise ConfigError(f"{where}: holds no notes, write rows of voice = note, for example kick = 36")
    notes = list(GM)
    for name, note in table.items():
        voice = str(name).replace("_", " ").strip().lower()
        if voice not in kit.VOICES:
            near = difflib.get_close_matches(voice, kit.VOICES, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(f"{where}: voice {printable(name)}: unknown, {hint}use {', '.join(kit.VOICES)}")
        if isinstance(note, bool) or not isinstance(note, int) or not 0 <= note <= 127:
            raise ConfigError(
                f"{where}: {voice} = {printable(note)}: is no MIDI note, give a whole number from 0 to 127"
            )
        notes[kit.VOICES.index(voice)] = note
    return tuple(notes)


def to_note_map(notes: Notes, note_map: NoteMap | None) -> Notes:
    """Return drum notes on General MIDI pitches as notes on the map's; pitches of no voice stay."""
    if note_map in (None, GM):
        return notes
    table = np.arange(128)
    gathered = kit.VOICE_OF_PITCH >= 0
    table[gathered] = np.asarray(note_map)[kit.VOICE_OF_PITCH[gathered]]
    return replace(notes, pitches=table[notes.pitches])


def from_note_map(notes: Notes, note_map: NoteMap | None) -> Notes:
    """Return notes on a map's pitches as notes on General MIDI's; those it does not name are left out.

    A note that two voices share is taken for the first of them.
    """
    if note_map in (None, GM):
        return notes
    table = np.full(128, -1)
    for voice in reversed(range(kit.NUM_VOICES)):
        table[note_map[voice]] = GM[voice]
    known = notes[table[notes.pitches] >= 0]
    return replace(known, pitches=table[known.pitches])
