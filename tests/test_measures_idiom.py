"""Patterns that occur in three songs, counted by hand."""

import numpy as np
import pytest
from listener_songs import HATS, ROCK, bar, song

from basedrum.measures.idiom import Idiom


def test_a_pattern_of_three_songs_is_idiom_whatever_else_is_played():
    ride = bar(*ROCK, "ride x...x...x...x...", "low tom x...............")
    other = bar("kick xxxx............", "open hat x.x.x.x.x.x.x.x.")
    idiom = Idiom()
    idiom.add_song(np.stack([bar(*HATS)] * 3 + [np.zeros((16, 12), bool)]))
    idiom.add_song(np.stack([ride, bar(*HATS)]))
    two = idiom.values(song(bar(*HATS)))
    assert two == {"idiom_backbone": 0.0, "idiom_time": 0.0}, "in two songs, however often"
    idiom.add_song(np.stack([ride, other]))
    played = song(bar(*HATS), ride, other, np.zeros((16, 12), bool))
    assert idiom.values(played) == {
        "idiom_backbone": pytest.approx(2 / 3),  # that of `other` occurs in one
        "idiom_time": pytest.approx(2 / 3),  # hats, open or closed, in all three; the ride in two
    }
    silent = idiom.values(song(np.zeros((16, 12), bool)))
    assert all(np.isnan(value) for value in silent.values())


def test_fills_are_left_out():
    idiom = Idiom()
    for _ in range(3):
        idiom.add_song(bar(*HATS)[None])
    fill = bar(ROCK[0], "snare ..........xxxxxx", "low tom ..........xx....")
    assert idiom.values(song(*[bar(*HATS)] * 7, fill))["idiom_backbone"] == 1


def test_the_phrases_of_a_song_count_once():
    phrase = np.concatenate([bar(*HATS)] * 4)
    songs = np.asarray([0, 1, 0, 0])
    assert set(Idiom.of(np.stack([phrase] * 4), songs).backbone.values()) == {2}
    assert set(Idiom.of(np.stack([phrase] * 4), np.asarray([0, 1, 2, 0])).time.values()) == {3}
