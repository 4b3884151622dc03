"""What a training run is: the model, the game, and how long it is played.

A preset is a TOML file with the sections [model] and [train]; defaults < preset < overrides such as
`train.batch=32`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import sys
import typing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from basedrum.errors import ConfigError, printable
from basedrum.models.config import ModelConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOSSES = ("rpgan", "hinge", "wgan-gp", "midinet")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """Attributes:
    seed: of the weights, the batches and the noise.
    warmup_steps: steps of likelihood (CVAE) before the game, so that the generator learns to use its noise;
        in them the planner learns which bars real drummers repeat.
    steps: steps of the game, after the warm-up.
    critic_first: steps in which the discriminator alone learns, at the start of the game.
    ranking_steps: steps after the game, in which the generator rests and the discriminator learns to say how
        much likelier a phrase is from a real drummer than from this one (logistic loss, no penalty). It then
        ranks answers when songs are played. 0: no ranking.
    ranking_mismatch: weight of "real drums with another song's bass are fake" in it: answers then have to fit
        the bass, too.
    ranking_depth: how many phrases the generator has followed itself for, at most, before one that is ranked.
    batch: phrases a step, over all processes together.
    loss: rpgan (relativistic, R1 + R2), hinge, wgan-gp or midinet.
    critic_steps, generator_steps: how often each player moves in a step.
    warmup_lr, generator_lr, critic_lr, plan_lr, ranking_lr: learning rates; beta1, beta2: Adam's, in the
        game.
    decay_from: the part of the game after which the rates fall in a line to a twentieth.
    gamma, penalty_every: weight of the gradient penalty, and how often it is taken (then that much stronger).
    mismatch, mismatch_from: weight of "real drums with another song's bass are fake", and the part of the
        game it starts at. It is the listening knob: too high and the drums follow the bass more than real
        drummers do.
    mismatch_kickless: the part of these drums that is judged without its kick, so that the rest of the kit
        has to fit, too.
    reconstruction, reconstruction_every: weight of the CVAE term during the game, and how often it is taken.
    kl: weight of the CVAE's divergence against its likelihood.
    feature_matching, sample_matching: weights of MidiNet's two matching terms.
    sharing: the part of the samples whose measures all share one throw of the dice; the rest share some of
        it.
    rollout: the part of the samples whose previous drums are the generator's own, so that it learns to follow
        itself.
    drop_previous, drop_wishes: how often the previous drums, the style and the density are left out.
    precision: float32, bfloat16 (half as long where the processor has it, worse than useless where not), or
        auto: bfloat16 where the processor has it.
    ema: decay of the averaged generator that is kept.
    evaluate_every, save_every, probe_phrases: steps between two looks at held-out phrases, between two
        checkpoints, and how many phrases a look takes.
    """

    seed: int = 1
    warmup_steps: int = 1000
    steps: int = 4000
    critic_first: int = 100
    ranking_steps: int = 0
    ranking_depth: int = 3
    ranking_mismatch: float = 0.0
    batch: int = 64
    loss: str = "rpgan"
    critic_steps: int = 1
    generator_steps: int = 1
    warmup_lr: float = 1.5e-3
    generator_lr: float = 4e-4
    critic_lr: float = 4e-4
    plan_lr: float = 2e-3
    ranking_lr: float = 1e-3
    beta1: float = 0.0
    beta2: float = 0.99
    decay_from: float = 0.6
    gamma: float = 0.1
    penalty_every: int = 8
    mismatch: float = 0.1
    mismatch_from: float = 0.5
    mismatch_kickless: float = 0.0
    reconstruction: float = 0.9
    reconstruction_every: int = 3
    kl: float = 0.5
    feature_matching: float = 0.0
    sample_matching: float = 0.0
    sharing: float = 0.7
    rollout: float = 0.5
    drop_previous: float = 0.5
    drop_wishes: float = 0.5
    precision: str = "auto"
    ema: float = 0.998
    evaluate_every: int = 500
    save_every: int = 500
    probe_phrases: int = 384

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"train.loss {self.loss!r}: unknown, use one of {', '.join(LOSSES)}")
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"train.precision {self.precision!r}: unknown, use one of {', '.join(PRECISIONS)}"
            )
        at_least_one = ("batch", "critic_steps", "generator_steps", "penalty_every", "reconstruction_every")
        for name in (*at_least_one, "evaluate_every", "save_every", "probe_phrases"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train.{name} {getattr(self, name)!r}: use 1 or more")
        not_below_0 = ("warmup_steps", "steps", "critic_first", "ranking_steps", "ranking_depth", "seed")
        for name in (*not_below_0, "gamma", "mismatch", "ranking_mismatch", "reconstruction", "kl"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train.{name} {getattr(self, name)!r}: use 0 or more")
        if self.seed >= 2**63:
            raise ConfigError(f"train.seed {self.seed!r}: use a number below 2^63")
        for name in ("warmup_lr", "generator_lr", "critic_lr", "plan_lr", "ranking_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"train.{name} {getattr(self, name)!r}: use a number above 0")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"train.{name} {getattr(self, name)!r}: use a number from 0 to below 1")
        for name in (
            "sharing",
            "rollout",
            "drop_previous",
            "drop_wishes",
            "ema",
            "decay_from",
            "mismatch_from",
            "mismatch_kickless",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"train.{name} {getattr(self, name)!r}: use a number from 0 to 1")

    @property
    def total_steps(self) -> int:
        return self.warmup_steps + self.steps + self.ranking_steps


@dataclass(frozen=True)
class Config:
    """A model and its training, as a preset file states them."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.model.family == "classic" and self.train.ranking_steps:
            raise ConfigError(
                f"train.ranking_steps {self.train.ranking_steps!r}: a classic drummer is not ranked, use 0"
            )
        if self.model.family == "classic" and self.train.mismatch_kickless:
            raise ConfigError(
                f"train.mismatch_kickless {self.train.mismatch_kickless!r}: a classic drummer plays a roll, use 0"
            )
        if self.model.plans and not self.train.warmup_steps:
            raise ConfigError("model.plans: plans are learned in the warm-up, give train.warmup_steps")

    def to_dict(self) -> dict:
        return {"model": dataclasses.asdict(self.model), "train": dataclasses.asdict(self.train)}

    @classmethod
    def from_dict(cls, sections: dict) -> Config:
        """Build from nested dicts. Raises ConfigError on an unknown key (it names the nearest) or a value of
        another type."""
        known = {"model": ModelConfig, "train": TrainConfig}
        for section, values in sections.items():
            if section not in known or not isinstance(values, dict):
                raise ConfigError(f"section [{printable(section)}]: unknown, {_nearest(section, known)}")
        return cls(**{name: _checked(kind, name, sections.get(name, {})) for name, kind in known.items()})


def presets() -> list[str]:
    """Return the names of the presets that ship."""
    files = resources.files("basedrum.presets").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load_config(preset: str | os.PathLike = "modern", overrides: typing.Sequence[str] = ()) -> Config:
    """Read a preset by name or by path and apply overrides such as `train.steps=500`.

    Raises:
        ConfigError: no such preset, not TOML, an unknown key, or a value of another type.
    """
    name = os.fspath(preset)
    if name in presets():
        text = (resources.files("basedrum.presets") / f"{name}.toml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8", errors="replace")
    else:
        raise ConfigError(
            f"preset {printable(name)}: not found, use a TOML file or one of {', '.join(presets())}"
        )
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"preset {printable(name)}: not TOML: {error}, mend the file") from error
    for override in overrides:
        key, _, value = override.partition("=")
        section, _, entry = key.strip().partition(".")
        if not entry or not value:
            raise ConfigError(
                f"--set {printable(override)}: write SECTION.KEY=VALUE, for example train.steps=500"
            )
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()
        sections.setdefault(section, {})[entry] = parsed
    return Config.from_dict(sections)


def _checked(kind: type, section: str, values: dict) -> ModelConfig | TrainConfig:
    types = typing.get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if key not in types:
            raise ConfigError(f"{section}.{printable(key)}: unknown key, {_nearest(key, types)}")
        wanted = typing.get_origin(types[key]) or types[key]
        if wanted is float and type(value) is int:
            value = float(value)
        elif wanted is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = tuple(value)
        if type(value) is not wanted:
            raise ConfigError(
                f"{section}.{key} = {printable(value)!r}: a {type(value).__name__}, use a {wanted.__name__}"
            )
        checked[key] = value
    return kind(**checked)


def _nearest(word: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0)
    return f"did you mean {near[0]}?" if near else "there is none"
