"""Fewer fills or more than the drummer plays by itself.

A fill is the end of a bar (its last two beats) that adds snare, toms or crash to what every other bar plays
there; the drummer has learned to play them where phrases of four bars end. Asked for fewer, each fill it
played gives way, with probability 1 - fills, to the end of the bar that is most like it otherwise. Asked for
more, the phrase is sampled again with other noise, with probability fills - 1, and of all samples the fill
with the most of snare, toms and crash is used. So every hit is one the drummer played to this bass, and since
its next phrase follows these drums, it knows what became of its fills.

Conventions: a phrase is (64, 12) bool, measures of 16 steps; the end of a measure is the last 8 of its active
steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basedrum.drummer.phrase import Phrase
from basedrum.drummer.song import PhrasePlayer
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

MOST_FILLS = 2.0
END_STEPS = 8
NUM_OTHERS = 6
HANDS = np.arange(kit.NUM_VOICES) != kit.KICK
WEIGHTS = np.zeros(kit.NUM_VOICES)
WEIGHTS[[kit.SNARE, kit.CRASH]] = 1
WEIGHTS[[kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM]] = 2


def other_seeds(seed: int) -> list[int]:
    """Return the seeds of the samples that more fills are taken from."""
    return np.random.SeedSequence([seed, 0xF111]).generate_state(NUM_OTHERS).tolist()


class FillingPlayer:
    """A drummer in the middle of a song, with its fills made fewer (0 none .. 1 as learned) or more (.. 2 at
    every phrase).

    Args:
        others: the same drummer with other noise, whose fills may be used.
    """

    def __init__(self, state: PhrasePlayer, others: Sequence[PhrasePlayer], fills: float, seed: int) -> None:
        self.state, self.others, self.fills, self.seed = state, others, fills, seed

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool, as `PhrasePlayer`."""
        hits = np.array(self.state.play(phrase), bool)
        chances = np.random.default_rng([self.seed, phrase.index, 0xF111]).random(MEASURES_PER_PHRASE)
        if self.fills < 1:
            return without_fills(hits, phrase.measure_steps, chances >= self.fills)
        if chances[-1] < self.fills - 1:
            samples = [other.play(phrase) for other in self.others]
            return with_fill(hits, samples, phrase.measure_steps)
        return hits

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory, as `PhrasePlayer`."""
        for player in (self.state, *self.others):
            player.remember(bass, hits)


def without_fills(hits: np.ndarray, measure_steps: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return a phrase whose `chosen` measures (4,) bool end as the groove does where they end in a fill.

    The groove is the other measure that is most like it until then and adds least there. The last measure,
    where phrases turn, takes the groove whatever it plays, the others only what no other measure has. The
    kick stays: it plays with the bass.
    """
    steps = np.asarray(measure_steps)
    out = hits.reshape(MEASURES_PER_PHRASE, STEPS_PER_MEASURE, -1).copy()
    last = MEASURES_PER_PHRASE - 1
    for at in (at for at in (last, *range(last)) if chosen[at]):
        others = [i for i in range(MEASURES_PER_PHRASE) if i != at and steps[i] == steps[at] and out[i].any()]
        end = slice(max(0, steps[at] - END_STEPS), steps[at])
        grooves = out[others]
        if not others or (at != last and not fill_weight(out[at, end], grooves[:, end])):
            continue
        unlike = (out[at, : end.start] != grooves[:, : end.start]).sum(axis=(1, 2))
        unlike = unlike + (grooves[:, end] * WEIGHTS).sum(axis=(1, 2))
        out[at, end][:, HANDS] = grooves[int(np.argmin(unlike)), end][:, HANDS]
    return out.reshape(hits.shape)


def with_fill(hits: np.ndarray, samples: Sequence[np.ndarray], measure_steps: np.ndarray) -> np.ndarray:
    """Return a phrase whose last measure ends as the one of `samples`, other drums to its bass, that fills
    most there."""
    measures, steps = hits.reshape(MEASURES_PER_PHRASE, STEPS_PER_MEASURE, -1), np.asarray(measure_steps)
    end = slice(max(0, steps[-1] - END_STEPS), steps[-1])
    ends = [measures[-1, end], *(sample.reshape(measures.shape)[-1, end] for sample in samples)]
    out = measures.copy()
    out[-1, end] = max(ends, key=lambda one: fill_weight(one, measures[:-1, end]))
    return out.reshape(hits.shape)


def fill_weight(end: np.ndarray, grooves: np.ndarray) -> float:
    """Return how much of a fill the end of a measure (S, 12) is: what it adds to the groove (n, S, 12) most
    like it.

    A snare or crash hit counts 1, a tom 2. 0 for the groove itself and for silence.
    """
    return float(((end & ~grooves) * WEIGHTS).sum(axis=(1, 2)).min())
