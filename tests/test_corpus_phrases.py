"""The prepared folder: round trip, opening at once, refusing what is damaged."""

import json

import numpy as np
import pytest
from work import Calls, Memory

from basedrum.corpus.phrases import ARRAYS, PhraseDataset, write_dataset
from basedrum.corpus.windows import INDEX_DTYPE
from basedrum.errors import DataError
from basedrum.music import kit

SONGS = [
    {
        "id": "a",
        "path": "x/a.mid",
        "source": "s",
        "style": "rock",
        "split": "train",
        "group": "g",
        "phrases": 3,
    }
]


@pytest.fixture
def rolls():
    rng = np.random.default_rng(0)
    return rng.random((5, 2, 64, 72)) < 0.05, rng.random((5, 64, 72)) < 0.05


@pytest.fixture
def folder(tmp_path, rolls):
    index = np.zeros(5, INDEX_DTYPE)
    index["split"] = [0, 0, 1, 2, 0]
    index["qpm"] = [60, 70, 80, 90, 100]
    bass, drums = (np.packbits(roll, axis=-1) for roll in rolls)
    write_dataset(tmp_path / "data", index, bass, drums, SONGS, ["s"], ["rock"], seed=3)
    return tmp_path / "data"


def test_what_is_written_is_read(folder, rolls):
    data = PhraseDataset.open(folder)
    rows = np.asarray([4, 0, 2, 2])
    assert len(data) == 5 and data.songs == ["a"] and data.sources == ["s"] and data.styles == ["rock"]
    assert data.bass(rows).dtype == bool and np.array_equal(data.bass(rows), rolls[0][rows])
    assert np.array_equal(data.drums(rows), rolls[1][rows])
    assert data.kit(rows).dtype == bool and np.array_equal(data.kit(rows), kit.fold(rolls[1][rows]))
    assert (
        data.rows("train").tolist() == [0, 1, 4]
        and data.rows("valid").tolist() == [2]
        and data.rows("test").tolist() == [3]
    )
    assert data.index["qpm"].tolist() == [60, 70, 80, 90, 100] and data.meta["seed"] == 3
    assert data.bass(np.zeros(0, int)).shape == (0, 2, 64, 72)
    with pytest.raises(ValueError, match="train, valid, test"):
        data.rows("dev")


def test_the_index_cannot_be_changed_by_mistake(folder):
    with pytest.raises(ValueError, match="read-only"):
        PhraseDataset.open(folder).index["weight"][0] = 2


def test_half_a_million_phrases_open_without_being_read(folder):
    count = 500_000
    for name, (dtype, shape) in ARRAYS.items():
        with open(
            folder / f"{name}.npy", "wb"
        ) as file:  # sparse: the folder claims 860 MB and takes next to none
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (count, *shape),
            }
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + count * dtype.itemsize * int(np.prod(shape)))
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "phrases": count}))
    PhraseDataset.open(folder)
    with Memory() as memory, Calls() as calls:
        data = PhraseDataset.open(folder)
    assert len(data) == count
    assert memory.peak_bytes < 200_000 and calls.count < 5_000, "half a byte a phrase would be more"
    assert not data.bass(np.asarray([0, count - 1])).any()


def damage(folder, name, how):
    path = folder / name
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "other":
        path.write_bytes(b"{}" if name.endswith("json") else b"PK\x03\x04 something else")
    elif how == "pickled":
        np.save(path, np.asarray([{}], dtype=object), allow_pickle=True)
    elif how == "shorter":
        np.save(path, np.load(path)[:-1])


@pytest.mark.parametrize("how", ["gone", "cut", "empty", "other", "pickled", "shorter"])
@pytest.mark.parametrize("name", ["bass.npy", "drums.npy", "index.npy"])
def test_damaged_arrays_are_refused(folder, name, how):
    damage(folder, name, how)
    with pytest.raises(DataError, match="basedrum prepare"):
        PhraseDataset.open(folder)


@pytest.mark.parametrize("how", ["gone", "cut", "empty", "other"])
def test_a_damaged_or_foreign_meta_file_is_refused(folder, how):
    if how == "cut":
        (folder / "meta.json").write_text((folder / "meta.json").read_text()[:-5])
    else:
        damage(folder, "meta.json", how)
    with pytest.raises(DataError, match="basedrum prepare"):
        PhraseDataset.open(folder)


def test_other_formats_and_other_things_are_refused(folder, tmp_path):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "format": "something else"}))
    for path in (folder, tmp_path / "missing", folder / "bass.npy", tmp_path):
        with pytest.raises(DataError, match="basedrum prepare"):
            PhraseDataset.open(path)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path, rolls):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        write_dataset(tmp_path / "file" / "out", np.zeros(0, INDEX_DTYPE), np.zeros((0, 2, 64, 9), np.uint8),
                      np.zeros((0, 64, 9), np.uint8), [])  # fmt: skip
