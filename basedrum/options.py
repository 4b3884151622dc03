"""The arguments of each verb on the command line; those of a playing are derived from `play_options`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from basedrum import __version__
from basedrum.errors import printable
from basedrum.option_kinds import Flag, Kind, Number
from basedrum.play_options import (
    Option,
    OutputOptions,
    PlayOptions,
    described,
    flag_of,
)

Options = TypeVar("Options", PlayOptions, OutputOptions)

USAGE_STATUS = 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line of the form all our errors have."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"basedrum: error: {printable(message, 400)}, see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="basedrum", description="Give it a bass line, get a drummer.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"basedrum {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback where something fails")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for build in (
        _generate_options,
        _styles_options,
        _prepare_options,
        _train_options,
        _evaluate_options,
        _lab_options,
    ):
        build(verbs)
    return parser


def _verb(verbs, name: str, summary: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _value(kind: Kind) -> Callable[[str], Any]:
    """Return an argparse type: what `kind` makes of the text."""

    def parse(text: str) -> Any:
        try:
            return kind.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _number(kind: type, low: float, high: float, above: bool = False) -> Callable[[str], Any]:
    """Return an argparse type: a number of `kind` from `low` (or only above it) to `high`."""
    return _value(Number(kind, low, high, above))


def _add_options(parser: argparse.ArgumentParser, kind: type) -> None:
    """Add an argument for every option of `kind` (`PlayOptions`, `OutputOptions`)."""
    for field in dataclasses.fields(kind):
        about: Option = field.metadata["option"]
        text = described(field).replace("%", "%%")
        if isinstance(about.kind, Flag):
            parser.add_argument(flag_of(field.name), action="store_true", help=text)
            continue
        parser.add_argument(
            flag_of(field.name),
            type=_value(about.kind),
            default=field.default,
            metavar=about.metavar,
            help=text,
        )


def options_of(kind: type[Options], parsed: argparse.Namespace) -> Options:
    """Return the options of `kind` that a command line gave."""
    return kind(**{field.name: getattr(parsed, field.name) for field in dataclasses.fields(kind)})


def _generate_options(verbs) -> None:
    parser = _verb(verbs, "generate", "Write drums for the bass line of MIDI files.")
    parser.add_argument(
        "inputs", nargs="+", metavar="IN.mid", help="a song with a bass line; several make a batch"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a .mid file, or a folder for IN.drums.mid of each input (default: IN.drums.mid beside the "
        "input)",
    )
    parser.add_argument(
        "--model", default="default", metavar="NAME|PATH", help="a drummer that ships, or a file of weights"
    )
    parser.add_argument(
        "--lookahead",
        action="store_const",
        dest="model",
        const="lookahead",
        help="the drummer that is given the bass of the four bars before alone, as one who plays live "
        "(the same as "
        "--model lookahead)",
    )
    _add_options(parser, PlayOptions)
    _add_options(parser, OutputOptions)
    parser.add_argument("--picture", dest="png", action="store_true", help=argparse.SUPPRESS)  # its old name


def _styles_options(verbs) -> None:
    parser = _verb(verbs, "styles", "List the styles a drummer can be asked for, one a line.")
    parser.add_argument(
        "--model", default="default", metavar="NAME|PATH", help="a drummer that ships, or a checkpoint file"
    )


def _prepare_options(verbs) -> None:
    parser = _verb(verbs, "prepare", "Turn songs with bass and drums into data to train on.")
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="folders, MIDI files, LPD .npz files, .zip or .tar(.gz, .xz) archives",
    )
    parser.add_argument("-o", "--output", required=True, metavar="DATA", help="the folder to write")
    parser.add_argument(
        "--songs",
        metavar="CSV",
        help="labels by file name (column id or path): split, style, source, genre, group",
    )
    parser.add_argument(
        "--seed", type=_number(int, 0, 2**63 - 1), default=0, metavar="N", help="of the split (default: 0)"
    )
    parser.add_argument(
        "--workers",
        type=_number(int, 1, 1024),
        metavar="N",
        help="processes, 1 to 1024 (default: one a core)",
    )
    parser.add_argument(
        "--cap",
        action="append",
        type=_share,
        metavar="NAME=SHARE",
        help="largest share (0 to 1) of a source, genre or style in what is drawn; may be repeated "
        "(default: built in)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SHARE, for example rock=0.3")
    return name, _number(float, 0, 1, above=True)(share)


def _train_options(verbs) -> None:
    parser = _verb(
        verbs, "train", "Train a drummer; without --data on our own practice songs, offline, in minutes."
    )
    parser.add_argument(
        "--data", metavar="DATA", help="a folder that `basedrum prepare` wrote (default: the practice songs)"
    )
    parser.add_argument("-o", "--output", metavar="RUN", help="the folder of the run (default: runs/PRESET)")
    parser.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help="modern, quick, classic, classic-wgan, or a TOML file (default: modern; quick without data)",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the preset, for example adversarial.steps=500 or model.lookahead=1; may be "
        "repeated",
    )
    parser.add_argument(
        "--seed", type=_number(int, 0, 2**31 - 1), metavar="N", help="the same as --set train.seed=N"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in the folder, exactly where it stopped"
    )
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N (default: auto)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _evaluate_options(verbs) -> None:
    parser = _verb(
        verbs, "evaluate", "Measure drummers on whole held-out songs, beside real drums and baselines."
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|PATH",
        help="a drummer that ships, or a checkpoint; may be repeated",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="a folder that `basedrum prepare` wrote (default: the practice songs, in practice-data)",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="report",
        metavar="OUT",
        help="OUT.json, .txt, .md and .png are written (default: report)",
    )
    parser.add_argument(
        "--split",
        choices=("valid", "test"),
        default="valid",
        help="which songs to measure on (default: valid)",
    )
    parser.add_argument(
        "--limit",
        type=_number(int, 4, 10**9),
        metavar="N",
        help="at most N songs, 4 or more (default: all; with --quick 24)",
    )
    parser.add_argument(
        "--seed",
        type=_number(int, 0, 2**31 - 1),
        default=0,
        metavar="N",
        help="of the choice of songs, of noise and of classifiers (default: 0)",
    )
    parser.add_argument(
        "--beside",
        metavar="JSON",
        help="an earlier report on the same songs: add to its table, measure only these drummers",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer songs and metrics, rougher, in about a minute"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing on the way")


def _lab_options(verbs) -> None:
    parser = _verb(verbs, "lab", "Make the tables of the documentation again, one experiment a table.")
    parser.add_argument("action", choices=("list", "run"), help="list the experiments, or run one")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the experiment to run")
    parser.add_argument("--data", metavar="DATA", help="what it measures on (see the file of the experiment)")
    parser.add_argument(
        "--model", default="default", metavar="NAME|PATH", help="the drummer that is measured"
    )
    parser.add_argument(
        "--seed",
        type=_number(int, 0, 2**31 - 1),
        default=0,
        metavar="N",
        help="of what is drawn (default: 0)",
    )
    parser.add_argument("--quick", action="store_true", help="a rough table from little data")
    parser.add_argument("-o", "--output", metavar="JSON", help="write the numbers to this file as well")
