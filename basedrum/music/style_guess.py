"""A guess at the style of a song, from words in its title and from its bass, tempo, swing and programs.

Few styles show in a bass line alone, so most songs get no guess: each sign was kept only if it is right more
often than not where it shows (`lab/NOTES.md`).

Conventions: bars are (n, 16) bool, where the bass starts a note, on the song's straight sixteenths: a swung
off-beat lies on the last step of its beat. Programs are General MIDI's, 0..127.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll
from basedrum.music.song import Song, Track
from basedrum.music.styles import normalise, style_named
from basedrum.music.swing import STRAIGHT, estimate_swing

MIN_BARS = 8
OFTEN, SELDOM = 0.6, 0.2
DISTORTION = frozenset({29, 30})
ACOUSTIC_BASS = 32
BOSSA_PROGRAMS = frozenset({11, 24, 73})  # vibraphone, nylon guitar, flute
TITLE_WORDS = frozenset(
    {
        *("bossa", "bossa_nova", "samba", "salsa", "mambo", "cha_cha", "afrobeat"),
        *("reggae", "ska", "disco", "techno", "trance", "hip_hop", "hiphop", "drum_and_bass", "dnb"),
        *("funk", "funky", "swing", "shuffle", "boogie", "jazz", "jazz_waltz", "slow_blues", "12_8_blues"),
        *("punk", "heavy_metal", "neo_soul", "r_and_b", "motown", "synthwave", "second_line"),
        *("march", "polka", "waltz"),
    }
)
"""Names of styles that mean the style where they stand in a title."""


@dataclass(frozen=True)
class StyleGuess:
    """A style, and the sign it was guessed by, to be told."""

    style: str
    reason: str


@dataclass(frozen=True)
class BassSigns:
    """What a bass line shows.

    Attributes:
        share: (16,) the share of its bars in which a note starts at each step.
        per_bar: notes a bar.
        moves: the share of notes on another pitch than the one before.
        qpm: quarters a minute; beats: of a bar; swings: whether most bars swing in eighths.
        programs: of the parts that are no drums.
        bass_program: of the bass.
    """

    share: np.ndarray
    per_bar: float
    moves: float
    qpm: float
    beats: int
    swings: bool
    programs: frozenset[int]
    bass_program: int

    def plays(self, *steps: int) -> bool:
        """Return whether each step is often played."""
        return bool((self.share[list(steps)] >= OFTEN).all())

    def leaves(self, *steps: int) -> bool:
        """Return whether each step is seldom played."""
        return bool((self.share[list(steps)] <= SELDOM).all())


def guess_style(song: Song, bass: Track, title: str = "") -> StyleGuess | None:
    """Return the style a song seems to be in, None where nothing shows it."""
    return style_in_title(title) or style_of_bass(bass_signs(song, bass))


def style_in_title(title: str) -> StyleGuess | None:
    """Return the style whose name stands in a title, the longest name first."""
    words = [word for word in re.split("_", normalise(title)) if word]
    for length in (3, 2, 1):
        for i in range(len(words) - length + 1):
            name = "_".join(words[i : i + length])
            style = style_named(name) if name in TITLE_WORDS else None
            if style is not None:
                return StyleGuess(style.name, f"the title says {name.replace('_', ' ')}")
    return None


def bass_signs(song: Song, bass: Track) -> BassSigns | None:
    """Return what a bass line shows, None where it plays in fewer than eight bars of one metre."""
    bars = _bars(bass.notes, song.grid)
    if len(bars) < MIN_BARS:
        return None
    others = Notes.join([track.notes for track in song.tracks if not track.is_drum])
    swing = estimate_swing(bass.notes, others, song.grid)
    steps = np.abs(np.diff(bass.notes.pitches))
    return BassSigns(
        share=bars.mean(axis=0),
        per_bar=float(bars.sum() / len(bars)),
        moves=float((steps > 0).mean()) if len(steps) else 0.0,
        qpm=float(np.median(song.grid.measure_qpm)),
        beats=int(np.median(song.grid.measure_steps)) // 4,
        swings=bool((swing.eighths != STRAIGHT).mean() > 0.5),
        programs=frozenset(track.program for track in song.tracks if not track.is_drum),
        bass_program=bass.program,
    )


def _bars(notes: Notes, grid: Grid) -> np.ndarray:
    """(n, 16) bool: the onsets of the bars with a note, where all bars are of one length."""
    if len(set(grid.measure_steps)) != 1:
        return np.zeros((0, STEPS_PER_MEASURE), bool)
    bars = BassRoll.from_notes(notes, grid).hits.reshape(-1, STEPS_PER_MEASURE)
    return bars[bars.any(axis=1)]


def _walks(signs: BassSigns) -> bool:
    return signs.plays(0, 4, 8, 12) and signs.per_bar <= 5.5 and signs.moves >= 0.8


def _is_jazz(signs: BassSigns) -> bool:
    return signs.beats == 4 and _walks(signs) and (signs.swings or signs.bass_program == ACOUSTIC_BASS)


def _is_bossa(signs: BassSigns) -> bool:
    in_places = signs.plays(0, 8) and signs.share[[6, 14]].min() >= 0.5
    fitting = signs.bass_program == ACOUSTIC_BASS or bool(signs.programs & BOSSA_PROGRAMS)
    return in_places and fitting and signs.leaves(2, 4, 10, 12) and 90 <= signs.qpm <= 190


def _is_punk(signs: BassSigns) -> bool:
    eighths = signs.share[::2].mean() >= 0.85 and signs.share[1::2].mean() <= 0.1
    return eighths and signs.moves <= 0.3 and signs.qpm >= 160 and bool(signs.programs & DISTORTION)


def _is_shuffle(signs: BassSigns) -> bool:
    return signs.swings and signs.plays(0, 4, 8, 12) and signs.share[[3, 7, 11, 15]].mean() >= 0.5


SIGNS: tuple[tuple[str, str, Callable[[BassSigns], bool]], ...] = (
    ("jazz", "a walking bass", _is_jazz),
    ("blues_shuffle", "a shuffling bass", _is_shuffle),
    ("bossa", "a bass on 1, 2 and, 3, 4 and", _is_bossa),
    ("punk", "fast eighths under distorted guitars", _is_punk),
)


def style_of_bass(signs: BassSigns | None) -> StyleGuess | None:
    """Return the style that a bass line shows, None where it shows none."""
    if signs is None:
        return None
    return next((StyleGuess(style, reason) for style, reason, shows in SIGNS if shows(signs)), None)
