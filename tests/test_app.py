"""The verb generate and the Python API, with a fake drummer: what is read, what is written, what is
refused."""

import subprocess
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

import basedrum
from basedrum import app
from basedrum.errors import BasedrumError, ConfigError, MidiError, NoBassError, WeightsError
from basedrum.midi.building import build_midi
from basedrum.midi.reading import read_song
from basedrum.music.grid import Grid
from basedrum.music.kit import HIGH_TOM, KICK, SNARE
from basedrum.music.notes import Notes
from basedrum.music.song import Part, drum_notes

QUARTER = 480
BAR = 4 * QUARTER


class FakeState:
    """A kick under each bass note, a backbeat, and one more snare whose place the seed decides."""

    score = None

    def __init__(self, seed, temperature, density, style):
        self.seed, self.settings = seed, (temperature, density, style)

    def play(self, phrase):
        hits = np.zeros((64, 12), bool)
        hits[:, KICK] = phrase.bass[0].any(axis=1)
        hits[[4, 12, 20, 28, 36, 44, 52, 60, 33 + self.seed % 7], SNARE] = True
        return hits

    def remember(self, bass, hits):
        pass


class FakeModel:
    name, lookahead, styles = "fake", 0, ("funk", "reggae")

    def new_song(self, seed, controls):
        controls.check(self.styles)
        return FakeState(seed, controls.temperature, controls.density, controls.style)


def load_fake(name_or_path):
    if name_or_path != "default":
        raise WeightsError(f"{name_or_path}: no such drummer, choose default")
    return FakeModel()


@pytest.fixture(autouse=True)
def fake_drummer(monkeypatch):
    module = types.ModuleType("basedrum.drummer.sampling")
    module.load_phrase_model = load_fake
    monkeypatch.setitem(sys.modules, "basedrum.drummer.sampling", module)


def bass_notes(num_bars=6):
    starts = np.arange(num_bars * 2) * 2 * QUARTER
    return Notes(starts, starts + QUARTER, 36 + np.arange(len(starts)) % 5, np.full(len(starts), 90))


def write_bass(path, num_bars=6, **grid):
    notes = bass_notes(num_bars)
    path.write_bytes(
        build_midi([Part("Fingered Bass", 33, False, notes)], Grid(QUARTER, num_bars * BAR, **grid))
    )
    return path


def test_the_drums_follow_the_bass_from_its_first_bar_to_its_last(tmp_path):
    song = basedrum.Drummer().play(write_bass(tmp_path / "bass.mid"), seed=1, humanize=0)
    notes = song.drums.to_notes(song.song.grid)
    kicks = notes.start_ticks[notes.pitches == 36]
    assert np.array_equal(kicks, bass_notes().start_ticks)
    assert song.num_bars == 6 and song.bass.name == "Fingered Bass"
    assert notes.start_ticks.max() < 6 * BAR


def test_the_written_song_keeps_the_bass_and_has_the_drums(tmp_path):
    source = write_bass(tmp_path / "bass.mid", tempos=((0, 93.0),))
    song = basedrum.Drummer().play(source, seed=1)
    again = read_song(song.write(tmp_path / "out.mid"))
    assert np.array_equal(again.tracks[0].notes.start_ticks, bass_notes().start_ticks)
    assert len(drum_notes(again)) == song.drums.hits.sum()
    assert again.grid.tempos == read_song(source).grid.tempos


def test_late_hits_stay_inside_the_song(tmp_path):
    source = tmp_path / "bass.mid"
    notes = Notes(
        np.asarray([0, BAR - 120]), np.asarray([90, BAR - 80]), np.asarray([40, 40]), np.asarray([90, 90])
    )
    source.write_bytes(build_midi([Part("Bass", 33, False, notes)], Grid(QUARTER, BAR - 80)))
    song = basedrum.Drummer().play(source, humanize=1)
    offsets = np.where(song.drums.hits, np.float32(0.45), 0)
    drums = type(song.drums)(song.drums.velocities, offsets)
    late = replace(song, performance=replace(song.performance, drums=drums))
    again = read_song(late.write(tmp_path / "late.mid"))
    assert drum_notes(again).start_ticks.max() < song.song.grid.end_tick
    assert len(drum_notes(again)) == song.drums.hits.sum()


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    one, same, other = (basedrum.Drummer().play(source, seed=s).to_midi() for s in (4, 4, 5))
    assert one == same != other


def test_the_default_place_is_beside_the_input(tmp_path):
    written, failures = app.generate([write_bass(tmp_path / "bass.mid")])
    assert not failures and [w.path for w in written] == [tmp_path / "bass.drums.mid"]
    assert (tmp_path / "bass.drums.mid").read_bytes() == written[0].played.to_midi()


def test_candidates_are_numbered_and_each_can_be_had_alone_by_its_seed(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    written, _ = app.generate([source], tmp_path / "out.mid", seed=7, candidates=3)
    assert [w.path.name for w in written] == ["out.1.mid", "out.2.mid", "out.3.mid"]
    assert written[1].path.read_bytes() == basedrum.Drummer().play(source, seed=8).to_midi()
    assert len({w.path.read_bytes() for w in written}) == 3


def test_a_bad_file_does_not_stop_the_others(tmp_path):
    good, also = write_bass(tmp_path / "a.mid"), write_bass(tmp_path / "c.mid")
    bad = tmp_path / "b.mid"
    bad.write_bytes(b"not music")
    written, failures = app.generate([good, bad, tmp_path / "missing.mid", also], tmp_path / "drums")
    assert [w.path.name for w in written] == ["a.drums.mid", "c.drums.mid"]
    assert (
        len(failures) == 2 and all(isinstance(f, MidiError) for f in failures) and "b.mid" in str(failures[0])
    )
    assert sorted(p.name for p in (tmp_path / "drums").iterdir()) == ["a.drums.mid", "c.drums.mid"]


def test_drums_only_writes_no_bass_and_keep_drums_keeps_both(tmp_path):
    old = Notes(
        np.asarray([0, QUARTER]), np.asarray([60, QUARTER + 60]), np.asarray([56, 56]), np.asarray([99, 99])
    )
    source = tmp_path / "song.mid"
    source.write_bytes(
        build_midi([Part("Bass", 33, False, bass_notes()), Part("Old", 0, True, old)], Grid(QUARTER, 6 * BAR))
    )
    song = basedrum.Drummer().play(source)
    replaced, kept = (read_song(song.write(tmp_path / f"{k}.mid", keep_drums=k)) for k in (False, True))
    alone = read_song(song.write(tmp_path / "alone.mid", drums_only=True))
    assert 56 not in drum_notes(replaced).pitches and (drum_notes(kept).pitches == 56).sum() == 2
    assert all(track.is_drum for track in alone.tracks) and len(drum_notes(alone)) == len(
        drum_notes(replaced)
    )


def test_only_other_parts_playing_still_get_drums_and_a_rest_of_all_gets_none(tmp_path):
    chords = Notes(np.asarray([6 * BAR]), np.asarray([8 * BAR]), np.asarray([72]), np.asarray([70]))
    source = tmp_path / "song.mid"
    bass = Notes.join(
        [
            bass_notes(2),
            Notes(np.asarray([10 * BAR]), np.asarray([11 * BAR]), np.asarray([40]), np.asarray([90])),
        ]
    )
    source.write_bytes(
        build_midi([Part("Bass", 33, False, bass), Part("Pad", 89, False, chords)], Grid(QUARTER, 11 * BAR))
    )
    hits = basedrum.Drummer().play(source).drums.hits.reshape(11, -1).any(axis=1)
    assert np.flatnonzero(hits).tolist() == [0, 1, 6, 7, 10]


def test_the_settings_reach_the_drummer(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        FakeModel,
        "new_song",
        lambda self, seed, controls: seen.update(vars(controls)) or FakeState(seed, 1, 1, 1),
    )
    basedrum.Drummer().play(write_bass(tmp_path / "b.mid"), temperature=0.5, density=9.0, style="funk")
    assert seen == {"temperature": 0.5, "density": 9.0, "style": "funk"}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"style": "polka"}, "funk, reggae"),
        ({"temperature": -0.1}, "from 0"),
        ({"temperature": float("nan")}, "temperature"),
        ({"density": -1}, "density"),
        ({"humanize": 2}, "humanize"),
        ({"fills": 2.1}, "fills"),
        ({"fills": float("nan")}, "fills"),
        ({"seed": -1}, "seed"),
        ({"candidates": 0}, "candidates"),
        ({"png_bars": 33}, "png bars"),
        ({"kit": "roland"}, "ssd5"),
        ({"bars": (0, 3)}, "counted from 1"),
        ({"bars": (4, 3)}, "counted from 1"),
        ({"bars": (1, 2), "keep_drums": True}, "bars"),
        ({"candidates": 65}, "candidates"),
        ({"drums_only": True, "keep_drums": True}, "drums only"),
        ({"model": "nobody"}, "nobody"),
    ],
)
def test_options_out_of_range_are_refused_and_nothing_is_written(tmp_path, options, words):
    with pytest.raises((ConfigError, WeightsError), match=words):
        app.generate([write_bass(tmp_path / "bass.mid")], tmp_path / "new" / "out.mid", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["bass.mid"]


def test_no_bass_is_said_with_the_tracks(tmp_path):
    source = tmp_path / "flute.mid"
    high = Notes(np.arange(8) * QUARTER, np.arange(8) * QUARTER + 200, np.full(8, 90), np.full(8, 90))
    source.write_bytes(build_midi([Part("Flute", 73, False, high)], Grid(QUARTER, 2 * BAR)))
    with pytest.raises(NoBassError, match="--bass-track"):
        basedrum.Drummer().play(source)
    assert basedrum.Drummer().play(source, bass_track="flute").drums.hits.any()


def test_an_input_is_never_overwritten(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    link = tmp_path / "link.mid"
    link.symlink_to(source)
    before = source.read_bytes()
    for output in (source, link, tmp_path / "x" / ".." / "bass.mid"):
        with pytest.raises(BasedrumError, match="is an input"):
            app.generate([source], output)
    assert source.read_bytes() == before


def test_two_songs_of_one_name_do_not_overwrite_each_other(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    songs = [write_bass(tmp_path / "a" / "x.mid"), write_bass(tmp_path / "b" / "x.mid")]
    with pytest.raises(BasedrumError, match="written twice"):
        app.generate(songs, tmp_path / "out")
    written, _ = app.generate(songs)
    assert [w.path for w in written] == [tmp_path / "a" / "x.drums.mid", tmp_path / "b" / "x.drums.mid"]


def test_outputs_that_cannot_be(tmp_path):
    source, other = write_bass(tmp_path / "a.mid"), write_bass(tmp_path / "b.mid")
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(BasedrumError, match=r"neither a \.mid file nor a folder"):
        app.generate([source], tmp_path / "out.wav")
    with pytest.raises(BasedrumError, match="is a file"):
        app.generate([source, other], file)
    _, failures = app.generate([source], file / "out.mid")
    assert "cannot be made" in str(failures[0])


def test_a_song_of_absurdly_many_bars_is_refused_before_it_is_rolled(tmp_path):
    source = write_bass(tmp_path / "tiny.mid", 2000, time_signatures=((0, 1, 64),))
    with pytest.raises(MidiError, match="bars"):
        basedrum.Drummer().play(source)


def test_the_package_offers_only_what_it_names():
    with pytest.raises(AttributeError, match="no attribute 'Bassist'"):
        _ = basedrum.Bassist
    assert basedrum.generate is app.generate


def test_a_picture_of_the_song(tmp_path):
    song = basedrum.Drummer().play(write_bass(tmp_path / "bass.mid"))
    assert song.picture(tmp_path / "bass.png", num_bars=4).read_bytes().startswith(b"\x89PNG")
    app.generate([tmp_path / "bass.mid"], tmp_path / "out.mid", png=True, png_bars=4)
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    app.generate([tmp_path / "bass.mid"], tmp_path / "old.mid", png=True)
    assert (tmp_path / "old.png").stat().st_size > (tmp_path / "out.png").stat().st_size
    with pytest.raises(ValueError, match="bars 7 to 14"):
        song.picture(tmp_path / "no.png", first_bar=7)


def test_the_sound_of_the_song(tmp_path):
    song = basedrum.Drummer().play(write_bass(tmp_path / "bass.mid", tempos=((0, 93.0),)))
    samples, rate = song.sound(rate=8000)
    seconds = float(song.song.grid.seconds_at(np.array([song.song.grid.end_tick]))[0])
    assert rate == 8000 and samples.any() and abs(len(samples) / rate - seconds - 2) < 0.01
    drums_only, _ = song.sound(rate=8000, drums_only=True)
    assert drums_only.any() and not np.array_equal(samples, drums_only)
    app.generate([tmp_path / "bass.mid"], tmp_path / "out.mid", wav=True)
    written = (tmp_path / "out.wav").read_bytes()
    assert written[:4] == b"RIFF" and song.wav(tmp_path / "again.wav").read_bytes() == written


def test_a_song_too_long_to_hear_is_named(tmp_path):
    source = write_bass(tmp_path / "bass.mid", num_bars=63, tempos=((0, 10.0),))
    written, failures = app.generate([source], tmp_path / "out.mid", wav=True)
    assert not written and len(failures) == 1 and str(failures[0]).startswith("bass.mid: sound: 25 minutes")
    assert (tmp_path / "out.mid").exists() and not (tmp_path / "out.wav").exists()


def test_candidates_are_ranked_where_the_drummer_can_tell(tmp_path, monkeypatch):
    """Each is written under its place, with its own seed and score; without scores the seeds decide."""
    play = basedrum.Drummer.play
    scores = {5: 0.2, 6: 0.9, 7: 0.4}
    monkeypatch.setattr(FakeState, "score", property(lambda state: scores[state.seed]))
    source = write_bass(tmp_path / "bass.mid")
    written, _ = app.generate([source], tmp_path / "out.mid", seed=5, candidates=3)
    assert [(w.path.name, w.played.seed, w.played.score) for w in written] == [
        ("out.1.mid", 6, 0.9),
        ("out.2.mid", 7, 0.4),
        ("out.3.mid", 5, 0.2),
    ]
    assert (tmp_path / "out.1.mid").read_bytes() == play(basedrum.Drummer(), source, seed=6).to_midi()


def test_a_drummer_with_a_ranker_tells_its_score(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeState, "score", 0.5, raising=False)
    source = write_bass(tmp_path / "bass.mid")
    assert [basedrum.Drummer().play(source, fills=x).score for x in (1, 2)] == [0.5, 0.5]
    monkeypatch.setattr(FakeState, "score", None)
    assert basedrum.Drummer().play(source).score is None


def test_another_kit_writes_other_notes_and_sounds_the_same(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    plain, other = (basedrum.Drummer().play(source, kit=kit) for kit in ("gm", "ad2"))
    written = drum_notes(read_song(other.write(tmp_path / "ad2.mid")))
    assert set(written.pitches.tolist()) == {36, 38}
    mine = tmp_path / "mine.toml"
    mine.write_text("kick = 12\nsnare = 13\n")
    own = basedrum.Drummer().play(source, kit=mine)
    assert set(drum_notes(read_song(own.write(tmp_path / "own.mid"))).pitches.tolist()) == {12, 13}
    alone = read_song(own.write(tmp_path / "alone.mid", drums_only=True))
    assert set(drum_notes(alone).pitches.tolist()) == {12, 13}
    assert np.array_equal(own.sound(rate=8000)[0], plain.sound(rate=8000)[0])


@pytest.mark.parametrize("kit", ["gm", "ssd5"])
@pytest.mark.parametrize(
    "bars, inside", [((3, 5), range(2, 5)), ((5, None), range(4, 6)), ((None, 1), range(1)), ((6, 6), [5])]
)
def test_only_the_bars_asked_for_are_played_anew(tmp_path, bars, inside, kit):
    source = (
        basedrum.Drummer()
        .play(write_bass(tmp_path / "bass.mid"), seed=0, kit=kit)
        .write(tmp_path / "song.mid")
    )
    again = basedrum.Drummer().play(source, seed=4, kit=kit, bars=bars, humanize=1)
    before, after = (
        drum_notes(song) for song in (read_song(source), read_song(again.write(tmp_path / "again.mid")))
    )

    def rows(notes, there):
        at = np.isin(read_song(source).grid.locate(notes.start_ticks)[0], inside) == there
        return list(zip(*(getattr(notes, name)[at].tolist() for name in vars(notes)), strict=True))

    assert rows(after, False) == rows(before, False)
    assert rows(after, True) != rows(before, True) and len(rows(after, True)) > len(inside)
    assert len(again.drum_notes) == len(after) == again.drums.hits.sum()
    assert len(drum_notes(read_song(again.write(tmp_path / "alone.mid", drums_only=True)))) == len(after)


def test_played_anew_with_its_own_seed_a_song_stays_as_it_is(tmp_path):
    source = write_bass(tmp_path / "bass.mid", num_bars=14)
    song = basedrum.Drummer().play(source, seed=2)
    again = basedrum.Drummer().play(song.write(tmp_path / "song.mid"), seed=2, bars=(5, 8))
    assert np.array_equal(again.drums.velocities, song.drums.velocities) and again.bars == (4, 7)
    assert len(again.drum_notes) == len(song.drum_notes)


def test_fills_come_where_phrases_end(tmp_path, monkeypatch):
    """The fake drummer rolls at the end of every phrase, one tom more with every seed."""
    play = FakeState.play

    def with_roll(self, *heard):
        hits = play(self, *heard)
        hits[56 : 57 + self.seed % 4, HIGH_TOM] = True
        return hits

    monkeypatch.setattr(FakeState, "play", with_roll)
    source = write_bass(tmp_path / "bass.mid", num_bars=8)
    toms = [
        basedrum.Drummer().play(source, seed=4, fills=x).drums.to_kit()[:, HIGH_TOM].sum() for x in (0, 1, 2)
    ]
    assert toms[:2] == [0, 2] and toms[2] > 2


def test_bars_a_song_has_not_and_songs_without_drums_are_told(tmp_path):
    source = write_bass(tmp_path / "bass.mid")
    with pytest.raises(MidiError, match="it has 6"):
        basedrum.Drummer().play(source, bars=(5, 7))
    with pytest.raises(MidiError, match="no drums to keep"):
        basedrum.Drummer().play(source, bars=(5, 6))
    _, failures = app.generate([source], tmp_path / "out.mid", bars=(5, 6))
    assert len(failures) == 1 and not (tmp_path / "out.mid").exists()


def test_the_styles_a_drummer_knows_are_read_off_its_file_without_torch(tmp_path):
    assert "funk" in app.styles() and set(app.styles()) >= set(app.styles("lookahead"))
    with pytest.raises(WeightsError, match="not found"):
        app.styles("nobody")
    foreign = tmp_path / "song.mid"
    foreign.write_bytes(b"MThd" + bytes(40))
    with pytest.raises(WeightsError, match="no drummer of basedrum"):
        app.styles(foreign)
    code = "import sys; from basedrum import app; app.styles(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("typed", ["Reggae", "one drop", "one-drop", "dub"])
def test_a_style_may_be_asked_for_by_its_other_names(tmp_path, typed):
    played = basedrum.Drummer().play(write_bass(tmp_path / "b.mid"), style=typed)
    assert played.performance.player.settings[2] == "reggae"
    with pytest.raises(ConfigError, match="use one of funk, reggae"):
        basedrum.Drummer().play(write_bass(tmp_path / "b.mid"), style="trap")
