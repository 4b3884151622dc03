"""The form of a song: parts that come in and go, borders of the bass, markers of the file."""

from dataclasses import replace

import numpy as np
import pytest

from basedrum.music.grid import Grid
from basedrum.music.metre import common_time
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll
from basedrum.music.sections import (
    GUITAR,
    KEYS,
    KINDS,
    STRINGS,
    Form,
    changes,
    kind_of,
    measures_since,
    named_measures,
    pitched_parts,
    section_borders,
    sounding_kinds,
    sounding_measures,
)
from basedrum.music.song import Song, Track

QUARTER = 96
BAR = 4 * QUARTER


def kinds_of(read, on, bass_index=None):
    """Which kinds of a song's parts sound in which measures."""
    parts = pitched_parts(read, bass_index)
    sounding = np.asarray([sounding_measures(each, on) for _, each in parts])
    return sounding_kinds([kind for kind, _ in parts], sounding)


def grid(num_bars: int = 12, numerator: int = 4) -> Grid:
    return Grid(QUARTER, num_bars * numerator * QUARTER, (), ((0, numerator, 4),))


def notes(*spans: tuple[float, float]) -> Notes:
    """Notes that sound from bar to bar, counted from 0."""
    starts = np.asarray([round(start * BAR) for start, _ in spans])
    ends = np.asarray([round(end * BAR) for _, end in spans])
    return Notes(starts, ends, np.full(len(spans), 60), np.full(len(spans), 90))


def quarters(*bars: int) -> Notes:
    """Four notes in each of the bars."""
    return notes(*[(bar + beat / 4, bar + beat / 4 + 0.2) for bar in bars for beat in range(4)])


def song(*parts: tuple[int, Notes], num_bars: int = 12, markers=(), drums: Notes | None = None) -> Song:
    tracks = [Track("", program, False, played, index) for index, (program, played) in enumerate(parts)]
    if drums is not None:
        tracks.append(Track("", 0, True, drums, len(tracks)))
    return Song("", grid(num_bars), tuple(tracks), markers=markers)


def form(read: Song, bass_index: int | None = None) -> Form:
    bass = BassRoll.from_notes(read.tracks[bass_index or 0].notes, read.grid)
    return Form.of(read, bass, read.grid, bass_index)


def where(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


KIND_OF = (
    {0: "keys", 15: "keys", 16: "organ", 24: "guitar", 31: "guitar", 32: "bass", 39: "bass"}
    | {48: "strings", 52: "voices", 55: "strings", 56: "brass", 71: "brass", 73: "lead", 80: "lead"}
    | {88: "strings", 91: "voices", 92: "strings", 95: "strings", 127: "other"}
)


@pytest.mark.parametrize(("program", "kind"), KIND_OF.items())
def test_the_kind_of_a_program(program, kind):
    assert KINDS[kind_of(program)] == kind


def test_a_part_sounds_with_two_notes_or_a_quarter_of_the_measure():
    two = notes((0, 0.05), (0.5, 0.55))
    quarter, less = notes((1, 1.25)), notes((2, 2.24))
    assert where(sounding_measures(two, grid(4))) == [0]
    assert where(sounding_measures(quarter, grid(4))) == [1]
    assert where(sounding_measures(less, grid(4))) == []
    overlapping = notes((3, 3.2), (3.1, 3.2))  # two starts, though a fifth sounds
    assert where(sounding_measures(overlapping, grid(4))) == [3]
    assert where(sounding_measures(Notes.join([]), grid(4))) == []


def test_a_chord_is_one_start_and_overlapping_notes_sound_once():
    chord = notes((1, 1.1), (1, 1.1), (1, 1.1))
    assert where(sounding_measures(chord, grid(4))) == []
    pair = notes((0, 1.2), (0.1, 1.2))  # together a fifth of measure 1, not two fifths
    assert where(sounding_measures(pair, grid(4))) == [0]


def test_a_note_that_rings_on_sounds_in_the_measures_it_fills():
    assert where(sounding_measures(notes((0, 3.1)), grid(6))) == [0, 1, 2]
    assert where(sounding_measures(notes((0.9, 3.25)), grid(6))) == [1, 2, 3]


def test_a_kind_comes_in_and_goes_between_two_measures_and_two():
    rows = np.asarray(
        [
            [0, 0, 1, 1, 1, 0, 0, 0],  # in with 2, gone from 5
            [0, 0, 1, 0, 0, 1, 1, 1],  # one measure alone is no entry; in with 5
            [0, 1, 1, 1, 1, 1, 1, 0],  # one measure of silence at either end says nothing
            [1, 1, 0, 1, 1, 0, 1, 1],  # nor does one in between
        ],
        bool,
    )
    entering, leaving = changes(rows)
    assert [where(row) for row in entering] == [[2], [5], [], []]
    assert [where(row) for row in leaving] == [[5], [], [], []]
    assert not changes(np.ones((2, 3), bool))[0].any()  # too short a song


def test_two_parts_of_one_kind_that_take_turns_are_no_section():
    turns = song((33, quarters(*range(12))), (25, quarters(*range(6))), (29, quarters(*range(6, 12))))
    kinds = kinds_of(turns, turns.grid)
    assert where(kinds[GUITAR]) == list(range(12))
    assert where(kinds.any(axis=1)) == [GUITAR, KINDS.index("bass")]
    assert form(turns).entering.sum() == form(turns).leaving.sum() == 0


def test_parts_that_enter_and_leave_together():
    read = song(
        (33, quarters(*range(12))),
        (0, quarters(*range(4, 12))),
        (48, quarters(*range(4, 8))),
        drums=quarters(*range(4, 12)),
    )
    found = form(read)
    assert (where(found.entering), found.entering[4]) == ([4], 2)
    assert (where(found.leaving), found.leaving[8]) == ([8], 1)
    assert found.parts_known.all()
    assert [where(kinds_of(read, read.grid)[kind]) for kind in (KEYS, STRINGS)] == [
        list(range(4, 12)),
        [4, 5, 6, 7],
    ]


def test_the_last_chord_on_the_one_of_a_new_section_is_not_in_it():
    last = notes((4, 4.05), (4, 4.05), (4, 4.05))
    read = song(
        (33, quarters(*range(12))), (0, Notes.join([quarters(0, 1, 2, 3), last])), (24, quarters(*range(12)))
    )
    assert where(form(read).leaving) == [4]


def test_the_bass_track_counts_as_bass_whatever_its_program():
    parts = (0, quarters(*range(4, 12))), (0, quarters(*range(12))), (24, quarters(*range(12)))
    assert form(song(*parts), bass_index=0).entering[4] == 1
    assert where(kinds_of(song(*parts), grid(), 0)[KINDS.index("bass")]) == list(range(4, 12))


def test_with_fewer_than_two_parts_beside_the_bass_nothing_is_known():
    assert not form(song((33, quarters(*range(12))), (0, quarters(*range(12))))).parts_known.any()
    more = song((33, quarters(*range(12))), drums=quarters(*range(12)))
    assert not form(more).parts_known.any()


def test_borders_are_where_what_repeats_begins_and_ends():
    first, other = np.zeros((2, 16, 72), bool)
    first[[0, 8], 12], other[[0, 6, 12], 17] = True, True
    one, another = np.stack([first] * 8), np.stack([other] * 8)
    found = section_borders(np.concatenate([one, another, one]))
    # 4 later it is the same up to bar 3 and from 8 to 11 and from 16: edges at 4, 8, 12, 16, and 4 later
    # 8 later it never is; 16 later it always is
    assert found.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]
    assert not section_borders(one).any()
    up = one.copy()
    up[:, :, 24] = up[:, :, 12]
    up[:, :, 12] = False
    assert not section_borders(np.concatenate([one, up])).any()  # an octave higher is the same


@pytest.mark.parametrize("text", ["Chorus", "verse 2", "INTRO", "A", "b2", "Part B", "Pre-Chorus", "refrão"])
def test_markers_that_name_a_section(text):
    assert where(named_measures([(4 * BAR, text)], grid())) == [4]


@pytest.mark.parametrize("text", ["", "loopStart", "adverse", "tempo", "Bar 12", "Am7", "breakfast"])
def test_markers_that_do_not(text):
    assert where(named_measures([(4 * BAR, text)], grid())) == []


def test_a_marker_belongs_to_the_nearest_beginning_of_a_measure():
    marks = [(0, "Intro"), (4 * BAR - QUARTER, "Verse"), (6 * BAR + QUARTER, "Chorus"), (12 * BAR, "End")]
    assert where(named_measures(marks, grid())) == [0, 4, 6]


def test_the_form_on_measures_of_four_four():
    """A bar of 6/4 is two measures of the grid and two of 4/4, whose second begins where none does."""
    six = grid(4, 6)
    bars = common_time(six)
    assert (six.num_measures, len(bars.steps)) == (8, 8)
    known = np.ones(8, bool)
    at = np.arange(8)
    found = Form(at, at % 3, at, at, known, np.arange(8.0), at == 5).laid_on(bars)
    assert found.entering.tolist() == [1, 0, 3, 0, 5, 0, 7, 0]
    assert found.leaving.tolist() == [1, 0, 2, 0, 2, 0, 1, 0]
    assert found.named.tolist() == [False, False, False, False, True, False, False, False]
    assert found.parts_known.all()


def test_bars_of_two_four_are_joined():
    two = replace(Form.unknown(4), entering=np.asarray([0, 1, 2, 0]))
    found = two.laid_on(common_time(grid(4, 2)))
    assert found.entering.tolist() == [1, 2]
    assert not found.parts_known.any()


def test_some_measures_of_a_form():
    at = np.arange(6)
    some = Form(at, at, at, at, np.ones(6, bool), np.arange(6.0), at == 2)[2:4]
    assert (some.entering.tolist(), some.named.tolist(), len(some)) == ([2, 3], [True, False], 2)


def test_two_parts_of_one_kind_are_two_tracks_and_a_change_counts_from_there():
    measures = np.arange(12)
    grid = Grid(480, 12 * 1920)

    def track(index, program, bars):
        starts = (np.asarray(bars)[:, None] * 1920 + np.arange(4) * 480).reshape(-1)
        loud = np.full(len(starts), 90)
        return Track("", program, False, Notes(starts, starts + 400, np.full(len(starts), 60), loud), index)

    parts = [(33, measures), (25, measures[4:]), (29, measures[4:]), (56, measures[:8])]
    tracks = tuple(track(index, *part) for index, part in enumerate(parts))
    form = Form.of(Song("", grid, tracks), BassRoll.empty(12 * 16), grid)
    assert form.entering[4] == 1 and form.tracks_changing[[4, 8]].tolist() == [2, 1]
    assert form.since_change.tolist() == [0, 1, 2, 3] * 3


def test_measures_since_the_last_change():
    changed = np.asarray([False, False, True, False, True])
    assert measures_since(changed).tolist() == [0, 1, 0, 1, 0]
