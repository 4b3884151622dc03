"""Writes a table of songs with the style of each, for `basedrum prepare --songs`: what its row says, where
its drums agree.

    python -m basedrum.training.label_styles songs.csv A B C -o labelled.csv

Conventions: songs are found by file name (column id) or path, as `basedrum prepare` does; the column `style`
holds a canonical name of `music.styles`, or nothing where row or drums leave a doubt.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from basedrum.corpus.sources import Item, iterate_items
from basedrum.corpus.style_labels import label_of
from basedrum.errors import BasedrumError
from basedrum.measures.style_bars import StyleBars, style_bars
from basedrum.measures.style_rules import rules_met
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.bass_track import find_bass
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.song import drum_notes

AGREEMENT = 0.7  # of a style's rules, basics and signature together


def bars_of_song(item: Item) -> StyleBars | None:
    """Return the bars of a song in which drums sound, None where it cannot be read or has no one metre."""
    try:
        song = parse_song(item.data or b"", item.name)
        bass = BassRoll.from_notes(find_bass(song).notes, song.grid).hits
    except BasedrumError:
        return None
    steps = set(song.grid.measure_steps)
    if len(steps) != 1:
        return None
    drums = DrumRoll.from_notes(drum_notes(song), song.grid)
    bars = style_bars(drums.to_kit(), kit.fold(drums.velocities), bass, (steps.pop(),))
    sounding = bars.hits.any(axis=(1, 2))
    return StyleBars(bars.hits[sounding], bars.velocities[sounding], bars.bass[sounding])


def agrees(style: str, bars: StyleBars) -> bool:
    """Return whether bars meet at least .7 of the rules of a style; no, where it has none in this metre."""
    met = list(rules_met(style, bars).values())
    return bool(met) and float(np.mean(met)) >= AGREEMENT


def main(arguments: Sequence[str] | None = None) -> None:
    """Copy a table of songs with a column `style`, empty where there is a doubt."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    with options.table.open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    guesses = {row["id"]: label for row in rows if (label := label_of(row))}
    ids = {row["path"]: row["id"] for row in rows if row["id"] in guesses}
    styles: dict[str, str] = {}
    for item in iterate_items(options.sources):
        song = item.name if item.name in guesses else ids.get(item.path, "")
        bars = bars_of_song(item) if song else None
        if bars is not None and agrees(guesses[song], bars):
            styles[song] = guesses[song]
    with options.output.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, [*rows[0], "style"])
        writer.writeheader()
        writer.writerows(row | {"style": styles.get(row["id"], "")} for row in rows)


if __name__ == "__main__":
    main()
