"""Every failure that basedrum explains to its user.

Conventions: a message is one line, WHAT: WHY, WHAT TO DO. The command line prints it and exits with status 2.
Any other exception is a bug in basedrum.
"""


class BasedrumError(Exception):
    """A fault in the user's file, option or disk, said in one printable line."""


class MidiError(BasedrumError):
    """A MIDI file that cannot be read safely."""


class NoBassError(BasedrumError):
    """A song in which no bass was found; the message lists its tracks and the option that chooses one."""


class DataError(BasedrumError):
    """Prepared data or a source of songs that cannot be used."""


class WeightsError(BasedrumError):
    """A file of weights that basedrum did not write, is damaged, or is of another kind."""


class ConfigError(BasedrumError):
    """An unknown preset, key or value; the message names the nearest known one."""


class TrainingError(BasedrumError):
    """A training run that had to stop: a non-finite loss, a run folder in use."""


def printable(text: object, limit: int = 200) -> str:
    """Return text as one printable line: control characters escaped, cut to `limit` characters."""
    out = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return out if len(out) <= limit else out[: limit - 3] + "..."
