"""Files of our own: what is built is read again."""

import numpy as np
import pretty_midi
from hypothesis import given, settings
from hypothesis import strategies as st

from basedrum.midi.building import build_midi, rows, separate
from basedrum.midi.reading import parse_song
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

FIELDS = tuple(Notes.__dataclass_fields__)


def columns(notes: Notes) -> list:
    return [getattr(notes, name).tolist() for name in FIELDS]


@st.composite
def any_notes(draw, last=4000):
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, last), st.integers(0, 500), st.integers(0, 127), st.integers(1, 127)),
            min_size=1,
            max_size=30,
        )
    )
    start, length, pitch, velocity = (np.array(column) for column in zip(*rows, strict=True))
    return Notes.join([Notes(start, start + length, pitch, velocity)])


@given(any_notes())
def test_separate_notes_can_be_said_in_midi(notes):
    clean = separate(notes)
    assert (clean.end_ticks > clean.start_ticks).all()
    for pitch in set(clean.pitches.tolist()):
        line = clean[clean.pitches == pitch]
        assert (line.end_ticks[:-1] <= line.start_ticks[1:]).all()
    assert set(zip(clean.start_ticks.tolist(), clean.pitches.tolist(), strict=True)) == set(
        zip(notes.start_ticks.tolist(), notes.pitches.tolist(), strict=True)
    ), "no hit is lost"
    assert columns(separate(clean)) == columns(clean)


def test_of_two_notes_together_the_louder_stays_and_a_note_is_cut_at_the_next():
    clean = separate(Notes([0, 0, 50], [100, 40, 60], [36, 36, 36], [60, 90, 70]))
    assert columns(clean) == [[0, 50], [40, 60], [36, 36], [90, 70]]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.integers(0, 127), st.booleans(), any_notes()),
        min_size=1,
        max_size=18,
    )
)
def test_what_is_built_is_read_again(drawn):
    parts = [Part(name, program, is_drum, separate(notes)) for name, program, is_drum, notes in drawn]
    end = max(int(part.notes.end_ticks.max()) for part in parts)
    grid = Grid(480, end, ((0, 100.0), (960, 125.0)), ((0, 3, 4), (1440, 7, 8)))
    grid = Grid(
        480,
        end,
        tuple(t for t in grid.tempos if t[0] <= end),
        tuple(s for s in grid.time_signatures if s[0] <= end),
    )
    song = parse_song(build_midi(parts, grid))
    assert song.grid == grid
    assert song.complaints == ()
    for part, track in zip(parts, song.tracks, strict=True):
        assert (track.program, track.is_drum) == (part.program, part.is_drum)
        assert columns(track.notes) == columns(part.notes)
        assert track.name == part.name


def test_the_same_parts_give_the_same_bytes_and_other_readers_agree(tmp_path):
    grid = Grid(480, 1920, ((0, 90.0),))
    parts = [
        Part("Bass", 33, False, Notes([0, 480], [400, 900], [40, 43], [90, 80])),
        Part("Drums", 0, True, Notes([0], [100], [36], [100])),
    ]
    data = build_midi(parts, grid)
    assert build_midi(parts, grid) == data
    (tmp_path / "song.mid").write_bytes(data)
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "song.mid"))
    assert [(i.name, i.program, i.is_drum, len(i.notes)) for i in midi.instruments] == [
        ("Bass", 33, False, 2),
        ("Drums", 0, True, 1),
    ]
    assert (
        midi.get_tempo_changes()[1][0] == 60e6 / round(60e6 / 90)
        or abs(midi.get_tempo_changes()[1][0] - 90) < 1e-3
    )


def test_a_song_without_tempo_or_metre_says_the_defaults():
    song = parse_song(build_midi([Part("Bass", 32, False, Notes([0], [96], [40], [90]))], Grid(96, 96)))
    assert song.grid.tempos == ((0, 120.0),)
    assert song.grid.time_signatures == ((0, 4, 4),)


def test_a_note_lasts_until_the_next_of_its_pitch():
    apart = separate(Notes([0, 100, 50], [200, 300, 200], [40, 40, 45], [90, 90, 90]))
    assert sorted(rows(apart)) == [(0, 100, 40, 90), (50, 200, 45, 90), (100, 300, 40, 90)]
