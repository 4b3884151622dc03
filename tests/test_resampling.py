"""Which phrases are sampled again: those without a time-keeper or without the song's backbeat."""

import numpy as np
import pytest

from basedrum.drummer import resampling
from basedrum.drummer.controls import Controls
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.resampling import (
    MOST_ATTEMPTS,
    drawn_habits,
    has_backbeat,
    has_keeper,
    is_wanting,
    usual_backbeat,
)
from basedrum.drummer.sampling import load_phrase_model
from basedrum.music.kit import CLOSED_HAT, CRASH, KICK, OPEN_HAT, RIDE, SIDE_STICK, SNARE

FULL = np.full(4, 16)
BOTH, NEITHER = (True, True), (False, False)


def phrase(*measures):
    """A phrase of (voice -> steps) measures, the last one going on to the end."""
    hits = np.zeros((4, 16, 12), bool)
    for number in range(4):
        for voice, steps in measures[min(number, len(measures) - 1)].items():
            hits[number, steps, voice] = True
    return hits.reshape(64, 12)


ROCK = {KICK: [0, 8], SNARE: [4, 12], CLOSED_HAT: [0, 4, 8, 12]}
BARE = {KICK: [0, 8], SNARE: [4, 12]}


@pytest.mark.parametrize(
    "measure, keeps",
    [
        ({CLOSED_HAT: [0, 4, 8]}, True),
        ({CLOSED_HAT: [0, 4], OPEN_HAT: [10]}, True),  # the hats count together
        ({CLOSED_HAT: [0, 4], RIDE: [8]}, False),  # another hand does not
        ({RIDE: [0, 4]}, False),
        ({RIDE: [0, 1, 2, 4, 5]}, False),  # on two beats only
        ({CRASH: [0, 4, 12]}, True),
        ({SNARE: [0, 4, 8, 12], KICK: [0, 2, 4, 8]}, False),
    ],
)
def test_a_time_keeper_plays_three_hits_over_three_beats(measure, keeps):
    assert has_keeper(phrase(measure), FULL).tolist() == [keeps] * 4


def test_a_short_measure_needs_a_hit_on_each_of_its_beats():
    hits = phrase({CLOSED_HAT: [0, 4]}, {CLOSED_HAT: [0]})
    assert has_keeper(hits, np.full(4, 8)).tolist() == [True, False, False, False]


def test_a_backbeat_is_known_from_the_bars_so_far():
    assert usual_backbeat([]) == []
    assert usual_backbeat([phrase(ROCK)]) == [4, 12]
    assert usual_backbeat([phrase({SIDE_STICK: [8]})]) == [8]
    assert usual_backbeat([phrase({}, {}, ROCK)]) == [], "in half of the bars is not usual"
    assert usual_backbeat([phrase({}, ROCK)]) == [4, 12], "in three of four it is"
    assert has_backbeat(phrase(ROCK, {}), [4]).tolist() == [True, False, False, False]


def test_what_is_wanting():
    earlier = [phrase(ROCK)]
    assert is_wanting(phrase(BARE), FULL, [], BOTH), "no time-keeper"
    assert not is_wanting(phrase(BARE), FULL, [], (False, True))
    assert not is_wanting(phrase(ROCK, ROCK, BARE), FULL, [], BOTH), "in half of the bars one is enough"
    assert is_wanting(phrase(ROCK, BARE), FULL, [], BOTH)
    no_snare = phrase({KICK: [0, 8], CLOSED_HAT: [0, 4, 8, 12]})
    assert is_wanting(no_snare, FULL, earlier, (False, True))
    assert not is_wanting(no_snare, FULL, [], (False, True)), "the song has no backbeat yet"
    assert not is_wanting(no_snare, FULL, earlier, (True, False))
    assert not is_wanting(np.zeros((64, 12), bool), FULL, earlier, NEITHER)


def test_habits_are_the_songs_and_as_frequent_as_they_say():
    habits = np.asarray([drawn_habits(seed) for seed in range(2000)])
    assert np.abs(habits.mean(axis=0) - [resampling.KEEPS_TIME, resampling.KEEPS_BACKBEAT]).max() < 0.04
    assert drawn_habits(5) == drawn_habits(5) and abs(np.corrcoef(habits.T)[0, 1]) < 0.1


@pytest.fixture(scope="module")
def drummer():
    return load_phrase_model()


def played(drummer, monkeypatch, habits, controls=None, samples=(BARE, BARE, ROCK)):
    """The phrase that is played where the drummer's samples are these, and how many were drawn."""
    calls = []

    def sample(*given, **more):
        calls.append(given)
        return phrase(samples[min(len(calls), len(samples)) - 1])[None]

    monkeypatch.setattr("basedrum.drummer.sampling.drawn_habits", lambda seed: habits)
    monkeypatch.setattr(drummer, "sample", sample)
    song = drummer.new_song(1, controls)
    bass = np.zeros((2, 64, 72), bool)
    bass[:, ::8, 10] = True
    return song.play(Phrase(bass, 120.0, FULL)), len(calls)


def test_it_is_sampled_again_until_it_has_what_it_lacked(drummer, monkeypatch):
    hits, count = played(drummer, monkeypatch, BOTH)
    assert count == 3 == MOST_ATTEMPTS and np.array_equal(hits, phrase(ROCK))


@pytest.mark.parametrize(
    "habits, controls",
    [(NEITHER, None), (BOTH, Controls(temperature=0.0)), (BOTH, Controls(density=5.0))],
)
def test_once_where_nothing_is_lacked_or_other_noise_would_not_help(drummer, monkeypatch, habits, controls):
    assert played(drummer, monkeypatch, habits, controls)[1] == 1


def test_it_gives_up_in_the_end(drummer, monkeypatch):
    assert played(drummer, monkeypatch, BOTH, samples=(BARE,))[1] == MOST_ATTEMPTS
