"""Swing and compound time: found in the bass, laid on steps, given back to the drums."""

import numpy as np
import pytest

from basedrum.music.compound import is_compound
from basedrum.music.grid import Grid
from basedrum.music.laid_grid import LaidGrid, lay_out, lay_song
from basedrum.music.notes import Notes
from basedrum.music.swing import Swing, _around, _sections, estimate_swing

QUARTER = 480
BAR = 4 * QUARTER


def notes(positions, pitch=40):
    """Notes at positions in quarters."""
    starts = np.round(np.asarray(positions) * QUARTER).astype(int)
    return Notes(starts, starts + 100, np.full(len(starts), pitch), np.full(len(starts), 90))


def bass(off_beat, num_bars=16, first_bar=0):
    """Eighths, each second one at `off_beat` of the beat."""
    beats = np.arange(4 * first_bar, 4 * (first_bar + num_bars))
    return notes(np.sort(np.concatenate([beats, beats + off_beat])))


NOBODY = Notes.empty()


@pytest.mark.parametrize("off_beat", [0.5, 0.58, 2 / 3, 0.7])
def test_the_swing_of_eighths_is_found(off_beat):
    swing = estimate_swing(bass(off_beat), NOBODY, Grid(QUARTER, 16 * BAR))
    assert np.allclose(swing.eighths, off_beat, atol=0.003)
    assert (swing.sixteenths == 0.5).all()


def test_loose_hands_still_swing():
    line = bass(2 / 3, 32)
    late = np.random.default_rng(0).normal(0, 12, len(line)).round().astype(int)
    moved = Notes(np.maximum(line.start_ticks + late, 0), line.end_ticks + 100, line.pitches, line.velocities)
    swing = estimate_swing(moved, NOBODY, Grid(QUARTER, 32 * BAR))
    assert np.allclose(swing.eighths, 2 / 3, atol=0.01)


def test_straight_sixteenths_do_not_swing():
    swing = estimate_swing(notes(np.arange(0, 64, 0.25)), NOBODY, Grid(QUARTER, 16 * BAR))
    assert (swing.eighths == 0.5).all() and (swing.sixteenths == 0.5).all()


def test_dotted_eighths_and_sixteenths_do_not_swing():
    assert (estimate_swing(bass(0.75), NOBODY, Grid(QUARTER, 16 * BAR)).eighths == 0.5).all()


def test_a_triplet_fill_in_a_straight_song_does_not_swing():
    fill = notes(32 + np.arange(12) / 3)
    line = Notes.join([bass(0.5, 8), fill, bass(0.5, 7, 9)])
    assert (estimate_swing(line, NOBODY, Grid(QUARTER, 16 * BAR)).eighths == 0.5).all()


def test_swung_sixteenths_are_told_from_swung_eighths():
    line = notes(np.sort(np.concatenate([np.arange(64) + at for at in (0, 1 / 3, 0.5, 5 / 6)])))
    swing = estimate_swing(line, NOBODY, Grid(QUARTER, 16 * BAR))
    assert (swing.eighths == 0.5).all()
    assert np.allclose(swing.sixteenths, 2 / 3, atol=0.005)


def test_each_section_has_its_own_swing():
    line = Notes.join([bass(0.5, 24), bass(2 / 3, 24, 24), bass(0.6, 24, 48)])
    swing = estimate_swing(line, NOBODY, Grid(QUARTER, 72 * BAR))
    assert (swing.eighths[:20] == 0.5).all()
    assert np.allclose(swing.eighths[30:44], 2 / 3, atol=0.07)
    assert (swing.eighths[30:] > 0.5).all()


def test_where_the_bass_walks_in_quarters_the_band_is_asked():
    walking = notes(np.arange(64))
    grid = Grid(QUARTER, 16 * BAR)
    assert np.allclose(estimate_swing(walking, bass(2 / 3), grid).eighths, 2 / 3, atol=0.003)
    assert (estimate_swing(walking, NOBODY, grid).eighths == 0.5).all()
    assert (estimate_swing(bass(0.5), bass(2 / 3), grid).eighths == 0.5).all(), "the bass comes first"


def test_swing_is_said_in_words():
    grid = Grid(QUARTER, 16 * BAR)
    assert str(lay_song(bass(2 / 3), NOBODY, grid)[1].swing) == "eighths 2.0:1 throughout"
    assert (
        str(lay_song(notes(np.arange(64)), bass(0.6), grid)[1].swing)
        == "eighths 1.5:1 throughout by the other parts"
    )
    assert str(estimate_swing(bass(0.5), NOBODY, grid)) == ""


def test_a_straight_song_keeps_its_very_grid():
    grid = Grid(QUARTER, 16 * BAR, time_signatures=((0, 4, 4), (4 * BAR, 7, 8)))
    heard, played = lay_song(notes(np.arange(0, 64, 0.25)), NOBODY, grid)
    assert heard is grid and played is grid


def test_a_swung_off_beat_is_the_fourth_step_and_sounds_where_it_was():
    grid = Grid(QUARTER, 16 * BAR)
    heard, played = lay_song(bass(0.65), NOBODY, grid)
    assert isinstance(played, LaidGrid) and played.is_ternary.all()
    measure, step, offset = heard.locate(bass(0.65).start_ticks)
    assert set(step % 4) == {0, 3} and np.abs(offset).max() < 1e-9
    assert played.tick_at(measure, step).tolist() == bass(0.65).start_ticks.tolist()
    assert played.tick_at(np.zeros(2, int), np.array([1, 2])).tolist() == [160, 240]


def test_light_swing_stays_on_the_third_step():
    heard, played = lay_song(bass(0.58), NOBODY, Grid(QUARTER, 16 * BAR))
    measure, step, _ = heard.locate(bass(0.58).start_ticks)
    assert set(step % 4) == {0, 2} and not played.is_ternary.any()
    assert played.tick_at(measure, step).tolist() == bass(0.58).start_ticks.tolist()


@pytest.mark.parametrize(("ratio", "tick"), [(1.0, 240), (1.5, 288), (2.0, 320), (3.0, 360)])
@pytest.mark.parametrize("off_beat", [0.5, 2 / 3])
def test_a_wished_swing_moves_the_drums_whatever_the_bass_does(ratio, tick, off_beat):
    heard, played = lay_song(bass(off_beat), NOBODY, Grid(QUARTER, 16 * BAR), ratio)
    measure, step, _ = heard.locate(bass(off_beat).start_ticks)
    ticks = played.tick_at(measure, step)
    assert set(ticks % QUARTER) == {0, tick}, "drums that play with the bass play where the wish says"


def test_offsets_are_bent_with_the_beat_and_come_back():
    grid = lay_out(Grid(QUARTER, 4 * BAR), Swing.of_ratio(2, 4))
    for offset in (-0.4, 0.2):
        tick = grid.tick_at(np.array([1]), np.array([3]), offset)
        measure, step, back = grid.locate(tick)
        assert (measure[0], step[0]) == (1, 3) and back[0] == pytest.approx(offset, abs=0.02)


def test_twelve_eight_is_four_beats_in_three():
    grid = lay_out(Grid(QUARTER, 4 * 6 * QUARTER, ((0, 120.0),), ((0, 12, 8),)))
    assert (
        grid.measure_steps.tolist() == [16] * 4
        and grid.starts_bar.all()
        and grid.bars.tolist() == [0, 1, 2, 3]
    )
    assert grid.measure_ticks.tolist() == [0, 2880, 5760, 8640] and grid.last_tick == 4 * 2880
    assert np.allclose(grid.measure_qpm, 80), "a beat is dotted"
    _, step, offset = grid.locate(np.arange(12) * 240)
    assert step.tolist() == [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15] and np.allclose(offset, 0)


def test_metres_change_in_and_out_of_compound_time():
    metres = ((0, 4, 4), (2 * BAR, 6, 8), (2 * BAR + 3 * 1440, 3, 4))
    plain = Grid(QUARTER, 2 * BAR + 3 * 1440 + 2 * 1440 - 7, ((0, 90.0), (2 * BAR, 180.0)), metres)
    grid = lay_out(plain)
    assert grid.measure_ticks.tolist() == plain.measure_ticks.tolist()
    assert grid.measure_steps.tolist() == [16, 16, 8, 8, 8, 12, 12]
    assert grid.bars.tolist() == plain.bars.tolist()
    assert np.allclose(grid.measure_qpm, [90, 90, 120, 120, 120, 180, 180])
    assert grid.last_tick == plain.last_tick and grid.end_tick == plain.end_tick
    cells = [(m, s) for m in range(7) for s in range(int(grid.measure_steps[m]))]
    measures, steps = np.asarray(cells).T
    ticks = grid.tick_at(measures, steps)
    assert (np.diff(ticks) > 0).all()
    assert [tuple(cell) for cell in np.stack(grid.locate(ticks)[:2], axis=1)] == cells


def test_a_compound_bar_cut_short_by_a_change_ends_where_the_next_begins():
    grid = lay_out(Grid(QUARTER, 8000, (), ((0, 12, 8), (1000, 4, 4))))
    assert grid.measure_ticks[:2].tolist() == [0, 1000]
    assert grid.tick_at(np.zeros(6, int), np.arange(6)).max() < 1000


def test_wishes_do_not_swing_compound_time():
    plain = Grid(QUARTER, 4 * 1440, (), ((0, 6, 8),))
    assert lay_out(plain, Swing.of_ratio(3, 4)).tick_at(np.zeros(4, int), np.arange(4)).tolist() == [
        0,
        240,
        360,
        480,
    ]


@pytest.mark.parametrize(
    ("metre", "eighths", "steps"),
    [
        ((6, 8), [0, 3], [8] * 4),
        ((6, 8), [0, 2, 4], [12] * 4),
        ((6, 8), [0, 1, 2, 3, 4, 5], [8] * 4),
        ((6, 8), [0], [8] * 4),
        ((12, 8), [0, 2, 3, 5, 6, 8, 9, 11], [16] * 4),
        ((9, 8), [0, 2, 4, 6], [12, 6] * 4),
    ],
)
def test_the_bass_says_whether_a_bar_is_in_threes_or_in_twos(metre, eighths, steps):
    plain = Grid(QUARTER, 4 * metre[0] * 240, (), ((0, *metre),))
    line = notes((np.arange(4)[:, None] * metre[0] + eighths).ravel() / 2)
    assert lay_song(line, NOBODY, plain)[0].measure_steps.tolist() == steps


@pytest.mark.parametrize(
    "runs, sections",
    [
        ([10, 3, 10], [(0, 23)]),  # a gap of three measures is closed
        ([10, 4, 10], [(0, 10), (14, 24)]),
        ([0, 5, 3, 5], []),  # three measures alone do not swing
        ([0, 5, 4, 5], [(5, 9)]),
        ([0, 9, 3, 3, 3, 9], [(9, 18)]),  # gaps are closed before runs are dropped
        ([2], [(0, 2)]),  # a whole song of two measures
    ],
)
def test_sections_of_measures_that_swing(runs, sections):
    """`runs` are the lengths of runs of measures that swing, do not, do ... in turn."""
    swings = np.repeat(np.arange(len(runs)) % 2 == 0, runs)
    assert _sections(swings) == sections


def test_a_measure_swings_with_eight_to_either_side():
    counts = np.zeros((41, 1))
    counts[20] = 1
    assert np.flatnonzero(_around(counts)).tolist() == list(range(12, 29))


@pytest.mark.parametrize("num_off_beats, asks_others", [(3, True), (4, False)])
def test_the_others_are_asked_where_the_bass_has_fewer_than_four_off_beats(num_off_beats, asks_others):
    walking = Notes.join([notes(np.arange(32)), notes(np.arange(num_off_beats) + 2 / 3)])
    swing = estimate_swing(walking, bass(0.6, 8), Grid(QUARTER, 8 * BAR))
    assert swing.of_others == asks_others


def test_metres_with_dotted_beats():
    metres = [(6, 8), (9, 8), (12, 8), (6, 16), (3, 8), (3, 4), (6, 4), (7, 8), (4, 4)]
    assert [metre for metre in metres if is_compound(*metre)] == metres[:4]
