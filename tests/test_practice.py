"""The practice book is complete, and its songs are deterministic, varied and musical."""

from collections import defaultdict

import numpy as np
import pytest

from basedrum.corpus.practice import practice_songs, with_bass_of
from basedrum.corpus.stylebook import load_page, page_names, read_page
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.bass_track import find_bass
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.song import drum_notes

EXPECTED = {
    "rock",
    "pop",
    "funk",
    "disco",
    "reggae",
    "blues_shuffle",
    "jazz",
    "bossa",
    "metal",
    "hip_hop",
    "house",
    "ballad",
}
PAGE = """
tempo 100-120
chords I IV
bass one: straight   # a comment
  1...1...1...1...
groove straight
  kick x.......x.......
fill end
  snare xxxx
"""


@pytest.fixture(scope="module")
def songs():
    return list(practice_songs(seed=0, count=2 * len(page_names())))


@pytest.fixture(scope="module")
def rolls(songs):
    """(page, grid, bass onsets (T,), kit hits (T, 12)) of each song."""
    out = []
    for practice in songs:
        song = parse_song(practice.data, practice.name)
        drums = DrumRoll.from_notes(drum_notes(song), song.grid).to_kit()
        out.append(
            (
                practice.name.rpartition("-")[0],
                song.grid,
                BassRoll.from_notes(find_bass(song).notes, song.grid).hits,
                drums,
            )
        )
    return out


def lock(kick, bass):
    total = kick.sum() + bass.sum()
    return 2 * (kick & bass).sum() / total if total else np.nan


def test_the_book_has_the_styles_it_promises():
    assert len(page_names()) >= 24
    assert set(page_names()) >= EXPECTED
    metres = {load_page(name).metre for name in page_names()}
    assert {(4, 4), (3, 4), (6, 8), (12, 8)} <= metres


@pytest.mark.parametrize("name", page_names())
def test_every_page_parses_and_is_full(name):
    style = load_page(name)
    assert (
        len(style.figures) >= 4 and len(style.grooves) >= 4 and len(style.fills) >= 3 and style.progressions
    )
    assert 40 <= style.tempo[0] < style.tempo[1] <= 240
    assert all(
        35 <= pitch <= 81 and kit.VOICE_OF_PITCH[pitch] == voice for voice, pitch in style.sounds.items()
    )
    used = {groove for figure in style.figures for groove in figure.grooves}
    assert used == set(style.grooves), "a groove that no figure names is never played"
    assert len({figure.marks for figure in style.figures}) == len(style.figures)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tempo 100-120", "", "no tempo"),
        ("one: straight", "one: crooked", "crooked"),
        ("1...1...1...1...", "1...1...", "8 steps"),
        ("1...1...", "1...z...", "unknown mark"),
        ("I IV", "I XX", "chord"),
        ("fill end", "solo end", "no such line"),
        ("chords I IV", "chords I IV\nnever gong", "never gong"),
        ("chords I IV", "chords I IV\nnever kick 0", "never plays"),
        ("chords I IV", "chords I IV\nnever kick 16", "16 steps"),
        ("chords I IV", "chords I IV\nlater two", "no bass 'two'"),
        ("x.......x.......", "x......", "7 steps"),
        ("snare xxxx", "snare " + "x" * 17, "17 steps"),
    ],
)
def test_a_broken_page_is_refused_with_its_reason(old, new, message):
    assert read_page(PAGE, "page").figures[0].grooves == ("straight",)
    with pytest.raises(ValueError, match=message):
        read_page(PAGE.replace(old, new), "page")


def test_triplet_swing_puts_the_four_steps_on_triplets():
    shuffle, straight = load_page("blues_shuffle"), load_page("rock")
    assert [round(shuffle.swung(step), 2) for step in range(6)] == [0, 1.33, 2.67, 3.33, 4, 5.33]
    assert [straight.swung(step) for step in range(6)] == [0, 1, 2, 3, 4, 5]
    sixteenths = load_page("hip_hop")
    assert sixteenths.swung(1) == pytest.approx(2 * sixteenths.swing_ratio) and sixteenths.swung(2) == 2


def test_same_seed_same_songs_and_another_seed_other_songs(songs):
    assert [s.data for s in practice_songs(0, 5)] == [s.data for s in songs[:5]]
    assert all(a.data != b.data for a, b in zip(practice_songs(1, 5), songs[:5], strict=True))


def test_a_borrowed_bass_is_played_to_in_the_own_style():
    plain, borrowed = (list(practice_songs(0, len(page_names()), share)) for share in (0.0, 1.0))
    assert [song.style for song in plain] == [song.style for song in borrowed]
    assert [s.data for s in practice_songs(0, 3, 1.0)] == [s.data for s in borrowed[:3]]
    changed = [a.data != b.data for a, b in zip(plain, borrowed, strict=True)]
    assert np.mean(changed) > 0.9  # twelve-eight has one style only
    jazz, bossa, metal = (load_page(name) for name in ("jazz", "bossa", "metal"))
    page = with_bass_of(metal, bossa)
    assert [figure.marks for figure in page.figures] == [figure.marks for figure in bossa.figures]
    assert page.progressions == bossa.progressions and page.grooves is metal.grooves
    assert page.later == tuple(figure.name for figure in bossa.figures[3:])
    assert all(name.startswith("half") or name == "breakdown" for name in page.figures[-1].grooves)
    assert not any(name.startswith("half") for name in page.figures[0].grooves)
    assert (
        page.follow == 0.5 and with_bass_of(bossa, jazz).follow == 0 and with_bass_of(jazz, bossa).later == ()
    )


def test_songs_differ_and_have_names_of_their_own(songs):
    assert len({s.data for s in songs}) == len({s.name for s in songs}) == len(songs)
    assert {s.style for s in songs} == {load_page(name).style for name in page_names()}


def test_songs_have_the_length_metre_and_tempo_of_their_style(songs, rolls):
    for practice, (page, grid, _, _) in zip(songs, rolls, strict=True):
        style = load_page(page)
        assert 32 <= grid.num_measures <= 64
        assert grid.time_signatures == ((0, *style.metre),)
        assert set(grid.measure_steps) == {16 if style.metre == (4, 4) else 12}
        assert style.tempo[0] - 0.1 <= practice.qpm <= style.tempo[1] + 0.1
        assert grid.qpm_at(np.array([0]))[0] == pytest.approx(practice.qpm, abs=0.01)


def test_kick_and_bass_agree_but_not_perfectly(rolls):
    windows = [
        (i, bass[at : at + 64], drums[at : at + 64, kit.KICK])
        for i, (_, grid, bass, drums) in enumerate(rolls)
        for at in range(0, (grid.num_measures - 3) * 16, 64)
    ]
    real = np.nanmean([lock(kick, bass) for _, bass, kick in windows])
    rng = np.random.default_rng(0)
    pairs = [
        (a, b) for a, b in zip(windows, rng.permutation(len(windows)), strict=True) if a[0] != windows[b][0]
    ]
    shuffled = np.nanmean([lock(windows[b][2], a[1]) for a, b in pairs])
    assert 0.4 < real < 0.7
    assert real - shuffled > 0.08


def test_kicks_meet_the_bass_within_a_style_too(rolls):
    """The drums answer this song's bass, not only its style's: pairs of one style lose when they are
    exchanged."""
    by_style = defaultdict(list)
    for style, _, bass, drums in rolls:
        by_style[style].append((bass[:512], drums[:512, kit.KICK]))
    own = np.mean([lock(kick, bass) for pairs in by_style.values() for bass, kick in pairs])
    swapped = np.mean([lock(pairs[1 - i][1], pairs[i][0]) for pairs in by_style.values() for i in (0, 1)])
    assert own - swapped > 0.03


def test_drums_sound_like_drums(rolls):
    hits = np.concatenate([drums for *_, drums in rolls])
    bars = len(hits) / 16
    assert 9 < hits.sum() / bars < 18
    assert 2 < hits[:, kit.KICK].sum() / bars < 4.5
    assert 2 < hits[:, [kit.SNARE, kit.SIDE_STICK]].sum() / bars < 5
    assert (hits.reshape(-1, 16, 12).any(axis=(1, 2))).mean() > 0.97


def test_fills_come_where_phrases_end_and_crashes_where_they_start(rolls):
    crashes, toms = np.zeros(4), np.zeros(4)
    for _, grid, _, drums in rolls:
        if set(grid.measure_steps) != {16}:
            continue
        bars = drums[: len(drums) // 64 * 64].reshape(-1, 4, 16, kit.NUM_VOICES)
        crashes += bars[:, :, 0, kit.CRASH].sum(axis=0)
        toms += bars[:, :, 8:, [kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM]].any(axis=(2, 3)).sum(axis=0)
    assert crashes[0] > 2 * crashes[1:].max()
    assert toms[3] > 1.5 * toms[:3].max()


def test_velocities_and_timing_are_human_but_tame():
    practice = next(iter(practice_songs(3, 1)))
    song = parse_song(practice.data)
    drums = DrumRoll.from_notes(drum_notes(song), song.grid)
    hats = drums.velocities[drums.hits]
    offsets = drums.offsets[drums.hits]
    assert hats.std() > 5 and hats.min() >= 1
    assert 0.005 < offsets.std() < 0.25


def test_swing_songs_delay_their_offbeats():
    names = page_names()
    number = names.index("blues_shuffle")
    practice = list(practice_songs(0, number + 1))[number]
    song = parse_song(practice.data)
    starts = drum_notes(song).start_ticks % song.grid.ticks_per_quarter / song.grid.ticks_per_quarter
    assert ((starts > 0.6) & (starts < 0.72)).mean() > 0.2
    assert ((starts > 0.45) & (starts < 0.55)).mean() < 0.02
