"""Which sound percussion and side stick have: drawn for a song, told by a style, kept by redone bars."""

import numpy as np
import pytest
from test_app import FakeState
from test_perform import played

from basedrum.drummer.perform import KeptDrums
from basedrum.drummer.sounds import (
    CLAP_SHARES,
    KINDS,
    SHARES,
    STYLES,
    choose_sounds,
    clap_share,
    is_clap_style,
    percussion_place,
)
from basedrum.lab.sounds import clap_shares, count_song, kind_shares
from basedrum.music import kit
from basedrum.music.notation import groove
from basedrum.music.rolls import DrumRoll
from basedrum.play_options import PlayOptions

SHAKEN = np.tile(
    groove("snare ....x.......x...", "side stick ....x.......x..x", "percussion x.xxx.xxx.xxx.xx").to_kit(),
    (8, 1),
)
KEPT_TIME = np.concatenate([SHAKEN, SHAKEN])
KEPT_TIME[:, kit.CLOSED_HAT] = np.tile([True, False], len(KEPT_TIME) // 2)


def kind_of(sounds):
    return next(kind for kind, pitches in KINDS.items() if set(sounds.percussion.tolist()) <= set(pitches))


def test_the_tables_are_sound():
    for shares in SHARES.values():
        assert len(shares) == len(KINDS) and sum(shares) == pytest.approx(1, abs=0.003)
    for share, weights in STYLES.values():
        assert set(weights) <= set(KINDS) and sum(weights.values()) > 0
        assert share is None or 0 <= share <= 1
    pitches = [pitch for pitches in KINDS.values() for pitch in pitches]
    assert (kit.VOICE_OF_PITCH[pitches] == kit.PERCUSSION).all()


def test_the_shares_of_real_songs_come_out_over_many_seeds():
    drawn = [kind_of(choose_sounds(KEPT_TIME, seed)) for seed in range(1500)]
    for kind, share in zip(KINDS, SHARES["sixteenths"], strict=True):
        assert drawn.count(kind) / len(drawn) == pytest.approx(share, abs=0.035)
    claps = np.mean([choose_sounds(KEPT_TIME, seed).stick == kit.CLAP for seed in range(1500)])
    assert claps == pytest.approx(CLAP_SHARES[3][0], abs=0.035)


def test_one_song_and_seed_have_one_sound():
    one, same = (choose_sounds(SHAKEN, 5, "latin") for _ in range(2))
    assert np.array_equal(one.percussion, same.percussion) and one.stick == same.stick


def test_a_style_says_what_it_is():
    for seed in range(30):
        assert choose_sounds(SHAKEN, seed, "disco").stick == choose_sounds(SHAKEN, seed, "house").stick == 39
        bossa = choose_sounds(SHAKEN, seed, "bossa")
        assert bossa.stick == 37 and kind_of(bossa) in ("shaker", "cabasa", "maracas")
        assert kind_of(choose_sounds(SHAKEN, seed, "latin")) in ("congas", "cowbell", "bongos", "maracas")
        hop = (choose_sounds(SHAKEN, seed, name) for name in ("hip-hop", "hip hop", "hip_hop"))
        assert len({kind_of(sounds) for sounds in hop}) == 1
    assert is_clap_style("disco") and not is_clap_style("bossa") and not is_clap_style(None)


def test_congas_have_two_hands_and_more_pitches():
    congas = [
        s for s in (choose_sounds(SHAKEN, seed, "latin") for seed in range(60)) if kind_of(s) == "congas"
    ]
    assert {pitch for sounds in congas for pitch in sounds.percussion.tolist()} == {62, 63, 64}
    low = np.mean([sounds.percussion == 64 for sounds in congas])
    assert 0.2 < low < 0.45


def test_a_stick_on_a_snare_is_a_clap_and_all_hits_come_back():
    sounds = choose_sounds(SHAKEN, 1, "bossa")
    roll = DrumRoll.from_kit(SHAKEN, pitches=sounds.pitches(SHAKEN))
    assert np.array_equal(roll.to_kit(), SHAKEN)
    assert np.flatnonzero(roll.hits[:16, 39 - 24]).tolist() == [4, 12]
    assert np.flatnonzero(roll.hits[:16, 37 - 24]).tolist() == [15]


@pytest.mark.parametrize(
    "percussion, others, place",
    [
        ("x.x.x.x.x.x.x.x.", "", "keeper"),
        ("x.x.x.x.x.x.x.x.", "x.x.x.x.x.x.x.x.", "eighths"),
        ("xxxxxxxxxxxxxxxx", "x.x.x.x.x.x.x.x.", "sixteenths"),
        ("....x.......x...", "", "backbeat"),
        ("..........x.....", "", "sparse"),
        ("x...x...x...x...", "x.x.x.x.x.x.x.x.", "quarters"),
        ("..x...x...x...x.", "x.x.x.x.x.x.x.x.", "off-beats"),
        ("x..x..x.....x..x", "x.x.x.x.x.x.x.x.", "syncopated"),
        ("................", "x.x.x.x.x.x.x.x.", "sparse"),
    ],
)
def test_where_percussion_is_played(percussion, others, place):
    hits = groove(f"percussion {percussion}", f"closed hat {others or '.' * 16}").to_kit()
    assert percussion_place(np.tile(hits, (4, 1))) == place
    pause = np.zeros((64, 12), bool)
    assert percussion_place(np.concatenate([pause, hits])) == place, "bars without any do not count"


def test_how_often_a_stick_is_a_clap():
    rim = groove("snare ....x...........", "side stick x.....x...x.....").to_kit()
    assert clap_share(rim) == CLAP_SHARES[0][1]
    assert (
        clap_share(groove("snare ....x...........", "side stick ....x.......x...").to_kit())
        == CLAP_SHARES[2][0]
    )
    assert clap_share(SHAKEN) == CLAP_SHARES[3][0]
    assert clap_share(np.zeros((16, 12), bool)) == 0


def test_bars_played_again_keep_the_sounds_of_the_others(monkeypatch):
    monkeypatch.setattr(FakeState, "play", lambda *_: SHAKEN[:64])
    written = [choose_sounds(SHAKEN, 3, style) for style in ("latin", "soul")]
    for sounds in written:
        old = DrumRoll.from_kit(SHAKEN, pitches=sounds.pitches(SHAKEN))
        new = played(PlayOptions(seed=77), kept=KeptDrums(old, 2, 4)).drums
        assert np.array_equal(new.hits, old.hits)


def test_bars_played_again_in_another_kit_of_percussion_go_on_in_it(monkeypatch):
    monkeypatch.setattr(FakeState, "play", lambda *_: SHAKEN[:64])
    claves = np.tile(np.asarray(kit.WRITTEN_PITCHES), (len(SHAKEN), 1))
    claves[:, kit.PERCUSSION] = 75
    old = DrumRoll.from_kit(SHAKEN, pitches=claves)
    new = played(PlayOptions(seed=4), kept=KeptDrums(old, 2, 4)).drums
    assert np.array_equal(new.hits[:, 75 - 24], old.hits[:, 75 - 24])


def test_all_bars_played_again_forget_the_old_sounds(monkeypatch):
    monkeypatch.setattr(FakeState, "play", lambda *_: SHAKEN[:64])
    claves = np.tile(np.asarray(kit.WRITTEN_PITCHES), (len(SHAKEN), 1))
    claves[:, kit.PERCUSSION] = 75
    new = played(PlayOptions(seed=4), kept=KeptDrums(DrumRoll.from_kit(SHAKEN, pitches=claves), 0, 7)).drums
    assert np.array_equal(new.hits, played(PlayOptions(seed=4)).drums.hits)


def test_the_lab_counts_songs_by_hand():
    """Two songs: shaker sixteenths beside hats with claps, weight 3; tambourine backbeats with sticks, 1."""
    shaken = DrumRoll.from_kit(KEPT_TIME[:64], pitches=_pitches(64, 82, kit.CLAP)).hits
    beat = np.tile(groove("percussion ....x.......x...", "side stick x.....x.........").to_kit(), (4, 1))
    beaten = DrumRoll.from_kit(beat, pitches=_pitches(64, 54, 37)).hits
    songs = [count_song(shaken[None], 3.0), count_song(beaten[None], 1.0)]
    kinds = kind_shares(songs)
    assert kinds["sixteenths"][:2] == (1, 0.75) and kinds["backbeat"][:2] == (1, 0.25)
    assert kinds["sixteenths"][2][list(KINDS).index("shaker")] == 1
    claps = clap_shares(songs)
    assert claps["from 0.6, backbeat"] == (1, 1.0) and claps["under 0.1, elsewhere"] == (1, 0.0)


def _pitches(num_steps, percussion, stick):
    pitches = np.tile(np.asarray(kit.WRITTEN_PITCHES), (num_steps, 1))
    pitches[:, kit.PERCUSSION], pitches[:, kit.SIDE_STICK] = percussion, stick
    return pitches
