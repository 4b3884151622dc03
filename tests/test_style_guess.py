"""A style is guessed from a title's words or from a bass that shows it, and from nothing else."""

import numpy as np
import pytest

from basedrum.lab.style_lines import read_lines
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.bass_track import find_bass
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part
from basedrum.music.style_guess import SIGNS, TITLE_WORDS, guess_style, style_in_title
from basedrum.music.styles import style_named

WALK = "1-..3-..5-..6-.."


def guessed(marks, tempo=120, swing="16 0.5", bass_program=33, other_program=0, metre="4/4"):
    """The style guessed for a bass figure, with a part of another program that holds one note."""
    text = f"x y\ntempo {tempo}\nmetre {metre}\nswing {swing}\nA  C F G C | {marks}\nB  F G C C | {marks}"
    notes = find_bass(parse_song(read_lines(text)[0].to_midi())).notes
    end = int(notes.end_ticks.max())
    held = Notes(np.array([0]), np.array([end]), np.array([72]), np.array([80]))
    numerator, denominator = (int(v) for v in metre.split("/"))
    grid = Grid(480, end, tempos=((0, tempo),), time_signatures=((0, numerator, denominator),))
    parts = [Part("Bass", bass_program, False, notes), Part("Other", other_program, False, held)]
    song = parse_song(build_midi(parts, grid))
    guess = guess_style(song, find_bass(song))
    return None if guess is None else guess.style


def test_a_walking_bass_is_jazz_on_the_upright():
    assert guessed(WALK, bass_program=32) == "jazz"
    assert guessed(WALK) is None
    assert guessed("1-..1-..1-..1-..", bass_program=32) is None, "it stays on one note"
    assert guessed("1.3.5.6.5.3.5.6.", bass_program=32) is None, "it runs"


def test_a_shuffle_has_both_notes_of_most_beats():
    assert guessed("1.1.5.5.6.6.5.5.", swing="8 0.667") == "blues_shuffle"
    assert guessed("1.1.5.5.6.6.5.5.") is None


def test_a_bossa_needs_its_bass_and_its_instruments():
    assert guessed("1-----5-5-----1-", bass_program=32) == "bossa"
    assert guessed("1-----5-5-----1-", other_program=24) == "bossa"
    assert guessed("1-----5-5-----1-") is None, "pop songs have that bass too"
    assert guessed("1---5-5-5-----1-", bass_program=32) is None


def test_punk_is_fast_eighths_on_one_note_under_distorted_guitars():
    assert guessed("1.1.1.1.1.1.1.1.", tempo=180, other_program=30) == "punk"
    assert guessed("1.1.1.1.1.1.1.1.", tempo=180, other_program=25) is None
    assert guessed("1.1.1.1.1.1.1.1.", tempo=150, other_program=30) is None


@pytest.mark.parametrize(
    ("title", "style"),
    [
        ("blue_bossa", "bossa"),
        ("Some Bossa Nova.mid", "bossa"),
        ("one_note_samba_tk", "samba"),
        ("Gerudo Valley Techno Remix", "house"),
        ("jazz waltz no 2", "jazz_waltz"),
        ("Rock Bottom", None),
        ("Metal Man", None),
        ("House of the Rising Sun", None),
        ("Midnight Train", None),
        ("", None),
    ],
)
def test_a_title_counts_only_with_words_that_mean_a_style(title, style):
    guess = style_in_title(title)
    assert (guess and guess.style) == style
    assert guess is None or guess.reason.startswith("the title says")


def test_guesses_are_names_of_styles():
    assert all(style_named(word) for word in TITLE_WORDS)
    assert all(style_named(name).name == name for name, _, _ in SIGNS)
