"""Drums into a song: everything else stays, the hits are where they belong, other readers agree."""

import io

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_midi import END, NOTE, named, number, smf
from test_midi_building import any_notes, columns
from test_midi_events import files

from basedrum.errors import MidiError
from basedrum.midi.building import build_midi, separate
from basedrum.midi.events import EventFile, meta, read_events, to_bytes
from basedrum.midi.reading import parse_score, parse_song
from basedrum.midi.writing import DRUM_TRACK_NAME, drums_alone, song_with_drums, within
from basedrum.music.grid import Grid
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.song import Part, Song, drum_notes

RICH = (
    b"\x00\xff\x03\x04Bass\x00\xff\x02\x04(c)?\x00\xff\x59\x02\xfe\x01\x00\xff\x21\x01\x02\x00\xff\x7f\x03\x7d\x01\x02"
    + b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7\x00\xb0\x00\x01\x00\xb0\x20\x02\x00\xc0\x21\x00\xe0\x01\x41"
    + b"\x00\xd0\x22\x00\xa0\x28\x11"
    + b"\x00\xff\x05\x05la la\x00\xff\x06\x05verse\x00\xff\x4b\x02??"
    + NOTE
    + b"\x00\xb9\x07\x50\x00\xc9\x08\x00\x99\x24\x64\x00\xa9\x24\x10\x30\x89\x24\x00\x00\xe9\x00\x40"
    + b"\x83\x00\xff\x2f\x00"
)


def song_of(*bodies, **header):
    return parse_song(smf(*bodies, **header))


def is_drum_event(message):
    return message[0] in (0x89, 0x99, 0xA9, 0xC9)


def pretty(data):
    return pretty_midi.PrettyMIDI(io.BytesIO(data))


BEAT = Notes([0, 96, 192], [24, 120, 216], [36, 38, 36], [100, 90, 80])


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("keep", [False, True])
def test_all_other_events_stay_as_they_were(form, keep):
    song = song_of(RICH, form=form)
    before, after = read_events(song.source), read_events(song_with_drums(song, BEAT, keep))
    assert (after.format, after.division, len(after.tracks)) == (1, 96, 2)
    assert after.tracks[0] == tuple(e for e in before.tracks[0] if keep or not is_drum_event(e[1]))
    assert len(before.tracks[0]) - len(after.tracks[0]) == (0 if keep else 4)


@settings(deadline=None)
@given(files, any_notes(), st.booleans())
def test_any_song_keeps_its_events(file, drums, keep):
    file = EventFile(1, file.division, (*file.tracks, read_events(smf(NOTE + END)).tracks[0]))
    try:
        song = parse_song(to_bytes(file))
    except MidiError:  # random events may well make a song that is too long
        return
    after = read_events(song_with_drums(song, drums, keep))
    wanted = tuple(tuple(e for e in track if keep or not is_drum_event(e[1])) for track in file.tracks)
    assert after.tracks[:-1] == wanted
    assert after.complaints == ()


def test_drums_replace_drums_unless_they_are_kept():
    grid = Grid(96, 384)
    old = Notes([0, 48], [24, 72], [42, 42], [70, 70])
    song = parse_song(
        build_midi([Part("Bass", 33, False, Notes([0], [384], [40], [90])), Part("Kit", 8, True, old)], grid)
    )
    replaced = parse_song(song_with_drums(song, BEAT))
    assert columns(drum_notes(replaced)) == columns(BEAT)
    both = parse_song(song_with_drums(song, BEAT, keep_drums=True))
    assert len(drum_notes(both)) == 5
    assert [track.name for track in both.tracks] == ["Bass", "Kit", DRUM_TRACK_NAME]


def test_the_drum_track_begins_with_its_name_and_the_standard_kit():
    track = read_events(song_with_drums(song_of(NOTE * 4 + END), BEAT)).tracks[-1]
    assert track[:2] == ((0, meta(3, b"Drums (basedrum)")), (0, b"\xc9\x00"))
    assert all(message[0] & 15 == 9 for _, message in track[1:-1])


def test_offs_come_before_ons_and_hits_of_one_pitch_never_overlap():
    drums = Notes([0, 24, 24, 48], [24, 60, 30, 72], [42, 42, 42, 42], [80, 80, 99, 80])
    track = read_events(song_with_drums(song_of(NOTE * 4 + END), drums)).tracks[-1]
    assert [(tick, message[0] >> 4) for tick, message in track[2:-1]] == [
        (0, 9),
        (24, 8),
        (24, 9),
        (30, 8),
        (48, 9),
        (72, 8),
    ]


def test_nothing_before_the_song_or_behind_its_last_bar():
    song = song_of(NOTE * 5 + END)  # 480 ticks: two bars, 768 ticks
    drums = Notes(
        [-10, 0, 767, 700, 768, 5000], [5, 10, 800, 900, 780, 5010], [36, 36, 38, 42, 36, 36], [90] * 6
    )
    played = parse_song(song_with_drums(song, drums)).tracks[-1].notes
    assert columns(played)[:3] == [[0, 700, 767], [10, 768, 768], [36, 42, 38]]
    assert played.end_ticks.max() <= song.grid.last_tick


def test_the_last_bar_is_full():
    song = song_of(NOTE * 5 + END)
    hits = groove("closed hat " + "x" * 32).to_notes(song.grid)
    assert len(parse_song(song_with_drums(song, hits)).tracks[-1].notes) == 32


@settings(deadline=None)
@given(any_notes())
def test_three_readers_find_the_same_hits(drums):
    song = song_of(b"\x00\xff\x51\x03\x06\x1a\x80" + NOTE * 42 + END, division=96)
    wanted = separate(within(drums, song.grid))
    data = song_with_drums(song, drums)
    assert columns(parse_song(data).tracks[-1].notes) == columns(wanted) if len(wanted) else True
    midi = pretty(data)
    found = [
        (midi.time_to_tick(note.start), midi.time_to_tick(note.end), note.pitch, note.velocity)
        for instrument in midi.instruments
        if instrument.is_drum
        for note in instrument.notes
    ]
    assert sorted(found) == sorted(zip(*columns(wanted), strict=True))
    ons = [
        message for message in mido.MidiFile(file=io.BytesIO(data)).tracks[-1] if message.type == "note_on"
    ]
    assert [(m.note, m.velocity) for m in ons] == list(zip(*columns(wanted)[2:], strict=True))


def test_a_damaged_song_is_written_clean():
    body = named(b"Bass", 33, NOTE * 4)
    broken = smf(body, body[:-6], count=9) + b"junk"
    song = parse_song(broken)
    assert song.complaints
    again = parse_song(song_with_drums(song, BEAT))
    assert again.complaints == ()
    assert len(mido.MidiFile(file=io.BytesIO(song_with_drums(song, BEAT))).tracks) == 3


def test_an_f7_event_goes_through():
    body = b"\x00\xf0\x03\x01\x02\x03\x10\xf7\x02\x04\xf7\x00\xf7\x01\xf8" + NOTE + END
    song = song_of(body)
    assert song.tracks[0].notes.start_ticks.tolist() == [16], "symusic alone reads another tick"
    assert read_events(song_with_drums(song, BEAT)).tracks[0] == read_events(smf(body)).tracks[0]


def test_the_same_call_gives_the_same_bytes():
    song = song_of(RICH)
    assert song_with_drums(song, BEAT) == song_with_drums(song, BEAT)
    assert drums_alone(BEAT, song.grid) == drums_alone(BEAT, song.grid)


@st.composite
def grids(draw):
    division = draw(st.sampled_from([24, 96, 100, 480, 960]))
    end = draw(st.integers(1, 16 * division))
    ticks = draw(st.lists(st.integers(1, end), max_size=5, unique=True).map(sorted))
    tempos = tuple((tick, 6e7 / draw(st.integers(60_000, 6_000_000))) for tick in [0, *ticks])
    metres = ((0, 4, 4),) if end < 8 * division else ((0, 3, 4), (6 * division, 7, 8))
    return Grid(division, end, tempos, metres)


@settings(deadline=None)
@given(grids(), any_notes(last=12000))
def test_drums_alone_keep_ticks_tempo_and_metre(grid, drums):
    wanted = separate(within(drums, grid))
    data = drums_alone(drums, grid)
    if not len(wanted):
        assert len(pretty(data).instruments) == 0
        return
    score = parse_score(data)[0]
    assert score.ticks_per_quarter == grid.ticks_per_quarter
    assert [(t.time, t.mspq) for t in score.tempos] == [(tick, round(6e7 / qpm)) for tick, qpm in grid.tempos]
    assert tuple((t.time, t.numerator, t.denominator) for t in score.time_signatures) == grid.time_signatures
    (track,) = parse_song(data).tracks
    assert (track.name, track.is_drum, track.program) == (DRUM_TRACK_NAME, True, 0)
    assert columns(track.notes) == columns(wanted)


def test_drums_alone_of_a_song_too_long_for_pretty_midi(capsys):
    grid = Grid(32767, 19_000 * 32767)
    drums = Notes([0, 15_000 * 32767], [100, 15_000 * 32767 + 100], [36, 38], [90, 90])
    assert columns(parse_song(drums_alone(drums, grid)).tracks[0].notes) == columns(drums)
    assert capsys.readouterr() == ("", "")


def test_drums_of_a_silent_drummer_are_an_empty_track():
    song = song_of(NOTE + END)
    assert len(parse_song(song_with_drums(song, Notes.empty())).tracks) == 1
    assert len(read_events(song_with_drums(song, Notes.empty())).tracks) == 2


def test_a_gap_left_by_removed_drums_may_be_longer_than_one_delta_time():
    hit = b"\x99\x24\x64"
    long = number(2**28 - 1)
    body = NOTE + long + hit + long + b"\x89\x24\x00" + b"\x00\x90\x28\x40\x60\x80\x28\x00" + END
    song = song_of(body, division=32767)
    tracks = read_events(song_with_drums(song, BEAT)).tracks
    assert tracks[0][-1] == read_events(song.source).tracks[0][-1]
    assert np.array_equal(
        parse_song(song_with_drums(song, BEAT)).tracks[0].notes.start_ticks, song.tracks[0].notes.start_ticks
    )


def test_a_song_that_has_no_file_is_written_from_its_parts():
    """As one from another door, or made by a program."""
    read = parse_song(
        build_midi([Part("Bass", 33, False, BEAT), Part("Kit", 0, True, BEAT)], Grid(480, 3840))
    )
    song = Song("made", read.grid, read.tracks)
    again = parse_song(song_with_drums(song, BEAT))
    assert [(t.name, t.is_drum) for t in again.tracks] == [("Bass", False), ("Drums (basedrum)", True)]
    assert columns(again.tracks[0].notes) == columns(BEAT) == columns(drum_notes(again))


def test_a_text_goes_with_the_drums():
    song = parse_song(build_midi([Part("Bass", 33, False, BEAT)], Grid(480, 3840)))
    for data in (song_with_drums(song, BEAT, text="seed 7"), drums_alone(BEAT, song.grid, "seed 7")):
        assert [e for track in read_events(data).tracks for _, e in track].count(b"\xff\x01\x06seed 7") == 1
    assert b"\xff\x01" not in song_with_drums(song, BEAT) + drums_alone(BEAT, song.grid)
