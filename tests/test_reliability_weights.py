"""Whatever lies where a checkpoint is looked for: one line and status 2, nothing executed, little memory."""

import json
import os
import pickle
import shutil
import stat
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from basedrum import weights

SMALL = [
    "model.width=8", "model.discriminator_width=8", "train.batch=4", "warmup.steps=1", "adversarial.steps=1",
    "reranking.steps=0",
]  # fmt: skip
PEAK_MB = 1000


@pytest.fixture(scope="module")
def good(nursery, practice_data, tmp_path_factory):
    """A finished run of two steps."""
    folder = tmp_path_factory.mktemp("good")
    end = nursery.run(cli=train_command(practice_data, folder))
    assert end["status"] == 0, end["stderr"]
    return folder


def train_command(data, folder, *more):
    sets = [part for setting in SMALL for part in ("--set", setting)]
    return [
        "train",
        "--data",
        str(data),
        "-o",
        str(folder),
        "--preset",
        "quick",
        "--device",
        "cpu",
        "--quiet",
        *sets,
        *more,
    ]


class Bomb:
    """Says so when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def framed(header, rest=b"", size=None):
    """The bytes of a safetensors file with this header, true or not."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if size is None else size) + header + rest


def header_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def resealed(data, change):
    """The bytes of a checkpoint, changed by one who knows the check sum."""
    tensors, header = load(data), json.loads(header_of(data)["__metadata__"]["basedrum"])
    header.pop("sha256")
    header = change(header, tensors) or header
    with_sum = header
    if isinstance(header, dict):
        with_sum = header | {"sha256": weights._digest(header, tensors)}
    return save(tensors, {"basedrum": json.dumps(with_sum)})


def flipped(data, place):
    data = bytearray(data)
    data[place] ^= 0x10
    return bytes(data)


def first_floats(tensors):
    return next(
        key for key in sorted(tensors) if tensors[key].is_floating_point() and tensors[key].numel() > 4
    )


FILES = {
    "empty": lambda good, tmp: b"",
    "seven bytes": lambda good, tmp: bytes(7),
    "text": lambda good, tmp: b"a song of sixpence\n" * 9,
    "pickle": lambda good, tmp: pickle.dumps(Bomb(tmp / "exploded")),
    "old pickle": lambda good, tmp: pickle.dumps(Bomb(tmp / "exploded"), protocol=0),
    "pickle behind a length": lambda good, tmp: framed(pickle.dumps(Bomb(tmp / "exploded"))),
    "half a header": lambda good, tmp: good[:60],
    "half": lambda good, tmp: good[: len(good) // 2],
    "a byte short": lambda good, tmp: good[:-1],
    "a byte long": lambda good, tmp: good + b"\0",
    "twice": lambda good, tmp: good + good,
    "flipped in the length": lambda good, tmp: flipped(good, 1),
    "flipped in the header": lambda good, tmp: flipped(good, 200),
    "flipped in the weights": lambda good, tmp: flipped(good, len(good) * 3 // 4),
    "flipped at the end": lambda good, tmp: flipped(good, len(good) - 1),
    "header of 2^60": lambda good, tmp: struct.pack("<Q", 1 << 60) + good[8:],
    "header of 2^64 - 1": lambda good, tmp: struct.pack("<Q", (1 << 64) - 1) + good[8:],
    "header of 90 MB": lambda good, tmp: framed(
        b'{"__metadata__":{"basedrum":"' + b"[]," * 30_000_000 + b'"}}'
    ),
    "deep": lambda good, tmp: framed(b"[" * 1_000_000 + b"]" * 1_000_000),
    "deep within": lambda good, tmp: framed({"__metadata__": {"basedrum": "[" * 100_000 + "]" * 100_000}}),
    "deep state": lambda good, tmp: framed(
        {"__metadata__": {"basedrum": '{"state":' * 900 + "1" + "}" * 900}}
    ),
    "foreign": lambda good, tmp: save({"w": torch.zeros(3)}, {"made": "elsewhere"}),
    "without metadata": lambda good, tmp: save({"w": torch.zeros(3)}),
    "a list": lambda good, tmp: framed({"__metadata__": {"basedrum": "[]"}}),
    "a number": lambda good, tmp: framed({"__metadata__": {"basedrum": "7"}}),
    "not text": lambda good, tmp: framed({"__metadata__": {"basedrum": 7}}),
    "metadata no object": lambda good, tmp: framed({"__metadata__": [1]}),
    "keys twice": lambda good, tmp: framed(
        good[8 : 8 + int.from_bytes(good[:8], "little")].rstrip()[:-1]
        + b',"__metadata__":{"basedrum":"{}"}}', good[8 + int.from_bytes(good[:8], "little") :]
    ),
    "tensor twice": lambda good, tmp: framed(
        b'{"__metadata__":{"basedrum":"{}"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)
    ),
    "huge shape": lambda good, tmp: framed(
        {
            "__metadata__": {"basedrum": "{}"},
            "w": {"dtype": "F32", "shape": [1 << 40] * 2, "data_offsets": [0, 4]},
        },
        bytes(4),
    ),
    "empty huge shape": lambda good, tmp: framed(
        {
            "__metadata__": {"basedrum": "{}"},
            "w": {"dtype": "F32", "shape": [0, 1 << 62, 8], "data_offsets": [0, 0]},
        }
    ),
    "another format": lambda good, tmp: resealed(good, lambda h, t: h.update(format=99)),
    "another kind": lambda good, tmp: resealed(good, lambda h, t: h.update(kind="poem\n\x1b[31m")),
    "another grid": lambda good, tmp: resealed(good, lambda h, t: h["grid"].update(pitches=88)),
    "NaN": lambda good, tmp: resealed(
        good, lambda h, t: t[first_floats(t)].view(-1)[:1].fill_(float("nan")) and None
    ),
    "infinity": lambda good, tmp: resealed(
        good, lambda h, t: t[first_floats(t)].view(-1)[:1].fill_(float("inf")) and None
    ),
    "shapes": lambda good, tmp: resealed(
        good, lambda h, t: t.update({k: v[:1] for k, v in t.items() if v.dim() > 1})
    ),
    "no tensors": lambda good, tmp: resealed(good, lambda h, t: t.clear()),
}  # fmt: skip

DRUMMERS = {
    "config a list": lambda h, t: h.update(config=[1]),
    "config of texts": lambda h, t: h["config"].update(width="eight"),
    "config of fractions": lambda h, t: h["config"].update(width=8.0, discriminator_width=8.0),
    "config without end": lambda h, t: h["config"].update(width=10**30),
    "config too wide": lambda h, t: h["config"].update(width=4096, discriminator_width=4096),
    "styles of numbers": lambda h, t: h["config"].update(styles=7),
    "no config": lambda h, t: h.pop("config") and None,
}

RUNS = {
    "no state": lambda h, t: h.pop("state") and None,
    "state a number": lambda h, t: h.update(state=7),
    "state a list": lambda h, t: h.update(state=[7]),
    "a tensor that is not there": lambda h, t: h.update(state={"tensor": "nowhere"}),
    "items that are none": lambda h, t: h.update(state={"items": [1, 2]}),
    "nothing in it": lambda h, t: h.update(state={"items": []}),
    "step below zero": lambda h, t: set_item(h, "step", -1),
    "step beyond the end": lambda h, t: set_item(h, "step", 10**30),
    "step a text": lambda h, t: set_item(h, "step", "four"),
    "no networks": lambda h, t: set_item(h, "networks", {"items": []}),
    "networks of another name": lambda h, t: set_item(h, "networks", {"items": [["batches", {"items": []}]]}),
    "no phases": lambda h, t: set_item(h, "phases", {"items": []}),
    "no config": lambda h, t: set_item(h, "config", None),
    "sums of nothing": lambda h, t: set_item(h, "sums", [1]),
}


def set_item(header, name, value):
    items = header["state"]["items"]
    items[:] = [[key, value if key == name else item] for key, item in items]


def assert_refused(end, tmp_path):
    assert end["status"] == 2, end["stderr"]
    line = end["stderr"].removesuffix("\n")
    assert line.startswith("basedrum: error: ") and line.isprintable() and len(line) < 600, line
    assert end["peak_mb"] < PEAK_MB, end
    assert not (tmp_path / "exploded").exists()


def try_both(nursery, data, path, tmp_path):
    """Play with it, and resume from it: both refuse, and write nothing; return what they say."""
    song = next((data.parent / "songs").glob("*.mid"))
    arguments = ["generate", str(song), "-o", str(tmp_path / "out.mid"), "--model", str(path)]
    playing = nursery.run(cli=arguments)
    assert_refused(playing, tmp_path)
    assert not (tmp_path / "out.mid").exists()
    run = tmp_path / "run"
    run.mkdir()
    os.symlink(path, run / "run.safetensors")
    resuming = nursery.run(cli=train_command(data, run, "--resume"))
    assert_refused(resuming, tmp_path)
    assert not (run / "drummer.safetensors").exists() and not (run / "log.csv").exists()
    return playing["stderr"], resuming["stderr"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_checkpoint(nursery, practice_data, good, tmp_path, name):
    for number, kind in enumerate(("drummer", "run")):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "file").write_bytes(FILES[name]((good / f"{kind}.safetensors").read_bytes(), folder))
        if name.startswith(("header of 90", "deep")) and number:
            continue  # the same bytes
        try_both(nursery, practice_data, folder / "file", folder)


def test_a_file_of_torch_is_not_opened(nursery, practice_data, tmp_path):
    torch.save({"weights": torch.zeros(2), "bomb": Bomb(tmp_path / "exploded")}, tmp_path / "file")
    try_both(nursery, practice_data, tmp_path / "file", tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "dangling", "loop", "sparse", "socket"])
def test_what_is_no_file_at_all(nursery, practice_data, tmp_path, kind):
    path = tmp_path / "it"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "sparse":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    said = try_both(nursery, practice_data, path, tmp_path)
    if kind in ("pipe", "device"):
        assert all("not a file" in line for line in said), said
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", DRUMMERS)
def test_a_drummer_that_cannot_be_one(nursery, practice_data, good, tmp_path, name):
    (tmp_path / "file").write_bytes(resealed((good / "drummer.safetensors").read_bytes(), DRUMMERS[name]))
    song = next((practice_data.parent / "songs").glob("*.mid"))
    arguments = ["generate", str(song), "-o", str(tmp_path / "out.mid"), "--model", str(tmp_path / "file")]
    assert_refused(nursery.run(cli=arguments), tmp_path)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_cannot_be_one(nursery, practice_data, good, tmp_path, name):
    (tmp_path / "run.safetensors").write_bytes(resealed((good / "run.safetensors").read_bytes(), RUNS[name]))
    assert_refused(nursery.run(cli=train_command(practice_data, tmp_path, "--resume")), tmp_path)


LOGS = {
    "empty": "",
    "no number": "step\nmany\n",
    "no step": "loss\n1\n",
    "not text": "step,loss\n\0,\xff\n",
    "endless number": "step\n" + "9" * 200_000,
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_a_log_that_cannot_be_read_is_named(nursery, practice_data, good, tmp_path, log):
    shutil.copy(good / "run.safetensors", tmp_path)
    (tmp_path / "log.csv").write_bytes(log.encode("latin-1"))
    end = nursery.run(cli=train_command(practice_data, tmp_path, "--resume"))
    if log:
        assert_refused(end, tmp_path)
        assert "log.csv" in end["stderr"]
    assert (tmp_path / "run.safetensors").read_bytes() == (good / "run.safetensors").read_bytes()


def test_the_good_ones_are_taken(nursery, practice_data, good, tmp_path):
    """What the others are refused for is not this."""
    song = next((practice_data.parent / "songs").glob("*.mid"))
    arguments = ["generate", str(song), "-o", str(tmp_path / "out.mid"), "--model"]
    for kind in ("drummer", "run"):
        (tmp_path / kind).write_bytes(
            resealed((good / f"{kind}.safetensors").read_bytes(), lambda h, t: None)
        )
    end = nursery.run(cli=[*arguments, str(tmp_path / "drummer")])
    assert end["status"] == 0 and (tmp_path / "out.mid").exists(), end["stderr"]
    (tmp_path / "again").mkdir()
    (tmp_path / "run").rename(tmp_path / "again" / "run.safetensors")
    assert nursery.run(cli=train_command(practice_data, tmp_path / "again", "--resume"))["status"] == 0
    assert (tmp_path / "again" / "run.safetensors").read_bytes() == (good / "run.safetensors").read_bytes()
