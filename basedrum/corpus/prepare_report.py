"""What `basedrum prepare` did: what was kept, what was left out and why, where the data lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from basedrum.errors import printable


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did, in numbers; printed, one line each.

    Attributes:
        folder: where the data lies.
        songs, kept_songs, phrases: files looked at, songs kept, phrases written.
        skipped: how many songs were left out, by reason, the most frequent first.
        splits: phrases in each split.
        held_out: songs of the splits valid and test, which are kept whole for `basedrum evaluate`.
    """

    folder: Path
    songs: int
    kept_songs: int
    phrases: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    held_out: int = 0

    def __str__(self) -> str:
        lines = [f"{self.kept_songs} of {self.songs} songs kept, {self.phrases} phrases of four measures"]
        lines += [f"  {name}: {count} phrases" for name, count in self.splits.items()]
        lines.append(f"  held out for `basedrum evaluate`: {self.held_out} songs")
        lines += [f"  left out: {count} songs, {reason}" for reason, count in self.skipped.items()]
        lines.append(f"data written to {printable(self.folder)}, what was left out to skipped.csv there")
        return "\n".join(lines)
