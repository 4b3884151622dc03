"""Grooves written as text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from basedrum.music import kit
from basedrum.music.notation import groove, to_text


def test_a_groove_reads_as_it_looks():
    roll = groove("kick   x...|x...|x...|x...", "snare  ....|X...|....|o...")
    voices = kit.fold(roll.velocities)
    assert voices[:, kit.KICK].tolist() == [92, 0, 0, 0] * 4
    assert voices[4, kit.SNARE] == 116
    assert voices[12, kit.SNARE] == 46


def test_a_short_groove_is_padded_to_whole_bars():
    assert groove("ride x.x.x.").num_steps == 16
    assert groove("ride " + "x" * 17).num_steps == 32
    assert groove().num_steps == 0


@given(arrays(bool, (32, 12)).filter(lambda hits: hits.any()))
def test_text_and_groove_are_inverse(hits):
    assert np.array_equal(groove(*to_text(hits).split("\n")).to_kit(), hits)


def test_silence_is_no_text():
    assert to_text(np.zeros((16, 12), bool)) == ""


@given(st.sampled_from(["cowbell x...", "kick x..q", "x...x...", ""]))
def test_what_is_no_groove_is_refused(row):
    with pytest.raises(ValueError, match="groove row"):
        groove(row)


def test_rows_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\[4, 8\]"):
        groove("kick x...", "snare x...x...")


def test_a_voice_written_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        groove("kick x...", "kick ..x.")
