"""Re-ranking: a discriminator that learns to rank what a model that stands still plays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_models import random
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.training.adversarial import Pair
from basedrum.training.batches import Batches
from basedrum.training.config import load_config
from basedrum.training.loop import LoopOptions, train
from basedrum.training.losses import logistic_loss
from basedrum.training.reranking import RerankingLoss, play_after_itself, real_condition
from basedrum.training.trainer import Trainer
from basedrum.weights import load_drummer

TINY = [
    "model.width=16", "model.discriminator_width=16", "train.batch=16", "train.evaluate_every=4",
    "train.save_every=4", "train.validation_phrases=16", "train.precision='float32'", "warmup.steps=3",
    "adversarial.steps=3", "adversarial.discriminator_first=1", "reranking.steps=6", "reranking.mismatch=0.0",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(practice_data):
    return PhraseDataset.open(practice_data)


def test_a_run_of_phrases_is_one_song_and_depends_on_seed_and_step_alone(data):
    config = load_config("quick", TINY)
    batches = Batches(data, config)
    run, again = batches.draw_run(7, 3), Batches(data, config).draw_run(7, 3)
    assert torch.equal(run.drums, again.drums) and torch.equal(run.length, again.length)
    assert not torch.equal(run.drums, batches.draw_run(8, 3).drums)
    assert set(run.length.tolist()) == {0, 1, 2, 3} and len(run.conditions) == 4
    halves = [batches.draw_run(7, 3, rank, 2).drums for rank in (0, 1)]
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), run.drums)
    rows = batches.rows
    before = data.index["previous"][rows]
    rows, before = rows[before >= 0], before[before >= 0].astype(int)

    def chained(bass, earlier_bass, earlier_drums):
        return {
            b.tobytes() + e.tobytes() + d.tobytes()
            for b, e, d in zip(bass, earlier_bass, earlier_drums, strict=True)
        }

    known = chained(data.bass(rows), data.bass(before), data.kit(before))
    deep = run.length.numpy() > 0
    now, then = run.conditions[:2]
    assert chained(*((part[deep].numpy() > 0) for part in (now.bass, then.bass, now.previous))) <= known


def test_a_drummer_in_reranking_follows_itself_or_the_real_drums(data):
    config = load_config("quick", TINY)
    trainer = Trainer(config, data)
    run = trainer.feed.batches.draw_run(2, 3)
    fake, condition = play_after_itself(trainer.networks.averaged, run, random())
    again, _ = play_after_itself(trainer.networks.averaged, run, random())
    assert torch.equal(fake, again) and set(fake.unique().tolist()) <= {0.0, 1.0}
    given = condition.has_previous > 0
    real = run.conditions[0]
    follows_real = (condition.previous == real.previous).flatten(1).all(dim=1) & given
    follows_itself = given & ~follows_real
    assert follows_real.any() and follows_itself.any()
    assert (run.length[follows_itself] > 0).all() and not condition.previous[~given].any()
    beside = real_condition(run, condition)
    assert torch.equal(beside.has_previous, condition.has_previous) and torch.equal(
        beside.bass, condition.bass
    )
    assert torch.equal(beside.previous, real.previous * condition.has_previous[:, None, None])


def test_in_reranking_the_discriminator_learns_and_the_model_rests(data):
    trainer = Trainer(load_config("quick", [*TINY, "reranking.steps=60", "reranking.lr=0.003"]), data)
    for _ in range(6):
        trainer.advance()
    before = {k: v.clone() for k, v in trainer.networks.averaged.state_dict().items()}
    losses = [trainer.advance() for _ in range(60)]
    assert all(set(loss) == {"rerank"} for loss in losses)
    values = [loss["rerank"] for loss in losses]
    assert np.mean(values[-10:]) < 0.9 * np.mean(values[:5])
    assert all(torch.equal(v, before[k]) for k, v in trainer.networks.averaged.state_dict().items())


class FollowsBass(nn.Module):
    """A discriminator that counts the hits on notes of the bass."""

    def forward(self, drums, condition):
        return (drums.amax(dim=2) * condition.bass[:, 0].amax(dim=2)).sum(dim=1), None


def test_a_reranker_that_asks_for_fit_is_shown_real_drums_over_another_song_s_bass(data):
    trainer = Trainer(load_config("quick", [*TINY, "reranking.mismatch=0.5"]), data)
    for _ in range(6):
        trainer.advance()
    assert set(trainer.advance()) == {"rerank", "fit"}
    batch = trainer.feed.batches.draw(0)
    now, half = batch.condition, len(batch.drums) // 2
    losses = RerankingLoss(FollowsBass(), 0.5)(Pair(batch.drums, now, batch.drums, now))
    hit = batch.drums[:half].amax(dim=2)
    basses = (now.bass[:half], now.bass[:half].roll(1, 0))
    right, wrong = ((hit * bass[:, 0].amax(dim=2)).sum(dim=1) for bass in basses)
    assert losses["fit"].item() == pytest.approx(0.5 * logistic_loss(right, wrong).item(), rel=1e-5)


def test_in_reranking_a_drummer_recalls_what_it_played_itself(data):
    trainer = Trainer(load_config("modern", TINY), data)
    run = trainer.feed.batches.draw_run(2, 3)
    _, condition = play_after_itself(trainer.networks.averaged, run, random())
    real = run.conditions[0]
    shown = condition.likeness.amax(dim=1) > 0
    as_real = (condition.recalled == real.recalled).flatten(1).all(dim=1)
    assert (shown & as_real).any() and (shown & ~as_real).any(), (
        "after real drums the real ones, after its own its own"
    )
    assert not condition.likeness[condition.has_previous == 0].any() and not condition.recalled[~shown].any()
    beside = real_condition(run, condition)
    assert torch.equal(beside.likeness, condition.likeness) and torch.equal(beside.recalled, real.recalled)


def test_the_rate_of_reranking_rises_and_then_falls(data):
    trainer = Trainer(load_config("quick", [*TINY, "reranking.steps=201"]), data)
    phase, rates = trainer.phases["reranking"], []
    for number in (0, 49, 99, 150, 200):
        phase.advance(6, number, random())
        rates.append(phase.optimizer.param_groups[0]["lr"] / 1e-3)
    falling = [1 - 0.95 * number / 201 for number in (0, 49, 99, 150, 200)]
    assert rates == pytest.approx([0.01, 0.5 * falling[1], falling[2], falling[3], falling[4]], rel=1e-6)


def test_only_a_finished_training_has_a_reranker_and_it_resumes_exactly(practice_data, tmp_path):
    config, quiet = load_config("quick", TINY), LoopOptions(device="cpu", progress=False)
    whole = train(config, practice_data, tmp_path / "whole", quiet)
    halfway = {}

    def interrupt(trainer, step):
        if step == 8:
            drummer = load_drummer(tmp_path / "parts" / "drummer.safetensors")
            halfway["reranks"] = drummer.reranker is not None
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        train(config, practice_data, tmp_path / "parts", replace(quiet, on_validation=interrupt))
    parts = train(config, practice_data, tmp_path / "parts", replace(quiet, resume=True))
    assert whole.read_bytes() == parts.read_bytes()
    assert halfway == {"reranks": False} and load_drummer(whole).reranker is not None
