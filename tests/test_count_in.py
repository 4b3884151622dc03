"""Bars of clicks before the song, and a track for each voice."""

import numpy as np
import pytest
from raw_midi import smf
from test_app import FakeModel, FakeState, bass_notes, write_bass

import basedrum
from basedrum import app
from basedrum.midi.building import build_midi
from basedrum.midi.count_in import with_count_in
from basedrum.midi.events import END_OF_TRACK, EventFile, meta, read_events, to_bytes
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part, drum_notes

BAR = 1920
ON, OFF = b"\x90\x28\x5a", b"\x80\x28\x00"


def counted(num_bars, *signatures, tracks=None, end=4 * BAR):
    """The events of a file after a count-in of `num_bars`."""
    grid = Grid(480, end, (), signatures)
    file = tracks or build_midi([Part("Bass", 33, False, bass_notes(4))], grid)
    data = file if isinstance(file, bytes) else to_bytes(EventFile(1, 480, file))
    return read_events(with_count_in(data, num_bars, grid, 37))


def clicks(file):
    found = []
    for track in file.tracks:
        found += [(tick, message[2]) for tick, message in track if message[:2] == b"\x99\x25"]
    return found


def test_no_bar_leaves_the_bytes_alone():
    data = smf(b"\x00\xff\x2f\x00")
    assert with_count_in(data, 0, Grid(480, BAR), 37) is data


@pytest.mark.parametrize(
    "signatures, later, ticks",
    [
        ((), 2 * BAR, [0, 480, 960, 1440, 1920, 2400, 2880, 3360]),
        (((0, 3, 4),), 2880, [0, 480, 960, 1440, 1920, 2400]),
        (((0, 6, 8),), 2880, [0, 720, 1440, 2160]),
        (((0, 7, 8),), 3360, [240 * beat for beat in range(14)]),
        (((0, 1, 4), (480, 4, 4)), 2 * BAR, [480 * beat for beat in range(8)]),  # a pickup bar
        (((0, 4, 4), (BAR, 3, 4)), 2 * BAR, [480 * beat for beat in range(8)]),
    ],
)
def test_clicks_on_the_beats_and_the_song_behind_them(signatures, later, ticks):
    file = counted(2, *signatures)
    assert [tick for tick, _ in clicks(file)] == ticks
    loud = {tick for tick, velocity in clicks(file) if velocity == 120}
    assert loud == {0, later // 2}
    notes = [tick for tick, message in file.tracks[1] if message[0] == 0x90]
    assert np.array_equal(notes, bass_notes(4).start_ticks + later)
    assert {track[-1][0] for track in file.tracks} == {4 * BAR + later}


def test_what_sets_a_file_up_stays_at_its_start_and_marks_move():
    marker, lyric, tempo = meta(6, b"Verse"), meta(5, b"la"), meta(0x51, b"\x07\xa1\x20")
    start = [meta(3, b"Bass"), meta(1, b"about"), tempo, meta(0x58, b"\x04\x02\x18\x08"), b"\xb0\x07\x50"]
    start += [b"\xc0\x21", marker, lyric, ON]
    track = (
        *((0, message) for message in start),
        (480, OFF),
        (960, tempo),
        (960, marker),
        (BAR, END_OF_TRACK),
    )
    [moved] = counted(1, (0, 4, 4), tracks=(track,), end=BAR).tracks
    own = [event for event in moved if event[1][0] not in (0x99, 0x89)]
    assert own[:6] == [(0, message) for message in start[:6]]
    assert own[6:9] == [(BAR, marker), (BAR, lyric), (BAR, ON)]
    assert own[9:] == [(BAR + 480, OFF), (BAR + 960, tempo), (BAR + 960, marker), (2 * BAR, END_OF_TRACK)]


def test_a_pickup_bar_keeps_its_metre_behind_the_count_in():
    again = parse_song(to_bytes(counted(1, (0, 1, 4), (480, 4, 4))))
    assert again.grid.time_signatures == ((0, 4, 4), (BAR, 1, 4), (BAR + 480, 4, 4))


@pytest.mark.parametrize("drums_only", [False, True])
def test_a_song_with_a_count_in_is_the_song_later(tmp_path, drums_only):
    played = basedrum.Drummer(FakeModel()).play(write_bass(tmp_path / "bass.mid"), seed=1)
    plain, later = (
        drum_notes(parse_song(played.to_midi(drums_only=drums_only, count_in=bars))) for bars in (0, 1)
    )
    assert np.array_equal(later.start_ticks[:4], [0, 480, 960, 1440])
    assert np.array_equal(later.start_ticks[4:], plain.start_ticks + BAR)
    assert np.array_equal(later.pitches[4:], plain.pitches)


def test_the_clicks_are_the_side_stick_of_the_plug_in(tmp_path):
    played = basedrum.Drummer(FakeModel()).play(write_bass(tmp_path / "bass.mid"), seed=1, kit="ad2")
    notes = drum_notes(parse_song(played.to_midi(drums_only=True, count_in=1)))
    assert set(notes.pitches[:4].tolist()) == {played.kit[kit.SIDE_STICK]}


def sticks(state, phrase):
    hits = np.zeros((64, 12), bool)
    hits[::8, kit.KICK] = hits[4::8, kit.SNARE] = hits[::2, kit.CLOSED_HAT] = True
    hits[4::8, kit.SIDE_STICK] = hits[::16, kit.PERCUSSION] = True
    return hits


@pytest.mark.parametrize("drums_only", [False, True])
def test_each_voice_has_a_track_named_as_what_it_sounds(tmp_path, monkeypatch, drums_only):
    monkeypatch.setattr(FakeState, "play", sticks)
    played = basedrum.Drummer(FakeModel()).play(write_bass(tmp_path / "bass.mid"), seed=1)
    whole = parse_song(played.to_midi(drums_only=drums_only))
    split = parse_song(played.to_midi(drums_only=drums_only, split_voices=True))
    names = [track.name for track in split.tracks if track.is_drum]
    assert names[:4] == ["Kick", "Snare", "Clap", "Closed hat"] and len(names) == 5
    assert names[4].lower() in set(kit.SOUND_NAMES.values())
    assert [len(set(track.notes.pitches.tolist())) for track in split.tracks if track.is_drum][:4] == [1] * 4
    one, many = (drum_notes(song) for song in (whole, split))
    assert all(np.array_equal(getattr(one, name), getattr(many, name)) for name in ("start_ticks", "pitches"))
    first = next(
        track
        for track in read_events(played.to_midi(split_voices=True)).tracks
        if (0, meta(3, b"Kick")) in track
    )
    assert (0, meta(1, played.origin.encode())) in first


def test_bars_played_again_go_to_the_track_of_their_voice(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeState, "play", sticks)
    drummer = basedrum.Drummer(FakeModel())
    played = drummer.play(write_bass(tmp_path / "bass.mid"), seed=1)
    split = parse_song(played.to_midi(split_voices=True), "split.mid")
    again = parse_song(drummer.play(split, seed=1, bars=(2, 3)).to_midi())
    assert [track.name for track in again.tracks] == [track.name for track in split.tracks]
    for old, new in zip(split.tracks, again.tracks, strict=True):
        assert set(new.notes.pitches.tolist()) == set(old.notes.pitches.tolist())


def test_silent_drums_have_a_track_even_so(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeState, "play", lambda *_: np.zeros((64, 12), bool))
    played = basedrum.Drummer(FakeModel()).play(write_bass(tmp_path / "bass.mid"), seed=1)
    assert played.to_midi(split_voices=True) == played.to_midi()


def test_both_are_asked_for_by_generate(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    app.generate([source], tmp_path / "out.mid", seed=1, split_voices=True, count_in=2)
    song = parse_song((tmp_path / "out.mid").read_bytes())
    assert {"Kick", "Snare"} <= {track.name for track in song.tracks}
    assert drum_notes(song).start_ticks[:2].tolist() == [0, 480]
    assert song.tracks[0].notes.start_ticks[0] == 2 * BAR


def test_clicks_last_a_quarter_of_a_beat():
    [track] = counted(1, (0, 4, 4), tracks=(((0, ON), (10, OFF), (BAR, END_OF_TRACK)),)).tracks
    assert [tick for tick, message in track if message[0] == 0x89] == [120, 600, 1080, 1560]


def test_notes_stay_notes():
    notes = Notes([0], [240], [40], [90])
    data = build_midi([Part("Bass", 33, False, notes)], Grid(480, BAR))
    song = parse_song(with_count_in(data, 1, Grid(480, BAR), 37))
    [bass] = [track for track in song.tracks if not track.is_drum]
    assert (bass.notes.start_ticks[0], bass.notes.end_ticks[0]) == (BAR, BAR + 240)
