"""The seam: a bass on a grid in, drums out, without any MIDI."""

import numpy as np
import pytest
from test_app import FakeModel, FakeState

from basedrum.drummer.perform import KeptDrums, perform
from basedrum.drummer.sampling import load_phrase_model
from basedrum.drummer.seed import seed_of
from basedrum.errors import ConfigError
from basedrum.music.grid import Grid
from basedrum.music.kit import KICK, SNARE
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.sounding import Sounding
from basedrum.play_options import PlayOptions

BARS = 8


def bass(num_bars=BARS, velocity=90):
    onset = np.zeros((num_bars * 16, 72), bool)
    onset[[16 * bar + step for bar in range(num_bars) for step in (0, 6, 8)], 12] = True
    return BassRoll(onset, onset, np.where(onset.any(axis=1), velocity, 0))


def played(options=None, kept=None, model=None, num_bars=BARS, sounding=None):
    grid = Grid(4, 16 * num_bars, ((0, 100.0),))
    everywhere = Sounding(np.ones(num_bars, bool)) if sounding is None else sounding
    return perform(model or FakeModel(), bass(num_bars), grid, everywhere, options or PlayOptions(), kept)


def test_the_drums_of_the_whole_song_come_out():
    drums = played(PlayOptions(seed=1)).drums.to_kit()
    assert drums.shape == (BARS * 16, 12)
    assert np.array_equal(drums[:, KICK], bass().hits)


def test_without_a_seed_it_is_made_from_the_bass_and_told():
    performance = played()
    assert performance.seed == seed_of(bass()) == performance.options.seed and performance.seed_was_drawn
    same = played(PlayOptions(seed=performance.seed))
    assert not same.seed_was_drawn and np.array_equal(same.drums.velocities, performance.drums.velocities)


def test_the_drums_rest_where_the_band_rests():
    where = np.ones(BARS, bool)
    where[3] = False
    drums = played(sounding=Sounding(where)).drums.hits.reshape(BARS, -1)
    assert np.flatnonzero(~drums.any(axis=1)).tolist() == [3]


def test_only_the_bars_asked_for_are_played_again():
    old = DrumRoll.from_hits(np.eye(72, dtype=bool)[np.full(BARS * 16, 38 - 24)])
    new = played(kept=KeptDrums(old, 2, 4)).drums
    changed = (new.velocities != old.velocities).reshape(BARS, -1).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [2, 3, 4]


def test_humanize_is_about_loudness_and_time_alone():
    flat, human = played(PlayOptions(humanize=0)).drums, played(PlayOptions(humanize=1)).drums
    assert np.array_equal(flat.hits, human.hits) and not flat.offsets.any() and human.offsets.any()
    backbeats = [roll.velocities[4::8, 38 - 24].astype(float) for roll in (flat, human)]
    assert backbeats[0].std() < backbeats[1].std()


def test_it_leans_on_the_dynamics_of_the_bass():
    grid, everywhere = Grid(4, 16 * BARS), Sounding(np.ones(BARS, bool))
    rising = np.repeat(np.linspace(40, 120, BARS), 16).astype(int)
    roll = perform(FakeModel(), bass(velocity=rising), grid, everywhere, PlayOptions(seed=1)).drums
    loud = roll.velocities.reshape(BARS, 16, 72)[:, :, [36 - 24, 38 - 24]]
    assert loud[-1].max() > loud[0].max() + 15


def test_lengths_that_do_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        played(sounding=Sounding(np.ones(BARS + 1, bool)))


def test_a_style_the_drummer_does_not_know():
    with pytest.raises(ConfigError, match="polka"):
        played(PlayOptions(style="polka"))


@pytest.mark.parametrize(
    "change", [{"temperature": 0.0}, {"density": 6.0}, {"fills": 2.0}, {"style": "latin"}]
)
def test_the_drummer_that_ships_takes_every_option(change):
    model = load_phrase_model()
    drums = played(PlayOptions(seed=7, **change), model=model).drums
    assert drums.hits.any() and not np.array_equal(
        drums.hits, played(PlayOptions(seed=7), model=model).drums.hits
    )


def test_fewer_fills_than_the_drummer_plays(monkeypatch):
    """Its fill, a roll at the end of every fourth bar, gives way to the groove; as learned it stays."""

    def with_roll(state, phrase):
        hits = np.zeros((64, 12), bool)
        hits[4::8, SNARE] = hits[56:, SNARE] = True
        return hits

    monkeypatch.setattr(FakeState, "play", with_roll)
    snares = {
        fills: played(PlayOptions(seed=3, fills=fills)).drums.to_kit()[:, SNARE].sum() for fills in (0.0, 1.0)
    }
    assert snares == {0.0: 16, 1.0: 30}
