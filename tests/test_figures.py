"""Chords and bass figures as text say the notes a bass player would play."""

import pytest

from basedrum.music.figures import FigureNote, bass_notes, read_chord, read_figure, root_pitch

C, F = read_chord("C"), read_chord("F")


def pitches(bars, key=0):
    return [note.pitch for note in bass_notes(bars, key)]


def test_roman_figures_and_names_agree():
    assert read_chord("ii7") == read_chord("Dm7")
    assert read_chord("V7") == read_chord("G7")
    assert read_chord("bVII") == read_chord("Bb")
    assert read_chord("#IV") == read_chord("F#")
    assert read_chord("vi") == read_chord("Am")


def test_third_and_seventh_follow_the_chord():
    assert pitches([("1357", read_chord("C7"))]) == [36, 40, 43, 46]
    assert pitches([("1357", read_chord("CM7"))]) == [36, 40, 43, 47]
    assert pitches([("1357", read_chord("Cm7"))]) == [36, 39, 43, 46]
    assert pitches([("1357", read_chord("Co"))]) == [36, 39, 42, 46]


def test_sixth_is_aeolian_on_a_minor_triad_and_dorian_on_a_minor_seventh():
    assert pitches([("6", read_chord("Cm"))]) == [44]
    assert pitches([("6", read_chord("Cm7"))]) == [45]


def test_leading_notes_look_at_the_next_chord_and_wrap_around():
    assert pitches([("1<", C), ("1>", F)]) == [36, 28, 29, 37]
    assert pitches([("1n", C), ("1n", F)]) == [36, 29, 29, 36]


def test_holds_last_over_the_bar_line_and_rests_do_not():
    notes = bass_notes([("1..5", C), ("--1-", C)])
    assert notes == [FigureNote(0, 1, 36), FigureNote(3, 3, 43), FigureNote(6, 2, 36)]
    assert bass_notes([("-1.-", C)]) == [FigureNote(1, 1, 36)]


def test_dead_notes_are_marked():
    assert [note.dead for note in bass_notes([("1x", C)])] == [False, True]


def test_nothing_below_the_low_e():
    assert pitches([("vw", read_chord("E"))]) == [35, 38]
    assert all(28 <= root_pitch(read_chord("I"), key) <= 39 for key in range(12))


def test_key_moves_every_note():
    assert pitches([("135", read_chord("I"))], key=2) == [p + 2 for p in pitches([("135", read_chord("I"))])]


@pytest.mark.parametrize("text", ["", "1.k.", "| |"])
def test_a_figure_that_says_nothing_known_is_refused(text):
    with pytest.raises(ValueError, match="unknown mark"):
        read_figure(text)


@pytest.mark.parametrize("text", ["H", "VIII", "c", "ii9", ""])
def test_an_unknown_chord_is_refused(text):
    with pytest.raises(ValueError, match="chord"):
        read_chord(text)
