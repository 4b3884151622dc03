"""The command line: parse, call one verb of `app`, print. Nothing heavy is imported here.

Exit status: 0 done; 2 the user's file, option or disk is at fault, one line on stderr; 130 or 143 stopped by a signal;
1 a bug of ours, one line on stderr, the traceback with --debug.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from basedrum import __version__
from basedrum.errors import BasedrumError, printable

DONE, BUG, AT_FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name outside the terminal's alphabet is no failure
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    with _sigterm_unwinds():
        try:
            return _run(arguments)
        except SystemExit as stop:  # from argparse and from SIGTERM
            return stop.code if isinstance(stop.code, int) else DONE
        except KeyboardInterrupt as stop:  # a training that a signal stopped says which
            print("basedrum: stopped", file=sys.stderr)
            return TERMINATED if stop.args[:1] == (signal.SIGTERM,) else INTERRUPTED
        except Exception as error:
            if debug:
                raise
            if isinstance(error, BasedrumError):
                return _complain(str(error), AT_FAULT)
            if isinstance(error, MemoryError):
                return _complain("out of memory: the song or the model is too large for this machine", AT_FAULT)
            if isinstance(error, OSError):
                where = f"{printable(error.filename)}: " if error.filename else ""
                return _complain(f"{where}{error.strerror or printable(error)}, check the file and the disk", AT_FAULT)
            what = printable(f"{type(error).__name__}: {error}")
            return _complain(f"{what}: this is a bug of basedrum, run again with --debug to see where", BUG)


def _run(arguments: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
        if options.verb is None:
            parser.print_help()
            return DONE
        return options.run(options)
    finally:
        say(end="")


def say(text: str = "", end: str = "\n") -> None:
    """Print a line at once; a reader that has gone away (`| head`) stops the printing, not the work."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _complain(text: str, status: int) -> int:
    print(f"basedrum: error: {text}", file=sys.stderr)
    return status


@contextlib.contextmanager
def _sigterm_unwinds():
    """Let SIGTERM leave by way of every `finally`, so that nothing half written stays."""

    def leave(number, frame):
        raise SystemExit(TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not in the main thread: signals are not ours
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option in one line of the form all our errors have."""

    def error(self, message: str) -> None:
        self.exit(AT_FAULT, f"basedrum: error: {printable(message, 400)}, see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="basedrum", description="Give it a bass line, get a drummer.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"basedrum {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback where something fails")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for build in (_generate_options, _prepare_options, _train_options):
        build(verbs)
    return parser


def _verb(verbs, name: str, run: Callable, summary: str, **more) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False, **more)
    parser.set_defaults(run=run)
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


def _generate_options(verbs) -> None:
    parser = _verb(verbs, "generate", _generate, "Write drums for the bass line of MIDI files.")
    parser.add_argument("inputs", nargs="+", metavar="IN.mid", help="a song with a bass line; several make a batch")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a .mid file, or a folder for IN.drums.mid of each input (default: IN.drums.mid beside the input)",
    )
    parser.add_argument(
        "--seed", type=_number(int, 0, 2**63 - 1), default=0, metavar="N", help="same seed, same drums (default: 0)"
    )
    parser.add_argument(
        "--candidates",
        type=_number(int, 1, 64),
        default=1,
        metavar="N",
        help="write N answers, OUT.1.mid, OUT.2.mid ..., each with the next seed (1 to 64, default: 1)",
    )
    parser.add_argument("--model", default="default", metavar="NAME|PATH", help="a drummer that ships, or a checkpoint file")
    parser.add_argument(
        "--bass-track", metavar="T", help="number (from 1) or part of the name of the bass track (default: find it)"
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
        type=_number(float, 0, 10, above=True),
        default=1.0,
        metavar="X",
        help="below 1 plays safe, above 1 wild; above 0 to 10 (default: 1)",
    )
    parser.add_argument(
        "--humanize",
        type=_number(float, 0, 1),
        default=0.7,
        metavar="X",
        help="0 flat and on the grid .. 1 the full spread of human drummers (default: 0.7)",
    )
    parser.add_argument("--drums-only", action="store_true", help="write the drums alone, without the song")
    parser.add_argument("--keep-drums", action="store_true", help="keep the song's own drums beside the new ones")


def _generate(options: argparse.Namespace) -> int:
    from basedrum import app

    _, failures = app.generate(
        options.inputs,
        options.output,
        model=options.model,
        seed=options.seed,
        candidates=options.candidates,
        drums_only=options.drums_only,
        keep_drums=options.keep_drums,
        bass_track=options.bass_track,
        temperature=options.temperature,
        density=options.density,
        style=options.style,
        humanize=options.humanize,
        on_written=_tell,
    )
    for failure in failures:
        _complain(str(failure), AT_FAULT)
    if len(options.inputs) > 1:
        say(f"{len(options.inputs) - len(failures)} of {len(options.inputs)} songs have drums now")
    return AT_FAULT if failures else DONE


def _tell(written) -> None:
    """Say what was found in a song and where its drums are."""
    bass, played = written.played.bass, written.played
    name = f' "{printable(bass.name.strip(), 60)}"' if bass.name.strip() else ""
    say(
        f"{printable(written.source.name)}: bass: track {bass.index + 1}{name}, {len(bass.notes)} notes; "
        f"{played.num_bars} bars; drums (seed {played.seed}) written to {printable(written.path)}"
    )


def _prepare_options(verbs) -> None:
    parser = _verb(verbs, "prepare", _prepare, "Turn songs with bass and drums into data to train on.")
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="folders, MIDI files, LPD .npz files, .zip or .tar(.gz, .xz) archives"
    )
    parser.add_argument("-o", "--output", required=True, metavar="DATA", help="the folder to write")
    parser.add_argument(
        "--songs", metavar="CSV", help="labels by file name (column id or path): split, style, source, genre, group"
    )
    parser.add_argument("--seed", type=_number(int, 0, 2**63 - 1), default=0, metavar="N", help="of the split (default: 0)")
    parser.add_argument("--workers", type=_number(int, 1, 1024), metavar="N", help="processes, 1 to 1024 (default: one a core)")
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


def _prepare(options: argparse.Namespace) -> int:
    from basedrum import app

    report = app.prepare(
        options.sources,
        options.output,
        songs_csv=options.songs,
        seed=options.seed,
        workers=options.workers,
        source_caps=dict(options.cap) if options.cap else None,
        progress=not options.quiet,
    )
    say(str(report))
    say(f"data written to {printable(options.output)}, what was left out to skipped.csv there")
    return DONE


def _train_options(verbs) -> None:
    parser = _verb(verbs, "train", _train, "Train a drummer; without --data on our own practice songs, offline, in minutes.")
    parser.add_argument("--data", metavar="DATA", help="a folder that `basedrum prepare` wrote (default: the practice songs)")
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
        help="change one value of the preset, for example train.steps=500 or model.lookahead=1; may be repeated",
    )
    parser.add_argument("--seed", type=_number(int, 0, 2**31 - 1), metavar="N", help="the same as --set train.seed=N")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder, exactly where it stopped")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _train(options: argparse.Namespace) -> int:
    from basedrum import app

    seed = [] if options.seed is None else [f"train.seed={options.seed}"]
    weights = app.train(
        options.output,
        options.data,
        preset=options.preset,
        settings=[*options.settings, *seed],
        resume=options.resume,
        device=options.device,
        progress=not options.quiet,
        on_start=_tell_config,
    )
    say(f"drummer written to {printable(weights)}, play it with: basedrum generate IN.mid --model {printable(weights)}")
    return DONE


def _tell_config(config, dataset) -> None:
    """Print the resolved config and what there is to learn from."""
    for section, values in config.to_dict().items():
        say(f"[{section}] " + ", ".join(f"{key} = {_short(value)}" for key, value in values.items()))
    phrases = ", ".join(f"{split} {len(dataset.rows(split))}" for split in ("train", "valid", "test"))
    say(f"data: {len(dataset.songs)} songs, phrases: {phrases}")


def _short(value: object) -> str:
    return f"{len(value)} names" if isinstance(value, list | tuple) and len(value) > 3 else str(value)
