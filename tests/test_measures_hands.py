"""Rolls, open hats, hands and velocities, counted by hand."""

import numpy as np
import pytest
from listener_songs import HATS, bar, song

from basedrum.measures.hands import hand_values, open_hat_values, roll_values, velocity_values
from basedrum.music import kit


def test_rolls_are_four_in_a_row_in_the_second_half():
    roll = bar(*HATS, "high tom ..........xx....", "low tom .............x..")  # 10 11 12 (snare) 13
    early = bar("snare ......xxxx......")
    broken = bar("snare ........xxx.xxx.")
    plain = bar(*HATS)
    found = roll_values(song(roll, roll, early, broken, roll, plain, roll, roll, silent=(7,)))
    assert found == {"roll": pytest.approx(4 / 7), "roll_again": pytest.approx(1 / 7)}
    across = bar("snare xx............xx")
    assert roll_values(song(across, across))["roll"] == 0


def test_seven_snares_are_busy():
    seven, six = bar("snare x.x.x.x.x.x.x..."), bar("snare x.x.x.x.x.x.....")
    assert hand_values(song(seven, six, six))["busy_snare"] == pytest.approx(1 / 3)


def test_open_hats():
    closed = bar("open hat x.........x.....", "closed hat ....x...........")  # 0 and 10: closed, not closed
    next_bar = bar("open hat ..............x.", "pedal hat ..x.............")
    found = open_hat_values(song(closed, next_bar))
    assert found["open_unclosed"] == pytest.approx(2 / 3)  # of 0, 10 and the last one
    assert found["open_off_eighth"] == pytest.approx(2 / 3)
    over_the_bar = song(bar("open hat ..............x."), bar("pedal hat ..x............."))
    assert open_hat_values(over_the_bar)["open_unclosed"] == 0, "a beat after is in the next bar"
    assert np.isnan(open_hat_values(song(bar(*HATS)))["open_unclosed"])


def test_three_hands_leave_the_feet_out():
    three = bar("crash x...............", "snare x...............", "closed hat x...............")
    feet = bar(
        "kick x...............",
        "pedal hat x...............",
        "snare x...............",
        "ride x...............",
    )
    assert hand_values(song(three, feet, feet, feet))["three_hands"] == pytest.approx(1 / 4)


def test_ghosts_accents_and_spread():
    velocities = np.zeros((2, 16, 12), np.uint8)
    velocities[0, [4, 12], kit.SNARE] = 100
    velocities[1, [4, 7, 10], kit.SNARE] = 100, 59, 60
    velocities[0, [0, 4, 2, 3], kit.CLOSED_HAT] = 90, 80, 70, 60
    velocities[:, 0, kit.KICK] = 90, 100
    assert velocity_values(velocities) == {
        "ghosts": pytest.approx(1 / 5),
        "hat_accent": pytest.approx(85 - 65),
        "kick_spread": pytest.approx(5),
    }
    assert all(np.isnan(value) for value in velocity_values(np.zeros((2, 16, 12))).values())
