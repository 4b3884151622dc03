"""What a style name buys: the share of each style's rules that drums meet, with the style, without it, and by
a loop of rock that never changes.

Every bass line of the set (`lab/lines`) is played with four seeds through `Drummer.play`. B and S are the
shares of basic and of signature rules met (`measures.style_rules`), 0..1, more is better; lift is F1 of the
kick with its own bass minus F1 with the basses of the other lines of its metre, more is better. A style that
the drummer does not know is asked for by the nearest it knows, or not at all.

Data: none is needed; `--data check` measures on the held-out lines, otherwise those to look at are taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.errors import DataError
from basedrum.lab import Request
from basedrum.lab.style_lines import SETS, StyleLine, load_lines
from basedrum.measures.style_bars import StyleBars, style_bars
from basedrum.measures.style_rules import rules_met
from basedrum.midi.midi_song import MidiSong
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.bass_track import find_bass
from basedrum.music.grid import split_bar
from basedrum.music.notation import marks_to_velocities
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.styles import style_named
from basedrum.player import Drummer

NAME = "styles"
SUMMARY = "how much of what makes a style a style is played, with its name and without"
SEEDS, QUICK_SEEDS = range(4), range(1)
QUICK_LINES = 4
WAYS = ("with style", "without", "rock loop")
STAND_INS = {
    "hard_rock": "rock",
    "ballad": "pop",
    "trap": "hip_hop",
    "neo_soul": "soul",
    "disco": "pop",
    "house": "pop",
    "bossa": "latin",
    "samba": "latin",
    "afrobeat": "latin",
    "jazz_waltz": "jazz",
    "blues_shuffle": "rock",
    "twelve_eight_blues": "rock",
    "drum_and_bass": "hip_hop",
    "breakbeat": "hip_hop",
    "new_wave": "pop",
    "gospel": "soul",
    "ska": "reggae",
    "country": "rock",
    "second_line": "funk",
    "waltz": "pop",
}
"""What a drummer of fewer styles is asked for instead."""


@dataclass(frozen=True)
class Played:
    """A line as one way of playing has it."""

    line: StyleLine
    bars: StyleBars


def known_style(style: str, known: Sequence[str]) -> str | None:
    """Return the drummer's own name of a style, or of the nearest it knows, or None."""
    own = {found.name: name for name in known if (found := style_named(name))}
    return own.get(style) or own.get(STAND_INS.get(style, ""))


def bars_of(line: StyleLine, song: MidiSong, drums: DrumRoll) -> StyleBars:
    """Return the bars of drums on the steps of the song's own grid, swung notes where they sound."""
    late = kit.fold(np.maximum(drums.offsets, 0)) - kit.fold(np.maximum(-drums.offsets, 0))
    return style_bars(
        drums.to_kit(),
        kit.fold(drums.velocities),
        BassRoll.from_notes(find_bass(song).notes, song.grid).hits,
        split_bar(line.page.bar_steps, *line.page.metre),
        late * 15_000 / line.page.tempo[0],
    )


def play_line(drummer: Drummer, line: StyleLine, style: str | None, seed: int) -> Played:
    """Return what a drummer plays to a line."""
    song = parse_song(line.to_midi(), line.name)
    played = drummer.play(song, style=style, seed=seed)
    return Played(line, bars_of(line, song, DrumRoll.from_notes(played.drum_notes, song.grid)))


def play_loop(line: StyleLine) -> Played:
    """Return a bar of rock under every bar of a line: eighths, kick on 0 and 8, snare on 4 and 12."""
    song = parse_song(line.to_midi(), line.name)
    loop = marks_to_velocities(
        "kick x.......x.......", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x."
    )
    velocities = np.tile(loop, (song.grid.num_measures, 1))
    return Played(line, bars_of(line, song, DrumRoll.from_kit(velocities > 0, velocities)))


def shares_met(played: Sequence[Played]) -> dict[str, dict[str, float]]:
    """Return for each style the share of its basic (B) and signature (S) rules met, NaN where it has none."""
    met: dict[str, dict[str, list[bool]]] = defaultdict(lambda: {"B": [], "S": []})
    for each in played:
        for rule, is_met in rules_met(each.line.style, each.bars).items():
            met[each.line.style][rule.kind].append(is_met)
    return {style: {kind: _mean(found) for kind, found in kinds.items()} for style, kinds in met.items()}


def rule_shares(played: Sequence[Played]) -> dict[str, dict[str, float]]:
    """Return for each style and rule the share of the playings that meet it."""
    met: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for each in played:
        for rule, is_met in rules_met(each.line.style, each.bars).items():
            met[each.line.style][f"{rule.kind} {rule.name}"].append(is_met)
    return {style: {name: _mean(found) for name, found in rules.items()} for style, rules in met.items()}


def kick_lifts(played: Sequence[Played]) -> dict[str, float]:
    """Return for each style F1 of the kicks with their own bass minus F1 with the basses of the other lines
    of the same metre; NaN where there is no other."""
    basses: dict[int, dict[str, np.ndarray]] = defaultdict(dict)
    for each in played:
        basses[each.bars.num_steps][f"{each.line.style} {each.line.name}"] = each.bars.bass
    found: dict[str, list[float]] = defaultdict(list)
    for each in played:
        kick = each.bars.hits[:, :, kit.KICK]
        own = f"{each.line.style} {each.line.name}"
        others = [_f1(kick, bass) for name, bass in basses[each.bars.num_steps].items() if name != own]
        if others and kick.any():
            found[each.line.style].append(_f1(kick, each.bars.bass) - float(np.mean(others)))
    return {style: _mean(values) for style, values in found.items()}


def _f1(kick: np.ndarray, bass: np.ndarray) -> float:
    return 2 * float((kick & bass).sum()) / float(kick.sum() + bass.sum())


def _mean(values: Sequence[float] | Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def run(request: Request) -> str:
    """Return the table."""
    name = SETS[0] if request.data is None else str(request.data)
    if name not in SETS:
        raise DataError(f"{name}: no set of bass lines, give --data {' or --data '.join(SETS)}")
    lines = load_lines(name)
    lines = lines[:: len(lines) // QUICK_LINES] if request.quick else lines
    drummer = Drummer(request.model)
    seeds = [request.seed + seed for seed in (QUICK_SEEDS if request.quick else SEEDS)]
    asked = {line.style: known_style(line.style, drummer.styles) for line in lines}
    ways = {
        "with style": [play_line(drummer, line, asked[line.style], seed) for line in lines for seed in seeds],
        "without": [play_line(drummer, line, None, seed) for line in lines for seed in seeds],
        "rock loop": [play_loop(line) for line in lines],
    }
    shares = {way: shares_met(played) for way, played in ways.items()}
    lifts = {way: kick_lifts(played) for way, played in ways.items()}
    rules = {way: rule_shares(played) for way, played in ways.items()}
    request.write({"set": name, "asked": asked, "shares": shares, "lifts": lifts, "rules": rules})
    return table(f"{name} set, {len(lines)} lines, {len(seeds)} seeds", asked, shares, lifts)


def table(
    title: str,
    asked: Mapping[str, str | None],
    shares: Mapping[str, Mapping[str, Mapping[str, float]]],
    lifts: Mapping[str, Mapping[str, float]],
) -> str:
    """Return a row a style, and a last one of the means over styles."""
    heads = "".join(f"{way:>20}" for way in WAYS)
    columns = f"{'   B    S   lift':>20}" * len(WAYS)
    out = [title, f"{'':19}{'asked for':13}{heads}", f"{'':32}{columns}"]
    cells: list[list[float]] = []
    for style in asked:
        cells.append([])
        for way in WAYS:
            found = shares[way].get(style, {})
            cells[-1] += [found.get(kind, np.nan) for kind in "BS"] + [lifts[way].get(style, np.nan)]
        out.append(_row(style, asked[style] or "-", cells[-1]))
    columns_of = np.array(cells).T
    means = [_mean(column[~np.isnan(column)]) for column in columns_of]
    return "\n".join([*out, _row("mean of styles", "", means)]) + "\n"


def _row(name: str, asked: str, cells: Sequence[float]) -> str:
    shown = ["   -" if np.isnan(cell) else f"{cell:4.2f}" for cell in cells]
    groups = [shown[i : i + 3] for i in range(0, len(shown), 3)]
    return f"{name:19}{asked:13}" + "".join(f"    {b} {s}  {lift:>5}" for b, s, lift in groups)
