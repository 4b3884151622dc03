"""Two hands: what gives way on a full step, and where percussion goes when one player plays alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_app import FakeModel, FakeState
from test_perform import played

from basedrum.drummer.hands import (
    RANK,
    Company,
    HandedPlayer,
    num_hands,
    with_two_hands,
    without_percussion,
    without_stray_sticks,
)
from basedrum.drummer.phrase import Phrase
from basedrum.music import kit
from basedrum.music.notation import groove
from basedrum.play_options import PlayOptions


def struck(*voices):
    """(16, 12): these voices on the first step of a bar."""
    hits = np.zeros((16, 12), bool)
    hits[0, [kit.VOICES.index(voice) for voice in voices]] = True
    return hits


def left(hits):
    return {kit.VOICES[voice] for voice in np.flatnonzero(hits[0])}


@pytest.mark.parametrize(
    "voices, stay",
    [
        ({"crash", "snare", "closed hat", "kick"}, {"crash", "snare", "kick"}),
        ({"crash", "ride", "snare", "low tom"}, {"crash", "snare"}),
        ({"snare", "low tom", "closed hat"}, {"snare", "low tom"}),
        ({"low tom", "high tom", "mid tom"}, {"low tom", "high tom"}),
        ({"ride", "closed hat", "snare"}, {"ride", "pedal hat", "snare"}),
        ({"ride", "closed hat"}, {"ride", "closed hat"}),
        ({"closed hat", "open hat"}, {"open hat"}),
        ({"open hat", "pedal hat", "snare", "percussion", "kick"}, None),
        ({"snare", "side stick", "closed hat"}, None),
    ],
)
def test_what_gives_way(voices, stay):
    assert left(with_two_hands(struck(*voices))) == (voices if stay is None else stay)


@given(st.lists(st.booleans(), min_size=12 * 16, max_size=12 * 16))
def test_two_hands_are_enough_and_nothing_is_added_but_a_foot(cells):
    hits = np.asarray(cells).reshape(16, 12)
    once = with_two_hands(hits)
    assert num_hands(once).max() <= 2 and not (once[:, kit.CLOSED_HAT] & once[:, kit.OPEN_HAT]).any()
    added = once & ~hits
    added[:, kit.PEDAL_HAT] = False
    assert not added.any() and np.array_equal(with_two_hands(once), once)
    had = hits[:, RANK].any(axis=1)
    assert np.array_equal(once[:, RANK].any(axis=1), had), "a step never loses all of its hands"


def test_sticks_on_the_snare_are_claps_where_most_are_there():
    claps = groove("snare ....x.......x...", "side stick ....x.......x.x.").to_kit()
    assert without_stray_sticks(claps) is claps
    rim = groove("snare ....x...........", "side stick ....x..x..x.x...").to_kit()
    clean = without_stray_sticks(rim)
    assert np.flatnonzero(clean[:, kit.SIDE_STICK]).tolist() == [7, 10, 12] and clean[4, kit.SNARE]
    assert rim[4, kit.SIDE_STICK], "the hits that were given stay as they were"


def test_without_a_second_player_percussion_goes_to_the_time_keeper():
    shaker = "percussion x.xxx.xxx.xxx.xx"
    hats = without_percussion(groove("closed hat x...x...x...x...", shaker).to_kit(), False)
    assert np.flatnonzero(hats[:, kit.CLOSED_HAT]).tolist() == [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
    ride = without_percussion(
        groove("ride x.x.x.x.........", "open hat ....x...........", shaker).to_kit(), False
    )
    assert np.flatnonzero(ride[:, kit.RIDE]).tolist() == [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
    opened = without_percussion(groove("open hat ..x...x...x...x.", shaker).to_kit(), False)
    assert not opened[2, kit.CLOSED_HAT] and opened[3, kit.CLOSED_HAT]
    assert not any(hits[:, kit.PERCUSSION].any() for hits in (hats, ride, opened))
    bell = without_percussion(
        groove("closed hat x...x...x...x...", "ride ..x.............", shaker).to_kit(), False
    )
    assert not bell[2, kit.CLOSED_HAT] and bell[3, kit.CLOSED_HAT], "nor beside the other time-keeper"


def test_without_a_second_player_there_is_no_clap():
    hits = groove("snare ....x...........", "side stick ....x.......x...").to_kit()
    stick, clap = without_percussion(hits, False), without_percussion(hits, True)
    assert np.flatnonzero(stick[:, kit.SIDE_STICK]).tolist() == [12]
    assert not clap[:, kit.SIDE_STICK].any() and np.flatnonzero(clap[:, kit.SNARE]).tolist() == [4, 12]


class Full:
    """Plays everything at once, and says what it was told to remember."""

    def __init__(self):
        self.remembered = None

    def play(self, phrase):
        return np.ones((64, 12), bool)

    def remember(self, bass, hits):
        self.remembered = hits


def test_a_drummer_with_two_hands_remembers_what_was_played():
    full = Full()
    player = HandedPlayer(full, Company(percussion=False))
    hits = player.play(Phrase(np.zeros((2, 64, 72), bool), 100.0, np.full(4, 16), None, 0))
    assert num_hands(hits).max() == 2 and not hits[:, kit.PERCUSSION].any()
    player.remember(None, hits)
    assert full.remembered is hits


def test_songs_are_played_with_two_hands_and_with_or_without_percussion(monkeypatch):
    monkeypatch.setattr(FakeState, "play", lambda *_: np.ones((64, 12), bool))
    both = {way: played(PlayOptions(seed=1, percussion=way)).drums.to_kit() for way in ("on", "off")}
    assert all(num_hands(hits).max() == 2 for hits in both.values())
    assert both["on"][:, kit.PERCUSSION].all() and not both["off"][:, kit.PERCUSSION].any()


def test_a_style_of_claps_has_a_snare_instead_where_one_plays_alone(monkeypatch):
    sticks = np.zeros((64, 12), bool)
    sticks[4::8, kit.SIDE_STICK] = True
    monkeypatch.setattr(FakeState, "play", lambda *_: sticks)
    monkeypatch.setattr(FakeModel, "styles", ("disco", "bossa"))
    for style, voice in (("disco", kit.SNARE), ("bossa", kit.SIDE_STICK)):
        drums = played(PlayOptions(seed=1, percussion="off", style=style)).drums
        assert drums.to_kit()[4::8, voice].all() and not drums.hits[:, kit.CLAP - 24].any()
