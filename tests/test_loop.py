"""A loop: how long it is, and that its start is played to its end."""

import numpy as np
import pytest
from test_app import FakeModel, FakeState

import basedrum
from basedrum.drummer.perform import KeptDrums, perform
from basedrum.drummer.stops import answers_stops
from basedrum.midi.building import build_midi
from basedrum.midi.events import END_OF_TRACK, read_events, to_bytes
from basedrum.midi.midi_song import as_loop
from basedrum.midi.reading import parse_song
from basedrum.music.grid import Grid
from basedrum.music.kit import CRASH
from basedrum.music.laid_grid import lay_out
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.rounds import TwoRounds, sounding_twice
from basedrum.music.song import Part, drum_notes
from basedrum.music.sounding import Sounding
from basedrum.music.swing import Swing
from basedrum.play_options import PlayOptions

BAR = 1920


def loop_file(last_note_end, end_of_track, metre=(4, 4)):
    """A song of bass eighths up to `last_note_end`, its tracks ending at `end_of_track`."""
    starts = np.arange(0, last_note_end, 240)
    notes = Notes(starts, np.minimum(starts + 240, last_note_end), np.full(len(starts), 40), starts * 0 + 90)
    file = read_events(
        build_midi([Part("Bass", 33, False, notes)], Grid(480, last_note_end, (), ((0, *metre),)))
    )
    tracks = []
    for track in file.tracks:
        tracks.append((*(event for event in track if event[1] != END_OF_TRACK), (end_of_track, END_OF_TRACK)))
    return parse_song(to_bytes(type(file)(1, 480, tuple(tracks))), "loop.mid")


@pytest.mark.parametrize(
    "last_note_end, end_of_track, length",
    [
        (4 * BAR, 4 * BAR, 4 * BAR),
        (4 * BAR, 8 * BAR, 8 * BAR),  # the end of the tracks counts
        (4 * BAR - 300, 4 * BAR, 4 * BAR),
        (4 * BAR - 10, 4 * BAR + 30, 4 * BAR),  # a little beside the bar line
        (4 * BAR - 30, 4 * BAR - 30, 4 * BAR),
        (4 * BAR - 480, 4 * BAR - 480, 4 * BAR),  # ends with its last note: whole bars
        (3 * BAR + 600, 3 * BAR + 960, 3 * BAR + 960),  # meant to end in the middle of a bar
    ],
)
def test_how_long_a_loop_is(last_note_end, end_of_track, length):
    assert as_loop(loop_file(last_note_end, end_of_track)).grid.end_tick == length


@pytest.mark.parametrize("end", [3 * BAR, 2 * BAR + 960])
def test_the_written_loop_is_as_long_as_the_file(end):
    song = loop_file(2 * BAR + 480, end)
    data = basedrum.Drummer(FakeModel()).play(song, seed=1, loop=True).to_midi()
    assert {track[-1][0] for track in read_events(data).tracks} == {end}
    assert drum_notes(parse_song(data)).start_ticks.max() < end


def test_two_rounds_of_a_grid_are_the_same_measures_later():
    once = Grid(480, 3 * BAR, ((0, 90.0), (BAR, 120.0)), ((0, 4, 4),))
    twice = TwoRounds.of(once)
    assert twice.num_measures == 6 and twice.bars.tolist() == [0, 1, 2, 3, 4, 5]
    assert twice.measure_ticks.tolist() == [BAR * bar for bar in range(6)]
    assert twice.measure_qpm.tolist() == [90.0, 120.0, 120.0] * 2
    assert twice.tick_at(np.asarray([1, 4]), 2, 0.5).tolist() == [BAR + 300, 4 * BAR + 300]
    assert twice.last_tick == twice.end_tick == 6 * BAR


def test_a_round_that_ends_inside_a_bar_is_cut_there():
    twice = TwoRounds.of(Grid(480, 2 * BAR + 960))
    assert twice.measure_steps.tolist() == [16, 16, 8] * 2
    assert twice.measure_ticks.tolist()[3] == 2 * BAR + 960


def test_two_rounds_of_a_swung_grid_swing():
    grid = Grid(480, 2 * BAR)
    laid = lay_out(grid, Swing(np.full(2, 2 / 3), np.full(2, 0.5)))
    twice = TwoRounds.of(laid)
    assert twice.is_ternary.all() and (twice.pace == 1).all()
    assert twice.tick_at(np.asarray([2]), 3) == 2 * BAR + 320


class Chained(FakeState):
    """Plays a crash on the first step where nothing came before."""

    def play(self, phrase):
        hits = super().play(phrase)
        hits[0, CRASH] = phrase.previous is None
        return hits


class ChainedModel(FakeModel):
    def new_song(self, seed, controls):
        return Chained(seed, 1.0, None, None)


def test_the_start_of_a_loop_follows_its_end():
    song = loop_file(8 * BAR, 8 * BAR)
    drummer = basedrum.Drummer(ChainedModel())
    once, loop = (drummer.play(song, seed=1, humanize=0, loop=way).drums for way in (False, True))
    assert once.to_kit()[0, CRASH] and not loop.to_kit()[:, CRASH].any()
    assert len(loop.hits) == len(once.hits) == 8 * 16


def test_a_loop_has_no_pickup():
    starts = np.asarray([1440, *range(BAR, 4 * BAR, 480)])
    notes = Notes(starts, starts + 400, np.full(len(starts), 40), np.full(len(starts), 90))
    song = parse_song(build_midi([Part("Bass", 33, False, notes)], Grid(480, 4 * BAR)), "loop.mid")
    drummer = basedrum.Drummer(FakeModel())
    seed = next(seed for seed in range(100) if not answers_stops(seed))  # in a loop the silence is a stop
    first = [drummer.play(song, seed=seed, loop=way).drums.to_kit()[:12].any() for way in (False, True)]
    assert first == [False, True]


def test_two_rounds_sound_where_one_does_and_have_no_pickup():
    twice = sounding_twice(Sounding(np.asarray([True, False, True]), 1440))
    assert twice.measures.tolist() == [True, False, True] * 2 and twice.start_tick is None


def test_some_bars_of_a_loop_again():
    steps = np.zeros((64, 72), bool)
    steps[::4, 10] = True
    bass, grid = BassRoll(steps, steps), Grid(4, 64)
    old = DrumRoll.from_hits(np.eye(72, dtype=bool)[np.full(64, 38 - 24)])
    everywhere, options = Sounding(np.ones(4, bool)), PlayOptions(seed=1, loop=True)
    new = perform(FakeModel(), bass, grid, everywhere, options, KeptDrums(old, 1, 1)).drums
    changed = (new.velocities != old.velocities).reshape(4, -1).any(axis=1)
    assert changed.tolist() == [False, True, False, False]
