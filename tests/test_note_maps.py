"""Note maps: what ships, a user's own, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basedrum.errors import ConfigError
from basedrum.midi.note_maps import GM, NOTE_MAPS, from_note_map, read_note_map, to_note_map
from basedrum.music import kit
from basedrum.music.notes import Notes


def notes(pitches):
    starts = np.arange(len(pitches)) * 10
    return Notes(starts, starts + 5, np.asarray(pitches, int), np.full(len(pitches), 80))


def test_general_midi_is_the_default_and_others_differ():
    assert read_note_map("gm") == kit.WRITTEN_PITCHES
    assert len(NOTE_MAPS) >= 4 and len({notes for _, notes in NOTE_MAPS.values()}) == len(NOTE_MAPS)


@pytest.mark.parametrize("name", NOTE_MAPS)
def test_a_map_gives_each_voice_a_note_of_its_own(name):
    note_map = read_note_map(name)
    assert len(note_map) == kit.NUM_VOICES == len(set(note_map))
    assert all(0 <= note <= 127 for note in note_map)


def test_known_notes_of_the_plug_ins():
    """Notes that a plain General MIDI file gets wrong there: a splash choke for a crash, a rimshot for a
    hat."""
    at = {name: dict(zip(kit.VOICES, notes, strict=True)) for name, (_, notes) in NOTE_MAPS.items()}
    assert at["ad2"]["crash"] == 77 and at["ad2"]["ride"] == 60 and at["ad2"]["side stick"] == 42
    assert at["ssd5"]["crash"] == 55 and at["ssd5"]["open hat"] == 63
    assert at["ezd3"]["percussion"] == 3 and at["sd3"]["pedal hat"] == 21


@pytest.mark.parametrize("name", NOTE_MAPS)
@given(st.lists(st.sampled_from(kit.WRITTEN_PITCHES), max_size=20))
def test_from_kit_undoes_to_kit(name, pitches):
    note_map = read_note_map(name)
    assert from_note_map(to_note_map(notes(pitches), note_map), note_map).pitches.tolist() == pitches


def test_every_pitch_of_a_voice_goes_to_the_voice_s_note():
    crashes = to_note_map(notes([49, 52, 55, 57]), read_note_map("ad2"))
    assert set(crashes.pitches.tolist()) == {77}
    assert to_note_map(notes([20]), read_note_map("ad2")).pitches.tolist() == [20]
    assert from_note_map(notes([36, 99, 77]), read_note_map("ad2")).pitches.tolist() == [36, 49]


def test_a_note_that_voices_share_is_read_as_the_first_of_them():
    shared = list(GM)
    shared[kit.CRASH] = shared[kit.RIDE] = shared[kit.PERCUSSION] = 100
    assert to_note_map(notes([49, 51, 54]), tuple(shared)).pitches.tolist() == [100, 100, 100]
    assert from_note_map(notes([100, 36]), tuple(shared)).pitches.tolist() == [49, 36]


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.toml", 'kick = 1\n"closed hat" = 2\nopen_hat = 3\n'),
        ("a.json", '{"Kick": 1, "closed hat": 2, "open_hat": 3}'),
    ],
)
def test_a_map_of_one_s_own_names_what_it_changes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    note_map = read_note_map(tmp_path / name)
    assert [note_map[v] for v in (kit.KICK, kit.CLOSED_HAT, kit.OPEN_HAT)] == [1, 2, 3]
    assert note_map[kit.SNARE] == GM[kit.SNARE]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.toml", "kicks = 1", "did you mean kick"),
        ("a.toml", "kick = 128", "no MIDI note"),
        ("a.toml", "kick = true", "no MIDI note"),
        ("a.toml", 'kick = "C1"', "no MIDI note"),
        ("a.toml", "kick", "is not valid"),
        ("a.toml", "", "holds no notes"),
        ("a.json", "[1, 2]", "holds no notes"),
        ("a.json", "[" * 100_000, "is not valid"),
        ("a.json", "\xff", "is not valid"),
        ("b.toml", None, "cannot be read"),
        ("a.txt", "kick = 1", "gm, ad2"),
    ],
)
def test_what_is_no_map_is_refused_in_one_line(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=words) as refusal:
        read_note_map(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_a_misspelt_name_is_told_its_neighbour():
    with pytest.raises(ConfigError, match=r"did you mean ssd5\?"):
        read_note_map("ssd")
