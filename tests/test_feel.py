"""Velocity and micro-timing: what the shipped network plays, how it strays, and how it leans on the bass."""

import numpy as np
import pytest
import torch
from work import Calls, Memory

from basedrum import Drummer
from basedrum.drummer import feel
from basedrum.drummer.accents import lean
from basedrum.drummer.feel import draw_feel, with_feel
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.models.feel import LEVELS, FeelConfig, FeelNet, value_at, z_of
from basedrum.music.grid import Grid
from basedrum.music.kit import CLOSED_HAT, CRASH, HIGH_TOM, KICK, KIT, LOW_TOM, PERCUSSION, SNARE
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll
from basedrum.music.song import Part
from basedrum.weight_files import shipped
from basedrum.weights import load_feel

ROCK = groove(
    "kick       x.......x.x.....",
    "snare      ....x..x.x..x..x",  # backbeats on 4 and 12, ghosts between
    "closed hat x.x.x.x.x.x.x.x.",
).to_kit()
BARS = 64
HITS = np.tile(ROCK, (BARS, 1))
GRID = Grid(4, len(HITS))
PITCH_ROW = {voice: KIT[voice][1][0] - 24 for voice in range(len(KIT))}


def voice_of(roll, voice):
    """Velocities and offsets of a voice at its hits."""
    at = roll.hits[:, PITCH_ROW[voice]]
    return roll.velocities[at, PITCH_ROW[voice]].astype(float), roll.offsets[at, PITCH_ROW[voice]]


def by_bar(roll, voice):
    """(bars, 16) velocities of a voice."""
    return roll.velocities[:, PITCH_ROW[voice]].reshape(-1, 16).astype(float)


def test_without_humanizing_every_bar_is_alike_and_on_the_grid():
    roll = with_feel(HITS, GRID, seed=3, humanize=0)
    assert not roll.offsets.any()
    bars = roll.velocities.reshape(BARS, 16, 72)[
        8:-8
    ]  # the first and last bars know that the song begins and ends
    assert (bars == bars[0]).all()
    assert np.array_equal(roll.to_kit(), HITS)
    assert np.array_equal(roll.velocities, with_feel(HITS, GRID, seed=4, humanize=0).velocities)


@pytest.mark.parametrize("style", [None, "rock", "funk", "pop", "metal", "no such style"])
def test_a_rock_beat_has_loud_backbeats_and_soft_ghosts(style):
    snare = by_bar(with_feel(HITS, GRID, humanize=0, style=style), SNARE)[20]
    backbeats, ghosts = snare[[4, 12]], snare[[7, 9, 15]]
    assert backbeats.min() > 100 and ghosts.max() < 60


def test_the_hat_has_accents_on_the_beat():
    hat = by_bar(with_feel(HITS, GRID, humanize=0), CLOSED_HAT)[20]
    assert hat[[0, 4, 8, 12]].mean() > hat[[2, 6, 10, 14]].mean() + 15


def test_the_feel_knows_what_is_around_a_hit():
    """One snare a bar is the backbeat of a half-time groove; amid soft sixteenths the same step is a
    ghost."""
    half_time = groove(
        "kick x.....x.........", "snare ........x.......", "closed hat x.x.x.x.x.x.x.x."
    ).to_kit()
    train = groove("kick x...x...x...x...", "snare xxxxxxxxxxxxxxxx").to_kit()
    one, other = (
        by_bar(with_feel(np.tile(bar, (8, 1)), humanize=0), SNARE)[4, 8] for bar in (half_time, train)
    )
    assert one > 100 and one > other + 30


def test_a_crash_after_a_fill_and_the_fill_before_it_are_loud():
    hits = HITS[: 16 * 8].copy()
    hits[16 * 4 - 8 : 16 * 4] = False
    hits[16 * 4 - 8 : 16 * 4 - 4, HIGH_TOM] = hits[16 * 4 - 4 : 16 * 4, LOW_TOM] = True
    hits[16 * 4, CRASH] = True
    roll = with_feel(hits, humanize=0)
    assert voice_of(roll, CRASH)[0].item() > 90
    high, low = voice_of(roll, HIGH_TOM)[0], voice_of(roll, LOW_TOM)[0]
    assert min(high.min(), low.min()) > 75


def test_the_snare_of_neo_soul_drags_and_no_other():
    def late_ms(style, voice, humanize=1.0):
        _, offsets = voice_of(with_feel(HITS, GRID, humanize=humanize, style=style), voice)
        return float(offsets.mean()) * 15_000 / 120

    assert late_ms("neo_soul", SNARE) - late_ms("hip_hop", SNARE) == pytest.approx(24, abs=3)
    assert late_ms("neo_soul", KICK) == pytest.approx(late_ms("hip_hop", KICK), abs=0.1)
    assert late_ms("neo_soul", SNARE, humanize=0) == 0


def test_styles_are_felt_as_the_nearest_the_network_knows():
    known = set(load_feel().config.styles)
    assert set(feel.SIMILAR_STYLE.values()) <= known
    assert not set(feel.SIMILAR_STYLE) & known


def test_percussion_is_played_as_a_hat_would_be():
    shaken = HITS.copy()
    shaken[:, PERCUSSION], shaken[:, CLOSED_HAT] = HITS[:, CLOSED_HAT], False
    shaker, hat = (
        by_bar(with_feel(shaken, GRID, humanize=0), PERCUSSION),
        by_bar(with_feel(HITS, GRID, humanize=0), CLOSED_HAT),
    )
    assert np.array_equal(shaker, hat)


def test_humanizing_spreads_loudness_and_time_and_keeps_the_hits():
    roll = with_feel(HITS, GRID, seed=1, humanize=1)
    assert np.array_equal(roll.to_kit(), HITS)
    for voice in (KICK, SNARE, CLOSED_HAT):
        cells = by_bar(roll, voice)
        played = cells[:, cells.any(axis=0)]
        late = voice_of(roll, voice)[1]
        assert 1 < played.std(axis=0).mean() < 20
        assert 0.02 < late.std() < 0.2 and abs(late.mean()) < 0.12
    assert np.abs(roll.offsets).max() < 0.5


def test_half_the_feel_strays_half_as_far():
    whole, half = (draw_feel(HITS, GRID, 1, h)[1] for h in (1.0, 0.5))
    assert np.allclose(half * 2, whole, atol=1e-9)
    loud, half, flat = (draw_feel(HITS, GRID, 1, h)[0] for h in (1.0, 0.5, 0.0))
    free = (loud > 1) & (loud < 127)
    assert np.allclose(half[free], (loud + flat)[free] / 2)


def test_ghosts_are_deeper_and_hat_accents_shallower_than_the_network_has_them(monkeypatch):
    """By hand: ghosts 50 and backbeats 110 have the mean 74, the ghosts go to 74 - 1.25 * 24 = 44."""
    cells = np.flatnonzero(ROCK[:, SNARE])
    typical = np.asarray([110.0, 50.0, 50.0, 110.0, 50.0])
    quantiles = np.tile(typical[:, None], (1, len(LEVELS)))
    known = feel.Expectation(cells, np.full(5, SNARE), np.stack([quantiles, 0 * quantiles]))
    monkeypatch.setattr(feel, "expect", lambda *_: known)
    flat, drawn = (draw_feel(ROCK, Grid(4, 16), 3, humanize)[0][cells, SNARE] for humanize in (0, 1))
    assert flat.tolist() == pytest.approx([110, 44, 44, 110, 44]) and np.allclose(flat, drawn)
    hat = feel.Expectation(cells, np.full(5, CLOSED_HAT), np.stack([quantiles, 0 * quantiles]))
    monkeypatch.setattr(feel, "expect", lambda *_: hat)
    flat = draw_feel(ROCK, Grid(4, 16), 3, 0)[0][cells, CLOSED_HAT]
    assert flat.tolist() == pytest.approx([102.8, 54.8, 54.8, 102.8, 54.8])
    spans = [np.ptp(draw_feel(ROCK, Grid(4, 16), seed, 1)[0][cells, CLOSED_HAT]) for seed in range(200)]
    assert np.mean(spans) == pytest.approx(0.8 * 60, abs=4) and np.std(spans) == pytest.approx(
        0.3 * 60, abs=4
    )


def test_a_kick_strays_less_than_was_measured(monkeypatch):
    hits = np.zeros((16 * BARS, 12), bool)
    hits[::4, KICK] = True
    size = {}
    for deviation in (1.0, 0.75):
        monkeypatch.setattr(feel, "DEVIATION", np.where(np.arange(12) == KICK, deviation, 1.0))
        size[deviation] = draw_feel(hits, GRID, 1)[0] - draw_feel(hits, GRID, 1, 0)[0]
    assert 0.65 < size[0.75].std() / size[1.0].std() < 0.85 and feel.DEVIATION[KICK] == 0.75


def test_a_song_has_one_drummer():
    """The hits of a voice stray together all song: two halves of a song are nearer than two songs, not the
    same."""
    first, second = ([], [])
    for seed in range(24):
        hat = by_bar(with_feel(HITS, GRID, seed=seed), CLOSED_HAT)[8:-8, ::2]
        first.append(hat[:24].mean(axis=0))
        second.append(hat[24:].mean(axis=0))
    first, second = (np.asarray(half) - np.mean(half, axis=0) for half in (first, second))
    together = (first * second).mean() / np.sqrt((first**2).mean() * (second**2).mean())
    assert 0.7 < together < 0.999
    assert (first**2).mean() > 9


def test_same_seed_same_feel_other_seed_other_feel_however_many_threads():
    before = torch.get_num_threads()
    one = with_feel(HITS, GRID, 5)
    try:
        torch.set_num_threads(2)
        same = with_feel(HITS, GRID, 5)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    other = with_feel(HITS, GRID, 6)
    assert np.array_equal(one.velocities, same.velocities) and np.array_equal(one.offsets, same.offsets)
    assert not np.array_equal(one.velocities, other.velocities) and not np.array_equal(
        one.offsets, other.offsets
    )


def test_silence_stays_silence():
    assert not with_feel(np.zeros((32, 12), bool)).hits.any()


@pytest.mark.parametrize("metre", [(3, 4), (6, 8), (5, 4), (7, 8), (12, 8), (9, 4)])
def test_every_metre_gets_its_feel_on_the_steps_that_exist(metre):
    grid = Grid(480, 480 * 60, ((0, 140.0), (9600, 60.0)), ((0, *metre),))
    hits = np.zeros((grid.num_measures * 16, 12), bool)
    there = np.arange(16) < grid.measure_steps[:, None]
    hits.reshape(-1, 16, 12)[there, CLOSED_HAT] = True
    roll = with_feel(hits, grid, seed=2)
    assert np.array_equal(roll.to_kit(), hits)
    assert voice_of(roll, CLOSED_HAT)[0].std() > 3


def test_values_and_normal_numbers_turn_into_each_other():
    quantiles = np.tile(np.linspace(20, 100, len(LEVELS)) ** 1.1, (5, 1))
    z = np.asarray([-2.9, -1.0, 0.0, 0.3, 2.7])
    values = value_at(quantiles, z)
    assert values[2] == quantiles[0, LEVELS.index(0.5)] and (np.diff(values) > 0).all()
    assert np.allclose(z_of(quantiles, values), z)
    assert np.allclose(z_of(quantiles, values, half_unit=0.5), z, atol=0.02)


def test_quantiles_never_cross():
    torch.manual_seed(0)
    network = FeelNet(FeelConfig(("rock",), width=8))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    quantiles = network(torch.randn(2, 31, 40), torch.tensor([0, 1]))
    assert quantiles.shape == (2, 2, 12, len(LEVELS), 40)
    assert (quantiles.diff(dim=3) >= 0).all()


def test_the_shipped_feel_is_small_credited_and_no_drummer():
    network = load_feel()
    assert sum(p.numel() for p in network.parameters()) <= 200_000
    assert "rock" in network.config.styles
    assert (
        network.variances.shape == (2, 6, 12)
        and (network.variances >= 0).all()
        and (network.variances.sum(dim=1) > 0.5).all()
    )
    assert "feel" not in shipped()


# --- leaning on the bass


def bass_of(velocities):
    """Accents (T,): a bass in eighths with these velocities, one an eighth."""
    accents = np.zeros(2 * len(velocities))
    accents[::2] = velocities
    return accents


FLAT = np.full(BARS * 8, 90)
ON_THREE = np.tile([80, 80, 80, 80, 118, 80, 80, 80], BARS)


def test_kicks_lean_on_the_accents_of_the_bass():
    plain = with_feel(HITS, GRID, humanize=0, accents=bass_of(FLAT))
    leaning = with_feel(HITS, GRID, humanize=0, accents=bass_of(ON_THREE))
    assert (by_bar(leaning, KICK)[8:-8, 8] > by_bar(plain, KICK)[8:-8, 8] + 8).all()  # the kick on beat 3
    assert (by_bar(leaning, KICK)[8:-8, 0] < by_bar(leaning, KICK)[8:-8, 8]).all()
    assert (
        by_bar(leaning, SNARE)[8:-8, 9] <= by_bar(plain, SNARE)[8:-8, 9] + 3
    ).all()  # other voices do not jump with it


@pytest.mark.parametrize(
    "velocities", [FLAT, np.full(BARS * 8, 1), np.tile([88, 92], BARS * 4), np.zeros(BARS * 8)]
)
def test_a_bass_without_dynamics_changes_nothing(velocities):
    assert (lean(bass_of(velocities)) == 1).all()


def test_the_drums_grow_with_the_bass():
    rising = np.linspace(40, 120, 16 * 8).astype(int)
    hits, grid = HITS[: 16 * 16], Grid(4, 16 * 16)
    roll = with_feel(hits, grid, seed=1, humanize=0.7, accents=bass_of(rising))
    loudness = [bar[bar > 0].mean() for bar in roll.velocities.reshape(16, -1).astype(float)]
    assert np.corrcoef(loudness, np.arange(16))[0, 1] > 0.9
    assert loudness[-1] > loudness[0] + 20


def on_beats(*velocities, num_bars=8):
    """Velocities of bars of four beats."""
    bars = np.zeros((num_bars, 4, 4), int)
    bars[:, :, 0] = velocities
    return bars.ravel()


def test_how_far_the_drums_follow_bars_and_single_notes():
    """Bars of 60 and 90, the median 75: (60 / 75) ** .8; notes of 80 and 60, usually 70: (80 / 70) ** .5."""
    bars = lean(np.concatenate([on_beats(*[60] * 4), on_beats(*[90] * 4)]))
    assert bars[[8, -8], SNARE].tolist() == pytest.approx([0.8**0.8, 1.2**0.8])
    assert bars[[8, -8], KICK].tolist() == pytest.approx([0.8**0.8, 1.2**0.8])
    notes = lean(on_beats(80, 60, 80, 60))
    assert notes[[0, 4, 8], KICK].tolist() == pytest.approx([(8 / 7) ** 0.5, (6 / 7) ** 0.5, (8 / 7) ** 0.5])
    assert (notes[:, SNARE] == 1).all() and notes[1, KICK] == 1


def test_the_drums_follow_to_a_half_and_to_one_and_a_half():
    factors = lean(np.concatenate([on_beats(*[10] * 4), on_beats(*[127] * 4)]))
    assert factors.min() == 0.5 and factors.max() == 1.5


def test_where_the_bass_rests_its_loudness_is_held_and_nothing_breaks():
    quiet_then_loud = np.concatenate([np.full(128, 50), np.zeros(256), np.full(128, 110)])
    factors = lean(bass_of(quiet_then_loud))
    assert np.isfinite(factors).all() and (np.diff(factors[:, SNARE]) >= -1e-9).all()
    assert factors[0, SNARE] < 0.9 < 1.1 < factors[-1, SNARE]


def test_accents_are_read_from_the_bass_where_its_notes_start():
    grid = Grid(480, 4 * 1920)
    start = np.asarray([0, 0, 1920 + 120, 3 * 1920])
    notes = Notes(start, start + 100, np.full(4, 40), np.asarray([70, 90, 100, 110]))
    song = parse_song(build_midi([Part("Bass", 33, False, notes)], grid))
    accents = BassRoll.from_notes(song.tracks[-1].notes, song.grid).velocities
    assert accents.shape == (64,) and {int(i): int(accents[i]) for i in np.flatnonzero(accents)} == {
        0: 90,
        17: 100,
        48: 110,
    }


def song_with_bass(velocities):
    """A song of eighths on the bass with these velocities."""
    grid = Grid(480, 240 * len(velocities))
    start = 240 * np.arange(len(velocities))
    pitches = np.tile([33, 33, 45, 33, 36, 36, 48, 40], len(start) // 8)
    notes = Notes(start, start + 200, pitches, np.asarray(velocities))
    return parse_song(build_midi([Part("Bass", 33, False, notes)], grid))


def test_a_song_whose_bass_grows_gets_drums_that_grow():
    drummer = Drummer()
    rising = np.linspace(40, 120, 16 * 8).astype(int)
    grown, flat = (drummer.play(song_with_bass(v), seed=2).drums for v in (rising, np.full(128, 80)))
    assert np.array_equal(grown.hits, flat.hits)  # loudness is heard by the feel alone
    loudness = [bar[bar > 0].mean() for bar in grown.velocities.reshape(16, -1).astype(float)]
    assert np.corrcoef(loudness, np.arange(16))[0, 1] > 0.8
    assert loudness[-1] > loudness[0] + 20


def test_the_softest_and_the_loudest_hit_and_the_farthest_from_the_grid(monkeypatch):
    """Recorded 1, 10, 60, 127; late by 2 steps: 127 * (10 / 127) ** .75 = 18.9, (60 / 127) gives 72.4."""
    recorded = np.where(HITS[:8], 1.0, 0.0)
    recorded[2:4], recorded[4:6], recorded[6:8] = 10.0, 60.0, 127.0
    recorded = np.tile(recorded, (2, 1))
    offsets = np.tile([[2.0], [-2.0]], (8, 12))
    monkeypatch.setattr(feel, "draw_feel", lambda *_: (recorded, offsets))
    hits = np.concatenate([HITS[:8], np.zeros((8, 12), bool)])
    roll = with_feel(hits, Grid(4, 16))
    hat, offsets = voice_of(roll, CLOSED_HAT)
    assert hat.tolist() == [19, 19, 72, 127]
    assert offsets.tolist() == pytest.approx([0.45] * 4) and roll.offsets.min() == pytest.approx(-0.45)


@pytest.mark.parametrize(
    "style, similar",
    [("metal", "punk"), ("electronic", "dance"), ("disco", "dance"), ("ballad", "pop"), ("bossa", "latin")],
)
def test_a_style_the_network_does_not_know_is_played_as_the_nearest(style, similar):
    played, expected, unknown = (with_feel(HITS[:64], seed=1, style=s) for s in (style, similar, None))
    assert np.array_equal(played.velocities, expected.velocities)
    assert not np.array_equal(played.velocities, unknown.velocities)


def test_no_hit_is_too_soft_to_be_heard():
    roll = with_feel(HITS, GRID, seed=3)
    assert roll.velocities[roll.hits].min() >= 18


def test_the_feel_of_a_long_song_is_drawn_in_one_go():
    """As many calls for 200 bars as for 50, and memory in proportion."""
    hits, work = np.tile(HITS, (4, 1)), []
    with_feel(hits[:64])
    for bars in (50, 200):
        with Memory() as memory, Calls() as calls:
            with_feel(hits[: bars * 16], seed=1)
        work.append((calls.count, memory.peak_bytes))
    few, many = work
    assert many[0] < few[0] + 150 * 5, "what is counted bar by bar is next to nothing"
    assert many[1] < 5 * few[1]
