"""Where a training runs: the device, the precision, and this process among others under torchrun."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Process:
    """One of `world` processes that train together, the one numbered `rank`."""

    device: str = "cpu"
    rank: int = 0
    world: int = 1
    is_halved: bool = False

    def autocast(self) -> contextlib.AbstractContextManager:
        """Return the context in which networks compute in the training's precision."""
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.is_halved)

    def shared(self, module: nn.Module, find_unused_parameters: bool = False) -> Any:
        """Return a module all processes of which step with the mean of their gradients; itself for one.

        Its buffers stay each process's own.
        """
        if self.world == 1:
            return module
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 renames an option to one that differs
            return DistributedDataParallel(
                module, broadcast_buffers=False, find_unused_parameters=find_unused_parameters
            )

    def generator(self, seed: int, step: int) -> torch.Generator:
        """Return a random generator of its own for each seed, step and process."""
        generator = torch.Generator(self.device)
        generator.manual_seed(((seed * 1_000_003 + step) * 4099 + self.rank) % (1 << 62))
        return generator


def has_bfloat16(device: str) -> bool:
    """Return whether the device multiplies bfloat16 faster than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict = getattr(torch.cpu, "get_capabilities", dict)()
    names = ("avx512_bf16", "amx_bf16", "arm_bf16")
    return any(bool(capabilities.get(name)) for name in names)
