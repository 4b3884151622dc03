"""Measures of whole songs on music whose answer is known: seams, sections, fills, crashes, similarity of
bars."""

import numpy as np
import pytest

from basedrum.measures.descriptors import phrase_descriptors
from basedrum.measures.structure import (
    bass_pairs,
    form_metrics,
    last_beat_hits,
    new_sections,
    seam_ratio,
    section_metrics,
    similarity_matrix,
    structure_descriptors,
)
from basedrum.music import kit
from basedrum.music.notation import groove

BEAT = groove("kick  x...x...x...x...", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.").to_kit()
OTHER = groove("kick  x.x...x...x.x...", "side stick ....x..x..x.x...", "ride x...x...x...x...").to_kit()


def phrase(*bars: np.ndarray) -> np.ndarray:
    return np.concatenate(bars)


def song(*phrases: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (hits (n, 64, 12), place (n,), songs (n,)) of one song."""
    return np.stack(phrases), np.arange(len(phrases)), np.zeros(len(phrases), int)


def bass_of(*steps: int) -> np.ndarray:
    """Return (2, 64, 72): onsets on these steps."""
    roll = np.zeros((2, 64, 72), bool)
    roll[:, list(steps), 10] = True
    return roll


def test_similarity_of_bars_by_hand():
    bars = [BEAT, OTHER] * 8
    matrix = similarity_matrix(phrase(*bars)[None])[0]
    shared = (BEAT & OTHER).sum() / (BEAT | OTHER).sum()
    assert matrix[0, 2] == 1
    assert matrix[0, 1] == pytest.approx(shared)
    assert np.allclose(matrix, matrix.T)
    snare = similarity_matrix(phrase(*bars)[None], (kit.SNARE,))[0]
    assert snare[0, 1] == 0  # played in one of the two
    assert np.isnan(snare[1, 3])  # in neither
    toms = similarity_matrix(phrase(*bars)[None], (kit.LOW_TOM,))
    assert np.isnan(toms).all()


def test_last_beat_is_that_of_the_bar_as_long_as_it_is():
    hits = np.zeros((1, 64, 12), bool)
    hits[0, [9, 12, 13, 16 + 11, 16 + 12], kit.SNARE] = True
    assert last_beat_hits(hits).tolist() == [[2, 1, 0, 0]]
    assert last_beat_hits(hits, np.full((1, 4), 12)).tolist() == [[1, 1, 0, 0]]  # 3/4: steps 8 to 11


def test_seams_as_smooth_as_bar_lines_are_one_and_jumps_are_more():
    steady = phrase(BEAT, OTHER, BEAT, OTHER)
    hits, place, songs = song(steady, steady, steady)
    assert seam_ratio(hits, place, songs).value == pytest.approx(1)
    # three bars alike, one fill: of 7 bar lines the seam is one of those that change
    filled = phrase(BEAT, BEAT, BEAT, OTHER)
    assert seam_ratio(*song(filled, filled)).value == pytest.approx(1 / (2 / 6))
    # every phrase keeps its own groove: all change is at the seam, so there is nothing to compare it with
    assert np.isnan(seam_ratio(*song(phrase(*[BEAT] * 4), phrase(*[OTHER] * 4))).value)
    smooth = phrase(BEAT, OTHER, BEAT, OTHER), phrase(OTHER, BEAT, OTHER, BEAT)
    assert seam_ratio(*song(*smooth)).value == 0
    assert np.isnan(seam_ratio(hits, np.zeros(3, int), songs).value)  # no seams
    assert np.isnan(seam_ratio(np.zeros_like(hits), place, songs).value)


def test_a_seam_at_equal_density_does_not_count_how_busy_the_bars_are():
    """The seam joins two busy bars, the bars inside are sparse; all of them change every hit."""
    busy = np.zeros((2, 16, 12), bool)
    busy[0, :, kit.CLOSED_HAT], busy[1, :, kit.RIDE] = True, True
    sparse = np.zeros((2, 16, 12), bool)
    sparse[0, 0, kit.KICK], sparse[1, 0, kit.SNARE] = True, True
    hits = song(
        phrase(sparse[0], sparse[1], sparse[0], busy[0]), phrase(busy[1], sparse[0], sparse[1], sparse[0])
    )
    assert seam_ratio(*hits).value > 3
    assert seam_ratio(*hits, equal_density=True).value == pytest.approx(1)


def test_pairs_are_of_one_song_and_do_not_adjoin():
    bass = np.stack(
        [bass_of(0, 4), bass_of(0, 4), bass_of(0, 4), bass_of(1, 2), bass_of(0, 4), bass_of(0, 4)]
    )
    place = np.array([0, 1, 2, 3, 0, 1])
    pairs, alike = bass_pairs(bass, place)
    assert pairs.tolist() == [[0, 2], [0, 3], [1, 3]]
    assert alike.tolist() == [1, 0, 0]
    silent, _ = bass_pairs(np.zeros_like(bass), place)
    assert len(silent) == 0
    assert new_sections(bass, place).tolist() == [False, False, False, True, False, False]


def test_sections_that_come_back_are_heard_where_the_drums_come_back():
    verse, chorus = phrase(*[BEAT] * 4), phrase(*[OTHER] * 4)
    bass = np.stack([bass_of(0, 4), bass_of(1, 2, 3), bass_of(0, 4), bass_of(1, 2, 3), bass_of(5, 6)])
    hits, place, songs = song(verse, chorus, verse, chorus, verse)
    pairs, alike = bass_pairs(bass, place)
    figures = section_metrics(hits, pairs, alike, songs)
    assert figures["sections_same"].value == 1
    shared = (BEAT & OTHER).sum() / (BEAT | OTHER).sum()
    assert figures["sections_other"].value == pytest.approx(
        (1 + 1 + shared + shared) / 4
    )  # 0-3, 1-4 apart, 0-4, 2-4 alike
    deaf = section_metrics(np.stack([verse] * 5), pairs, alike, songs)
    assert deaf["sections_same"].value == deaf["sections_other"].value == 1
    only_same = alike >= 0.9
    assert np.isnan(section_metrics(hits, pairs[only_same], alike[only_same], songs)["sections_same"].value)


def test_fills_toms_and_crashes_are_found_where_they_are():
    fill = BEAT.copy()
    fill[12:, kit.LOW_TOM] = True  # last beat: 3 hits before (kick, snare, hat; hat), now 4 more
    crashed = BEAT.copy()
    crashed[0, kit.CRASH] = True
    plain, ended = phrase(crashed, BEAT, BEAT, BEAT), phrase(BEAT, BEAT, BEAT, fill)
    hits, _, songs = song(plain, ended)
    figures = form_metrics(hits, songs, np.array([0, 1]), np.array([False, True]))
    in_beat = BEAT[12:].sum()
    assert figures["fill_4"].value == pytest.approx((2 * in_beat + 4) / (2 * in_beat))
    assert figures["fill_8"].value == pytest.approx((in_beat + 4) / in_beat)
    assert np.isnan(figures["turn_8"].value)  # no other bar changes
    assert (figures["toms_end"].value, figures["toms_inside"].value) == (0.5, 0)
    assert [figures[f"crash_{where}"].value for where in ("phrase", "section", "inside")] == [0.5, 0, 0]
    swapped = form_metrics(hits, songs, np.array([1, 2]), np.array([True, False]))
    assert swapped["fill_8"].value == 1
    assert swapped["crash_section"].value == 1
    busy = phrase(BEAT, OTHER, BEAT, fill)
    turns = form_metrics(*song(busy)[::2], np.array([1]), np.array([False]))
    moved = (BEAT[12:] != OTHER[12:]).sum()
    assert turns["turn_4"].value == turns["turn_8"].value == pytest.approx(4 / moved)


def test_structure_descriptors_hear_the_plan_and_not_the_notes():
    """The same plan with other grooves is much the same; another plan is not."""
    rng = np.random.default_rng(0)

    def span(order: str) -> np.ndarray:
        bars = {name: rng.random((16, 12)) < 0.12 for name in "AB"}
        return phrase(*[bars[name] for name in order])

    plans = {"AABA": "AAAB" * 4, "ABAB": "AB" * 8}
    rows = {
        name: structure_descriptors(np.stack([span(order) for _ in range(40)]))
        for name, order in plans.items()
    }
    assert rows["AABA"].dtype == np.float32
    mean = {name: np.nanmean(row, axis=0) for name, row in rows.items()}
    noise = np.nanmean([np.nanstd(row, axis=0) for row in rows.values()], axis=0) / np.sqrt(40) + 0.02
    assert np.nanmax(np.abs(mean["AABA"] - mean["ABAB"]) / noise) > 20
    again = structure_descriptors(np.stack([span(plans["ABAB"]) for _ in range(40)]))
    assert np.nanmax(np.abs(np.nanmean(again, axis=0) - mean["ABAB"]) / noise) < 6


def test_descriptors_of_silence_and_of_short_bars_exist():
    silent = np.zeros((2, 256, 12), bool)
    rows = structure_descriptors(silent, np.full((2, 16), 12))
    assert rows.shape == structure_descriptors(np.ones((2, 256, 12), bool)).shape
    assert not np.isinf(rows).any()
    phrases = phrase_descriptors(silent[:, :64], np.full((2, 4), 12))
    assert phrases.shape == phrase_descriptors(np.ones((2, 64, 12), bool)).shape
    assert not np.isinf(phrases).any()
    assert structure_descriptors(silent[:0]).shape == (0, rows.shape[1])
    assert phrase_descriptors(silent[:0, :64]).shape == (0, phrases.shape[1])


def test_phrase_descriptors_tell_what_was_changed():
    """Each change of a groove moves the row; a change of nothing does not."""
    hits = phrase(BEAT, BEAT, BEAT, BEAT)[None]
    plain = phrase_descriptors(hits)
    assert np.array_equal(plain, phrase_descriptors(hits.copy()), equal_nan=True)
    for step, voice in ((13, kit.LOW_TOM), (16, kit.CRASH), (1, kit.CLOSED_HAT), (3, kit.KICK)):
        changed = hits.copy()
        changed[0, step, voice] ^= True
        assert not np.array_equal(plain, phrase_descriptors(changed), equal_nan=True)
    order = np.concatenate([hits[0, 32:], hits[0, :32]])[None]
    assert np.array_equal(plain, phrase_descriptors(order), equal_nan=True)  # the same four bars
