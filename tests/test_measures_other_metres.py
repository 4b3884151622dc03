"""Waltzes, 6/8, 5/4 and swing, counted by hand."""

import numpy as np
import pytest
from listener_songs import bar

from basedrum.measures.other_metres import Written, other_metre_values
from basedrum.music.grid import Grid
from basedrum.music.laid_grid import lay_out
from basedrum.music.swing import Swing

QUARTER = 480
TIME = ("kick x...............", "closed hat x...x...x.......", "ride ..x.............")


def grid(*metres: tuple[int, int, int]) -> Grid:
    """A song of runs of bars, each (bars, numerator, denominator)."""
    signatures, at = [], 0
    for bars, numerator, denominator in metres:
        signatures.append((at, numerator, denominator))
        at += bars * QUARTER * 4 * numerator // denominator
    return Grid(QUARTER, at, (), tuple(signatures))


def written(laid: Grid, *bars: np.ndarray, silent: tuple[int, ...] = ()) -> Written:
    hits = np.stack([bars[at % len(bars)] for at in range(laid.num_measures)])
    sounds = np.ones(laid.num_measures, bool)
    sounds[list(silent)] = False
    return Written(hits, laid, sounds)


def test_hats_and_ride_of_a_waltz():
    assert other_metre_values(written(grid((4, 3, 4)), bar(*TIME)))["three_time"] == 4
    plain = bar("kick x...............")
    assert other_metre_values(written(grid((2, 3, 4)), bar(*TIME), plain))["three_time"] == 2
    assert other_metre_values(written(grid((2, 3, 4)), bar(*TIME), plain, silent=(1,)))["three_time"] == 4
    assert np.isnan(other_metre_values(written(grid((2, 3, 4), (2, 4, 4)), bar(*TIME)))["three_time"])
    assert other_metre_values(written(grid((3, 3, 4), (2, 4, 4)), bar(*TIME)))["three_time"] == 4


def test_six_eight_in_dotted_beats_counts_with_the_waltz():
    laid = lay_out(grid((4, 6, 8)))
    found = other_metre_values(written(laid, bar(*TIME)))
    assert (laid.measure_steps.tolist(), found["three_time"]) == ([8] * 4, 4)
    assert np.isnan(found["skips"])
    two_four = other_metre_values(written(grid((4, 2, 4)), bar(*TIME)))
    assert np.isnan(two_four["three_time"]), "2/4 is as long, but not compound"


def test_hits_a_bar_of_five_four_are_those_of_both_measures():
    five = grid((2, 5, 4))
    assert five.num_measures == 4
    found = other_metre_values(written(five, bar(*TIME), bar("kick x...............")))
    assert found["five_hits"] == 5 + 1
    assert np.isnan(found["three_time"])


def test_skips_of_a_swung_song():
    skips = bar("ride x...x..xx...x..x")
    wrong = bar("ride x..xx...x..xx...")
    one = bar("ride x...x..xx...x...")
    no_time = bar("ride x..x............")
    laid = lay_out(grid((8, 4, 4)), Swing(np.full(8, 2 / 3), np.full(8, 0.5)))
    found = other_metre_values(written(laid, skips, skips, wrong, one, no_time, silent=(7,)))
    # bars 0 1 2 3 5 6 keep time: skips in four, wrong ones in one
    assert found["skips"] == pytest.approx(4 / 6)
    assert found["wrong_skips"] == pytest.approx(1 / 6)
    straight = other_metre_values(written(grid((8, 4, 4)), skips))
    assert np.isnan(straight["skips"]) and np.isnan(straight["wrong_skips"])
