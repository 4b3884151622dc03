"""The autoregressive family: what each hit knows, that playing and likelihood agree, and its training."""

import numpy as np
import pytest
import torch
from test_models import condition, dice, lines
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.guidance import Guided
from basedrum.errors import CheckpointError
from basedrum.models.autoregressive import LAGS
from basedrum.models.binary import draw_song_noise, logistic, noisy_probs, spread
from basedrum.models.config import ModelConfig
from basedrum.models.families import build_generator, play_planned
from basedrum.models.planner import follow_plan, plan_of
from basedrum.music.kit import CRASH
from basedrum.training.config import load_config
from basedrum.training.loop import train
from basedrum.weights import load_critic, load_drummer, load_run, save_drummer

CONFIG = ModelConfig(family="autoregressive", width=16, styles=("rock", "jazz"))
SMALL = ["model.width=16", "model.critic_width=16", "train.batch=8"]


def awake(config=CONFIG, seed=0):
    """A network whose hits depend on all that they may depend on, a quarter of the cells hit."""
    torch.manual_seed(seed)
    network = build_generator(config).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
    for weight in (network.inside, network.out):
        nn.init.normal_(weight, std=0.4)
    return network


def some_bits(size=4, seed=0):
    return torch.randn(size, 4, 16, 12, generator=dice(seed))


def some_drums(size=4, seed=0):
    return (torch.rand(size, 64, 12, generator=dice(seed + 50)) < 0.1).float()


def test_shapes_and_every_parameter_gets_a_gradient():
    network = awake()
    given = condition(CONFIG, style=torch.tensor([0, 1, 2, 0]), density=torch.tensor([0.0, 9.0, 20.0, 14.0]))
    logits = network(given, some_drums())
    assert logits.shape == (4, 64, 12)
    logits.square().sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("step", [0, 17, 62])
def test_a_hit_knows_the_hits_before_it_and_no_other(step):
    network, given, drums, voice = awake(), condition(CONFIG), some_drums(), 5
    other = drums.clone()
    other[:, step, voice] = 1 - other[:, step, voice]
    with torch.no_grad():
        changed = (network(given, drums) != network(given, other)).any(dim=0)
    assert not changed[:step].any() and not changed[step, : voice + 1].any()
    assert changed[step, voice + 1 :].all() and changed[step + 1].all()


def test_what_it_played_is_what_its_likelihood_would_have_drawn():
    network, given, bits = awake(), condition(CONFIG), some_bits()
    for temperature in (0.0, 0.7, 1.0):
        hits = network.play(given, bits, temperature)
        with torch.no_grad():
            logits = network(given, hits.float())
        drawn = logits + temperature * logistic(bits.flatten(1, 2)) > 0
        assert torch.equal(drawn, hits) and 0.02 < hits.float().mean() < 0.9


def test_its_own_draws_are_as_surprising_as_it_expects():
    """The mean of -log p over draws is the mean entropy of the hits on the way (both in nats)."""
    network, size = awake(), 256
    given = condition(CONFIG, size, bass=lines(1).expand(size, -1, -1, -1))
    hits = network.play(given, some_bits(size)).float()
    with torch.no_grad():
        logits = network(given, hits)
    surprise = nn.functional.binary_cross_entropy_with_logits(logits, hits, reduction="none").sum(dim=(1, 2))
    probs = torch.sigmoid(logits)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, probs, reduction="none").sum(dim=(1, 2))
    error = (surprise - expected).std() / size**0.5
    assert error > 0 and abs((surprise - expected).mean()) < 4 * error and error < 0.03 * expected.mean()


def test_voices_of_a_step_wait_for_each_other():
    """A chain that has to be drawn one voice after the other: each voice plays if and only if the one before
    it rests."""
    network = awake()
    given, bits = condition(CONFIG, 1), torch.zeros(1, 4, 16, 12)
    with torch.no_grad():
        for parameter in (network.units.weight, network.inside, network.out):
            parameter.zero_()
        network.units.bias.fill_(1.0)
        network.out[:, 0] = 1.0
        network.bias.zero_()
        for voice in range(1, 12):
            network.inside[voice - 1, voice * 16] = -20.0
    hits = network.play(given, bits)[0]
    assert hits.tolist() == [[True, False] * 6] * 64


def test_previous_drums_are_heard_where_given_and_shown():
    given, drums = condition(CONFIG), some_drums()
    other = given.replace(previous=1 - given.previous)
    absent = torch.zeros(4)
    for previous, heard in (("both", True), ("generator", True), ("discriminator", False), ("none", False)):
        network = awake(
            ModelConfig(family="autoregressive", width=16, styles=("rock", "jazz"), previous=previous)
        )
        with torch.no_grad():
            assert torch.equal(network(given, drums), network(other, drums)) != heard
            silent = [network(c.replace(has_previous=absent), drums) for c in (given, other)]
        assert torch.equal(*silent)


def test_the_lags_reach_into_the_phrase_before():
    network, given, drums = awake(), condition(CONFIG), some_drums()
    memory = torch.cat([network._before(given), drums], dim=1)
    heard = memory[:, network._lagged(memory.device)]
    assert torch.equal(heard[:, 20, LAGS.index(16)], drums[:, 4])
    assert torch.equal(heard[:, 3, LAGS.index(4)], given.previous[:, 63])
    assert torch.equal(heard[:, 9, LAGS.index(64)], given.previous[:, 9])


def test_it_does_not_know_the_key_but_knows_the_rhythm():
    network, given, bits = awake(), condition(CONFIG), some_bits()
    hits = network.play(given, bits)
    assert torch.equal(hits, network.play(given.replace(bass=given.bass.roll(5, dims=3)), bits))
    assert not torch.equal(hits, network.play(given.replace(bass=given.bass.roll(2, dims=2)), bits))
    assert not torch.equal(hits, network.play(given, some_bits(seed=1)))


def test_a_bass_still_to_come_is_heard():
    network, given = awake(), condition(CONFIG)
    late = given.bass.clone()
    late[:, :, 40:] = 0
    with torch.no_grad():
        first, other = (network(c, some_drums()) for c in (given, given.replace(bass=late)))
    assert not torch.equal(first[:, :32], other[:, :32])


def test_steps_that_do_not_exist_stay_silent_and_unheard():
    network = awake()
    active = torch.ones(4, 4, 16)
    active[:, :, 12:] = 0
    given = condition(CONFIG, active=active.flatten(1))
    nn.init.constant_(network.bias, 3.0)
    hits = network.play(given, some_bits())
    assert hits.any() and not hits.reshape(4, 4, 16, -1)[:, :, 12:].any()
    with torch.no_grad():
        drawn = network(given, hits.float()) + logistic(some_bits().flatten(1, 2)) > 0
    assert torch.equal(drawn & (given.active[..., None] > 0), hits)


def test_a_file_of_weights_gives_the_same_drums(tmp_path):
    network, given = awake(), condition(CONFIG)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    save_drummer(tmp_path / "a.safetensors", network, None, {})
    loaded = load_drummer(tmp_path / "a.safetensors")
    assert loaded.config == CONFIG
    assert torch.equal(loaded.generator.play(given, some_bits()), network.play(given, some_bits()))


def configured(*more, preset="autoregressive"):
    return load_config(preset, [*SMALL, "train.warmup_steps=24", "train.ranking_steps=0", *more])


def test_training_lowers_the_surprise_and_plays_no_game(practice_data, tmp_path):
    seen = []
    config = configured("train.evaluate_every=12", "train.warmup_lr=1e-2")
    file = train(
        config,
        practice_data,
        tmp_path / "run",
        device="cpu",
        progress=False,
        on_look=lambda t, s: seen.append(dict(t.sums)) or {},
    )
    first, last = (figures["likelihood"][0] / figures["likelihood"][1] for figures in seen)
    assert last < first - 0.2 and all(set(figures) == {"likelihood", "plan"} for figures in seen)
    assert load_drummer(file).config.family == "autoregressive"
    with pytest.raises(CheckpointError):
        load_critic(file)


def test_stopped_and_resumed_gives_the_same_weights(practice_data, tmp_path):
    whole = train(configured(), practice_data, tmp_path / "whole", device="cpu", progress=False)

    def leave(trainer, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            configured("train.evaluate_every=13", "train.save_every=6"),
            practice_data, tmp_path / "parts", device="cpu", progress=False, on_look=leave,
        )  # fmt: skip
    assert load_run(tmp_path / "parts" / "run.safetensors")["step"] == 12
    resumed = train(
        configured(), practice_data, tmp_path / "parts", device="cpu", progress=False, resume=True
    )
    assert whole.read_bytes() == resumed.read_bytes()


def test_ranked_it_has_a_critic_and_resumes_exactly(practice_data, tmp_path):
    ranked = configured("train.ranking_steps=6", "train.warmup_steps=6")
    whole = train(ranked, practice_data, tmp_path / "whole", device="cpu", progress=False)
    assert load_drummer(whole).ranker is not None

    def leave(trainer, step):
        raise KeyboardInterrupt

    stopping = configured(
        "train.ranking_steps=6", "train.warmup_steps=6", "train.evaluate_every=10", "train.save_every=8"
    )
    with pytest.raises(KeyboardInterrupt):
        train(stopping, practice_data, tmp_path / "parts", device="cpu", progress=False, on_look=leave)
    resumed = train(ranked, practice_data, tmp_path / "parts", device="cpu", progress=False, resume=True)
    assert whole.read_bytes() == resumed.read_bytes()


def test_bars_that_the_plan_repeats_are_repeated():
    network = awake(ModelConfig(family="autoregressive", width=16, plans=True))
    given = condition(network.config)
    plan = torch.tensor([[0, 1, 0, 2]] * len(given))
    bars = network.play(given, some_bits(), 1.0, plan).unflatten(1, (4, 16))
    assert bars.any() and torch.equal(bars[:, 1], bars[:, 0]) and torch.equal(bars[:, 3], bars[:, 1])
    assert not torch.equal(bars[:, 2], bars[:, 0])
    real = network.play(given, some_bits(), 1.0, plan).float()
    told = follow_plan(real, given, plan_of(real, given))
    assert torch.equal(told, real)


def thrown(config, size=4, seed=0):
    return spread(draw_song_noise(size, config, dice(seed)), torch.zeros(size), dice(seed + 1))


def test_in_the_game_it_shows_what_it_played_with_the_gradient_of_each_hit_by_itself():
    network, given, noise = awake(), condition(CONFIG), thrown(CONFIG)
    drums = play_planned(network, given, noise, None)
    assert torch.equal(drums > 0.5, network.play(given, noise.bits))
    wanted = torch.randn(drums.shape, generator=dice(9))
    (drums * wanted).sum().backward()
    got = {
        key: parameter.grad.clone()
        for key, parameter in network.named_parameters()
        if parameter.grad is not None
    }
    network.zero_grad()
    (noisy_probs(network(given, drums.detach()), noise.bits) * wanted).sum().backward()
    for key, parameter in network.named_parameters():
        assert torch.allclose(got[key], parameter.grad, atol=1e-6) and got[key].abs().sum() > 0, key
    with torch.no_grad():
        assert torch.equal(play_planned(network, given, noise, None), drums)


def test_in_the_game_a_bar_that_comes_again_is_learned_from_where_it_was_first_played():
    config = ModelConfig(family="autoregressive", width=16, plans=True)
    network, given, noise = awake(config), condition(config), thrown(config)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.bias.requires_grad_(True)
    slopes = []
    for plan in ([0, 1, 0, 0], [0, 4, 0, 0]):  # the second bar as the first, and as one of the phrase before
        network.bias.grad = None
        drums = play_planned(network, given, noise, torch.tensor([plan] * 4)).unflatten(1, (4, 16))
        drums[:, 1].sum().backward()
        slopes.append(network.bias.grad.abs().sum().item())
    assert slopes[0] > 0 and slopes[1] == 0


def test_it_plays_the_game_and_resumes_exactly(practice_data, tmp_path):
    game = [
        "train.steps=8",
        "train.critic_first=2",
        "train.warmup_steps=4",
        "train.reconstruction=0.15",
        "train.mismatch=0.1",
    ]
    seen = []
    whole = train(
        configured(*game, "train.evaluate_every=12"), practice_data, tmp_path / "whole", device="cpu", progress=False,
        on_look=lambda t, s: seen.append(set(t.sums)) or {},
    )  # fmt: skip
    assert {"game", "mismatch", "penalty", "fool", "likelihood"} <= seen[0] and "kl" not in seen[0]
    assert load_critic(whole) is not None and load_drummer(whole).ranker is None

    def leave(trainer, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopping = configured(*game, "train.evaluate_every=9", "train.save_every=7")
        train(stopping, practice_data, tmp_path / "parts", device="cpu", progress=False, on_look=leave)
    resumed = train(
        configured(*game), practice_data, tmp_path / "parts", device="cpu", progress=False, resume=True
    )
    assert whole.read_bytes() == resumed.read_bytes()


def test_wishes_that_count_more_are_taken_further_from_the_answer_without_them():
    network, bits = awake(), some_bits()
    with torch.no_grad():  # it hears wishes well and forgets nothing
        network.begin.weight[:, :-5] = 0
        network.begin.weight[:, -5:].normal_(generator=dice(1))
        network.steps.bias_ih_l0[64:128] = 6.0
    given = condition(CONFIG, style=torch.tensor([1, 0, 2, 0]), density=torch.tensor([0.0, 30.0, 4.0, 0.0]))
    plain, stressed = (
        network.play(given, bits),
        network.play(given, bits, stress={"style": 3.0, "density": 2.0}),
    )
    assert torch.equal(plain[3], stressed[3]) and all(
        not torch.equal(plain[i], stressed[i]) for i in range(3)
    )
    nothing, none = torch.zeros_like(given.style), torch.zeros_like(given.density)
    with torch.no_grad():
        styled, dense, without = (
            network(given.replace(**change), stressed.float())
            for change in ({"density": none}, {"style": nothing}, {"style": nothing, "density": none})
        )
    sums = without + 3.0 * (styled - without) + 2.0 * (dense - without)
    assert torch.equal(sums + logistic(bits.flatten(1, 2)) > 0, stressed)
    assert torch.equal(Guided(network, 3.0, 2.0, hold=0.0).play(given, bits), stressed)


def test_a_density_that_is_held_on_to_is_come_nearer():
    network, bits = awake(), some_bits()
    given = condition(CONFIG, density=torch.tensor([0.0, 40.0, 12.0, 180.0]))
    free, held = network.play(given, bits), network.play(given, bits, hold=1.0)
    assert torch.equal(free[0], held[0]), "where none is asked for none is held"
    far, near = ((hits.sum(dim=(1, 2)) / 4 - given.density).abs()[1:] for hits in (free, held))
    assert (near < far - 5).all(), (far, near)


def test_a_crash_comes_again_with_its_bar_as_often_as_asked():
    config = ModelConfig(family="autoregressive", width=16, plans=True)
    network, size = awake(config), 200
    given = condition(config, size)
    given.previous[:, ::16, CRASH] = 1
    with torch.no_grad():
        network.bias[CRASH] = 50.0  # a crash everywhere
    plan = torch.tensor(
        [[0, 1, 2, 4]] * size
    )  # the last one repeats a bar of the phrase; 4 bars before the second is none
    plan[: size // 2, 1] = 4
    always, half, never = (
        network.play(given, some_bits(size), plan=plan, crash_again=c) for c in (1.0, 0.5, 0.0)
    )
    ones = [hits.unflatten(1, (4, 16))[:, :, 0, CRASH].float() for hits in (always, half, never)]
    assert ones[0].all() and ones[1][:, 0].all() and ones[2][:, 0].all()
    assert ones[2][: size // 2, 1].all() and not ones[2][size // 2 :, 1].any(), (
        "from the phrase before it comes along"
    )
    assert not ones[2][:, 2].any() and 0.4 < ones[1][:, 2].mean() < 0.6
    others = [hits.unflatten(1, (4, 16))[:, 1, 1:] for hits in (always, never)]
    assert torch.equal(*others), "and nothing else goes with it"


def test_likelihood_alone_is_the_warm_up_of_the_modern_drummer(practice_data, tmp_path):
    config = configured(preset="likelihood")
    assert (config.model.family, config.train.steps) == ("modern", 0)
    assert (
        config.model
        == load_config(
            "modern", [*SMALL, *(f"model.{name}=false" for name in ("plans", "told_plans", "memory"))]
        ).model
    )
    seen = []
    file = train(
        configured("train.evaluate_every=24", preset="likelihood"), practice_data, tmp_path / "run", device="cpu",
        progress=False, on_look=lambda t, s: seen.append(set(t.sums)) or {},
    )  # fmt: skip
    assert seen == [{"likelihood", "kl"}]
    with pytest.raises(CheckpointError):
        load_critic(file)


def test_a_look_and_a_song_work_as_with_any_family(practice_data, tmp_path):
    from basedrum.drummer.sampling import load_phrase_model
    from basedrum.training.look import Look

    config = configured("train.evaluate_every=24")
    figures = {}
    look = Look(PhraseDataset.open(practice_data), config, tmp_path)
    file = train(
        config, practice_data, tmp_path / "run", device="cpu", progress=False,
        on_look=lambda t, s: figures.update(look(t, s)) or figures,
    )  # fmt: skip
    assert {"lift", "variety", "hits_per_bar"} <= set(figures)
    song = load_phrase_model(file).new_song(3)
    bass = lines(1)[0].numpy() > 0
    first = song.play(bass, 120.0, np.full(4, 16), None, 0)
    assert first.shape == (64, 12) and first.dtype == bool
    assert (song.model.phrases_share, song.model.measures_share) == (0.0, 0.0)
    again = load_phrase_model(file).new_song(3).play(bass, 120.0, np.full(4, 16), None, 0)
    assert np.array_equal(first, again)
