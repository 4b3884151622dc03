"""Half time and double time: how bars are laid out, what drums say of their feel, and what is played."""

import numpy as np
import pytest
from test_app import FakeModel, FakeState, bass_notes

import basedrum
from basedrum.drummer.backbeat import BackbeatPlayer, backbeat_share
from basedrum.drummer.phrase import Phrase
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.grid import Grid
from basedrum.music.kit import KICK, SNARE
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.rolls import DrumRoll
from basedrum.music.song import Part, drum_notes
from basedrum.music.time_feel import bars_within, counted_as, feel_of

BAR = 1920
SONG = Grid(480, 8 * BAR, ((0, 100.0),), ((0, 4, 4),))

SILENT = Phrase(np.zeros((2, 64, 72), bool), 100.0, np.full(4, 16), None, 0)


def test_half_time_lays_two_bars_as_one_from_where_the_song_begins():
    half = counted_as(SONG, "half")
    assert half.measure_ticks.tolist() == [0, 2 * BAR, 4 * BAR, 6 * BAR]
    assert half.measure_steps.tolist() == [16] * 4 and half.measure_qpm.tolist() == [100.0] * 4
    late = counted_as(SONG, "half", BAR + 5)
    assert late.measure_ticks.tolist() == [0, BAR, 3 * BAR, 5 * BAR, 7 * BAR]
    assert late.measure_steps.tolist()[0] == 8


def test_double_time_lays_half_a_bar_as_one_whatever_the_resolution():
    double = counted_as(SONG, "double")
    assert double.num_measures == 16 and double.measure_ticks[:3].tolist() == [0, BAR / 2, BAR]
    odd = counted_as(Grid(25, 200), "double")
    assert odd.measure_ticks.tolist() == [0, 50, 100, 150] and odd.ticks_per_step == 25 / 8


def test_the_normal_feel_is_the_grid_itself():
    assert counted_as(SONG, "normal") is SONG


def test_other_metres_and_their_changes_stay_where_they_are():
    grid = Grid(480, 8 * BAR, (), ((0, 3, 4), (4320, 4, 4)))  # three bars of 3/4, then 4/4
    half = counted_as(grid, "half")
    assert half.measure_ticks[:3].tolist() == [0, 2880, 4320]
    assert half.measure_steps[:3].tolist() == [12, 6, 16]


def test_written_bars_in_bars_counted_otherwise():
    half, double = counted_as(SONG, "half"), counted_as(SONG, "double")
    assert bars_within(SONG, SONG, (2, 5)) == (2, 5)
    assert bars_within(SONG, half, (2, 3)) == (1, 1) and bars_within(SONG, half, (3, 4)) == (1, 2)
    assert bars_within(SONG, double, (2, 3)) == (4, 7)


def drums_of(*rows, num_bars=8):
    roll = DrumRoll.from_kit(np.tile(groove(*rows).to_kit(), (num_bars, 1)))
    return roll.to_notes(Grid(480, num_bars * BAR))


@pytest.mark.parametrize(
    "row, feel",
    [
        ("snare ........x.......", "half"),
        ("side stick ........x.......", "half"),
        ("snare ....x.......x...", "normal"),
        ("snare ..x...x...x...x.", "double"),
        ("snare ....x...x...x...", "normal"),
        ("snare .......x........", "normal"),
        ("snare ....x...x.......", "normal"),
        ("closed hat x.x.x.x.x.x.x.x.", "normal"),
    ],
)
def test_what_the_songs_own_drums_say(row, feel):
    assert feel_of(drums_of(row), SONG) == feel
    assert feel_of(drums_of(row, num_bars=3), SONG) == "normal", "three bars are too few to say"


class Seeded(FakeState):
    """Has a backbeat where its seed is even."""

    def play(self, phrase):
        hits = np.zeros((64, 12), bool)
        hits[:, KICK] = phrase.bass[0].any(axis=1)
        hits[4::8, SNARE] = self.seed % 2 == 0
        self.remembered = getattr(self, "remembered", 0)
        return hits

    def remember(self, bass, hits):
        self.remembered += 1


def test_a_phrase_without_a_backbeat_is_played_with_other_noise():
    states = [Seeded(seed, 1, None, None) for seed in (3, 5, 8, 10)]
    player = BackbeatPlayer(states)
    hits = player.play(SILENT)
    assert hits[4::8, SNARE].all() and not hasattr(states[3], "remembered")
    states[3].remembered = 0
    player.remember(None, hits)
    assert [state.remembered for state in states] == [1, 1, 1, 1]
    alone = BackbeatPlayer(states[:2]).play(SILENT)
    assert not alone[:, SNARE].any()


def test_how_much_of_a_backbeat_there_is():
    hits = np.zeros((64, 12), bool)
    hits[[4, 12, 20, 36, 44], SNARE] = True  # both in bars 1 and 3
    assert backbeat_share(hits, np.full(4, 16)) == 0.5
    assert backbeat_share(hits, np.asarray([16, 8, 16, 8])) == 1.0
    assert backbeat_share(hits, np.full(4, 8)) == 1.0


def song(drums=None, num_bars=8):
    parts = [Part("Bass", 33, False, bass_notes(num_bars))]
    parts += [Part("Drums", 0, True, drums)] if drums is not None else []
    return parse_song(build_midi(parts, Grid(480, num_bars * BAR)), "song.mid")


def steps_of_the_snare(played):
    """The sixteenths on which the snare is written in every bar but the last, which ends early."""
    again = parse_song(played.to_midi(drums_only=True))
    roll = DrumRoll.from_notes(drum_notes(again), SONG).to_kit()
    return np.flatnonzero(roll.reshape(-1, 16, 12)[:, :, SNARE].sum(axis=0) >= 7).tolist()


def test_the_backbeat_comes_on_three_or_on_every_off_beat():
    drummer = basedrum.Drummer(FakeModel())
    steps = {
        feel: steps_of_the_snare(drummer.play(song(), seed=1, humanize=0, feel=feel))
        for feel in ("normal", "half", "double")
    }
    assert steps == {"normal": [4, 12], "half": [8], "double": [2, 6, 10, 14]}


def test_auto_reads_the_songs_own_drums_and_says_what_it_found():
    drummer = basedrum.Drummer(FakeModel())
    half = drummer.play(song(drums_of("snare ........x.......")), seed=1, humanize=0, feel="auto")
    assert steps_of_the_snare(half) == [8] and "--feel half" in half.origin
    plain = drummer.play(song(), seed=1, humanize=0, feel="auto")
    assert plain.to_midi() == drummer.play(song(), seed=1, humanize=0).to_midi()


def test_some_bars_again_in_half_time():
    drummer = basedrum.Drummer(FakeModel())
    whole = parse_song(drummer.play(song(), seed=1, humanize=0, feel="half").to_midi(), "whole.mid")
    again = drummer.play(whole, seed=2, humanize=0, feel="half", bars=(3, 3))
    new, old = (DrumRoll.from_notes(drum_notes(s), SONG) for s in (parse_song(again.to_midi()), whole))
    changed = (new.hits != old.hits).reshape(8, -1).any(axis=1)
    assert not np.delete(changed, 2).any()
    same = drummer.play(whole, seed=1, humanize=0, feel="half", bars=(3, 3)).to_midi()
    assert np.array_equal(DrumRoll.from_notes(drum_notes(parse_song(same)), SONG).hits, old.hits)


def test_a_picture_of_half_time_shows_the_written_bars(tmp_path):
    played = basedrum.Drummer(FakeModel()).play(song(), seed=1, feel="half")
    assert played.num_bars == 8 and played.grid.num_measures == 4
    assert played.picture(tmp_path / "half.png", first_bar=8).stat().st_size > 0
    with pytest.raises(ValueError, match="bars 9"):
        played.picture(tmp_path / "half.png", first_bar=9)


def test_notes_of_a_bass_between_the_steps_of_half_time_are_kept():
    sixteenths = np.arange(8 * 16) * 120
    notes = Notes(sixteenths, sixteenths + 100, np.full(128, 40), np.full(128, 90))
    source = parse_song(build_midi([Part("Bass", 33, False, notes)], Grid(480, 8 * BAR)), "song.mid")
    played = basedrum.Drummer(FakeModel()).play(source, seed=1, feel="half")
    assert played.drums.hits.any()
