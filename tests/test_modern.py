"""The family that ships: what a hit depends on, that sampling and likelihood agree, guidance, training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_models import condition, lines, random
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.sampling import load_phrase_model
from basedrum.errors import WeightsError
from basedrum.models.condition import NUM_KIT_FEATURES
from basedrum.models.config import ModelConfig
from basedrum.models.modern.decoding import Draw, sample_hits
from basedrum.models.modern.generator import LAGS, drums_before, lagged_steps
from basedrum.models.modern.planner import follow_plan, plan_of
from basedrum.models.noise import Noise, logistic, noisy_probs
from basedrum.models.protocol import Guidance
from basedrum.models.registry import build_discriminator, build_model
from basedrum.music.kit import CRASH
from basedrum.training.config import load_config
from basedrum.training.loop import LoopOptions, train
from basedrum.training.validation import Validation
from basedrum.weights import load_discriminator, load_drummer, load_run, save_drummer

CONFIG = ModelConfig(width=16, styles=("rock", "jazz"))
SMALL = ["model.width=16", "model.discriminator_width=16", "train.batch=8"]
QUIET = LoopOptions(device="cpu", progress=False)


def awake(seed=0):
    """A model whose hits depend on all that they may depend on, a quarter of the cells hit."""
    torch.manual_seed(seed)
    model = build_model(CONFIG).eval()
    for module in model.generator.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.2)
    for weight in (model.generator.inside, model.generator.out):
        nn.init.normal_(weight, std=0.4)
    return model


def some_cells(size=4, seed=0):
    return torch.rand(size, 64, 12, generator=random(seed))


def some_drums(size=4, seed=0):
    return (torch.rand(size, 64, 12, generator=random(seed + 50)) < 0.1).float()


def new_bars(size=4):
    return torch.zeros(size, 4, dtype=torch.int64)


def sample(model, given, cells, *, plan=None, crash_again=1.0, **guidance):
    """Hits of the generator alone, all bars new where no plan is given."""
    plan = new_bars(len(given)) if plan is None else plan
    return sample_hits(model.generator, given, Draw(cells, plan, crash_again), Guidance(**guidance))


@torch.no_grad()
def logits_of(model, given, drums, plan=None):
    return model.generator(given, drums, new_bars(len(given)) if plan is None else plan)


@pytest.mark.parametrize("step", [0, 17, 62])
def test_a_hit_depends_on_the_hits_before_it_and_on_no_other(step):
    model, given, drums, voice = awake(), condition(), some_drums(), 5
    other = drums.clone()
    other[:, step, voice] = 1 - other[:, step, voice]
    changed = (logits_of(model, given, drums) != logits_of(model, given, other)).any(dim=0)
    assert not changed[:step].any() and not changed[step, : voice + 1].any()
    assert changed[step, voice + 1 :].all() and changed[step + 1].all()


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_what_it_played_is_what_its_likelihood_would_have_drawn(temperature):
    model, given, cells = awake(), condition(), some_cells()
    hits = sample(model, given, cells, temperature=temperature)
    drawn = logits_of(model, given, hits.float()) + temperature * logistic(cells) > 0
    assert torch.equal(drawn, hits) and 0.02 < hits.float().mean() < 0.9


def test_its_own_draws_are_as_surprising_as_it_expects():
    """The mean of -log p over draws is the mean entropy of the hits on the way (both in nats)."""
    model, size = awake(), 256
    given = condition(size, bass=lines(1).expand(size, -1, -1, -1))
    hits = sample(model, given, some_cells(size)).float()
    logits = logits_of(model, given, hits)
    surprise = nn.functional.binary_cross_entropy_with_logits(logits, hits, reduction="none").sum(dim=(1, 2))
    probs = torch.sigmoid(logits)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, probs, reduction="none").sum(dim=(1, 2))
    error = (surprise - expected).std() / size**0.5
    assert error > 0 and abs((surprise - expected).mean()) < 4 * error and error < 0.03 * expected.mean()


def test_its_log_likelihood_counts_the_hits_on_steps_that_exist_and_the_choices_of_its_planner():
    model, drums = awake(), some_drums()
    active = torch.ones(4, 4, 16)
    active[:, :, 12:] = 0
    given = condition(active=active.flatten(1))
    drums = drums * given.active[..., None]
    plan = plan_of(drums, given)
    with torch.no_grad():
        found = model.log_likelihood(given, drums)
        choices = model.planner(given, plan).log_softmax(dim=2)
    logits = logits_of(model, given, drums, plan)
    cells = torch.where(drums > 0, logits, -logits).sigmoid().log() * given.active[..., None]
    assert torch.allclose(found.hits, cells.sum(dim=(1, 2)), rtol=1e-4)
    by_hand = [sum(choices[b, m, plan[b, m]].item() for m in range(4)) for b in range(4)]
    assert found.plan.tolist() == pytest.approx(by_hand, rel=1e-4)


def test_voices_of_a_step_wait_for_each_other():
    """A chain that has to be drawn one voice after the other: each plays if the one before rests."""
    model = awake()
    with torch.no_grad():
        generator = model.generator
        for parameter in (generator.units.weight, generator.inside, generator.out):
            parameter.zero_()
        generator.units.bias.fill_(1.0)
        generator.out[:, 0] = 1.0
        generator.bias.zero_()
        for voice in range(1, 12):
            generator.inside[voice - 1, voice * 16] = -20.0
    hits = sample(model, condition(1), torch.full((1, 64, 12), 0.5))[0]
    assert hits.tolist() == [[True, False] * 6] * 64


@pytest.mark.parametrize("name, switch", [("previous", "has_previous"), ("recalled", "likeness")])
def test_drums_of_before_count_where_they_are_given(name, switch):
    model, given, drums = awake(), condition(), some_drums()
    other = given.replace(**{name: 1 - getattr(given, name)})
    assert not torch.equal(logits_of(model, given, drums), logits_of(model, other, drums))
    absent = {switch: torch.zeros_like(getattr(given, switch))}
    silent = [logits_of(model, c.replace(**absent), drums) for c in (given, other)]
    assert torch.equal(*silent)


def test_the_lags_reach_into_the_phrase_before():
    given, drums = condition(), some_drums()
    memory = torch.cat([drums_before(given), drums], dim=1)
    past = memory[:, lagged_steps(memory.device)]
    assert torch.equal(past[:, 20, LAGS.index(16)], drums[:, 4])
    assert torch.equal(past[:, 3, LAGS.index(4)], given.previous[:, 63])
    assert torch.equal(past[:, 9, LAGS.index(64)], given.previous[:, 9])


def test_it_does_not_know_the_key_but_knows_the_rhythm():
    model, given, noise = awake(), condition(), Noise.draw(4, random())
    hits = model.sample(given, noise)
    up = given.replace(bass=given.bass.roll(5, dims=3), bass_before=given.bass_before.roll(5, dims=3))
    assert torch.equal(hits, model.sample(up, noise))
    assert not torch.equal(hits, model.sample(given.replace(bass=given.bass.roll(2, dims=2)), noise))


def test_a_bass_still_to_come_counts():
    model, given = awake(), condition()
    late = given.bass.clone()
    late[:, :, 40:] = 0
    first, other = (logits_of(model, c, some_drums()) for c in (given, given.replace(bass=late)))
    assert not torch.equal(first[:, :32], other[:, :32])


def test_steps_that_do_not_exist_stay_silent_and_count_for_nothing():
    model, cells = awake(), some_cells()
    active = torch.ones(4, 4, 16)
    active[:, :, 12:] = 0
    given = condition(active=active.flatten(1))
    nn.init.constant_(model.generator.bias, 3.0)
    hits = sample(model, given, cells)
    assert hits.any() and not hits.reshape(4, 4, 16, -1)[:, :, 12:].any()
    drawn = logits_of(model, given, hits.float()) + logistic(cells) > 0
    assert torch.equal(drawn & (given.active[..., None] > 0), hits)


def test_a_file_of_weights_gives_the_same_drums(tmp_path):
    model, given, noise = awake(), condition(), Noise.draw(4, random())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    save_drummer(tmp_path / "a.safetensors", model, None, {})
    loaded = load_drummer(tmp_path / "a.safetensors")
    assert loaded.config == CONFIG
    assert torch.equal(loaded.model.sample(given, noise), model.sample(given, noise))


# ---- plans


def test_bars_that_the_plan_repeats_are_repeated():
    model, given = awake(), condition()
    plan = torch.tensor([[0, 1, 0, 2]] * len(given))
    hits = sample(model, given, some_cells(), plan=plan)
    bars = hits.unflatten(1, (4, 16))
    assert bars.any() and torch.equal(bars[:, 1], bars[:, 0]) and torch.equal(bars[:, 3], bars[:, 1])
    assert not torch.equal(bars[:, 2], bars[:, 0])
    assert torch.equal(follow_plan(hits.float(), given, plan_of(hits.float(), given)), hits.float())


def test_a_plan_of_its_own_for_each_sample():
    model, given, cells = awake(), condition(), some_cells()
    plan = torch.tensor([[0, 0, 0, 0], [0, 1, 2, 3], [4, 4, 4, 4], [5, 0, 5, 1]])
    bars = sample(model, given, cells, plan=plan).unflatten(1, (4, 16))
    previous, recalled = ((drums > 0).unflatten(1, (4, 16)) for drums in (given.previous, given.recalled))
    assert torch.equal(bars[0], sample(model, given, cells).unflatten(1, (4, 16))[0])
    assert torch.equal(bars[1, 3], bars[1, 0]) and torch.equal(bars[2], previous[2])
    assert torch.equal(bars[3, 0], recalled[3, 0]) and torch.equal(bars[3, 2], recalled[3, 2])
    assert torch.equal(bars[3, 3], bars[3, 2])


def test_it_is_conditioned_on_the_plan():
    model, given, drums = awake(), condition(), some_drums()
    other = torch.tensor([[0, 1, 1, 1]] * 4)
    assert not torch.equal(logits_of(model, given, drums), logits_of(model, given, drums, other))


def test_a_crash_comes_again_with_its_bar_as_often_as_asked():
    model, size = awake(), 200
    given = condition(size)
    given.previous[:, ::16, CRASH] = 1
    with torch.no_grad():
        model.generator.bias[CRASH] = 50.0  # a crash everywhere
    plan = torch.tensor([[0, 1, 2, 4]] * size)  # the last one repeats a bar of the phrase before
    plan[: size // 2, 1] = 4
    cells = some_cells(size)
    always, half, never = (sample(model, given, cells, plan=plan, crash_again=c) for c in (1.0, 0.5, 0.0))
    ones = [hits.unflatten(1, (4, 16))[:, :, 0, CRASH].float() for hits in (always, half, never)]
    assert ones[0].all() and ones[1][:, 0].all() and ones[2][:, 0].all()
    assert ones[2][: size // 2, 1].all(), "from the phrase before it comes along"
    assert not ones[2][size // 2 :, 1].any()
    assert not ones[2][:, 2].any() and 0.4 < ones[1][:, 2].mean() < 0.6
    comes = cells[:, 16, CRASH] <= 0.5  # the noise of the crash on the bar's first step decides
    assert torch.equal(ones[1][size // 2 :, 1] > 0, comes[size // 2 :])
    others = [hits.unflatten(1, (4, 16))[:, 1, 1:] for hits in (always, never)]
    assert torch.equal(*others), "and nothing else goes with it"
    cold = sample(model, given, cells, plan=plan, crash_again=0.75, temperature=0.0)
    assert cold.unflatten(1, (4, 16))[:, :, 0, CRASH].all(), "at temperature 0 it comes along"


# ---- guidance


def test_controls_with_a_scale_are_followed_further():
    model, cells = awake(), some_cells()
    with torch.no_grad():  # it follows controls well
        begin = model.generator.trunk.begin.weight
        begin[:] = 0
        begin[:, -NUM_KIT_FEATURES - 5 : -NUM_KIT_FEATURES].normal_(generator=random(1))
    given = condition(style=torch.tensor([1, 0, 2, 0]), density=torch.tensor([0.0, 30.0, 4.0, 0.0]))
    plain = sample(model, given, cells)
    guided = sample(model, given, cells, style=3.0, density=2.0)
    assert torch.equal(plain[3], guided[3])
    for i in range(3):
        assert not torch.equal(plain[i], guided[i])
    no_style, no_density = torch.zeros_like(given.style), torch.zeros_like(given.density)
    styled = logits_of(model, given.replace(density=no_density), guided.float())
    dense = logits_of(model, given.replace(style=no_style), guided.float())
    without = logits_of(model, given.replace(style=no_style, density=no_density), guided.float())
    sums = without + 3.0 * (styled - without) + 2.0 * (dense - without)
    assert torch.equal(sums + logistic(cells) > 0, guided)


def test_a_density_that_is_held_is_come_nearer():
    model, cells = awake(), some_cells()
    given = condition(density=torch.tensor([0.0, 40.0, 12.0, 180.0]))
    free, held = sample(model, given, cells), sample(model, given, cells, hold=1.0)
    assert torch.equal(free[0], held[0]), "where none is asked for none is held"
    far, near = ((hits.sum(dim=(1, 2)) / 4 - given.density).abs()[1:] for hits in (free, held))
    assert (near < far - 5).all(), (far, near)


def test_a_density_is_held_by_what_is_missing_and_at_most_so_far():
    """All logits 0 but for the bias: each missing hit lowers the limit by `hold`, up to 2."""
    model = awake()
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.zero_()
    given = condition(1, density=torch.tensor([16.0]))  # one hit a step
    cells = torch.full((1, 64, 12), torch.sigmoid(torch.tensor(-1.0)).item())
    hits = sample(model, given, cells, hold=0.3)[0]
    first = int(torch.nonzero(hits.any(dim=1))[0])
    assert first == 4, "after four steps 1.2 are added to logits of -1, after three .9"
    too_far = torch.full((1, 64, 12), torch.sigmoid(torch.tensor(-2.1)).item())
    assert not sample(model, given, too_far, hold=0.3).any()


# ---- replay


def test_replay_shows_what_was_played_with_the_gradient_of_each_hit_by_itself():
    model, given, noise = awake(), condition(), Noise.draw(4, random())
    drums = model.replay(given, noise)
    plan = model.planner.draw(given, noise.plan)
    assert torch.equal(drums > 0.5, sample(model, given, noise.cells, plan=plan)) and plan.any()
    wanted = torch.randn(drums.shape, generator=random(9))
    (drums * wanted).sum().backward()
    got = {key: p.grad.clone() for key, p in model.generator.named_parameters() if p.grad is not None}
    model.zero_grad()
    probs = noisy_probs(model.generator(given, drums.detach(), plan), noise.cells)
    (follow_plan(probs, given, plan) * wanted).sum().backward()
    for key, parameter in model.generator.named_parameters():
        assert torch.allclose(got[key], parameter.grad, atol=1e-6) and got[key].abs().sum() > 0, key
    assert all(p.grad is None for p in model.planner.parameters()), "the planner gets none"


def test_a_repeated_bar_is_learned_from_where_it_was_first_played():
    model, given, noise = awake(), condition(), Noise.draw(4, random())
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    bias = model.generator.bias.requires_grad_(True)
    slopes = []
    for plan in ([0, 1, 0, 0], [0, 4, 0, 0]):  # the second bar as the first, and as one of the phrase before
        bias.grad = None
        model.planner.draw = lambda *_, plan=plan: torch.tensor([plan] * 4)
        model.replay(given, noise).unflatten(1, (4, 16))[:, 1].sum().backward()
        slopes.append(bias.grad.abs().sum().item())
    assert slopes[0] > 0 and slopes[1] == 0


# ---- training


def configured(*more, preset="modern"):
    return load_config(preset, [*SMALL, "warmup.steps=24", "adversarial.steps=0", "reranking.steps=0", *more])


def leave(trainer, step):
    raise KeyboardInterrupt


def stopped_and_resumed(stopping, config, data, folder):
    """The file of weights of a training that was stopped at its first validation and resumed."""
    with pytest.raises(KeyboardInterrupt):
        train(stopping, data, folder, replace(QUIET, on_validation=leave))
    return train(config, data, folder, replace(QUIET, resume=True))


def test_the_warmup_lowers_the_surprise_and_is_not_adversarial(practice_data, tmp_path):
    seen = []
    config = configured("train.evaluate_every=12", "warmup.lr=1e-2")
    watching = replace(QUIET, on_validation=lambda t, s: seen.append(dict(t.sums)) or {})
    file = train(config, practice_data, tmp_path / "run", watching)
    for name in ("likelihood", "plan", "kit"):
        first, last = (sums[name][0] / sums[name][1] for sums in seen)
        assert last < first - (0.05 if name == "kit" else 0.2), name
    assert all(set(sums) == {"likelihood", "plan", "kit"} for sums in seen)
    with pytest.raises(WeightsError):
        load_discriminator(file)


def test_stopped_and_resumed_gives_the_same_weights(practice_data, tmp_path):
    whole = train(configured(), practice_data, tmp_path / "whole", QUIET)
    stopping = configured("train.evaluate_every=13", "train.save_every=6")
    resumed = stopped_and_resumed(stopping, configured(), practice_data, tmp_path / "parts")
    assert whole.read_bytes() == resumed.read_bytes()


def test_what_was_stopped_had_saved_what_it_had(practice_data, tmp_path):
    stopping = configured("train.evaluate_every=13", "train.save_every=6")
    with pytest.raises(KeyboardInterrupt):
        train(stopping, practice_data, tmp_path, replace(QUIET, on_validation=leave))
    assert load_run(tmp_path / "run.safetensors")["step"] == 12


def test_with_reranking_it_has_a_reranker_and_resumes_exactly(practice_data, tmp_path):
    settings = ["reranking.steps=6", "warmup.steps=6"]
    whole = train(configured(*settings), practice_data, tmp_path / "whole", QUIET)
    assert load_drummer(whole).reranker is not None
    stopping = configured(*settings, "train.evaluate_every=10", "train.save_every=8")
    resumed = stopped_and_resumed(stopping, configured(*settings), practice_data, tmp_path / "parts")
    assert whole.read_bytes() == resumed.read_bytes()


def test_the_adversarial_phase_resumes_exactly(practice_data, tmp_path):
    settings = ["adversarial.steps=8", "adversarial.discriminator_first=2", "warmup.steps=4"]
    seen = []
    watching = replace(QUIET, on_validation=lambda t, s: seen.append(set(t.sums)) or {})
    config = configured(*settings, "train.evaluate_every=12")
    whole = train(config, practice_data, tmp_path / "whole", watching)
    assert {"real_fake", "mismatch", "penalty", "model", "likelihood"} <= seen[0]
    assert load_discriminator(whole) is not None and load_drummer(whole).reranker is None
    stopping = configured(*settings, "train.evaluate_every=9", "train.save_every=7")
    resumed = stopped_and_resumed(stopping, configured(*settings), practice_data, tmp_path / "parts")
    assert whole.read_bytes() == resumed.read_bytes()


def test_a_validation_and_a_song_of_a_trained_drummer(practice_data, tmp_path):
    config = configured("train.evaluate_every=24")
    found = {}
    validation = Validation(PhraseDataset.open(practice_data), config, tmp_path)
    watching = replace(QUIET, on_validation=lambda t, s: found.update(validation(t, s)) or found)
    file = train(config, practice_data, tmp_path / "run", watching)
    assert {"lift", "variety", "hits_per_bar"} <= set(found)
    bass = lines(1)[0].numpy() > 0
    phrase = Phrase(bass, 120.0, np.full(4, 16))
    hits = [load_phrase_model(file).new_song(3).play(phrase) for _ in range(2)]
    assert hits[0].shape == (64, 12) and hits[0].dtype == bool and np.array_equal(*hits)


def test_a_discriminator_has_no_norm_between_samples():
    """Scores of a batch are those of its samples, which gradient penalties need."""
    torch.manual_seed(0)
    discriminator, given = build_discriminator(CONFIG), condition()
    together = discriminator(given.previous, given)[0]
    for row in range(4):
        one = given[torch.tensor([row])]
        assert torch.allclose(discriminator(one.previous, one)[0], together[row], atol=1e-5)
