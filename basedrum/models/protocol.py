"""What a model and a discriminator are: the only things that other rooms know of a family.

Conventions: drums are hits of the kit, (B, T, V), whatever a family makes inside; a condition, its noise and
its drums have the same batch axis.

Source: guidance scales are those of classifier-free guidance (Ho and Salimans, arXiv 2207.12598), in logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.noise import Noise


@dataclass(frozen=True)
class Guidance:
    """How a phrase is sampled. A family that knows nothing of a field ignores it.

    Attributes:
        temperature: scales the noise: 0 takes the most likely decision each time, 1 samples as learned.
        style, density: guidance scales of the two controls. 1 is the model conditioned on them, s is the
            model without a control plus s times what the control adds to the logits.
        hold: what each hit that is missing to the density asked for (or too many) adds to the logits.
        allowed_repeats: (B, M, K) bool, the choices a bar may take (see `models.recall`), or None for no
            further constraint. That a bar is new is always allowed.
        keep_new: whether the probability that a bar is new stays what it is without `allowed_repeats`, so
            that what the constraint takes away goes to other repeats. Where no repeat is left, the bar is
            new.
    """

    temperature: float = 1.0
    style: float = 1.0
    density: float = 1.0
    hold: float = 0.0
    allowed_repeats: Tensor | None = None
    keep_new: bool = False


AS_LEARNED = Guidance()


@dataclass(frozen=True)
class LogLikelihood:
    """How likely a model finds real drums, in nats; higher is better.

    Attributes:
        hits: (B,) summed over the cells (T, V) that exist.
        plan: (B,) of which bars repeat earlier ones, summed over the bars; None for a family without plans.
        kit: (B,) of the voices that the song uses, 0 where they are not given; None for a family that plans
            none.
    """

    hits: Tensor
    plan: Tensor | None = None
    kit: Tensor | None = None


class _Module(Protocol):
    """What is used of `torch.nn.Module`."""

    def to(self, *arguments: Any, **options: Any) -> Any: ...

    def eval(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], strict: bool = True, assign: bool = False) -> Any: ...

    def parameters(self) -> Any: ...

    def requires_grad_(self, requires_grad: bool = True) -> Any: ...


class Model(_Module, Protocol):
    """What plays.

    Attributes:
        config: what it was built from.
        needs_warmup: whether parts of it learn by likelihood alone, so that a training needs a warm-up.
    """

    config: ModelConfig
    needs_warmup: bool

    def sample(self, condition: Condition, noise: Noise, guidance: Guidance = AS_LEARNED) -> Tensor:
        """Return hits (B, T, V) bool: what a listener gets. Silent on steps that do not exist."""

    def draw_kit(self, condition: Condition, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a song that begins with a phrase is to use, drawn with `uniform` (B, V + 1): `voices`
        and `most_voices` of a condition; zeros for a family that leaves that open."""

    def log_likelihood(self, condition: Condition, drums: Tensor) -> LogLikelihood:
        """Return how likely the real drums (B, T, V) are, with gradient."""

    def replay(self, condition: Condition, noise: Noise) -> Tensor:
        """Return what the discriminator is shown, (B, T, V) float, silent on steps that do not exist.

        With gradient where gradients are on: straight through the decisions of the noise.
        """


class Discriminator(_Module, Protocol):
    """What tells real drums from played ones."""

    def __call__(self, drums: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Return a score (B,), higher is more real, and features (B, F) of drums (B, T, V)."""
