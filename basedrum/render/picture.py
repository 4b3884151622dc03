"""Pictures: the bass roll above the drum grid, in rows of a few bars, readable at a glance and in print.

Notes of the bass begin with a dark block (the onset) and go on in a pale one (the sustain). Drum hits are
squares on named rows, the louder the darker; a kick that falls together with a bass onset has a white dot,
since that is what one looks for.

Conventions: rolls are (M * 16, 72), drums a `DrumRoll`, kit hits (M * 16, 12) bool or kit velocities (M * 16,
12) 0..127. matplotlib is imported inside the functions, figures are made without pyplot, so nothing global
changes.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from basedrum.files import write_atomic
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.rolls import DEFAULT_VELOCITY, LOWEST_PITCH, BassRoll, DrumRoll

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MEASURES = 64
PITCH_HEIGHT, VOICE_HEIGHT = 0.11, 0.19  # inches a row
LEGEND = (
    "dark: a note begins · pale: it sounds on · shade of a hit: velocity · white dot: kick and bass together"
)
INK, PALE_INK = "#1f3a5f", "#a9bdd6"
DRUM_INK, KICK_INK = "#7a3b2e", "#1f3a5f"
BAR_LINE, BEAT_LINE, ROW_LINE = "#555555", "#d4d4d4", "#ececec"
NOTE_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
DRUM_ORDER = (
    kit.CRASH,
    kit.RIDE,
    kit.OPEN_HAT,
    kit.CLOSED_HAT,
    kit.PEDAL_HAT,
    kit.PERCUSSION,
    kit.HIGH_TOM,
    kit.MID_TOM,
    kit.LOW_TOM,
    kit.SIDE_STICK,
    kit.SNARE,
    kit.KICK,
)
"""The voices from the top of a drum grid to its bottom, as on a drum stave: cymbals above, kick below."""


def draw(
    bass: BassRoll,
    drums: DrumRoll | np.ndarray,
    path: str | os.PathLike,
    grid: Grid | None = None,
    title: str | None = None,
    first_measure: int = 0,
    num_measures: int = 8,
) -> None:
    """Write a PNG of `num_measures` measures from `first_measure` (fewer where the roll ends): bass above
    drums.

    Args:
        drums: a DrumRoll, or kit hits or velocities (T, 12); as long as the bass.
        grid: the song's bars: short measures are drawn short, bars are numbered as in the song; None: 4/4.

    Raises:
        ValueError: bass and drums differ in length, or there is no such measure.
        BasedrumError: the file cannot be written.
    """
    velocities = _kit_velocities(drums)
    if len(velocities) != bass.num_steps:
        raise ValueError(f"bass has {bass.num_steps} steps, drums have {len(velocities)}")
    total = bass.num_steps // STEPS_PER_MEASURE
    if not 0 <= first_measure < total or num_measures < 1:
        raise ValueError(f"measures {first_measure} to {first_measure + num_measures} of a roll of {total}")
    measures = range(first_measure, min(first_measure + min(num_measures, MOST_MEASURES), total))
    per_row, full_width = (4, 12.0) if len(measures) <= 16 else (8, 18.0)
    rows = [measures[i : i + per_row] for i in range(0, len(measures), per_row)]
    span = slice(measures[0] * STEPS_PER_MEASURE, (measures[-1] + 1) * STEPS_PER_MEASURE)
    pitches, voices = _pitch_range(bass[span]), _sounding(velocities[span])

    head = 0.45 if title else 0.1
    bass_height, drum_height = PITCH_HEIGHT * len(pitches), VOICE_HEIGHT * len(voices)
    row_height = bass_height + drum_height + 0.5
    figure = _new_figure(full_width, head + row_height * len(rows) + 0.05)
    if title:
        heading = 1 - 0.26 / figure.get_figheight()
        font = {"fontsize": 13, "weight": "bold", "color": "#222222", "va": "center"}
        figure.text(0.15 / full_width, heading, title, parse_math=False, **font)  # a name may hold a $
        figure.text(
            1 - 0.15 / full_width, heading, LEGEND, fontsize=7.5, color="#777777", va="center", ha="right"
        )
    layouts = [_Layout(row, grid) for row in rows]
    inches_per_step = (full_width - 1.1) / max(layout.width for layout in layouts)
    for i, layout in enumerate(layouts):
        top, width = head + i * row_height + 0.2, layout.width * inches_per_step
        roll_axes = _axes_at(figure, 0.95, top, width, bass_height)
        drum_axes = _axes_at(figure, 0.95, top + bass_height + 0.07, width, drum_height)
        _draw_bass(roll_axes, bass, layout, pitches)
        _draw_drums(drum_axes, velocities, bass.hits, layout, voices)
        layout.number(roll_axes)
    write_atomic(path, _png(figure))


def draw_phrases(
    pairs: Sequence[tuple[BassRoll, DrumRoll | np.ndarray]],
    path: str | os.PathLike,
    titles: Sequence[str] | None = None,
    num_columns: int = 2,
) -> None:
    """Write a contact sheet as PNG: each phrase of four measures a small picture of its own, the bass above
    the drums.

    Args:
        pairs: (bass, drums) of one length each, as in `draw`.
        titles: a caption for each pair; None for none.

    Raises:
        ValueError: no pairs, or a pair that differs in length.
        BasedrumError: the file cannot be written.
    """
    if not pairs:
        raise ValueError("a contact sheet needs at least one phrase")
    num_columns = min(num_columns, len(pairs))
    num_rows = -(-len(pairs) // num_columns)
    cell_width, bass_height, drum_height = 6.4, 1.0, 1.35
    cell_height = bass_height + drum_height + 0.42
    figure = _new_figure(cell_width * num_columns + 0.1, cell_height * num_rows + 0.1)
    for i, (bass, drums) in enumerate(pairs):
        velocities = _kit_velocities(drums)
        if len(velocities) != bass.num_steps:
            raise ValueError(f"phrase {i}: bass has {bass.num_steps} steps, drums have {len(velocities)}")
        left, top = 0.85 + i % num_columns * cell_width, 0.3 + i // num_columns * cell_height
        layout = _Layout(range(bass.num_steps // STEPS_PER_MEASURE), None)
        roll_axes = _axes_at(figure, left, top, cell_width - 1.0, bass_height)
        drum_axes = _axes_at(figure, left, top + bass_height + 0.05, cell_width - 1.0, drum_height)
        _draw_bass(roll_axes, bass, layout, _pitch_range(bass), font=6)
        _draw_drums(drum_axes, velocities, bass.hits, layout, list(DRUM_ORDER), font=6)
        if titles:
            roll_axes.set_title(titles[i], fontsize=8, loc="left", color="#222222", pad=3, parse_math=False)
    write_atomic(path, _png(figure))


class _Layout:
    """Where the steps of a row of measures lie on its axis: inactive steps take no room."""

    def __init__(self, measures: Sequence[int], grid: Grid | None) -> None:
        def within(values: np.ndarray, default: list) -> list:
            known = [values[m] if m < len(values) else None for m in measures]
            return [d if v is None else v for v, d in zip(known, default, strict=True)]

        whole = [STEPS_PER_MEASURE] * len(measures)
        steps = whole if grid is None else within(grid.measure_steps, whole)
        first = [True] * len(measures) if grid is None else within(grid.starts_bar, [True] * len(measures))
        bars = list(measures) if grid is None else within(grid.bars, list(measures))
        self.lefts = np.concatenate([[0], np.cumsum(steps)])[:-1]
        self.width = int(sum(steps))
        self.bar_lines = [
            (int(x), int(bar) + 1) for x, bar, starts in zip(self.lefts, bars, first, strict=True) if starts
        ]
        beats = [_beat_steps(m, grid) for m in measures]
        self.beat_lines = [
            x + b for x, s, beat in zip(self.lefts, steps, beats, strict=True) for b in range(0, int(s), beat)
        ]
        self.steps = np.concatenate(
            [m * STEPS_PER_MEASURE + np.arange(s) for m, s in zip(measures, steps, strict=True)]
        )

    def prepare(self, axes: Axes, num_rows: int) -> None:
        """Draw the lines behind the notes: rows, beats, bars."""
        axes.set_xlim(0, self.width)
        axes.set_ylim(num_rows, 0)
        axes.hlines(range(1, num_rows), 0, self.width, color=ROW_LINE, linewidth=0.6, zorder=0)
        axes.vlines(self.beat_lines, 0, num_rows, color=BEAT_LINE, linewidth=0.7, zorder=1)
        axes.vlines([x for x, _ in self.bar_lines], 0, num_rows, color=BAR_LINE, linewidth=1.3, zorder=4)
        axes.set_xticks([])
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_color("#999999")
            side.set_linewidth(0.7)

    def number(self, axes: Axes) -> None:
        for x, bar in self.bar_lines:
            axes.annotate(
                str(bar),
                (x, 0),
                (2, 2),
                textcoords="offset points",
                fontsize=8,
                color="#666666",
                annotation_clip=False,
            )


def _draw_bass(axes: Axes, bass: BassRoll, layout: _Layout, pitches: list[int], font: float = 7.5) -> None:
    layout.prepare(axes, len(pitches))
    rows = [p - LOWEST_PITCH for p in pitches]
    onset, sustain = bass.onset[layout.steps][:, rows], bass.sustain[layout.steps][:, rows]
    black = [i for i, p in enumerate(pitches) if p % 12 in (1, 3, 6, 8, 10)]
    _boxes(axes, [(0, i) for i in black], ["#f4f4f4"] * len(black), layout.width, 1.0, left=0, zorder=-1)
    held = np.argwhere(sustain & ~onset)
    struck = np.argwhere(onset)
    _boxes(axes, held, [PALE_INK] * len(held), 1.12, 0.7, left=-0.12)
    _boxes(axes, struck, [INK] * len(struck), 0.86, 0.86)
    points_per_row = 72 * axes.get_position().height * axes.figure.get_figheight() / len(pitches)
    named: list[int] = []
    for i in np.argsort(-onset.sum(axis=0), kind="stable"):  # the notes played most get their names first
        if onset[:, i].any() and all(abs(i - other) * points_per_row >= font for other in named):
            named.append(int(i))
    axes.set_yticks(
        [i + 0.5 for i in named], [_note_name(pitches[i]) for i in named], fontsize=font, color="#333333"
    )


def _draw_drums(
    axes: Axes,
    velocities: np.ndarray,
    bass_hits: np.ndarray,
    layout: _Layout,
    voices: list[int],
    font: float = 7.5,
) -> None:
    layout.prepare(axes, len(voices))
    loud = velocities[layout.steps][:, voices]
    hits = np.argwhere(loud > 0)
    shades = [_shade(KICK_INK if voices[v] == kit.KICK else DRUM_INK, loud[t, v]) for t, v in hits]
    _boxes(axes, hits, shades, 0.8, 0.74)
    if kit.KICK in voices:
        row = voices.index(kit.KICK)
        together = np.flatnonzero((loud[:, row] > 0) & bass_hits[layout.steps])
        axes.scatter(
            together + 0.45, np.full(len(together), row + 0.5), s=6, color="white", linewidths=0, zorder=6
        )
    axes.set_yticks([i + 0.5 for i in range(len(voices))], [kit.VOICES[v] for v in voices], fontsize=font)
    for label, voice in zip(axes.get_yticklabels(), voices, strict=True):
        label.set_color("#333333" if loud[:, voices.index(voice)].any() else "#bbbbbb")


def _boxes(
    axes: Axes,
    cells: Sequence,
    colours: list,
    width: float,
    height: float,
    left: float = 0.05,
    zorder: float = 3,
) -> None:
    """Draw one box for each (column, row) cell, its left edge `left` of the cell's own."""
    from matplotlib.collections import PolyCollection

    if not len(cells):
        return
    x = np.asarray(cells, dtype=float)[:, 0] + left
    y = np.asarray(cells, dtype=float)[:, 1] + (1 - height) / 2
    corners = np.stack([x, y, x + width, y, x + width, y + height, x, y + height], axis=1)
    axes.add_collection(
        PolyCollection(corners.reshape(-1, 4, 2), facecolors=colours, linewidths=0, zorder=zorder)
    )


def _shade(colour: str, velocity: float) -> tuple[float, float, float]:
    """The colour at full strength for velocity 127, paler for quieter hits, never white."""
    strength = 0.25 + 0.75 * (min(float(velocity), 127.0) / 127.0) ** 1.2
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return tuple(1 - strength * (1 - c) for c in channels)


def _beat_steps(measure: int, grid: Grid | None) -> int:
    """The steps of a beat in a measure: a dotted quarter in 6/8, 9/8 and 12/8, else a quarter."""
    if grid is None or measure >= grid.num_measures:
        return STEPS_PER_BEAT
    before = [s for s in grid.time_signatures if s[0] <= grid.measure_ticks[measure]]
    compound = before and before[-1][2] == 8 and before[-1][1] % 3 == 0
    return 6 if compound else STEPS_PER_BEAT


def _kit_velocities(drums: DrumRoll | np.ndarray) -> np.ndarray:
    """Return (T, 12) float velocities, 0 where nothing."""
    if isinstance(drums, DrumRoll):
        return kit.fold(drums.velocities).astype(float)
    drums = np.asarray(drums)
    if drums.ndim != 2 or drums.shape[1] != kit.NUM_VOICES:
        raise ValueError(f"drums have shape {drums.shape}, expected a DrumRoll or (steps, {kit.NUM_VOICES})")
    return drums * float(DEFAULT_VELOCITY) if drums.dtype == bool else drums.astype(float)


def _pitch_range(bass: BassRoll) -> list[int]:
    """The pitches to show, from the top down: those that sound, a margin, and at least an octave."""
    used = np.flatnonzero(bass.sustain.any(axis=0)) + LOWEST_PITCH
    low, high = (int(used.min()), int(used.max())) if len(used) else (36, 47)
    spare = max(0, 11 - (high - low))
    low, high = low - 1 - spare // 2, high + 1 + (spare + 1) // 2
    return [p for p in range(high, low - 1, -1) if LOWEST_PITCH <= p < LOWEST_PITCH + bass.onset.shape[1]]


def _sounding(velocities: np.ndarray) -> list[int]:
    """The voices to show, from the top down: those that sound here, and always kick, snare and closed hat."""
    always = {kit.KICK, kit.SNARE, kit.CLOSED_HAT}
    return [v for v in DRUM_ORDER if v in always or velocities[:, v].any()]


def _note_name(pitch: int) -> str:
    return f"{NOTE_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white", dpi=110)


def _axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the figure's left and top edge."""
    full_width, full_height = figure.get_size_inches()
    return figure.add_axes(
        (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    )


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of names in other scripts: drawn as boxes
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": "basedrum"})
    return buffer.getvalue()
