"""A drummer asked phrase by phrase: noise, controls, families, memory, score."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from basedrum.drummer import repeats, resampling
from basedrum.drummer.controls import Controls
from basedrum.drummer.memory import Memory
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.sampling import (
    SILENT_BAR,
    PhraseInputs,
    PhraseModel,
    SongState,
    load_phrase_model,
)
from basedrum.errors import ConfigError
from basedrum.models.config import ModelConfig
from basedrum.models.noise import Noise, phrase_noise
from basedrum.models.recall import NUM_CHOICES
from basedrum.models.registry import build_model
from basedrum.weights import Drummer

STEPS, QPM = np.full((3, 4), 16), np.full(3, 120.0)
FAMILIES = ["modern", "classic"]


def model(family="modern", reranker=None):
    torch.manual_seed(4)
    network = build_model(ModelConfig(family=family, width=16, styles=("rock", "jazz"))).eval()
    for parameter in network.generator.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return PhraseModel(Drummer("test", network, {}, reranker))


def lines(size, seed=0):
    bass = np.zeros((size, 2, 64, 72), bool)
    rng = np.random.default_rng(seed)
    for line in bass:
        steps = rng.permutation(64)[:20]
        line[:, steps, rng.integers(10, 30, 20)] = True
    return bass


def phrases(seed=0, size=3, **more):
    return PhraseInputs(lines(size, seed), QPM[:size], STEPS[:size], **more)


def noise(seed=1, size=3):
    return Noise.join([phrase_noise(seed * 100 + row, 0) for row in range(size)])


def drums(seed=0, share=0.3):
    return np.random.default_rng(seed).random((64, 12)) < share


class Counting(torch.nn.Module):
    """A re-ranker that scores a phrase by its hits, and counts how often it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def forward(self, drums, condition):
        self.asked += 1
        return drums.sum(dim=(1, 2)) + condition.density, None


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_are_kit_hits_and_depend_on_noise_and_bass(family):
    drummer = model(family)
    hits = drummer.sample(phrases(), noise())
    assert hits.shape == (3, 64, 12) and hits.dtype == bool and hits.any()
    assert np.array_equal(hits, drummer.sample(phrases(), noise()))
    assert not np.array_equal(hits, drummer.sample(phrases(), noise(2)))
    assert not np.array_equal(hits, drummer.sample(phrases(seed=8), noise()))


def test_samples_depend_on_the_drums_before_where_there_are_any():
    drummer = model()
    hits = drummer.sample(phrases(), noise())
    assert not np.array_equal(hits, drummer.sample(phrases(previous=hits), noise()))
    assert np.array_equal(hits, drummer.sample(phrases(previous=hits & False), noise()))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_phrase_is_the_same_alone_and_in_company(family, monkeypatch):
    drummer = model(family)
    together = drummer.sample(phrases(previous=drums()[None].repeat(3, axis=0)), noise())
    alone = drummer.sample(phrases(previous=drums()[None].repeat(3, axis=0))[1:2], noise()[1:2])
    assert np.array_equal(together[1:2], alone)
    monkeypatch.setattr("basedrum.drummer.sampling.PHRASES_AT_ONCE", 2)
    assert np.array_equal(
        together, drummer.sample(phrases(previous=drums()[None].repeat(3, axis=0)), noise())
    )


def test_a_song_plays_as_a_batch_does(no_rules):
    drummer = model()
    controls = Controls(temperature=0.5)
    one = drummer.new_song(11, controls).play(Phrase(lines(1)[0], 120.0, STEPS[0], None, 4))
    batch = drummer.sample(phrases(size=1), phrase_noise(11, 4), controls)
    assert np.array_equal(one, batch[0])


def test_an_attempt_is_other_noise_for_the_same_phrase(no_rules):
    song = model().new_song(11)
    played = song.play(Phrase(lines(1)[0], 120.0, STEPS[0]))
    attempts = [song.draw(phrases(size=1), 0, attempt) for attempt in (0, 1, 2, 1)]
    assert np.array_equal(attempts[0], played) and np.array_equal(attempts[1], attempts[3])
    assert not np.array_equal(attempts[0], attempts[1]) and not np.array_equal(attempts[1], attempts[2])


def test_bars_that_may_not_be_repeated_are_not(monkeypatch):
    drummer, seen = model(), []
    draw = drummer.drummer.model.planner.draw
    monkeypatch.setattr(drummer.drummer.model.planner, "draw", lambda *a: seen.append(draw(*a)) or seen[-1])
    given = {"previous": drums()[None].repeat(3, axis=0)}
    drummer.sample(phrases(**given), noise(3))
    nothing = np.zeros((3, 4, NUM_CHOICES), bool)
    for keep_new in (False, True):
        drummer.sample(phrases(**given, allowed_repeats=nothing, keep_new=keep_new), noise(3))
    only_last = nothing.copy()
    only_last[1, :, 1] = True
    drummer.sample(phrases(**given, allowed_repeats=only_last), noise(3))
    assert seen[0].any() and not seen[1].any() and not seen[2].any()
    assert set(seen[3][1].tolist()) <= {0, 1} and not seen[3][[0, 2]].any()


def test_the_mask_and_keep_new_reach_the_model(monkeypatch):
    drummer, seen = model(), []
    monkeypatch.setattr("basedrum.drummer.sampling.PHRASES_AT_ONCE", 2)
    sample = drummer.drummer.model.sample
    monkeypatch.setattr(drummer.drummer.model, "sample", lambda *a: seen.append(a[2]) or sample(*a))
    mask = np.random.default_rng(0).random((3, 4, NUM_CHOICES)) < 0.5
    drummer.sample(phrases(allowed_repeats=mask, keep_new=True), noise())
    assert np.array_equal(torch.cat([guidance.allowed_repeats for guidance in seen]).numpy(), mask)
    assert all(guidance.keep_new for guidance in seen)


def test_short_measures_stay_inside_their_bar():
    hits = model().sample(PhraseInputs(lines(3), QPM, np.full((3, 4), 12)), noise())
    assert hits.any() and not hits.reshape(3, 4, 16, 12)[:, :, 12:].any()


@pytest.mark.parametrize("controls", [Controls(style="jazz"), Controls(density=3.0)])
def test_controls_change_the_drums(controls):
    drummer = model()
    drummer.config = replace(drummer.config, style_guidance=20.0)  # new weights know little of styles
    assert not np.array_equal(*(drummer.sample(phrases(), noise(), c) for c in (Controls(), controls)))


def test_a_density_asked_for_is_come_nearer():
    drummer = load_phrase_model("default")
    given = phrases(previous=drums(share=0.1)[None].repeat(3, axis=0))
    free, few, many = (
        drummer.sample(given, noise(), Controls(density=density)).sum() / 12 for density in (None, 4.0, 30.0)
    )
    assert few < free < many and few < 9 and many > 22, (few, free, many)


def test_unknown_styles_are_refused_with_the_nearest():
    drummer = model()
    for ask in (lambda c: drummer.new_song(1, c), lambda c: drummer.sample(phrases(), noise(), c)):
        with pytest.raises(ConfigError, match=r"did you mean jazz\? use one of rock, jazz"):
            ask(Controls(style="jaz"))
    with pytest.raises(ConfigError, match="knows no styles"):
        Controls(style="jazz").check(())


@pytest.mark.parametrize("family", FAMILIES)
def test_temperature_is_how_much_the_noise_decides(family):
    drummer = model(family)
    for temperature, is_same in ((0.0, True), (1.0, False)):
        hits = [drummer.sample(phrases(), noise(s), Controls(temperature)) for s in (1, 2)]
        assert np.array_equal(*hits) == is_same


@pytest.fixture
def no_rules(monkeypatch):
    """Any bar may be repeated, no phrase is sampled again, and the kit of a song is left open."""
    left_open = (torch.zeros(1, 12), torch.zeros(1, dtype=torch.int64))
    monkeypatch.setattr(SongState, "_draw_kit", lambda *given: left_open)
    monkeypatch.setattr(repeats, "LEAST_ALIKE", 0.0)
    monkeypatch.setattr(resampling, "KEEPS_TIME", 0.0)
    monkeypatch.setattr(resampling, "KEEPS_BACKBEAT", 0.0)


def played_to_a_verse(drummer, seed, of_verse):
    """What a song plays when a verse comes back after a chorus."""
    song = drummer.new_song(seed)
    song.remember(lines(1, 5)[0], of_verse)
    song.remember(lines(1, 6)[0], drums(9))
    return song.play(Phrase(lines(1, 5)[0], 120.0, STEPS[0], drums(9), 2))


def test_a_song_remembers_what_was_played(no_rules):
    drummer = model()
    differs = []
    for seed in range(8):
        one, other = (played_to_a_verse(drummer, seed, drums(s)) for s in (1, 2))
        differs.append(not np.array_equal(one, other))
        known = Memory()
        known.remember(lines(1, 5), drums(2)[None])
        known.remember(lines(1, 6), drums(9)[None])
        verse = PhraseInputs(lines(1, 5), QPM[:1], STEPS[:1], drums(9)[None])
        batch = drummer.sample(verse, phrase_noise(seed, 2), known=known.recollect(verse.bass))
        assert np.array_equal(batch[0], other)
    assert any(differs)


def test_without_drums_before_nothing_is_recalled():
    memory = Memory()
    memory.remember(lines(2, 5), np.stack([drums(1), drums(1)]))
    memory.remember(lines(2, 6), np.stack([drums(9), drums(9)]))
    known = memory.recollect(lines(2, 5))
    previous = np.stack([drums(9), drums(9) & False])
    given = PhraseInputs(lines(2, 5), QPM[:2], STEPS[:2], previous)
    found = model().condition(given, Controls(), known)
    assert found.has_previous.tolist() == [1, 0] and (known.likeness > 0.99).all()
    assert found.likeness[0].tolist() == pytest.approx([1] * 4, abs=1e-4) and not found.likeness[1].any()
    assert np.array_equal(found.recalled[0].numpy() > 0, drums(1)) and not found.recalled[1].any()


# ---- score


def test_a_song_is_scored_when_asked_by_what_was_remembered():
    reranker = Counting()
    song = model(reranker=reranker).new_song(3, Controls(density=5.0))
    assert song.score is None
    played = []
    for index in range(3):
        song.draw(phrases(size=1, seed=index), index, attempt=1)  # a sample that was not kept
        hits = song.play(Phrase(lines(1, index)[0], 120.0, STEPS[0], None, index))
        hits[16:32] = False
        song.remember(lines(1, index)[0], hits)
        played.append(hits)
    assert reranker.asked == 0, "nobody has asked yet"
    silent = [(~hits.reshape(4, -1).any(axis=1)).sum() for hits in played]
    expected = [hits.sum() + 5.0 - SILENT_BAR * n for hits, n in zip(played, silent, strict=True)]
    assert song.score == pytest.approx(np.mean(expected)) and min(silent) >= 1
    assert reranker.asked > 0


def test_kept_drums_are_not_scored():
    song = model(reranker=Counting()).new_song(3)
    song.remember(lines(1)[0], drums())
    assert song.score is None


def test_without_reranker_a_song_has_no_score():
    song = model().new_song(1)
    song.remember(lines(1)[0], song.play(Phrase(lines(1)[0], 120.0, STEPS[0])))
    assert song.score is None
