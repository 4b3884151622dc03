"""The simple drummers: what each plays, that it keeps to the measure, and what the measures say of it."""

import numpy as np
import pytest

from basedrum.measures import baselines, metrics
from basedrum.music import kit

FULL_MEASURES = 16


def basses(n: int, seed: int = 0) -> np.ndarray:
    """Return rolls (n, 2, 64, 72) of random one-step notes."""
    rng = np.random.default_rng(seed)
    rolls = np.zeros((n, 2, 64, 72), bool)
    chance = np.tile([0.9, 0.1, 0.3, 0.2, 0.5, 0.1, 0.4, 0.2], 8)
    phrase, step = np.nonzero(rng.random((n, 64)) < chance)
    rolls[phrase, :, step, rng.integers(5, 30, len(phrase))] = True
    return rolls


def play(drummer, bass: np.ndarray, steps: int = FULL_MEASURES, seed: int = 0) -> np.ndarray:
    return drummer.play(bass, np.full(len(bass), 120.0), np.full((len(bass), 4), steps), None, seed)


def everyone(bass: np.ndarray) -> list:
    real = np.random.default_rng(9).random((200, 64, 12)) < 0.1
    training = basses(200, seed=8)
    return [
        baselines.FixedBeat(),
        baselines.CopiedKick(),
        baselines.PositionMarginals.fit(real),
        baselines.NearestBass(baselines.bass_onsets(training), real),
        baselines.ShuffledDrums(real),
    ]


def test_all_keep_the_protocol_and_the_metre():
    bass = basses(30)
    names = set()
    for drummer in everyone(bass):
        hits = play(drummer, bass, steps=12)
        assert hits.shape == (30, 64, 12)
        assert hits.dtype == bool
        assert hits.any()
        assert not hits.reshape(30, 4, 16, 12)[:, :, 12:].any()
        assert (hits == play(drummer, bass, steps=12)).all()
        assert play(drummer, bass[:0]).shape == (0, 64, 12)
        names.add(drummer.name)
    assert len(names) == 5


def test_copied_kick_copies_and_fixed_beat_does_not_listen():
    bass = basses(80)
    onsets, songs = baselines.bass_onsets(bass), np.arange(80)
    copied = play(baselines.CopiedKick(), bass)
    assert (copied[..., kit.KICK] == onsets).all()
    assert metrics.lift(copied, onsets, songs).value > 0.2
    assert metrics.lift(play(baselines.FixedBeat(), bass), onsets, songs).value == pytest.approx(0, abs=1e-9)


def test_marginals_have_the_density_of_the_songs_at_each_position():
    real = np.zeros((400, 64, 12), bool)
    real[:, ::16, kit.KICK] = True
    real[:300, 4::16, kit.SNARE] = True
    hits = play(baselines.PositionMarginals.fit(real), basses(2000))
    assert hits[:, ::16, kit.KICK].all()
    assert hits[:, 4::16, kit.SNARE].mean() == pytest.approx(0.75, abs=0.02)
    assert hits.sum() == hits[:, ::16, kit.KICK].sum() + hits[:, 4::16, kit.SNARE].sum()
    assert (
        hits[:, 4, kit.SNARE] != hits[:, 20, kit.SNARE]
    ).any()  # the measures of a phrase are drawn one by one


def test_nearest_bass_finds_the_phrase_it_was_given_in_every_chunk(monkeypatch):
    monkeypatch.setattr(baselines, "CELLS_AT_ONCE", 1000)
    bass = basses(300)
    marked = np.zeros((300, 64, 12), bool)
    marked.reshape(300, -1)[np.arange(300), np.arange(300)] = True
    drummer = baselines.NearestBass(baselines.bass_onsets(bass), marked, choices=1)
    assert (drummer.nearest(baselines.bass_onsets(bass), seed=0) == np.arange(300)).all()
    assert (play(drummer, bass) == marked).all()


def test_nearest_bass_takes_the_nearest_not_the_one_with_most_notes_in_common():
    dense, near = np.ones(64, bool), np.zeros(64, bool)
    near[::16] = True
    asked = near.copy()
    asked[8] = True
    drummer = baselines.NearestBass(np.stack([dense, near]), np.zeros((2, 64, 12), bool), choices=1)
    assert drummer.nearest(asked[None], seed=0) == [1]


def test_nearest_bass_varies_with_the_seed_among_equals():
    one = np.zeros((1, 64), bool)
    drummer = baselines.NearestBass(np.repeat(one, 20, axis=0), np.zeros((20, 64, 12), bool), choices=1)
    assert len({int(drummer.nearest(one, seed)[0]) for seed in range(40)}) > 10
    with pytest.raises(ValueError, match="to retrieve from"):
        baselines.NearestBass(np.zeros((0, 64), bool), np.zeros((0, 64, 12), bool))
