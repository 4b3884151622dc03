"""Every option of a playing, written once: its name, default, range, unit and help.

The command line, the Python API, the checks and `docs/options.md` are derived from the fields of
`PlayOptions` (how the drummer plays) and `OutputOptions` (what is written). An option is added by adding a
field here and using it.

Conventions: a field's metadata holds its `Option`; `None` stands for "not given" where the default is None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from basedrum.errors import ConfigError, printable
from basedrum.option_kinds import BarRange, Choice, Flag, Kind, Number, SwingRatio, Text

MAX_SEED = 2**63 - 1
MAX_CANDIDATES = 64
MAX_PNG_BARS = 32
MAX_COUNT_IN_BARS = 8


@dataclass(frozen=True)
class Option:
    """What is known of an option besides its name and default.

    Attributes:
        kind: the values it takes.
        help: what it does, in words.
        metavar: what stands for its value in the help; "" for a flag.
        usual: the default in words where the value alone does not tell; None: the value.
    """

    kind: Kind
    help: str
    metavar: str = ""
    usual: str | None = None


def option(default: Any, *about: Any, **more: Any) -> Any:
    """Return a dataclass field that carries an `Option`."""
    return dataclasses.field(default=default, metadata={"option": Option(*about, **more)})


class _Options:
    """What both groups of options share: their values are checked when they are made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            kind = field.metadata["option"].kind
            if not kind.allows(value) and not (value is None and field.default is None):
                name = field.name.replace("_", " ")
                raise ConfigError(f"{name} {printable(value, 60)}: cannot be, give {kind}")

    def to_arguments(self) -> list[str]:
        """Return the words of a command line that say how these options differ from the defaults."""
        words: list[str] = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value == field.default:
                continue
            words.append(flag_of(field.name))
            if isinstance(field.metadata["option"].kind, BarRange):
                words.append(":".join("" if bar is None else str(bar) for bar in value))
            elif not isinstance(value, bool):
                words.append(f"{value:g}" if isinstance(value, float) else str(value))
        return words


@dataclass(frozen=True)
class PlayOptions(_Options):
    """How a drummer is asked to play; see `docs/options.md`, which is made from these fields.

    Raises:
        ConfigError: a value that an option does not take.
    """

    seed: int | None = option(
        None,
        Number(int, 0, MAX_SEED),
        "the noise the drums are drawn with: the same seed, song and options give the same drums. "
        "Without it the seed is made from the bass line of the first bars, so that a transposed, renamed "
        "or later changed song keeps its drummer",
        "N",
        usual="made from the bass",
    )
    bass_track: str | int | None = option(
        None,
        Text("a number or a name"),
        "number (from 1) or part of the name of the bass track",
        "T",
        usual="find it",
    )
    style: str | None = option(
        None, Text("a style the drummer knows"), "a style the drummer knows", "S", usual="the drummer decides"
    )
    density: float | None = option(
        None,
        Number(float, 0, 64, above=True),
        "hits per bar to aim at, above 0 to 64",
        "X",
        usual="the drummer decides",
    )
    temperature: float = option(
        1.0,
        Number(float, 0, 10),
        "0 the most typical drums, the same for every seed; 1 as learned; above 1 wild; to 10",
        "X",
    )
    fills: float = option(
        1.0,
        Number(float, 0, 2),
        "0 none, the groove goes on; 1 as learned; 2 one at the end of every four bars",
        "X",
    )
    humanize: float = option(
        0.7,
        Number(float, 0, 1),
        "0 the typical loudness, exactly on the grid; 1 the full spread of human drummers in loudness "
        "and time",
        "X",
    )
    rests: str = option(
        "play",
        Choice(("play", "rest")),
        "where only the bass rests: play goes on to the last four bars it played, rest rests too; where "
        "the whole band "
        "rests the drums always do",
        "R",
    )
    swing: float | None = option(
        None,
        SwingRatio(),
        "auto: as the bass swings, section by section; straight; or long to short of the eighths, 1 to "
        "3, 2 being triplets",
        "S",
        usual="auto",
    )
    feel: str = option(
        "normal",
        Choice(("normal", "half", "double", "auto")),
        "half: half time, the backbeat on 3 of the bar; double: twice as fast; auto: as the song's own drums "
        "have it",
        "F",
    )
    percussion: str = option(
        "on",
        Choice(("on", "off")),
        "on: a second player beside the kit has claps and percussion; off: one player with two hands and "
        "the kit, "
        "percussion goes to the hat or the ride",
        "P",
    )
    loop: bool = option(
        False,
        Flag(),
        "the song is a loop that goes round: its end leads back to its start, and its start follows its end",
    )
    bars: tuple[int | None, int | None] | None = option(
        None,
        BarRange(),
        "play only bars A to B again, from 1; A: to the end, :B from the start; the song has drums, and "
        "the other bars "
        "keep them",
        "A:B",
        usual="all",
    )
    kit: str = option(
        "gm",
        Text("the name of a note map or a file"),
        "notes to write drums on: gm, ad2 (Addictive Drums 2), ezd3 (EZdrummer 3), sd3 (Superior Drummer "
        "3), ssd5 (Steven "
        "Slate Drums 5), or a TOML or JSON file of voice = note",
        "NAME|FILE",
    )


@dataclass(frozen=True)
class OutputOptions(_Options):
    """What is written for each song.

    Raises:
        ConfigError: a value that an option does not take, or two that exclude each other.
    """

    candidates: int = option(
        1,
        Number(int, 1, MAX_CANDIDATES),
        "write N sets of drums, with the seed and those that follow it, OUT.1.mid, the one the re-ranker "
        "finds most real, "
        "to OUT.N.mid (1 to 64)",
        "N",
    )
    drums_only: bool = option(False, Flag(), "write the drums alone, without the song")
    keep_drums: bool = option(False, Flag(), "keep the song's own drums beside the new ones")
    split_voices: bool = option(
        False, Flag(), "write a track for each voice of the drums; with --bars the tracks stay as they are"
    )
    count_in: int = option(
        0,
        Number(int, 0, MAX_COUNT_IN_BARS),
        "begin the MIDI file with N bars of clicks on the beats, the song moved behind them (0 to 8)",
        "N",
    )
    png: bool = option(False, Flag(), "draw bass and drums, OUT.png")
    png_bars: int = option(
        8,
        Number(int, 1, MAX_PNG_BARS),
        "how many bars to draw, from the first that sounds or is played again (1 to 32)",
        "N",
    )
    wav: bool = option(False, Flag(), "render bass and drums to sound, OUT.wav (20 minutes at most)")
    soundfont: str | None = option(
        None,
        Text("an .sf2 file"),
        "the same with the instruments of an .sf2 file, through FluidSynth",
        "FILE",
        usual="our own synthesiser",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.drums_only and self.keep_drums:
            raise ConfigError("drums only: leaves the song's own drums out, do not ask to keep them as well")


def flag_of(name: str) -> str:
    """Return the command line's flag of a field: `drums_only` -> `--drums-only`."""
    return "--" + name.replace("_", "-")


def described(field: dataclasses.Field) -> str:
    """Return the help of an option and its default."""
    about: Option = field.metadata["option"]
    if isinstance(about.kind, Flag):
        return about.help
    usual = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    return f"{about.help} (default: {about.usual or usual})"


def to_docstring(kind: type) -> str:
    """Return a line of a docstring for every option of `kind`."""
    fields = dataclasses.fields(kind)
    return "\n".join(f"            {field.name}: {described(field)}." for field in fields)


def to_markdown(groups: Sequence[tuple[str, type]]) -> str:
    """Return `docs/options.md`: a table of the options of each titled group."""
    lines = [
        "# Options",
        "",
        "Made from `basedrum/play_options.py` by `make docs`; a test compares the two.",
        "",
    ]
    for title, kind in groups:
        lines += [f"## {title}", "", "| command line | Python | takes | what it does |", "|---|---|---|---|"]
        for field in dataclasses.fields(kind):
            about: Option = field.metadata["option"]
            flag = f"`{flag_of(field.name)} {about.metavar}`".replace(" `", "`").replace("|", "\\|")
            lines.append(f"| {flag} | `{field.name}` | {about.kind} | {described(field)} |")
        lines.append("")
    return "\n".join(lines)


GROUPS = (("How it plays", PlayOptions), ("What is written", OutputOptions))

if __name__ == "__main__":
    print(to_markdown(GROUPS), end="")
