"""The networks of every family: shapes, gradients, what they depend on and what they ignore; noise."""

import numpy as np
import pytest
import torch
from torch import nn

from basedrum.errors import ConfigError
from basedrum.models.classic.roll import to_kit, to_roll
from basedrum.models.condition import BASS_ROWS, Condition, bass_features
from basedrum.models.config import FAMILIES, ModelConfig
from basedrum.models.modern.distances import measure_distances
from basedrum.models.noise import LATENT, Noise, logistic, noisy_probs, phrase_noise, straight_through
from basedrum.models.protocol import Guidance
from basedrum.models.registry import REGISTRY, build_discriminator, build_model
from basedrum.music import kit
from basedrum.music.form_features import FORM

CONFIGS = {
    "modern": ModelConfig(width=16, discriminator_width=16, styles=("rock", "jazz")),
    "modern without styles": ModelConfig(width=8, discriminator_width=8),
    "classic": ModelConfig(family="classic", styles=("rock",)),
    "classic without styles": ModelConfig(family="classic"),
}


def random(seed=0):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def lines(size, seed=0, notes=18):
    """Bass lines (B, 2, 64, 72), each of `notes` onsets in the two middle octaves, each two steps long."""
    generator = random(seed)
    bass = torch.zeros(size, 2, 64, 72)
    for b in range(size):
        steps = torch.randperm(63, generator=generator)[:notes]
        pitches = torch.randint(24, 48, (notes,), generator=generator)
        bass[b, 0, steps, pitches] = 1
        bass[b, 1, steps, pitches] = 1
        bass[b, 1, steps + 1, pitches] = 1
    return bass


def condition(size=4, seed=0, **changes):
    previous = (torch.rand(size, 64, 12, generator=random(seed + 100)) < 0.1).float()
    fields = {
        "bass": lines(size, seed),
        "qpm": torch.full((size,), 110.0),
        "active": torch.ones(size, 64),
        "previous": previous,
        "has_previous": torch.ones(size),
        "style": torch.zeros(size, dtype=torch.long),
        "density": torch.zeros(size),
        "bass_before": lines(size, seed + 50),
        "recalled": previous.flip(0),
        "likeness": torch.full((size, 4), 0.7),
        "form": torch.rand(size, 5, FORM, generator=random(seed + 200)),
        "voices": torch.zeros(size, 12),
        "most_voices": torch.zeros(size, dtype=torch.long),
    }
    return Condition(**(fields | changes))


def noise(size=4, seed=0):
    return Noise.draw(size, random(seed))


def awake(config, seed=0):
    """A model whose hits depend on all that they may depend on."""
    torch.manual_seed(seed)
    model = build_model(config).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def test_the_registry_and_the_config_know_the_same_families():
    assert tuple(REGISTRY) == FAMILIES


@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_and_every_parameter_gets_a_gradient(name):
    config = CONFIGS[name]
    torch.manual_seed(0)
    model, discriminator = build_model(config), build_discriminator(config)
    style = torch.tensor([0, 1, 1, 0]) * min(1, len(config.styles))
    kit_of_song = {"voices": torch.ones(4, 12), "most_voices": torch.tensor([5, 5, 4, 5])}
    given = condition(style=style, density=torch.tensor([0.0, 9.0, 20.0, 14.0]), **kit_of_song)
    drums = model.replay(given, noise())
    assert drums.shape == (4, 64, 12)
    score, features = discriminator(drums, given)
    assert score.shape == (4,) and features.shape[0] == 4
    score.sum().backward()
    found = model.log_likelihood(given, given.previous)
    assert found.hits.shape == (4,) and (found.hits < 0).all()
    if found.plan is not None:
        assert found.plan.shape == (4,) and (found.plan <= 0).all()
        found.plan.sum().backward()
    if found.kit is not None:
        assert found.kit.shape == (4,) and (found.kit < 0).all()
        found.kit.sum().backward()
    for network in (model, discriminator):
        for key, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["modern", "classic"])
def test_a_model_without_gradient_replays_the_same_drums(name):
    model, given = awake(CONFIGS[name]), condition()
    with torch.no_grad():
        plain = model.replay(given, noise())
    assert torch.equal(plain, model.replay(given, noise()).detach())


def test_features_do_not_know_the_key_but_know_the_rhythm():
    given = condition()
    up = given.replace(bass=given.bass.roll(5, dims=3))
    late = given.replace(bass=given.bass.roll(2, dims=2))
    assert bass_features(given).shape == (4, BASS_ROWS, 4, 16)
    assert torch.equal(bass_features(given), bass_features(up))
    assert not torch.equal(bass_features(given), bass_features(late))


def test_features_of_a_counted_line():
    bass = torch.zeros(1, 2, 64, 72)
    for step, pitch in ((0, 10), (4, 12), (8, 12), (12, 5)):
        bass[0, 0, step, pitch] = bass[0, 1, step, pitch] = 1
    bass[0, 1, 1, 10] = 1
    rows = bass_features(condition(1, bass=bass))[0].flatten(1)  # (R, 64)
    assert rows[0].nonzero()[:, 0].tolist() == [0, 4, 8, 12]
    assert rows[1].nonzero()[:, 0].tolist() == [0, 1, 4, 8, 12]
    intervals = rows[2:27]  # -12..12 around the median, 10
    assert [intervals[:, s].argmax().item() - 12 for s in (0, 4, 8, 12)] == [0, 2, 2, -5]
    found = [row.nonzero()[:, 0].tolist() for row in rows[27:30]]  # higher, lower, same
    assert found == [[4], [12], [8]]


def test_features_of_silence_are_finite_and_empty():
    rows = bass_features(condition(1, bass=torch.zeros(1, 2, 64, 72)))
    assert torch.isfinite(rows).all() and rows[0, :30].abs().sum() == 0


def test_features_of_the_phrase_before_are_its_own_where_drums_before_are_given():
    given = condition(2, has_previous=torch.tensor([1.0, 0.0]))
    before = bass_features(given.replace(bass=given.bass_before))
    assert torch.equal(given.features_before[0], before[0]) and not given.features_before[1].any()


@pytest.mark.parametrize("name", CONFIGS)
def test_same_noise_same_drums_and_another_bass_other_drums(name):
    alone = {"has_previous": torch.zeros(4), "likeness": torch.zeros(4, 4)}  # no bar to repeat in the first
    model, given = awake(CONFIGS[name], seed=1), condition(**alone)
    first = model.sample(given, noise())
    assert first.dtype == torch.bool and first.shape == (4, 64, 12)
    assert torch.equal(first, model.sample(given, noise()))
    assert not torch.equal(first, model.sample(given.replace(bass=lines(4, seed=9)), noise()))
    assert not torch.equal(first, model.sample(given, noise(seed=5)))


@pytest.mark.parametrize("name", ["modern", "classic"])
def test_at_temperature_0_noise_decides_nothing(name):
    model, cold = awake(CONFIGS[name]), Guidance(temperature=0.0)
    hits = [model.sample(condition(), noise(seed=seed), cold) for seed in (1, 2)]
    assert torch.equal(*hits)


@pytest.mark.parametrize("name", ["modern", "classic"])
def test_inactive_steps_stay_silent(name):
    active = torch.ones(4, 4, 16)
    active[:, :, 12:] = 0
    given = condition(active=active.flatten(1))
    model = awake(CONFIGS[name])
    for drums in (model.sample(given, noise()), model.replay(given, noise())):
        assert drums.any() and not drums.reshape(4, 4, 16, -1)[:, :, 12:].any()


@pytest.mark.parametrize("family", ["modern", "classic"])
def test_a_discriminator_follows_the_bass_and_the_drums(family):
    torch.manual_seed(2)
    discriminator, given = build_discriminator(ModelConfig(family=family)), condition()
    score = discriminator(given.previous, given)[0]
    assert not torch.equal(score, discriminator(1 - given.previous, given)[0])
    assert not torch.equal(
        score, discriminator(given.previous, given.with_bass_of(torch.arange(3, -1, -1)))[0]
    )


def test_the_modern_discriminator_sees_the_drums_before_and_the_recalled_ones_where_they_count():
    torch.manual_seed(2)
    discriminator, given = build_discriminator(CONFIGS["modern"]), condition()
    for name, switch in (("previous", "has_previous"), ("recalled", "likeness")):
        other = given.replace(**{name: 1 - getattr(given, name)})
        assert not torch.equal(
            discriminator(given.previous, given)[0], discriminator(given.previous, other)[0]
        )
        nothing = {switch: torch.zeros_like(getattr(given, switch))}
        scores = [discriminator(given.previous, c.replace(**nothing))[0] for c in (given, other)]
        assert torch.equal(*scores), "what is not given says nothing"


def test_a_roll_and_a_kit_are_converted_as_the_music_room_does():
    drums = (torch.rand(3, 64, 12, generator=random()) < 0.3).float()
    roll = to_roll(drums)
    assert np.array_equal(roll.numpy(), kit.unfold(drums.numpy())) and torch.equal(to_kit(roll), drums)
    pitched = torch.rand(3, 64, 72, generator=random())
    assert np.array_equal(to_kit(pitched).numpy(), kit.fold(pitched.numpy()))


def test_the_classic_discriminator_is_shown_the_drums_on_their_written_pitches():
    discriminator = build_discriminator(CONFIGS["classic"])
    seen = []
    discriminator.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    given = condition()
    discriminator(given.previous, given)
    drums, bass = seen[0].permute(1, 0, 2, 3, 4).flatten(2, 3)  # (2, B, T, P)
    assert torch.equal(drums, to_roll(given.previous)) and torch.equal(bass, given.bass[:, 1])


def test_a_hit_is_a_bernoulli_draw_with_the_gradient_of_the_sigmoid():
    logits = torch.full((200_000,), -1.2, requires_grad=True)
    cells = torch.rand(200_000, generator=random())
    probs = noisy_probs(logits, cells)
    hits = straight_through((probs > 0.5).float(), probs)
    assert set(hits.detach().unique().tolist()) == {0.0, 1.0}
    assert hits.mean().item() == pytest.approx(torch.sigmoid(torch.tensor(-1.2)).item(), abs=0.005)
    hits.sum().backward()
    noisy = torch.sigmoid(logits.detach() + logistic(cells))
    assert torch.allclose(logits.grad, noisy * (1 - noisy), atol=1e-5)
    cold = noisy_probs(torch.tensor([-0.1, 0.1]), torch.tensor([1.0, 0.0]), temperature=0.0)
    assert (cold > 0.5).tolist() == [False, True]


def test_logistic_noise_by_hand():
    uniform = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    expected = [-13.8, -np.log(3), 0.0, np.log(3), 13.8]
    assert logistic(uniform).tolist() == pytest.approx(expected, abs=0.02)


def test_distances_of_measures_by_hand():
    measures = torch.zeros(1, 3, 16, 2)
    measures[0, 1, 0, 0] = 1
    measures[0, 2, :3, 1] = 1
    distances = measure_distances(measures).reshape(3, 5)  # pairs 01, 02, 12
    by_voice = torch.log1p(torch.tensor([[1.0, 0.0], [0.0, 3.0], [1.0, 3.0]]))
    assert torch.allclose(distances[:, :2], by_voice)
    assert torch.allclose(distances[:, 4], torch.exp(-0.5 * torch.tensor([1.0, 3.0, 4.0])))


def test_conditions_pick_join_and_take_another_bass():
    given = condition()
    both = Condition.join([given[torch.tensor([0, 1])], given[torch.tensor([2, 3])]])
    assert torch.equal(both.bass, given.bass) and torch.equal(both.previous, given.previous)
    swapped = given.with_bass_of(torch.tensor([1, 0, 3, 2]))
    assert torch.equal(swapped.bass[0], given.bass[1]) and torch.equal(swapped.previous, given.previous)
    assert torch.equal(swapped.bass_before[0], given.bass_before[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"family": "baroque"},
        {"lookahead": 2},
        {"width": 30},
        {"width": 0},
        {"discriminator_width": 10**6},
    ],
)
def test_a_config_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match=f"model.{next(iter(wrong))}"):
        ModelConfig(**wrong)


# ---- noise


def test_noise_is_picked_and_joined_by_sample():
    whole = noise()
    part = whole[torch.tensor([2])]
    assert isinstance(part, Noise) and torch.equal(part.cells[0], whole.cells[2]) and len(part) == 1
    again = Noise.join([whole[:3], whole[3:]])
    assert torch.equal(again.cells, whole.cells) and torch.equal(again.plan, whole.plan)


def test_the_noise_of_a_phrase_depends_on_seed_index_and_attempt_alone():
    torch.manual_seed(1)
    first = phrase_noise(5, 2)
    torch.manual_seed(2)
    again = phrase_noise(5, 2, attempt=0)
    for name in ("latent", "plan", "cells"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    for other in (phrase_noise(6, 2), phrase_noise(5, 3), phrase_noise(5, 2, attempt=1)):
        assert not torch.equal(first.plan, other.plan) and not torch.equal(first.cells, other.cells)
    assert torch.equal(first.latent, phrase_noise(5, 9, attempt=3).latent)
    assert not torch.equal(first.latent, phrase_noise(6, 2).latent)


def test_words_of_the_noise_are_not_taken_for_each_other():
    """Seed 2^32 and index 0 is not seed 0 and index 1, and so on."""
    drawn = [phrase_noise(1 << 32, 0), phrase_noise(0, 1), phrase_noise(0, 0, attempt=1), phrase_noise(1, 0)]
    assert len({noise.cells.numpy().tobytes() for noise in drawn}) == 4
    assert phrase_noise(2**63 - 1, 0).cells.shape == (1, 64, 12)


def test_the_noise_of_a_phrase_is_written_down():
    """These numbers decide what every seed plays: they may not change by accident."""
    drawn = phrase_noise(7, 3)
    assert drawn.plan[0].tolist() == pytest.approx([0.5053618, 0.5709973, 0.5197573, 0.2124625], abs=1e-6)
    assert drawn.cells[0, 0, :4].tolist() == pytest.approx(
        [0.6205189, 0.5896603, 0.5857602, 0.8135653], abs=1e-6
    )
    assert drawn.latent.shape == (1, LATENT)


def test_the_noise_is_uniform_and_normal():
    drawn = Noise.join([phrase_noise(seed, 0) for seed in range(60)])
    assert drawn.cells.mean().item() == pytest.approx(0.5, abs=0.01)
    assert drawn.cells.var().item() == pytest.approx(1 / 12, abs=0.002)
    assert drawn.latent.mean().item() == pytest.approx(0.0, abs=0.05)
    assert drawn.latent.std().item() == pytest.approx(1.0, abs=0.05)
    assert drawn.plan.min() >= 0 and drawn.plan.max() < 1
