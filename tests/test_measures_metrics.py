"""Listening measures on silence, on copies, on deaf drummers, and on cases counted by hand."""

import numpy as np
import pytest
from work import Calls, Memory

from basedrum.measures import metrics
from basedrum.measures.bootstrap import cross_song_permutation, song_mean, song_ratio
from basedrum.music import kit
from basedrum.music.notation import groove


def phrase(*rows: str) -> np.ndarray:
    """Return (64, 12) bool: one bar of text, four times."""
    return np.tile(groove(*rows).to_kit(), (4, 1))


def line(marks: str) -> np.ndarray:
    """Return (64,) bool: one bar of bass onsets, four times."""
    return np.tile(np.array([mark == "x" for mark in marks]), 4)


def random_basses(num_songs: int = 40, per_song: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return basses (n, 64) that keep one rhythm through a song, with small changes, and their songs (n,)."""
    rng = np.random.default_rng(seed)
    chance = np.tile([0.9, 0.1, 0.3, 0.2, 0.5, 0.1, 0.4, 0.2], 8)
    own = rng.random((num_songs, 1, 64)) < chance
    changed = rng.random((num_songs, per_song, 64)) < 0.05
    return (own ^ changed).reshape(-1, 64), np.repeat(np.arange(num_songs), per_song)


def copying_kick(basses: np.ndarray) -> np.ndarray:
    hits = np.zeros((len(basses), 64, 12), bool)
    hits[..., kit.KICK] = basses
    return hits


def test_lock_counts_shared_onsets_twice_over_both():
    drums = phrase("kick x...x...x...x...", "snare ....x.......x...")[None]
    bass = line("x.....x.x.......")[None]
    assert metrics.lock(drums, bass) == pytest.approx(
        [2 * 2 / (4 + 3)]
    )  # snares do not count, and it is no Jaccard (2/5)


def test_lock_on_silent_and_copied():
    bass = line("x..x..x.x..x....")[None]
    assert metrics.lock(np.zeros((1, 64, 12), bool), bass) == [0]
    assert metrics.lock(np.zeros((1, 64, 12), bool), np.zeros((1, 64), bool)) == [0]
    assert metrics.lock(copying_kick(bass), bass) == [1]


def test_a_permutation_across_songs_moves_every_phrase_to_another_song_once():
    songs = np.repeat([7, 3, 9, 4], [5, 2, 1, 4])
    seen = set()
    for seed in range(20):
        partners = cross_song_permutation(songs, np.random.default_rng(seed))
        assert sorted(partners) == list(range(12))
        assert (songs[partners] != songs).all()
        seen.add(tuple(partners))
    assert len(seen) > 10
    with pytest.raises(ValueError, match="more than half"):
        cross_song_permutation(np.array([1, 1, 1, 2, 3]), np.random.default_rng(0))


def test_lift_is_zero_for_deaf_drummers_and_positive_for_a_copy():
    basses, songs = random_basses()
    rng = np.random.default_rng(1)
    four_on_the_floor = np.repeat(phrase("kick x...x...x...x...")[None], len(basses), axis=0)
    assert metrics.lift(four_on_the_floor, basses, songs).value == pytest.approx(0, abs=1e-9)
    noise = copying_kick(rng.random(basses.shape) < 0.2)
    assert abs(metrics.lift(noise, basses, songs).value) < 0.02
    copied = metrics.lift(copying_kick(basses), basses, songs)
    assert copied.low < copied.value < copied.high
    assert copied.value > 0.4
    assert metrics.lift(np.zeros_like(noise), basses, songs).value == 0


def test_lift_of_a_counted_case():
    basses = np.stack([line("x.......x......."), line("..x.......x.....")])
    one_sided = copying_kick(np.stack([basses[0], basses[0]]))  # right for song 0, wrong for song 1
    assert metrics.lift(one_sided, basses, np.array([0, 1])).value == 0  # F1 1, 0 against 0, 1 when exchanged
    assert metrics.lift(copying_kick(basses), basses, np.array([0, 1])).value == 1
    assert np.isnan(metrics.lift(copying_kick(basses), basses, np.array([0, 0])).value)


def test_lift_of_a_group_is_measured_inside_it():
    basses = np.stack([line("x.......x.......")] * 4 + [line("....x.......x...")] * 4)
    groups, songs = np.repeat(["down", "up"], 4), np.arange(8)
    assert metrics.lift(copying_kick(basses), basses, songs).value > 0.3
    inside = metrics.lift_by_group(copying_kick(basses), basses, songs, groups)
    assert {group: estimate.value for group, estimate in inside.items()} == {"down": 0, "up": 0}


def test_shift_curve_falls_for_a_copy_and_tells_the_direction():
    basses = np.stack([line("x..x......x.....")] * 3)
    curve = metrics.shift_curve(copying_kick(basses), basses)
    assert curve[0] == 1
    assert max(curve[1], curve[2], curve[4]) < 0.5
    late = metrics.shift_curve(copying_kick(np.roll(basses, 1, axis=1)), basses)
    assert late[1] == 1  # a drummer one step late agrees with the bass one step later
    assert late[0] == 0
    assert np.isnan(metrics.shift_curve(copying_kick(basses), basses, np.full((3, 4), 12))[0])


def test_phi_kick_is_one_for_a_copy_and_zero_for_deaf_drummers():
    basses, songs = random_basses()
    assert metrics.phi_kick(copying_kick(basses), basses, songs).value == pytest.approx(1)
    by_position = copying_kick(
        np.random.default_rng(2).random(basses.shape) < np.tile([0.9, 0, 0.1, 0, 0.2, 0, 0.1, 0], 8)
    )
    assert abs(metrics.phi_kick(by_position, basses, songs).value) < 0.05
    raw = np.corrcoef(by_position[..., kit.KICK].ravel(), basses.ravel())[0, 1]
    assert raw > 0.2  # the plain correlation is fooled by the metre
    assert metrics.phi_kick(np.zeros((len(basses), 64, 12), bool), basses, songs).value == 0
    assert metrics.phi_kick(copying_kick(~basses), basses, songs).value == pytest.approx(-1)


def test_phi_kick_leaves_out_steps_that_do_not_exist():
    basses, songs = random_basses()
    measure_steps = np.full((len(basses), 4), 12)
    basses &= metrics.active(measure_steps)
    kick = copying_kick(basses)
    kick[..., 12:16, :] |= True  # nonsense past the end of the first 3/4 measure
    assert metrics.phi_kick(kick, basses, songs, measure_steps).value == pytest.approx(1)
    assert not metrics.mask_inactive(kick, measure_steps)[:, 12:16].any()


def test_phi_kick_counts_the_existing_steps_of_each_position():
    """Bars of 3/4 among bars of 4/4: the last positions exist in some; nonsense elsewhere counts nothing."""
    rng = np.random.default_rng(6)
    basses, songs = random_basses()
    measure_steps = np.where(np.arange(4) % 2, 16, 12)[None].repeat(len(basses), axis=0)
    exists = metrics.active(measure_steps)
    kick = np.where(rng.random(basses.shape) < 0.5, basses, rng.random(basses.shape) < 0.3)
    position = np.arange(64) % 16
    columns = []
    for onsets in (kick, basses):
        means = [onsets[:, position == p][exists[:, position == p]].mean() for p in range(16)]
        columns.append((onsets - np.asarray(means)[position])[exists])
    expected = (columns[0] @ columns[1]) / np.sqrt((columns[0] ** 2).sum() * (columns[1] ** 2).sum())
    assert 0.2 < expected < 0.8
    kick[~exists] = basses[~exists] = True
    assert metrics.phi_kick(copying_kick(kick), basses, songs, measure_steps).value == pytest.approx(expected)


def test_jaccard_and_seed_distance():
    left, right = phrase("kick x...x..........."), phrase("kick x.......x.......")
    silent = np.zeros_like(left)
    assert metrics.jaccard(left, right) == pytest.approx(1 / 3)
    assert metrics.jaccard(silent, silent) == 1
    assert metrics.jaccard(left, silent) == 0
    answers = np.stack([left, left, right])[:, None]
    assert metrics.seed_distance(answers) == pytest.approx([(0 + 2 / 3 + 2 / 3) / 3])
    assert metrics.seed_distance(np.stack([silent] * 3)[:, None]) == [0]
    with pytest.raises(ValueError, match="at least two"):
        metrics.seed_distance(answers[:1])


def test_variety_is_zero_without_noise_and_about_one_for_other_songs():
    rng = np.random.default_rng(3)
    songs = np.arange(60)
    real = rng.random((60, 64, 12)) < 0.1
    same = np.repeat(real[None], 4, axis=0)
    assert metrics.variety(same, real, songs) == 0
    others = np.stack([real[rng.permutation(60)] for _ in range(4)])
    assert metrics.variety(others, real, songs) == pytest.approx(1, abs=0.05)
    assert np.isnan(metrics.variety(same, np.zeros_like(real), songs))


def test_recall_at_one():
    songs = np.repeat(np.arange(40), 3)
    n = len(songs)
    assert (metrics.recall_at_one(np.eye(n), songs) == 1).all()
    assert metrics.recall_at_one(np.zeros((n, n)), songs).mean() == pytest.approx(
        1 / 32
    )  # all tied: chance, not 1
    noise = np.random.default_rng(4).random((n, n))
    assert metrics.recall_at_one(noise, songs, draws=40).mean() == pytest.approx(1 / 32, abs=0.03)
    same_song = (songs[:, None] == songs).astype(float)  # only other songs compete
    assert (metrics.recall_at_one(same_song, songs) == 1).all()


def test_intervals_resample_songs_not_phrases():
    songs = np.repeat(np.arange(10), 100)
    values = np.repeat([0.0, 1.0], 500)
    estimate = song_mean(values, songs)
    assert estimate.value == 0.5
    assert estimate.high - estimate.low > 0.4  # ten songs tell little; a thousand phrases would claim .06
    assert np.isnan(song_mean(np.full(3, np.nan), np.arange(3)).value)
    assert song_mean(np.array([1.0, np.nan, 0.0]), np.arange(3)).value == 0.5
    assert song_ratio(np.array([1.0, 1.0]), np.array([1.0, 3.0]), np.arange(2)).value == 0.5


def test_light_enough_to_watch_training():
    """No loop over phrases, and memory in proportion to them."""
    basses, songs = random_basses(num_songs=100)
    drums = np.random.default_rng(5).random((500, 64, 12)) < 0.08
    answers = np.stack([np.roll(drums, k, axis=0) for k in range(4)])
    work = []
    for rows in (slice(0, 250), slice(None)):
        with Memory() as memory, Calls() as calls:
            metrics.lift(drums[rows], basses[rows], songs[rows])
            metrics.variety(answers[:, rows], drums[rows], songs[rows])
        work.append((calls.count, memory.peak_bytes))
    few, all_ = work
    assert all_[0] < 10_000 and all_[0] < 2.1 * few[0]
    assert all_[1] < 2 * answers.nbytes
