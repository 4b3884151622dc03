"""What a user gets without any option: a drummer of the song's own, that plays on when the bass changes."""

import itertools

import numpy as np
import pytest

import basedrum
from basedrum.drummer import repeats
from basedrum.drummer.perform import perform
from basedrum.drummer.sampling import load_phrase_model
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.music.grid import Grid
from basedrum.music.kit import CLOSED_HAT, KICK, OPEN_HAT, PEDAL_HAT, PERCUSSION, RIDE
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll
from basedrum.music.song import Part
from basedrum.music.sounding import Sounding
from basedrum.play_options import PlayOptions

CHANGE = 9  # bars of the first riff
RIFFS = (
    "x..x..x...x.....",
    "x.......x.x.x...",
    "x.x.x.x.x.x.x.x.",
    "x...x...x...x...",
    "..x...x...x...xx",
    "x..xx..x.x..x...",
)


def line(*riffs):
    """A bass of one riff a bar."""
    rhythm = np.asarray([mark == "x" for mark in "".join(riffs)])
    onset = np.zeros((len(rhythm), 72), bool)
    onset[rhythm, 12] = True
    return BassRoll(onset, onset)


def played(model, bass, seed=None):
    num_measures = bass.num_steps // 16
    grid, sounding = Grid(4, bass.num_steps, ((0, 110.0),)), Sounding(np.ones(num_measures, bool))
    return perform(model, bass, grid, sounding, PlayOptions(seed=seed)).drums.to_kit()


def agreement(kick, bass):
    return 2 * (kick & bass).sum() / (kick.sum() + bass.sum())


def spliced(model, old, new, seed):
    """Return how much better the kick agrees with the new riff than with the old one once the bass has
    changed, and the share of the four bars after the change that are one of the four before it."""
    drums = played(model, line(*[old] * CHANGE, *[new] * 15), seed).reshape(-1, 16, 12)
    kick = drums[CHANGE:, :, KICK].reshape(-1)
    gain = agreement(kick, line(*[new] * 15).hits) - agreement(kick, line(*[old] * 15).hits)
    before, after = drums[CHANGE - 4 : CHANGE], drums[CHANGE : CHANGE + 4]
    return gain, (after[:, None] == before[None]).all(axis=(2, 3)).any(axis=1).mean()


@pytest.fixture(scope="module")
def model():
    return load_phrase_model()


def test_when_the_bass_changes_the_drums_go_along(model, monkeypatch):
    """Spliced songs: another riff from bar 10 on. Without the rule more of the bars that have begun go on."""
    pairs = list(itertools.permutations(RIFFS, 2))
    ruled = np.mean([spliced(model, *pair, seed) for seed, pair in enumerate(pairs)], axis=0)
    monkeypatch.setattr(repeats, "LEAST_ALIKE", 0.0)
    free = np.mean([spliced(model, *pair, seed) for seed, pair in enumerate(pairs)], axis=0)
    assert ruled[0] > free[0] + 0.04
    assert ruled[1] < free[1] - 0.15


def test_repeats_need_a_bass_of_similar_rhythm():
    now = np.zeros((1, 4, 16), bool)
    now[0, 0, [0, 4, 8]] = now[0, 1, [0, 4, 8]] = now[0, 2, [0, 4, 8, 10, 12]] = now[0, 3, [2, 6]] = True
    before = np.zeros((1, 4, 16), bool)
    before[0, 3, [0, 4, 8, 12]] = True
    nothing = np.zeros_like(now)
    allowed = repeats.allowed_repeats(now, before, nothing, 0.6)[0]
    assert allowed[:, 0].all(), "a bar may always be new"
    assert allowed[0].tolist() == [True, True, False, False, False, False], "3 of 4 onsets as the bar before"
    assert allowed[1, 1] and allowed[2, 2], "3 of 3 and 3 of 5: at the limit counts"
    assert not allowed[3, 1:4].any() and not allowed[3, 4]
    assert not allowed[:, 5].any(), "nothing is recalled"
    recalled = repeats.allowed_repeats(now, before, now[:, ::-1], 0.6)[0]
    assert recalled[:, 5].tolist() == [False, True, True, False]


def test_two_bars_of_silence_are_alike():
    nothing = np.zeros((1, 4, 16), bool)
    assert repeats.allowed_repeats(nothing, nothing, nothing).all()


def test_a_song_has_a_drummer_of_its_own_and_keeps_him(tmp_path):
    """Transposed, renamed or changed further on, it has the same seed and the same drums until there."""
    drummer = basedrum.Drummer()
    steps = np.flatnonzero([mark == "x" for mark in RIFFS[0] * 12])

    def song(pitch=40, name="song.mid", changed=False):
        starts = steps * 120
        pitches = np.full(len(steps), pitch)
        pitches[-5:] += changed
        starts[-5:] += 120 * changed
        notes = Notes(starts, starts + 100, pitches, np.full(len(steps), 90))
        data = build_midi([Part("Bass", 33, False, notes)], Grid(480, 12 * 1920))
        return drummer.play(parse_song(data, name))

    plain = song()
    for other in (song(45), song(52), song(name="copy.mid")):
        assert other.seed == plain.seed and np.array_equal(other.drums.velocities, plain.drums.velocities)
    changed = song(changed=True)
    assert changed.seed == plain.seed
    assert np.array_equal(changed.drums.hits[: 8 * 16], plain.drums.hits[: 8 * 16])
    assert plain.performance.seed_was_drawn and f"--seed {plain.seed}".encode() in plain.to_midi()
    again = drummer.play(plain.song, seed=plain.seed)
    assert again.to_midi() == plain.to_midi()


def test_no_seed_is_a_trap(model):
    """With any small seed, over some plain lines, there is a time-keeper in most songs."""
    keepers = [CLOSED_HAT, OPEN_HAT, PEDAL_HAT, RIDE, PERCUSSION]
    shares = []
    for seed in range(10):
        drums = [played(model, line(*[riff] * 16), seed).reshape(16, 16, 12) for riff in RIFFS]
        kept = [(bars[..., keepers].any(axis=2).sum(axis=1) >= 3).mean() for bars in drums]
        shares.append(np.mean(kept))
    assert min(shares) > 0.5, np.round(shares, 2)
