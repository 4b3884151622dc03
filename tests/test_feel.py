"""Velocity and micro-timing: table, spread, credit."""

import json

import numpy as np

from basedrum.drummer.feel import TABLE, measure_feel, with_feel
from basedrum.music.kit import CLOSED_HAT, KICK, KIT, SNARE, VOICES
from basedrum.music.notation import groove
from basedrum.music.rolls import DrumRoll

ROCK = groove("kick  x.......x.......", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.")
HITS = np.tile(ROCK.to_kit(), (64, 1))
PITCH_ROW = {voice: KIT[voice][1][0] - 24 for voice in range(len(KIT))}


def voice_of(roll, voice):
    """Velocities and offsets of a voice at its hits."""
    column = PITCH_ROW[voice]
    at = roll.hits[:, column]
    return roll.velocities[at, column].astype(float), roll.offsets[at, column]


def test_without_humanizing_every_bar_is_alike_and_on_the_grid():
    roll = with_feel(HITS, seed=3, humanize=0)
    assert not roll.offsets.any()
    assert (roll.velocities.reshape(64, 16, 72) == roll.velocities[:16]).all()
    assert np.array_equal(roll.to_kit(), HITS)


def test_the_downbeat_hat_is_louder_than_the_one_between():
    loud, _ = voice_of(with_feel(HITS, humanize=0), CLOSED_HAT)
    assert loud[2] > loud[3] and loud[6] > loud[7]


def test_ghost_notes_of_the_snare_are_softer_than_the_backbeat():
    hits = np.zeros((16, 12), bool)
    hits[[4, 5], SNARE] = True
    loud, _ = voice_of(with_feel(hits, humanize=0), SNARE)
    assert loud[0] > loud[1] + 20


def test_humanizing_spreads_loudness_and_time_and_keeps_hits_and_means():
    flat, human = with_feel(HITS, humanize=0), with_feel(HITS, seed=1, humanize=1)
    assert np.array_equal(human.hits, flat.hits)
    for voice in (KICK, SNARE, CLOSED_HAT):
        loud, late = voice_of(human, voice)
        assert abs(loud.mean() - voice_of(flat, voice)[0].mean()) < 4
        assert 5 < loud.std() < 30
        assert 0.02 < late.std() < 0.2 and abs(late.mean()) < 0.06
    assert np.abs(human.offsets).max() < 0.5


def test_half_the_feel_spreads_half_as_much():
    whole, half = (voice_of(with_feel(HITS, seed=1, humanize=h), KICK)[1] for h in (1.0, 0.5))
    assert np.allclose(half * 2, whole, atol=1e-6)


def test_same_seed_same_feel_other_seed_other_feel():
    one, same, other = with_feel(HITS, 5), with_feel(HITS, 5), with_feel(HITS, 6)
    assert np.array_equal(one.velocities, same.velocities) and np.array_equal(one.offsets, same.offsets)
    assert not np.array_equal(one.velocities, other.velocities)


def test_silence_stays_silence():
    assert not with_feel(np.zeros((32, 12), bool)).hits.any()


def test_measuring_finds_the_loudness_and_lateness_that_was_played():
    rng = np.random.default_rng(0)
    takes = []
    for _ in range(12):
        roll = with_feel(HITS, humanize=0)
        velocities, offsets = roll.velocities.copy(), np.zeros(roll.offsets.shape, np.float32)
        column = PITCH_ROW[SNARE]
        at = np.flatnonzero(roll.hits[:, column])
        velocities[at, column] = np.clip(rng.normal(90, 10, len(at)), 1, 127)
        offsets[at, column] = rng.normal(0.2, 0.02, len(at))  # a snare that drags behind kick and hat
        takes.append(DrumRoll(velocities, offsets))
    tables = measure_feel(takes)
    assert abs(tables["velocity_mean"][SNARE][4] - 90) < 1
    assert abs(tables["velocity_spread"][SNARE][4] - 10) < 1
    assert abs(tables["offset_mean"][SNARE] - 0.2) < 0.02 and abs(tables["offset_mean"][KICK]) < 0.02
    assert tables["offset_spread"][SNARE] < 0.05
    assert tables["velocity_correlation"][SNARE] < 0.2


def test_the_shipped_table_is_whole_and_carries_its_credit():
    text = json.loads(TABLE.read_text(encoding="utf-8"))
    assert "Gillick" in text["credit"] and "CC BY 4.0" in text["credit"]
    for name, rows in text["tables"].items():
        assert np.isfinite(rows).all() and len(rows) == len(VOICES), name
