"""Style measures on silent, full and perfect drums, and on cases that a plausible wrong formula gets
wrong."""

import numpy as np
import pytest

from basedrum.measures import style
from basedrum.music import kit
from basedrum.music.notation import groove

ROCK = ("kick x.......x.......", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.")
SILENT = np.zeros((1, 64, 12), bool)
FULL = np.ones((1, 64, 12), bool)


def bar(*rows: str) -> np.ndarray:
    return groove(*rows).to_kit()


def rock(n: int = 1) -> np.ndarray:
    return np.tile(bar(*ROCK), (n, 4, 1))


def test_empty_bars_counts_bars_not_steps():
    drums = rock()
    drums[0, 16:32] = False
    assert style.empty_bars(drums) == [0.25]
    assert style.empty_bars(SILENT) == [1]
    assert style.empty_bars(FULL) == [0]


def test_density_a_bar_and_its_error():
    assert style.hits_per_bar(rock()) == [12]
    assert style.hits_per_bar(FULL) == [192]
    assert style.voice_density(rock())[[kit.KICK, kit.SNARE, kit.CLOSED_HAT]] == pytest.approx([2, 2, 8])
    assert style.density_error(rock(3), rock(5)) == 0
    assert style.density_error(SILENT, rock()) == 1
    swapped = rock()[
        ..., [0, 2, 1, *range(3, 12)]
    ]  # every snare on the side stick: as many hits, none of them right
    assert style.density_error(swapped, rock()) == pytest.approx((2 + 2) / 12)
    assert np.isnan(style.density_error(rock(), SILENT))


def test_drum_pattern_under_both_masks():
    drums = np.tile(bar("snare xx.x......x....."), (1, 4, 1))  # steps 0, 1, 3, 10
    assert style.drum_pattern(drums) == pytest.approx([(1 + 0.1 + 0.1 + 1) / 4])
    assert style.drum_pattern(drums, style.BEAT_MASK) == pytest.approx([(1 + 0.1 + 0.1 + 0) / 4])
    assert style.drum_pattern(rock()) == [1]
    assert np.isnan(style.drum_pattern(SILENT)).all()
    two_voices = np.tile(bar("snare x...............", "kick x..x............"), (1, 4, 1))
    assert style.drum_pattern(two_voices) == pytest.approx([(1 + 1 + 0.1) / 3])  # hits are weighed, not steps


def test_groove_similarity_of_all_pairs_and_of_neighbours():
    bars = [bar("kick x..............."), bar("kick ....x...........")]
    drums = np.concatenate([bars[0], bars[0], bars[1], bars[1]])[None]
    assert style.groove_consistency(drums) == pytest.approx([1 - (0 + 2 + 0) / 3 / 16])
    assert style.groove_similarity(drums) == pytest.approx([1 - 4 * 2 / 6 / 16])
    other_voice = np.roll(drums, 1, axis=2)
    mixed = np.concatenate([drums[:, :16], other_voice[:, :16]] * 2, axis=1)
    assert style.groove_similarity(mixed) == 1  # the same steps, struck on another drum
    assert style.groove_similarity(SILENT) == 1
    assert style.groove_consistency(rock()) == 1


def test_identical_neighbours_leave_out_silence():
    assert style.identical_neighbours(rock()) == [1]
    assert np.isnan(style.identical_neighbours(SILENT)).all()
    drums = rock()
    drums[0, 32:] = False  # rock, rock, silence, silence: one of two counted pairs
    assert style.identical_neighbours(drums) == [0.5]
    one_hit_more = rock()
    one_hit_more[0, 17, kit.SNARE] = True
    assert style.identical_neighbours(one_hit_more) == pytest.approx([1 / 3])


def test_self_similarity_finds_the_period():
    a, b = bar("kick x..............."), bar("kick x...x...........")
    spans = np.tile(np.concatenate([a, b]), (1, 8, 1))
    assert style.self_similarity(spans)[0] == pytest.approx([0.5, 1, 1, 1])
    assert np.isnan(style.self_similarity(np.zeros((1, 256, 12), bool))).all()


def test_jensen_shannon_distance():
    assert style.jensen_shannon([1, 0], [0, 1]) == 1
    assert style.jensen_shannon([2, 2], [1, 1]) == pytest.approx(0)
    assert style.jensen_shannon([1, 0], [1, 1]) == pytest.approx(
        np.sqrt(0.5 * np.log2(4 / 3) + 0.25 * np.log2(2 / 3) + 0.25)
    )
    assert style.jensen_shannon([0, 0], [1, 1]) == 1
    assert style.jensen_shannon([0, 0], [0, 0]) == 0


def test_class_and_position_distance():
    assert style.voice_distance(rock(), rock()) == pytest.approx(0)
    assert style.voice_distance(SILENT, rock()) == 1
    assert style.position_distance(rock(), rock()) == pytest.approx(0)
    assert style.position_distance(SILENT, rock()) == 1
    late = np.roll(rock(), 1, axis=1)
    assert style.voice_distance(late, rock()) == pytest.approx(0)
    assert style.position_distance(late, rock()) == pytest.approx(1)
    kick_late = rock()
    kick_late[..., kit.KICK] = np.roll(kick_late[..., kit.KICK], 1, axis=1)
    assert style.position_distance(kick_late, rock()) == pytest.approx(
        2 / 12
    )  # by the kick's share of the hits


def test_memory_finds_verbatim_phrases_only():
    rng = np.random.default_rng(0)
    training = rng.random((500, 64, 12)) < 0.1
    keys = style.phrase_keys(training)
    fresh = rng.random((50, 64, 12)) < 0.1
    assert (style.memory(training[:20], keys) == 1).all()
    assert (style.memory(fresh, keys) == 0).all()
    touched = training[:20].copy()
    touched[:, 40, 3] ^= True
    assert (style.memory(touched, keys) == 0).all()
    assert style.memory(touched, style.phrase_keys(training, 2), 2) == pytest.approx(np.full(20, 1 / 3))
    moved = np.roll(training[:20], 16, axis=1)
    assert (style.memory(moved, keys) == 0).all()
    assert style.memory(moved, style.phrase_keys(training, 2), 2) == pytest.approx(np.full(20, 2 / 3))
    assert np.isnan(style.memory(SILENT, style.phrase_keys(SILENT))).all()


def test_memory_keys_differ_by_order_and_by_place():
    one_hit = np.zeros((64 * 12, 64 * 12), bool)
    np.fill_diagonal(one_hit, True)
    assert len(np.unique(style.phrase_keys(one_hit.reshape(-1, 64, 12)))) == 64 * 12


def test_syncopation_by_hand():
    def of(marks: str) -> float:
        return float(style.syncopation(np.tile([m == "x" for m in marks], 4)[None])[0])

    assert of("x...x...x...x...") == 0
    assert of("." * 16) == 0
    assert of("x.x.x.x.x.x.x.x.") == 0
    assert (
        of("x.....x.....x...") == 2
    )  # step 6 (-3) holds over step 8 (-1); step 12 to the next bar's first passes no rest
    assert of("......x.........") == 3  # the rest it holds over is the next bar's first step: 0 - (-3)


def test_evenness():
    four = np.tile([True, False, False, False], 16)[None]
    assert style.evenness(four) == pytest.approx([1])
    assert style.evenness(np.roll(four, 1, axis=1)) == pytest.approx([1])
    assert style.evenness(np.zeros((1, 64), bool)) == [0]
    bunched = np.zeros((1, 64), bool)
    bunched[0, :8] = True
    assert style.evenness(bunched)[0] < 0.3


def test_frechet_distance_grows_with_difference():
    rng = np.random.default_rng(1)
    chance = rng.random((64, 12)) * 0.3
    draw = lambda n, scale=1.0: rng.random((n, 64, 12)) < chance * scale  # noqa: E731
    real = draw(400)
    floor = style.frechet(draw(400), real)
    assert 0 <= floor < 0.2
    assert style.frechet(real, real) == pytest.approx(0, abs=1e-6)
    assert floor < style.frechet(draw(400, 0.8), real) < style.frechet(draw(400, 0.5), real)
    assert style.frechet(np.zeros_like(real), real) > 1
    assert np.isnan(style.frechet(real[:1], real))
