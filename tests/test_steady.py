"""A riff that goes on for minutes keeps the density of its first phrases."""

from dataclasses import replace

import numpy as np

from basedrum.drummer.phrase import Phrase
from basedrum.drummer.steady import FIRST, LONG, SteadyPlayer


def phrase(step: int = 0, index: int = 0) -> Phrase:
    bass = np.zeros((2, 64, 72), bool)
    bass[0, step::8, 10] = True
    return Phrase(bass, 120.0, np.full(4, 16), None, index)


def drums(count: int) -> np.ndarray:
    hits = np.zeros((64, 12), bool)
    hits.reshape(-1)[:count] = True
    return hits


class Counted:
    """Plays so many hits, one number a phrase; after an earlier phrase it plays `then`."""

    def __init__(self, then: int | None = None) -> None:
        self.count, self.then, self.asked = 60, then, []

    def play(self, asked: Phrase) -> np.ndarray:
        self.asked.append(asked)
        return drums(self.count if asked.previous is None or self.then is None else self.then)

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        pass


def played(player: SteadyPlayer, state: Counted, count: int, step: int = 0) -> int:
    state.count = count
    given = phrase(step)
    hits = player.play(given)
    player.remember(given.bass, hits)
    return int(hits.sum())


def begun(then: int | None = None) -> tuple[SteadyPlayer, Counted]:
    state = Counted(then)
    player = SteadyPlayer(state)
    for at in range(LONG):
        played(player, state, 60 if at < FIRST else 80)
    return player, state


def test_a_song_goes_as_it_will_until_its_bass_has_been_played_for_long():
    state = Counted()
    player = SteadyPlayer(state)
    assert [played(player, state, count) for count in (60, 60, 20, 200, 60, 60, 300)] == [
        60,
        60,
        20,
        200,
        60,
        60,
        300,
    ]


def test_a_phrase_too_dense_is_played_again_after_an_early_one():
    player, state = begun(then=70)
    assert played(player, state, 84) == 84  # 1.4 times the first ones
    assert state.asked[-1].previous is None
    assert played(player, state, 85) == 70
    assert state.asked[-1].previous is not None and state.asked[-1].previous.sum() == 60
    assert played(player, state, 38) == 70


def test_where_that_does_not_help_the_early_one_comes_back():
    player, state = begun(then=300)
    assert played(player, state, 200) == 60


def test_another_bass_is_free():
    player, state = begun(then=70)
    assert played(player, state, 200, step=3) == 200


def test_silence_is_not_held():
    state = Counted()
    player = SteadyPlayer(state)
    for _ in range(LONG):
        played(player, state, 0)
    assert played(player, state, 50) == 50


def test_other_fields_of_the_phrase_stay():
    player, state = begun(then=70)
    state.count = 200
    player.play(replace(phrase(), index=9))
    assert state.asked[-1].index == 9
