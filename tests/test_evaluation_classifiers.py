"""The classifiers on made-up music whose answer is known: AUC by hand, tests near .5 and near 1, matching
above chance."""

import numpy as np
import pytest
import torch

from basedrum.evaluation.features import NUM_BASS_ROWS, bass_rows, drum_rows
from basedrum.evaluation.matching import MatchingConfig, matching_loss, train_matching
from basedrum.evaluation.twosample import TwoSampleConfig, auc, network_learner, real_floor, two_sample
from basedrum.measures.baselines import PositionMarginals, bass_onsets
from basedrum.measures.metrics import recall_at_one
from basedrum.music import kit
from basedrum.music.rolls import BassRoll

FAST = TwoSampleConfig(width=16, steps=80)


def band(num_songs: int, per_song: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (bass (n, 2, 64, 72), hits (n, 64, 12), songs (n,)) of a band whose kick follows the bass, its
    bars repeating."""
    rng = np.random.default_rng(seed)
    songs = np.repeat(np.arange(num_songs), per_song)
    bass, hits = np.zeros((len(songs), 2, 64, 72), bool), np.zeros((len(songs), 64, 12), bool)
    chance = np.tile([0.9, 0.1, 0.4, 0.3], 4)
    for row in range(len(songs)):
        rhythm = np.tile(rng.random(16) < chance, 4)
        bass[row, :, np.flatnonzero(rhythm), 10 + rng.integers(0, 12)] = True
        kick = rhythm & np.tile(rng.random(16) < 0.8, 4)
        hat = np.arange(64) % (2 if rng.random() < 0.6 else 4) == 0
        hits[row, :, kit.KICK], hits[row, :, kit.CLOSED_HAT] = kick, hat
        hits[row, 4::8, kit.SNARE] = True
    return bass, hits, songs


def both(bass: np.ndarray, hits: np.ndarray) -> np.ndarray:
    return np.concatenate([drum_rows(hits), bass_rows(bass, np.full(len(bass), 120.0))], axis=1)


def test_auc_by_hand():
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1
    assert auc([0.1], [0.9]) == 0
    assert auc([1, 3], [2]) == 0.5
    assert auc([1, 1, 1], [1, 1]) == 0.5  # all tied: nothing told, neither 0 nor 1
    assert auc([3, 2], [2, 1, 0]) == pytest.approx((3 + 2.5) / 6)
    assert np.isnan(auc([], [1]))


def test_two_sample_tells_marginals_and_not_real_drums():
    bass, hits, songs = band(60)
    marginals = PositionMarginals.fit(hits)
    fakes = [marginals.play(bass, None, np.full((len(bass), 4), 16), None, seed) for seed in (0, 1)]
    fake_rows = np.concatenate([both(bass, fake) for fake in fakes])
    told = two_sample(both(bass, hits), fake_rows, songs, np.tile(songs, 2), learn=network_learner(FAST))
    assert told.value > 0.9
    assert told.low <= told.value <= told.high
    floor = real_floor(both(bass, hits), songs, learn=network_learner(FAST))
    assert abs(floor.value - 0.5) < 0.13  # sixty songs tell no better


def test_two_sample_hears_the_bass_only_where_it_is_shown():
    bass, hits, songs = band(90)
    other = hits[(np.arange(len(hits)) + 4) % len(hits)]  # the next song's drums: good drums, wrong bass
    config = TwoSampleConfig(width=16, steps=200)
    with_bass = two_sample(both(bass, hits), both(bass, other), songs, songs, learn=network_learner(config))
    alone = two_sample(drum_rows(hits), drum_rows(other), songs, songs, learn=network_learner(FAST))
    assert with_bass.value > 0.75
    assert alone.value < 0.6


def test_two_sample_is_seeded_and_leaves_the_callers_randomness_alone():
    bass, hits, songs = band(12)
    rows, config = both(bass, hits), TwoSampleConfig(width=8, steps=5)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    threads = torch.get_num_threads()
    first = two_sample(rows, rows[::-1].copy(), songs, songs, seed=1, learn=network_learner(config))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert first == two_sample(rows, rows[::-1].copy(), songs, songs, seed=1, learn=network_learner(config))
    assert np.isnan(
        two_sample(rows[:8], rows[:8], songs[:8], songs[:8], learn=network_learner(config)).value
    )  # two songs only
    assert np.isnan(real_floor(rows[:8], songs[:8], learn=network_learner(config)).value)


def test_matching_finds_the_bass_of_new_songs_and_without_the_kick_it_cannot():
    bass, hits, songs = band(150)
    rows = bass_rows(bass, np.full(len(bass), 120.0))
    config = MatchingConfig(steps=120, batch=48, width=24, check_every=40)
    new_bass, new_hits, new_songs = band(20, seed=5)
    new_rows = bass_rows(new_bass, np.full(len(new_bass), 120.0))
    found = {}
    for without_kick in (False, True):
        network = train_matching(hits, rows, songs, without_kick=without_kick, config=config)
        found[without_kick] = recall_at_one(network.scores(new_hits, new_rows), new_songs).mean()
        no_kick = new_hits.copy()
        no_kick[..., kit.KICK] = False
        same = np.allclose(network.scores(no_kick, new_rows), network.scores(new_hits, new_rows))
        assert same == without_kick
    assert found[False] > 0.3
    assert found[True] < 0.12  # here only the kick knows the bass; chance is .03
    with pytest.raises(ValueError, match="four songs"):
        train_matching(hits[:8], rows[:8], songs[:8])


def test_matching_loss_leaves_out_other_phrases_of_the_same_song():
    logits = torch.zeros(3, 3)
    assert matching_loss(logits, torch.tensor([0, 1, 2])).item() == pytest.approx(np.log(3))
    assert matching_loss(logits, torch.tensor([0, 0, 1])).item() == pytest.approx(
        (2 * np.log(2) + np.log(3)) / 3
    )
    assert matching_loss(100 * torch.eye(3), torch.tensor([0, 1, 2])).item() == pytest.approx(0, abs=1e-6)


def test_the_features_know_the_rhythm_and_not_the_key():
    bass, _, _ = band(5)
    qpm = np.full(len(bass), 97.0)
    rows = bass_rows(bass, qpm)
    assert rows.shape == (20, NUM_BASS_ROWS, 64)
    assert np.array_equal(
        rows, bass_rows(np.stack([BassRoll.from_array(roll).transposed(5).to_array() for roll in bass]), qpm)
    )
    assert not np.array_equal(rows, bass_rows(np.roll(bass, 2, axis=2), qpm))
    assert np.array_equal(rows[:, 0] > 0, bass_onsets(bass))
    silent = bass_rows(np.zeros_like(bass), qpm)
    assert np.isfinite(silent).all()
    assert not silent[:, :6].any()


def test_bass_rows_tell_up_down_and_same():
    bass = np.zeros((1, 2, 64, 72), bool)
    for step, pitch in ((0, 10), (4, 12), (8, 12), (12, 5)):
        bass[0, :, step, pitch] = True
    rows = bass_rows(bass, np.array([120.0]))[0]
    assert [np.flatnonzero(rows[r]).tolist() for r in (3, 4, 5)] == [[4], [12], [8]]
    assert rows[2, [0, 4, 8, 12]] == pytest.approx(
        np.array([-1, 1, 1, -6]) / 12, abs=1e-3
    )  # around the median, 11
