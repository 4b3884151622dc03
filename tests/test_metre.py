"""Any metre on measures of 4/4: which cells the bass comes from, and which the drums are played on."""

import numpy as np
import pytest

from basedrum.music.grid import Grid
from basedrum.music.metre import common_time


def bars_of(numerator, denominator, num_bars=1, first_bar=0):
    """Bars of one metre; a step is a tick."""
    num_steps = 16 * numerator // denominator * num_bars
    return common_time(Grid(4, num_steps, time_signatures=((0, numerator, denominator),)), first_bar)


def beats(cells):
    """Rows of cells as beats: the first cell of each four, -1 for none."""
    grouped = cells.reshape(len(cells), 4, 4)
    whole = np.where(grouped[..., :1] < 0, -1, grouped[..., :1] + np.arange(4))
    assert np.array_equal(grouped, whole)
    return grouped[..., 0].tolist()


@pytest.mark.parametrize(
    "metre, bass, drums",
    [
        ((4, 4), [[0, 4, 8, 12]], [[0, 4, 8, 12]]),
        ((3, 4), [[0, 4, 0, 8]], [[0, 4, -1, 8]]),
        # the grid lays 5/4 on measures of 12 and 8 steps, 6/4 on 12 and 12, 7/4 on 16 and 12
        ((5, 4), [[0, 4, 0, 4], [8, 16, 8, 20]], [[0, 4, -1, -1], [8, 16, -1, 20]]),
        ((6, 4), [[0, 4, 8, 16], [20, 24, 20, 24]], [[0, 4, 8, 16], [20, 24, -1, -1]]),
        ((7, 4), [[0, 4, 8, 12], [16, 20, 24, -1]], [[0, 4, 8, 12], [16, 20, 24, -1]]),
        ((2, 4), [[0, 4, 0, 4]], [[0, 4, -1, -1]]),
    ],
)
def test_the_beats_of_a_bar(metre, bass, drums):
    bars = bars_of(*metre)
    assert beats(bars.bass_cells) == bass
    assert beats(bars.drum_cells) == drums


@pytest.mark.parametrize(
    "metre, steps", [((3, 4), [16]), ((7, 8), [14]), ((9, 4), [16, 12, 8]), ((11, 4), [16, 16, 12])]
)
def test_the_steps_of_each_measure(metre, steps):
    assert bars_of(*metre).steps.tolist() == steps


@pytest.mark.parametrize("first_bar, joined", [(0, [0, 2, 4]), (1, [0, 1, 3]), (2, [0, 2, 4])])
def test_two_short_bars_make_a_measure_but_a_pickup_stays_alone(first_bar, joined):
    bars = bars_of(2, 4, num_bars=5, first_bar=first_bar)
    assert bars.measures.tolist() == joined


def test_what_is_gathered_is_what_the_bass_plays_and_what_is_scattered_is_played_once():
    bars = bars_of(3, 4, num_bars=2)
    cells = np.arange(1, 33)
    gathered = bars.gather(cells)
    assert gathered[1].tolist() == [*range(17, 25), *range(17, 21), *range(25, 29)]
    played = bars.scatter(gathered, 2)
    assert played.tolist() == [*range(1, 13), 0, 0, 0, 0, *range(17, 29), 0, 0, 0, 0]
    assert (bars_of(7, 8).gather(cells)[0, 14:] == 0).all(), "no cell, no bass"
    assert bars.sounding(np.asarray([False, True])).tolist() == [False, True]
