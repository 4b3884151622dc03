"""Songs of every kind through the drummer that ships: its drums fit the bars, begin and end with the song."""

import csv

import numpy as np
import pytest

import basedrum
from basedrum.errors import MidiError
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

QUARTER = 480
BAR = 4 * QUARTER


@pytest.fixture(scope="module")
def drummer():
    return basedrum.Drummer()


def line(starts, length=200):
    """A bass of these starts, in ticks, on four pitches in turn."""
    starts = np.asarray(starts)
    return Notes(
        starts,
        starts + length,
        36 + np.arange(len(starts)) // 2 % 4 * 2,
        70 + np.arange(len(starts)) % 3 * 10,
    )


def song(starts, grid, others=()):
    parts = [Part("Bass", 33, False, line(starts)), *(Part("Keys", 4, False, notes) for notes in others)]
    return parse_song(build_midi(parts, grid), "song.mid")


def in_metre(*sections, tempos=()):
    """A song of sections (bars, numerator, denominator): a bass note on each one and on each second eighth
    behind it."""
    tick, metres, starts = 0, [], []
    for num_bars, numerator, denominator in sections:
        metres.append((tick, numerator, denominator))
        length = BAR * numerator // denominator
        for bar in range(num_bars):
            starts += range(tick + bar * length, tick + (bar + 1) * length, QUARTER)
        tick += num_bars * length
    return song(starts, Grid(QUARTER, tick, tuple(tempos), tuple(metres)))


def hits_of(played):
    notes = played.drum_notes
    assert (np.diff(notes.start_ticks) >= 0).all() and (notes.end_ticks > notes.start_ticks).all()
    return notes.start_ticks


def bar_lines(grid):
    return np.append(grid.measure_ticks[grid.starts_bar], grid.last_tick)


SONGS = {
    "3/4": [(12, 3, 4)],
    "6/8": [(16, 6, 8)],
    "12/8": [(8, 12, 8)],
    "9/8": [(8, 9, 8)],
    "5/4": [(8, 5, 4)],
    "7/8": [(12, 7, 8)],
    "7/4": [(8, 7, 4)],
    "2/4": [(13, 2, 4)],
    "5/8": [(12, 5, 8)],
    "11/16": [(12, 11, 16)],
    "one bar": [(1, 4, 4)],
    "one bar of 7/8": [(1, 7, 8)],
    "changes": [(4, 4, 4), (3, 7, 8), (5, 6, 8), (1, 2, 4), (4, 5, 4), (7, 3, 4), (2, 12, 8), (4, 4, 4)],
    "a change in every bar": [(1, 4, 4), (1, 3, 4), (1, 6, 8), (1, 7, 8)] * 6,
    "twenty minutes": [(600, 4, 4)],
}


LONG = [pytest.param(name, marks=pytest.mark.slow if "minutes" in name else ()) for name in SONGS]


@pytest.mark.parametrize("name", LONG)
def test_drums_fit_the_bars_of_every_metre(drummer, name):
    source, on_one = in_metre(*SONGS[name]), []
    for seed in (1, 2, 3) if "minutes" not in name else (3,):
        played = drummer.play(source, seed=seed, humanize=0)
        ticks, edges = hits_of(played), bar_lines(source.grid)
        assert len(ticks) and ticks.min() >= 0 and ticks.max() < source.grid.end_tick
        per_bar = np.histogram(ticks, edges)[0]
        assert (per_bar > 0).mean() > 0.9 and per_bar[0] > 0
        on_one.append(np.isin(edges[:-1], ticks).mean())
    assert np.mean(on_one) > 0.6, "most bars have a hit on their one"
    again = parse_song(played.to_midi())
    assert (
        again.grid.time_signatures == source.grid.time_signatures and again.grid.tempos == source.grid.tempos
    )


@pytest.mark.parametrize("name", ["6/8", "12/8"])
def test_compound_beats_are_in_three(drummer, name):
    eighths = np.arange(0, 12 * 6 * 240, 240)  # an arpeggio: every eighth
    grid = Grid(QUARTER, 12 * 6 * 240, (), ((0, *map(int, name.split("/"))),))
    ticks = hits_of(drummer.play(song(eighths, grid), seed=1, humanize=0))
    assert (ticks % 240 == 0).mean() > 0.9, "nearly all on eighths of the written metre"


def test_tempo_ramps_go_through(drummer):
    ramp = [(beat * QUARTER, 80.0 + beat) for beat in range(64)]
    source = in_metre((16, 4, 4), tempos=ramp)
    played = drummer.play(source, seed=1)
    assert parse_song(played.to_midi()).grid.tempos == source.grid.tempos
    assert hits_of(played).max() < source.grid.end_tick


def test_a_pickup_has_no_hits_before_it_and_the_groove_begins_with_the_first_bar(drummer):
    starts = np.concatenate([3 * QUARTER - 60 + np.arange(8) * 60, BAR + np.arange(64) * QUARTER])
    source = song(starts, Grid(QUARTER, 17 * BAR))
    with_pickup = drummer.play(source, seed=5, humanize=0)
    assert hits_of(with_pickup).min() >= 3 * QUARTER - 60
    without = drummer.play(song(starts[8:] - BAR, Grid(QUARTER, 16 * BAR)), seed=5, humanize=0)
    late = with_pickup.drums.velocities[16:]
    assert np.array_equal(late > 0, without.drums.velocities > 0)


def test_where_the_bass_rests_the_drums_go_on_or_rest_as_wished(drummer):
    played, resting = np.arange(16) * QUARTER, np.arange(32, 64) * QUARTER
    keys = line(np.arange(8, 48) * QUARTER)  # bars 3 to 12; all are silent in bars 17 and after
    grid = Grid(QUARTER, 20 * BAR)
    source = song(np.concatenate([played, resting]), grid, [keys, line([19 * BAR])])
    edges = np.arange(21) * BAR
    on = np.histogram(hits_of(drummer.play(source, humanize=0)), edges)[0] > 0
    off = np.histogram(hits_of(drummer.play(source, humanize=0, rests="rest")), edges)[0] > 0
    assert np.flatnonzero(~on).tolist() == [16, 17, 18]
    assert np.flatnonzero(~off).tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_swing_comes_out_as_it_went_in(drummer):
    beats = np.arange(64) * QUARTER
    for off_beat, ratio in ((320, None), (320, 1.0), (240, 2.0), (240, None)):
        source = song(np.sort(np.concatenate([beats, beats + off_beat])), Grid(QUARTER, 16 * BAR))
        ticks = hits_of(drummer.play(source, seed=2, humanize=0, swing=ratio)) % QUARTER
        wanted = off_beat if ratio is None else {1.0: 240, 2.0: 320}[ratio]
        other = 560 - wanted
        assert (ticks == wanted).sum() > 8 and (ticks == other).sum() <= (ticks == wanted).sum() * 0.1


def test_the_same_song_gives_the_same_drums(drummer):
    source = in_metre((4, 6, 8), (4, 7, 8), (4, 4, 4))
    first, second = (drummer.play(source, seed=9).to_midi() for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_the_awkward_files_in_odd_metres(drummer, shared_folder):
    with open(shared_folder / "torture" / "manifest.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "ts_" in row["tags"] and row["expected"] == "accept"]
    count = 0
    for row in rows:
        try:
            source = parse_song((shared_folder / "torture" / "files" / row["file"]).read_bytes(), row["file"])
            pitched = [track for track in source.tracks if not track.is_drum]
            played = drummer.play(
                source, bass_track=min(pitched, key=lambda t: t.notes.pitches.mean()).index + 1, humanize=0
            )
        except (MidiError, ValueError):
            continue
        ticks = hits_of(played)
        first = min(int(track.notes.start_ticks.min()) for track in pitched)
        grid = source.grid
        bar = grid.bars[grid.locate(np.asarray([first]))[0][0]]
        assert len(ticks) and ticks.min() >= bar_lines(grid)[bar] - 1 and ticks.max() < grid.end_tick, row[
            "file"
        ]
        count += 1
    assert count > 10
