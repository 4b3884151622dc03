"""Every failure basedrum explains to its user.

One line each: WHAT: WHY, WHAT TO DO. The command line prints the line and exits with status 2.
Anything that is not a BasedrumError is a bug of ours.
"""


class BasedrumError(Exception):
    """A fault in the user's file, option or disk, worded as one printable line."""


class MidiError(BasedrumError):
    """A MIDI file that cannot be read safely."""


class NoBassError(MidiError):
    """A song in which no bass was found; the message lists the tracks and the option that picks one."""


class DataError(BasedrumError):
    """Prepared data or a source of songs that cannot be used."""


class WeightsError(BasedrumError):
    """A file of weights that is not ours, is damaged, or is of another kind."""


class ConfigError(BasedrumError):
    """An unknown preset, key or value; the message names the nearest known one."""


class TrainingError(BasedrumError):
    """A training run that had to stop: a non-finite loss, a run folder in use."""


def printable(text: object, limit: int = 200) -> str:
    """Return text as one printable line: control characters escaped, cut to `limit` characters."""
    out = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return out if len(out) <= limit else out[: limit - 3] + "..."
