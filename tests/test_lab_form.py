"""The songs that the lab makes to ask one question each, and what it reads off the drums to them."""

import numpy as np
import pytest

from basedrum.lab import form, made_songs
from basedrum.music.kit import CLOSED_HAT, SNARE
from basedrum.music.rolls import DrumRoll


class Played:
    """Drums as a drummer returns them."""

    def __init__(self, hits):
        self.drums = DrumRoll.from_kit(hits, np.full(hits.shape, 90.0))


class Steady:
    """Hats on all eighths and a snare on 2 and 4, which rests in the stops of even seeds and doubles after
    32 bars."""

    def play(self, song, seed=None):
        num_measures = song.grid.num_measures
        hits = np.zeros((num_measures, 16, 12), bool)
        hits[:, ::2, CLOSED_HAT] = hits[:, [4, 12], SNARE] = True
        hits[32:, 1::2, CLOSED_HAT] = True
        if seed % 2 == 0:
            hits[[bar - 1 for bar in made_songs.STOP_BARS if bar <= num_measures], 8:] = False
        return Played(hits.reshape(-1, 12))


def test_a_stop_is_in_all_parts_of_the_song():
    for made in made_songs.stop_songs():
        assert len(made.stops) == len(made_songs.STOP_BARS)
        for track in made.song.tracks:
            starts = track.notes.start_ticks // made_songs.STEP
            for first, last in made.stops:
                assert not ((starts >= first) & (starts < last)).any()
                assert (track.notes.end_ticks[starts < first] <= first * made_songs.STEP).all()


def test_a_swung_song_has_its_off_beats_late():
    straight, swung = (made_songs.song_of(["x-x-x-x-x-x-x-x-"], is_swung=late) for late in (False, True))
    moved = swung.tracks[0].notes.start_ticks - straight.tracks[0].notes.start_ticks
    assert moved[::2].tolist() == [0] * 4 and len(set(moved[1::2].tolist())) == 1 and moved[1] > 0


def test_what_is_read_off_the_drums():
    values = form.stop_values(Steady(), [0, 1, 2, 4])
    assert values == {"stops_median": 0.75, "stops_lowest": 0.75}
    values = form.long_values(Steady(), [1], 2.5)
    assert values["density_least"] == 1 and values["density_most"] == pytest.approx(18 / 10)
    few = form.few_note_values(Steady(), [1])
    assert few == {"few_no_snare": 0, "few_no_keeper": 0, "few_hits": 10}


def test_a_table_has_every_key_once():
    text = form.table({"real": {"a": 1.0, "b": 2.0}, "ours": {"b": 3.0, "c": 4.0}})
    assert [line.split() for line in text.splitlines()][1:] == [
        ["a", "1.000", "nan"],
        ["b", "2.000", "3.000"],
        ["c", "nan", "4.000"],
    ]
