"""The dice of an evaluation's songs: they last through a song and are thrown anew for anything else."""

import numpy as np

from basedrum.drummer.runs import RunDrummer
from basedrum.drummer.sampling import Answers


class Recorder:
    name, lookahead = "recorder", 1

    def __init__(self):
        self.calls = []

    def answer(
        self,
        bass,
        qpm,
        measure_steps,
        previous,
        seed,
        songs=None,
        index=0,
        wishes=None,
        takes=None,
        memory=None,
    ):
        self.calls.append((seed, index))
        self.known = [] if memory is None else [len(hits) for hits in memory.hits]
        return Answers(np.zeros((len(bass), 64, 12), bool), np.zeros(len(bass), int), np.zeros(len(bass)))

    def play(self, *phrases, **more):
        return self.answer(*phrases, **more).hits


def phrases(count):
    return np.zeros((count, 2, 64, 72), bool), np.full(count, 120.0), np.full((count, 4), 16)


def test_songs_keep_their_dice_from_phrase_to_phrase():
    model = Recorder()
    drummer = RunDrummer(model)
    assert (drummer.name, drummer.lookahead) == ("recorder", 1)
    drummer.start_songs(3, seed=7)
    hits = drummer.play(*phrases(3), None, seed=100)
    drummer.play(*phrases(3), hits, seed=101)
    drummer.play(*phrases(2), hits[:2], seed=102)
    assert model.calls == [(7, 0), (7, 1), (7, 2)] and model.known == [3, 3], (
        "phrases of three songs, then of two"
    )
    drummer.start_songs(2, seed=8)
    drummer.play(*phrases(2), None, seed=100)
    assert model.known == [], "a new song, nothing to remember"


def test_phrases_by_themselves_throw_the_dice_they_are_given():
    model = Recorder()
    drummer = RunDrummer(model)
    drummer.play(*phrases(1), None, seed=5)
    drummer.start_songs(1, seed=7)
    drummer.play(*phrases(1), None, seed=100)
    for seed in (8, 9):
        drummer.play(*phrases(1), None, seed=seed)
    drummer.start_songs(1, seed=11)
    drummer.play(*phrases(1), None, seed=100)
    assert model.calls == [(5, 0), (7, 0), (8, 0), (9, 0), (11, 0)]
