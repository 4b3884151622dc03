"""The losses on three numbers by hand."""

import math

import pytest
import torch

from basedrum.training.losses import (
    MidinetLoss,
    RelativisticLoss,
    WassersteinLoss,
    logistic_loss,
    matching,
    slope_from_one,
    squared_slope,
)

REAL, FAKE = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.0, 3.0, -1.0])


def softplus(x):
    return math.log1p(math.exp(x))


def test_relativistic():
    assert RelativisticLoss().discriminator(REAL, FAKE).item() == pytest.approx(
        (softplus(-1) + softplus(1) + softplus(0)) / 3
    )
    assert RelativisticLoss().model(REAL, FAKE).item() == pytest.approx(
        (softplus(1) + softplus(-1) + softplus(0)) / 3
    )


def test_wasserstein():
    assert WassersteinLoss().discriminator(REAL, FAKE).item() == pytest.approx(2 / 3 - 2 / 3)
    assert WassersteinLoss().discriminator(REAL, FAKE - 1).item() == pytest.approx(-1.0)
    assert WassersteinLoss().model(REAL, FAKE).item() == pytest.approx(-2 / 3)


def test_midinet_smooths_the_real_label_on_one_side():
    one = torch.tensor([0.7])
    real_part = 0.9 * softplus(-0.7) + 0.1 * softplus(0.7)
    assert MidinetLoss().discriminator(one, one).item() == pytest.approx(real_part + softplus(0.7))
    assert MidinetLoss().model(one, one).item() == pytest.approx(softplus(-0.7))


def test_slopes_of_a_linear_and_a_square_score():
    drums = torch.tensor([[[1.0, 2.0]], [[0.0, 3.0]]])
    linear = squared_slope(lambda d: (d * torch.tensor([3.0, 4.0])).sum(dim=(1, 2)), drums)
    assert linear.tolist() == pytest.approx([25.0, 25.0])
    square = squared_slope(lambda d: d.square().sum(dim=(1, 2)), drums)
    assert square.tolist() == pytest.approx([4 * 5.0, 4 * 9.0])
    between = slope_from_one(
        lambda d: (d * torch.tensor([3.0, 4.0])).sum(dim=(1, 2)), drums, drums, torch.rand(2)
    )
    assert between.tolist() == pytest.approx([16.0, 16.0], rel=1e-4)


def test_the_penalty_teaches_the_discriminator():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    squared_slope(lambda d: (d * weight).sum(dim=(1, 2)), torch.ones(1, 1, 2)).sum().backward()
    assert weight.grad.tolist() == pytest.approx([6.0, 8.0])


def test_matching():
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [1.0]])
    assert matching(real, fake).item() == pytest.approx(1.5**2)


def test_the_logistic_loss_is_log_2_for_scores_that_say_nothing():
    assert logistic_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(math.log(2))
    assert logistic_loss(torch.full((4,), 9.0), torch.full((4,), -9.0)).item() < 1e-3
    assert logistic_loss(REAL, FAKE).item() == pytest.approx(
        sum(softplus(-r) + softplus(f) for r, f in ((1, 0), (2, 3), (-1, -1))) / 6
    )
