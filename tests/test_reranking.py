"""Ranking: a discriminator that learns to weigh the answers of a drummer that stands still, and answers drawn
by it."""

import numpy as np
import pytest
import torch
from torch import nn

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer import sampling
from basedrum.drummer.ranking import SILENT_BAR, draw_answers
from basedrum.drummer.runs import RunDrummer
from basedrum.drummer.sampling import PhraseModel, Wishes
from basedrum.errors import ConfigError
from basedrum.models.config import ModelConfig
from basedrum.models.families import build_generator
from basedrum.training.batches import Batches
from basedrum.training.config import load_config
from basedrum.training.loop import train
from basedrum.training.losses import logistic_loss
from basedrum.training.ranking import play_after_itself, real_condition
from basedrum.training.step import CriticObjective
from basedrum.training.trainer import Trainer
from basedrum.weights import Drummer, load_drummer

TINY = [
    "model.width=16", "model.critic_width=16", "train.batch=16", "train.warmup_steps=3", "train.steps=3",
    "train.critic_first=1",
    "train.ranking_steps=6", "train.evaluate_every=4", "train.save_every=4", "train.probe_phrases=16",
    "train.precision='float32'",
]  # fmt: skip
STEPS, QPM = np.full((4, 4), 16), np.full(4, 120.0)


@pytest.fixture(scope="module")
def data(practice_data):
    return PhraseDataset.open(practice_data)


def dice(seed=0):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def lines(size, seed=0):
    rng = np.random.default_rng(seed)
    bass = np.zeros((size, 2, 64, 72), bool)
    for line in bass:
        line[:, rng.permutation(64)[:20], rng.integers(10, 30, 20)] = True
    return bass


class LikesHits(nn.Module):
    """A ranker that finds a phrase the more real the more hits it has."""

    def forward(self, drums, condition):
        return drums.sum(dim=(1, 2)), None


def model(ranker=None, **more):
    torch.manual_seed(4)
    config = ModelConfig(width=16, styles=("rock",))
    generator = build_generator(config).eval()
    for parameter in generator.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.2)
    return PhraseModel(Drummer("test", generator, config, {}, ranker), **more)


# ---- drawing


def test_answers_are_drawn_as_often_as_their_scores_say():
    scores = np.log([[1.0], [3.0]]).repeat(4000, axis=1)
    rngs = [np.random.default_rng(i) for i in range(4000)]
    assert draw_answers(scores, rngs, strictness=1.0).mean() == pytest.approx(0.75, abs=0.03)
    rngs = [np.random.default_rng(i) for i in range(4000)]
    assert draw_answers(scores, rngs, strictness=0.0).mean() == pytest.approx(0.5, abs=0.03)


def test_a_ranker_decides_between_answers():
    bass = lines(4)
    plain, ranked = (
        m.play(bass, QPM, STEPS, None, seed=1) for m in (model(), model(LikesHits(), strictness=100.0))
    )
    assert (ranked.sum(axis=(1, 2)) >= plain.sum(axis=(1, 2))).all() and ranked.sum() > plain.sum()
    blind = model(LikesHits(), strictness=0.0).play(bass, QPM, STEPS, None, seed=1)
    assert not np.array_equal(ranked, blind)


def test_an_answer_with_a_silent_bar_is_hardly_ever_drawn(monkeypatch):
    class Indifferent(nn.Module):
        def forward(self, drums, condition):
            return torch.zeros(len(drums)), None

    def perform(generator, planner, condition, *_):
        hits = torch.ones(8, len(condition), 64, 12, dtype=torch.bool)
        hits[0, :, 16:32] = False
        return hits.flatten(0, 1)

    monkeypatch.setattr(sampling, "perform", perform)
    size = 600
    answer = model(Indifferent(), strictness=0.5).answer(
        np.zeros((size, 2, 64, 72), bool), np.full(size, 120.0), np.full((size, 4), 16), None, seed=1
    )
    share = (~answer.hits[:, 16:32].any(axis=(1, 2))).mean()
    assert 0 < share < 0.05, "one of eight without the cost: .125"


def test_one_answer_is_that_of_a_drummer_without_ranker():
    bass = lines(4)
    assert np.array_equal(
        model().play(bass, QPM, STEPS, None, 1), model(LikesHits(), answers=1).play(bass, QPM, STEPS, None, 1)
    )


def test_a_drummer_that_plays_hit_after_hit_gives_one_answer_and_its_score():
    config = ModelConfig(family="autoregressive", width=16, styles=("rock",))
    drummer = PhraseModel(Drummer("test", build_generator(config).eval(), config, {}, LikesHits()))
    assert drummer.answers == 1 and model(LikesHits()).answers == 8
    state = drummer.new_song(3)
    hits = state.play(lines(1)[0], 120.0, STEPS[0], None, 0)
    silent = (~hits.reshape(4, -1).any(axis=1)).sum()
    assert state.score == pytest.approx(
        LikesHits()(torch.from_numpy(hits)[None].float(), None)[0].item() - SILENT_BAR * silent
    )


def test_ranked_answers_are_the_same_alone_and_in_company():
    drummer, bass = model(LikesHits()), lines(4)
    together = drummer.answer(bass, QPM, STEPS, None, 5, songs=np.arange(4) + 7, index=0)
    alone = drummer.answer(bass[2:3], QPM[:1], STEPS[:1], None, 5, songs=np.array([9]), index=0)
    assert np.array_equal(together.hits[2:3], alone.hits) and together.takes[2] == alone.takes[0]


def test_a_song_goes_on_with_the_throw_it_began_with():
    drummer = model(LikesHits(), strictness=100.0, phrases_share=1.0)
    state, runs = drummer.new_song(3), RunDrummer(drummer)
    runs.start_songs(1, 3)
    bass = lines(1)
    first = state.play(bass[0], 120.0, STEPS[0], None, 0)
    later = state.play(bass[0], 120.0, STEPS[0], first, 1)
    beside = runs.play(bass, QPM[:1], STEPS[:1], None, 99)
    assert np.array_equal(beside[0], first)
    assert np.array_equal(runs.play(bass, QPM[:1], STEPS[:1], beside, 98)[0], later)
    thrown = {
        t: drummer.answer(bass, QPM[:1], STEPS[:1], first[None], 3, index=1, takes=np.array([t])).hits
        for t in range(8)
    }
    assert np.array_equal(thrown[int(state.takes[0])][0], later)
    assert any(not np.array_equal(hits[0], later) for hits in thrown.values())
    assert state.score == pytest.approx((first.sum() + later.sum()) / 2)


def test_without_ranker_a_song_has_no_score_and_at_temperature_0_nothing_is_drawn():
    state = model().new_song(1)
    state.play(lines(1)[0], 120.0, STEPS[0], None, 0)
    assert state.score is None
    cold = [
        m.play(lines(4), QPM, STEPS, None, 1, wishes=Wishes(temperature=0.0))
        for m in (model(), model(LikesHits()))
    ]
    assert np.array_equal(*cold)


# ---- learning to rank


def test_a_run_of_phrases_is_one_song_and_depends_on_seed_and_step_alone(data):
    config = load_config("quick", TINY)
    batches = Batches(data, config.model, config.train)
    run, again = batches.draw_run(7, 3), Batches(data, config.model, config.train).draw_run(7, 3)
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


def test_a_drummer_in_ranking_follows_itself_or_the_real_drums(data):
    config = load_config("quick", TINY)
    trainer = Trainer(config, data)
    run = trainer.batches.draw_run(2, 3)
    fake, condition = play_after_itself(trainer.averaged, None, run, dice())
    again, _ = play_after_itself(trainer.averaged, None, run, dice())
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


def test_in_ranking_the_critic_learns_and_the_generator_rests(data):
    trainer = Trainer(load_config("quick", [*TINY, "train.ranking_steps=60", "train.ranking_lr=0.003"]), data)
    for _ in range(6):
        trainer.advance()
    before = {k: v.clone() for k, v in trainer.averaged.state_dict().items()}
    losses = [trainer.advance() for _ in range(60)]
    assert all(set(loss) == {"rank"} for loss in losses)
    ranks = [loss["rank"] for loss in losses]
    assert np.mean(ranks[-10:]) < 0.9 * np.mean(ranks[:5])
    assert all(torch.equal(v, before[k]) for k, v in trainer.averaged.state_dict().items())


class HearsBass(nn.Module):
    """A ranker that counts the hits on notes of the bass."""

    def forward(self, drums, condition):
        return (drums.amax(dim=2) * condition.bass[:, 0].amax(dim=2)).sum(dim=1), None


def test_a_ranker_that_asks_for_fit_is_shown_real_drums_over_another_song_s_bass(data):
    config = load_config("quick", [*TINY, "train.ranking_mismatch=0.5"])
    trainer = Trainer(config, data)
    for _ in range(6):
        trainer.advance()
    assert set(trainer.advance()) == {"rank", "fit"}
    batch = trainer.batches.draw(0)
    now, half = batch.condition, len(batch.drums) // 2
    losses = CriticObjective(HearsBass(), config.train)(
        batch.drums, now, batch.drums, now, mismatch=0.5, ranking=True
    )
    hit = batch.drums[:half].amax(dim=2)
    right, wrong = (
        (hit * bass[:, 0].amax(dim=2)).sum(dim=1) for bass in (now.bass[:half], now.bass[:half].roll(1, 0))
    )
    assert losses["fit"].item() == pytest.approx(0.5 * logistic_loss(right, wrong).item(), rel=1e-5)


def test_a_drummer_with_a_memory_recalls_in_ranking_what_it_played_itself(data):
    config = load_config("modern", [*TINY, "model.memory=true", "model.told_plans=true"])
    trainer = Trainer(config, data)
    run = trainer.batches.draw_run(2, 3)
    _, condition = play_after_itself(trainer.averaged, trainer.planner, run, dice())
    real = run.conditions[0]
    shown = condition.likeness.amax(dim=1) > 0
    as_real = (condition.recalled == real.recalled).flatten(1).all(dim=1)
    assert (shown & as_real).any() and (shown & ~as_real).any(), (
        "after real drums the real ones, after its own its own"
    )
    assert not condition.likeness[condition.has_previous == 0].any() and not condition.recalled[~shown].any()
    beside = real_condition(run, condition)
    assert torch.equal(beside.likeness, condition.likeness) and torch.equal(beside.recalled, real.recalled)


def test_only_a_finished_training_ranks_and_it_resumes_exactly(practice_data, tmp_path):
    config = load_config("quick", TINY)
    whole = train(config, practice_data, tmp_path / "whole", device="cpu", progress=False)
    halfway = {}

    def interrupt(trainer, step):
        if step == 8:
            halfway["ranks"] = load_drummer(tmp_path / "parts" / "drummer.safetensors").ranker is not None
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        train(config, practice_data, tmp_path / "parts", device="cpu", progress=False, on_look=interrupt)
    parts = train(config, practice_data, tmp_path / "parts", device="cpu", progress=False, resume=True)
    assert whole.read_bytes() == parts.read_bytes()
    assert halfway == {"ranks": False} and load_drummer(whole).ranker is not None


def test_the_logistic_loss_is_log_2_for_one_that_cannot_tell():
    assert logistic_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(np.log(2))
    assert logistic_loss(torch.full((4,), 9.0), torch.full((4,), -9.0)).item() < 1e-3


def test_a_classic_drummer_is_not_ranked():
    with pytest.raises(ConfigError, match="ranking_steps"):
        load_config("classic", ["train.ranking_steps=5"])
