"""What values an option takes: how a text of the command line is read, and how a value given in Python is
checked.

Conventions: `str()` of a kind completes the sentence "give ...".
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, Protocol


class Kind(Protocol):
    """What values an option takes. `str()` of a kind completes the sentence "give ..."."""

    def parse(self, text: str) -> Any:
        """Return the value a text stands for. Raises ValueError, with the reason, where it is none."""

    def allows(self, value: Any) -> bool:
        """Return whether a value given in Python is one."""


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, both included, but for `low` where it must be `above` it."""

    type: type
    low: float
    high: float
    above: bool = False

    def parse(self, text: str) -> float:
        try:
            value = self.type(text)
        except ValueError:
            value = math.nan
        if not self.allows(value):
            raise ValueError(f"{text!r} is not {self}")
        return value

    def allows(self, value: Any) -> bool:
        wanted = numbers.Integral if self.type is int else numbers.Real
        if isinstance(value, bool) or not isinstance(value, wanted):
            return False
        number = (
            int(value) if isinstance(value, numbers.Integral) else float(value)
        )  # floats lose large seeds
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    def __str__(self) -> str:
        what = "a whole number" if self.type is int else "a number"
        if self.above:
            return f"{what} above {self.low:g} and at most {self.high:g}"
        high = "2^63 - 1" if self.high == 2**63 - 1 else f"{self.high:g}"
        return f"{what} from {self.low:g} to {high}"


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    names: tuple[str, ...]

    def parse(self, text: str) -> str:
        if text not in self.names:
            raise ValueError(f"{text!r} is not {self}")
        return text

    def allows(self, value: Any) -> bool:
        return value in self.names

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}"


@dataclass(frozen=True)
class Text:
    """Any text; numbers and paths are taken as well in Python. `what` names it."""

    what: str

    def parse(self, text: str) -> str:
        return text

    def allows(self, value: Any) -> bool:
        return isinstance(value, str | int) or hasattr(value, "__fspath__")

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Flag:
    """On or off."""

    def parse(self, text: str) -> bool:
        raise ValueError("a flag takes no value")

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


@dataclass(frozen=True)
class SwingRatio:
    """Long to short of two eighths, 1 to 3; on the command line also `straight` (1) and `auto` (None)."""

    ratio = Number(float, 1, 3)

    def parse(self, text: str) -> float | None:
        if text == "auto":
            return None
        try:
            return 1.0 if text == "straight" else self.ratio.parse(text)
        except ValueError:
            raise ValueError(f"{text!r} is not {self}") from None

    def allows(self, value: Any) -> bool:
        return self.ratio.allows(value)

    def __str__(self) -> str:
        return "auto, straight or a ratio from 1 to 3"


@dataclass(frozen=True)
class BarRange:
    """The first and the last bar, counted from 1, both included; None is the song's first or last."""

    def parse(self, text: str) -> tuple[int | None, int | None]:
        first, colon, last = text.partition(":")
        given = [part for part in (first, last) if part]
        if not given or not all(part.isdecimal() and len(part) < 10 and int(part) for part in given):
            raise ValueError(f"{text!r} is not {self}")
        begin = int(first) if first else None
        end = int(last) if last else None if colon else begin
        if not self.allows((begin, end)):
            raise ValueError(f"{text!r} ends before it begins")
        return begin, end

    def allows(self, value: Any) -> bool:
        try:
            first, last = value
            return (first is None or first >= 1) and (last is None or last >= (first or 1))
        except (TypeError, ValueError):
            return False

    def __str__(self) -> str:
        return "A:B, the first and the last bar counted from 1, for example 5:8, 9: or :4"
