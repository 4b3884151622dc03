"""Bass and drum rolls: from notes and back, at the edges of bars and of the range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basedrum.music import kit
from basedrum.music.grid import Grid
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, DrumRoll, active_steps, fold_octaves

GRID = Grid(480, 4 * 1920)


def notes(*rows):
    """Notes from (start step, end step, pitch, velocity) at 480 ticks a quarter."""
    start, end, pitch, velocity = (np.array(column) for column in zip(*rows, strict=True))
    return Notes(start * 120, end * 120, pitch, velocity)


def same(a: Notes, b: Notes) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Notes.__dataclass_fields__)


def test_repeated_notes_stay_apart():
    roll = BassRoll.from_notes(notes((0, 4, 40, 90), (4, 8, 40, 90)), GRID)
    row = 40 - 24
    assert np.flatnonzero(roll.onset[:, row]).tolist() == [0, 4]
    assert np.flatnonzero(roll.sustain[:, row]).tolist() == list(range(8))
    assert roll.onset.sum() == 2


def test_a_note_shorter_than_a_step_sounds_for_one():
    roll = BassRoll.from_notes(Notes([130], [131], [40], [90]), GRID)
    assert np.flatnonzero(roll.sustain[:, 16]).tolist() == [1]


def test_a_note_over_a_bar_line_of_three_four_skips_the_steps_that_do_not_exist():
    grid = Grid(480, 2880, time_signatures=((0, 3, 4),))
    roll = BassRoll.from_notes(Notes([1200], [1680], [40], [90]), grid)
    assert np.flatnonzero(roll.sustain[:, 16]).tolist() == [10, 11, 16, 17]
    assert same(roll.to_notes(grid), Notes([1200], [1680], [40], [90]))


def test_a_note_that_rings_to_the_end_of_the_song_fills_its_last_step():
    roll = BassRoll.from_notes(notes((60, 64, 40, 90)), GRID)
    assert np.flatnonzero(roll.sustain[:, 16]).tolist() == [60, 61, 62, 63]


def test_octaves_fold_to_the_same_pitch_class_at_the_nearest_edge():
    assert (fold_octaves(np.array([23, 12, 0, 24, 95, 96, 127])) + 24).tolist() == [
        35,
        24,
        24,
        24,
        95,
        84,
        91,
    ]
    pitches = np.arange(128)
    assert ((fold_octaves(pitches) + 24) % 12 == pitches % 12).all()


@st.composite
def bass_rolls(draw):
    metre = draw(st.sampled_from([(4, 4), (3, 4), (7, 8), (5, 4)]))
    resolution = draw(st.sampled_from([24, 96, 480]))
    grid = Grid(resolution, resolution * 4 * metre[0] // metre[1] * 2, time_signatures=((0, *metre),))
    active = np.flatnonzero(active_steps(grid.measure_steps))
    roll = BassRoll.empty(grid.num_measures * 16)
    for row in draw(st.lists(st.integers(0, 71), min_size=1, max_size=3, unique=True)):
        starts = sorted(draw(st.sets(st.integers(0, len(active) - 1), min_size=1, max_size=8)))
        for start, stop in zip(starts, [*starts[1:], len(active)], strict=True):
            roll.onset[active[start], row] = True
            roll.sustain[active[start : draw(st.integers(start + 1, stop))], row] = True
    return roll, grid


@given(bass_rolls())
def test_a_bass_roll_survives_its_notes(case):
    roll, grid = case
    again = BassRoll.from_notes(roll.to_notes(grid), grid)
    assert np.array_equal(again.onset, roll.onset)
    assert np.array_equal(again.sustain, roll.sustain)


def test_the_velocities_of_a_bass_roll_are_those_of_the_loudest_note_that_starts():
    roll = BassRoll.from_notes(notes((0, 2, 40, 70), (0, 2, 47, 91), (5, 7, 40, 127), (62, 64, 95, 1)), GRID)
    assert roll.velocities.dtype == np.uint8 and roll.velocities.shape == (64,)
    assert [(i, v) for i, v in enumerate(roll.velocities.tolist()) if v] == [(0, 91), (5, 127), (62, 1)]
    assert roll[:16].velocities.tolist() == roll.velocities[:16].tolist()
    assert np.array_equal(roll.transposed(5).velocities, roll.velocities)
    assert np.flatnonzero(roll.shifted(4).velocities).tolist() == [2, 4, 9]
    assert sorted(roll.to_notes(GRID).velocities.tolist()) == [1, 91, 91, 127]


def test_a_bass_roll_without_velocities_has_notes_of_the_usual_one():
    onset = notes((3, 4, 40, 1), (3, 9, 45, 1))
    roll = BassRoll.from_array(BassRoll.from_notes(onset, GRID).to_array())
    assert [(i, v) for i, v in enumerate(roll.velocities.tolist()) if v] == [(3, 96)]
    assert not BassRoll.empty().velocities.any()
    with pytest.raises(ValueError, match="velocities"):
        BassRoll(roll.onset, roll.sustain, np.zeros(16))


def test_transposing_and_shifting_move_the_line():
    roll = BassRoll.from_notes(notes((0, 2, 40, 90), (62, 64, 95, 90)), GRID)
    assert np.flatnonzero(roll.transposed(2).onset.any(0)).tolist() == [42 - 24, 97 - 12 - 24]
    assert np.flatnonzero(roll.shifted(4).hits).tolist() == [2, 4]
    assert np.array_equal(roll.transposed(3).hits, roll.hits)


def test_the_array_of_a_bass_roll_holds_onset_then_sustain():
    roll = BassRoll.from_notes(notes((0, 3, 40, 90)), GRID)
    array = roll.to_array()
    assert array.shape == (2, 64, 72)
    assert array.sum(axis=(1, 2)).tolist() == [1, 3]
    assert np.array_equal(BassRoll.from_array(array).sustain, roll.sustain)


def test_of_two_hits_on_one_cell_the_louder_stays():
    for order in ([60, 100], [100, 60]):
        roll = DrumRoll.from_notes(Notes([0, 10], [5, 15], [36, 36], order), GRID)
        assert roll.velocities[0, 12] == 100
        assert roll.hits.sum() == 1


def test_offsets_keep_what_quantising_loses():
    played = Notes([12, 468, 960], [50, 500, 1000], [36, 38, 42], [100, 90, 80])
    roll = DrumRoll.from_notes(played, GRID)
    assert np.allclose(roll.offsets[[0, 4, 8], [12, 14, 18]], [0.1, -0.1, 0.0])
    assert roll.to_notes(GRID).start_ticks.tolist() == [12, 468, 960]


@given(st.data(), st.sampled_from([96, 480, 960]))
def test_a_drum_roll_survives_its_notes(data, resolution):
    grid = Grid(resolution, 2 * 3 * resolution, time_signatures=((0, 3, 4),))
    cells = data.draw(
        st.sets(st.tuples(st.integers(0, 1), st.integers(0, 11), st.integers(0, 71)), max_size=20)
    )
    roll = DrumRoll.empty(grid.num_measures * 16)
    for measure, step, row in cells:
        roll.velocities[measure * 16 + step, row] = data.draw(st.integers(1, 127))
        # an offset before the first tick or behind the last step has nowhere to go
        roll.offsets[measure * 16 + step, row] = data.draw(st.integers(-11, 11)) / 24 if 0 < step < 11 else 0
    again = DrumRoll.from_notes(roll.to_notes(grid), grid)
    assert np.array_equal(again.velocities, roll.velocities)
    assert np.abs(again.offsets - roll.offsets).max() <= 0.5 / grid.ticks_per_step + 1e-6


def test_hits_on_steps_that_do_not_exist_are_left_out():
    grid = Grid(480, 1440, time_signatures=((0, 3, 4),))
    roll = DrumRoll.from_hits(np.ones((16, 72), bool))
    played = roll.to_notes(grid)
    assert len(played) == 12 * 72
    assert played.start_ticks.max() == 11 * 120


def test_the_kit_survives_the_roll():
    beat = groove("kick x...x...x...x...", "snare ....X.......X...", "ride x.x.x.x.x.x.x.x.")
    voices = beat.to_kit()
    assert np.array_equal(DrumRoll.from_kit(voices).to_kit(), voices)
    assert beat.velocities[4, 38 - 24] == 116
    assert voices[:, kit.KICK].nonzero()[0].tolist() == [0, 4, 8, 12]


def test_an_offset_without_a_hit_is_nothing():
    roll = DrumRoll(np.zeros((16, 72), np.uint8), np.full((16, 72), 0.3))
    assert not roll.offsets.any()


@pytest.mark.parametrize("shape", [(64, 71), (60, 72), (64,), (2, 64, 72)])
def test_a_wrong_shape_is_refused_with_the_right_one(shape):
    with pytest.raises(ValueError, match="72"):
        BassRoll(np.zeros(shape, bool), np.zeros(shape, bool))
    with pytest.raises(ValueError, match="72"):
        DrumRoll(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("value", [-1, 128, 300])
def test_a_velocity_that_midi_cannot_say_is_refused(value):
    velocities = np.zeros((16, 72), np.int64)
    velocities[0, 0] = value
    with pytest.raises(ValueError, match="127"):
        DrumRoll(velocities, np.zeros((16, 72)))


def test_notes_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="pitches"):
        Notes([0, 1], [1, 2], [40], [90, 90])


def test_joined_notes_are_sorted_by_time_then_pitch():
    joined = Notes.join([notes((4, 5, 50, 1), (8, 9, 40, 2)), notes((0, 1, 60, 3), (4, 6, 45, 4))])
    assert joined.velocities.tolist() == [3, 4, 1, 2]
    assert len(Notes.join([])) == 0
