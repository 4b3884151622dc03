"""Plans: which bars repeat, learned from real drums, drawn, constrained, followed."""

import numpy as np
import pytest
import torch
from test_models import random

from basedrum.errors import ConfigError
from basedrum.models.condition import Condition
from basedrum.models.modern.planner import Planner, follow_plan, plan_of, possible
from basedrum.models.protocol import Guidance
from basedrum.models.recall import NEW, NUM_CHOICES, RECALLED
from basedrum.music.form_features import FORM
from basedrum.training.config import load_config
from basedrum.training.loop import LoopOptions, train
from basedrum.weights import load_drummer

N, Y = False, True


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
        bass_before=bass.flip(0),
        recalled=torch.zeros(size, 64, 12),
        likeness=torch.zeros(size, 4),
        form=torch.zeros(size, 5, FORM),
        voices=torch.zeros(size, 12),
        most_voices=torch.zeros(size, dtype=torch.int64),
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
    assert first[0].tolist() == [Y, N, N, N, N, N]
    assert first[3].tolist() == [Y, Y, Y, Y, N, N]
    short = possible(condition(1, steps=(16, 12, 16, 12)))[0]
    assert short[2].tolist() == [Y, N, Y, N, N, N] and short[3].tolist() == [Y, N, Y, N, N, N]
    network = Planner()
    told = condition(200, steps=(16, 12, 16, 12))
    plan = network.draw(told, torch.rand(200, 4, generator=random()))
    assert possible(told).gather(2, plan[..., None]).all() and plan.any()


def test_plans_are_drawn_as_often_as_the_network_says():
    torch.manual_seed(0)
    network = Planner()
    told = condition(1, bars("a", "b", "c", "d"))
    many = told[torch.zeros(6000, dtype=torch.int64)]
    drawn = network.draw(many, torch.rand(6000, 4, generator=random()))
    chances = torch.softmax(network(told, torch.zeros(1, 4, dtype=torch.int64))[0, 0], dim=0)
    assert torch.allclose(torch.bincount(drawn[:, 0], minlength=6) / 6000, chances, atol=0.03)
    after = drawn[:, 0] == 2
    later = torch.softmax(network(told, torch.tensor([[2, 0, 0, 0]]))[0, 1], dim=0)
    assert torch.allclose(torch.bincount(drawn[after, 1], minlength=6) / after.sum(), later, atol=0.06)


def test_at_temperature_0_the_likeliest_is_taken():
    network = Planner()
    told = condition(20, bars("a", "b", "c", "d").expand(20, -1, -1))
    one, two = (
        network.draw(told, torch.rand(20, 4, generator=random(seed)), Guidance(temperature=0.0))
        for seed in (1, 2)
    )
    assert torch.equal(one, two)


def test_it_learns_when_bars_repeat():
    """Where the bass repeats its first bar so do the drums, and else nothing does: the loss falls far below
    that of a planner that ignores the bass."""
    torch.manual_seed(0)
    network = Planner()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    told = condition(256, seed=3)
    same = torch.arange(256) % 2 == 0
    bass = told.bass.clone()
    bass[same] = bass[same][:, :, :16].repeat(1, 1, 4, 1)
    told = told.replace(bass=bass)
    plan = torch.where(same[:, None], torch.tensor([[0, 1, 1, 1]]), torch.tensor([[0, 0, 0, 0]]))
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(network(told, plan).flatten(0, 1), plan.flatten())
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


def with_memory(told, recalled, likeness=1.0):
    """The condition of a drummer that recalls a phrase (B, 64, 12)."""
    return told.replace(recalled=recalled, likeness=torch.full((len(told), 4), float(likeness)))


def test_a_bar_that_was_played_when_the_bass_was_last_like_this_is_recalled():
    told = with_memory(condition(1, bars("a", "b", "c", "d")), bars("e", "f", "d", "h"))
    assert plan_of(bars("e", "g", "d", "d"), told).tolist() == [[RECALLED, 0, 3, 1]], (
        "what is nearer comes first"
    )
    assert plan_of(bars("d", "f", "d", "d"), told).tolist() == [[1, RECALLED, 2, 1]]
    plan = torch.tensor([[RECALLED, 0, 2, RECALLED]])
    assert torch.equal(follow_plan(bars("g", "g", "g", "g"), told, plan), bars("e", "g", "e", "h"))
    nothing = with_memory(told, torch.zeros(1, 64, 12), likeness=0)
    assert (
        not possible(nothing)[..., RECALLED].any() and plan_of(bars("e", "f", "d", "h"), nothing)[0, 0] == 0
    )


def test_a_planner_uses_what_is_recalled_and_the_bass_before():
    torch.manual_seed(0)
    network = Planner()
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


# ---- constraints on repeats


def after_drums(size):
    """Conditions in which every choice is possible, and the mask that allows the bars 1 and 3 before."""
    drums = bars("a", "b", "c", "d").expand(size, -1, -1)
    told = with_memory(condition(1, drums[:1])[torch.zeros(size, dtype=torch.int64)], drums)
    mask = torch.zeros(size, 4, NUM_CHOICES, dtype=torch.bool)
    mask[:, :, [1, 3]] = True
    return told, mask


@pytest.fixture
def network():
    torch.manual_seed(3)
    return Planner()


def first_bar(network, told):
    """The probabilities (K,) of the first bar's choice."""
    return torch.softmax(network(told, torch.zeros(len(told), 4, dtype=torch.int64))[0, 0], dim=0)


def frequencies(plan):
    return torch.bincount(plan[:, 0], minlength=NUM_CHOICES) / len(plan)


def test_only_allowed_repeats_are_drawn_and_the_rest_shares_what_they_had(network):
    told, mask = after_drums(6000)
    uniform = torch.rand(6000, 4, generator=random())
    plan = network.draw(told, uniform, Guidance(allowed_repeats=mask))
    assert set(plan.unique().tolist()) == {NEW, 1, 3}
    chances = first_bar(network, told)
    allowed = torch.tensor([Y, Y, N, Y, N, N])
    assert torch.allclose(frequencies(plan), chances * allowed / chances[allowed].sum(), atol=0.03)


def test_with_keep_new_a_bar_is_new_as_often_as_without_the_constraint(network):
    told, mask = after_drums(6000)
    uniform = torch.rand(6000, 4, generator=random())
    plan = network.draw(told, uniform, Guidance(allowed_repeats=mask, keep_new=True))
    chances = first_bar(network, told)
    repeats = chances * torch.tensor([N, Y, N, Y, N, N])
    expected = repeats / repeats.sum() * (1 - chances[NEW])
    expected[NEW] = chances[NEW]
    assert torch.allclose(frequencies(plan), expected, atol=0.03)
    free = network.draw(told, uniform)
    assert torch.equal(free[:, 0] == NEW, plan[:, 0] == NEW), "the same bars are new"


@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("keep_new", [False, True])
def test_where_no_repeat_is_allowed_every_bar_is_new(network, temperature, keep_new):
    told, mask = after_drums(40)
    uniform = torch.rand(40, 4, generator=random())
    guidance = Guidance(temperature, allowed_repeats=mask & False, keep_new=keep_new)
    assert not network.draw(told, uniform, guidance).any()


@pytest.mark.parametrize("keep_new", [False, True])
def test_a_constraint_that_allows_all_changes_nothing(network, keep_new):
    told, mask = after_drums(500)
    uniform = torch.rand(500, 4, generator=random())
    for temperature in (0.0, 0.6, 1.0):
        free = network.draw(told, uniform, Guidance(temperature))
        guidance = Guidance(temperature, allowed_repeats=mask | True, keep_new=keep_new)
        assert torch.equal(network.draw(told, uniform, guidance), free)


def test_what_cannot_be_stays_impossible_whatever_is_allowed(network):
    told = condition(300)
    mask = torch.ones(300, 4, NUM_CHOICES, dtype=torch.bool)
    plan = network.draw(told, torch.rand(300, 4, generator=random()), Guidance(allowed_repeats=mask))
    assert not plan[:, 0].any() and possible(told).gather(2, plan[..., None]).all()


def test_at_temperature_0_new_wins_with_keep_new_where_it_won_before(network):
    told, mask = after_drums(1)
    uniform = torch.zeros(1, 4)
    for best, expected in ((NEW, NEW), (2, 3)):
        with torch.no_grad():
            network.choose[0].weight.zero_()
            network.choose[0].bias.copy_(torch.tensor([1.0, 0.0, 0.5, 0.6, 0.0, 0.0]))
            network.choose[0].bias[best] += 1.0
        guidance = Guidance(0.0, allowed_repeats=mask, keep_new=True)
        assert network.draw(told, uniform, guidance)[0, 0].item() == expected
    assert network.draw(told, uniform, Guidance(0.0, allowed_repeats=mask))[0, 0].item() == NEW


# ---- training


def test_a_trained_drummer_keeps_its_planner_and_needs_a_warmup(practice_data, tmp_path):
    tiny = ["model.width=16", "model.discriminator_width=16", "train.batch=8", "train.precision='float32'"]
    tiny += ["adversarial.steps=2", "adversarial.discriminator_first=1", "reranking.steps=2"]
    quiet = LoopOptions(device="cpu", progress=False)
    weights = train(load_config("modern", [*tiny, "warmup.steps=4"]), practice_data, tmp_path / "a", quiet)
    assert any(p.abs().sum() > 0 for p in load_drummer(weights).model.planner.parameters())
    with pytest.raises(ConfigError, match="warm-up"):
        train(load_config("modern", [*tiny, "warmup.steps=0"]), practice_data, tmp_path / "b", quiet)
