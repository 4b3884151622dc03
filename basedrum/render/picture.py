"""Pictures: the bass roll above the drum grid, in rows of a few bars, readable at a glance and in print.

Notes of the bass begin with a dark block (the onset) and go on in a pale one (the sustain). Drum hits are
squares on named rows, the louder the darker; a kick that falls together with a bass onset has a white dot.

Conventions: rolls are (M * 16, 72), drums a `DrumRoll`, kit hits (M * 16, 12) bool or kit velocities (M * 16,
12) 0..127. matplotlib is imported inside the functions, figures are made without pyplot, so nothing global
changes.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basedrum.files import write_atomic
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.rolls import DEFAULT_VELOCITY, LOWEST_PITCH, BassRoll, DrumRoll

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour = tuple[float, float, float]
"""Red, green and blue, 0..1."""

MOST_MEASURES = 64
PITCH_HEIGHT, VOICE_HEIGHT = 0.11, 0.19  # inches a row
LEGEND = (
    "dark: a note begins · pale: it sounds on · shade of a hit: velocity · white dot: kick and bass together"
)
INK, PALE_INK = "#1f3a5f", "#a9bdd6"
DRUM_INK, KICK_INK = "#7a3b2e", "#1f3a5f"
BAR_LINE, BEAT_LINE, ROW_LINE, BLACK_KEY_ROW = "#555555", "#d4d4d4", "#ececec", "#f4f4f4"
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
    measures: range = range(8),
) -> None:
    """Write a PNG of some measures, the bass above the drums.

    Args:
        drums: a DrumRoll, or kit hits or velocities (T, 12); as long as the bass.
        grid: the song's bars: short measures are drawn short, bars are numbered as in the song; None: 4/4.
        measures: from 0; fewer are drawn where the roll ends, and at most 64.

    Raises:
        ValueError: bass and drums differ in length, or there is no such measure.
        BasedrumError: the file cannot be written.
    """
    velocities = _kit_velocities(drums)
    if len(velocities) != bass.num_steps:
        raise ValueError(f"bass has {bass.num_steps} steps, drums have {len(velocities)}")
    total = bass.num_steps // STEPS_PER_MEASURE
    if not 0 <= measures.start < total or not measures:
        raise ValueError(f"measures {measures.start} to {measures.stop} of a roll of {total}")
    measures = measures[:MOST_MEASURES]
    measures = range(measures.start, min(measures.stop, total))
    per_row, full_width = (4, 12.0) if len(measures) <= 16 else (8, 18.0)
    rows = [measures[i : i + per_row] for i in range(0, len(measures), per_row)]
    span = slice(measures[0] * STEPS_PER_MEASURE, (measures[-1] + 1) * STEPS_PER_MEASURE)
    pitches, voices = _pitch_range(bass[span]), _sounding(velocities[span])

    head = 0.45 if title else 0.1
    bass_height, drum_height = PITCH_HEIGHT * len(pitches), VOICE_HEIGHT * len(voices)
    row_height = bass_height + drum_height + 0.5
    figure = _new_figure(full_width, head + row_height * len(rows) + 0.05)
    if title:
        _draw_heading(figure, title)
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


def _draw_heading(figure: Figure, title: str) -> None:
    left, right = 0.15 / figure.get_figwidth(), 1 - 0.15 / figure.get_figwidth()
    height = 1 - 0.26 / figure.get_figheight()
    heading = figure.text(left, height, title, fontsize=13, weight="bold", color="#222222", va="center")
    heading.set_parse_math(False)  # a name may hold a $
    figure.text(right, height, LEGEND, fontsize=7.5, color="#777777", va="center", ha="right")


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
    """Where the steps of a row of measures lie on its axis: inactive steps take no room.

    Attributes:
        steps: (S,) the step of the roll in each column.
        width: S.
        bar_lines: (column, number of the bar that begins there, from 1).
        beat_lines: the columns in which beats begin.
    """

    def __init__(self, measures: Sequence[int], grid: Grid | None) -> None:
        self.bar_lines: list[tuple[int, int]] = []
        self.beat_lines: list[int] = []
        steps: list[int] = []
        for measure in measures:
            left, first_step = len(steps), measure * STEPS_PER_MEASURE
            num_steps, bar, is_first = STEPS_PER_MEASURE, measure, True
            if grid is not None and measure < grid.num_measures:
                num_steps, bar = int(grid.measure_steps[measure]), int(grid.bars[measure])
                is_first = bool(grid.starts_bar[measure])
            if is_first:
                self.bar_lines.append((left, bar + 1))
            self.beat_lines += range(left, left + num_steps, _beat_steps(measure, grid))
            steps += range(first_step, first_step + num_steps)
        self.steps = np.asarray(steps)
        self.width = len(steps)

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
        """Write the number of each bar above its first step."""
        for x, bar in self.bar_lines:
            label = axes.annotate(str(bar), (x, 0), (2, 2), textcoords="offset points", annotation_clip=False)
            label.set(fontsize=8, color="#666666")


class _Box(NamedTuple):
    """The shape of a note, in columns and rows: its left edge counted from that of its cell."""

    width: float
    height: float
    left: float = 0.05
    zorder: float = 3


_SUSTAIN = _Box(1.12, 0.7, left=-0.12)
_ONSET = _Box(0.86, 0.86)
_HIT = _Box(0.8, 0.74)


def _draw_bass(axes: Axes, bass: BassRoll, layout: _Layout, pitches: list[int], font: float = 7.5) -> None:
    layout.prepare(axes, len(pitches))
    rows = np.asarray(pitches) - LOWEST_PITCH
    onset, sustain = bass.onset[layout.steps][:, rows], bass.sustain[layout.steps][:, rows]
    is_black_key = np.isin(np.asarray(pitches) % 12, (1, 3, 6, 8, 10))
    black_rows = np.flatnonzero(is_black_key)
    row_starts = np.stack([np.zeros_like(black_rows), black_rows], axis=1)
    _draw_boxes(axes, row_starts, BLACK_KEY_ROW, _Box(layout.width, 1.0, left=0, zorder=-1))
    _draw_boxes(axes, np.argwhere(sustain & ~onset), PALE_INK, _SUSTAIN)
    _draw_boxes(axes, np.argwhere(onset), INK, _ONSET)
    points_per_row = 72 * axes.get_window_extent().height / axes.figure.dpi / len(pitches)
    named: list[int] = []
    for row in np.argsort(
        -onset.sum(axis=0), kind="stable"
    ).tolist():  # names first for the notes played most
        if onset[:, row].any() and all(abs(row - other) * points_per_row >= font for other in named):
            named.append(row)
    names = [_note_name(pitches[row]) for row in named]
    axes.set_yticks(np.asarray(named) + 0.5, names, fontsize=font, color="#333333")


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
    shades = []
    for step, row in hits:
        ink = KICK_INK if voices[row] == kit.KICK else DRUM_INK
        shades.append(_shade(ink, loud[step, row]))
    _draw_boxes(axes, hits, shades, _HIT)
    if kit.KICK in voices:
        row = voices.index(kit.KICK)
        together = np.flatnonzero((loud[:, row] > 0) & bass_hits[layout.steps])
        middle = np.full(len(together), row + 0.5)
        axes.scatter(together + 0.45, middle, s=6, color="white", linewidths=0, zorder=6)
    axes.set_yticks(np.arange(len(voices)) + 0.5, [kit.VOICES[v] for v in voices], fontsize=font)
    for label, voice in zip(axes.get_yticklabels(), voices, strict=True):
        label.set_color("#333333" if loud[:, voices.index(voice)].any() else "#bbbbbb")


def _draw_boxes(axes: Axes, cells: np.ndarray, colours: str | list[Colour], box: _Box) -> None:
    """Draw one box for each cell (n, 2) of column and row, in one colour or in n."""
    from matplotlib.collections import PolyCollection

    if not len(cells):
        return
    left = cells[:, 0] + box.left
    top = cells[:, 1] + (1 - box.height) / 2
    right, bottom = left + box.width, top + box.height
    corners = np.stack([left, top, right, top, right, bottom, left, bottom], axis=1).reshape(-1, 4, 2)
    axes.add_collection(PolyCollection(list(corners), facecolors=colours, linewidths=0, zorder=box.zorder))


def _shade(colour: str, velocity: float) -> Colour:
    """Return a colour "#rrggbb" at full strength for velocity 127, paler for quieter hits, never white."""
    strength = 0.25 + 0.75 * (min(float(velocity), 127.0) / 127.0) ** 1.2

    def channel(at: int) -> float:
        return 1 - strength * (1 - int(colour[at : at + 2], 16) / 255)

    return channel(1), channel(3), channel(5)


def _beat_steps(measure: int, grid: Grid | None) -> int:
    """Return the steps of a beat in a measure: a dotted quarter in 6/8, 9/8 and 12/8, else a quarter."""
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
    """Return the pitches to show, from the top down: those that sound, a margin, and at least an octave."""
    used = np.flatnonzero(bass.sustain.any(axis=0)) + LOWEST_PITCH
    low, high = (int(used.min()), int(used.max())) if len(used) else (36, 47)
    spare = max(0, 11 - (high - low))
    low, high = low - 1 - spare // 2, high + 1 + (spare + 1) // 2
    return [p for p in range(high, low - 1, -1) if LOWEST_PITCH <= p < LOWEST_PITCH + bass.onset.shape[1]]


def _sounding(velocities: np.ndarray) -> list[int]:
    """Return the voices to show, from the top down: those that sound, and kick, snare and closed hat."""
    always = {kit.KICK, kit.SNARE, kit.CLOSED_HAT}
    return [v for v in DRUM_ORDER if v in always or velocities[:, v].any()]


def _note_name(pitch: int) -> str:
    return f"{NOTE_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white", dpi=110)


def _axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes at a place given in inches from the figure's left and top edge."""
    full_width, full_height = figure.get_size_inches()
    bottom = 1 - (top + height) / full_height
    return figure.add_axes((left / full_width, bottom, width / full_width, height / full_height))


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of names in other scripts: drawn as boxes
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": "basedrum"})
    return buffer.getvalue()
