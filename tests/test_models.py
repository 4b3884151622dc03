"""The networks: shapes, gradients, what they hear and what they ignore."""

import pytest
import torch
from torch import nn

from basedrum.errors import ConfigError
from basedrum.models.binary import Noise, draw_song_noise, logistic, spread, stochastic_hits
from basedrum.models.condition import BASS_ROWS, Condition, bass_features
from basedrum.models.config import ModelConfig
from basedrum.models.discriminator import measure_distances
from basedrum.models.families import build_discriminator, build_generator, perform, to_drums
from basedrum.models.generator import Encoder

CONFIGS = {
    "modern": ModelConfig(width=16, critic_width=16, styles=("rock", "jazz")),
    "alone": ModelConfig(width=16, critic_width=16, previous="none", similarity=False),
    "memory": ModelConfig(width=16, critic_width=16, plans=True, told_plans=True, memory=True),
    "classic": ModelConfig(family="classic", previous="none", song_noise=128),
    "classic previous": ModelConfig(family="classic", song_noise=128, styles=("rock",)),
}


def dice(seed=0):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def lines(size, seed=0, notes=18):
    """Bass lines (B, 2, 64, 72), each of `notes` onsets in the two middle octaves, each two steps long."""
    generator = dice(seed)
    bass = torch.zeros(size, 2, 64, 72)
    for b in range(size):
        steps = torch.randperm(63, generator=generator)[:notes]
        pitches = torch.randint(24, 48, (notes,), generator=generator)
        bass[b, 0, steps, pitches] = 1
        bass[b, 1, steps, pitches] = 1
        bass[b, 1, steps + 1, pitches] = 1
    return bass


def condition(config, size=4, seed=0, **changes):
    generator = dice(seed + 100)
    fields = {
        "bass": lines(size, seed),
        "qpm": torch.full((size,), 110.0),
        "active": torch.ones(size, 64),
        "previous": (torch.rand(size, 64, config.num_voices, generator=generator) < 0.1).float(),
        "has_previous": torch.ones(size),
        "style": torch.zeros(size, dtype=torch.long),
        "density": torch.zeros(size),
    }
    if config.memory:
        fields |= {
            "bass_before": lines(size, seed + 50),
            "recalled": fields["previous"].flip(0),
            "likeness": torch.full((size, 4), 0.7),
        }
    return Condition(**(fields | changes))


def plan_for(config, size=4):
    """As further arguments of a generator: nothing, or the plan it is told."""
    return [torch.arange(size * 4).unflatten(0, (size, 4)) % 6] if config.told_plans else []


def noise(config, size=4, seed=0, sharing=1.0):
    return spread(draw_song_noise(size, config, dice(seed)), torch.full((size,), sharing), dice(seed + 1))


@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_and_every_parameter_gets_a_gradient(name):
    config = CONFIGS[name]
    torch.manual_seed(0)
    generator, discriminator = build_generator(config), build_discriminator(config)
    style = torch.tensor([0, 1, 1, 0]) * min(1, len(config.styles))
    given = condition(config, style=style, density=torch.tensor([0.0, 9.0, 20.0, 14.0]))
    dice_now = noise(config, sharing=0.5)
    logits = generator(given, dice_now, *plan_for(config))
    assert logits.shape == (4, 64, config.num_voices)
    drums = to_drums(logits, given, dice_now, config)
    score, features = discriminator(drums, given)
    assert score.shape == (4,) and features.shape[0] == 4
    score.sum().backward()
    for network in (generator, discriminator):
        for key, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


def test_encoder_shapes():
    config = CONFIGS["modern"]
    given = condition(config)
    outs = Encoder(config)(torch.zeros(4, 64, 12), given)
    assert [tuple(o.shape) for o in outs] == [(4, 32), (4, 32), (4, 4, 4), (4, 4, 4)]


def test_features_do_not_know_the_key_but_know_the_rhythm():
    config = CONFIGS["modern"]
    given = condition(config)
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
    rows = bass_features(condition(CONFIGS["modern"], 1, bass=bass))[0].flatten(1)  # (R, 64)
    assert rows[0].nonzero()[:, 0].tolist() == [0, 4, 8, 12]
    assert rows[1].nonzero()[:, 0].tolist() == [0, 1, 4, 8, 12]
    intervals = rows[2:27]  # -12..12 around the median, 10
    assert [intervals[:, s].argmax().item() - 12 for s in (0, 4, 8, 12)] == [0, 2, 2, -5]
    higher, lower, same = rows[27:30]
    assert (
        higher.nonzero()[:, 0].tolist(),
        lower.nonzero()[:, 0].tolist(),
        same.nonzero()[:, 0].tolist(),
    ) == ([4], [12], [8])


def test_features_of_silence_are_finite_and_empty():
    rows = bass_features(condition(CONFIGS["modern"], 1, bass=torch.zeros(1, 2, 64, 72)))
    assert torch.isfinite(rows).all() and rows[0, :30].abs().sum() == 0


@pytest.mark.parametrize("name", CONFIGS)
def test_same_dice_same_drums_and_another_bass_other_drums(name):
    config = CONFIGS[name]
    torch.manual_seed(1)
    generator = build_generator(config).eval()
    _wake(generator)
    given, now = condition(config), noise(config)
    first = perform(generator, None, given, now)
    assert first.dtype == torch.bool and torch.equal(first, perform(generator, None, given, now))
    assert not torch.equal(first, perform(generator, None, given.replace(bass=lines(4, seed=9)), now))
    assert not torch.equal(first, perform(generator, None, given, noise(config, seed=5)))


def _wake(network: nn.Module) -> None:
    """Give the layers that begin near zero some weight, as training does, and centre the logits."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@pytest.mark.parametrize("who", ["none", "generator", "discriminator", "both"])
def test_previous_drums_reach_only_whom_they_are_shown(who):
    config = ModelConfig(width=16, critic_width=16, previous=who)
    torch.manual_seed(2)
    generator, discriminator = build_generator(config).eval(), build_discriminator(config)
    _wake(generator)
    given, now = condition(config), noise(config)
    other = given.replace(previous=1 - given.previous)
    heard = not torch.equal(generator(given, now), generator(other, now))
    judged = not torch.equal(discriminator(given.previous, given)[0], discriminator(given.previous, other)[0])
    assert heard == (who in ("generator", "both")) and judged == (who in ("discriminator", "both"))


def test_previous_drums_that_are_not_given_say_nothing():
    config = CONFIGS["modern"]
    torch.manual_seed(3)
    generator = build_generator(config).eval()
    _wake(generator)
    absent = condition(config, has_previous=torch.zeros(4))
    now = noise(config)
    assert torch.equal(generator(absent, now), generator(absent.replace(previous=1 - absent.previous), now))


def test_inactive_steps_stay_silent():
    config = CONFIGS["modern"]
    active = torch.ones(4, 4, 16)
    active[:, :, 12:] = 0
    given = condition(config, active=active.flatten(1))
    generator = build_generator(config)
    nn.init.constant_(generator.out.bias, 3.0)
    hits = perform(generator, None, given, noise(config))
    assert hits.any() and not hits.reshape(4, 4, 16, -1)[:, :, 12:].any()


def test_stochastic_hits_are_a_bernoulli_draw_with_the_gradient_of_the_sigmoid():
    logits = torch.full((200_000,), -1.2, requires_grad=True)
    bits = torch.randn(200_000, generator=dice())
    hits = stochastic_hits(logits, bits)
    assert set(hits.detach().unique().tolist()) == {0.0, 1.0}
    assert hits.mean().item() == pytest.approx(torch.sigmoid(torch.tensor(-1.2)).item(), abs=0.005)
    hits.sum().backward()
    noisy = torch.sigmoid(logits.detach() + logistic(bits))
    assert torch.allclose(logits.grad, noisy * (1 - noisy), atol=1e-5)
    assert stochastic_hits(
        torch.tensor([-0.1, 0.1]), torch.tensor([5.0, -5.0]), temperature=0.0
    ).tolist() == [0.0, 1.0]


def test_a_drummer_without_bits_leaves_all_chance_to_the_noise_it_is_given():
    torch.manual_seed(1)
    generators = {bits: build_generator(ModelConfig(width=16, bits=bits)).eval() for bits in (0.0, 1.0)}
    _wake(generators[0.0])
    generators[1.0].load_state_dict(generators[0.0].state_dict())
    config = generators[0.0].config
    given, thrown = condition(config), noise(config)
    others = Noise(thrown.song, thrown.bar, thrown.step, -thrown.bits)
    hits = perform(generators[0.0], None, given, thrown)
    assert hits.any() and torch.equal(hits, perform(generators[0.0], None, given, others))
    assert torch.equal(to_drums(generators[0.0](given, thrown), given, thrown, config) > 0.5, hits)
    assert not torch.equal(
        perform(generators[1.0], None, given, thrown), perform(generators[1.0], None, given, others)
    )


def test_shared_dice_repeat_the_measure_and_fresh_ones_do_not():
    config = CONFIGS["modern"]
    shared, fresh = noise(config, sharing=1.0), noise(config, sharing=0.0)
    assert torch.equal(shared.bits[:, 0], shared.bits[:, 3]) and not torch.equal(
        fresh.bits[:, 0], fresh.bits[:, 3]
    )
    half = noise(config, size=400, sharing=0.5).bits
    assert half.std().item() == pytest.approx(1.0, abs=0.01)
    pairs = torch.stack([half[:, 0].flatten(), half[:, 1].flatten()])
    assert torch.corrcoef(pairs)[0, 1].item() == pytest.approx(0.5, abs=0.02)


def test_distances_of_measures_by_hand():
    measures = torch.zeros(1, 3, 16, 2)
    measures[0, 1, 0, 0] = 1
    measures[0, 2, :3, 1] = 1
    distances = measure_distances(measures).reshape(3, 5)  # pairs 01, 02, 12
    by_voice = torch.log1p(torch.tensor([[1.0, 0.0], [0.0, 3.0], [1.0, 3.0]]))
    assert torch.allclose(distances[:, :2], by_voice)
    assert torch.allclose(distances[:, 4], torch.exp(-0.5 * torch.tensor([1.0, 3.0, 4.0])))


def test_conditions_pick_join_and_take_another_bass():
    config = CONFIGS["modern"]
    given = condition(config)
    both = Condition.join([given[torch.tensor([0, 1])], given[torch.tensor([2, 3])]])
    assert torch.equal(both.bass, given.bass) and torch.equal(both.previous, given.previous)
    swapped = given.with_bass_of(torch.tensor([1, 0, 3, 2]))
    assert torch.equal(swapped.bass[0], given.bass[1]) and torch.equal(swapped.previous, given.previous)


@pytest.mark.parametrize(
    "wrong",
    [
        {"family": "baroque"},
        {"previous": "yes"},
        {"lookahead": 2},
        {"width": 30},
        {"width": 0},
        {"song_noise": 10**6},
        {"bits": 2.0},
    ],
)
def test_a_config_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match=f"model.{next(iter(wrong))}"):
        ModelConfig(**wrong)


def test_only_the_modern_family_can_do_without_bits():
    for family in ("classic", "autoregressive"):
        with pytest.raises(ConfigError, match=r"model\.bits"):
            ModelConfig(family=family, bits=0.0)


def test_noise_is_picked_by_sample():
    config = CONFIGS["modern"]
    whole = noise(config)
    part = whole[torch.tensor([2])]
    assert isinstance(part, Noise) and torch.equal(part.bits[0], whole.bits[2])


@pytest.mark.parametrize("name", ["modern", "alone", "memory"])
def test_several_answers_are_judged_as_if_each_had_its_condition(name):
    config = CONFIGS[name]
    torch.manual_seed(3)
    discriminator = build_discriminator(config)
    given = condition(config)
    drums = (torch.rand(12, 64, 12, generator=dice(7)) < 0.2).float()
    assert torch.allclose(discriminator(drums, given)[0], discriminator(drums, given.repeat(3))[0], atol=1e-5)
