"""The practice book: reads its pages, one text file a style, into bass figures, grooves, fills and chords.

A page is header lines (`key value`), then blocks; rows of a block are indented, `# ` starts a comment:

    tempo   92-112
    metre   4/4
    swing   16 0.56             second of each pair of sixteenths (16) or eighths (8) at this share of the
                                pair; 0.667 triplets
    follow  0.4                 how readily the kick is moved towards the bass in this style, 0..1
    sound   percussion 70       the General MIDI pitch that a voice is played with here
    never   kick 0 8            steps that no variation gives a voice; without steps: the whole bar
    late    snare 12            a voice that lags behind the beat by so many milliseconds
    later   half, slow          figures that only the sections after the first play
    chords  i7 i7 IV7 i7        one chord a bar; as many lines as progressions
    bass slap: pocket, linear   a figure and the grooves that go with it
      1-.x..8.  1-.x.57.
    groove pocket
      kick    x.....x...x.....
      snare   ....X..o.o..X...
    fill tumble                 set at the end of a bar, as long as written
      snare   xxxx....

Conventions: steps are sixteenths; figures are as in `music.figures`, grooves as in `music.notation`, whole
bars both. A page is named STYLE.txt, further ones of the style STYLE_2.txt and so on; the styles are those of
`music.styles`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources

import numpy as np

from basedrum.music import kit
from basedrum.music.figures import Chord, read_chord, read_figure
from basedrum.music.notation import marks_to_velocities


@dataclass(frozen=True)
class BassFigure:
    """A bass figure of one or more bars as marks, and the names of the grooves that go with it."""

    name: str
    marks: str
    grooves: tuple[str, ...]


@dataclass(frozen=True)
class StylePage:
    """One page of the book.

    Attributes:
        grooves, fills: (T, 12) velocities per step and voice, 0 where nothing.
        never: per voice the steps of a bar that neither variation nor crash may give it; () is all of them.
        late_ms: per voice how far it lags behind the beat.
        later: names of the figures that only the sections after the first play.
    """

    name: str
    tempo: tuple[float, float]
    metre: tuple[int, int] = (4, 4)
    swing_steps: int = 1
    swing_ratio: float = 0.5
    follow: float = 0.35
    sounds: dict[int, int] = field(default_factory=dict)
    never: dict[int, tuple[int, ...]] = field(default_factory=dict)
    late_ms: dict[int, float] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    progressions: tuple[tuple[Chord, ...], ...] = ()
    figures: tuple[BassFigure, ...] = ()
    grooves: dict[str, np.ndarray] = field(default_factory=dict)
    fills: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def style(self) -> str:
        """The style it is a page of: its name without a number at the end."""
        return _style_and_number(self.name)[0]

    @property
    def bar_steps(self) -> int:
        return 16 * self.metre[0] // self.metre[1]

    def forbids(self, voice: int) -> bool:
        """Return whether no variation may give a voice any step."""
        return self.never.get(voice) == ()

    def forbidden(self) -> np.ndarray:
        """Return (bar steps, 12) bool: the cells that neither variation nor crash may fill."""
        cells = np.zeros((self.bar_steps, kit.NUM_VOICES), bool)
        for voice, steps in self.never.items():
            cells[list(steps) if steps else slice(None), voice] = True
        return cells

    def swung(self, step: int) -> float:
        """Return where a written step sounds, in steps: the pair's second half starts at `swing_ratio` of the
        pair."""
        half = self.swing_steps
        pair, within = divmod(step, 2 * half)
        at = within / (2 * half)
        early, ratio = at < 0.5, self.swing_ratio
        bent = at * 2 * ratio if early else ratio + (at - 0.5) * 2 * (1 - ratio)
        return (pair + bent) * 2 * half


def read_page(text: str, name: str = "") -> StylePage:
    """Return the page that a text describes.

    Raises:
        ValueError: the page breaks a rule; the message names the page and the line.
    """
    fields: dict = {"progressions": [], "figures": [], "grooves": {}, "fills": {}}
    fields |= {"sounds": {}, "never": {}, "late_ms": {}}
    for line, rows in _blocks(text):
        try:
            _read_block(line, rows, fields)
        except (ValueError, KeyError, IndexError, StopIteration) as error:
            raise ValueError(f"practice page {name}, {line!r}: {error}") from error
    if "tempo" not in fields:
        raise ValueError(f"practice page {name}: no tempo")
    style = StylePage(
        name=name,
        **fields | {"progressions": tuple(fields["progressions"]), "figures": tuple(fields["figures"])},
    )
    _check(style)
    return style


def page_names() -> list[str]:
    """Return the names of the pages: the first page of every style, then the second ones, and so on."""
    files = resources.files("basedrum.practice_book").iterdir()
    pages = [file.name[: -len(".txt")] for file in files if file.name.endswith(".txt")]
    return sorted(pages, key=lambda name: (_style_and_number(name)[::-1], name))


def _style_and_number(page: str) -> tuple[str, int]:
    """The style that a page is of and its number: `jazz` is (jazz, 1), `jazz_2` (jazz, 2)."""
    stem, _, number = page.rpartition("_")
    return (stem, int(number)) if number.isdecimal() else (page, 1)


def load_page(name: str) -> StylePage:
    """Return one page of the book that ships with the package."""
    return read_page(
        resources.files("basedrum.practice_book").joinpath(f"{name}.txt").read_text("utf-8"), name
    )


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """The lines of a page, each with the indented rows under it."""
    head, rows = "", []
    for raw in text.splitlines():
        line = raw.split("# ")[0].rstrip()
        if line.startswith(" "):
            rows.append(line.strip())
        elif line:
            if head:
                yield head, rows
            head, rows = line, []
    if head:
        yield head, rows


def _read_block(line: str, rows: list[str], fields: dict) -> None:
    key, _, value = line.partition(" ")
    value = value.strip()
    if key == "tempo":
        fields["tempo"] = tuple(float(v) for v in value.split("-"))
    elif key == "metre":
        fields["metre"] = tuple(int(v) for v in value.split("/"))
    elif key == "swing":
        unit, ratio = value.split()
        fields["swing_steps"], fields["swing_ratio"] = {"8": 2, "16": 1}[unit], float(ratio)
    elif key == "follow":
        fields["follow"] = float(value)
    elif key == "sound":
        voice, pitch = value.rsplit(maxsplit=1)
        fields["sounds"][kit.VOICES.index(voice)] = int(pitch)
    elif key == "never":
        voice = next(name for name in sorted(kit.VOICES, key=len, reverse=True) if value.startswith(name))
        fields["never"][kit.VOICES.index(voice)] = tuple(int(v) for v in value[len(voice) :].split())
    elif key == "late":
        voice, late = value.rsplit(maxsplit=1)
        fields["late_ms"][kit.VOICES.index(voice)] = float(late)
    elif key == "later":
        fields["later"] = tuple(name.strip() for name in value.split(","))
    elif key == "chords":
        fields["progressions"].append(tuple(read_chord(chord) for chord in value.replace("|", " ").split()))
    elif key == "bass":
        name, _, grooves = value.partition(":")
        marks = read_figure("".join(rows))
        fields["figures"].append(
            BassFigure(name.strip(), marks, tuple(g.strip() for g in grooves.split(",")))
        )
    elif key in ("groove", "fill"):
        fields[key + "s"][value] = marks_to_velocities(*rows)
    else:
        raise ValueError(
            "no such line; a page has tempo, metre, swing, follow, sound, never, late, later, chords, bass, "
            "groove and fill"
        )


def _check(page: StylePage) -> None:
    """Raise ValueError where figures, grooves or fills do not fit the bars, or a line names what is not
    there."""
    bar = page.bar_steps
    for name in set(page.later) - {figure.name for figure in page.figures}:
        raise ValueError(f"practice page {page.name}, later: no bass {name!r}")
    for voice, steps in page.never.items():
        if any(not 0 <= step < bar for step in steps):
            raise ValueError(f"practice page {page.name}, never {kit.VOICES[voice]}: bars have {bar} steps")
    for figure in page.figures:
        if len(figure.marks) % bar:
            raise ValueError(
                f"practice page {page.name}, bass {figure.name}: {len(figure.marks)} steps, bars have {bar}"
            )
        for groove in figure.grooves:
            if groove not in page.grooves:
                raise ValueError(f"practice page {page.name}, bass {figure.name}: no groove {groove!r}")
    _check_drums(page)


def _check_drums(page: StylePage) -> None:
    """Raise ValueError where a groove or fill does not fit the bars, or a groove plays what the page
    forbids."""
    bar = page.bar_steps
    for name, velocities in page.grooves.items():
        if not len(velocities) or len(velocities) % bar:
            raise ValueError(
                f"practice page {page.name}, groove {name}: {len(velocities)} steps, bars have {bar}"
            )
        if (velocities.reshape(-1, bar, kit.NUM_VOICES) * page.forbidden()).any():
            raise ValueError(f"practice page {page.name}, groove {name}: plays what the page never plays")
    for name, velocities in page.fills.items():
        if not 0 < len(velocities) <= bar:
            raise ValueError(
                f"practice page {page.name}, fill {name}: {len(velocities)} steps, bars have {bar}"
            )
