"""Finding the bass among the tracks, and saying so when there is none."""

import numpy as np
import pytest
from raw_midi import NOTE, named, smf

from basedrum.errors import NoBassError
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.bass_track import find_bass, is_bass_name, monophony
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part, drum_notes


def line(pitch=40, count=32, every=120, length=100):
    start = np.arange(count) * every
    return Notes(start, start + length, np.full(count, pitch), np.full(count, 90))


def chords(root=48, count=16):
    return Notes.join([line(root + interval, count, 240, 200) for interval in (0, 4, 7)])


def song(*parts, name="song.mid"):
    """A song of (name, program, notes) parts; program None for drums."""
    made = [Part(title, program or 0, program is None, notes) for title, program, notes in parts]
    return parse_song(build_midi(made, Grid(480, 3840)), name)


@pytest.mark.parametrize(
    "name",
    ["Bass", "E.BASS", "bass 1", "Fretless Bs", "Baixo", "Bajo", "basse", "Basso", "Contrabass", "Kontrabass",
     "contrebasse", "Upright", "String Bass", "SlapBass", "BASS GUITAR", "Synth-bass", "ベース",
     "\u0431\u0430\u0441", "Bas", "BS", "Acoustic Bass"],
)  # fmt: skip
def test_names_of_a_bass(name):
    assert is_bass_name(name)


@pytest.mark.parametrize(
    "name",
    ["Bassoon", "Bass Drum", "bass + lead", "Bass Lead", "Brass", "Brass Section", "Basset Horn",
     "bass clarinet", "Bass Trombone", "Basson", "Contrabassoon", "Drums & Bass kick", "Piano", "",
     "Basketball", "Bass Sax", "BASS DR", "Bass Voice", "Barbara", "Strings", "Basic Pad", "Fagott"],
)  # fmt: skip
def test_names_of_no_bass(name):
    assert not is_bass_name(name)


def test_the_program_finds_it():
    found = find_bass(song(("Piano", 0, chords()), ("Track 2", 35, line()), ("Drums", None, line(36))))
    assert (found.name, found.program, found.index) == ("Track 2", 35, 1)


def test_the_name_finds_it_without_the_program():
    assert (
        find_bass(song(("Lead", 81, line(72)), ("Baixo", 0, line(52)), ("Cello", 42, line(38)))).name
        == "Baixo"
    )


def test_a_bassoon_and_a_bass_drum_do_not_pass_for_a_bass():
    found = find_bass(song(("Bassoon", 70, line(45)), ("Bass Drum", 0, line(36)), ("E-Bass", 0, line(40))))
    assert found.name == "E-Bass"


def test_the_part_that_plays_the_song_wins_over_a_stray_one():
    found = find_bass(
        song(("Bass fill", 38, line(40, 3)), ("Bass", 33, line(40, 32)), ("Piano", 0, chords()))
    )
    assert found.name == "Bass"


def test_an_empty_bass_track_never_wins():
    data = smf(named(b"Bass", 33, b""), named(b"Guitar", 25, NOTE * 8, channel=1))
    assert find_bass(parse_song(data)).name == "Guitar"


def test_without_hints_the_lowest_single_line_is_taken():
    found = find_bass(
        song(
            ("Lead", 80, line(67)), ("Low", 81, line(43)), ("Pad", 88, chords(36)), ("Drums", None, line(30))
        )
    )
    assert found.name == "Low"


def test_a_low_line_that_plays_hardly_at_all_is_passed_over():
    found = find_bass(song(("Timpani", 47, line(36, 8)), ("Low", 0, line(45, 160)), ("Lead", 80, line(76))))
    assert found.name == "Low"


def test_a_singer_is_no_bass_unless_there_is_nobody_else():
    assert find_bass(song(("Lead Vocals", 1, line(45)), ("Tuba", 58, line(50)))).name == "Tuba"
    assert find_bass(song(("My melody", 0, line(45)))).name == "My melody"


@pytest.mark.parametrize("pitch", [28, 40, 60])
def test_a_file_of_one_unnamed_line_is_a_bass_line(pitch):
    assert find_bass(song(("", 0, line(pitch)))).index == 0


def test_a_bass_that_changes_its_sound_is_one_line():
    body = NOTE * 8 + b"\x00\xc0\x24" + NOTE * 4 + b"\x00\xc0\x21" + NOTE * 2
    found = find_bass(parse_song(smf(named(b"Bass", 33, body), named(b"Piano", 0, NOTE, channel=2))))
    assert len(found.notes) == 14
    assert (np.diff(found.notes.start_ticks) > 0).all()


def test_the_title_of_a_format_0_song_says_nothing_about_its_parts():
    body = b"".join(
        bytes((0, 0xC0 | c, p, 0, 0x90 | c, n, 64)) for c, p, n in [(0, 80, 76), (1, 0, 60), (2, 36, 40)]
    )
    body += b"".join(bytes((96 if c == 0 else 0, 0x80 | c, n, 0)) for c, n in [(0, 76), (1, 60), (2, 40)])
    assert find_bass(parse_song(smf(named(b"All about the bass", 80, body), form=0))).program == 36


def test_a_line_beside_others_is_a_bass_up_to_a_median_pitch_of_55():
    assert find_bass(song(("", 0, line(55)), ("", 1, line(76)))).index == 0
    with pytest.raises(NoBassError):
        find_bass(song(("", 0, line(56)), ("", 1, line(76))))


def test_a_low_line_has_to_play_in_a_quarter_of_the_bars_of_the_longest():
    for count, name in ((17, "Low"), (16, "Cello")):  # two and one of eight bars
        assert find_bass(song(("Low", 0, line(36, count)), ("Cello", 42, line(45, 128)))).name == name


def test_of_two_that_look_like_a_bass_the_one_that_plays_throughout_wins():
    """Name and program, 3 bars of 8: 2 + 1 + 1 + 3 * 3/8; the name alone, throughout: 1 + 1 + 1 + 3."""
    assert find_bass(song(("Bass A", 33, line(40, 33)), ("Bass B", 0, line(40, 128)))).name == "Bass B"


def test_the_one_name_of_three_parts_is_a_title_but_not_that_of_two():
    two = (("Bass", 0, line(60)), ("Bass", 1, line(67)))
    assert find_bass(song(*two)).program == 0
    with pytest.raises(NoBassError):
        find_bass(song(*two, ("Bass", 2, line(72))))


@pytest.mark.parametrize("choice", [2, "2", "lea", "Lead", " LEAD "])
def test_a_choice_by_number_or_name(choice):
    assert find_bass(song(("Bass", 33, line()), ("Lead", 80, line(70))), choice).name == "Lead"


def test_an_exact_name_wins_over_a_longer_one():
    assert find_bass(song(("Bass 2", 33, line(count=40)), ("Bass", 33, line())), "bass").name == "Bass"


@pytest.mark.parametrize("choice", [0, 3, "9", "-1", "tuba", "", "1.5"])
def test_a_wrong_choice_lists_the_tracks(choice):
    with pytest.raises(
        NoBassError, match=r"--bass-track .*1 Bass \(program 33, 32 notes\); 2 Drums \(drums, 32 notes\)"
    ):
        find_bass(song(("Bass", 33, line()), ("Drums", None, line(36))), choice)


def test_no_bass_is_told_in_one_printable_line_with_the_option():
    with pytest.raises(NoBassError) as caught:
        find_bass(song(("Pia\x1bno\n", 0, chords(60)), ("Drums", None, line(36)), name="my\tsong.mid"))
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith("my\\tsong.mid: no bass line found, ")
    assert "--bass-track" in text
    assert "1 Pia\\x1bno (program 0, 48 notes)" in text


def test_a_list_of_many_tracks_stays_short():
    parts = [(f"Pad {i}" * 20, 90, chords(60)) for i in range(100)]
    with pytest.raises(NoBassError, match="and 60 more") as caught:
        find_bass(song(*parts))
    assert len(str(caught.value)) < 4000


def test_monophony_of_a_line_of_chords_and_of_slight_overlaps():
    assert monophony(line()) == 1.0
    assert monophony(chords()) == pytest.approx(1 / 3, abs=0.02), "of each chord one note starts alone"
    assert monophony(line(every=120, length=130)) == 1.0, "legato"
    assert monophony(line(every=120, length=160)) == 1.0, "an overlap of a quarter of the note"
    assert monophony(line(every=120, length=164)) == 0.0, "of more than a quarter"
    assert monophony(line(every=120, length=400)) == 0.0


def test_drum_notes_joins_all_drum_tracks():
    drums = drum_notes(song(("Kick", None, line(36, 4)), ("Bass", 33, line()), ("Snare", None, line(38, 2))))
    assert drums.pitches.tolist() == [36, 38, 36, 38, 36, 36]
    assert len(drum_notes(song(("Bass", 33, line())))) == 0
