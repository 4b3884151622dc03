"""Musical time: bars, steps, offsets and seconds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basedrum.music.grid import Grid, split_bar

METRES = [(4, 4), (3, 4), (2, 4), (5, 4), (6, 8), (7, 8), (12, 8), (7, 4), (2, 2)]


@pytest.mark.parametrize(
    ("metre", "pieces"),
    [
        ((4, 4), [16]),
        ((3, 4), [12]),
        ((6, 8), [12]),
        ((7, 8), [14]),
        ((5, 4), [12, 8]),
        ((7, 4), [16, 12]),
        ((12, 8), [12, 12]),
        ((15, 8), [12, 12, 6]),
        ((21, 8), [12, 12, 12, 6]),
        ((9, 8), [12, 6]),
        ((6, 4), [12, 12]),
        ((4, 2), [16, 16]),
    ],
)
def test_a_bar_is_cut_on_its_beats(metre, pieces):
    numerator, denominator = metre
    assert split_bar(16 * numerator // denominator, numerator, denominator) == pieces


def test_bars_cover_the_end_and_no_more():
    assert Grid(480, 0).num_measures == 1
    assert Grid(480, 1920).num_measures == 1
    assert Grid(480, 1921).num_measures == 2
    assert Grid(480, 1921).last_tick == 3840


def test_a_change_of_metre_starts_new_bars():
    grid = Grid(100, 400 + 3 * 300 + 1, time_signatures=((0, 4, 4), (400, 3, 4)))
    assert grid.measure_ticks.tolist() == [0, 400, 700, 1000, 1300]
    assert grid.measure_steps.tolist() == [16, 12, 12, 12, 12]
    assert grid.starts_bar.all()


def test_a_change_inside_a_bar_cuts_it_short():
    grid = Grid(100, 1000, time_signatures=((0, 4, 4), (600, 4, 4)))
    assert grid.measure_ticks.tolist() == [0, 400, 600]
    assert grid.measure_steps.tolist() == [16, 8, 16]


def test_time_before_the_first_signature_is_common_time():
    assert Grid(100, 800, time_signatures=((400, 3, 4),)).measure_steps.tolist() == [16, 12, 12]


def test_long_bars_are_several_measures_of_one_bar():
    grid = Grid(100, 1000, time_signatures=((0, 5, 4),))
    assert grid.measure_steps.tolist() == [12, 8, 12, 8]
    assert grid.starts_bar.tolist() == [True, False, True, False]
    assert grid.bars.tolist() == [0, 0, 1, 1]
    assert grid.measure_ticks.tolist() == [0, 300, 500, 800]


def test_locate_finds_the_nearest_step_and_how_far_off_it_is():
    grid = Grid(480, 3840)
    measure, step, offset = grid.locate(np.array([0, 120, 150, 185, 1900, 1920, 2040]))
    assert measure.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert step.tolist() == [0, 1, 1, 2, 0, 0, 1]
    assert np.allclose(offset, [0, 0, 0.25, 185 / 120 - 2, -20 / 120, 0, 0])


def test_an_early_downbeat_belongs_to_the_coming_bar_but_the_last_step_stays():
    grid = Grid(100, 600, time_signatures=((0, 3, 4),))
    measure, step, offset = grid.locate(np.array([295, 595]))
    assert measure.tolist() == [1, 1]
    assert step.tolist() == [0, 11]
    assert np.allclose(offset, [-0.2, 0.5])


def test_a_note_at_the_end_of_a_bar_cut_off_the_grid_goes_to_the_nearer_step():
    grid = Grid(100, 600, time_signatures=((0, 4, 4), (112, 4, 4)))  # the first bar has 4.48 steps
    assert grid.measure_steps[0] == 5
    measure, step, offset = grid.locate(np.array([104, 110]))
    assert measure.tolist() == [0, 1]
    assert step.tolist() == [4, 0]
    assert np.allclose(offset, [0.16, -0.08])


@given(
    st.sampled_from([24, 96, 120, 480, 960]),
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(METRES)), min_size=1, max_size=4),
    st.data(),
)
def test_every_step_is_found_again_at_its_own_tick(resolution, sections, data):
    signatures, tick = [], 0
    for num_bars, (numerator, denominator) in sections:
        signatures.append((tick, numerator, denominator))
        tick += num_bars * resolution * 4 * numerator // denominator
    grid = Grid(resolution, tick, time_signatures=tuple(signatures))
    assert grid.last_tick == tick
    measures = np.arange(grid.num_measures)
    steps = np.array([data.draw(st.integers(0, int(n) - 1)) for n in grid.measure_steps])
    measure, step, offset = grid.locate(grid.tick_at(measures, steps))
    assert measure.tolist() == measures.tolist()
    assert step.tolist() == steps.tolist()
    assert np.allclose(offset, 0)


@given(st.integers(24, 960), st.integers(0, 20000))
def test_a_tick_is_given_back_by_its_step_and_offset(resolution, tick):
    grid = Grid(resolution, 20001)
    measure, step, offset = grid.locate(np.array([tick]))
    assert grid.tick_at(measure, step, offset).tolist() == [tick]
    assert abs(offset[0]) <= 0.5


def test_nothing_sounds_before_the_song():
    assert Grid(480, 1920).tick_at(np.array([0]), np.array([0]), np.array([-0.4])).tolist() == [0]


def test_seconds_run_through_every_tempo_change():
    grid = Grid(100, 1000, tempos=((0, 60.0), (200, 120.0), (400, 240.0)))
    assert grid.seconds_at(np.array([0, 100, 200, 300, 400, 500])).tolist() == [0.0, 1.0, 2.0, 2.5, 3.0, 3.25]
    assert grid.qpm_at(np.array([0, 199, 200, 1000])).tolist() == [60.0, 60.0, 120.0, 240.0]


def test_without_a_tempo_it_is_120():
    assert Grid(480, 1920).seconds_at(np.array([1920])).tolist() == [2.0]
    late = Grid(480, 1920, tempos=((960, 60.0),))
    assert late.seconds_at(np.array([1920])).tolist() == [1.0 + 2.0]


@pytest.mark.parametrize("second_bar", [1920, 1900])  # on a step, and between two steps
def test_cells_are_those_that_locate_finds(second_bar):
    metres = ((0, 4, 4), (second_bar, 3, 4), (second_bar + 2880, 5, 4), (second_bar + 5280, 7, 8))
    grid = Grid(480, 12_000, (), metres)
    ticks = np.arange(-50, int(grid.last_tick) + 500)
    measure, step, _ = grid.locate(ticks)
    assert np.array_equal(grid.cells_at(ticks), measure * 16 + step)
    assert len(np.unique(grid.cells_at(ticks))) == grid.measure_steps.sum()


def test_the_tempo_of_each_measure_is_that_at_its_start():
    grid = Grid(100, 1200, ((0, 90.0), (400, 100.0), (500, 200.0)))
    assert grid.measure_qpm.tolist() == [90.0, 100.0, 200.0]
    assert (grid.pace == 1).all() and not grid.is_ternary.any()
