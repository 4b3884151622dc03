"""The only place where weights are read or written.

A file of weights is one safetensors file: tensors by name, and in its header one JSON text with everything
else (kind, config, grid, kit, provenance, check sum). Three kinds: a *drummer* holds a model and its
discriminator, a *feel* the network of the feel, a *run* all that a training needs to go on. Nothing is ever
unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from basedrum.errors import BasedrumError, WeightsError, printable
from basedrum.files import write_atomic
from basedrum.models.config import ModelConfig
from basedrum.models.feel import FeelConfig, FeelNet
from basedrum.models.protocol import Discriminator, Model
from basedrum.models.registry import build_discriminator, build_model
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES
from basedrum.weight_files import FEEL, find_file, read_bytes

FORMAT = 2
DISCRIMINATOR = "discriminator."  # what the names of its tensors begin with; all others are the model's
GRID = {
    "measures": MEASURES_PER_PHRASE,
    "steps": STEPS_PER_MEASURE,
    "lowest_pitch": LOWEST_PITCH,
    "pitches": NUM_PITCHES,
}
KIT = [[voice, list(pitches)] for voice, pitches, _ in kit.KIT]


@dataclass(frozen=True)
class Drummer:
    """A model ready to be sampled, and what its file says of it.

    Attributes:
        name: what it was loaded as.
        provenance: data, rights, command, metrics.
        reranker: the discriminator, where it has learned to rank what the model plays; else None.
    """

    name: str
    model: Model
    provenance: dict
    reranker: Discriminator | None = None

    @property
    def config(self) -> ModelConfig:
        return self.model.config


def save_drummer(
    path: str | os.PathLike,
    model: Model,
    discriminator: Discriminator | None,
    provenance: dict,
    *,
    reranks: bool = False,
) -> None:
    """Write a release file: a model (the averaged one) and, if given, its discriminator.

    Floating-point weights are stored in half precision.

    Args:
        reranks: that the discriminator has learned to rank samples, and is to do so.

    Raises:
        WeightsError: weights that are not finite in half precision. BasedrumError: the disk fails.
    """
    tensors = dict(model.state_dict())
    if discriminator is not None:
        tensors |= {f"{DISCRIMINATOR}{k}": v for k, v in discriminator.state_dict().items()}
    header = {
        "kind": "drummer",
        "config": dataclasses.asdict(model.config),
        "provenance": provenance,
        "reranks": reranks and discriminator is not None,
    }
    _write(path, _halved(tensors), header)


def load_drummer(name_or_path: str | os.PathLike = "default") -> Drummer:
    """Rebuild a drummer from a shipped name or from a file alone, in evaluation mode on the CPU.

    Raises:
        WeightsError: no such file, not ours, damaged, of another kind, or made for another grid or kit.
    """
    name = os.fspath(name_or_path)
    tensors, header = _read(find_file(name), "drummer")
    config = _config_of(header, name)
    of_model = {k: v for k, v in tensors.items() if not k.startswith(DISCRIMINATOR)}
    model = _filled(build_model, config, of_model, "", name)
    reranker = None
    if header.get("reranks") is True:
        reranker = _filled(build_discriminator, config, tensors, DISCRIMINATOR, name).eval()
    return Drummer(name, model.eval(), header.get("provenance", {}), reranker)


def load_discriminator(name_or_path: str | os.PathLike) -> Discriminator:
    """Rebuild the discriminator that a release file holds.

    Raises:
        WeightsError: as `load_drummer`, or there is none.
    """
    name = os.fspath(name_or_path)
    tensors, header = _read(find_file(name), "drummer")
    return _filled(build_discriminator, _config_of(header, name), tensors, DISCRIMINATOR, name).eval()


def save_feel(network: FeelNet, provenance: dict, path: str | os.PathLike | None = None) -> Path:
    """Write the network of the feel, in half precision, to `path` or over the one that ships; return the
    path."""
    path = Path(str(resources.files("basedrum.pretrained") / FEEL)) if path is None else Path(path)
    header = {"kind": "feel", "config": dataclasses.asdict(network.config), "provenance": provenance}
    _write(path, _halved(network.state_dict()), header)
    return path


def load_feel(path: str | os.PathLike | None = None) -> FeelNet:
    """Read the network of the feel that ships, or the one in a file.

    Raises:
        WeightsError: as `load_drummer`.
    """
    path = Path(str(resources.files("basedrum.pretrained") / FEEL)) if path is None else Path(path)
    tensors, header = _read(path, "feel")
    try:
        config = FeelConfig(**header["config"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"feel {printable(path)}: its config does not fit, train it again") from error
    return _filled(FeelNet, config, tensors, "", printable(path)).eval()


def save_run(path: str | os.PathLike, state: dict) -> None:
    """Write a training's whole state: nested dicts and lists of tensors, numbers, texts, booleans and
    None."""
    tensors: dict[str, Tensor] = {}
    header = {"kind": "run", "state": _take_tensors(state, "state", tensors)}
    _write(path, tensors, header)


def load_run(path: str | os.PathLike) -> dict:
    """Read back what `save_run` wrote. Raises WeightsError."""
    tensors, header = _read(Path(path), "run")
    try:
        return dict(_give_tensors(header["state"], tensors))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{printable(path)}: holds no state of a training, name another file") from error


def _config_of(header: dict, name: str) -> ModelConfig:
    try:
        return ModelConfig(**header["config"])
    except (KeyError, TypeError, BasedrumError) as error:
        raise WeightsError(
            f"model {printable(name)}: its config does not fit: {printable(error)}, train it again"
        ) from error


class _Undrawn(TorchFunctionMode):
    """Leaves weights undrawn: on the meta device, drawing from a normal distribution would import a compiler
    for a second."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (Tensor.normal_, nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)


def _filled(build, config, tensors: dict[str, Tensor], prefix: str, name: str):
    """Build a network without drawing weights, then give it those of the file that begin with a prefix."""
    try:
        with torch.device("meta"), _Undrawn():
            network = build(config)
    except (TypeError, ValueError, RuntimeError) as error:  # sizes that are no whole numbers
        raise WeightsError(f"model {printable(name)}: its config does not fit, train it again") from error
    wanted = network.state_dict()
    held = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    for key in [*wanted, *held]:
        if key not in held or key not in wanted:
            what = "has no" if key not in held else "has an unknown"
            shown = f"{what} tensor {prefix}{printable(key)}"
            raise WeightsError(f"model {printable(name)}: {shown}, take a file of this version")
        if held[key].shape != wanted[key].shape:
            shapes = f"{tuple(held[key].shape)}, expected {tuple(wanted[key].shape)}"
            raise WeightsError(
                f"model {printable(name)}: {prefix}{key} has shape {shapes}, take another file"
            )
    floats = {k: v.float() if v.is_floating_point() else v for k, v in held.items()}
    network.load_state_dict(floats, assign=True)
    return network


def _halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}


def _write(path: str | os.PathLike, tensors: dict[str, Tensor], header: dict) -> None:
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    bad = next((k for k, v in tensors.items() if v.is_floating_point() and not torch.isfinite(v).all()), None)
    if bad:
        raise WeightsError(f"{printable(path)}: not written: {bad} holds values that are not finite")
    header = {"format": FORMAT, **header, "grid": GRID, "kit": KIT}
    header["sha256"] = _digest(header, tensors)
    write_atomic(path, save(tensors, {"basedrum": json.dumps(header, sort_keys=True)}))


def _read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict]:
    shown = printable(path)
    try:
        data, header = read_bytes(path)
        tensors = load(data)
    except IsADirectoryError as error:
        raise WeightsError(f"{shown}: not a file, name a file of weights") from error
    except OSError as error:
        raise WeightsError(f"{shown}: cannot be read: {error.strerror}, name another file") from error
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        OverflowError,
        RuntimeError,
    ) as error:
        raise WeightsError(f"{shown}: no weights of basedrum, or damaged, name another file") from error
    if header.get("format") != FORMAT:
        raise WeightsError(_other_format(shown, header.get("format")))
    if header.get("kind") != kind:
        found = printable(header.get("kind"))
        raise WeightsError(f"{shown}: holds a {found}, expected a {kind}, name another file")
    if header.pop("sha256", None) != _digest(header, tensors):
        raise WeightsError(f"{shown}: damaged (its check sum does not fit), take a fresh copy")
    if header.get("grid") != GRID or header.get("kit") != KIT:
        raise WeightsError(f"{shown}: made for another grid or kit, train it again with this version")
    for key, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise WeightsError(
                f"{shown}: {printable(key)} holds values that are not finite, take a fresh copy"
            )
    return tensors, header


def _other_format(shown: str, found: object) -> str:
    is_older = isinstance(found, int) and found < FORMAT
    remedy = "train it again with this version" if is_older else "update basedrum"
    return f"{shown}: weights of format {printable(found)}, this version reads format {FORMAT}, {remedy}"


def _digest(header: dict, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for key in sorted(tensors):
        value = tensors[key]
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        if value.numel():
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _take_tensors(value: object, place: str, tensors: dict[str, Tensor]) -> object:
    """Return `value` as JSON, its tensors moved into `tensors` and named by their place."""
    if isinstance(value, Tensor):
        tensors[place] = value
        return {"tensor": place}
    if isinstance(value, dict):
        return {
            "items": [[key, _take_tensors(item, f"{place}.{key}", tensors)] for key, item in value.items()]
        }
    if isinstance(value, list | tuple):
        return [_take_tensors(item, f"{place}.{i}", tensors) for i, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}, which a file of weights cannot hold")


def _give_tensors(value: object, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_give_tensors(item, tensors) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _give_tensors(item, tensors) for key, item in value["items"]}
    return value
