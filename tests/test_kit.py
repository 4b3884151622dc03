"""The kit table against the General MIDI percussion map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basedrum.music import kit


def test_the_table_is_sound():
    gathered = [pitch for _, pitches, _ in kit.KIT for pitch in pitches]
    assert len(gathered) == len(set(gathered)), "a pitch belongs to one voice"
    assert kit.NUM_VOICES == len(kit.VOICES) == 12
    assert all(kit.LOWEST_DRUM_PITCH <= pitch <= kit.HIGHEST_DRUM_PITCH for pitch in kit.WRITTEN_PITCHES)
    assert sum(share for _, _, share in kit.KIT) == pytest.approx(0.976, abs=1e-9)


@pytest.mark.parametrize(
    ("pitch", "voice"),
    [(35, "kick"), (36, "kick"), (38, "snare"), (40, "snare"), (37, "side stick"), (42, "closed hat"),
     (44, "pedal hat"), (46, "open hat"), (41, "low tom"), (45, "mid tom"), (50, "high tom"), (49, "crash"),
     (57, "crash"), (51, "ride"), (53, "ride"), (54, "percussion"), (64, "percussion")],
)  # fmt: skip
def test_general_midi_pitches_fall_on_their_voice(pitch, voice):
    assert kit.VOICES[kit.VOICE_OF_PITCH[pitch]] == voice


def test_the_constants_name_their_rows():
    assert kit.VOICES[kit.KICK] == "kick"
    assert kit.VOICES[kit.RIDE] == "ride"
    assert kit.VOICES[kit.PERCUSSION] == "percussion"
    assert kit.VOICE_OF_PITCH[34] == -1
    assert kit.VOICE_OF_PITCH[83] == -1


def test_fold_takes_the_loudest_of_a_voice():
    pitched = np.zeros((2, 72), np.uint8)
    pitched[0, [35 - 24, 36 - 24]] = [50, 90]
    pitched[1, 40 - 24] = 70
    voices = kit.fold(pitched)
    assert voices[0, kit.KICK] == 90
    assert voices[1, kit.SNARE] == 70
    assert np.count_nonzero(voices) == 2


@given(st.lists(st.integers(0, 127), min_size=12, max_size=12))
def test_fold_undoes_unfold(velocities):
    voices = np.array([velocities])
    assert np.array_equal(kit.fold(kit.unfold(voices)), voices)


def test_a_voice_can_be_written_on_any_pitch_it_gathers():
    voices = np.zeros((2, 12), np.uint8)
    voices[:, kit.PERCUSSION] = voices[:, kit.KICK] = 90
    pitches = np.tile(np.asarray(kit.WRITTEN_PITCHES), (2, 1))
    pitches[:, kit.PERCUSSION] = 63, 64
    pitched = kit.unfold(voices, pitches)
    assert np.argwhere(pitched).tolist() == [[0, 12], [0, 39], [1, 12], [1, 40]]
    assert np.array_equal(kit.fold(pitched), voices)


def test_what_sounds_are_called():
    assert [kit.sound_name(pitch) for pitch in (36, 37, 39, 54, 64, 75, 20)] == [
        "kick", "side stick", "clap", "tambourine", "congas", "percussion", "other",
    ]  # fmt: skip
