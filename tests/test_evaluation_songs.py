"""An evaluation plays what a user gets: whole songs through the door, cut into phrases afterwards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus_songs import bass_roll, drum_roll, song, write_songs
from evaluation_data import HOLED, WALTZ, small_dataset

from basedrum import app
from basedrum.corpus.collect import PrepareOptions, prepare
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError
from basedrum.evaluation import songs as songs_room
from basedrum.evaluation.drummers import UserDrummer, baseline_drummer
from basedrum.evaluation.evaluation_set import build_evaluation_set, choose_run, phrase_measures
from basedrum.evaluation.playing import (
    moved_later,
    play_songs,
    play_variants,
    play_with_seed,
    real_spliced_values,
    splice_songs,
    spliced_values,
    with_bass,
)
from basedrum.evaluation.song_metrics import NoiseTest, likeness, noise_metrics
from basedrum.evaluation.songs import HeldOutSong, lay_song, lay_songs, read_songs
from basedrum.measures.baselines import CopiedKick, FixedBeat
from basedrum.measures.listener import dominant_bar, song_likeness
from basedrum.midi.reading import read_song
from basedrum.music import kit
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import DrumRoll
from basedrum.music.song import drum_notes

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> PhraseDataset:
    return small_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def laid(dataset):
    return lay_songs(read_songs(dataset)[0]).songs


@pytest.fixture(scope="module")
def phrases(laid):
    return build_evaluation_set(laid)


def named(laid, name):
    return next(each for each in laid if each.held_out.id == name)


class Witness:
    """Plays a fixed beat and notes what it was asked for; its default seed is the length of the song's
    name."""

    name = "witness"

    def __init__(self, drummer=None):
        self.drummer = drummer or baseline_drummer(FixedBeat())
        self.asked = []

    def play(self, song, seed=None, **options):
        self.asked.append((song.name, seed, options))
        return self.drummer.play(song, len(song.name) + 40 if seed is None else seed, **options)


@pytest.mark.parametrize("name", ["shuffle", "six_eight", "funk"])
def test_what_is_measured_is_what_generate_writes(name, tmp_path):
    data = (SAMPLES / f"{name}.mid").read_bytes()
    measured = lay_song(HeldOutSong(0, name, "", data), baseline_drummer(FixedBeat()))
    (ours,) = play_songs(UserDrummer("default"), [measured])
    app.generate([SAMPLES / f"{name}.mid"], tmp_path / "out.mid")
    written = DrumRoll.from_notes(drum_notes(read_song(tmp_path / "out.mid")), measured.grid)
    assert ours[0].any() and np.array_equal(ours[0], written.to_kit())


def test_a_held_out_song_is_measured_as_it_is_generated(dataset, laid, tmp_path):
    song_ = named(laid, "27")
    (tmp_path / "27.mid").write_bytes(song_.held_out.data)
    app.generate([tmp_path / "27.mid"], tmp_path / "out.mid")
    written = DrumRoll.from_notes(drum_notes(read_song(tmp_path / "out.mid")), song_.grid).to_kit()
    assert np.array_equal(play_songs(UserDrummer("default"), [song_])[0][0], written)


def test_songs_are_read_whole_and_laid_on_their_bars(laid):
    assert sorted(each.held_out.id for each in laid) == [str(number) for number in range(20, 30)]
    assert {each.held_out.source for each in laid} == {"even", "odd"}
    for each in laid:
        number, measures = int(each.held_out.id), each.grid.num_measures
        if each.held_out.id in (WALTZ, HOLED):
            continue
        assert np.array_equal(each.bass_roll.onset, bass_roll(number, measures).onset)
        assert np.array_equal(each.real, drum_roll(number, measures).to_kit())
        assert each.is_common_time
    assert not named(laid, WALTZ).is_common_time
    assert (named(laid, WALTZ).grid.measure_steps == 12).all()


def test_at_most_so_many_songs_drawn_by_the_seed(dataset):
    ids = [[each.id for each in read_songs(dataset, limit=4, seed=seed)[0]] for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2] and all(len(set(each)) == 4 for each in ids)


def test_songs_left_out_are_counted(dataset, tmp_path):
    held_out, left_out = read_songs(dataset)
    assert left_out == {songs_room.BARS_MOVED: 1} and "30" not in {each.id for each in held_out}
    mute = HeldOutSong(99, "mute", "even", song(1, bass=bass_roll(1, 12).transposed(0)))
    no_bass = replace(mute, data=(SAMPLES / "rock.mid").read_bytes()[:40])
    found = lay_songs([mute, no_bass])
    assert len(found.songs) == 1 and found.left_out == {songs_room.REFUSED: 1}


def test_songs_of_training_are_not_played(dataset):
    with pytest.raises(DataError, match="split train: is not held out"):
        read_songs(dataset, "train")


def test_phrases_are_chains_one_a_song(phrases, laid):
    assert phrases.num_songs == 10 and len(phrases) == len(
        set(zip(phrases.songs, phrases.measure, strict=True))
    )
    later = np.flatnonzero(phrases.place > 0)
    assert (phrases.songs[later] == phrases.songs[later - 1]).all()
    assert (phrases.measure[later] == phrases.measure[later - 1] + 4).all()
    sizes = {
        laid[s].held_out.id: int(n)
        for s, n in zip(*np.unique(phrases.songs, return_counts=True), strict=True)
    }
    assert sizes == {"20": 6, "21": 1, "22": 2, "23": 3, "24": 4, "25": 5, "26": 6, "27": 6, "28": 1, "29": 2}
    holed = phrases.songs == [each.held_out.id for each in laid].index(HOLED)
    assert phrases.measure[holed].tolist() == [12, 16, 20], "the longest chain, beside the hole"
    assert phrases.number[holed].tolist() == [3, 4, 5]
    assert build_evaluation_set(laid, per_song=2).place.max() == 1


def test_phrases_lie_inside_the_song_and_have_both_parts_in_three_measures(laid):
    each = named(laid, "27")
    assert phrase_measures(each) == [0, 4, 8, 12, 16, 20, 24]
    assert phrase_measures(each)[-1] + 4 == each.grid.num_measures
    shorter = each.real.copy()
    shorter[27 * 16 :] = False
    packed = each.bass.copy()
    packed[:, 27 * 16 :] = 0
    assert phrase_measures(replace(each, real=shorter, bass=packed)) == [0, 4, 8, 12, 16, 20]
    holes = each.real.copy()
    holes[4 * 16 : 5 * 16] = False
    holes[8 * 16 : 10 * 16] = False
    assert phrase_measures(replace(each, real=holes)) == [0, 4, 12, 16, 20, 24]


def test_a_run_begins_at_random_among_the_starts_of_the_longest(phrases):
    rng = np.random.default_rng(0)
    runs = [choose_run([0, 4, 8, 16, 20, 24, 32], 2, rng) for _ in range(60)]
    assert {tuple(run) for run in runs} == {(0, 4), (4, 8), (16, 20), (20, 24)}
    assert choose_run([0, 4, 8, 16, 20, 24, 32], 6, rng) in ([0, 4, 8], [16, 20, 24])
    assert choose_run([], 6, rng) == []


def test_every_drummer_is_cut_alike(phrases, laid):
    assert np.array_equal(phrases.cut([each.real for each in laid]), phrases.real)
    for row in (0, len(phrases) - 1):
        each, first = laid[phrases.songs[row]], phrases.measure[row] * 16
        assert np.array_equal(phrases.real[row], each.real[first : first + 64])
        assert np.array_equal(phrases.bass[row, 0], each.bass_roll.onset[first : first + 64])
        assert np.array_equal(phrases.onsets[row], each.onsets[first : first + 64])
    loud = phrases.cut([np.ones_like(each.real) for each in laid])
    waltz = phrases.songs == [each.held_out.id for each in laid].index(WALTZ)
    assert loud[~waltz].all() and loud[waltz].mean() == 0.75


def test_spans_are_sixteen_adjoining_measures(phrases, laid):
    spans, of = phrases.spans(phrases.real)
    assert spans.shape[1:] == (256, 12)
    assert {laid[song].held_out.id for song in of} == {"20", "24", "25", "26", "27"}
    first = np.flatnonzero(phrases.songs == of[0])
    assert np.array_equal(spans[0], phrases.real[first[:4]].reshape(256, 12))


def test_the_first_set_is_the_users_default_the_others_count_on(laid):
    witness = Witness()
    played = play_songs(witness, laid[:2], sets=3)
    assert [seed for _, seed, _ in witness.asked] == [None, 43, 44] * 2 or [
        seed for _, seed, _ in witness.asked
    ] == [None, 42 + 1, 42 + 2] * 2
    assert not any(options for *_, options in witness.asked), "default options"
    assert [len(each) for each in played] == [2, 2, 2]
    seeds = Witness()
    play_with_seed(seeds, laid[:3], 7)
    assert [seed for _, seed, _ in seeds.asked] == [7, 7, 7]


def test_drums_on_other_bars_are_refused(laid):
    one, other = laid[0], replace(laid[0], grid=Grid(96, 96 * 4 * laid[0].grid.num_measures * 2))
    with pytest.raises(ValueError, match="laid on other bars"):
        other.hits_of(baseline_drummer(FixedBeat()).play(one.held_out.read()))


def test_a_bass_that_is_moved(laid):
    common = [each for each in laid if each.is_common_time]
    drummer = baseline_drummer(CopiedKick())
    (straight,), moved = play_songs(drummer, common), play_variants(drummer, common, 0)
    for at in range(len(common)):
        assert np.array_equal(moved["up 5"][at], straight[at]) and np.array_equal(
            moved["up 12"][at], straight[at]
        )
        late, kick = moved["late 2"][at][:, kit.KICK], straight[at][:, kit.KICK]
        assert np.array_equal(late[2:-16], kick[:-18]), "up to the last bar, which may lose its end"


def test_a_moved_bass_reaches_the_drummer_and_stays_inside_the_song(laid):
    each = laid[0]
    read = each.held_out.read()
    up = replace(each.bass_notes, pitches=each.bass_notes.pitches + 5)
    changed, number = with_bass(read, each, up)
    assert np.array_equal(changed.tracks[number - 1].notes.pitches, each.bass_notes.pitches + 5)
    assert [track.is_drum for track in changed.tracks] == [track.is_drum for track in read.tracks]
    notes = Notes(np.asarray([0, 90]), np.asarray([50, 100]), np.asarray([40, 41]), np.asarray([9, 9]))
    late = moved_later(notes, 20, 100)
    assert late.start_ticks.tolist() == [20] and late.end_ticks.tolist() == [70]


def test_a_bass_joined_of_two_tracks_is_one_track_when_it_is_moved(laid):
    each = laid[0]
    read = each.held_out.read()
    bass = read.tracks[each.bass_index]
    half = len(bass.notes) // 2
    first, rest = replace(bass, notes=bass.notes[:half]), replace(bass, index=9, notes=bass.notes[half:])
    others = [track for track in read.tracks if track is not bass]
    split = replace(read, tracks=(rest, first, *others))
    joined = replace(each, bass_index=1, bass_notes=bass.notes)
    changed, number = with_bass(split, joined, bass.notes)
    assert len(changed.tracks) == len(read.tracks) and number == 1
    assert len(changed.tracks[0].notes) == len(bass.notes)


def two_songs(tmp_path):
    """Two songs of 26 bars, a bass on the beat and one on the off-beat, kicks as the bass."""
    songs = {}
    for name, step in (("on", 0), ("off", 2)):
        bass, drums = bass_roll(0, 26), drum_roll(0, 26)
        at = np.arange(26 * 16) % 4 == step
        for array in (bass.onset, bass.sustain):
            array[:] = False
            array[at, 12] = True
        drums.velocities[:, 36 - 24] = np.where(at, 90, 0)
        songs[f"{name}.mid"] = song(0, 26, bass=bass, drums=drums, transpose=step)
    folder = write_songs(tmp_path / "songs", songs)
    (tmp_path / "songs.csv").write_text("id,split\non,valid\noff,valid\n")
    options = PrepareOptions(songs_csv=tmp_path / "songs.csv", workers=1, progress=False)
    prepare([folder], tmp_path / "data", options)
    return lay_songs(read_songs(PhraseDataset.open(tmp_path / "data"))[0]).songs


def test_a_spliced_song_has_one_bass_and_then_the_other(tmp_path):
    laid = two_songs(tmp_path)
    songs = splice_songs(laid, 4)
    assert len(songs) == 4
    for each in songs:
        starts = each.song.tracks[0].notes.start_ticks % each.song.grid.ticks_per_quarter
        bars = each.song.tracks[0].notes.start_ticks // (4 * each.song.grid.ticks_per_quarter)
        assert len(set(starts[bars < 9])) == 1 == len(set(starts[bars >= 9]))
        assert set(starts[bars < 9]) != set(starts[bars >= 9]) and bars.max() == 24
        assert each.old.sum() == each.new.sum() == 64 and not (each.old & each.new).any()
    assert spliced_values(baseline_drummer(CopiedKick()), songs).tolist() == [1.0] * 4
    assert real_spliced_values(songs).tolist() == [1.0] * 4
    fixed = spliced_values(baseline_drummer(FixedBeat()), songs)
    assert sorted(set(np.round(fixed, 6))) == [-round(2 * 32 / 96, 6), round(2 * 32 / 96, 6)]
    assert splice_songs(laid[:1], 4) == []


def test_the_noise_is_tested_with_one_seed_for_all_songs(phrases):
    test = NoiseTest.draw(phrases, 3, 2, seed=5)
    assert len(test.songs) == 3 and all(phrases.laid[song].is_common_time for song in test.songs)
    witness = Witness(baseline_drummer(CopiedKick()))
    found = noise_metrics(witness, test)
    seeds = [seed for _, seed, options in witness.asked if not options]
    assert seeds == [5] * 3 + [6] * 3
    assert {seed for _, seed, options in witness.asked if options} == {5}
    assert found["transposed_5"].value == 1 and found["seed_distance"].value == 0
    played = play_songs(baseline_drummer(CopiedKick()), test.laid)[0]
    assert found["likeness_one_seed"].value == pytest.approx(likeness(test.laid, played, 0).value)
    bars = [dominant_bar(each.bars(hits)) for each, hits in zip(test.laid, played, strict=True)]
    assert likeness(test.laid, played, 0).value == song_likeness(np.stack(bars)).value


def test_what_is_cut_for_the_noise_are_the_phrases_of_its_songs(phrases):
    test = NoiseTest.draw(phrases, 3, 2, seed=5)
    cut = test.cut([~each.real for each in test.laid])
    assert np.array_equal(cut, ~phrases.real[test.rows])
    assert set(phrases.songs[test.rows].tolist()) == set(test.songs)
