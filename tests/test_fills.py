"""Fewer fills and more: what goes, what comes, what stays."""

import numpy as np
import pytest

from basedrum.drummer.fills import FillingPlayer, fill_weight, with_fill, without_fills
from basedrum.drummer.phrase import Phrase
from basedrum.music import kit
from basedrum.music.notation import groove

BAR = ("kick x.......x.x.....", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.")
FILL = (
    "kick x.......x.....x.",
    "snare ....x.......x.xx",
    "closed hat x.x.x.x.x.x.....",
    "high tom ............xx..",
)
BIG = (
    "kick x.......x.....x.",
    "snare ....x...x.x.x.xx",
    "closed hat x.x.x.x.........",
    "low tom ............xxxx",
)
FOUR = [16] * 4


def phrase(*bars):
    return np.concatenate([groove(*bar).to_kit() for bar in bars])


def bars_of(hits):
    return hits.reshape(4, 16, 12)


class Fixed:
    """Answers with the same phrase always, and remembers what it was told had gone before."""

    def __init__(self, hits):
        self.hits, self.previous, self.remembered = hits, [], []

    def play(self, phrase):
        self.previous.append(phrase.previous)
        return self.hits

    def remember(self, bass, hits):
        self.remembered.append(hits)


def played(fills, hits=None, others=(), count=40, seed=3):
    player = FillingPlayer(
        Fixed(phrase(BAR, BAR, BAR, FILL) if hits is None else hits), list(others), fills, seed
    )
    return [
        player.play(Phrase(np.zeros((2, 64, 72), bool), 120.0, np.asarray(FOUR), None, index))
        for index in range(count)
    ]


def test_a_fill_is_what_the_groove_has_not():
    bar, fill, big = (groove(*b).to_kit()[8:] for b in (BAR, FILL, BIG))
    grooves = np.stack([bar, bar])
    assert fill_weight(bar, grooves) == 0 and fill_weight(np.zeros_like(bar), grooves) == 0
    assert fill_weight(fill, grooves) == 2 + 2 * 2, "two snares, two toms"
    assert fill_weight(big, grooves) == 4 + 4 * 2
    assert fill_weight(fill, np.stack([bar, fill])) == 0, "it is played in another bar too"


def test_none_leaves_the_groove_and_the_kick_that_plays_with_the_bass():
    calm = bars_of(without_fills(phrase(BAR, BAR, BAR, FILL), FOUR, np.ones(4, bool)))
    hands = np.arange(12) != kit.KICK
    assert np.array_equal(calm[3][:, hands], groove(*BAR).to_kit()[:, hands])
    assert np.array_equal(calm[3][:, kit.KICK], groove(*FILL).to_kit()[:, kit.KICK])
    assert np.array_equal(calm[:3], bars_of(phrase(BAR, BAR, BAR, FILL))[:3])


def test_only_chosen_bars_are_calmed_and_a_fill_in_the_middle_too():
    calm = bars_of(without_fills(phrase(BAR, FILL, BAR, BIG), FOUR, np.asarray([True, True, True, False])))
    assert not calm[1][:, kit.HIGH_TOM].any() and calm[3][:, kit.LOW_TOM].any()


def test_what_two_bars_play_is_the_groove_until_the_phrase_s_end_is_calmed():
    hits = phrase(BAR, FILL, BAR, FILL)
    assert np.array_equal(without_fills(hits, FOUR, np.asarray([True, True, True, False])), hits)
    calm = without_fills(hits, FOUR, np.ones(4, bool))
    assert not calm[:, kit.HIGH_TOM].any() and calm[:, kit.CLOSED_HAT].sum() == 32


def test_the_groove_is_that_of_the_bar_most_alike():
    other = ("kick x...x...x...x...", "ride x.x.x.x.x.x.x.x.", "snare ....x.......x...")
    calm = bars_of(without_fills(phrase(BAR, other, BAR, FILL), FOUR, np.ones(4, bool)))
    assert calm[3][8:, kit.CLOSED_HAT].any() and not calm[3][8:, kit.RIDE].any()


def test_bars_of_other_lengths_and_silence_are_left_alone():
    hits = phrase(BAR, BAR, BAR, FILL)
    assert np.array_equal(without_fills(hits, [12, 12, 12, 16], np.ones(4, bool)), hits)
    assert not without_fills(np.zeros((64, 12), bool), FOUR, np.ones(4, bool)).any()
    short = hits.copy().reshape(4, 16, 12)
    short[:, 12:] = False
    calm = without_fills(short.reshape(64, 12), [12] * 4, np.ones(4, bool)).reshape(4, 16, 12)
    assert not calm[:, 12:].any()


def test_the_biggest_of_the_fills_is_taken_and_nothing_else():
    hits, takes = phrase(BAR, BAR, BAR, BAR), [phrase(*[FILL] * 4), phrase(*[BIG] * 4)]
    filled = bars_of(with_fill(hits, takes, FOUR))
    assert np.array_equal(filled[3, 8:], groove(*BIG).to_kit()[8:])
    assert np.array_equal(filled[:3], bars_of(hits)[:3]) and np.array_equal(
        filled[3, :8], bars_of(hits)[3, :8]
    )
    assert np.array_equal(with_fill(phrase(BAR, BAR, BAR, BIG), takes, FOUR), phrase(BAR, BAR, BAR, BIG))


def test_the_knob_says_how_many_phrases_end_in_a_fill():
    big = Fixed(phrase(*[BIG] * 4))
    fills = [sum(bars_of(p)[3][:, kit.HIGH_TOM].any() for p in played(x)) for x in (0, 0.3, 0.7, 1)]
    assert fills[0] == 0 and fills[3] == 40 and fills == sorted(fills) and 5 < fills[1] < 20 < fills[2] < 36
    more = [
        sum(bars_of(p)[3][:, kit.LOW_TOM].any() for p in played(x, others=[big])) for x in (1, 1.3, 1.7, 2)
    ]
    assert more[0] == 0 and more[3] == 40 and more == sorted(more) and 5 < more[1] < 20 < more[2] < 36


def test_same_seed_same_fills_and_another_seed_others():
    one, same, other = (np.stack(played(0.5, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("fills", [0, 0.5, 2])
def test_the_answer_is_a_phrase_and_the_drummer_s_own_is_not_touched(fills):
    hits = phrase(BAR, BAR, BAR, FILL)
    before = hits.copy()
    answers = played(fills, hits, [Fixed(phrase(*[BIG] * 4))], count=4)
    assert all(a.shape == (64, 12) and a.dtype == bool for a in answers) and np.array_equal(hits, before)
