"""prepare: songs in, phrases out; duplicates, splits, caps, resuming, and the same bytes however it is
run."""

import csv
import io
import tarfile
import zipfile
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from corpus_songs import bass_roll, drum_roll, song, write_songs

from basedrum.corpus import collect, shard_tasks, shards
from basedrum.corpus.collect import PrepareOptions, prepare
from basedrum.corpus.held_out import read_held_out
from basedrum.corpus.lpd import read_lpd_pair
from basedrum.corpus.phrases import PhraseDataset, write_dataset
from basedrum.corpus.song_pair import read_pair
from basedrum.errors import DataError
from basedrum.files import take_lock
from basedrum.midi.building import build_midi
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def skipped(folder: Path) -> dict[str, str]:
    with open(folder / "skipped.csv", encoding="utf-8") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def run(sources, out, **options):
    return prepare(sources, out, PrepareOptions(**{"workers": 1, "progress": False, **options}))


def test_a_written_song_comes_back_cell_for_cell(tmp_path):
    bass, drums = bass_roll(1, 12), drum_roll(1, 12)
    folder = write_songs(tmp_path / "songs", {"a.mid": song(1, 12)})
    report = run([folder], tmp_path / "out")
    data = PhraseDataset.open(tmp_path / "out")
    assert (report.songs, report.kept_songs, report.phrases, len(data)) == (1, 1, 3, 3)
    rows = np.arange(3)
    assert np.array_equal(data.bass(rows)[:, 0].reshape(-1, 72), bass.onset)
    assert np.array_equal(data.bass(rows)[:, 1].reshape(-1, 72), bass.sustain)
    assert np.array_equal(data.drums(rows).reshape(-1, 72), drums.hits)
    assert np.array_equal(data.kit(rows).reshape(-1, 12), drums.to_kit())
    assert data.index["measure"].tolist() == [0, 4, 8]
    assert data.index["previous"].tolist() == [-1, 0, 1] and data.index["next"].tolist() == [1, 2, -1]
    assert np.allclose(data.index["qpm"], 100, atol=0.01) and (data.index["measure_steps"] == 16).all()


def test_three_four_songs_lie_on_measures_of_twelve_steps(tmp_path):
    folder = write_songs(tmp_path / "songs", {"waltz.mid": song(2, 8, steps=12)})
    run([folder], tmp_path / "out")
    data = PhraseDataset.open(tmp_path / "out")
    assert (data.index["measure_steps"] == 12).all() and len(data) == 2
    bass, drums = (
        data.bass(np.arange(2)).reshape(2, 2, 4, 16, 72),
        data.drums(np.arange(2)).reshape(2, 4, 16, 72),
    )
    assert not bass[..., 12:, :].any() and not drums[..., 12:, :].any()
    assert np.array_equal(drums.reshape(-1, 72), drum_roll(2, 8, 12).hits)
    assert np.array_equal(bass.transpose(1, 0, 2, 3, 4).reshape(2, -1, 72), bass_roll(2, 8, 12).to_array())


def test_windows_where_a_part_is_silent_are_left_out_and_links_stop_there(tmp_path):
    bass, drums = bass_roll(3, 20), drum_roll(3, 20)
    drums.velocities[16 * 4 : 16 * 6] = 0  # phrase 1: drums in two measures of four
    bass.onset[16 * 12 : 16 * 13], bass.sustain[16 * 12 : 16 * 13] = (
        False,
        False,
    )  # phrase 3: bass in three of four
    run([write_songs(tmp_path / "songs", {"a.mid": song(3, 20, bass=bass, drums=drums)})], tmp_path / "out")
    index = PhraseDataset.open(tmp_path / "out").index
    assert index["measure"].tolist() == [0, 8, 12, 16]
    assert index["previous"].tolist() == [-1, -1, 1, 2] and index["next"].tolist() == [-1, 2, 3, -1]


def test_phrases_begin_where_the_music_begins(tmp_path):
    bass, drums = bass_roll(4, 10), drum_roll(4, 10)
    for array in (bass.onset, bass.sustain, drums.velocities):
        array[:32] = 0
    run([write_songs(tmp_path / "songs", {"a.mid": song(4, 10, bass=bass, drums=drums)})], tmp_path / "out")
    assert PhraseDataset.open(tmp_path / "out").index["measure"].tolist() == [2, 6]


def test_duplicates_are_found_in_any_key(tmp_path):
    half = bass_roll(5, 12)
    half.onset[16 * 7 :], half.sustain[16 * 7 :] = bass_roll(6, 5).onset, bass_roll(6, 5).sustain
    songs = {
        "a.mid": song(5), "b-copy.mid": song(5), "c-transposed.mid": song(5, transpose=7),
        "d-other-drums.mid": song(5, drums=drum_roll(9, 12)), "e-half.mid": song(7, bass=half),
        "f-other.mid": song(8),
    }  # fmt: skip
    report = run([write_songs(tmp_path / "songs", songs)], tmp_path / "out")
    kept = PhraseDataset.open(tmp_path / "out").songs
    assert kept == ["a", "f-other"]
    assert skipped(tmp_path / "out")["c-transposed.mid"] == "duplicate of a.mid"
    assert report.skipped == {"duplicates": 4}


def test_songs_that_share_some_of_their_bass_share_their_split(tmp_path):
    songs = {}
    for i in range(20):
        bass = bass_roll(100 + i, 20)
        other = bass_roll(500 + i, 20)
        other.onset[: 16 * 7], other.sustain[: 16 * 7] = bass.onset[: 16 * 7], bass.sustain[: 16 * 7]
        songs[f"{i:02}-one.mid"] = song(i, 20, bass=bass)
        songs[f"{i:02}-two.mid"] = song(i, 20, bass=other, transpose=3)
    run([write_songs(tmp_path / "songs", songs)], tmp_path / "out", source_caps={})
    table = PhraseDataset.open(tmp_path / "out").song_table
    assert len(table) == 40
    for one, two in zip(table[::2], table[1::2], strict=True):
        assert (one["group"], one["split"]) == (two["group"], two["split"])
    assert len({row["group"] for row in table}) == 20


def test_splits_hold_ninety_five_five_and_do_not_move_with_names_or_company(tmp_path):
    songs = {f"{i:03}.mid": song(i, 4) for i in range(300)}
    run([write_songs(tmp_path / "all", songs)], tmp_path / "out")
    split = {row["id"]: row["split"] for row in PhraseDataset.open(tmp_path / "out").song_table}
    counts = [list(split.values()).count(name) for name in ("train", "valid", "test")]
    assert 255 <= counts[0] <= 285 and 5 <= counts[1] <= 27 and 5 <= counts[2] <= 27
    few = {f"renamed-{name}": data for name, data in songs.items() if split[name[:-4]] != "train"}
    run([write_songs(tmp_path / "few", few)], tmp_path / "out2")
    again = {row["id"]: row["split"] for row in PhraseDataset.open(tmp_path / "out2").song_table}
    assert again == {f"renamed-{name}": part for name, part in split.items() if part != "train"}
    run([tmp_path / "few"], tmp_path / "out3", seed=1)
    assert {row["id"]: row["split"] for row in PhraseDataset.open(tmp_path / "out3").song_table} != again


def labelled(tmp_path: Path, rows: list[str]) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_csv_names_splits_groups_sources_and_styles(tmp_path):
    write_songs(tmp_path / "songs", {f"s{i}.mid": song(i) for i in range(5)})
    rows = [
        "id,split,source,genre,group",
        "s0,test,net,web90s-pop,",
        "s1,valid,net,jazz-mixed,g",
        "s2,,net,polka,g",
    ]
    labels = labelled(tmp_path, [*rows, "s3,train,,rock,"])
    run([tmp_path / "songs"], tmp_path / "out", songs_csv=labels)
    data = PhraseDataset.open(tmp_path / "out")
    table = {row["id"]: row for row in data.song_table}
    assert [table[f"s{i}"]["split"] for i in range(4)] == ["test", "valid", "valid", "train"]
    assert [table[f"s{i}"]["style"] for i in range(5)] == ["pop", "jazz", "", "rock", ""]
    assert data.styles == ["jazz", "pop", "rock"] and data.sources == ["net"]
    assert set(data.index["song"][data.rows("valid")].tolist()) == {1, 2}
    assert data.index["style"][data.index["song"] == 4].tolist() == [-1] * 3


def test_bar_lines_that_the_csv_doubts_are_moved_by_half_a_bar_or_the_song_is_left_out(tmp_path):
    write_songs(tmp_path / "songs", {f"s{i}.mid": song(i) for i in range(3)})
    labels = labelled(tmp_path, ["id,phase16,phase_gain", "s0,8,.5", "s1,4,.5", "s2,4,.1"])
    run([tmp_path / "songs"], tmp_path / "out", songs_csv=labels)
    data = PhraseDataset.open(tmp_path / "out")
    assert data.songs == ["s0", "s2"]
    moved = data.drums(np.flatnonzero(data.index["song"] == 0)).reshape(-1, 72)
    whole = np.concatenate([np.zeros((8, 72), bool), drum_roll(0, 12).hits])
    first = int(data.index["measure"][0]) * 16
    assert np.array_equal(moved, whole[first : first + len(moved)])
    assert "bar lines" in skipped(tmp_path / "out")["s1.mid"]


def test_caps_bound_the_share_of_a_style_in_the_sampling_weight(tmp_path):
    write_songs(tmp_path / "songs", {f"s{i}.mid": song(i) for i in range(10)})
    labels = labelled(
        tmp_path, ["id,genre,split", *(f"s{i},{'game' if i < 8 else 'rock'},train" for i in range(10))]
    )
    run([tmp_path / "songs"], tmp_path / "out", songs_csv=labels, source_caps={"game": 0.2})
    data = PhraseDataset.open(tmp_path / "out")
    weight = data.index["weight"]
    assert np.isclose(
        weight[data.index["style"] == data.styles.index("game")].sum() / weight.sum(), 0.2, atol=1e-5
    )
    assert weight[data.index["style"] == data.styles.index("rock")].tolist() == [1.0] * 6


def test_without_a_csv_songs_are_capped_by_the_folder_or_archive_they_come_from(tmp_path):
    for name, seeds in (("much", range(8)), ("some", range(8, 12))):
        write_songs(tmp_path / name, {f"s{i}.mid": song(i) for i in seeds})
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as file:
        file.add(tmp_path / "some", "inside")
    run([tmp_path / "much", tmp_path / "some.tar.gz"], tmp_path / "out", source_caps={"much": 0.25})
    data = PhraseDataset.open(tmp_path / "out")
    assert data.sources == ["much", "some"] and {row["source"] for row in data.song_table} == {"much", "some"}
    rows = data.index[data.rows("train")]
    assert np.isclose(rows["weight"][rows["source"] == 0].sum() / rows["weight"].sum(), 0.25, atol=1e-5)
    run([tmp_path / "some" / "s8.mid"], tmp_path / "one")
    assert PhraseDataset.open(tmp_path / "one").sources == ["some"]


def test_a_loop_weighs_as_much_as_one_phrase(tmp_path):
    bass, drums = bass_roll(1, 16), drum_roll(1, 16)
    for array in (bass.onset, bass.sustain, drums.velocities):
        array[64:192] = np.concatenate([array[:64], array[:64]])
    run([write_songs(tmp_path / "songs", {"a.mid": song(1, 16, bass=bass, drums=drums)})], tmp_path / "out")
    index = PhraseDataset.open(tmp_path / "out").index
    assert np.allclose(index["weight"], [1 / 3, 1 / 3, 1 / 3, 1]) and index["next"].tolist() == [1, 2, 3, -1]


@pytest.fixture
def many(tmp_path, monkeypatch):
    """Nine songs in shards of two, one of them no MIDI file, one without bass."""
    monkeypatch.setattr(shard_tasks, "SONGS_PER_SHARD", 2)
    songs = {f"{i}.mid": song(i, 8) for i in range(7)}
    return write_songs(tmp_path / "songs", {**songs, "7.mid": b"nothing", "8.mid": song(0, 8)[:60]})


def test_folders_archives_and_any_number_of_workers_give_the_same_bytes(tmp_path, many):
    run([many], tmp_path / "one")
    run([many], tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as file:
        for path in sorted(many.iterdir()):
            file.write(path, path.name)
    for kind in ("gz", "xz"):
        with tarfile.open(tmp_path / f"songs.tar.{kind}", f"w:{kind}") as file:
            for path in sorted(many.iterdir()):
                file.add(path, path.name)
    for archive in ("songs.zip", "songs.tar.gz", "songs.tar.xz"):
        run([tmp_path / archive], tmp_path / f"from-{archive}")
        assert contents(tmp_path / "one") == contents(tmp_path / f"from-{archive}")
    assert sorted(skipped(tmp_path / "one")) == ["7.mid", "8.mid"]


def test_a_run_that_died_goes_on_and_ends_the_same(tmp_path, many, monkeypatch):
    run([many], tmp_path / "whole")
    made = []

    def dying(task):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(task.shard)
        return shards.make_shard(task)

    monkeypatch.setattr(shard_tasks, "make_shard", dying)
    with pytest.raises(KeyboardInterrupt):
        run([many], tmp_path / "out")
    with pytest.raises(DataError, match="finished"):
        PhraseDataset.open(tmp_path / "out")
    fresh = []
    monkeypatch.setattr(
        shard_tasks, "make_shard", lambda task: fresh.append(task.shard) or shards.make_shard(task)
    )
    run([many], tmp_path / "out")
    assert len(fresh) == 2 and contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not (tmp_path / "out" / ".shards").exists()


def test_other_songs_under_the_same_names_are_read_again(tmp_path, many, monkeypatch):
    monkeypatch.setattr(collect, "merge_shards", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run([many], tmp_path / "out")
    monkeypatch.undo()
    (many / "3.mid").write_bytes(song(33, 8))
    run([many], tmp_path / "out")
    data = PhraseDataset.open(tmp_path / "out")
    assert np.array_equal(
        data.drums(np.flatnonzero(data.index["song"] == 3)).reshape(-1, 72), drum_roll(33, 8).hits
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p / "missing", "no such file"),
        (lambda p: _file(p / "a.txt", b"x"), "no MIDI file, folder or archive"),
        (lambda p: _file(p / "a.zip", b"PK broken"), "broken archive"),
        (lambda p: _file(p / "a.tar.xz", b"broken"), "broken archive"),
        (lambda p: _file(p / "a.mid", b"broken"), "no song was fit"),
        (lambda p: p, "no song was fit"),
    ],
)
def test_sources_that_cannot_be_used_are_one_clear_line(tmp_path, make, says):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=says) as caught:
        run([make(tmp_path / "in")], tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "meta.json").exists()


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_an_archive_member_larger_than_any_song_is_passed_by(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name, data in (("big.mid", b"MThd" + bytes(9 * 2**20)), ("ok.mid", song(1))):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    run([tmp_path / "a.tar"], tmp_path / "out")
    assert skipped(tmp_path / "out") == {"big.mid": "larger than 8 MB"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["name,split", "a,train"], "no column"),
        (["id,split", "a,dev"], "unknown split"),
        (["id,phase16", "a,x"], "must be numbers"),
    ],
)
def test_a_csv_that_cannot_be_used_is_one_clear_line(tmp_path, rows, says):
    folder = write_songs(tmp_path / "songs", {"a.mid": song(1)})
    with pytest.raises(DataError, match=says):
        run([folder], tmp_path / "out", songs_csv=labelled(tmp_path, rows))


def test_a_file_of_endless_notes_is_left_out_before_it_is_laid_out(tmp_path):
    time = Grid(96, 96 * 19_000, (), ())
    count = 30_000
    start = np.arange(count) * 48
    bass = Notes(start, np.full(count, time.end_tick), 30 + np.arange(count) % 30, np.full(count, 90))
    drums = Notes(start, start + 10, np.resize([36, 38], count), np.full(count, 90))
    endless = build_midi([Part("Bass", 33, False, bass), Part("Drums", 0, True, drums)], time)
    write_songs(tmp_path / "songs", {"endless.mid": endless, "sound.mid": song(1)})
    run([tmp_path / "songs"], tmp_path / "out")
    assert skipped(tmp_path / "out") == {"endless.mid": "more long notes than a bass can hold"}


def test_a_killed_worker_is_one_clear_line_and_what_is_done_is_kept(tmp_path, many, monkeypatch):
    def killed(task):
        if task.items[0].path == "4.mid":
            raise BrokenProcessPool
        return shards.make_shard(task)

    monkeypatch.setattr(shard_tasks, "make_shard", killed)
    with pytest.raises(DataError, match="killed, run again"):
        run([many], tmp_path / "out")
    assert len(list((tmp_path / "out" / ".shards").iterdir())) == 2


def test_a_folder_that_another_run_writes_is_refused_and_left_alone(tmp_path, many):
    run([many], tmp_path / "out")
    before = contents(tmp_path / "out")
    with (
        take_lock(tmp_path / "out" / ".lock"),
        pytest.raises(DataError, match="another `prepare` is writing it"),
    ):
        run([tmp_path / "songs" / "1.mid"], tmp_path / "out")
    assert contents(tmp_path / "out") == before
    run([many], tmp_path / "out")


def test_the_report_tells_what_was_kept_what_not_and_where_the_data_lies(tmp_path, many):
    report = run([many], tmp_path / "out")
    lines = str(report).splitlines()
    assert lines[0] == "7 of 9 songs kept, 14 phrases of four measures"
    assert "  left out: 1 songs, is not a MIDI file" in lines
    assert lines[-1] == f"data written to {tmp_path / 'out'}, what was left out to skipped.csv there"
    assert sum(report.splits.values()) == report.phrases == 14


def held_out(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "held_out.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_songs_that_are_not_for_training_are_kept_whole(tmp_path, many):
    labels = labelled(tmp_path, ["id,split", "1,train", "2,valid", "3,train", "4,test", "5,valid", "6,train"])
    (many / "0.mid").write_bytes(b"no song: the others stand one row higher")
    report = run([many], tmp_path / "out", songs_csv=labels)
    data, rows = PhraseDataset.open(tmp_path / "out"), [1, 3, 4]
    assert [data.songs[row] for row in rows] == ["2", "4", "5"] and report.held_out == 3
    songs = {row: (many / f"{row + 1}.mid").read_bytes() for row in rows}
    assert held_out(tmp_path / "out") == {f"{row}.mid": song_ for row, song_ in songs.items()}
    assert list(read_held_out(data, rows[::-1])) == [songs[row] for row in rows[::-1]]
    (tmp_path / "out" / "held_out.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"held_out\.zip: is damaged"):
        list(read_held_out(data, rows))
    (tmp_path / "out" / "held_out.zip").unlink()
    with pytest.raises(DataError, match="no whole songs to evaluate on") as caught:
        list(read_held_out(data, rows))
    assert "\n" not in str(caught.value)


def test_of_a_pianoroll_a_midi_file_of_its_bass_and_drums_is_kept(tmp_path):
    from test_corpus_lpd import lpd_file

    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "a.npz").write_bytes(lpd_file())
    run([tmp_path / "songs"], tmp_path / "out", songs_csv=labelled(tmp_path, ["id,split", "a,valid"]))
    (data,) = held_out(tmp_path / "out").values()
    pair, again = read_lpd_pair(lpd_file(), "a"), read_pair(data, "a")
    for name in ("bass", "drums"):
        for ours, theirs in zip(getattr(again, name), getattr(pair, name), strict=True):
            assert np.array_equal(ours, theirs)
    assert again.grid.time_signatures == (pair.grid.time_signatures or ((0, 4, 4),))


@pytest.mark.parametrize("what", ["changed", "gone", "renamed"])
def test_a_song_that_changes_while_it_is_prepared_is_one_clear_line(tmp_path, many, monkeypatch, what):
    labels = labelled(tmp_path, ["id,split", "6,valid"])
    whole = collect.merge_shards

    def meddling(*arguments):
        if what == "changed":
            (many / "6.mid").write_bytes(song(66, 8))
        else:
            (many / "6.mid").rename(many / "66.mid" if what == "renamed" else tmp_path / "6.mid")
        return whole(*arguments)

    monkeypatch.setattr(collect, "merge_shards", meddling)
    with pytest.raises(DataError, match=r"6\.mid: changed or vanished") as caught:
        run([many], tmp_path / "out", songs_csv=labels)
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "meta.json").exists()
    assert not list((tmp_path / "out").glob(".*.part"))


def test_held_out_songs_do_not_outlive_their_data(tmp_path, many):
    run([many], tmp_path / "out", songs_csv=labelled(tmp_path, ["id,split", "6,valid"]))
    data = PhraseDataset.open(tmp_path / "out")
    rows = np.arange(2)
    arrays = {"bass": data.bass(rows), "drums": data.drums(rows)}
    packed = {name: np.packbits(roll, axis=-1) for name, roll in arrays.items()}
    write_dataset(tmp_path / "out", {"index": np.array(data.index[:2]), **packed}, [{"id": "0"}])
    assert not (tmp_path / "out" / "held_out.zip").exists()
