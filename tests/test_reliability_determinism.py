"""Same model, input and seed: the same bytes, wherever, under whatever settings, on any number of threads
(B5)."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus_songs import song, write_songs

import basedrum

SETTINGS = (
    {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    {
        "PYTHONHASHSEED": "4711",
        "LC_ALL": "tr_TR.UTF-8",  # where there is no such locale it is C, and names are bytes
        "LANG": "tr_TR.UTF-8",
        "TZ": "America/St_Johns",
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
        "PYTHONOPTIMIZE": "1",
        "PYTHONUTF8": "0",
    },
)
"""As usual, where the hash seed is another each time; and with all that can be otherwise."""
SCRIPT = """
import sys
from basedrum import cli
commands = [
    ["generate", "in.mid", "-o", "out.mid", "--seed", "5", "--png"],
    ["generate", "in.mid", "-o", "out/", "--seed", "7", "--candidates", "2", "--drums-only",
     "--temperature", "1.3"],
    ["prepare", "songs", "-o", "data", "--workers", "1", "--quiet"],
]
sys.exit(any([cli.main(command) for command in commands]))
"""


def contents(folder):
    kept = {"in.mid"} | {path.name for path in (folder / "songs").iterdir()}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in kept
    }


def made(folder, settings):
    """What the commands make in a folder under settings of the environment."""
    write_songs(folder / "songs", {f"{name}.mid": song(i, 16) for i, name in enumerate("aIbİc ")})
    (folder / "in.mid").write_bytes(song(3, 24))
    names = ("PYTHONHASHSEED", "LC_ALL", "LANG", "TZ", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment["PYTHONPATH"] = str(Path(basedrum.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, env={**environment, **settings}, capture_output=True
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return contents(folder)


def test_folders_hash_seeds_locales_time_zones_and_threads_change_no_byte(tmp_path):
    results = []
    for number, settings in enumerate(SETTINGS):
        folder = tmp_path / ("deep " * number or "x") / f"{number}"
        folder.mkdir(parents=True)
        results.append(made(folder, settings))
    first, other = results
    assert {
        "out.mid",
        "out.png",
        "out/in.drums.1.mid",
        "out/in.drums.2.mid",
        "data/bass.npy",
        "data/meta.json",
    } <= set(first)
    assert first["out/in.drums.1.mid"] != first["out/in.drums.2.mid"]
    assert other.keys() == first.keys()
    assert [name for name in first if first[name] != other[name]] == []


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_drummer_plays_the_same_with_one_thread_and_with_two(tmp_path, threads):
    (tmp_path / "in.mid").write_bytes(song(3, 40))
    answers = []
    for count in (1, 2):
        threads(count)
        answers.append(basedrum.Drummer().play(tmp_path / "in.mid", seed=3).to_midi())
        assert torch.get_num_threads() == count, "and leaves the number alone"
    assert answers[0] == answers[1]


def test_what_was_played_before_does_not_matter(tmp_path):
    """Nor do the dice of others: numpy's, torch's and Python's own are neither thrown nor loaded."""
    import random

    for i in range(2):
        (tmp_path / f"{i}.mid").write_bytes(song(i, 20))
    first = basedrum.Drummer().play(tmp_path / "0.mid", seed=3).to_midi()
    drummer = basedrum.Drummer()
    np.random.seed(99)  # noqa: NPY002
    torch.manual_seed(99)
    random.seed(99)
    states = [str(np.random.get_state()), torch.get_rng_state().tolist(), random.getstate()]  # noqa: NPY002
    for seed in (0, 1):
        drummer.play(tmp_path / "1.mid", seed=seed)
    assert drummer.play(tmp_path / "0.mid", seed=3).to_midi() == first
    assert drummer.play(tmp_path / "0.mid", seed=3, temperature=1.7).to_midi() != first
    assert [str(np.random.get_state()), torch.get_rng_state().tolist(), random.getstate()] == states  # noqa: NPY002


def test_the_name_of_a_song_does_not_matter(tmp_path):
    for name in ("in.mid", "another ベース.mid"):
        (tmp_path / name).write_bytes(song(4, 12))
    one, other = (basedrum.Drummer().play(path, seed=1).to_midi() for path in sorted(tmp_path.iterdir()))
    assert one == other


def test_a_seed_is_a_song(tmp_path):
    (tmp_path / "in.mid").write_bytes(song(4, 24))
    drummer = basedrum.Drummer()
    answers = {drummer.play(tmp_path / "in.mid", seed=seed).to_midi() for seed in (0, 1, 2, 2**32, 2**63 - 1)}
    assert len(answers) == 5


@pytest.mark.slow
def test_prepare_on_ten_thousand_real_files(shared_folder, tmp_path):
    """No crash, memory flat, what is left out is listed; killed in the middle and begun again it gives the
    same data."""
    import tarfile

    archive = next(iter(sorted((shared_folder / "data").glob("midi_B*"))), None)
    if archive is None:
        pytest.skip("needs the archive of songs from the web")
    command = [sys.executable, "-m", "basedrum", "prepare", str(archive), "--workers", "1", "--quiet", "-o"]
    whole = tmp_path / "whole"
    process = subprocess.Popen([*command, str(whole)], stdout=subprocess.PIPE, text=True)
    peaks = []
    while process.poll() is None:
        peaks.append(resident(process.pid))
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == 0
    text = process.stdout.read()
    process.stdout.close()
    with tarfile.open(archive) as files:
        count = sum(member.isfile() and member.name.lower().endswith((".mid", ".midi")) for member in files)
    assert count >= 10_000 and f"of {count} songs kept" in text
    settled = peaks[len(peaks) // 4 : -1]
    print(text, f"memory in MB: {[p >> 20 for p in peaks[:: max(1, len(peaks) // 12)]]}")
    assert max(settled) - settled[0] < 300 * 2**20 and max(peaks) < 10**9

    killed = tmp_path / "killed"
    process = subprocess.Popen([*command, str(killed)], stdout=subprocess.DEVNULL)
    while len(list(killed.glob(".shards/*.shard"))) < 8:
        assert process.poll() is None, "ended before it could be killed"
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    assert not (killed / "meta.json").exists()
    assert len(list(killed.glob(".shards/*.shard"))) >= 8
    subprocess.run([*command, str(killed)], check=True, stdout=subprocess.DEVNULL)
    assert {path.name: path.read_bytes() for path in killed.iterdir()} == {
        p.name: p.read_bytes() for p in whole.iterdir()
    }


def resident(pid):
    """Resident bytes of a process, 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0
