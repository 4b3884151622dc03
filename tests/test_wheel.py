"""The wheel: built from the sources, installed outside the checkout, it plays a song with what is inside
it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from basedrum.corpus.stylebook import page_names
from basedrum.training.config import presets

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build from a copy, so that the checkout gets no build folder."""
    pytest.importorskip("setuptools", minversion="70.1", reason="needs what the extra `dev` installs")
    source, built = tmp_path_factory.mktemp("source") / "basedrum", tmp_path_factory.mktemp("built")
    unneeded = shutil.ignore_patterns(
        ".git", ".venv", "build", "__pycache__", "*.egg-info", "runs", "demo", ".*_cache", "tests"
    )
    shutil.copytree(ROOT, source, ignore=unneeded)
    subprocess.run(
        [*PIP, "wheel", str(source), "--no-deps", "--no-build-isolation", "-w", str(built)], check=True
    )
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [*PIP, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True
    )
    return target


def outside(installed, folder, *arguments):
    """Run Python from another folder, the installed copy first on its path."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_everything_that_runs_is_inside_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names}
    assert {name for name in packages if not name.endswith(".dist-info")} == {"basedrum"}
    assert {"basedrum/pretrained/default.safetensors", "basedrum/pretrained/feel.safetensors"} <= set(names)
    assert {name.removesuffix(".toml").split("/")[-1] for name in names if name.endswith(".toml")} == set(
        presets()
    )
    assert sum(name.startswith("basedrum/practice_book/") and name.endswith(".txt") for name in names) == len(
        page_names()
    )
    assert any(name.endswith("LICENSE") for name in names) and any(name.endswith("NOTICE") for name in names)
    size = wheel.stat().st_size
    assert size < 16 * 2**20, f"the wheel has {size} bytes"


def test_it_plays_a_song_from_another_folder(installed, tmp_path):
    shutil.copy(ROOT / "samples" / "funk.mid", tmp_path)
    where = outside(installed, tmp_path, "-c", "import basedrum; print(basedrum.__file__)")
    assert where.stdout.startswith(str(installed))
    result = outside(installed, tmp_path, "-m", "basedrum", "generate", "funk.mid", "-o", "out.mid")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out.mid").stat().st_size > 1000


def test_it_finds_its_presets_and_its_practice_book(installed, tmp_path):
    probe = (
        "from basedrum.training.config import load_config, presets\n"
        "from basedrum.corpus.practice import practice_songs\n"
        "print(len([load_config(name) for name in presets()]), "
        "len(next(practice_songs(count=1)).data) > 1000)"
    )
    result = outside(installed, tmp_path, "-c", probe)
    assert result.stdout.split() == [str(len(presets())), "True"], result.stderr


def test_its_command_is_installed(installed):
    entry = next(installed.glob("basedrum-*.dist-info/entry_points.txt")).read_text()
    assert "basedrum = basedrum.cli:main" in entry
