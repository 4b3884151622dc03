"""The command line: parse, call one verb of `app`, print. Nothing heavy is imported here.

Exit status: 0 done; 2 the user's file, option or disk is at fault, one line on stderr; 130 or 143 stopped by
a signal; 1 a bug of ours, one line on stderr, the traceback with --debug.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from basedrum.errors import BasedrumError, printable
from basedrum.options import build_parser, options_of
from basedrum.play_options import OutputOptions, PlayOptions

if TYPE_CHECKING:
    from basedrum.app import Written

DONE, BUG, AT_FAULT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a name outside the terminal's alphabet is no failure
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
                return _complain(
                    "out of memory: the song or the model is too large for this machine", AT_FAULT
                )
            if isinstance(error, OSError):
                where = f"{printable(error.filename)}: " if error.filename else ""
                return _complain(
                    f"{where}{error.strerror or printable(error)}, check the file and the disk", AT_FAULT
                )
            what = printable(f"{type(error).__name__}: {error}")
            return _complain(f"{what}: this is a bug of basedrum, run again with --debug to see where", BUG)


def _run(arguments: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
        if options.verb is None:
            parser.print_help()
            return DONE
        return VERBS[options.verb](options)
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


def _generate(options: argparse.Namespace) -> int:
    from basedrum import app

    _, failures = app.generate(
        options.inputs,
        options.output,
        model=options.model,
        play=options_of(PlayOptions, options),
        write=options_of(OutputOptions, options),
        on_written=_tell if len(options.inputs) > 1 else _tell_all,
    )
    for failure in failures:
        _complain(str(failure), AT_FAULT)
    if len(options.inputs) > 1:
        say(f"{len(options.inputs) - len(failures)} of {len(options.inputs)} songs have drums now")
    return AT_FAULT if failures else DONE


def _tell(written: Written) -> None:
    """Say what was found in a song, where its drums are."""
    played = written.played
    bass = played.bass
    name = f' "{printable(bass.name.strip(), 60)}"' if bass.name.strip() else ""
    found = [
        f"bass: track {bass.index + 1}{name}, {_count(len(bass.notes), 'note')}",
        _count(played.num_bars, "bar"),
    ]
    swing = str(getattr(played.grid, "swing", None) or "")
    found += [f"swing: {swing}"] if swing else []
    bars = "" if played.bars is None else f"bars {played.bars[0] + 1} to {played.bars[1] + 1}, "
    how = f"drums ({bars}seed {played.seed}) written to {printable(written.path)}"
    say(f"{printable(written.source.name)}: {'; '.join([*found, how])}")


def _tell_all(written: Written) -> None:
    """Say what `_tell` says, and how to keep the drummer."""
    _tell(written)
    performance = written.played.performance
    if performance.seed_was_drawn:
        seed = performance.seed
        say(f"seed {seed}: give --seed {seed} to keep this drummer while you edit the bass")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _styles(options: argparse.Namespace) -> int:
    from basedrum import app
    from basedrum.music.styles import style_named

    known = app.styles(options.model)
    width = max(map(len, known), default=0)
    for name in known:
        style = style_named(name)
        say(printable(f"{name:{width}}  {style.description}" if style else name).rstrip())
    return DONE


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
    return DONE


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
    if os.environ.get("RANK", "0") == "0":  # under torchrun one process speaks
        where = printable(weights)
        say(f"drummer written to {where}, play it with: basedrum generate IN.mid --model {where}")
    return DONE


def _tell_config(config, dataset) -> None:
    """Print the resolved config and what there is to learn from."""
    for section, values in config.to_dict().items():
        say(f"[{section}] " + ", ".join(f"{key} = {_short(value)}" for key, value in values.items()))
    phrases = ", ".join(f"{split} {len(dataset.rows(split))}" for split in ("train", "valid", "test"))
    say(f"data: {len(dataset.songs)} songs, phrases: {phrases}")


def _short(value: object) -> str:
    return f"{len(value)} names" if isinstance(value, list | tuple) and len(value) > 3 else str(value)


def _evaluate(options: argparse.Namespace) -> int:
    from basedrum import app

    report = app.evaluate(
        options.model or ["default"],
        options.data,
        options.output,
        beside=options.beside,
        progress=not options.quiet,
        split=options.split,
        limit=options.limit,
        seed=options.seed,
        quick=options.quick,
        on_progress=None if options.quiet else lambda what: print(f"measuring: {what}", file=sys.stderr),
    )
    say(report.to_text(), end="")
    out = printable(options.output)
    say(f"report written to {out}.json, {out}.txt, {out}.md and {out}.png")
    return DONE


def _lab(options: argparse.Namespace) -> int:
    from basedrum import app

    if options.action == "list":
        for name, summary in app.labs():
            say(f"{name}: {summary}")
        return DONE
    if options.name is None:
        return _complain("lab run: no experiment named, choose one of `basedrum lab list`", AT_FAULT)
    say(
        app.run_lab(
            options.name,
            options.data,
            options.output,
            model=options.model,
            seed=options.seed,
            quick=options.quick,
        )
    )
    return DONE


VERBS = {
    "generate": _generate,
    "styles": _styles,
    "prepare": _prepare,
    "train": _train,
    "evaluate": _evaluate,
    "lab": _lab,
}
