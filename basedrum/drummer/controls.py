"""What a user may ask of a drummer, phrase by phrase. No torch here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from basedrum.errors import ConfigError, printable


@dataclass(frozen=True)
class Controls:
    """How a song is to be played.

    Attributes:
        temperature: 0 the most likely drums, 1 as learned, above 1 wilder.
        density: hits per bar to aim at; None leaves it to the drummer.
        style: one of the drummer's styles; None leaves it to the drummer.
    """

    temperature: float = 1.0
    density: float | None = None
    style: str | None = None

    def check(self, styles: Sequence[str]) -> None:
        """Raise ConfigError for a style that is not among a drummer's; the message names the nearest."""
        if self.style is None or self.style in styles:
            return
        shown = f"style {printable(self.style)}"
        if not styles:
            raise ConfigError(f"{shown}: this drummer knows no styles, leave --style out")
        near = difflib.get_close_matches(self.style, styles, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"{shown}: unknown, {hint}use one of {', '.join(styles)}")
