"""The sample bass lines: the MIDI files are those of the texts, and hold a bass and nothing else."""

import runpy
import struct
from pathlib import Path

import numpy as np
import pytest

from basedrum.midi.reading import read_song
from basedrum.music.bass_track import find_bass
from basedrum.music.song import drum_notes

FOLDER = Path(__file__).resolve().parent.parent / "samples"
SCRIPT = runpy.run_path(str(FOLDER / "make_samples.py"))
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def test_there_are_samples_in_several_styles_and_metres():
    assert len(NAMES) >= 10 and "funk" in NAMES
    metres = {read_song(FOLDER / f"{name}.mid").grid.time_signatures[0][1:] for name in NAMES}
    assert metres >= {(4, 4), (6, 8), (7, 8)}


@pytest.mark.parametrize("name", NAMES)
def test_the_midi_file_is_the_text(name):
    assert (FOLDER / f"{name}.mid").read_bytes() == SCRIPT["line_to_midi"](
        (FOLDER / f"{name}.txt").read_text("utf-8")
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_one_playable_bass_line(name):
    song = read_song(FOLDER / f"{name}.mid")
    bass = find_bass(song)
    assert len(song.tracks) == 1 and bass.name == "Bass" and not bass.is_drum and bass.program == 33
    assert 16 <= song.grid.num_measures <= 32
    assert bass.notes.pitches.min() >= 28 and bass.notes.pitches.max() <= 60
    assert (bass.notes.end_ticks[:-1] <= bass.notes.start_ticks[1:]).all(), "one note at a time"
    assert len(np.unique(bass.notes.pitches)) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_can_be_heard_and_seen(name):
    """The drums, a picture, and four bars of sound that last as long as four bars do."""
    song = read_song(FOLDER / f"{name}.mid")
    played = read_song(FOLDER / "drums" / f"{name}.drums.mid")
    assert (
        played.grid.num_measures == song.grid.num_measures
        and len(drum_notes(played)) > song.grid.end_tick / song.grid.ticks_per_quarter
    )
    assert (FOLDER / "drums" / f"{name}.drums.png").read_bytes().startswith(b"\x89PNG")
    data = (FOLDER / "drums" / f"{name}.drums.wav").read_bytes()
    code, channels, rate = struct.unpack("<HHI", data[20:28])
    assert (
        data[:4] == b"RIFF"
        and (code, channels, rate) == (7, 1, 22_050)
        and len(data) == 8 + int.from_bytes(data[4:8], "little")
    )
    bars = song.grid.seconds_at(song.grid.measure_ticks[song.grid.starts_bar])
    assert (len(data) - 58) / rate == pytest.approx(bars[8] - bars[4] + 0.4, abs=0.01)
    assert len(set(data[58:])) > 100, "not silent"


def test_the_folder_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 4_000_000


def test_the_mu_law_keeps_what_is_heard():
    """Decoded by G.711's own formula; within its 5 % of the value, or one smallest step."""
    samples = np.concatenate([np.sin(np.arange(2000) / 7) * np.linspace(0, 1, 2000), [-1, 1, 0, 1e-4]])
    code = ~SCRIPT["to_mu_law"](samples)
    size = ((((code & 0x0F) << 3) + 132).astype(int) << ((code & 0x70) >> 4)) - 132
    decoded = np.where(code & 0x80, -size, size) / 32767
    assert (np.abs(decoded - samples) <= 0.05 * np.abs(samples) + 8 / 32767).all()


def test_the_band_is_a_song_of_several_parts_and_tempos():
    data = SCRIPT["band_to_midi"]((FOLDER / "ballad.txt").read_text("utf-8"))
    assert (FOLDER / "band.mid").read_bytes() == data
    song = read_song(FOLDER / "band.mid")
    assert [track.name for track in song.tracks] == ["Piano", "Bass", "Count"] and find_bass(
        song
    ).name == "Bass"
    assert len(song.grid.tempos) == 3 and len(drum_notes(song))


def test_a_bar_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="has 4 steps"):
        SCRIPT["line_to_midi"]("tempo 100\nmetre 4/4\nplay A\n\nA\n  C 1...\n")
