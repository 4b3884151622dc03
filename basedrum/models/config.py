"""The dimensions of a drummer: enough to rebuild its networks from a file of weights alone.

Conventions: no torch here, so that a configuration is checked before torch is imported.
"""

from __future__ import annotations

from dataclasses import dataclass

from basedrum.errors import ConfigError

FAMILIES = ("modern", "classic")
TRUNKS = ("conv2d", "recurrent")
MAX_WIDTH = 4096
MAX_GUIDANCE = 20


@dataclass(frozen=True)
class ModelConfig:
    """What a model and its discriminator are built from.

    Attributes:
        family: a name of `models.registry`.
        lookahead: 0 plays to the bass of the same phrase, 1 to the bass of the phrase before.
        styles: names that a user may ask for; with none the drummer takes no style.
        width: channels of the model's finest maps; the coarser ones have twice as many.
        discriminator_width: the same for the discriminator.
        trunk: of the generator: masked 2-D convolutions, or a recurrent net. A family that has no such choice
            ignores it.
        style_guidance: guidance scale of a style that is asked for, more for a drummer that was taught less
            about styles.

    Raises:
        ConfigError: a value that no model can be built from.
    """

    family: str = "modern"
    lookahead: int = 0
    styles: tuple[str, ...] = ()
    width: int = 48
    discriminator_width: int = 48
    trunk: str = "conv2d"
    style_guidance: float = 1.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "styles", tuple(self.styles))
        if self.family not in FAMILIES:
            raise ConfigError(f"model.family {self.family!r}: unknown, use one of {', '.join(FAMILIES)}")
        if self.trunk not in TRUNKS:
            raise ConfigError(f"model.trunk {self.trunk!r}: unknown, use one of {', '.join(TRUNKS)}")
        if self.lookahead not in (0, 1):
            raise ConfigError(f"model.lookahead {self.lookahead!r}: use 0 or 1 phrase")
        if not 0 <= self.style_guidance <= MAX_GUIDANCE:
            shown = f"model.style_guidance {self.style_guidance!r}"
            raise ConfigError(f"{shown}: use a number from 0 to {MAX_GUIDANCE}")
        for name in ("width", "discriminator_width"):
            width = getattr(self, name)
            if not 1 <= width <= MAX_WIDTH or width % 4:
                raise ConfigError(f"model.{name} {width!r}: use a multiple of 4, at most {MAX_WIDTH}")
