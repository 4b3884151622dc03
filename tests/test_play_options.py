"""Every option once: what it takes, what it says, and that command line, API and docs are made from it."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

import basedrum
from basedrum import app, cli
from basedrum.errors import ConfigError
from basedrum.option_kinds import Flag
from basedrum.options import options_of
from basedrum.play_options import (
    GROUPS,
    MAX_SEED,
    OutputOptions,
    PlayOptions,
    flag_of,
    to_markdown,
)

# a value other than the default, and one that is out of the range, for every option
GOOD = {
    "seed": 7, "bass_track": "Bass", "style": "funk", "density": 12.0, "temperature": 0.5, "fills": 2.0,
    "humanize": 1.0, "rests": "rest", "swing": 2.0, "bars": (3, 8), "kit": "ad2", "candidates": 3,
    "drums_only": True, "keep_drums": True, "png": True, "png_bars": 4, "wav": True, "soundfont": "x.sf2",
    "feel": "half", "percussion": "off", "loop": True, "split_voices": True, "count_in": 2,
}  # fmt: skip
BAD = {
    "seed": -1, "bass_track": 1.5, "style": 3.5, "density": 0, "temperature": 10.1, "fills": -0.1,
    "humanize": 1.1, "rests": "sleep", "swing": 0.9, "bars": (8, 3), "kit": None, "candidates": 65,
    "drums_only": "yes", "keep_drums": 1, "png": None, "png_bars": 33, "wav": 2, "soundfont": 1.5,
    "feel": "slow", "percussion": True, "loop": 1, "split_voices": "no", "count_in": 9,
}  # fmt: skip
FIELDS = [(kind, field) for _, kind in GROUPS for field in dataclasses.fields(kind)]


def parsed(kind, *words):
    return options_of(kind, cli.build_parser().parse_args(["generate", "x.mid", *words]))


def test_without_words_the_command_line_gives_the_defaults():
    assert parsed(PlayOptions) == PlayOptions() and parsed(OutputOptions) == OutputOptions()


@pytest.mark.parametrize("kind, field", FIELDS, ids=lambda value: getattr(value, "name", ""))
def test_each_option_is_taken_and_checked_and_said_again(kind, field):
    options = kind(**{field.name: GOOD[field.name]})
    assert options != kind() and parsed(kind, *options.to_arguments()) == options
    with pytest.raises(ConfigError, match=field.name.replace("_", " ")) as fault:
        kind(**{field.name: BAD[field.name]})
    assert str(field.metadata["option"].kind) in str(fault.value)


@pytest.mark.parametrize("kind, field", FIELDS, ids=lambda value: getattr(value, "name", ""))
def test_each_option_stands_in_the_help_and_the_docstrings(kind, field, capsys):
    assert cli.main(["generate", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    about = field.metadata["option"]
    assert flag_of(field.name) in words and " ".join(about.help.split()[:3]) in words
    assert f"{field.name}: {about.help}" in app.generate.__doc__
    assert (f"{field.name}: {about.help}" in basedrum.Drummer.play.__doc__) == (kind is PlayOptions)
    assert isinstance(about.kind, Flag) == (not about.metavar)


def test_the_page_of_options_is_made_from_them():
    page = Path(__file__).parent.parent / "docs" / "options.md"
    assert page.read_text("utf-8") == to_markdown(GROUPS), "run `make docs`"


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED, np.int64(5)])
def test_seeds(seed):
    assert PlayOptions(seed=seed).seed == seed


@pytest.mark.parametrize(
    "change",
    [
        {"seed": MAX_SEED + 1},
        {"seed": 1.0},
        {"seed": True},
        {"temperature": math.nan},
        {"density": math.inf},
        {"density": -1},
        {"fills": None},
        {"bars": (0, 4)},
        {"bars": (1, 2, 3)},
        {"bars": 4},
        {"swing": 3.1},
    ],
)
def test_what_cannot_be(change):
    with pytest.raises(ConfigError, match=f"{next(iter(change))}.*cannot be, give"):
        PlayOptions(**change)


def test_drums_alone_beside_the_songs_own():
    with pytest.raises(ConfigError, match="drums only"):
        OutputOptions(drums_only=True, keep_drums=True)
