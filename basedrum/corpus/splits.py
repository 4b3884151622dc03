"""Who goes where: labels from a CSV, train/valid/test by a hash of the music, and how often each phrase is
drawn.

Songs of one group (near duplicates, or a group of the CSV) never part. The hash is of the notes, so a song
keeps its split when files are renamed or others are added.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.corpus.phrases import SPLITS
from basedrum.corpus.sources import stem_of
from basedrum.errors import DataError, printable

SHARES = (0.90, 0.05, 0.05)
STYLES = ("rock", "pop", "jazz", "game")
DEFAULT_CAPS: Mapping[str, float] = {"rock": 0.35, "jazz": 0.2, "pop": 0.2, "game": 0.2}


@dataclass(frozen=True)
class Label:
    """What a CSV says of one song; "" where it says nothing. `bar_shift_steps` is None where it is for us to
    find out."""

    source: str = ""
    style: str = ""
    genre: str = ""
    split: str = ""
    group: str = ""
    bar_shift_steps: int | None = None
    phase_gain: float = 0.0


class Labels:
    """The lines of a CSV of songs, found by the file's stem (`id`) or by its path (`path`)."""

    def __init__(self, rows: Mapping[str, Label] | None = None):
        self._rows = dict(rows or {})

    def of(self, path: str) -> Label:
        return self._rows.get(path) or self._rows.get(stem_of(path)) or Label()

    @classmethod
    def read(cls, path: str | os.PathLike, styles: Sequence[str] = STYLES) -> Labels:
        """Read a CSV with a column `id` or `path` and any of split, source, style, genre, group, phase16,
        phase_gain. Without a column style, a word of the genre may name it.

        Raises:
            DataError: it cannot be read, has neither column, or names an unknown split.
        """
        shown = printable(path)
        rows: dict[str, Label] = {}
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for
            raise DataError(f"{shown}: is not a regular file, name a CSV file")
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                keys = [key for key in ("id", "path") if key in (reader.fieldnames or ())]
                if not keys:
                    raise DataError(
                        f"{shown}: has no column `id` or `path`, add one that names the song's file"
                    )
                for row in reader:
                    label = _label(row, styles, f"{shown}: line {reader.line_num}")
                    rows.update({row[key]: label for key in keys if row[key]})
        except (OSError, UnicodeError, csv.Error) as error:
            raise DataError(f"{shown}: cannot be read as CSV: {printable(error)}, check the file") from error
        return cls(rows)


def _label(row: Mapping[str, str | None], styles: Sequence[str], where: str) -> Label:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    split = text("split").lower()
    if split and split not in SPLITS:
        raise DataError(f"{where}: unknown split {printable(split, 40)!r}, use one of {', '.join(SPLITS)}")
    style = text("style") if "style" in row else style_of_genre(text("genre"), styles)
    shift, gain = None, 0.0
    try:
        if text("phase16"):
            shift, gain = int(text("phase16")) % 16, float(text("phase_gain") or 0)
    except ValueError:
        raise DataError(f"{where}: phase16 and phase_gain must be numbers, mend the line") from None
    return Label(text("source"), style, text("genre"), split, text("group"), shift, gain)


def style_of_genre(genre: str, styles: Sequence[str] = STYLES) -> str:
    """Return the first word of a genre that names a style: "web90s-pop" -> "pop"; "" where none does."""
    return next((word for word in re.split(r"[^a-z0-9]+", genre.lower()) if word in styles), "")


def split_of_hash(key: int, seed: int = 0, shares: Sequence[float] = SHARES) -> int:
    """Return the split 0, 1 or 2 that a 64-bit hash falls in."""
    mixed = (key ^ (seed * 0x9E3779B97F4A7C15)) * 0xD6E8FEB86659FD93 % 2**64
    mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93 % 2**64
    return int(np.searchsorted(np.cumsum(shares)[:-1], (mixed >> 11) / 2**53, side="right"))


def capped_weights(weights: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """Return factors (K,) for K categories of total weight `weights`, so that none exceeds its cap as a share
    of all.

    `caps` is 1 for a category without one. Where the caps cannot hold together (they leave no one to fill the
    rest) the capped categories share in proportion to their caps.
    """
    weights = np.asarray(weights, dtype=np.float64)
    caps = np.asarray(caps, dtype=np.float64)
    factors = np.ones(len(weights))
    bound = np.zeros(len(weights), bool)
    while True:
        free = weights[~bound].sum()
        if free <= 0 and bound.any():
            factors[bound] = weights.sum() * caps[bound] / caps[bound].sum() / weights[bound]
            return factors
        total = free / (1 - caps[bound].sum())
        over = ~bound & (weights > caps * total * (1 + 1e-12)) & (weights > 0)
        if not over.any():
            factors[bound] = caps[bound] * total / weights[bound]
            return factors
        bound |= over
