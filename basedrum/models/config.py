"""The dimensions of a drummer: enough to rebuild its networks from a file of weights alone."""

from __future__ import annotations

from dataclasses import dataclass

from basedrum.errors import ConfigError
from basedrum.music import kit
from basedrum.music.rolls import NUM_PITCHES

FAMILIES = ("modern", "classic", "autoregressive")
PREVIOUS = ("none", "generator", "discriminator", "both")


@dataclass(frozen=True)
class ModelConfig:
    """Attributes:
    family: `modern` (12 voices, stochastic bits), `classic` (64 x 72 roll) or `autoregressive` (12 voices,
        hit after hit).
    lookahead: 0 answers the bass of the same phrase, 1 the bass of the phrase before.
    previous: who is shown the drums of the phrase before.
    styles: names a user may ask for; none means that the drummer takes no style.
    width: channels of the finest maps; the coarser ones have twice as many.
    critic_width: the same for the discriminator.
    song_noise, bar_noise, step_noise: dimensions of the noise of a song, of each measure, of each step.
    bits: how far chance decides each hit by itself, 0..1: 1 draws it with the probability the generator
        gives, 0 plays it where that is above one half, and leaves all chance to the noise the generator is
        given (below 1 only `modern`).
    similarity: whether the discriminator sees how alike the measures are.
    plans: whether it is decided apart which bars repeat earlier ones (`models.planner`; not `classic`).
    told_plans: whether the generator is told the plan, so that a bar that comes again is made for it
        (`modern`; the autoregressive family always is).
    memory: whether all players are told the bass of the phrase before, and the drums of the phrase of the
        song whose bass was most like this one's (`models.recall`); where `previous` is `both`, and not
        `classic`.
    """

    family: str = "modern"
    lookahead: int = 0
    previous: str = "both"
    styles: tuple[str, ...] = ()
    width: int = 48
    critic_width: int = 48
    song_noise: int = 32
    bar_noise: int = 4
    step_noise: int = 4
    bits: float = 1.0
    similarity: bool = True
    plans: bool = False
    told_plans: bool = False
    memory: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "styles", tuple(self.styles))
        if self.family not in FAMILIES:
            raise ConfigError(f"model.family {self.family!r}: unknown, use one of {', '.join(FAMILIES)}")
        if self.previous not in PREVIOUS:
            raise ConfigError(f"model.previous {self.previous!r}: unknown, use one of {', '.join(PREVIOUS)}")
        if self.lookahead not in (0, 1):
            raise ConfigError(f"model.lookahead {self.lookahead!r}: use 0 or 1 phrase")
        for name in ("width", "critic_width", "song_noise", "bar_noise", "step_noise"):
            if not 1 <= getattr(self, name) <= 4096:
                raise ConfigError(f"model.{name} {getattr(self, name)!r}: use a whole number from 1 to 4096")
        if not 0 <= self.bits <= 1:
            raise ConfigError(f"model.bits {self.bits!r}: use a number from 0 to 1")
        if self.bits < 1 and self.family != "modern":
            raise ConfigError(f"model.bits: a drummer of the family {self.family} has no other chance, use 1")
        if self.plans and not self.plays_kit:
            raise ConfigError(f"model.plans: a drummer of the family {self.family} has no plans, use false")
        if self.told_plans and not (self.plans and self.family == "modern"):
            raise ConfigError("model.told_plans: asks for model.plans and the family modern, use false")
        if self.memory and not (self.plays_kit and self.previous == "both"):
            raise ConfigError(
                'model.memory: asks for model.previous = "both" and a family other than classic, use false'
            )
        if self.width % 4 or self.critic_width % 4:
            raise ConfigError("model.width and model.critic_width: use multiples of 4")

    @property
    def plays_kit(self) -> bool:
        """Whether its drums are hits of the kit; else they are those of a roll."""
        return self.family != "classic"

    @property
    def shares_dice(self) -> bool:
        """Whether the measures and phrases of a song share dice. Not where each hit knows those before it: it
        repeats itself by what it hears, and dice that come again would count the same luck twice (a tenth too
        many hits)."""
        return self.family != "autoregressive"

    @property
    def num_voices(self) -> int:
        """V: 12 voices of the kit, or 72 pitches."""
        return kit.NUM_VOICES if self.plays_kit else NUM_PITCHES

    @property
    def generator_hears_previous(self) -> bool:
        return self.previous in ("generator", "both")

    @property
    def discriminator_hears_previous(self) -> bool:
        return self.previous in ("discriminator", "both")
