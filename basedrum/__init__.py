"""basedrum: give it a bass line, get a drummer.

    drummer = basedrum.Drummer()
    drummer.play("bass.mid", seed=1).write("song.mid")

Importing the package imports nothing heavy: `Drummer` and `generate` are fetched when they are first asked
for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basedrum.app import generate
    from basedrum.player import Drummer

__version__ = "0.1.0"
__all__ = ["Drummer", "__version__", "generate"]


def __getattr__(name: str) -> object:
    if name == "Drummer":
        from basedrum.player import Drummer

        return Drummer
    if name == "generate":
        from basedrum.app import generate

        return generate
    raise AttributeError(f"module 'basedrum' has no attribute {name!r}")
