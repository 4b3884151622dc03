"""The training: config, batches, one step, the loop; that it learns, and that it resumes exactly."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import ConfigError, DataError, TrainingError
from basedrum.models.binary import draw_song_noise, spread
from basedrum.models.families import perform
from basedrum.music.kit import KICK
from basedrum.training.batches import Batches
from basedrum.training.config import Config, load_config, presets
from basedrum.training.look import Look
from basedrum.training.loop import pick_device, train
from basedrum.training.runfolder import RunFolder
from basedrum.training.step import CriticObjective, draw_dice, follow_itself
from basedrum.training.trainer import Trainer
from basedrum.weights import load_drummer, load_run

TINY = [
    "model.width=16", "model.critic_width=16", "train.batch=8", "train.warmup_steps=4", "train.steps=8", "train.critic_first=2",
    "train.mismatch_from=0.5", "train.evaluate_every=4", "train.save_every=4", "train.probe_phrases=16",
    "train.penalty_every=2", "train.reconstruction_every=2", "train.precision='float32'",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(practice_data):
    return PhraseDataset.open(practice_data)


def weights(path):
    return load_drummer(path).generator.state_dict()


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


# ---- config


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_survives_a_round_trip(preset):
    config = load_config(preset)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_overrides_come_last_and_take_toml_values():
    config = load_config(
        "quick",
        ["train.steps=7", "train.generator_lr=1e-4", "model.styles=['rock', 'jazz']", "train.loss=hinge"],
    )
    assert (config.train.steps, config.train.generator_lr, config.train.loss) == (7, 1e-4, "hinge")
    assert config.model.styles == ("rock", "jazz")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.stepz=7", "did you mean steps?"),
        ("trian.steps=7", "did you mean train?"),
        ("train.steps=many", "use a int"),
        ("train.steps=1.5", "use a int"),
        ("train.steps", "SECTION.KEY=VALUE"),
        ("train.loss=l2", "rpgan"),
        ("train.batch=0", "use 1 or more"),
        ("train.ema=2", "from 0 to 1"),
    ],
)
def test_a_wrong_setting_is_named(override, said):
    with pytest.raises(ConfigError) as error:
        load_config("quick", [override])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_classic_drummer_has_no_kick_to_hide():
    with pytest.raises(ConfigError, match="mismatch_kickless"):
        load_config("classic", ["train.mismatch_kickless=0.5"])


def test_an_unknown_preset_lists_the_known(tmp_path):
    with pytest.raises(ConfigError, match="modern"):
        load_config("moderm")
    (tmp_path / "bad.toml").write_text("[model\n")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "bad.toml")


# ---- batches


def test_a_batch_depends_on_seed_and_step_alone(data):
    config = load_config("quick", TINY)
    first, again = (Batches(data, config.model, config.train) for _ in range(2))
    again.draw(0), again.draw(5)
    assert torch.equal(first.draw(3).drums, again.draw(3).drums)
    assert not torch.equal(first.draw(3).drums, first.draw(4).drums)
    halves = [first.draw(3, rank, 2).drums for rank in (0, 1)]
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), first.draw(3).drums)


def test_a_batch_shows_what_belongs_together(data):
    config = load_config("quick", [*TINY, "train.drop_previous=0.0", "train.rollout=1.0"])
    batches = Batches(data, config.model, config.train)
    rows = data.rows("train")[:40]
    batch = batches.load(rows, rollout_chance=np.zeros(40))
    before = data.index["previous"][rows]
    assert torch.equal(batch.drums > 0, torch.from_numpy(data.kit(rows)))
    assert torch.equal(batch.condition.bass > 0, torch.from_numpy(data.bass(rows)))
    assert batch.condition.has_previous.tolist() == (before >= 0).tolist()
    shown = before >= 0
    assert torch.equal(batch.condition.previous[shown] > 0, torch.from_numpy(data.kit(before[shown])))
    assert torch.equal(batch.before.bass[shown] > 0, torch.from_numpy(data.bass(before[shown])))
    assert batch.rollout.tolist() == shown.tolist()


def test_lookahead_hears_the_phrase_before(data):
    config = load_config("quick", [*TINY, "model.lookahead=1", "train.drop_previous=0.0"])
    batches = Batches(data, config.model, config.train)
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
        Batches(empty, config.model, config.train)


# ---- step


def test_rollout_replaces_only_the_chosen_previous_drums(data):
    config = load_config("quick", [*TINY, "train.drop_previous=0.0"])
    trainer = Trainer(config, data)
    batch = trainer.batches.draw(0)
    dice = torch.Generator()
    dice.manual_seed(0)
    before, _ = draw_dice(len(batch.drums), config.model, config.train, dice)
    followed = follow_itself(trainer.generator, None, batch, before, dice)
    assert batch.rollout.any() and not batch.rollout.all()
    kept = torch.equal(followed.previous[~batch.rollout], batch.condition.previous[~batch.rollout])
    assert kept and not torch.equal(followed.previous[batch.rollout], batch.condition.previous[batch.rollout])


@pytest.mark.parametrize("preset", ["quick", "classic", "classic-wgan", "stepwise"])
@pytest.mark.parametrize("loss", ["rpgan", "hinge", "wgan-gp", "midinet"])
def test_every_family_plays_every_game(data, preset, loss):
    trainer = Trainer(
        load_config(preset, [*TINY, f"train.loss={loss}", "train.gamma=0.1", "train.critic_steps=2"]), data
    )
    start = {key: value.clone() for key, value in trainer.generator.state_dict().items()}
    for _ in range(7):
        losses = trainer.advance()
        assert all(np.isfinite(value) for value in losses.values())
    assert {"game", "fool", "penalty"} <= set(losses) | {"penalty"}
    assert not same(start, trainer.generator.state_dict())


class Notes(torch.nn.Module):
    """A critic that counts hits and notes what it was shown."""

    def forward(self, drums, condition):
        self.shown = drums, condition.bass
        return drums.sum(dim=(1, 2)), None


@pytest.mark.parametrize(("kickless", "bare"), [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_drums_over_another_song_s_bass_are_judged_without_their_kick_as_often_as_asked(data, kickless, bare):
    config = load_config("quick", [*TINY, f"train.mismatch_kickless={kickless}"])
    batch = Batches(data, config.model, config.train).draw(0)
    critic, now = Notes(), batch.condition
    losses = CriticObjective(critic, config.train)(batch.drums, now, batch.drums, now, mismatch=0.5)
    drums, bass = critic.shown
    right, wrong = drums[-8:-4], drums[-4:]
    assert torch.equal(bass[-4:], now.bass[:4].roll(1, 0)) and losses["mismatch"].item() == pytest.approx(
        0.5 * np.log(2)
    )
    assert batch.drums[:4, :, KICK].sum(dim=1).all(), "else there is nothing to see here"
    assert (wrong[:, :, KICK].sum(dim=1) == 0).tolist() == [i < bare for i in range(4)]
    assert torch.equal(wrong[:, :, 1:], batch.drums[:4, :, 1:])
    if bare:
        assert torch.equal(right, wrong) and torch.equal(bass[-8:-4], now.bass[:4])


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(data):
    trainer = Trainer(load_config("quick", TINY), data)
    with torch.no_grad():
        trainer.generator.out.bias.fill_(float("nan"))
    before = {key: value.clone() for key, value in trainer.encoder.state_dict().items()}
    with pytest.raises(TrainingError, match="step 0: the loss likelihood is not finite"):
        trainer.advance()
    assert same(before, trainer.encoder.state_dict())


# ---- loop


def test_stop_and_resume_equals_the_uninterrupted_run(practice_data, data, tmp_path):
    config = load_config("quick", TINY)
    whole = train(config, practice_data, tmp_path / "whole", device="cpu", progress=False)

    def stop_at_six(trainer, step):
        if step == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        train(config, practice_data, tmp_path / "parts", device="cpu", progress=False, on_look=stop_at_six)
    assert load_run(tmp_path / "parts" / "run.safetensors")["step"] < config.train.total_steps
    parts = train(config, practice_data, tmp_path / "parts", device="cpu", progress=False, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    steps = [[row["step"] for row in RunFolder(tmp_path / name).read_log()] for name in ("whole", "parts")]
    assert steps[0] == steps[1] == ["4", "8", "12"]


def test_another_seed_gives_other_weights(practice_data, tmp_path):
    one, two = (
        weights(
            train(
                load_config("quick", [*TINY, f"train.seed={s}"]),
                practice_data,
                tmp_path / str(s),
                device="cpu",
                progress=False,
            )
        )
        for s in (1, 2)
    )
    assert not same(one, two)


def test_a_run_is_not_overwritten_nor_resumed_with_another_config(practice_data, tmp_path):
    config = load_config("quick", [*TINY, "train.warmup_steps=1", "train.steps=0"])
    train(config, practice_data, tmp_path, device="cpu", progress=False)
    with pytest.raises(TrainingError, match="--resume"):
        train(config, practice_data, tmp_path, device="cpu", progress=False)
    other = load_config("quick", [*TINY, "train.warmup_steps=1", "train.steps=0", "train.gamma=0.5"])
    with pytest.raises(TrainingError, match=r"train\.gamma was 0\.1, is now 0\.5"):
        train(other, practice_data, tmp_path, device="cpu", progress=False, resume=True)


def test_a_second_training_in_the_folder_is_refused(practice_data, tmp_path):
    folder = RunFolder(tmp_path)
    with folder.lock(), pytest.raises(TrainingError, match="another training"):
        train(load_config("quick", TINY), practice_data, tmp_path, device="cpu", progress=False)


def test_an_unknown_device_is_refused():
    with pytest.raises(TrainingError, match="use auto, cpu or cuda"):
        pick_device("abacus")


def test_a_look_measures_and_draws(data, tmp_path):
    config = load_config("quick", TINY)
    trainer = Trainer(config, data)
    figures = Look(data, config, tmp_path)(trainer, 12)
    assert {"lift", "variety", "hits_per_bar", "identical", "real_lift", "real_hits_per_bar"} <= set(figures)
    assert figures["real_lift"] > 0.05 and figures["real_hits_per_bar"] > 5
    assert (tmp_path / "step0000012.png").read_bytes().startswith(b"\x89PNG")


def test_it_learns_two_songs_by_heart(data):
    """Likelihood alone on one batch: the drums come back, and to the other song's bass the other song's
    drums."""
    settings = [
        "model.previous=none",
        "model.width=24",
        "train.warmup_steps=200",
        "train.kl=0.0",
        "train.precision='float32'",
    ]
    config = load_config("quick", [*TINY, *settings])
    trainer = Trainer(config, data)
    rows = data.rows("train")
    songs = np.unique(data.index["song"][rows])[:2]
    batch = trainer.batches.load(np.asarray([rows[data.index["song"][rows] == s][1] for s in songs]))
    trainer._next_batch = lambda: batch
    first = trainer.advance()["likelihood"]
    for _ in range(199):
        last = trainer.advance()["likelihood"]
    assert last < 0.1 * first
    dice = torch.Generator()
    dice.manual_seed(0)
    now = spread(draw_song_noise(2, config.model, dice), torch.ones(2), dice)
    hits = perform(trainer.generator.eval(), None, batch.condition, now, temperature=0.0)
    agreement = [
        [(hits[i] & (batch.drums[j] > 0)).sum() / (hits[i] | (batch.drums[j] > 0)).sum() for j in (0, 1)]
        for i in (0, 1)
    ]
    assert agreement[0][0] > 0.6 > agreement[0][1] and agreement[1][1] > 0.6 > agreement[1][0]


def test_precision_auto_is_what_the_processor_is_fast_at(practice_data, tmp_path, monkeypatch):
    settings = [*TINY, "train.warmup_steps=1", "train.steps=1", "train.critic_first=0"]

    def trained(name, precision, **can):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
        config = load_config("quick", [*settings, f"train.precision={precision!r}"])
        return weights(train(config, practice_data, tmp_path / name, device="cpu", progress=False))

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
start = trainer.generator.out.weight.clone()
drawn = trainer.batches.draw(0, rank, 2).drums.sum()
while trainer.step < trainer.config.train.total_steps:
    trainer.advance()
networks = (trainer.generator, trainer.discriminator, trainer.averaged, trainer.planner)
flat = torch.cat([p.detach().flatten() for n in networks for p in n.parameters()])
both = [torch.zeros_like(flat) for _ in range(2)]
dist.all_gather(both, flat)
draws = [torch.zeros_like(drawn) for _ in range(2)]
dist.all_gather(draws, drawn)
if rank == 0:
    assert not torch.equal(start, trainer.generator.out.weight), "nothing was learned"
    assert draws[0] != draws[1], "both processes were shown the same phrases"
    print("equal" if torch.equal(both[0], both[1]) else f"apart by {(both[0] - both[1]).abs().max()}")
del trainer, networks
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
        "model.plans=true",
        "train.steps=4",
        "train.ranking_steps=3",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("equal")
