"""A drummer asked phrase by phrase: dice, wishes, families."""

import numpy as np
import pytest
import torch

from basedrum.drummer.sampling import PhraseModel, Wishes
from basedrum.errors import ConfigError
from basedrum.models.config import ModelConfig
from basedrum.models.families import build_generator
from basedrum.weights import Drummer


def model(family="modern", phrases_share=0.9, **more):
    torch.manual_seed(4)
    noise = {"song_noise": 128} if family == "classic" else {"width": 16}
    config = ModelConfig(family=family, styles=("rock", "jazz"), **noise, **more)
    generator = build_generator(config).eval()
    for parameter in generator.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return PhraseModel(Drummer("test", generator, config, {}), phrases_share)


def lines(size, seed=0):
    bass = np.zeros((size, 2, 64, 72), bool)
    rng = np.random.default_rng(seed)
    for line in bass:
        steps = rng.permutation(64)[:20]
        line[:, steps, rng.integers(10, 30, 20)] = True
    return bass


STEPS = np.full((3, 4), 16)
QPM = np.full(3, 120.0)


@pytest.mark.parametrize("family", ["modern", "classic", "autoregressive"])
def test_answers_are_kit_hits_and_depend_on_seed_and_bass(family):
    drummer = model(family)
    hits = drummer.play(lines(3), QPM, STEPS, None, seed=1)
    assert hits.shape == (3, 64, 12) and hits.dtype == bool and hits.any()
    assert np.array_equal(hits, drummer.play(lines(3), QPM, STEPS, None, seed=1))
    assert not np.array_equal(hits, drummer.play(lines(3), QPM, STEPS, None, seed=2))
    assert not np.array_equal(hits, drummer.play(lines(3, seed=8), QPM, STEPS, None, seed=1))
    again = drummer.play(lines(3), QPM, STEPS, hits, seed=1)
    assert not np.array_equal(again, hits)


@pytest.mark.parametrize("family", ["modern", "autoregressive"])
def test_a_phrase_is_the_same_alone_and_in_company(family):
    drummer = model(family)
    together = drummer.play(lines(3), QPM, STEPS, None, 5, songs=np.array([7, 8, 9]), index=2)
    alone = drummer.play(lines(3)[1:2], QPM[:1], STEPS[:1], None, 5, songs=np.array([8]), index=2)
    assert np.array_equal(together[1:2], alone)


def test_a_song_keeps_its_dice_as_far_as_they_are_shared():
    same = np.repeat(lines(1), 3, axis=0)
    for share, alike in ((1.0, True), (0.0, False)):
        drummer = model(phrases_share=share)
        first, later = (drummer.play(same[:1], QPM[:1], STEPS[:1], None, 3, index=i) for i in (0, 5))
        assert np.array_equal(first, later) == alike


def test_a_song_state_plays_as_the_batch_does():
    drummer = model()
    state = drummer.new_song(11, temperature=0.5)
    one = state.play(lines(1)[0], 120.0, STEPS[0], None, 0)
    batch = drummer.play(lines(1), QPM[:1], STEPS[:1], None, 11, index=0, wishes=Wishes(temperature=0.5))
    assert np.array_equal(one, batch[0])


def test_short_measures_stay_inside_their_bar():
    hits = model().play(lines(3), QPM, np.full((3, 4), 12), None, 0)
    assert hits.any() and not hits.reshape(3, 4, 16, 12)[:, :, 12:].any()


def test_wishes_change_the_answer_and_unknown_styles_are_refused():
    drummer = model()
    plain = drummer.new_song(1).play(lines(1)[0], 120.0, STEPS[0], None, 0)
    for wish in ({"style": "jazz"}, {"density": 3.0}):
        assert not np.array_equal(
            plain, drummer.new_song(1, **wish).play(lines(1)[0], 120.0, STEPS[0], None, 0)
        )
    with pytest.raises(ConfigError, match=r"did you mean jazz\? use one of rock, jazz"):
        drummer.new_song(1, style="jaz")


def test_temperature_is_how_much_the_dice_decide():
    drummer = model()
    cold, warm = (
        [drummer.play(lines(3), QPM, STEPS, None, seed, wishes=Wishes(temperature=t)) for seed in (1, 2)]
        for t in (0.0, 1.0)
    )
    assert np.array_equal(*cold) and not np.array_equal(*warm)
