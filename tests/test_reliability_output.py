"""Output: one atomic writer; whatever fails, what was there stays and nothing half written does (B4, B8)."""

import ast
import contextlib
import errno
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from corpus_songs import song, write_songs
from test_midi_reading import GOOD, mutated

import basedrum
from basedrum import cli
from basedrum.corpus.collect import PrepareOptions, prepare
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import BasedrumError
from basedrum.files import write_atomic
from basedrum.midi.reading import parse_song
from basedrum.midi.writing import drums_alone

PACKAGE = Path(basedrum.__file__).parent
OLD = b"precious"


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# One writer


def writes(path):
    """Return the lines of a module that open a file for writing, or hand a path to a library that does."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        modes = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
        mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"
        is_open = name in (
            "open",
            "io.open",
            "os.fdopen",
            "gzip.open",
            "np.lib.format.open_memmap",
            "np.memmap",
        )
        if is_open and (
            set(str(mode)) & set("wax+")
            or any(not isinstance(m, ast.Constant) for m in modes if name == "open")
        ):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:60]}")
        tail = name.rpartition(".")[2]
        if tail in (
            "write_text",
            "write_bytes",
            "tofile",
            "savetxt",
            "savez",
            "savez_compressed",
            "mkstemp",
            "NamedTemporaryFile",
        ):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:60]}")
        takes_path = name in (
            "np.save",
            "torch.save",
            "json.dump",
            "save_file",
            "shutil.copy",
            "shutil.copyfile",
            "shutil.move",
        )
        to_memory = bool(node.args) and ast.unparse(node.args[0]) in ("file", "buffer")
        if takes_path and not to_memory:
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:60]}")
    return found


ALLOWED = {
    "files.py": (
        "mkstemp",
        "os.fdopen(handle, 'wb')",
        "open(path, 'a+b')",
    ),  # the writer itself, and the lock
    "cli.py": ("open(os.devnull, 'w')",),
    "phrases.py": (
        "open(self._part(name), 'wb')",
        "open(self._part(name), 'w+b')",
    ),  # arrays too large for memory: see the tests of prepare below
}


def strangers(package):
    return [
        line
        for path in sorted(package.rglob("*.py"))
        for line in writes(path)
        if not any(allowed in line for allowed in ALLOWED.get(path.name, ()))
    ]


def test_nothing_but_the_atomic_writer_opens_files_for_writing():
    assert strangers(PACKAGE) == []


@pytest.mark.parametrize(
    "line",
    [
        "open(p, 'w')",
        "open(p, mode='ab')",
        "open(p, mode)",
        "Path(p).write_text('x')",
        "p.write_bytes(b'')",
        "np.save(path, x)",
        "torch.save(x, path)",
        "json.dump(x, path)",
        "x.tofile(path)",
    ],
)
def test_a_stranger_that_writes_is_seen(tmp_path, line):
    (tmp_path / "rogue.py").write_text(line)
    assert strangers(tmp_path)


# write_atomic, step by step


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


class FullFile(io.FileIO):
    """A file on a disk that has room for four bytes."""

    def write(self, data):
        if self.tell() >= 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(memoryview(data)[:4])


STEPS = {
    "the temporary file": (tempfile, "mkstemp"),
    "opening it": (os, "fdopen"),
    "fsync": (os, "fsync"),
    "its rights": (os, "chmod"),
    "rename": (os, "replace"),
}
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("was_there", [True, False])
def test_a_fault_at_any_step_leaves_what_was_there(tmp_path, monkeypatch, step, was_there):
    path = tmp_path / "out.bin"
    for error in (
        *(OSError(code, os.strerror(code)) for code in ERRORS),
        KeyboardInterrupt(),
        SystemExit(143),
        MemoryError(),
    ):
        if was_there:
            path.write_bytes(OLD)
        with (
            monkeypatch.context() as patch,
            pytest.raises(BasedrumError if isinstance(error, OSError) else type(error)),
        ):
            patch.setattr(*STEPS[step], failing(error))
            write_atomic(path, b"new")
        assert contents(tmp_path) == ({"out.bin": OLD} if was_there else {})


def test_a_disk_that_fills_up_in_the_middle(tmp_path, monkeypatch):
    path = tmp_path / "out.bin"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "fdopen", lambda handle, mode: io.BufferedWriter(FullFile(handle, "wb")))
    with pytest.raises(BasedrumError, match=r"out\.bin: cannot be written: No space left"):
        write_atomic(path, b"much more than four bytes")
    assert contents(tmp_path) == {"out.bin": OLD}


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    real = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda handle: (
            real(handle) if os.path.isfile(f"/proc/self/fd/{handle}") else failing(OSError(22, ""))()
        ),
    )
    write_atomic(tmp_path / "out.bin", b"new")
    assert contents(tmp_path) == {"out.bin": b"new"}


# generate, through the command line


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in.mid").write_bytes(GOOD)
    (tmp_path / "out.mid").write_bytes(OLD)
    (tmp_path / "out.png").write_bytes(OLD)
    return tmp_path / "in.mid"


def refused(capsys, *arguments):
    assert cli.main([*map(str, arguments)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("basedrum: error: ") and err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("step", STEPS)
def test_generate_on_a_failing_disk(source, capsys, monkeypatch, step):
    full, fdopen = failing(OSError(errno.ENOSPC, "No space left on device")), os.fdopen
    where, name = STEPS[step]
    monkeypatch.setattr(
        where,
        name,
        full if name != "fdopen" else lambda handle, mode: (full if "w" in mode else fdopen)(handle, mode),
    )
    err = refused(capsys, "generate", source, "-o", source.parent / "out.mid", "--png")
    assert "out.mid: cannot be written: No space left" in err and "free some space" in err
    assert contents(source.parent) == {"in.mid": GOOD, "out.mid": OLD, "out.png": OLD}


def test_generate_where_nothing_can_be_written(source, capsys):
    (source.parent / "folder.mid").mkdir()
    (source.parent / "null.mid").symlink_to("/dev/null")
    os.mkfifo(source.parent / "pipe.mid")
    for target in (
        "in.mid/x.mid",
        "null.mid",
        "pipe.mid",
        "x" * 300 + ".mid",
        "/proc/x.mid",
        "/sys/x.mid",
    ):
        refused(capsys, "generate", source, "-o", source.parent / target)
    refused(capsys, "generate", source, "-o", source)
    assert source.read_bytes() == GOOD
    kept = {name: data for name, data in contents(source.parent).items() if name != "null.mid"}
    assert kept == {"in.mid": GOOD, "out.mid": OLD, "out.png": OLD}


def bash(script, *arguments):
    python = f'"{sys.executable}" -m basedrum'
    done = subprocess.run(
        ["bash", "-c", script.replace("basedrum", python), "-", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def one_line(result):
    status, err = result
    assert status == 2 and err.startswith("basedrum: error: ") and err.count("\n") == 1, result
    return err


def test_a_limit_on_the_size_of_files(tmp_path):
    """The song is larger than the one block that files may have."""
    (tmp_path / "in.mid").write_bytes(song(1, 100))
    (tmp_path / "out.mid").write_bytes(OLD)
    err = one_line(bash('ulimit -f 1; basedrum generate "$1/in.mid" -o "$1/out.mid"', tmp_path))
    assert "File too large" in err
    assert contents(tmp_path) == {"in.mid": song(1, 100), "out.mid": OLD}


@pytest.fixture
def disk(tmp_path):
    """Mount a small disk of its own: call with the options of mount."""
    mounted = []

    def mount(options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"mounting needs rights that this user lacks: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    if shutil.which("mount") is None:
        pytest.skip("no mount here")
    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_and_a_read_only_one(disk, capsys, tmp_path):
    folder = disk("size=6m")
    (folder / "in.mid").write_bytes(GOOD)
    (folder / "out.mid").write_bytes(OLD)
    with contextlib.suppress(OSError), open(folder / "fill", "wb", buffering=0) as fill:
        while True:
            fill.write(bytes(4096))
    before = contents(folder)
    assert "No space left" in refused(
        capsys, "generate", folder / "in.mid", "-o", folder / "out.mid", "--png"
    )
    write_songs(tmp_path / "songs", {"a.mid": song(1)})
    refused(capsys, "prepare", tmp_path / "songs", "-o", folder / "data", "--workers", "1", "--quiet")
    assert not (folder / "data" / "meta.json").exists()
    shutil.rmtree(folder / "data", ignore_errors=True)
    assert contents(folder) == before
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    assert "Read-only" in refused(capsys, "generate", folder / "in.mid", "-o", folder / "out.mid")
    assert "Read-only" in refused(capsys, "generate", folder / "in.mid")
    assert "Read-only" in refused(capsys, "generate", folder / "in.mid", "-o", folder / "new" / "out.mid")
    assert "Read-only" in refused(
        capsys, "prepare", tmp_path / "songs", "-o", folder / "data", "--workers", "1", "--quiet"
    )
    assert contents(folder) == before


# prepare: its arrays are written in pieces, under temporary names of their own


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return write_songs(tmp_path_factory.mktemp("songs"), {f"{i}.mid": song(i, 16) for i in range(6)})


def run(songs, out):
    return prepare([songs], out, PrepareOptions(workers=1, progress=False))


class Counted:
    """Calls of a function; the n-th fails."""

    def __init__(self, real, fails_at, error):
        self.real, self.left, self.error, self.calls = real, fails_at, error, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls == self.left:
            raise self.error
        return self.real(*arguments, **options)


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_prepare_survives_a_fault_at_every_call(tmp_path, monkeypatch, songs, name):
    """A dataset that was there opens as before or, had the last renames begun, is no dataset; the next run is
    whole."""
    run(songs, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    other = write_songs(tmp_path / "other", {"x.mid": song(77, 16)})
    for call in range(1, 30):
        out = tmp_path / f"{name}{call}"
        run(other, out)
        old = contents(out)
        counted = Counted(getattr(os, name), call, OSError(errno.ENOSPC, "No space left on device"))
        with monkeypatch.context() as patch:
            patch.setattr(os, name, counted)
            try:
                run(songs, out)
            except BasedrumError as error:
                assert "cannot be written" in str(error) and str(error).isprintable()
        is_through = counted.calls < call
        left = [path.name for path in out.rglob("*") if path.name.endswith(".part")]
        assert left == [], (call, left)
        if is_through:
            break
        if (out / "meta.json").exists():
            now = contents(out)
            arrays = {n: d for n, d in now.items() if n.endswith((".npy", ".json")) or n == "songs.csv"}
            assert arrays in ({n: old[n] for n in arrays}, {n: whole[n] for n in arrays}), call
            assert len(PhraseDataset.open(out)) > 0
        run(songs, out)
        assert contents(out) == whole, call
    assert is_through and call > 4


def test_prepare_under_a_limit_on_the_size_of_files(tmp_path, songs):
    other = write_songs(tmp_path / "other", {"x.mid": song(77, 16)})
    run(other, tmp_path / "out")
    before = contents(tmp_path / "out")
    one_line(bash('ulimit -f 16; basedrum prepare "$1" -o "$2" --workers 1 --quiet', songs, tmp_path / "out"))
    assert not list((tmp_path / "out").rglob("*.part"))
    assert contents(tmp_path / "out") == before


def test_a_damaged_shard_is_named(tmp_path, monkeypatch, songs):
    from basedrum.corpus import collect

    monkeypatch.setattr(collect, "merge_shards", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(songs, tmp_path / "out")
    monkeypatch.undo()
    (shard,) = (tmp_path / "out" / ".shards").iterdir()
    for damaged in (b"", shard.read_bytes()[:1000], shard.read_bytes()[:-100], b"x" * 1000):
        shard.write_bytes(damaged)
        with pytest.raises(BasedrumError, match=r"\.shard: is damaged, remove it"):
            run(songs, tmp_path / "out")


def test_damaged_data_is_named_or_opens(tmp_path, songs):
    run(songs, tmp_path / "out")
    whole, rng, refused_ = contents(tmp_path / "out"), random.Random(1), 0
    for name in ("meta.json", "songs.csv", "index.npy", "bass.npy", "drums.npy"):
        path, head = tmp_path / "out" / name, whole[name][:120]
        for _ in range(60):
            path.write_bytes(mutated(rng, head) + whole[name][120:])
            try:
                data = PhraseDataset.open(tmp_path / "out")
                assert data.songs and data.bass(data.rows("train")[:2]).shape[1:] == (2, 64, 72)
            except BasedrumError as error:
                assert "run `basedrum prepare` again" in str(error) and str(error).isprintable()
                refused_ += 1
        path.write_bytes(whole[name])
    assert refused_ > 100


# What is written opens again


def test_two_other_readers_find_the_same_drums(tmp_path):
    (tmp_path / "in.mid").write_bytes(song(3, 12))
    played = basedrum.Drummer().play(tmp_path / "in.mid", seed=2)
    for name, options in (("song", {}), ("alone", {"drums_only": True})):
        data = played.to_midi(**options)
        ours = [track for track in parse_song(data).tracks if track.is_drum]
        notes = sorted(
            zip(
                *(
                    np.concatenate([getattr(t.notes, f) for t in ours]).tolist()
                    for f in ("start_ticks", "pitches", "velocities")
                ),
                strict=True,
            )
        )
        assert len(notes) > 40
        midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
        theirs = [
            (midi.time_to_tick(n.start), n.pitch, n.velocity)
            for i in midi.instruments
            if i.is_drum
            for n in i.notes
        ]
        assert sorted(theirs) == notes, name
        third = []
        for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
            now = 0
            for message in track:
                now += message.time
                if message.type == "note_on" and message.velocity and message.channel == 9:
                    third.append((now, message.note, message.velocity))
        assert sorted(third) == notes, name
    assert drums_alone(ours[0].notes, played.song.grid) == drums_alone(ours[0].notes, played.song.grid)
