"""The sample bass lines: the MIDI files are those of the texts, and hold a bass and nothing else."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from basedrum.midi.reading import read_song
from basedrum.midi.tracks import find_bass

FOLDER = Path(__file__).resolve().parent.parent / "samples"
SCRIPT = runpy.run_path(str(FOLDER / "make_samples.py"))
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def test_there_are_samples_in_several_styles_and_metres():
    assert len(NAMES) >= 10 and "funk" in NAMES
    metres = {read_song(FOLDER / f"{name}.mid").grid.time_signatures[0][1:] for name in NAMES}
    assert metres >= {(4, 4), (6, 8), (7, 8)}


@pytest.mark.parametrize("name", NAMES)
def test_the_midi_file_is_the_text(name):
    assert (FOLDER / f"{name}.mid").read_bytes() == SCRIPT["line_to_midi"]((FOLDER / f"{name}.txt").read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_one_playable_bass_line(name):
    song = read_song(FOLDER / f"{name}.mid")
    bass = find_bass(song)
    assert len(song.tracks) == 1 and bass.name == "Bass" and not bass.is_drum and bass.program == 33
    assert 16 <= song.grid.num_measures <= 32
    assert bass.notes.pitches.min() >= 28 and bass.notes.pitches.max() <= 60
    assert (bass.notes.end_ticks[:-1] <= bass.notes.start_ticks[1:]).all(), "one note at a time"
    assert len(np.unique(bass.notes.pitches)) >= 4


def test_a_bar_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="has 4 steps"):
        SCRIPT["line_to_midi"]("tempo 100\nmetre 4/4\nplay A\n\nA\n  C 1...\n")
