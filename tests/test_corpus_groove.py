"""Reading the Groove MIDI Dataset: splits, styles, hat pitches, swing taken out, timing around the pulse."""

import numpy as np
import pytest
from groove_zip import take_midi, write_groove_zip

from basedrum.corpus.groove import FARTHEST, around_pulse, find_swing, read_groove, read_take
from basedrum.errors import DataError
from basedrum.music.kit import CLOSED_HAT, KICK, SNARE

ROW = {"id": "d/1", "split": "train", "style": "rock/shuffle", "drummer": "d"}


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    return list(read_groove(write_groove_zip(tmp_path_factory.mktemp("groove") / "groove.zip")))


def test_takes_come_with_split_style_drummer_and_tempo(takes, tmp_path):
    assert len(takes) == 15
    assert [take.split for take in takes[:5]] == ["train", "train", "train", "validation", "test"]
    assert {take.style for take in takes} == {"rock", "funk"} and takes[1].drummer == "drummer1"
    assert abs(takes[0].qpm - 100) < 0.1
    archive = write_groove_zip(tmp_path / "groove.zip")
    assert [t.name for t in read_groove(archive, ("test",))] == [t.name for t in takes if t.split == "test"]


def test_hits_are_where_they_were_played_and_the_hat_s_edge_is_a_closed_hat(takes):
    hits = takes[0].hits[16:32]
    assert np.flatnonzero(hits[:, CLOSED_HAT]).tolist() == list(range(0, 16, 2))
    assert np.flatnonzero(hits[:, KICK]).tolist() == [0, 8]
    assert np.flatnonzero(hits[:, SNARE]).tolist() == [4, 7, 12, 15]


def test_the_late_snare_is_late_against_the_pulse(takes):
    offsets = takes[0].offsets
    assert abs(np.nanmedian(offsets[4::8, SNARE]) - 0.2) < 0.03
    assert abs(np.nanmedian(offsets[:, KICK])) < 0.03
    assert np.isnan(offsets[~takes[0].hits]).all()


def test_three_four_has_measures_of_twelve_steps(takes):
    assert (takes[-1].grid.measure_steps == 12).all()
    assert not takes[-1].hits.reshape(-1, 16, 12)[:, 12:].any()


def test_swung_eighths_fall_on_the_fourth_step_of_the_beat_and_are_not_late():
    take = read_take(take_midi(np.random.default_rng(1), swing=2 / 3), ROW)
    assert take.swing[0] == 2 and abs(take.swing[1] - 2 / 3) < 0.03 and take.style == "rock"
    hat = np.flatnonzero(take.hits[16:32, CLOSED_HAT])
    assert hat.tolist() == [0, 3, 4, 7, 8, 11, 12, 15]
    assert (
        abs(np.nanmedian(take.offsets[3::4, CLOSED_HAT])) < 0.12
    )  # unbent it would be a third of a step early


@pytest.mark.parametrize("late", [-0.04, 0.0, 0.03])
@pytest.mark.parametrize("ratio", [0.5, 0.6, 0.66, 0.7])
@pytest.mark.parametrize("pair", [1, 2])
def test_swing_is_found_in_eighths_and_sixteenths_however_late_the_take(pair, ratio, late):
    pairs = np.arange(64) * pair / 2
    onsets = (
        np.concatenate([pairs, pairs + ratio * pair / 2])
        + late
        + np.random.default_rng(0).normal(0, 0.005, 128)
    )
    found = find_swing(onsets)
    assert found == (1, 0.5) if ratio == 0.5 else found[0] == pair and abs(found[1] - ratio) < 0.021


def test_the_pulse_follows_a_drummer_who_drifts():
    hits = np.full((160, 12), np.nan, np.float32)
    drift = np.linspace(-0.2, 0.2, 80).astype(np.float32)
    hits[::2, CLOSED_HAT], hits[8::16, SNARE] = drift, drift[4::8] + np.float32(0.1)
    rest = around_pulse(hits)
    assert np.nanmax(np.abs(rest[:, CLOSED_HAT])) < 0.04
    assert np.allclose(rest[8::16, SNARE], 0.1, atol=0.03)


def test_what_lies_far_from_every_step_is_no_feel():
    hits = np.full((32, 12), np.nan, np.float32)
    hits[::2, CLOSED_HAT] = 0
    hits[5, SNARE] = FARTHEST + 0.05  # a triplet
    rest = around_pulse(hits)
    assert np.isnan(rest[5, SNARE]) and (rest[::2, CLOSED_HAT] == 0).all()


def test_what_is_not_the_dataset_is_refused_in_one_line(tmp_path):
    missing, other = tmp_path / "none.zip", tmp_path / "other.zip"
    other.write_bytes(b"no archive")
    for path in (missing, other, tmp_path):
        with pytest.raises(DataError, match="is not the Groove MIDI Dataset") as error:
            list(read_groove(path))
        assert "\n" not in str(error.value)
