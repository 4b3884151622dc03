"""The drums stop where the whole band does, in most songs."""

import numpy as np

from basedrum.drummer.stops import ANSWERS, answers_stops, find_stops, with_stops
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.sounding import Sounding


def band(*bars: str) -> np.ndarray:
    return np.asarray([[mark == "x" for mark in bar.ljust(16, "-")] for bar in bars])


FULL = "x" * 16
HALF = "x" * 8 + "-" * 8


def stops_of(*bars: str, steps: int = 16) -> list[tuple[int, int, int]]:
    """Return (measure, first step, number of steps) of each measure with a stop."""
    found = find_stops(band(*bars), np.full(len(bars), steps))
    return [
        (int(m), int(np.argmax(found[m])), int(found[m].sum())) for m in np.flatnonzero(found.any(axis=1))
    ]


def test_a_stop_is_a_silence_of_half_a_bar_where_the_bars_before_sound():
    assert stops_of(*[FULL] * 4, HALF, FULL) == [(4, 8, 8)]
    assert stops_of(*[FULL] * 4, "xx", FULL) == [(4, 2, 14)]
    assert stops_of(*[FULL] * 4, "-" * 9 + "x" * 7, FULL) == [(4, 0, 9)]


def test_a_shorter_silence_is_none():
    assert stops_of(*[FULL] * 4, "x" * 9, FULL) == []
    assert stops_of(*["x" * 12] * 4, "x" * 6, "x" * 12, steps=12) == [(4, 6, 6)]


def test_a_riff_with_a_rest_does_not_stop():
    assert stops_of(*[HALF] * 9) == []
    assert stops_of(*[FULL, HALF] * 4, FULL) == []


def test_one_stop_before_does_not_hide_the_next():
    assert stops_of(*[FULL] * 4, HALF, *[FULL] * 3, HALF, FULL) == [(4, 8, 8), (8, 8, 8)]


def test_the_end_of_a_song_is_no_stop_nor_is_a_silent_bar():
    assert stops_of(*[FULL] * 5, HALF) == []
    assert stops_of(*[FULL] * 4, "", FULL) == []
    assert find_stops(np.zeros((6, 16), bool), np.full(6, 16)).sum() == 0


def test_the_drums_of_most_songs_stop_and_those_of_the_others_go_on():
    hits, steps = np.ones((6 * 16, 12), bool), np.full(6, 16)
    sounding = Sounding(np.ones(6, bool), 0, band(*[FULL] * 4, HALF, FULL))
    with_answer = next(seed for seed in range(100) if answers_stops(seed))
    without = next(seed for seed in range(100) if not answers_stops(seed))
    played = with_stops(hits, sounding, steps, with_answer)
    assert np.flatnonzero(~played.all(axis=1)).tolist() == list(range(72, 80))
    assert not played[72:80].any()
    assert with_stops(hits, sounding, steps, without) is hits
    assert with_stops(hits, Sounding(np.ones(6, bool)), steps, with_answer) is hits
    assert abs(np.mean([answers_stops(seed) for seed in range(1000)]) - ANSWERS) < 0.03


def test_the_steps_in_which_a_band_sounds():
    notes = Notes(np.asarray([0, 480]), np.asarray([240, 481]), np.full(2, 40), np.full(2, 90))
    steps = Sounding.of([notes], Grid(480, 1920)).steps
    assert steps is not None and np.flatnonzero(steps[0]).tolist() == [0, 1, 4]
    waltz = Sounding.of([notes], Grid(480, 2 * 1440, (), ((0, 3, 4),))) & np.asarray([True, False])
    assert waltz.steps is not None and waltz.steps.shape == (2, 16)
