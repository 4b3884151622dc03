"""LPD pianorolls: a small LPD-shaped archive comes in; bombs, pickles and damage stay out."""

import io
import json
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pypianoroll
import pytest
from corpus_songs import bass_roll, drum_roll
from work import Memory

from basedrum.corpus.collect import prepare
from basedrum.corpus.lpd import MAX_BEATS, read_lpd_pair
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError

RESOLUTION = 24
TICKS_PER_STEP = RESOLUTION // 4


def roll_of(onset: np.ndarray, sustain: np.ndarray) -> np.ndarray:
    """(T, 128) velocities at 24 steps a beat; each note a little short, so that repeated notes stay apart."""
    roll = np.zeros((len(onset) * TICKS_PER_STEP, 128), np.uint8)
    for step, row in zip(*np.nonzero(onset), strict=True):
        end = step + 1
        while end < len(onset) and sustain[end, row] and not onset[end, row]:
            end += 1
        roll[step * TICKS_PER_STEP : end * TICKS_PER_STEP - 1, row + 24] = 90
    return roll


def lpd_file(seed: int = 1, num_measures: int = 8, beats: int = 4, downbeats: bool = True) -> bytes:
    """The bytes of one LPD-5 song: five tracks, some empty."""
    steps = beats * 4
    keep = np.arange(num_measures * 16) % 16 < steps
    bass, drums = bass_roll(seed, num_measures, steps), drum_roll(seed, num_measures, steps).hits[keep]
    length = num_measures * steps * TICKS_PER_STEP
    rolls = {"Drums": roll_of(drums, drums), "Bass": roll_of(bass.onset[keep], bass.sustain[keep])}
    tracks = [
        pypianoroll.StandardTrack(
            name, program, name == "Drums", rolls.get(name, np.zeros((length, 128), np.uint8))
        )
        for name, program in (("Drums", 0), ("Piano", 0), ("Guitar", 24), ("Bass", 32), ("Strings", 48))
    ]
    downbeat = np.arange(length) % (beats * RESOLUTION) == 0 if downbeats else None
    tempo = np.where(np.arange(length) < length // 2, 90.0, 140.0)
    file = io.BytesIO()
    pypianoroll.Multitrack("a song", RESOLUTION, tempo, downbeat, tracks).save(file)
    return file.getvalue()


@pytest.mark.parametrize(("beats", "downbeats"), [(4, True), (4, False), (3, True)])
def test_an_lpd_archive_comes_in_cell_for_cell(tmp_path, beats, downbeats):
    with tarfile.open(tmp_path / "lpd_5.tar.gz", "w:gz") as file:
        for seed in (1, 2):
            data = lpd_file(seed, 8, beats, downbeats)
            member = tarfile.TarInfo(f"lpd_5/lpd_5_cleansed/A/B/C/TRABC{seed}/{seed}.npz")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    report = prepare([tmp_path / "lpd_5.tar.gz"], tmp_path / "out", workers=1, progress=False)
    data = PhraseDataset.open(tmp_path / "out")
    assert report.kept_songs == 2 and data.songs == ["1", "2"] and len(data) == 4
    assert (
        data.index["qpm"].tolist() == [90, 140, 90, 140] and (data.index["measure_steps"] == beats * 4).all()
    )
    for i, seed in enumerate((1, 2)):
        rows = np.asarray([2 * i, 2 * i + 1])
        assert np.array_equal(data.drums(rows).reshape(-1, 72), drum_roll(seed, 8, beats * 4).hits)
        assert np.array_equal(data.bass(rows)[:, 0].reshape(-1, 72), bass_roll(seed, 8, beats * 4).onset)


def test_a_tree_of_npz_files_and_midi_files_mix(tmp_path):
    from corpus_songs import song

    (tmp_path / "songs" / "deep").mkdir(parents=True)
    (tmp_path / "songs" / "deep" / "x.npz").write_bytes(lpd_file(4))
    (tmp_path / "songs" / "y.mid").write_bytes(song(5))
    (tmp_path / "songs" / "z.npz").write_bytes(b"PK\x03\x04 not really")
    prepare([tmp_path / "songs"], tmp_path / "out", workers=1, progress=False)
    assert sorted(PhraseDataset.open(tmp_path / "out").songs) == ["x", "y"]
    assert "z.npz,is not a pianoroll file" in (tmp_path / "out" / "skipped.csv").read_text()


def test_metres_that_change_and_pickups_follow_the_downbeats():
    data = lpd_file(1, 8)
    beats = (
        np.cumsum([0, 1, 4, 4, 3, 3, 4, 4, 4])[1:] * RESOLUTION
    )  # a pickup of one beat, then 4 4 3 3 4 4 4
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        length = len(np.load(io.BytesIO(archive.read("downbeat.npy"))))
    downbeat = np.zeros(length, bool)
    downbeat[beats] = True
    time = read_lpd_pair(changed(data, {"downbeat.npy": array(downbeat)}), "a").grid
    assert time.measure_ticks[1:9].tolist() == beats.tolist()
    assert time.measure_steps[:8].tolist() == [4, 16, 16, 12, 12, 16, 16, 16]


def array(value: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def changed(data: bytes, members: dict[str, bytes | None]) -> bytes:
    """The same .npz with some members put in, in place of others of that name, or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, content in members.items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def header(shape: tuple[int, ...], dtype: type = np.uint8) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def info(**values) -> bytes:
    return json.dumps({"name": "x", "resolution": RESOLUTION, **values}).encode()


HOSTILE = {
    "a roll of a billion steps": {"pianoroll_0_csc_shape.npy": array(np.asarray([10**9, 128]))},
    "a roll just too long": {"pianoroll_0_csc_shape.npy": array(np.asarray([MAX_BEATS * 24 + 1, 128]))},
    "a negative roll": {"pianoroll_0_csc_shape.npy": array(np.asarray([-5, 128]))},
    "a wide roll": {"pianoroll_0_csc_shape.npy": array(np.asarray([100, 10**7]))},
    "an array that claims a terabyte": {"tempo.npy": header((2**40,))},
    "an array of 200 MB of zeros": {"tempo.npy": array(np.zeros(200 * 2**20, np.uint8))},
    "pickled objects": {"tempo.npy": array(np.asarray([print], dtype=object))},
    "an endless info": {"info.json": b" " * (2**20 + 1)},
    "no info": {"info.json": None},
    "info that is no JSON": {"info.json": b"{"},
    "info that is a list": {"info.json": b"[]"},
    "a huge resolution": {"info.json": info(resolution=10**9)},
    "a resolution of zero": {"info.json": info(resolution=0)},
    "a thousand tracks": {"info.json": info(**{str(i): {} for i in range(1000)})},
    "a thousand members": {f"m{i}.npy": array(np.zeros(1)) for i in range(1000)},
    "no rolls": {f"pianoroll_{i}_csc_data.npy": None for i in range(5)},
    "indices outside the roll": {"pianoroll_0_csc_indices.npy": array(np.full(100, 10**6, np.int32))},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_without_allocating_what_they_ask_for(what):
    data = changed(lpd_file(), HOSTILE[what])
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        read_lpd_pair(data, "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(caught.value) and peak < 64 * 2**20


def test_an_array_that_claims_more_than_its_member_holds_is_refused_unread():
    data = changed(lpd_file(), {"tempo.npy": header((2**20,), np.float64) + bytes(800)})
    with Memory() as memory, pytest.raises(DataError, match="larger than any song"):
        read_lpd_pair(data, "a")
    assert memory.peak_bytes < 2**20


def test_files_cut_or_flipped_anywhere_are_refused_or_read_but_never_fail_otherwise():
    data = lpd_file(1, 4)
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] ^= 1 << int(rng.integers(8))
        for each in (bytes(broken), data[: int(rng.integers(len(data)))]):
            try:
                read_lpd_pair(each, "a")
            except DataError:
                continue


def test_songs_without_bass_or_drums_are_refused():
    with pytest.raises(DataError, match="no bass"):
        read_lpd_pair(changed(lpd_file(), {"info.json": _info_without(3)}), "a")


def _info_without(track: int) -> bytes:
    with zipfile.ZipFile(io.BytesIO(lpd_file())) as archive:
        whole = json.loads(archive.read("info.json"))
    whole[str(track)].update(program=0, name="Organ")
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "damage",
    [
        {"indices": lambda a: a + 2**30},
        {"indices": lambda a: a - 100_000},
        {"indices": lambda a: a[:-3]},
        {"indices": lambda a: a.astype(np.float64)},
        {"indptr": lambda a: a * 1000},
        {"indptr": lambda a: a[::-1].copy()},
        {"indptr": lambda a: a[:50]},
        {"indptr": lambda a: np.concatenate([a[:5], a[5:6] + 2**30, a[6:]])},
        {"data": lambda a: a[:1]},
        {"shape": lambda a: np.asarray([8, 128])},
    ],
)
def test_cells_outside_a_roll_are_refused_before_scipy_writes_them_there(damage):
    """With any of these pypianoroll reads or writes memory that is not its own."""
    data = lpd_file()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {part: f"pianoroll_0_csc_{part}.npy" for part in damage}
        arrays = {name: damage[part](np.load(io.BytesIO(archive.read(name)))) for part, name in names.items()}
    with pytest.raises(DataError, match="damaged"):
        read_lpd_pair(changed(data, {name: array(value) for name, value in arrays.items()}), "a")


def test_two_arrays_of_one_name_and_arrays_of_other_names_are_refused():
    file = io.BytesIO(lpd_file())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("tempo.npy", archive.read("tempo.npy"))
    with pytest.raises(DataError, match="two arrays of one name"):
        read_lpd_pair(file.getvalue(), "a")
    with pytest.raises(DataError, match="damaged"):
        read_lpd_pair(changed(lpd_file(), {"pianoroll_0_csc_data": b"raw"}), "a")
    with pytest.raises(DataError, match="damaged"):
        read_lpd_pair(changed(lpd_file(), {"tempo.npy": array(np.asarray(["fast"] * 3))}), "a")
