"""What a listener hears, on music written out and counted by hand."""

import numpy as np
import pytest
from listener_songs import BASS, HATS, ROCK, bar, song, with_fills

from basedrum.measures.ideas import kick_same_bass, new_riff_values, one_idea, push
from basedrum.measures.listener import (
    backbeat_hole,
    crash_values,
    dominant_bar,
    fill_values,
    keeper_values,
    kick_follows,
    left_out_values,
    listener_values,
    simple_line_values,
    song_likeness,
)
from basedrum.measures.song_bars import SongBars, find_fills, find_keepers


def test_the_keeper_strikes_three_steps_on_three_beats():
    bars = [
        bar(*HATS),
        bar(*ROCK, "closed hat xxxxxxxx........"),  # eight strikes on two beats
        bar(*ROCK, "closed hat x...x...........", "open hat ........x......."),  # two hats together
        bar(*ROCK, "ride x...x...x...x...", "closed hat ....x...........", "crash x.x.x.x.x.x.x.x."),
        bar(*ROCK, "ride x...x...x...x...", "closed hat x.x.x.x.x.x.x.x."),  # both keep: the busier
        bar(*ROCK, "percussion x...x...x.......", "crash x..............."),
        bar(*ROCK, "crash x...x...x...x..."),
        bar(*ROCK),
    ]
    assert find_keepers(np.stack(bars)).tolist() == [0, -1, 0, 1, 0, 2, 3, -1]


def test_bars_without_keeper_where_it_comes_and_goes_and_where_it_is_lost():
    with_hats, without, rest = bar(*HATS), bar(*ROCK), np.zeros((16, 12), bool)
    mixed = song(with_hats, without, without, rest, with_hats, with_hats, silent=(5,))
    found = keeper_values(mixed)
    assert found["no_keeper"] == pytest.approx(2 / 4)  # the rest and the bar without bass do not count
    assert found["keeper_changes"] == pytest.approx(1 / 2)  # of the pairs 0-1 and 1-2
    assert found["keeper_lost"] != found["keeper_lost"]  # nothing from bar 9 on
    lost = song(rest, *[without] * 3, with_hats, *[with_hats] * 4, *[without] * 2, with_hats, silent=(0,))
    assert keeper_values(lost)["keeper_lost"] == 1.0
    found_again = song(*[without] * 4, *[without] * 4, *[with_hats] * 2, without)
    assert keeper_values(found_again)["keeper_lost"] == 0.0
    assert np.isnan(keeper_values(song(*[with_hats] * 10))["keeper_lost"])


def test_crashes():
    crash, plain = bar(*HATS, "crash x..............."), bar(*HATS)
    late = bar(*HATS, "crash ....x...........")
    assert crash_values(song(crash, plain, crash))["crash_1_3"] == 1
    assert crash_values(song(crash, crash, late))["crash_1_3"] == 0
    assert crash_values(song(plain, crash, plain, crash, silent=(0,)))["crash_1_3"] == 1
    assert np.isnan(crash_values(song(crash, plain))["crash_1_3"])
    # begun with a crash, two bars left: bars 0 (again in 2), 2 (again in 4, but in 3 as well), 3 (not in 5)
    again = song(crash, plain, crash, crash, crash, plain, plain)
    assert crash_values(again)["crash_again"] == pytest.approx(1 / 4)
    fills = np.asarray([False, True, False, False, False, True, True])
    assert crash_values(with_fills(again, fills))["crash_after_fill"] == pytest.approx(
        1 / 2
    )  # none after the last bar
    assert np.isnan(crash_values(song(plain, plain))["crash_again"])


def test_fills_are_what_the_groove_has_not_in_the_second_half():
    plain = bar(*HATS)
    bars = [plain] * 10
    bars[3] = bar(*HATS, "high tom ............x.x.")  # two toms
    bars[4] = bar(
        "kick x.......x.......", "snare xxxxxxxx....x...", "closed hat x.x.x.x.x.x.x.x."
    )  # first half
    bars[5] = bar(
        "kick x.......x.......", "snare ....x.......xxx.", "closed hat x.x.x.x.x.x.x.x."
    )  # two snares
    bars[7] = bar("kick x.......x.......", "snare ....x.......xxxx", "closed hat x.x.x.x.x.x.x.x.")
    bars[9] = bar(ROCK[0], "high tom ............x...", "snare ....x.......xx.x")  # a tom and two snares
    fills = find_fills(np.stack(bars))
    assert np.flatnonzero(fills).tolist() == [3, 7, 9]
    assert fill_values(song(*bars)) == {
        "fill_on_4": pytest.approx(2 / 3),
        "fill_on_8": pytest.approx(1 / 3),
        "no_fill": 0.0,
    }
    thrice = with_fills(song(*[plain] * 12), np.isin(np.arange(12), (3, 7, 11)))
    assert fill_values(thrice)["fill_on_8"] == pytest.approx(1 / 3)
    shifted = song(*bars, silent=(0,))
    assert fill_values(shifted)["fill_on_4"] == 0  # bars 3, 7 and 9 counted from bar 1
    assert fill_values(song(plain, plain))["no_fill"] == 1
    toms = [bar(*HATS, "low tom ........x.x.x.x.")] * 8
    assert not find_fills(np.stack(toms)).any(), "toms in every bar are the groove"


def test_a_cell_of_two_bars_in_five_is_groove():
    """.4 of the five bars within reach: two of five are groove, one of five is not."""
    plain, busy = bar(*HATS), bar(*HATS, "low tom ........x.x.....")
    assert find_fills(np.stack([plain, busy, plain, plain, plain])).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert not find_fills(np.stack([plain, busy, plain, busy, plain])).any()
    bars = [busy if at in (0, 2, 4, 8, 12, 14, 16) else plain for at in range(17)]
    assert not find_fills(np.stack(bars))[8], "seven of the 17 bars up to 8 to either side"


def test_the_backbeat_hole_counts_bars_without_fill():
    both, one, none = bar(*HATS), bar("snare ....x..........."), bar("kick x...............")
    bars = song(both, both, both, one, none, both)
    assert backbeat_hole(with_fills(bars, np.zeros(6, bool))) == pytest.approx(2 / 6)
    assert backbeat_hole(with_fills(bars, np.arange(6) == 4)) == pytest.approx(1 / 5)
    assert np.isnan(backbeat_hole(song(none, none)))


def test_one_idea_is_different_bars_to_one_bass_rhythm():
    one, other, third = bar(*HATS), bar("kick x.x............."), bar("kick x...x...x...x...")
    hats = bar(*ROCK, "ride x...x...x...x...")  # another cymbal is the same idea
    four = song(one, hats, other, one, third, third, third, third)
    assert one_idea(with_fills(four, np.zeros(8, bool))) == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert one_idea(with_fills(four, np.arange(8) == 2)) == pytest.approx((1 / 3 + 1 / 4) / 2)
    changed = song(one, hats, other, one, bass=[BASS, BASS, BASS, "x.x.x.x.x.x.x.x."])
    assert np.isnan(one_idea(changed))


def test_kicks_to_the_same_bass():
    two, four = bar("kick x.......x......."), bar("kick x...x...x...x...")
    other = "x.x.x.x.x.x.x.x."
    bars = song(two, four, two, four, bass=[BASS, BASS, other, BASS])
    assert kick_same_bass(bars) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert np.isnan(kick_same_bass(song(two, four, bass=[BASS, other])))


def test_a_new_riff_that_the_kick_follows_or_not():
    two, off = bar(*HATS), bar("kick ..x.......x.....", "closed hat x.x.x.x.x.x.x.x.")
    bass = [BASS] * 4 + ["..x...x...x...x."] * 4
    follows = new_riff_values(song(*[two] * 4, *[off] * 4, bass=bass))
    assert follows["riff_kick"] == 0
    assert follows["riff_kit"] == pytest.approx(8 / (12 + 10 - 8))  # the hats alone are in both
    same = new_riff_values(song(*[two] * 8, bass=bass))
    assert (same["riff_kick"], same["riff_kit"]) == (1, 1)
    assert (same["riff_marked"], same["riff_density"], same["riff_keeper"]) == (0, 0, 0)
    assert np.isnan(new_riff_values(song(*[two] * 8))["riff_kick"])


def test_songs_alike():
    one, other = bar(*HATS), bar(*ROCK)
    assert np.array_equal(dominant_bar(song(one, other)), one), "half of the bars are enough"
    assert np.array_equal(dominant_bar(song(one, other, other)), other)
    assert np.array_equal(dominant_bar(song(one, other, silent=(0,))), other)
    found = song_likeness(np.stack([one, one, other]))
    assert found.value == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)  # 4 cells of 12
    assert found.low <= found.value <= found.high
    assert np.isnan(song_likeness(one[None]).value)


def test_the_kick_follows_the_new_bass():
    steps = np.arange(16)
    kick, new, old = steps % 4 == 0, steps % 2 == 0, steps % 8 == 0
    assert kick_follows(kick, new, old) == pytest.approx(2 * 4 / 12 - 2 * 2 / 6)
    assert kick_follows(kick, kick, ~kick) == 1
    assert kick_follows(np.zeros(16, bool), new, old) == 0


def test_all_values_of_silence_and_of_a_song_without_bass():
    quiet = np.zeros((16, 12), bool)
    for bars in (song(*[quiet] * 12), song(*[bar(*HATS)] * 12, silent=tuple(range(12)))):
        values = listener_values(bars)
        assert all(np.isnan(value) or value in (0, 1) for value in values.values()), values
    assert listener_values(song(*[quiet] * 12))["bar_hits"] == 0


def test_hits_are_counted_where_the_bass_sounds():
    values = listener_values(song(bar(*HATS), bar("kick x..............."), silent=(1,)))
    assert (values["bar_hits"], values["time_hits"]) == (12, 8)


def test_voices_left_out():
    assert left_out_values(song(bar(*HATS), bar(*HATS, "low tom x..............."))) == {
        "no_toms": 0.0,
        "no_ride": 1.0,
        "no_crash": 1.0,
    }
    silent = song(bar(*HATS), bar(*HATS, "ride x...............", "crash x..............."), silent=(1,))
    assert left_out_values(silent) == {"no_toms": 1.0, "no_ride": 1.0, "no_crash": 1.0}


def test_eight_bars_of_a_simple_line():
    few, many = "x.......x.......", "x...x...x...x..."
    no_snare, no_time = bar("kick x...............", "ride x...x...x...x..."), bar(*ROCK)
    bars = [*[no_snare] * 8, *[no_time] * 7, no_snare, *[bar(*HATS)] * 8, *[no_time] * 8]
    found = simple_line_values(song(*bars, bass=[few] * 24 + [many] * 8))
    assert found == {
        "few_no_snare": pytest.approx(1 / 3),
        "few_no_keeper": 0.0,  # one bar of the second eight has one
        "few_hits": pytest.approx((8 * 5 + 7 * 4 + 5 + 8 * 12) / 24),
    }
    resting = song(*[bar(*ROCK)] * 8, bass=[few] * 8, silent=(3,))
    assert np.isnan(simple_line_values(resting)["few_hits"])
    edge = song(*[no_time] * 8, bass=[many, *[few] * 7])  # 18 onsets in eight bars: just few
    assert simple_line_values(edge)["few_no_keeper"] == 1
    assert np.isnan(simple_line_values(song(*[no_time] * 8, bass=[many, many, *[few] * 6]))["few_hits"])


def test_kicks_on_notes_tied_over_a_strong_step():
    bars = song(
        bar("kick x.....x......x.."),
        bar("kick ..x............."),
        bass=["x.....x.......x.", "..x............."],
    )
    # over the three: the note of step 6, with a kick; over the next one: that of 14, without; over the next
    # three: that of step 2, with a kick
    assert push(bars) == pytest.approx(2 / 3)
    ended = SongBars(bars.hits, bars.onsets, bars.onsets, bars.line)
    assert np.isnan(push(ended)), "notes that end before are not tied"
    assert np.isnan(push(song(bar(*HATS), bass=[BASS])))


def test_a_new_riff_that_is_marked():
    plain = bar(*HATS)
    bass = [BASS] * 4 + ["..x...x...x...x."] * 4
    crash = new_riff_values(song(*[plain] * 4, bar(*HATS, "crash x..............."), *[plain] * 3, bass=bass))
    assert crash["riff_marked"] == 1
    fill = bar(*HATS, "low tom ............x.x.")
    assert new_riff_values(song(*[plain] * 3, fill, *[plain] * 4, bass=bass))["riff_marked"] == 1
    assert new_riff_values(song(*[plain] * 4, fill, *[plain] * 3, bass=bass))["riff_marked"] == 0
    ride = bar("kick x...............", "ride x...x...x...x...")
    other = new_riff_values(song(*[plain] * 4, *[ride] * 4, bass=bass))
    assert (other["riff_density"], other["riff_keeper"]) == (1, 1)
    more = bar(*HATS, "crash x.............x.", "low tom x...............")  # 15 hits: a quarter more than 12
    assert new_riff_values(song(*[plain] * 4, *[more] * 4, bass=bass))["riff_density"] == 1
    less = new_riff_values(song(*[plain] * 4, more, more, more, plain, bass=bass))  # 57 to 48
    assert (less["riff_density"], less["riff_keeper"]) == (0, 0)
    mixed = new_riff_values(song(*[plain] * 4, ride, ride, plain, ride, bass=bass))
    assert mixed["riff_keeper"] == 1
