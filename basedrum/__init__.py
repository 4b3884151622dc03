"""basedrum: give it a bass line, get a drummer.

    drummer = basedrum.Drummer()
    drummer.play("bass.mid").write("song.mid")

Importing the package imports nothing heavy: what `__all__` names is fetched when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basedrum.app import generate
    from basedrum.drummer.perform import perform
    from basedrum.play_options import PlayOptions
    from basedrum.player import Drummer

__version__ = "0.1.0"
__all__ = ["Drummer", "PlayOptions", "__version__", "generate", "perform"]

_HOMES = {
    "Drummer": "basedrum.player",
    "PlayOptions": "basedrum.play_options",
    "generate": "basedrum.app",
    "perform": "basedrum.drummer.perform",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'basedrum' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
