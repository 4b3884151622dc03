"""Plans: which bars repeat, learned from real drums, drawn, followed."""

import numpy as np
import pytest
import torch

from basedrum.errors import ConfigError
from basedrum.models.binary import draw_song_noise, spread
from basedrum.models.condition import Condition
from basedrum.models.config import ModelConfig
from basedrum.models.families import build_generator, play_planned, to_drums
from basedrum.models.planner import RECALL, Planner, follow_plan, plan_loss, plan_of, possible
from basedrum.training.config import load_config
from basedrum.training.loop import train
from basedrum.training.step import draw_plan
from basedrum.weights import load_drummer


def dice(seed=0):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def condition(size, previous=None, steps=(16, 16, 16, 16), seed=0):
    rng = torch.manual_seed(seed)
    bass = (torch.rand(size, 2, 64, 72, generator=rng) < 0.01).float()
    active = torch.zeros(size, 4, 16)
    for bar, length in enumerate(steps):
        active[:, bar, :length] = 1
    return Condition(
        bass=bass,
        qpm=torch.full((size,), 120.0),
        active=active.flatten(1),
        previous=torch.zeros(size, 64, 12) if previous is None else previous,
        has_previous=torch.zeros(size) if previous is None else torch.ones(size),
        style=torch.zeros(size, dtype=torch.int64),
        density=torch.zeros(size),
    )


def bars(*names, seed=1):
    """A phrase (1, 64, 12) of four bars; equal letters are equal bars."""
    rng = np.random.default_rng(seed)
    known = {letter: rng.random((16, 12)) < 0.2 for letter in "abcdefgh"}
    return torch.from_numpy(np.concatenate([known[n] for n in names])).float()[None]


def test_the_plan_of_real_drums_is_the_nearest_bar_that_is_the_same():
    before = bars("a", "b", "c", "d")
    assert plan_of(bars("d", "d", "e", "d"), condition(1, before)).tolist() == [[1, 1, 0, 2]]
    assert plan_of(bars("a", "b", "c", "d"), condition(1, before)).tolist() == [[4, 4, 4, 4]]
    assert plan_of(bars("d", "e", "f", "g"), condition(1)).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("names", ["aaaa", "abab", "abca", "dcba", "efgh", "eeea", "bbcd"])
def test_following_the_plan_of_real_drums_gives_them_back(names):
    told, real = condition(1, bars("a", "b", "c", "d")), bars(*names)
    plan = plan_of(real, told)
    nothing_but_new = real * torch.repeat_interleave((plan == 0).float(), 16, dim=1)[..., None]
    assert torch.equal(follow_plan(nothing_but_new, told, plan), real)


def test_a_bar_repeats_only_what_is_there_and_as_long():
    first = possible(condition(1))[0]
    assert first[0].tolist() == [True, False, False, False, False]
    assert first[3].tolist() == [True, True, True, True, False]
    short = possible(condition(1, steps=(16, 12, 16, 12)))[0]
    assert short[2].tolist() == [True, False, True, False, False] and short[3].tolist() == [
        True,
        False,
        True,
        False,
        False,
    ]
    network = Planner(ModelConfig(plans=True))
    told = condition(200, steps=(16, 12, 16, 12))
    plan = network.draw(told, torch.rand(200, 4, generator=dice()))
    assert possible(told).gather(2, plan[..., None]).all() and plan.any()


def test_plans_are_drawn_as_often_as_the_network_says():
    torch.manual_seed(0)
    network = Planner(ModelConfig(plans=True))
    told = condition(1, bars("a", "b", "c", "d"))
    many = told[torch.zeros(6000, dtype=torch.int64)]
    drawn = network.draw(many, torch.rand(6000, 4, generator=dice()))
    chances = torch.softmax(network(told, torch.zeros(1, 4, dtype=torch.int64))[0, 0], dim=0)
    assert torch.allclose(torch.bincount(drawn[:, 0], minlength=5) / 6000, chances, atol=0.03)
    after = drawn[:, 0] == 2
    later = torch.softmax(network(told, torch.tensor([[2, 0, 0, 0]]))[0, 1], dim=0)
    assert torch.allclose(torch.bincount(drawn[after, 1], minlength=5) / after.sum(), later, atol=0.06)


def test_at_temperature_0_the_likeliest_is_taken():
    network = Planner(ModelConfig(plans=True))
    told = condition(20, bars("a", "b", "c", "d").expand(20, -1, -1))
    one, two = (network.draw(told, torch.rand(20, 4, generator=dice(seed)), 0.0) for seed in (1, 2))
    assert torch.equal(one, two)


def test_it_learns_when_bars_repeat():
    """Where the bass repeats its first bar so do the drums, and else nothing does: the loss falls far below a
    deaf one's."""
    torch.manual_seed(0)
    network = Planner(ModelConfig(plans=True))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    told = condition(256, seed=3)
    same = torch.arange(256) % 2 == 0
    bass = told.bass.clone()
    bass[same] = bass[same][:, :, :16].repeat(1, 1, 4, 1)
    told = told.replace(bass=bass)
    plan = torch.where(same[:, None], torch.tensor([[0, 1, 1, 1]]), torch.tensor([[0, 0, 0, 0]]))
    for _ in range(150):
        loss = plan_loss(network(told, plan), plan)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_a_repeated_bar_passes_its_gradient_to_the_bar_it_repeats():
    torch.manual_seed(0)
    drums = torch.rand(1, 64, 12, requires_grad=True)
    follow_plan(drums, condition(1), torch.tensor([[0, 1, 0, 2]])).sum().backward()
    per_bar = drums.grad.reshape(4, 16, 12)  # bars 2 and 4 are the first again
    assert [bar.unique().tolist() for bar in per_bar] == [[3.0], [0.0], [1.0], [0.0]]


def test_without_a_planner_drums_stay_as_they_are():
    assert draw_plan(None, condition(1), dice()) is None
    config = ModelConfig(width=16)
    torch.manual_seed(0)
    generator, told = build_generator(config).eval(), condition(2)
    noise = spread(draw_song_noise(2, config, dice()), torch.ones(2), dice())
    drums = to_drums(generator(told, noise), told, noise, config)
    assert torch.equal(play_planned(generator, told, noise, None), drums)
    again = torch.tensor([[0, 1, 0, 2]] * 2)
    kept = play_planned(generator, told, noise, again).unflatten(1, (4, 16))
    assert torch.equal(kept[:, 1], kept[:, 0]) and torch.equal(kept[:, 3], kept[:, 1])


def with_memory(told, recalled, likeness=1.0):
    """The condition of a drummer that recalls a phrase (B, 64, 12)."""
    return told.replace(
        bass_before=told.bass.flip(0), recalled=recalled, likeness=torch.full((len(told), 4), float(likeness))
    )


def test_a_bar_that_was_played_when_the_bass_was_last_like_this_is_recalled():
    told = with_memory(condition(1, bars("a", "b", "c", "d")), bars("e", "f", "d", "h"))
    assert plan_of(bars("e", "g", "d", "d"), told).tolist() == [[RECALL, 0, 3, 1]], (
        "what is nearer comes first"
    )
    assert plan_of(bars("d", "f", "d", "d"), told).tolist() == [[1, RECALL, 2, 1]]
    plan = torch.tensor([[RECALL, 0, 2, RECALL]])
    assert torch.equal(follow_plan(bars("g", "g", "g", "g"), told, plan), bars("e", "g", "e", "h"))
    nothing = with_memory(told, torch.zeros(1, 64, 12), likeness=0)
    assert not possible(nothing)[..., RECALL].any() and plan_of(bars("e", "f", "d", "h"), nothing)[0, 0] == 0


def test_a_planner_with_a_memory_hears_what_it_recalls_and_the_bass_before():
    torch.manual_seed(0)
    network = Planner(ModelConfig(plans=True, memory=True))
    told = with_memory(
        condition(2, bars("a", "b", "c", "d").repeat(2, 1, 1)), bars("e", "f", "c", "h").repeat(2, 1, 1)
    )
    plan = torch.zeros(2, 4, dtype=torch.int64)
    logits = network(told, plan)
    assert logits.shape == (2, 4, 6)
    for other in (
        told.replace(bass_before=told.bass),
        with_memory(told, bars("a", "f", "c", "h").repeat(2, 1, 1)),
    ):
        assert not torch.allclose(network(other, plan)[..., 0], logits[..., 0])
    nothing = with_memory(told, torch.zeros(2, 64, 12), likeness=0)
    unknown = with_memory(told, bars("e", "f", "c", "h").repeat(2, 1, 1), likeness=0)
    assert torch.equal(network(nothing, plan), network(unknown, plan)), (
        "what is not recalled counts for nothing"
    )


def test_a_generator_that_is_told_the_plan_plays_by_it():
    config = ModelConfig(width=16, plans=True, told_plans=True)
    torch.manual_seed(0)
    generator, told = build_generator(config).eval(), condition(1)
    noise = spread(draw_song_noise(1, config, dice()), torch.ones(1), dice())
    new, again = torch.zeros(1, 4, dtype=torch.int64), torch.tensor([[0, 1, 1, 1]])
    assert not torch.allclose(generator(told, noise, new), generator(told, noise, again))
    with pytest.raises(ConfigError, match=r"model\.told_plans"):
        load_config("classic", ["model.told_plans=true"])
    with pytest.raises(ConfigError, match=r"model\.memory"):
        load_config("modern", ["model.memory=true", 'model.previous="none"'])


def test_a_trained_drummer_keeps_its_planner_and_a_classic_one_has_none(practice_data, tmp_path):
    tiny = [
        "model.width=16",
        "model.critic_width=16",
        "train.batch=8",
        "train.warmup_steps=4",
        "train.steps=2",
    ]
    tiny += [
        "train.critic_first=1",
        "train.probe_phrases=16",
        "train.ranking_steps=2",
        "train.precision='float32'",
    ]
    weights = train(load_config("modern", tiny), practice_data, tmp_path, device="cpu", progress=False)
    planner = load_drummer(weights).planner
    assert planner is not None and any(p.abs().sum() > 0 for p in planner.parameters())
    with pytest.raises(ConfigError, match=r"model\.plans"):
        load_config("classic", ["model.plans=true"])
    with pytest.raises(ConfigError, match="warm-up"):
        load_config("modern", ["train.warmup_steps=0"])
