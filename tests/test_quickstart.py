"""Every command and every line of Python that the README and the pages of `docs/` show, run in their order.

What takes minutes runs with a few songs and steps; what installs is checked against the Makefile and the
files it names.
"""

import configparser
import glob
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from basedrum import app, cli
from basedrum.corpus.practice import practice_songs

ROOT = Path(__file__).resolve().parent.parent
README, PLAYING, TRAINING, CONTRIBUTING = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/playing.md", "docs/training.md", "CONTRIBUTING.md")
)
PAGES = [
    "README.md",
    "MODEL_CARD.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "data/README.md",
    "samples/README.md",
]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
MAX_README_LINES = 130
SHORT_TRAINING = {
    "model": {"width": 16, "discriminator_width": 16},
    "train": {"batch": 8, "validation_phrases": 8},
    "warmup": {"steps": 2},
    "adversarial": {"steps": 2, "discriminator_first": 1},
    "reranking": {"steps": 2},
}


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def commands(page=README):
    """Each command of a page, its comment cut off, in order."""
    lines = [line for block in blocks("sh", page) for line in block.splitlines()]
    return [command for line in lines if (command := line.split("  #")[0].strip())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as a reader has it: the samples, and a few songs with bass and drums of their own."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "samples", folder / "samples", ignore=shutil.ignore_patterns("drums"))
    (folder / "my-songs").mkdir()
    for song in practice_songs(count=40):
        (folder / "my-songs" / f"{song.name}.mid").write_bytes(song.data)
    return folder


@pytest.fixture
def small(monkeypatch, folder):
    """A reader's folder to stand in, 40 practice songs instead of 300, and an evaluation that takes
    seconds."""
    from basedrum.evaluation import evaluate

    quick = evaluate.QUICK
    matching, two_sample = replace(quick.matching, steps=2), replace(quick.two_sample, steps=2)
    effort = replace(quick, noise_songs=2, spliced_songs=2, matching=matching, two_sample=two_sample)
    monkeypatch.setattr(evaluate, "FULL", effort)
    monkeypatch.setattr(app, "prepare_practice", partial(app.prepare_practice, count=40))
    monkeypatch.chdir(folder)


def run(command):
    """Run a `basedrum` command of the README in this process."""
    words = [
        name for word in shlex.split(command) for name in (sorted(glob.glob(word)) if "*" in word else [word])
    ]
    assert words[0] in ("basedrum", ".venv/bin/basedrum")
    if words[1] == "train":
        words += ["--quiet", "--device", "cpu"]
        for section, values in SHORT_TRAINING.items():
            words += [word for key, value in values.items() for word in ("--set", f"{section}.{key}={value}")]
    if words[1] == "evaluate":
        words += ["--limit", "8", "--quiet"]
    assert cli.main(words[1:]) == 0, command
    return words


def test_the_readme_shows_the_verbs():
    shown = {
        shlex.split(command)[1]
        for command in commands()
        if "basedrum " in command and "torchrun" not in command
    }
    assert {"generate", "prepare", "train", "evaluate"} <= shown


def test_every_command_of_the_readme_runs(small, folder, capsys):
    done = 0
    for command in commands():
        if not re.match(r"(\.venv/bin/)?basedrum ", command):
            continue
        words = run(command)
        if "-o" in words and words[1] == "generate":
            assert (folder / words[words.index("-o") + 1]).exists(), command
        done += 1
    assert done >= 9
    assert {path.suffix for path in (folder / "drums").iterdir()} == {".mid", ".png"}
    assert (folder / "funk.png").exists() and (folder / "funk.wav").exists()
    assert (folder / "runs" / "mine" / "report.json").exists()


def test_the_commands_of_the_training_page_are_those_of_the_readme_and_one_that_trains_on_practice_songs(
    small, folder, capsys
):
    others = [command for command in commands(TRAINING) if command not in commands()]
    assert others == ["basedrum train"]
    run(others[0])
    assert (folder / "runs" / "quick" / "drummer.safetensors").exists()


def test_every_command_of_the_table_runs(small, folder, capsys):
    """What the table of things it can do says, in its order: later rows use what earlier ones wrote."""
    rows = re.findall(r"^\| [^|]+ \| `(basedrum generate [^`]+)`", PLAYING, flags=re.MULTILINE)
    assert len(rows) >= 16
    for command in rows:
        words = run(command)
        written = folder / words[words.index("-o") + 1]
        if "--candidates" in words:
            assert {"best.1.mid", "best.2.mid", "best.3.mid"} <= {path.name for path in folder.iterdir()}
            written = written.with_name("best.1.mid")
        assert written.exists(), command
        for option in ("--png", "--wav"):
            assert option not in words or written.with_suffix(f".{option[2:]}").exists(), command
    assert 'band.mid: bass: track 2 "Bass"' in capsys.readouterr().out


def test_a_run_is_resumed_and_never_begun_twice(small, folder, capsys):
    if not (folder / "my-data").exists():
        run("basedrum prepare my-songs -o my-data")
    run("basedrum train --data my-data -o runs/twice")
    before = (folder / "runs" / "twice" / "drummer.safetensors").read_bytes()
    with pytest.raises(AssertionError):
        run("basedrum train --data my-data -o runs/twice")
    assert "--resume" in capsys.readouterr().err
    run("basedrum train --data my-data -o runs/twice --resume")
    assert (folder / "runs" / "twice" / "drummer.safetensors").read_bytes() == before


@pytest.mark.parametrize("page", [README, PLAYING], ids=["README.md", "docs/playing.md"])
def test_every_line_of_python_of_a_page_runs(page, small, folder):
    (folder / "funk-with-drums.mid").unlink(missing_ok=True)
    assert blocks("python", page)
    for block in blocks("python", page):
        exec(compile(block, "page", "exec"), {})
    assert (folder / "funk-with-drums.mid").stat().st_size > 1000
    if page is PLAYING:
        assert (folder / "two.2.mid").exists() and (folder / "two.2.png").exists()


def plan_of(*targets):
    """What make would do; the suite may itself have been started by make, which must not show."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    command = ["make", "--dry-run", "--no-print-directory", *targets]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_commands_that_install_name_what_there_is():
    shown = [*commands(), *commands(CONTRIBUTING)]
    others = [command for command in shown if not re.match(r"(\.venv/bin/)?basedrum ", command)]
    for command in others:
        words = shlex.split(command)
        if words == ["make", "demo"]:
            assert "basedrum generate samples/funk.mid -o demo/funk.mid" in plan_of("demo")
        elif "pip" in words:
            assert (ROOT / words[words.index("-c") + 1]).exists() and words[-2:] == ["-e", ".[dev]"]
        else:
            plain = ("make test", "python3 -m venv .venv", '.venv/bin/python -m pytest -q -m "not slow"')
            if words[0] == "make":
                plan_of(words[1])
            elif words[:4] == [".venv/bin/python", "-m", "pytest", "-q"] and len(words) == 5:
                assert (ROOT / words[4]).is_file(), command
            else:
                assert command in plain, f"{command}: not tested"


def test_what_make_test_and_ci_run_is_all_that_is_not_slow():
    assert plan_of("test").strip().endswith('python -m pytest -q -m "not slow"')
    assert plan_of("test-slow").strip().endswith("python -m pytest -q -m slow")
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file_and_no_figure_is_missing(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "@FIG" not in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:md|py|txt|toml))`", text):
        if "NAME" in name or name.startswith("runs/"):
            continue  # stands for a file that the reader makes
        assert (ROOT / name).exists() or (ROOT / "basedrum" / name).exists(), name


def test_an_installation_says_that_it_is_typed_and_has_the_lab_notes():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    data = setup["options.package_data"]
    assert data["basedrum"] == "py.typed" and (ROOT / "basedrum" / "py.typed").exists()
    assert data["basedrum.lab"] == "*.md, lines/*.txt" and (ROOT / "basedrum" / "lab" / "NOTES.md").exists()
