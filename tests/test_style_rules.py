"""The rules of styles: counted by hand on bars written as text, and every practice page held to its own."""

import numpy as np
import pytest

from basedrum.corpus.practice import practice_songs
from basedrum.corpus.stylebook import load_page, page_names
from basedrum.measures.song_bars import find_fills
from basedrum.measures.style_bars import StyleBars, style_bars
from basedrum.measures.style_rules import RULES, rules_met, rules_of, share_met
from basedrum.midi.reading import parse_song
from basedrum.music import kit
from basedrum.music.bass_track import find_bass
from basedrum.music.grid import split_bar
from basedrum.music.notation import marks_to_velocities
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.song import drum_notes
from basedrum.music.styles import STYLES

SEEDS = (0, 1, 2)
NAMES = {style.name for style in STYLES}


def bars(*rows, bass="x...............", times=4, late_ms=None):
    """Return the rows as a song of `times` equal bars."""
    velocities = np.tile(marks_to_velocities(*rows), (times, 1, 1))
    notes = np.tile(np.array([mark == "x" for mark in bass]), (times, 1))
    late = None if late_ms is None else np.where(velocities > 0, late_ms, 0.0)
    return StyleBars(velocities > 0, velocities, notes, late)


def unmet(style, played):
    return {rule.name for rule, met in rules_met(style, played).items() if not met}


ROCK = ("kick x.......x.......", "snare ....X.......X...", "closed hat x.x.x.x.x.x.x.x.")
FUNK = ("kick x.....x...x..x..", "snare ....X..o.o..X..o", "closed hat x.x.x.x.x.x.x.x.")
ONE_DROP = ("kick ........x.......", "side stick ........x.......", "closed hat x.x.x.x.x.x.x.x.")
SWING = ("kick o...............", "pedal hat ....x.......x...", "ride x...x..xx...x..x")
BOSSA = (
    "kick x.....x.x.....x.x.....x.x.....x.",
    "side stick x.....x.....x.......x.....x.....",
    "closed hat x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
)


def test_a_rock_loop_meets_the_rules_of_rock_and_few_signatures():
    assert unmet("rock", bars(*ROCK)) == set()
    assert unmet("funk", bars(*ROCK)) == {"ghost notes", "kick off the eighths, or on 6 or 10"}
    assert unmet("reggae", bars(*ROCK)) == {"no kick on 0", "kick with stick or snare on 8", "no backbeat"}
    assert unmet("drum_and_bass", bars(*ROCK)) == {"kick on 9, 10 or 11", "ghost notes"}
    assert unmet("jazz", bars(*ROCK)) == {
        "skips on 7 and 15",
        "pedal hat on 4 and 12",
        "no loud backbeat",
    }


def test_ghost_notes_are_soft():
    assert unmet("funk", bars(*FUNK)) == set()
    loud = FUNK[0], FUNK[1].replace("o", "x"), FUNK[2]
    assert unmet("funk", bars(*loud)) == {"ghost notes"}


def test_one_drop_swing_and_waltz_as_they_are_written():
    assert unmet("reggae", bars(*ONE_DROP)) == set()
    assert unmet("jazz", bars(*SWING)) == set()
    straight = SWING[0], SWING[1], "ride x.x.x.x.x.x.x.x."
    assert unmet("jazz", bars(*straight)) == {"skips on 7 and 15"}
    wrong = SWING[0], SWING[1], "ride x..xx..xx..xx..x"
    assert unmet("jazz", bars(*wrong)) == {"skips on 7 and 15"}
    loud = ("kick x...x...x...x...", *SWING[1:])
    assert unmet("jazz", bars(*loud)) == {"light kick"}
    waltz = ("kick x...........", "snare ....x...x...", "closed hat x...x...x...")
    assert unmet("waltz", bars(*waltz, bass="x...........")) == set()


def test_a_clave_may_take_two_bars_and_begin_on_either():
    for order in (slice(0, 32), slice(16, 48)):
        velocities = np.tile(marks_to_velocities(*BOSSA), (5, 1))[order.start :][: 8 * 16]
        played = StyleBars(
            (velocities > 0).reshape(-1, 16, 12),
            velocities.reshape(-1, 16, 12),
            np.zeros((8, 16), bool),
        )
        assert unmet("bossa", played) == set()
    eighths = (BOSSA[0][:21], "side stick x.x.x.x.x.x.x.x.", BOSSA[2][:27])
    assert unmet("bossa", bars(*eighths)) == {"the stick plays a clave"}


def test_kick_and_bass_are_counted_both_ways():
    trap = ("kick x.....x.........", "snare ........X.......", "closed hat x.xxxxx.x.x.x.xx")
    assert unmet("trap", bars(*trap, bass="x.....x.........")) == set()
    assert unmet("trap", bars(*trap, bass="x.x...x...x...x.")) == {"kick with the 808"}  # 2 of 5 notes
    soul = ("kick x.....x...x.....", "snare ....X.......X...", "closed hat x.x.x.x.x.x.x.x.")
    assert unmet("soul", bars(*soul, bass="x.....x...x.x.x.")) == set()
    assert unmet("soul", bars(*soul, bass="x.......x...x...")) == {"kick with the bass"}  # 1 of 3 kicks


def test_metal_wants_a_section_at_half_time():
    fast = ("kick x.xxx.xxx.xxx.xx", "snare ....X.......X...", "ride x...x...x...x...")
    slow = ("kick x.......x...x...", "snare ........X.......", "ride x...x...x...x...")
    gallop, chords = bars(*fast, bass="x.xxx.xxx.xxx.xx"), bars(*slow, bass="x.......x...x...")
    assert unmet("metal", gallop) == {"a half-time section"}
    both = StyleBars(*(np.concatenate(pair) for pair in zip(_parts(gallop), _parts(chords), strict=True)))
    assert unmet("metal", both) == set()


def _parts(played):
    return played.hits, played.velocities, played.bass


def test_a_late_snare_is_late_by_six_milliseconds():
    rows = ("kick x......x..x.....", "snare ....X..o....X..o", "closed hat x.x.x.x.x.x.x.x.")
    assert unmet("neo_soul", bars(*rows, late_ms=7.0)) == set()
    assert unmet("neo_soul", bars(*rows, late_ms=5.0)) == {"late snare"}
    assert unmet("neo_soul", bars(*rows)) == {"late snare"}


def test_off_beats_must_be_the_stronger_ones_in_ska():
    rows = ("kick x.......x.......", "snare ....X.......X...")
    assert unmet("ska", bars(*rows, "closed hat ..x...x...x...x.")) == set()
    assert unmet("ska", bars(*rows, "closed hat o.X.o.X.o.X.o.X.")) == set()
    assert unmet("ska", bars(*rows, "closed hat x.x.x.x.x.x.x.x.")) == {"hats between the beats"}


def test_fills_are_left_out():
    played = bars(*ROCK, times=8)
    hits, velocities = played.hits.copy(), played.velocities.copy()
    for bar in (3, 7):  # 8 hits in the second half, and no backbeat
        velocities[bar, 8:] = 0
        velocities[bar, 8:, kit.SNARE] = 92
        velocities[bar, :8, kit.SNARE] = 0
    hits = velocities > 0
    assert find_fills(hits).tolist() == [False, False, False, True] * 2
    backbeat = next(rule for rule in RULES["rock"] if rule.name == "snare on 4 and 12")
    assert share_met(backbeat, StyleBars(hits, velocities, played.bass)) == 1.0
    assert not find_fills(np.tile(hits[3:4], (8, 1, 1))).any(), "what every bar plays is the groove"


def test_a_rule_needs_three_bars_and_three_fifths_of_them():
    backbeat = next(rule for rule in RULES["rock"] if rule.name == "snare on 4 and 12")
    assert np.isnan(share_met(backbeat, bars(*ROCK, times=2)))
    velocities = bars(*ROCK, times=5).velocities.copy()
    velocities[:2, 4] = 0
    assert share_met(backbeat, StyleBars(velocities > 0, velocities, np.zeros((5, 16), bool))) == 0.6


def test_silence_and_a_full_roll_meet_no_signature_of_their_own():
    silent = StyleBars(np.zeros((4, 16, 12), bool), np.zeros((4, 16, 12)), np.ones((4, 16), bool))
    full = StyleBars(np.ones((4, 16, 12), bool), np.full((4, 16, 12), 96), np.ones((4, 16), bool))
    for style in RULES:
        rules = rules_of(style, 16)
        if rules:
            assert not all(rules_met(style, silent).values()), style
            assert not all(rules_met(style, full).values()), style


def test_rules_belong_to_styles_and_to_a_metre():
    assert set(RULES) - {"seven_eight"} == NAMES
    assert rules_of("waltz", 16) == () and rules_of("rock", 12) == ()
    assert rules_of("ballad", 12) == rules_of("six_eight", 12) != ()
    assert rules_of("metal", 14) == RULES["seven_eight"]


def test_bars_of_twelve_eight_lie_on_two_measures():
    hits = np.zeros((64, 12), bool)
    hits[[0, 16, 16 + 6], kit.KICK] = True
    hits[12, kit.SNARE] = True  # a step that no measure of 12 has
    played = style_bars(hits, hits * 90, np.zeros(64, bool), (12, 12))
    assert played.hits.shape == (2, 24, 12)
    assert np.argwhere(played.hits[0, :, kit.KICK]).ravel().tolist() == [0, 12, 18]
    assert not played.hits[:, :, kit.SNARE].any()


@pytest.fixture(scope="module")
def practice():
    """The bars of three songs of each page."""
    pages = page_names()
    found = {name: [] for name in pages}
    for seed in SEEDS:
        for song in practice_songs(seed, len(pages)):
            page = load_page(song.name.rpartition("-")[0])
            found[page.name].append(_bars_of(song, page))
    return found


def _bars_of(practice_song, page):
    song = parse_song(practice_song.data)
    drums = DrumRoll.from_notes(drum_notes(song), song.grid)
    late = kit.fold(np.maximum(drums.offsets, 0)) - kit.fold(np.maximum(-drums.offsets, 0))
    return style_bars(
        drums.to_kit(),
        kit.fold(drums.velocities),
        BassRoll.from_notes(find_bass(song).notes, song.grid).hits,
        split_bar(page.bar_steps, *page.metre),
        late * 15_000 / practice_song.qpm,
    )


@pytest.mark.parametrize("name", page_names())
def test_every_page_meets_the_rules_of_its_style(practice, name):
    page = load_page(name)
    assert page.style in NAMES
    rules = rules_of(page.style, page.bar_steps)
    assert rules
    for rule in rules:
        shares = [share_met(rule, played) for played in practice[name]]
        assert np.median(shares) >= 0.75, (rule.name, shares)
        assert sum(share < 0.6 for share in shares) <= 1, (rule.name, shares)
