"""What a user may ask of a drummer, phrase by phrase. No torch here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from basedrum.errors import ConfigError, printable
from basedrum.music.styles import normalise, own_name


@dataclass(frozen=True)
class Controls:
    """How a song is to be played.

    Attributes:
        temperature: 0 the most likely drums, 1 as learned, above 1 wilder.
        density: hits per bar to aim at; None leaves it to the drummer.
        style: one of the drummer's styles, by its name or another of `music.styles`; None leaves it to the
            drummer.
    """

    temperature: float = 1.0
    density: float | None = None
    style: str | None = None

    def check(self, styles: Sequence[str]) -> None:
        """Raise ConfigError for a style that is not among a drummer's; the message names the nearest."""
        own_style(self.style, styles)

    def style_index(self, styles: Sequence[str]) -> int:
        """Return the place of the style among a drummer's, from 1; 0 where none is asked for.

        Raises:
            ConfigError: it is not among them.
        """
        name = own_style(self.style, styles)
        return 0 if name is None else 1 + list(styles).index(name)


def own_style(style: str | None, styles: Sequence[str]) -> str | None:
    """Return the drummer's own name of the style that a user asks for; None where none is asked for.

    Raises:
        ConfigError: it is not among the drummer's; the message names the nearest.
    """
    if style is None:
        return None
    name = own_name(style, styles)
    if name is not None:
        return name
    shown = f"style {printable(style)}"
    if not styles:
        raise ConfigError(f"{shown}: this drummer knows no styles, leave --style out")
    near = difflib.get_close_matches(normalise(style), styles, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"{shown}: unknown, {hint}use one of {', '.join(styles)}")
