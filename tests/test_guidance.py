"""A style wish that counts more than once."""

import torch
from torch import nn

from basedrum.drummer.guidance import Guided
from basedrum.models.config import ModelConfig


class Toy(nn.Module):
    config = ModelConfig()

    def forward(self, condition, noise):
        return noise + 2.0 * condition.style[:, None]


def condition(style):
    from basedrum.models.condition import Condition

    empty = torch.zeros(2, 1)
    style = torch.tensor(style)
    return Condition(**{name: style if name == "style" else empty for name in Condition.__dataclass_fields__})


def test_the_step_that_a_style_makes_is_made_longer():
    noise = torch.tensor([[1.0], [5.0]])
    told = condition([3, 0])
    assert torch.equal(Guided(Toy(), 1.0)(told, noise), torch.tensor([[7.0], [5.0]]))
    assert torch.equal(Guided(Toy(), 3.0)(told, noise), torch.tensor([[19.0], [5.0]])), (
        "and none where none is asked for"
    )
    assert torch.equal(Guided(Toy(), 3.0)(condition([0, 0]), noise), noise)


def test_it_keeps_the_config_of_what_it_guides():
    assert Guided(Toy()).config is Toy.config
