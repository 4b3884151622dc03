"""The training: config, batches, one step, the loop; that it learns, and that it resumes exactly."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import ConfigError, DataError, TrainingError
from basedrum.models.noise import Noise
from basedrum.models.protocol import Guidance
from basedrum.music.kit import KICK
from basedrum.training import adversarial
from basedrum.training.adversarial import DiscriminatorLoss, Pair, follow_itself, two_phrases
from basedrum.training.batches import Batches, Chances
from basedrum.training.config import Config, load_config, presets
from basedrum.training.descent import average, descend, late_rate
from basedrum.training.loop import LoopOptions, pick_device, train
from basedrum.training.runfolder import RunFolder
from basedrum.training.sections import LOSSES
from basedrum.training.trainer import Trainer
from basedrum.training.validation import Validation
from basedrum.weights import load_drummer, load_run

TINY = [
    "model.width=16", "model.discriminator_width=16", "train.batch=8", "train.evaluate_every=4",
    "train.save_every=4", "train.validation_phrases=16", "train.precision='float32'",
    "warmup.steps=4", "adversarial.steps=8",
    "adversarial.discriminator_first=2", "adversarial.mismatch_from=0.5", "adversarial.penalty_every=2",
    "reranking.steps=0",
]  # fmt: skip
QUIET = LoopOptions(device="cpu", progress=False)


@pytest.fixture(scope="module")
def data(practice_data):
    return PhraseDataset.open(practice_data)


def weights(path):
    return load_drummer(path).model.state_dict()


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


# ---- config


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_survives_a_round_trip(preset):
    config = load_config(preset)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_overrides_come_last_and_take_toml_values():
    settings = ["adversarial.steps=7", "warmup.lr=1e-4", "model.styles=['rock', 'jazz']"]
    config = load_config("quick", [*settings, "adversarial.loss=midinet", "adversarial.gamma=1"])
    found = config.adversarial
    assert (found.steps, config.warmup.lr, found.loss, found.gamma) == (7, 1e-4, "midinet", 1.0)
    assert config.model.styles == ("rock", "jazz")


def test_every_phase_has_its_own_steps():
    config = load_config("quick", ["warmup.steps=3", "adversarial.steps=4", "reranking.steps=5"])
    assert config.total_steps == 12


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("adversarial.stepz=7", "did you mean steps?"),
        ("train.steps=3", "did you mean warmup.steps or adversarial.steps or reranking.steps?"),
        ("train.gamma=3", "did you mean adversarial.gamma?"),
        ("trian.seed=7", "did you mean train?"),
        ("warmup.steps=many", "use a int"),
        ("warmup.steps=1.5", "use a int"),
        ("warmup.steps", "SECTION.KEY=VALUE"),
        ("adversarial.loss=l2", "rpgan"),
        ("train.batch=0", "use 1 or more"),
        ("train.ema=2", "from 0 to 1"),
        ("adversarial.beta2=1.0", "from 0 to below 1"),
        ("reranking.lr=0.0", "above 0"),
        ("warmup.lr=nan", "above 0"),
        ("adversarial.gamma=nan", "use 0 or more"),
    ],
)
def test_a_wrong_setting_is_named(override, said):
    with pytest.raises(ConfigError) as error:
        load_config("quick", [override])
    assert said in str(error.value) and "\n" not in str(error.value)
    assert override.partition("=")[0].partition(".")[0] in str(error.value)


@pytest.mark.parametrize("text", ["model = 3", "[model]\nwings = 2", "[wings]\nmodel = 2"])
def test_a_preset_that_is_not_one_is_refused(tmp_path, text):
    (tmp_path / "bad.toml").write_text(text)
    for overrides in ([], ["model.width=8"]):
        with pytest.raises(ConfigError, match="unknown"):
            load_config(tmp_path / "bad.toml", overrides)


def test_an_unknown_preset_lists_the_known(tmp_path):
    with pytest.raises(ConfigError, match="modern"):
        load_config("moderm")
    (tmp_path / "bad.toml").write_text("[model\n")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "bad.toml")


# ---- batches


def test_a_batch_depends_on_seed_and_step_alone(data):
    config = load_config("quick", TINY)
    first, again = (Batches(data, config) for _ in range(2))
    again.draw(0), again.draw(5)
    assert torch.equal(first.draw(3).drums, again.draw(3).drums)
    assert not torch.equal(first.draw(3).drums, first.draw(4).drums)
    halves = [first.draw(3, rank, 2).drums for rank in (0, 1)]
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), first.draw(3).drums)


def test_a_batch_shows_what_belongs_together(data):
    config = load_config("quick", [*TINY, "train.drop_previous=0.0", "adversarial.rollout=1.0"])
    batches = Batches(data, config)
    rows = data.rows("train")[:40]
    batch = batches.load(rows, Chances(rollout=np.zeros(40)))
    before = data.index["previous"][rows]
    assert torch.equal(batch.drums > 0, torch.from_numpy(data.kit(rows)))
    assert torch.equal(batch.condition.bass > 0, torch.from_numpy(data.bass(rows)))
    assert batch.condition.has_previous.tolist() == (before >= 0).tolist()
    shown = before >= 0
    assert torch.equal(batch.condition.previous[shown] > 0, torch.from_numpy(data.kit(before[shown])))
    assert torch.equal(batch.before.bass[shown] > 0, torch.from_numpy(data.bass(before[shown])))
    assert batch.rollout.tolist() == shown.tolist()


def test_with_a_lookahead_the_bass_is_that_of_the_phrase_before(data):
    config = load_config("quick", [*TINY, "model.lookahead=1", "train.drop_previous=0.0"])
    batches = Batches(data, config)
    rows = batches.rows[:20]
    before = data.index["previous"][rows].astype(int)
    assert (before >= 0).all()
    batch = batches.load(rows)
    assert torch.equal(batch.condition.bass > 0, torch.from_numpy(data.bass(before)))
    assert torch.equal(batch.drums > 0, torch.from_numpy(data.kit(rows)))
    assert torch.equal(batch.condition.previous > 0, torch.from_numpy(data.kit(before)))


def test_a_split_without_phrases_is_refused(data):
    config = load_config("quick", TINY)
    empty = PhraseDataset.open(data.folder)
    empty.index = np.array(empty.index)
    empty.index["split"] = 1
    with pytest.raises(DataError, match="no train phrases"):
        Batches(empty, config)


def test_conditions_are_left_out_as_often_as_the_config_says(data):
    config = load_config(
        "quick", [*TINY, "train.drop_previous=0.3", "train.drop_controls=0.6", "model.styles=['rock']"]
    )
    batches = Batches(data, config)
    rows = np.flatnonzero(data.index["previous"] >= 0)[:4].repeat(2)
    low, high = np.tile([0.29, 0.31], 4), np.tile([0.59, 0.61], 4)
    batch = batches.load(rows, Chances(previous=low, density=high)).condition
    assert batch.has_previous.tolist() == [0, 1] * 4
    assert (batch.density > 0).tolist() == [False, True] * 4
    bars = data.index["measure_steps"][rows].sum(axis=1) / 16
    hits = data.kit(rows).sum(axis=(1, 2)) / bars
    assert batch.density[1::2].tolist() == pytest.approx(hits[1::2].tolist(), rel=1e-5)


# ---- one step


def test_rollout_replaces_only_the_chosen_drums_before(data):
    config = load_config("quick", [*TINY, "train.drop_previous=0.0", "adversarial.rollout=0.5"])
    trainer = Trainer(config, data)
    batch = trainer.feed.batches.draw(0)
    before, now = two_phrases(len(batch.drums), torch.Generator().manual_seed(0))
    assert torch.equal(before.latent, now.latent) and not torch.equal(before.cells, now.cells)
    followed = follow_itself(trainer.networks.model, batch, before)
    assert batch.rollout.any() and not batch.rollout.all()
    assert torch.equal(followed.previous[~batch.rollout], batch.condition.previous[~batch.rollout])
    with torch.no_grad():
        own = trainer.networks.model.replay(batch.before[batch.rollout], before[batch.rollout])
    assert torch.equal(followed.previous[batch.rollout], own)


@pytest.mark.parametrize("preset", ["quick", "classic", "classic-wgan", "modern"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_family_learns_under_every_loss(data, preset, loss):
    settings = [f"adversarial.loss={loss}", "adversarial.gamma=0.1", "adversarial.discriminator_moves=2"]
    trainer = Trainer(load_config(preset, [*TINY, *settings]), data)
    start = {key: value.clone() for key, value in trainer.networks.model.state_dict().items()}
    seen = set()
    for _ in range(7):
        losses = trainer.advance()
        seen |= set(losses)
        assert all(np.isfinite(value) for value in losses.values())
    assert {"real_fake", "discriminator", "gap", "model", "penalty"} <= seen
    assert not same(start, trainer.networks.model.state_dict())


class Notes(torch.nn.Module):
    """A discriminator that counts hits and notes what it was shown."""

    def forward(self, drums, condition):
        self.shown = drums, condition.bass
        return drums.sum(dim=(1, 2)), None


@pytest.mark.parametrize(("kickless", "bare"), [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_drums_over_another_song_s_bass_are_shown_without_their_kick_as_often_as_asked(data, kickless, bare):
    config = load_config("quick", [*TINY, f"adversarial.mismatch_kickless={kickless}"])
    batch = Batches(data, config).draw(0)
    discriminator, now = Notes(), batch.condition
    pair = Pair(batch.drums, now, batch.drums, now)
    losses = DiscriminatorLoss(discriminator, config.adversarial)(pair, torch.zeros(8), mismatch=0.5)
    drums, bass = discriminator.shown
    right, wrong = drums[-8:-4], drums[-4:]
    assert torch.equal(bass[-4:], now.bass[:4].roll(1, 0))
    assert losses["mismatch"].item() == pytest.approx(0.5 * np.log(2))
    assert batch.drums[:4, :, KICK].sum(dim=1).all(), "else there is nothing to see here"
    assert (wrong[:, :, KICK].sum(dim=1) == 0).tolist() == [i < bare for i in range(4)]
    assert torch.equal(wrong[:, :, 1:], batch.drums[:4, :, 1:])
    assert len(drums) == 16 + 4 * (1 + (bare > 0))
    if bare:
        assert torch.equal(right, wrong) and torch.equal(bass[-8:-4], now.bass[:4])


class Squares(torch.nn.Module):
    """A discriminator whose slope at a hit is 2, and 0 elsewhere."""

    def forward(self, drums, condition):
        return drums.square().sum(dim=(1, 2)), None


def test_the_penalty_has_the_weight_it_is_given(data):
    config = load_config("quick", TINY)
    batch = Batches(data, config).draw(0)
    pair = Pair(batch.drums, batch.condition, batch.drums * 0, batch.condition)
    loss = DiscriminatorLoss(Squares(), config.adversarial)
    found = loss(pair, torch.zeros(8), penalty=0.8)["penalty"].item()
    assert found == pytest.approx(0.8 * 4 * batch.drums.sum().item() / 16, rel=1e-5)
    assert "penalty" not in loss(pair, torch.zeros(8)) and "mismatch" not in loss(pair, torch.zeros(8))


def weights_given(monkeypatch, data, settings, steps):
    """What the discriminator's loss was told in each adversarial step: mismatch, penalty."""
    given = []
    forward = DiscriminatorLoss.forward

    def noted(self, pair, mix, mismatch=0.0, penalty=0.0):
        given.append((mismatch, penalty))
        return forward(self, pair, mix, mismatch, penalty)

    monkeypatch.setattr(adversarial.DiscriminatorLoss, "forward", noted)
    trainer = Trainer(load_config("quick", [*TINY, *settings]), data)
    for _ in range(4 + steps):
        trainer.advance()
    return [list(weights) for weights in zip(*given, strict=True)]


def test_the_penalty_is_taken_every_so_many_steps_and_then_that_much_stronger(monkeypatch, data):
    settings = ["adversarial.penalty_every=3", "adversarial.gamma=0.2"]
    _, penalties = weights_given(monkeypatch, data, settings, 7)
    assert penalties == pytest.approx([0.6, 0, 0, 0.6, 0, 0, 0.6])


def test_the_mismatch_begins_at_its_share_of_the_steps(monkeypatch, data):
    settings = ["adversarial.mismatch_from=0.5", "adversarial.mismatch=0.4"]
    mismatches, _ = weights_given(monkeypatch, data, settings, 8)
    assert mismatches == [0, 0, 0, 0, 0.4, 0.4, 0.4, 0.4]


def test_the_discriminator_learns_alone_at_first_and_the_likelihood_is_taken_every_third_step(data):
    trainer = Trainer(load_config("quick", TINY), data)
    losses = [trainer.advance() for _ in range(12)]
    assert ["model" in taken for taken in losses] == [False] * 6 + [True] * 6
    assert ["likelihood" in taken for taken in losses[4:]] == [i in (3, 6) for i in range(8)]
    assert all("discriminator" in taken for taken in losses[4:])


def test_the_likelihood_holds_the_model_with_its_weight(monkeypatch, data):
    totals = []
    monkeypatch.setattr(
        adversarial, "descend", lambda total, losses, *_: totals.append((total.item(), losses))
    )
    trainer = Trainer(load_config("quick", [*TINY, "adversarial.likelihood=0.25"]), data)
    for _ in range(8):
        trainer.advance()
    total, losses = totals[-1]
    assert total == pytest.approx((losses["model"] + 0.25 * 3 * losses["likelihood"]).item(), rel=1e-6)


def test_each_side_moves_as_often_as_asked(monkeypatch, data):
    moves = []
    monkeypatch.setattr(adversarial, "descend", lambda total, losses, *_: moves.append("model" in losses))
    settings = ["adversarial.discriminator_moves=3", "adversarial.model_moves=2"]
    trainer = Trainer(load_config("quick", [*TINY, *settings, "adversarial.discriminator_first=1"]), data)
    for _ in range(6):
        trainer.advance()
    assert moves == [False] * 3 + [False, True, False, True, False]


def test_rates_stay_and_then_fall_in_a_line_to_a_twentieth():
    rates = [late_rate(step, 100, 0.6) for step in (0, 30, 60, 70, 80, 100)]
    assert rates == pytest.approx([1, 1, 1, 1 - 0.95 / 4, 1 - 0.95 / 2, 0.05])
    assert [late_rate(step, 100, 1.0) for step in (0, 50, 99)] == [1, 1, 1]
    assert late_rate(50, 100, 0.0) == pytest.approx(1 - 0.95 / 2)


def rates_of(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def test_the_rates_of_warmup_and_adversarial_phase_fall_where_they_are_to(data):
    settings = ["warmup.steps=10", "warmup.lr=0.01", "adversarial.steps=10", "adversarial.decay_from=0.5"]
    settings += ["adversarial.model_lr=0.002", "adversarial.discriminator_lr=0.003"]
    trainer = Trainer(load_config("quick", [*TINY, *settings]), data)
    warmup, game = trainer.phases["warmup"], trainer.phases["adversarial"]
    seen = []
    for _ in range(20):
        trainer.advance()
        seen.append([*rates_of(warmup.optimizer), *rates_of(game.model_optimizer)])
        seen[-1] += rates_of(game.discriminator_optimizer)
    fall = [1.0] * 8 + [1 - 0.95 * (0.8 - 0.7) / 0.3, 1 - 0.95 * (0.9 - 0.7) / 0.3]
    assert [rates[0] for rates in seen[:10]] == pytest.approx([0.01 * f for f in fall])
    fall = [1.0] * 6 + [1 - 0.95 * (number / 10 - 0.5) / 0.5 for number in range(6, 10)]
    assert [rates[1] for rates in seen[12:]] == pytest.approx([0.002 * f for f in fall[2:]])
    assert [rates[2] for rates in seen[10:]] == pytest.approx([0.003 * f for f in fall])


def test_the_average_follows_closely_at_first():
    torch.manual_seed(0)
    for step, ema, decay in ((0, 0.999, 1 / 10), (5, 0.999, 6 / 15), (90, 0.999, 91 / 100), (90, 0.5, 0.5)):
        averaged, model = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
        expected = decay * averaged.weight.detach() + (1 - decay) * model.weight.detach()
        average(averaged, model, step, ema)
        assert torch.allclose(averaged.weight, expected, atol=1e-6)
    averaged, model = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    model.num_batches_tracked += 7
    average(averaged, model, 0, 0.9)
    assert averaged.num_batches_tracked == 7


def test_the_average_follows_the_model_while_that_learns(data):
    trainer = Trainer(load_config("quick", [*TINY, "reranking.steps=2"]), data)
    for step in range(14):
        before = trainer.networks.averaged.generator.bias.clone()
        trainer.advance()
        model, averaged = (
            network.generator.bias for network in (trainer.networks.model, trainer.networks.averaged)
        )
        decay = min(0.998, (1 + step) / (10 + step)) if step < 12 else 1.0
        assert torch.allclose(averaged, decay * before + (1 - decay) * model, atol=1e-7)


def test_a_gradient_is_clipped_to_its_norm():
    moved = []
    for clip in (None, 1.0):
        weight = torch.nn.Parameter(torch.zeros(2))
        loss = (weight * torch.tensor([30.0, 40.0])).sum()
        descend(loss, {"loss": loss}, torch.optim.SGD([weight], 0.1), 0.5, clip)
        moved.append(weight.detach())
    assert moved[0].tolist() == pytest.approx([-1.5, -2.0])
    assert moved[1].tolist() == pytest.approx([-0.03, -0.04], rel=1e-4)


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(data):
    trainer = Trainer(load_config("quick", TINY), data)
    with torch.no_grad():
        trainer.networks.model.generator.bias.fill_(float("nan"))
    before = {key: value.clone() for key, value in trainer.networks.model.planner.state_dict().items()}
    with pytest.raises(TrainingError, match="step 0: the loss likelihood is not finite"):
        trainer.advance()
    assert same(before, trainer.networks.model.planner.state_dict()) and trainer.step == 0


# ---- loop


def test_stop_and_resume_equals_the_uninterrupted_run(practice_data, data, tmp_path):
    config = load_config("quick", TINY)
    whole = train(config, practice_data, tmp_path / "whole", QUIET)

    def stop_at_six(trainer, step):
        if step == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        train(config, practice_data, tmp_path / "parts", replace(QUIET, on_validation=stop_at_six))
    assert load_run(tmp_path / "parts" / "run.safetensors")["step"] < config.total_steps
    parts = train(config, practice_data, tmp_path / "parts", replace(QUIET, resume=True))
    assert whole.read_bytes() == parts.read_bytes()
    steps = [[row["step"] for row in RunFolder(tmp_path / name).read_log()] for name in ("whole", "parts")]
    assert steps[0] == steps[1] == ["4", "8", "12"]


def test_another_seed_gives_other_weights(practice_data, tmp_path):
    one, two = (
        weights(
            train(load_config("quick", [*TINY, f"train.seed={s}"]), practice_data, tmp_path / str(s), QUIET)
        )
        for s in (1, 2)
    )
    assert not same(one, two)


def test_a_run_is_not_overwritten_nor_resumed_with_another_config(practice_data, tmp_path):
    config = load_config("quick", [*TINY, "warmup.steps=1", "adversarial.steps=0"])
    train(config, practice_data, tmp_path, QUIET)
    with pytest.raises(TrainingError, match="--resume"):
        train(config, practice_data, tmp_path, QUIET)
    short = ["warmup.steps=1", "adversarial.steps=0"]
    other = load_config("quick", [*TINY, *short, "adversarial.gamma=0.5"])
    with pytest.raises(TrainingError, match=r"adversarial\.gamma was 0\.1, is now 0\.5"):
        train(other, practice_data, tmp_path, replace(QUIET, resume=True))


def test_a_second_training_in_the_folder_is_refused(practice_data, tmp_path):
    folder = RunFolder(tmp_path)
    with folder.lock(), pytest.raises(TrainingError, match="another training"):
        train(load_config("quick", TINY), practice_data, tmp_path, QUIET)


def test_an_unknown_device_is_refused():
    with pytest.raises(TrainingError, match="use auto, cpu or cuda"):
        pick_device("abacus")


def test_what_does_not_change_the_weights_may_change_on_resuming(practice_data, tmp_path):
    short = [*TINY, "warmup.steps=1", "adversarial.steps=0"]
    train(load_config("quick", short), practice_data, tmp_path, QUIET)
    for key in ("evaluate_every", "save_every", "validation_phrases"):
        other = load_config("quick", [*short, f"train.{key}=3"])
        train(other, practice_data, tmp_path, replace(QUIET, resume=True))


def test_a_validation_measures_and_draws(data, tmp_path):
    config = load_config("quick", TINY)
    trainer = Trainer(config, data)
    found = Validation(data, config, tmp_path)(trainer, 12)
    assert {"lift", "variety", "hits_per_bar", "identical", "real_lift", "real_hits_per_bar"} <= set(found)
    assert found["real_lift"] > 0.05 and found["real_hits_per_bar"] > 5
    assert (tmp_path / "step0000012.png").read_bytes().startswith(b"\x89PNG")


def test_it_learns_two_songs_by_heart(data):
    """Likelihood alone on one batch: the drums come back, and to the other song's bass the other song's
    drums."""
    settings = ["model.width=24", "warmup.steps=150", "warmup.lr=0.004"]
    trainer = Trainer(load_config("quick", [*TINY, *settings]), data)
    rows = data.rows("train")
    songs = np.unique(data.index["song"][rows])[:2]
    first_rows = [rows[data.index["song"][rows] == song][0] for song in songs]
    batch = trainer.feed.batches.load(np.asarray(first_rows))
    assert not batch.condition.has_previous.any(), "else the drums before would say whose song it is"
    trainer.feed.batch = lambda step: batch
    first = trainer.advance()["likelihood"]
    for _ in range(149):
        last = trainer.advance()["likelihood"]
    assert last < 0.1 * first
    noise = Noise.draw(2, torch.Generator().manual_seed(0))
    hits = trainer.networks.model.eval().sample(batch.condition, noise, Guidance(temperature=0.0))
    agreement = [
        [(hits[i] & (batch.drums[j] > 0)).sum() / (hits[i] | (batch.drums[j] > 0)).sum() for j in (0, 1)]
        for i in (0, 1)
    ]
    assert agreement[0][0] > 0.6 > agreement[0][1] and agreement[1][1] > 0.6 > agreement[1][0]


def test_precision_auto_is_what_the_processor_is_fast_at(practice_data, tmp_path, monkeypatch):
    settings = [*TINY, "warmup.steps=1", "adversarial.steps=1", "adversarial.discriminator_first=0"]

    def trained(name, precision, **can):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
        config = load_config("quick", [*settings, f"train.precision={precision!r}"])
        return weights(train(config, practice_data, tmp_path / name, QUIET))

    exact, halved = trained("exact", "float32", avx512_bf16=True), trained("halved", "bfloat16")
    assert not same(exact, halved)
    assert same(trained("plain", "auto", avx2=True), exact)
    assert same(trained("avx512", "auto", avx512_bf16=True), halved)
    assert same(trained("amx", "auto", amx_bf16=True), halved)


TWO_PROCESSES = """
import gc, sys, torch, torch.distributed as dist
torch.set_num_threads(1)
from basedrum.corpus.phrases import PhraseDataset
from basedrum.training.config import load_config
from basedrum.training.trainer import Trainer
dist.init_process_group("gloo")
rank = dist.get_rank()
trainer = Trainer(load_config("quick", sys.argv[2:]), PhraseDataset.open(sys.argv[1]), "cpu", rank, 2)
start = trainer.networks.model.generator.out.clone()
drawn = trainer.feed.batches.draw(0, rank, 2).drums.sum()
while trainer.step < trainer.config.total_steps:
    trainer.advance()
found = trainer.networks
networks = (found.model, found.discriminator, found.averaged)
flat = torch.cat([p.detach().flatten() for n in networks for p in n.parameters()])
both = [torch.zeros_like(flat) for _ in range(2)]
dist.all_gather(both, flat)
draws = [torch.zeros_like(drawn) for _ in range(2)]
dist.all_gather(draws, drawn)
if rank == 0:
    assert not torch.equal(start, found.model.generator.out), "nothing was learned"
    assert draws[0] != draws[1], "both processes were shown the same phrases"
    print("equal" if torch.equal(both[0], both[1]) else f"apart by {(both[0] - both[1]).abs().max()}")
del trainer, networks, found
gc.collect()
dist.barrier()
dist.destroy_process_group()
"""


def test_two_processes_keep_equal_weights(practice_data, tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [
        str(script),
        str(practice_data),
        *TINY,
        "adversarial.steps=4",
        "reranking.steps=3",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("equal")
