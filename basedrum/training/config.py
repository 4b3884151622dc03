"""What a training run is: a model and the phases of its training, as a preset file states them.

A preset is a TOML file with a section for each dataclass of `sections` and for the model; defaults < preset <
overrides such as `train.batch=32`. No torch here.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from basedrum.errors import ConfigError, printable
from basedrum.models.config import ModelConfig
from basedrum.training.sections import AdversarialConfig, RerankingConfig, TrainConfig, WarmupConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECTIONS: dict[str, type] = {
    "model": ModelConfig,
    "train": TrainConfig,
    "warmup": WarmupConfig,
    "adversarial": AdversarialConfig,
    "reranking": RerankingConfig,
}
NEAR = 0.6  # as alike as a key of the same section must be to be suggested before those of others


@dataclass(frozen=True)
class Config:
    """A model and its training."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    warmup: WarmupConfig = field(default_factory=WarmupConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    reranking: RerankingConfig = field(default_factory=RerankingConfig)

    @property
    def total_steps(self) -> int:
        """Steps of all phases together."""
        return self.warmup.steps + self.adversarial.steps + self.reranking.steps

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the configuration as nested dicts; `from_dict` reads them."""
        return {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS}

    @classmethod
    def from_dict(cls, sections: Mapping[str, object]) -> Config:
        """Build from nested dicts.

        Raises:
            ConfigError: an unknown section or key (the message names the nearest), or a value out of its
                range or of another type.
        """
        for section, values in sections.items():
            if section not in SECTIONS or not isinstance(values, dict):
                raise ConfigError(f"section [{printable(section)}]: unknown, {_nearest(section, SECTIONS)}")
        return cls(**{name: _section(name, sections.get(name, {})) for name in SECTIONS})


def presets() -> list[str]:
    """Return the names of the presets that ship."""
    files = resources.files("basedrum.presets").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_config(preset: str | os.PathLike = "modern", overrides: Sequence[str] = ()) -> Config:
    """Read a preset by name or by path and apply overrides such as `adversarial.steps=500`.

    Raises:
        ConfigError: no such preset, not TOML, an unknown key, or a value out of its range or of another type.
    """
    name = os.fspath(preset)
    try:
        sections = tomllib.loads(_text_of(name))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"preset {printable(name)}: not TOML: {error}, mend the file") from error
    for override in overrides:
        key, _, value = override.partition("=")
        section, _, entry = key.strip().partition(".")
        if not entry or not value:
            example = "for example adversarial.steps=500"
            raise ConfigError(f"--set {printable(override)}: write SECTION.KEY=VALUE, {example}")
        values = sections.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"section [{printable(section)}]: unknown, {_nearest(section, SECTIONS)}")
        values[entry] = _parsed(value)
    return Config.from_dict(sections)


def _text_of(name: str) -> str:
    if name in presets():
        return (resources.files("basedrum.presets") / f"{name}.toml").read_text(encoding="utf-8")
    if Path(name).is_file():
        return Path(name).read_text(encoding="utf-8", errors="replace")
    known = ", ".join(presets())
    raise ConfigError(f"preset {printable(name)}: not found, use a TOML file or one of {known}")


def _parsed(value: str) -> object:
    """Return a TOML value, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value.strip()


def _section(name: str, values: object) -> Any:
    assert isinstance(values, dict)
    kind = SECTIONS[name]
    types = typing.get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if key not in types:
            raise ConfigError(f"{name}.{printable(key)}: unknown key, {_nearest_key(name, key)}")
        checked[key] = _checked(f"{name}.{key}", value, typing.get_origin(types[key]) or types[key])
    return kind(**checked)


def _checked(key: str, value: object, wanted: type) -> object:
    """Return a value as the type its key has: whole numbers are floats, too, and lists of texts tuples."""
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if type(value) is not wanted:
        what = f"a {type(value).__name__}, use a {wanted.__name__}"
        raise ConfigError(f"{key} = {printable(value)!r}: {what}")
    return value


def _nearest_key(section: str, key: str) -> str:
    """Return a suggestion: a like key of the section, else the likest of any, in each section that has it."""
    keys = {name: [f.name for f in dataclasses.fields(kind)] for name, kind in SECTIONS.items()}
    near = difflib.get_close_matches(key, keys[section], n=1, cutoff=NEAR)
    if near:
        return f"did you mean {near[0]}?"
    everywhere = sorted({known for names in keys.values() for known in names})
    likest = difflib.get_close_matches(key, everywhere, n=1, cutoff=0)[0]
    places = [f"{name}.{likest}" for name in SECTIONS if likest in keys[name]]
    return f"did you mean {' or '.join(places)}?"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0)
    return f"did you mean {near[0]}?" if near else "there is none"
