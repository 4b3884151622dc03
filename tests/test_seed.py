"""The seed that a song is played with where none is given."""

import numpy as np
import pytest

from basedrum.drummer.seed import NUM_MEASURES, NUM_SEEDS, seed_of
from basedrum.music.rolls import BassRoll


def line(*steps, num_measures=16, pitch=10):
    onset = np.zeros((num_measures * 16, 72), bool)
    onset[list(steps), pitch] = True
    return BassRoll(onset, onset)


RIFF = [16 * bar + step for bar in range(16) for step in (0, 6, 10)]


def test_the_seed_is_stable_from_version_to_version():
    assert seed_of(line(*RIFF)) == 23221 and seed_of(line(0)) == 37885


@pytest.mark.parametrize("semitones", [5, 12, -7])
def test_transposing_keeps_it(semitones):
    assert seed_of(line(*RIFF, pitch=20).transposed(semitones)) == seed_of(line(*RIFF))


def test_what_comes_later_and_how_long_notes_are_do_not_count():
    later = [step for step in RIFF if step < NUM_MEASURES * 16] + [150, 161, 200]
    assert (
        seed_of(line(*later))
        == seed_of(line(*RIFF))
        == seed_of(line(*RIFF[: NUM_MEASURES * 3], num_measures=8))
    )
    long = line(*RIFF)
    assert seed_of(BassRoll(long.onset, np.ones_like(long.onset))) == seed_of(long)


def test_an_intro_without_bass_does_not_count():
    later = [step + 16 * 3 for step in RIFF]
    assert seed_of(line(*later, num_measures=19)) == seed_of(line(*RIFF))


@pytest.mark.parametrize("semitones", [60, 50, -30])
def test_octaves_that_are_folded_at_the_edges_do_not_count(semitones):
    melody = line(0)
    melody.onset[RIFF, 10] = melody.onset[RIFF[1::3], 15] = True
    melody.onset[RIFF[1::3], 10] = False
    assert seed_of(melody.transposed(semitones)) == seed_of(melody) != seed_of(line(*RIFF))


@pytest.mark.parametrize("moved", [[1, 6, 10], [0, 6], [0, 6, 10, 12]])
def test_another_rhythm_in_the_first_bars_is_another_seed(moved):
    assert seed_of(line(*moved, *RIFF[3:])) != seed_of(line(*RIFF))


def test_seeds_are_short_and_spread_out():
    rng = np.random.default_rng(0)
    seeds = [seed_of(line(*np.flatnonzero(rng.random(128) < 0.3), num_measures=8)) for _ in range(200)]
    assert len(set(seeds)) > 190 and min(seeds) >= 0 and max(seeds) < NUM_SEEDS
    assert np.histogram(seeds, 4, (0, NUM_SEEDS))[0].min() > 25


def test_silence_has_a_seed():
    assert 0 <= seed_of(line()) < NUM_SEEDS
