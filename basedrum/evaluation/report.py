"""The report of an evaluation: as JSON, as a text table of 120 columns, as Markdown, as a plot.

Conventions: a metric is an `Estimate`, NaN where it was not or cannot be measured (null in JSON, - in a
table; blank where it was not asked for).
"""

from __future__ import annotations

import io
import json
import math
import os
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from basedrum.errors import DataError
from basedrum.evaluation.report_blocks import BLOCKS, SOURCE_TITLES, Block
from basedrum.files import write_atomic
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate

REAL = "real drums"
NAME_WIDTH = 23
LINE_WIDTH = 120


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        settings: split, songs, phrases, seed, quick, and the like.
        metrics: drummer -> key -> estimate; the first drummer is the real drums.
        by_source: key (of `SOURCE_TITLES`) -> drummer -> source -> estimate.
        shift_curves: shift in sixteenths -> lock of each drummer.
        notes: lines for the reader, such as what is missing to measure a metric.
    """

    settings: dict[str, object]
    metrics: dict[str, dict[str, Estimate]]
    by_source: dict[str, dict[str, dict[str, Estimate]]] = field(default_factory=dict)
    shift_curves: dict[str, dict[int, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the report as JSON; an estimate is {"value", "low", "high"}, null where not measured."""

        def plain(thing: object) -> object:
            if isinstance(thing, Estimate):
                return plain(asdict(thing))
            if isinstance(thing, list):
                return [plain(value) for value in thing]
            if isinstance(thing, dict):
                return {str(key): plain(value) for key, value in thing.items()}
            if isinstance(thing, float):
                return thing if math.isfinite(thing) else None
            return thing

        return json.dumps({key: plain(value) for key, value in vars(self).items()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote.

        Raises:
            DataError: it is none, or of an older kind.
        """
        try:
            read = json.loads(text)
            by_source = {measure: _estimates(rows) for measure, rows in read["by_source"].items()}
            curves = {name: _curve(curve) for name, curve in read["shift_curves"].items()}
            return cls(
                dict(read["settings"]), _estimates(read["metrics"]), by_source, curves, list(read["notes"])
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "no report of `basedrum evaluate`, or one of an older version: measure again"
            ) from error

    def to_text(self) -> str:
        """Return the report as blocks of a table, no line over 120 columns."""
        settings = "; ".join(f"{key} {value}" for key, value in self.settings.items())
        lines = textwrap.wrap(settings, LINE_WIDTH, break_on_hyphens=False)
        for block in BLOCKS:
            known = self._known(block)
            rows = _columns(self.metrics, known)
            lines += _table(block.title, list(known.values()), rows, block.with_interval)
        for measure, drummers in self.by_source.items():
            sources = list(next(iter(drummers.values()), {}))
            for start in range(0, len(sources), 5):
                part = sources[start : start + 5]
                rows = _columns(drummers, part)
                lines += _table(SOURCE_TITLES.get(measure, measure), part, rows, True)
        shifts = list(next(iter(self.shift_curves.values()), {}))
        rows = {name: _bare(curve.values()) for name, curve in self.shift_curves.items()}
        lines += _table("Lock with the bass moved later by sixteenths", [str(s) for s in shifts], rows, False)
        for note in self.notes:
            lines += ["", *textwrap.wrap(note, LINE_WIDTH, break_on_hyphens=False)]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """Return the metrics as Markdown tables, a line a metric, a column a drummer; 95 % intervals in
        brackets."""
        names = list(self.metrics)
        lines = ["; ".join(f"{key} {value}" for key, value in self.settings.items())]
        for block in BLOCKS:
            rows = []
            for key, heading in self._known(block).items():
                marks = [_mark(row.get(key), block.with_interval) for row in self.metrics.values()]
                rows.append([heading, *marks])
            lines += _markdown(block.title, ["metric", *names], rows)
        for measure, drummers in self.by_source.items():
            sources = list(next(iter(drummers.values()), {}))
            rows = []
            for source in sources:
                rows.append([source, *(_mark(row.get(source), True) for row in drummers.values())])
            lines += _markdown(SOURCE_TITLES.get(measure, measure), ["source", *drummers], rows)
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"

    def _known(self, block: Block) -> dict[str, str]:
        """Return key and heading of the metrics of a block that any drummer has."""
        known: set[str] = set().union(*self.metrics.values())
        return {key: heading for key, heading in block.metrics if key in known}

    def plot(self, path: str | os.PathLike) -> None:
        """Write a picture of the main metrics with their intervals, in the format that the ending of `path`
        names.

        Raises:
            BasedrumError: the picture cannot be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        shown = [
            ("c2st", "C2ST AUC (.5: as real drums)"),
            ("lift", "lift over shuffled pairs"),
            ("match", "R@1 of the true bass among 32"),
            ("identical", "neighbouring bars identical"),
        ]
        names = list(self.metrics)[::-1]
        figure = Figure(figsize=(12, 1.2 + 0.32 * len(names)), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (key, title) in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
            for height, name in enumerate(names):
                estimate = self.metrics[name].get(key, NOT_MEASURED)
                if math.isnan(estimate.value):
                    continue
                colour = "black" if name == REAL else "tab:blue"
                if not math.isnan(estimate.low):
                    axes.plot(
                        [estimate.low, estimate.high], [height, height], color=colour, linewidth=2, alpha=0.5
                    )
                axes.plot([estimate.value], [height], "o", color=colour)
            real = self.metrics.get(REAL, {}).get(key, NOT_MEASURED)
            if not math.isnan(real.value):
                axes.axvline(real.value, color="black", linewidth=0.8, linestyle=":")
            axes.set_title(title, fontsize=9)
            axes.set_yticks(range(len(names)), names, parse_math=False)  # a name may hold a $
            axes.grid(axis="x", alpha=0.3)
        picture = io.BytesIO()
        kind = Path(path).suffix.lstrip(".").lower()
        figure.savefig(picture, format=kind if kind in ("pdf", "svg") else "png", dpi=120)
        write_atomic(path, picture.getvalue())


def _estimates(rows: dict) -> dict[str, dict[str, Estimate]]:
    """Return the estimates of each drummer as `to_json` wrote them."""
    found: dict[str, dict[str, Estimate]] = {}
    for name, row in rows.items():
        found[name] = {key: _estimate(value) for key, value in row.items()}
    return found


def _estimate(row: dict) -> Estimate:
    value, low, high = (math.nan if row[key] is None else float(row[key]) for key in ("value", "low", "high"))
    return Estimate(value, low, high)


def _curve(curve: dict) -> dict[int, float]:
    return {int(shift): math.nan if lock is None else lock for shift, lock in curve.items()}


def _columns(
    drummers: Mapping[str, Mapping[str, Estimate]], keys: Iterable[str]
) -> dict[str, list[Estimate | None]]:
    """Return the estimates of each drummer in the order of `keys`."""
    rows: dict[str, list[Estimate | None]] = {}
    for name, row in drummers.items():
        rows[name] = [row.get(key) for key in keys]
    return rows


def _bare(values: Iterable[float]) -> list[Estimate | None]:
    return [Estimate.bare(value) for value in values]


def _number(value: float) -> str:
    """Return a number in at most five characters: .123, -.012, 15.7."""
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    text = text.replace("-0.000", "0.000")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _cell(estimate: Estimate | None, with_interval: bool) -> str:
    if estimate is None:
        return ""
    if math.isnan(estimate.value):
        return "-" + (" " * 13 if with_interval else "")
    if not with_interval or math.isnan(estimate.low):
        return _number(estimate.value) + (" " * 13 if with_interval else "")
    return f"{_number(estimate.value)} " + f"{_number(estimate.low)}~{_number(estimate.high)}".rjust(12)


def _mark(estimate: Estimate | None, with_interval: bool) -> str:
    if estimate is None:
        return ""
    if math.isnan(estimate.value):
        return "-"
    interval = with_interval and not math.isnan(estimate.low)
    return _number(estimate.value) + (
        f" [{_number(estimate.low)}, {_number(estimate.high)}]" if interval else ""
    )


def _markdown(title: str, headings: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    lines = ["", f"**{title}**", ""]
    for row in (headings, ["---"] * len(headings), *rows):
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cut(line: str) -> str:
    return line if len(line) <= LINE_WIDTH else line[: LINE_WIDTH - 3] + "..."


def _table(
    title: str, headings: list[str], rows: dict[str, list[Estimate | None]], with_interval: bool
) -> list[str]:
    if not headings or not rows:
        return []
    width = (LINE_WIDTH - NAME_WIDTH) // 5 if with_interval else (LINE_WIDTH - NAME_WIDTH) // 10
    lines = [
        "",
        _cut(title),
        " " * NAME_WIDTH + "".join(heading[: width - 1].rjust(width) for heading in headings),
    ]
    for name, estimates in rows.items():
        shown = name if len(name) < NAME_WIDTH else name[: NAME_WIDTH - 4] + "..."
        lines.append(
            (
                shown.ljust(NAME_WIDTH) + "".join(_cell(e, with_interval).rjust(width) for e in estimates)
            ).rstrip()
        )
    return lines
