"""A whole song: phrases, what the drummer hears, where it rests, how it ends."""

import numpy as np
import pytest

from basedrum.drummer import form
from basedrum.drummer.form import phrase_starts
from basedrum.drummer.layout import bass_sources, first_full_bar, phrase_windows
from basedrum.drummer.song import in_threes, play_song
from basedrum.music.grid import Grid
from basedrum.music.kit import CLOSED_HAT, KICK, SNARE
from basedrum.music.laid_grid import lay_out
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, active_steps
from basedrum.music.sounding import Sounding
from basedrum.music.swing import Swing

QUARTER = 480
BAR = 4 * QUARTER


class Recorder:
    """Answers every bass onset with a kick and marks each step with a hat, and records what it was given."""

    def __init__(self):
        self.calls, self.remembered = [], []

    def remember(self, bass, hits):
        self.remembered.append((bass, hits))

    def play(self, phrase):
        bass, steps = phrase.bass, phrase.measure_steps
        assert bass.shape == (2, 64, 72) and bass.dtype == bool and len(steps) == 4
        self.calls.append((bass, phrase.qpm, list(steps), phrase.previous, phrase.index))
        hits = np.zeros((64, 12), bool)
        hits[:, KICK] = bass[0].any(axis=1)
        hits[:, CLOSED_HAT] = True
        return hits


def song(bars, num_bars=None, **grid):
    """A bass of one quarter note in each of `bars`, its pitch 30 + the bar; the band plays all bars unless
    told."""
    num_bars = num_bars or max(bars) + 1
    grid = Grid(QUARTER, num_bars * BAR, **grid)
    starts = np.asarray(bars) * BAR
    notes = Notes(starts, starts + QUARTER, 30 + np.asarray(bars), np.full(len(bars), 90))
    return BassRoll.from_notes(notes, grid), grid


def heard(call):
    """The bars whose bass a call was given, read off the pitches; -1 where silent."""
    rolls = call[0][0].reshape(4, 16, 72)
    return [int(np.flatnonzero(r.any(axis=0))[0]) - 6 if r.any() else -1 for r in rolls]


def measures_with(hits):
    return np.flatnonzero(hits.reshape(-1, 192).any(axis=1)).tolist()


def test_a_song_is_played_phrase_by_phrase_and_each_knows_the_drums_before():
    bass, grid = song(range(8))
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(8, bool)))
    assert [heard(c) for c in state.calls] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [c[4] for c in state.calls] == [0, 1]
    assert state.calls[0][3] is None
    assert np.array_equal(state.calls[1][3], hits[:64])
    assert np.array_equal(hits[:, KICK], bass.hits)


def test_the_last_partial_phrase_looks_back_and_only_its_new_bars_are_kept():
    bass, grid = song(range(6))
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(6, bool)))
    assert heard(state.calls[1]) == [2, 3, 4, 5]
    assert hits.shape == (96, 12)
    assert np.array_equal(hits[:, KICK], bass.hits)


def test_a_song_of_two_bars_goes_round_and_hears_no_silence():
    bass, grid = song(range(2))
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(2, bool)))
    assert [heard(c) for c in state.calls] == [[0, 1, 0, 1]]
    assert np.array_equal(hits[:, KICK], bass.hits)


@pytest.mark.parametrize("length", range(1, 14))
def test_windows_keep_every_bar_exactly_once_and_stay_inside_the_song(length):
    sounding = np.zeros(20, bool)
    sounding[3 : 3 + length] = True
    kept = np.concatenate([window[4 - num_new :] for window, num_new in phrase_windows(sounding)])
    assert kept.tolist() == list(range(3, 3 + length))
    assert all(sounding[window].all() and len(window) == 4 for window, _ in phrase_windows(sounding))


def test_nothing_before_the_first_bar_with_sound_nor_after_the_last():
    bass, grid = song([2, 3, 4, 5], num_bars=9)
    sounding = np.zeros(9, bool)
    sounding[2:7] = True
    hits = play_song(Recorder(), bass, grid, Sounding(sounding))
    assert measures_with(hits) == [2, 3, 4, 5, 6]


def test_the_drummer_rests_where_the_whole_band_rests_and_comes_back():
    bass, grid = song([0, 1, 2, 3, 12, 13, 14, 15])
    sounding = np.ones(16, bool)
    sounding[3:12] = False
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(sounding))
    assert measures_with(hits) == [0, 1, 2, 12, 13, 14, 15]
    assert len(state.calls) == 2, "a phrase of rests asks the drummer nothing"
    assert state.calls[1][3] is not None and state.calls[1][3].any()


def test_where_only_the_bass_rests_the_last_four_bars_it_played_go_on_in_step():
    plays = np.zeros(14, bool)
    plays[[2, 3, 4, 5, 6, 12, 13]] = True
    assert bass_sources(plays).tolist() == [4, 5, 2, 3, 4, 5, 6, 3, 4, 5, 6, 3, 12, 13]


def test_an_intro_hears_the_bass_to_come():
    bass, grid = song([4, 5, 6, 7])
    state = Recorder()
    play_song(state, bass, grid, Sounding(np.ones(8, bool)))
    assert heard(state.calls[0]) == [4, 5, 6, 7]


def test_a_bass_that_never_plays_is_answered_all_the_same():
    assert bass_sources(np.zeros(5, bool)).tolist() == [0, 1, 2, 3, 4]


def test_lookahead_answers_the_phrase_before_and_the_first_its_own():
    bass, grid = song(range(10))
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(10, bool)), lookahead=1)
    assert [heard(c) for c in state.calls] == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]]
    assert measures_with(hits) == list(range(10))


def test_short_bars_stay_short():
    grid = Grid(QUARTER, 4 * 3 * QUARTER, time_signatures=((0, 3, 4),))
    starts = np.arange(12) * QUARTER
    bass = BassRoll.from_notes(Notes(starts, starts + 100, np.full(12, 40), np.full(12, 90)), grid)
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(4, bool)))
    assert state.calls[0][2] == [16] * 4, "three beats of a whole bar"
    assert not hits.reshape(4, 16, 12)[:, 12:].any()
    assert hits.reshape(4, 16, 12)[:, :12, CLOSED_HAT].all()


def test_a_long_bar_heard_in_a_short_one_is_cut():
    grid = Grid(QUARTER, 4 * BAR + 4 * 14 * 120, time_signatures=((0, 4, 4), (4 * BAR, 7, 8)))
    starts = np.arange(16) * QUARTER
    bass = BassRoll.from_notes(Notes(starts, starts + 100, np.full(16, 40), np.full(16, 90)), grid)
    state = Recorder()
    play_song(state, bass, grid, Sounding(np.ones(8, bool)))
    assert not state.calls[1][0].reshape(2, 4, 16, 72)[:, :, 14:].any()


def test_no_hit_at_or_after_the_last_tick():
    bass, _ = song(range(4))
    grid = Grid(QUARTER, 3 * BAR + 2 * QUARTER)
    hits = play_song(Recorder(), bass, grid, Sounding(np.ones(4, bool)))
    assert np.flatnonzero(hits.any(axis=1)).tolist() == list(range(3 * 16 + 8))


def test_each_phrase_is_told_its_own_tempo():
    bass, grid = song(range(8), tempos=((0, 90.0), (4 * BAR, 140.0)))
    state = Recorder()
    play_song(state, bass, grid, Sounding(np.ones(8, bool)))
    assert [c[1] for c in state.calls] == [90.0, 140.0]


def test_a_silent_song_gets_no_drums():
    bass, grid = song([0], num_bars=4)
    state = Recorder()
    assert not play_song(state, bass, grid, Sounding(np.zeros(4, bool))).any() and not state.calls


def test_rolls_that_do_not_fit_are_refused():
    bass, grid = song(range(4))
    with pytest.raises(ValueError, match="do not fit"):
        play_song(Recorder(), bass, grid, Sounding(np.ones(5, bool)))


def test_a_measure_sounds_while_a_note_is_held():
    grid = Grid(QUARTER, 8 * BAR)

    def part(*spans):
        starts, ends = np.asarray(spans).T
        return Notes(starts, ends, np.full(len(starts), 60), np.full(len(starts), 80))

    held = part((BAR, 3 * BAR + 10))  # ends ten ticks into bar 3: a release, not a bar that sounds
    stab = part((6 * BAR - 5, 6 * BAR + 200))  # an early first beat belongs to the bar it means
    assert np.flatnonzero(Sounding.of([held, stab], grid).measures).tolist() == [1, 2, 6]
    assert not Sounding.of([], grid).measures.any()


class Rock:
    """One bar of rock for ever: kick on one and three, snare on two and four, hats on the eighths."""

    def play(self, phrase):
        hits = np.zeros((4, 16, 12), bool)
        hits[:, [0, 8], KICK] = hits[:, [4, 12], SNARE] = hits[:, ::2, CLOSED_HAT] = True
        return hits.reshape(64, 12)

    def remember(self, bass, hits):
        pass


def rock_in(numerator, denominator, num_bars=8):
    """What becomes of it in a metre: kick and snare of the bars, as text, a letter a step."""
    plain = Grid(
        QUARTER, num_bars * BAR * numerator // denominator, time_signatures=((0, numerator, denominator),)
    )
    grid = lay_out(plain)
    starts = plain.measure_ticks[plain.starts_bar].astype(int)
    bass = BassRoll.from_notes(
        Notes(starts, starts + 100, np.full(len(starts), 40), np.full(len(starts), 90)), grid
    )
    hits = play_song(Rock(), bass, grid, Sounding(np.ones(grid.num_measures, bool)))
    letters = np.where(hits[:, KICK], "k", np.where(hits[:, SNARE], "s", "."))[
        active_steps(grid.measure_steps)
    ]
    bars = np.array_split(letters, num_bars)
    assert all(len(bar) == len(bars[0]) for bar in bars)
    return sorted({"".join(bar) for bar in bars})


@pytest.mark.parametrize(
    ("metre", "bars"),
    [
        ((4, 4), ["k...s...k...s..."]),
        ((2, 4), ["k...s..."]),
        ((3, 4), ["k...s...s..."]),
        ((5, 4), ["k...s...k...s...s..."]),
        ((6, 4), ["k...s...k...s...k...s..."]),
        ((7, 4), ["k...s...k...s...k...s...k..."]),
        ((7, 8), ["k...s...k...s."]),
        ((6, 8), ["k...s..."]),
        ((9, 8), ["k...s...s..."]),
        ((12, 8), ["k...s...k...s..."]),
        ((1, 4), ["k...", "s..."]),
    ],
)
def test_every_metre_has_its_one_and_its_backbeat(metre, bars):
    assert rock_in(*metre) == bars


@pytest.mark.parametrize(
    "metre", [(3, 4), (6, 8), (12, 8), (5, 4), (7, 8), (6, 4), (9, 8), (11, 8), (2, 4), (5, 16), (13, 8)]
)
def test_a_drummer_who_plays_every_step_fills_every_bar(metre):
    num_bars = 9
    plain = Grid(QUARTER, num_bars * BAR * metre[0] // metre[1] - 3, time_signatures=((0, *metre),))
    grid = lay_out(plain)
    bass = BassRoll.empty(grid.num_measures * 16)
    hits = play_song(Recorder(), bass, grid, Sounding(np.ones(grid.num_measures, bool)))[:, CLOSED_HAT]
    played = hits.reshape(-1, 16)
    assert (played.sum(axis=1) <= grid.measure_steps).all() and played[grid.measure_steps >= 4].any(
        axis=1
    ).all()
    assert played[np.flatnonzero(grid.starts_bar), 0].all(), "every bar's one"


def test_ternary_hits_leave_the_middle_of_the_beat_unless_the_bass_is_there():
    grid = lay_out(Grid(QUARTER, 2 * BAR), Swing(np.array([2 / 3, 0.5]), np.array([0.5, 0.5])))
    hits = np.zeros((2, 16, 12), bool)
    hits[:, [0, 2, 6], CLOSED_HAT] = True
    bass = np.zeros((2, 16), bool)
    bass[:, 6] = True
    moved = in_threes(hits, bass, grid)
    assert np.flatnonzero(moved[0, :, CLOSED_HAT]).tolist() == [0, 3, 6]
    assert np.flatnonzero(moved[1, :, CLOSED_HAT]).tolist() == [0, 2, 6]


@pytest.mark.parametrize(("metre", "beat"), [((6, 8), [0, 1, 3]), ((12, 8), [0, 3])])
def test_the_hats_of_six_eight_flow(metre, beat):
    grid = lay_out(Grid(QUARTER, 2880, time_signatures=((0, *metre),)))
    hits = np.zeros((grid.num_measures, 16, 12), bool)
    hits[:, [0, 3], CLOSED_HAT] = hits[:, 4, SNARE] = True
    flowing = in_threes(hits, np.zeros((grid.num_measures, 16), bool), grid)
    assert all(np.flatnonzero(bar[:, CLOSED_HAT]).tolist() == beat for bar in flowing)
    assert np.array_equal(flowing[..., SNARE], hits[..., SNARE])


def test_a_pickup_is_played_from_its_first_note_and_phrases_begin_behind_it():
    bass, grid = song(range(10))
    state = Recorder()
    hits = play_song(state, bass, grid, Sounding(np.ones(10, bool), 3 * QUARTER))
    assert [heard(c) for c in state.calls] == [[1, 2, 3, 4], [5, 6, 7, 8], [6, 7, 8, 9], [1, 2, 3, 0]]
    assert [c[3] is None for c in state.calls] == [True, False, False, True]
    assert np.flatnonzero(hits[:16].any(axis=1)).tolist() == [12, 13, 14, 15]
    assert hits[16:, CLOSED_HAT].all()


def test_a_first_note_in_the_first_half_of_its_bar_is_no_pickup():
    grid = Grid(QUARTER, 4 * BAR)
    assert [
        first_full_bar(grid, tick) for tick in (0, QUARTER, 2 * QUARTER, 3 * QUARTER, BAR, 4 * BAR - 1)
    ] == [
        0,
        0,
        1,
        1,
        0,
        0,
    ]
    half, quarter_step = 2 * QUARTER, QUARTER // 16
    assert first_full_bar(grid, half - quarter_step) == 1, "played a little early"
    assert first_full_bar(grid, half - quarter_step - 1) == 0
    assert first_full_bar(Grid(QUARTER, 3 * BAR, time_signatures=((0, 6, 8),)), 3 * 240) == 1
    assert first_full_bar(grid, None) == 0


def test_pairs_of_short_bars_begin_behind_the_pickup():
    grid = Grid(QUARTER, 9 * 960, time_signatures=((0, 2, 4),))
    bass = BassRoll.empty(grid.num_measures * 16)
    hits = play_song(Rock(), bass, grid, Sounding(np.ones(9, bool), QUARTER)).reshape(9, 16, 12)
    assert hits[1:, 0, KICK].all() and hits[1:, 4, SNARE].all()
    assert not hits[0, :4].any()


def phrases(pattern):
    """The bars in which phrases begin, for a bass of which each letter is a bar of its own kind."""
    hits = np.zeros((len(pattern), 16, 72), bool)
    for bar, letter in enumerate(pattern):
        kind = np.random.default_rng(ord(letter))
        hits[bar, kind.choice(16, 6, replace=False), kind.integers(0, 12, 6)] = True
    return phrase_starts(hits, 0, len(pattern))


def test_without_a_reason_phrases_are_four_bars():
    assert phrases("abcdefghijklmnop") == [0, 4, 8, 12]
    assert phrases("aaaaaaaaaaaaaa") == [0, 4, 8, 12]
    assert phrases("ab") == [0]


@pytest.mark.parametrize(("size", "cost"), [(1, 5), (2, 4), (3, 5)])
def test_a_short_phrase_is_put_in_for_more_evidence_than_it_costs(monkeypatch, size, cost):
    """The evidence is on bars 4 apart, the first of which is `size`: a short phrase reaches all of them."""
    for evidence, starts in ((cost + 0.1, [0, *range(size, 16, 4)]), (cost - 0.1, [0, 4, 8, 12])):
        borders = np.zeros(16)
        borders[size::4] = evidence / len(borders[size::4])
        monkeypatch.setattr(form, "section_borders", lambda bass, borders=borders: borders)
        assert phrase_starts(np.zeros((16, 16, 72), bool), 0, 16) == starts


def test_an_intro_of_two_bars_is_a_phrase_of_its_own():
    starts = phrases("xy" + "abcd" * 4 + "efgh" * 4)
    assert starts[:3] == [0, 2, 6] and starts == [0, *range(2, 34, 4)]


def test_phrases_follow_the_sections_after_bars_put_in():
    starts = phrases("abcd" * 4 + "xy" + "efgh" * 4 + "abcd" * 4)
    assert {0, 16, 18, 34} <= set(starts)
    assert max(np.diff([*starts, 50])) == 4


def test_the_drummer_is_asked_phrase_by_phrase_where_sections_begin():
    bars = "xyabcdabcdabcdefghefgh"
    grid = Grid(QUARTER, len(bars) * BAR)
    pitched = np.asarray([ord(letter) - ord("a") for letter in bars])
    notes = Notes(
        np.arange(len(bars)) * BAR, np.arange(len(bars)) * BAR + QUARTER, 40 + pitched, np.full(len(bars), 90)
    )
    state = Recorder()
    hits = play_song(state, BassRoll.from_notes(notes, grid), grid, Sounding(np.ones(len(bars), bool)))
    assert len(state.calls) == 6
    heard_pitches = [
        int(np.flatnonzero(call[0][0].reshape(4, 16, 72)[-1].any(axis=0))[0]) for call in state.calls
    ]
    assert "".join(chr(ord("a") + pitch - 16) for pitch in heard_pitches) == "ydddhh", (
        "the last bar of each phrase"
    )
    assert np.array_equal(hits[:, KICK], BassRoll.from_notes(notes, grid).hits)


def test_the_drums_before_are_silent_on_steps_that_do_not_exist():
    """What a drummer plays past the end of a short bar is not what it goes on from, nor what it remembers."""
    _, grid = song(range(8), time_signatures=((0, 7, 8),))
    num_measures = grid.num_measures
    state = Recorder()
    play_song(state, bass_on(grid), grid, Sounding(np.ones(num_measures, bool)))
    steps, previous = state.calls[1][2], state.calls[1][3]
    missing = ~active_steps(np.asarray(steps))
    assert missing.any() and not previous[missing].any() and previous[~missing].any()
    assert not state.remembered[0][1][missing].any()


def bass_on(grid):
    """A quarter note on the one of every measure."""
    onset = np.zeros((grid.num_measures * 16, 72), bool)
    onset[::16, 12] = True
    return BassRoll(onset, onset)
