"""The options of each verb: names, units, ranges, defaults. Only argparse here."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from basedrum import __version__
from basedrum.errors import printable

USAGE_STATUS = 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line of the form all our errors have."""

    def error(self, message: str) -> None:
        self.exit(USAGE_STATUS, f"basedrum: error: {printable(message, 400)}, see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="basedrum", description="Give it a bass line, get a drummer.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"basedrum {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback where something fails")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for build in (_generate_options, _styles_options, _prepare_options, _train_options, _evaluate_options):
        build(verbs)
    return parser


def _verb(verbs, name: str, summary: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _number(kind: type, low: float, high: float, above: bool = False) -> Callable[[str], float]:
    """Return an argparse type: a number of `kind` from `low` (or only above it) to `high`."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not ((low < value if above else low <= value) and value <= high):
            what = "a whole number" if kind is int else "a number"
            span = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} {span}")
        return value

    return parse


def _swing(text: str) -> float | None:
    if text in ("auto", "straight"):
        return None if text == "auto" else 1.0
    try:
        return _number(float, 1, 3)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, straight or a ratio from 1 to 3") from None


def _generate_options(verbs) -> None:
    parser = _verb(verbs, "generate", "Write drums for the bass line of MIDI files.")
    parser.add_argument(
        "inputs", nargs="+", metavar="IN.mid", help="a song with a bass line; several make a batch"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a .mid file, or a folder for IN.drums.mid of each input (default: IN.drums.mid beside the input)",
    )
    parser.add_argument(
        "--seed",
        type=_number(int, 0, 2**63 - 1),
        default=0,
        metavar="N",
        help="same seed, same drums (default: 0)",
    )
    parser.add_argument(
        "--candidates",
        type=_number(int, 1, 64),
        default=1,
        metavar="N",
        help="write N answers with the next N seeds, OUT.1.mid, the one its ranker finds most real, to OUT.N.mid (1 to 64, "
        "default: 1)",
    )
    parser.add_argument(
        "--model", default="default", metavar="NAME|PATH", help="a drummer that ships, or a checkpoint file"
    )
    parser.add_argument(
        "--lookahead",
        action="store_const",
        dest="model",
        const="lookahead",
        help="the drummer that knows the bass of the four bars before alone, as one who plays live (as --model lookahead)",
    )
    parser.add_argument(
        "--bass-track",
        metavar="T",
        help="number (from 1) or part of the name of the bass track (default: find it)",
    )
    parser.add_argument("--style", metavar="S", help="a style the drummer knows (default: it decides)")
    parser.add_argument(
        "--density",
        type=_number(float, 0, 64, above=True),
        metavar="X",
        help="hits per bar to aim at, above 0 to 64 (default: the drummer decides)",
    )
    parser.add_argument(
        "--temperature",
        type=_number(float, 0, 10),
        default=1.0,
        metavar="X",
        help="0 the most typical answer, the same for every seed; 1 as learned; above 1 wild; to 10 (default: 1)",
    )
    parser.add_argument(
        "--fills",
        type=_number(float, 0, 2),
        default=1.0,
        metavar="X",
        help="0 none, the groove goes on; 1 as learned; 2 one at the end of every four bars (default: 1)",
    )
    parser.add_argument(
        "--humanize",
        type=_number(float, 0, 1),
        default=0.7,
        metavar="X",
        help="0 flat and on the grid .. 1 the full spread of human drummers (default: 0.7)",
    )
    parser.add_argument(
        "--rests",
        choices=("play", "rest"),
        default="play",
        help="where only the bass rests: play goes on with what it played last, rest rests too; where the whole band rests the "
        "drums always do (default: play)",
    )
    parser.add_argument(
        "--swing",
        type=_swing,
        default=None,
        metavar="S",
        help="auto: as the bass swings, section by section; straight; or long to short of the eighths, 1 to 3, 2 being "
        "triplets (default: auto)",
    )
    parser.add_argument(
        "--bars",
        type=_bars,
        metavar="A:B",
        help="play only bars A to B anew, from 1; A: to the end, :B from the start; IN.mid has drums and keeps the others",
    )
    parser.add_argument(
        "--kit",
        default="gm",
        metavar="NAME|FILE",
        help="notes to write drums on: gm, ad2 (Addictive Drums 2), ezd3 (EZdrummer 3), sd3 (Superior Drummer 3), "
        "ssd5 (Steven Slate Drums 5), or a TOML or JSON file of voice = note (default: gm)",
    )
    parser.add_argument("--drums-only", action="store_true", help="write the drums alone, without the song")
    parser.add_argument(
        "--keep-drums", action="store_true", help="keep the song's own drums beside the new ones"
    )
    parser.add_argument("--png", action="store_true", help="draw bass and drums of each answer, OUT.png")
    parser.add_argument("--picture", dest="png", action="store_true", help=argparse.SUPPRESS)  # its old name
    parser.add_argument(
        "--png-bars",
        type=_number(int, 1, 32),
        default=8,
        metavar="N",
        help="how many bars to draw, from the first that sounds or is played anew (1 to 32, default: 8)",
    )
    parser.add_argument(
        "--wav", action="store_true", help="hear each answer, bass and drums, OUT.wav (20 minutes at most)"
    )
    parser.add_argument(
        "--soundfont",
        metavar="FILE",
        help="the same with the instruments of an .sf2 file, through FluidSynth",
    )


def _bars(text: str) -> tuple[int | None, int | None]:
    first, colon, last = text.partition(":")
    given = [part for part in (first, last) if part]
    if not given or not all(part.isdecimal() and int(part) >= 1 for part in given):
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B, for example 5:8, 9: or :4")
    begin = int(first) if first else None
    end = int(last) if last else begin if not colon else None
    if begin is not None and end is not None and end < begin:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return begin, end


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
        help="largest share (0 to 1) of a source, genre or style in what is drawn; may be repeated (default: built in)",
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
        help="stepwise, modern, quick, classic, classic-wgan, autoregressive, likelihood, or a TOML file (default: stepwise; "
        "quick without data)",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the preset, for example train.steps=500 or model.lookahead=1; may be repeated",
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
    parser = _verb(verbs, "evaluate", "Measure drummers beside real drums and simple rivals.")
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
        choices=("valid", "test", "train"),
        default="valid",
        help="which songs to measure on (default: valid)",
    )
    parser.add_argument(
        "--limit",
        type=_number(int, 8, 10**9),
        metavar="N",
        help="at most N phrases, 8 or more (default: all)",
    )
    parser.add_argument(
        "--seed",
        type=_number(int, 0, 2**31 - 1),
        default=0,
        metavar="N",
        help="of noise, draws and judges (default: 0)",
    )
    parser.add_argument(
        "--previous",
        choices=("own", "real", "none"),
        default="own",
        help="the drums of the phrase before that a drummer is given (default: own)",
    )
    parser.add_argument(
        "--beside",
        metavar="JSON",
        help="an earlier report on the same phrases: add to its table, measure only these drummers",
    )
    parser.add_argument("--quick", action="store_true", help="fewer measures, rougher figures, in seconds")
    parser.add_argument("--quiet", action="store_true", help="say nothing on the way")
