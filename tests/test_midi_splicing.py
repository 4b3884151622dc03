"""New bars among old ones: what lies outside stays, what lies inside goes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basedrum.midi.building import build_midi, rows
from basedrum.midi.events import read_events
from basedrum.midi.reading import parse_song
from basedrum.midi.splicing import is_in_bars, song_with_new_bars
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part, drum_notes

QUARTER = 480
BAR = 4 * QUARTER
GRID = Grid(QUARTER, 8 * BAR)
BASS = Notes(np.arange(32) * QUARTER, np.arange(32) * QUARTER + 400, np.full(32, 40), np.full(32, 90))


def hits(*starts, pitch=42, length=120):
    starts = np.asarray(starts, int)
    return Notes(starts, starts + length, np.full(len(starts), pitch), 60 + np.arange(len(starts)) % 60)


def song_of(*drums, grid=GRID):
    parts = [
        Part("Bass", 33, False, BASS),
        *(Part(f"Kit {i}", 0, True, notes) for i, notes in enumerate(drums)),
    ]
    return parse_song(build_midi(parts, grid), "song.mid")


def spliced(song, drums, first, last):
    return parse_song(song_with_new_bars(song, drums, (first, last)), "again.mid")


def columns(notes):
    return sorted(rows(notes))


EVERY_BEAT = hits(*range(0, 8 * BAR, QUARTER))


def test_bars_inside_are_new_and_bars_outside_as_they_were():
    song = song_of(EVERY_BEAT)
    new = hits(*range(0, 8 * BAR, BAR), pitch=38)
    again = spliced(song, new, 2, 3)
    outside = ~is_in_bars(EVERY_BEAT.start_ticks, GRID, 2, 3)
    inside = is_in_bars(new.start_ticks, GRID, 2, 3)
    assert columns(drum_notes(again)) == columns(Notes.join([EVERY_BEAT[outside], new[inside]]))
    assert inside.sum() == 2 and [t.name for t in again.tracks] == [t.name for t in song.tracks]


def test_every_other_event_stays():
    song = song_of(EVERY_BEAT, hits(5 * BAR, pitch=56))
    before, after = (
        read_events(data).tracks for data in (song.source, song_with_new_bars(song, hits(BAR), (1, 1)))
    )
    assert after[:2] == before[:2] and after[3] == before[3] and after[2] != before[2]


def test_a_hit_belongs_to_the_bar_of_its_step():
    early, late = (
        hits(2 * BAR - 40, pitch=36),
        hits(2 * BAR - 70, pitch=38),
    )  # before the bar line: 1/3 and 0.58 of a step
    again = spliced(song_of(Notes.join([EVERY_BEAT, early, late])), Notes.empty(), 2, 7)
    left = drum_notes(again)
    assert not (left.pitches == 36).any() and (left.pitches == 38).sum() == 1
    assert left.start_ticks.max() == 2 * BAR - 70


def test_hits_in_several_tracks_all_go():
    again = spliced(song_of(EVERY_BEAT, hits(*range(0, 8 * BAR, BAR), pitch=49)), hits(0, pitch=38), 0, 7)
    assert columns(drum_notes(again)) == columns(hits(0, pitch=38))


def test_a_note_that_still_sounds_is_cut_where_a_new_one_of_its_pitch_begins():
    ringing = hits(BAR - 100, length=300)
    again = drum_notes(spliced(song_of(ringing), hits(BAR - 20, 2 * BAR - 30, length=200), 1, 1))
    assert columns(again) == [(BAR - 100, BAR - 20, 42, 60), (BAR - 20, BAR + 180, 42, 60)]


def test_a_new_note_is_cut_where_an_old_one_begins():
    again = drum_notes(spliced(song_of(hits(2 * BAR)), hits(2 * BAR - 100, length=300), 1, 1))
    assert columns(again) == [(2 * BAR - 100, 2 * BAR, 42, 60), (2 * BAR, 2 * BAR + 120, 42, 60)]


def test_a_file_of_one_track_stays_one():
    tracks = read_events(song_of(EVERY_BEAT).source).tracks
    body = sorted((e for track in tracks for e in track if e[1] != b"\xff\x2f\x00"), key=lambda e: e[0])
    from basedrum.midi.events import EventFile, to_bytes

    song = parse_song(to_bytes(EventFile(0, QUARTER, (tuple(body),))), "one.mid")
    after = read_events(song_with_new_bars(song, hits(0, pitch=38), (0, 0)))
    assert after.format == 0 and len(after.tracks) == 1
    assert drum_notes(parse_song(song_with_new_bars(song, hits(0, pitch=38), (0, 0)), "")).pitches[0] == 38


some_hits = st.lists(
    st.tuples(
        st.integers(0, 8 * BAR - 200), st.integers(1, 400), st.sampled_from([36, 38, 42]), st.integers(1, 127)
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(some_hits, some_hits, st.integers(0, 7), st.integers(0, 7))
def test_whatever_is_played_nothing_outside_changes(old, new, first, last):
    from basedrum.midi.building import separate

    old, new = (
        separate(
            Notes(*(np.asarray(c) for c in zip(*((s, s + n, p, v) for s, n, p, v in notes), strict=True)))
        )
        for notes in (old, new)
    )
    song = song_of(old)
    grid = song.grid
    before, after = drum_notes(song), drum_notes(spliced(song, new, first, min(last, 7)))

    def heads(notes, inside):
        chosen = notes[is_in_bars(notes.start_ticks, grid, first, last) == inside]
        return sorted(
            zip(chosen.start_ticks.tolist(), chosen.pitches.tolist(), chosen.velocities.tolist(), strict=True)
        )

    assert heads(after, False) == heads(before, False)
    assert heads(after, True) == heads(new[new.start_ticks < grid.last_tick], True)
    kept = {(s, p): e for s, e, p, _ in rows(before)}
    fresh = after[is_in_bars(after.start_ticks, grid, first, last)]
    for start, end, pitch, _ in rows(after):
        if (start, pitch) in kept and not is_in_bars(np.asarray([start]), grid, first, last)[0]:
            cut = [
                s for s, p in zip(fresh.start_ticks, fresh.pitches, strict=True) if p == pitch and s > start
            ]
            assert end == min([kept[start, pitch], *cut])


@pytest.mark.parametrize("numerator, denominator", [(3, 4), (7, 8), (5, 4)])
def test_bars_are_those_of_the_song_s_metre(numerator, denominator):
    bar = QUARTER * 4 * numerator // denominator
    grid = Grid(QUARTER, 6 * bar, time_signatures=((0, numerator, denominator),))
    assert is_in_bars(np.arange(6) * bar, grid, 1, 2).tolist() == [False, True, True, False, False, False]
