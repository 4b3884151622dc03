"""The report of an evaluation: as JSON, as a text table of 120 columns, as a plot.

Conventions: a figure is an `Estimate`, NaN where it was not or cannot be measured (null in JSON, blank in the table).
"""

from __future__ import annotations

import io
import json
import math
import os
import textwrap
from dataclasses import asdict, dataclass, field
from pathlib import Path

from basedrum.files import write_atomic
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate

REAL = "real drums"
NAME_WIDTH = 23
LINE_WIDTH = 120

BLOCKS: tuple[tuple[str, tuple[tuple[str, str], ...], bool], ...] = (
    (
        "Does it listen? (0 for a deaf drummer, more than real is copying; R@1: .031 is chance)",
        (
            ("lift", "lift"),
            ("phi_kick", "phi kick"),
            ("lock", "lock F1"),
            ("match", "R@1 of 32"),
            ("match_without_kick", "R@1, no kick"),
        ),
        True,
    ),
    (
        "Can it be told from real drums? (C2ST AUC: .5 is best)",
        (
            ("c2st", "C2ST with bass"),
            ("c2st_alone", "drums alone"),
            ("hits_per_bar", "hits a bar"),
            ("identical", "same bar twice"),
            ("copied_4", "copied 4 bars"),
        ),
        True,
    ),
    (
        "Noise: distance between seeds. Listening: Jaccard with the bass transposed (1 is wanted) or late. 16-bar repetition",
        (
            ("seed_distance", "seeds"),
            ("variety", "variety"),
            ("transposed_5", "up 5"),
            ("transposed_12", "up 12"),
            ("shifted_2", "late 2"),
            ("similarity_1", "lag 1"),
            ("similarity_2", "lag 2"),
            ("similarity_4", "lag 4"),
            ("similarity_8", "lag 8"),
        ),
        False,
    ),
    (
        "Style (EB empty bars, DP eighth and beat mask, GS and GC of struck steps; distances to real drums: 0 is best)",
        (
            ("empty_bars", "EB"),
            ("pattern_eighth", "DP 8th"),
            ("pattern_beat", "DP beat"),
            ("groove_similarity", "GS"),
            ("groove_consistency", "GC"),
            ("density_error", "density"),
            ("voice_distance", "JS voice"),
            ("position_distance", "JS step"),
            ("frechet", "Frechet"),
            ("copied_2", "copied 2"),
        ),
        False,
    ),
)
"""Title, (key, heading) of each measure, and whether its interval is shown."""


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        settings: split, phrases, songs, seed, quick, what `previous` was, and the like.
        figures: measure -> estimate of each drummer; the first drummer is the real drums.
        lift_by_source: source -> lift of each drummer.
        shift_curves: shift in sixteenths -> lock of each drummer.
    """

    settings: dict[str, object]
    figures: dict[str, dict[str, Estimate]]
    lift_by_source: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    shift_curves: dict[str, dict[int, float]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the report as JSON; an estimate is {"value", "low", "high"}, null where not measured."""

        def plain(thing: object) -> object:
            if isinstance(thing, Estimate):
                return plain(asdict(thing))
            if isinstance(thing, dict):
                return {str(key): plain(value) for key, value in thing.items()}
            if isinstance(thing, float):
                return thing if math.isfinite(thing) else None
            return thing

        return json.dumps({key: plain(value) for key, value in vars(self).items()}, indent=1) + "\n"

    def to_text(self) -> str:
        """Return the report as blocks of a table, no line over 120 columns."""
        settings = "; ".join(f"{key} {value}" for key, value in self.settings.items())
        lines = textwrap.wrap(settings, LINE_WIDTH, break_on_hyphens=False)
        for title, measures, with_interval in BLOCKS:
            known = [(k, h) for k, h in measures if any(not _unknown(row.get(k)) for row in self.figures.values())]
            rows = {name: [row.get(key, NOT_MEASURED) for key, _ in known] for name, row in self.figures.items()}
            lines += _table(title, [heading for _, heading in known], rows, with_interval)
        sources = list(next(iter(self.lift_by_source.values()), {}))
        for start in range(0, len(sources), 5):
            part = sources[start : start + 5]
            rows = {name: [row.get(source, NOT_MEASURED) for source in part] for name, row in self.lift_by_source.items()}
            lines += _table("Lift inside each source", part, rows, True)
        shifts = list(next(iter(self.shift_curves.values()), {}))
        rows = {n: [Estimate(row[s], math.nan, math.nan) for s in shifts] for n, row in self.shift_curves.items()}
        lines += _table("Lock with the bass moved later by sixteenths", [str(s) for s in shifts], rows, False)
        return "\n".join(lines) + "\n"

    def plot(self, path: str | os.PathLike) -> None:
        """Write a picture of the main figures with their intervals, in the format that the ending of `path` names.

        Raises:
            BasedrumError: the picture cannot be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        shown = [
            ("c2st", "C2ST AUC (.5: cannot be told from real)"),
            ("lift", "lift over shuffled pairs"),
            ("match", "R@1 of the true bass among 32"),
            ("identical", "neighbouring bars identical"),
        ]
        names = list(self.figures)[::-1]
        figure = Figure(figsize=(12, 1.2 + 0.32 * len(names)), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (key, title) in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
            for height, name in enumerate(names):
                estimate = self.figures[name].get(key, NOT_MEASURED)
                if _unknown(estimate):
                    continue
                colour = "black" if name == REAL else "tab:blue"
                if not math.isnan(estimate.low):
                    axes.plot([estimate.low, estimate.high], [height, height], color=colour, linewidth=2, alpha=0.5)
                axes.plot([estimate.value], [height], "o", color=colour)
            real = self.figures.get(REAL, {}).get(key, NOT_MEASURED)
            if not _unknown(real):
                axes.axvline(real.value, color="black", linewidth=0.8, linestyle=":")
            axes.set_title(title, fontsize=9)
            axes.set_yticks(range(len(names)), names, parse_math=False)  # a name may hold a $
            axes.grid(axis="x", alpha=0.3)
        picture = io.BytesIO()
        kind = Path(path).suffix.lstrip(".").lower()
        figure.savefig(picture, format=kind if kind in ("pdf", "svg") else "png", dpi=120)
        write_atomic(path, picture.getvalue())


def _unknown(estimate: Estimate | None) -> bool:
    return estimate is None or math.isnan(estimate.value)


def _number(value: float) -> str:
    """Return a number in at most five characters: .123, -.012, 15.7."""
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    text = text.replace("-0.000", "0.000")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _cell(estimate: Estimate, with_interval: bool) -> str:
    if _unknown(estimate):
        return ""
    if not with_interval or math.isnan(estimate.low):
        return _number(estimate.value) + (" " * 13 if with_interval else "")
    return f"{_number(estimate.value)} " + f"{_number(estimate.low)}~{_number(estimate.high)}".rjust(12)


def _cut(line: str) -> str:
    return line if len(line) <= LINE_WIDTH else line[: LINE_WIDTH - 3] + "..."


def _table(title: str, headings: list[str], rows: dict[str, list[Estimate]], with_interval: bool) -> list[str]:
    if not headings or not rows:
        return []
    width = (LINE_WIDTH - NAME_WIDTH) // 5 if with_interval else (LINE_WIDTH - NAME_WIDTH) // 10
    lines = ["", _cut(title), " " * NAME_WIDTH + "".join(heading[: width - 1].rjust(width) for heading in headings)]
    for name, estimates in rows.items():
        shown = name if len(name) < NAME_WIDTH else name[: NAME_WIDTH - 4] + "..."
        lines.append((shown.ljust(NAME_WIDTH) + "".join(_cell(e, with_interval).rjust(width) for e in estimates)).rstrip())
    return lines
