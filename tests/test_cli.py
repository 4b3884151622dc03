"""The command line: exit statuses, one line per fault, options, speed."""

import os
import re
import signal
import subprocess
import sys

import pytest
from test_app import fake_drummer, write_bass  # noqa: F401

from basedrum import app, cli
from basedrum.errors import BasedrumError


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "basedrum", *map(str, arguments)], capture_output=True, text=True, **options
    )


def one_line(capsys):
    err = capsys.readouterr().err
    assert err.startswith("basedrum: error: ") and err.count("\n") == 1 and err.endswith("\n"), err
    return err


def test_generate_says_what_it_found_and_where_the_drums_are(tmp_path, capsys):
    source = write_bass(tmp_path / "song.mid")
    assert cli.main(["generate", str(source), "-o", str(tmp_path / "out.mid"), "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert (
        'bass: track 1 "Fingered Bass", 12 notes; 6 bars' in out
        and str(tmp_path / "out.mid") in out
        and not err
    )
    assert (tmp_path / "out.mid").exists()


def test_a_batch_goes_on_past_a_bad_file_and_ends_with_2(tmp_path, capsys):
    source = write_bass(tmp_path / "song.mid")
    assert cli.main(["generate", str(tmp_path / "none.mid"), str(source), "-o", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert "1 of 2 songs" in out and "none.mid" in err and (tmp_path / "out" / "song.drums.mid").exists()


def test_styles_are_listed_one_a_line_with_what_they_are(capsys, monkeypatch):
    monkeypatch.setattr(app, "styles", lambda model: ("funk", "neo_soul", "game"))
    assert cli.main(["styles"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["funk", "neo_soul", "game"]
    assert "ghost notes" in lines[0] and lines[0].index("sixteenths") == lines[1].index("R&B")
    assert lines[2] == "game", "a name that the table does not have"


def test_bars_played_anew_are_told(tmp_path, capsys):
    source = write_bass(tmp_path / "song.mid")
    assert cli.main(["generate", str(source), "-o", str(tmp_path / "one.mid")]) == 0
    words = [
        "generate",
        str(tmp_path / "one.mid"),
        "-o",
        str(tmp_path / "two.mid"),
        "--bars",
        "3:4",
        "--seed",
        "5",
        "--png",
    ]
    assert cli.main([*words, "--png-bars", "2"]) == 0
    assert "drums (bars 3 to 4, seed 5) written" in capsys.readouterr().out
    assert (tmp_path / "two.png").exists()


@pytest.mark.parametrize("text, bars", [("3:8", (3, 8)), ("3:", (3, None)), (":8", (None, 8)), ("7", (7, 7))])
def test_ranges_of_bars(text, bars):
    assert cli.build_parser().parse_args(["generate", "x.mid", "--bars", text]).bars == bars


def test_lookahead_is_the_drummer_of_that_name():
    parse = cli.build_parser().parse_args
    assert parse(["generate", "x.mid", "--lookahead"]).model == "lookahead"
    assert parse(["generate", "x.mid"]).model == "default"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["generate"], "IN.mid"),
        (["generat"], "generat"),
        (["generate", "nowhere.mid"], "nowhere.mid"),
        (["generate", "."], "folder"),
        (["generate", "x.mid", "--temperature", "-0.1"], "from 0"),
        (["generate", "x.mid", "--temperature", "nan"], "temperature"),
        (["generate", "x.mid", "--candidates", "65"], "64"),
        (["generate", "x.mid", "--candidates", "two"], "whole number"),
        (["generate", "x.mid", "--seed", "-1"], "seed"),
        (["generate", "x.mid", "--style", "polka"], "reggae"),
        (["generate", "x.mid", "--kit", "add2"], "did you mean ad2"),
        (["generate", "x.mid", "--bars", "5-8"], "5:8"),
        (["generate", "x.mid", "--bars", "8:5"], "ends before"),
        (["generate", "x.mid", "--bars", "0:5"], "5:8"),
        (["generate", "x.mid", "--bars", ":"], "5:8"),
        (["generate", "x.mid", "--png-bars", "33"], "32"),
        (["styles", "--model", "nobody"], "nobody"),
        (["generate", "x.mid", "--model", "nobody"], "nobody"),
        (["generate", "x.mid", "--densty", "4"], "--densty"),
        (["generate", "x.mid", "-o", "x.wav"], "x.wav"),
        (["generate", "evil\n\x1b[31m.mid"], r"evil\\n\\x1b[31m.mid"),
    ],
)
def test_the_users_faults_are_one_line_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert words.replace("\\\\", "\\") in one_line(capsys)
    assert not any(tmp_path.iterdir())


def test_a_bug_is_status_1_and_one_line_and_debug_shows_it(monkeypatch, capsys):
    def broken(*arguments, **options):
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(app, "generate", broken)
    assert cli.main(["generate", "x.mid"]) == 1
    assert "ZeroDivisionError: oh\\nno" in (line := one_line(capsys)) and "--debug" in line
    for arguments in (["--debug", "generate", "x.mid"], ["generate", "x.mid", "--debug"]):
        with pytest.raises(ZeroDivisionError):
            cli.main(arguments)


@pytest.mark.parametrize(
    "error, status",
    [
        (MemoryError(), 2),
        (PermissionError(13, "Permission denied", "x"), 2),
        (BasedrumError("a: b"), 2),
    ],
)
def test_statuses(monkeypatch, capsys, error, status):
    def stop(*arguments, **options):
        raise error

    monkeypatch.setattr(app, "generate", stop)
    assert cli.main(["generate", "x.mid"]) == status
    one_line(capsys)


@pytest.mark.parametrize(
    "stop, status", [(KeyboardInterrupt(), 130), (KeyboardInterrupt(signal.SIGTERM), 143)]
)
def test_a_signal_is_no_error(monkeypatch, capsys, stop, status):
    def stopped(*arguments, **options):
        raise stop

    monkeypatch.setattr(app, "train", stopped)
    assert cli.main(["train"]) == status
    assert capsys.readouterr().err == "basedrum: stopped\n"


def test_sigterm_unwinds_and_is_143(monkeypatch):
    unwound = []

    def wait(*arguments, **options):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()  # until it comes
        finally:
            unwound.append(True)

    monkeypatch.setattr(app, "generate", wait)
    assert cli.main(["generate", "x.mid"]) == 143 and unwound


def test_help_and_version(capsys):
    assert cli.main([]) == 0
    assert "generate" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"basedrum \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_every_option_of_every_verb_is_explained():
    verbs = next(a for a in cli.build_parser()._actions if a.dest == "verb").choices
    for name, parser in verbs.items():
        for action in parser._actions:
            assert action.help, f"{name} {action.option_strings or action.dest}"


def test_python_has_every_option_of_generate_by_the_same_name():
    from dataclasses import fields
    from inspect import signature

    from basedrum.play_options import GROUPS

    verbs = next(a for a in cli.build_parser()._actions if a.dest == "verb").choices
    options = {action.dest for action in verbs["generate"]._actions} - {"help", "debug"}
    named = {field.name for _, kind in GROUPS for field in fields(kind)}
    assert options == named | {"inputs", "output", "model"} <= named | set(signature(app.generate).parameters)


def test_help_is_quick_and_imports_nothing_heavy():
    probe = (
        "import sys; from basedrum import cli; cli.main(['--help']); sys.stderr.write(' '.join(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    heavy = {"torch", "numpy", "symusic", "scipy", "matplotlib", "pypianoroll", "pretty_midi", "tqdm"}
    assert not heavy & {name.split(".")[0] for name in result.stderr.split()}


@pytest.mark.parametrize("family", ["modern", "classic"])
def test_generating_imports_nothing_it_does_not_need(tmp_path, family):
    """Each of these costs a tenth of a second to seconds on a cold start."""
    from basedrum.models.config import ModelConfig
    from basedrum.models.registry import build_model
    from basedrum.weights import save_drummer

    save_drummer(tmp_path / "small.safetensors", build_model(ModelConfig(family=family, width=16)), None, {})
    source = write_bass(tmp_path / "song.mid")
    words = ["generate", str(source), "--model", str(tmp_path / "small.safetensors")]
    probe = (
        f"import sys; from basedrum import cli; assert cli.main({words!r}) == 0; "
        "sys.stderr.write(' '.join(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert (tmp_path / "song.drums.mid").exists(), result.stderr
    heavy = {
        "torch._dynamo",
        "torch._inductor",
        "sympy",
        "scipy",
        "matplotlib",
        "pypianoroll",
        "pretty_midi",
        "mido",
    }
    assert not heavy & set(result.stderr.split())


def test_a_reader_that_leaves_is_no_failure(tmp_path):
    command = f"{sys.executable} -m basedrum generate --help | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.returncode == 0 and not result.stderr


def test_names_outside_the_alphabet_of_the_terminal(tmp_path):
    result = run(
        "generate", tmp_path / "ü-ベース.mid", env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    )
    assert result.returncode == 2 and result.stderr.isascii() and result.stderr.count("\n") == 1
