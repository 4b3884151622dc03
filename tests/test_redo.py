"""Some measures of a song played anew: what the drummer is told, what is kept."""

from pathlib import Path

import numpy as np
import pytest
from test_song import Recorder, heard, song

import basedrum
from basedrum.drummer.redo import Kept, redo_song
from basedrum.music.kit import CRASH
from basedrum.music.sounding import Sounding


def marked(num_bars):
    """Kept drums that say which measure they are of: a crash on step number m."""
    hits = np.zeros((num_bars, 16, 12), bool)
    hits[np.arange(num_bars), np.arange(num_bars), CRASH] = True
    return hits.reshape(-1, 12)


def marks(phrase):
    return [
        int(np.flatnonzero(m[:, CRASH])[0]) if m[:, CRASH].any() else -1 for m in phrase.reshape(4, 16, 12)
    ]


def redone(num_bars, first, last, **options):
    bass, grid = song(range(num_bars))
    state, kept = Recorder(), marked(num_bars)
    hits = redo_song(state, bass, grid, Sounding(np.ones(num_bars, bool)), Kept(kept, first, last), **options)
    changed = (hits != kept).reshape(num_bars, -1).any(axis=1)
    return state, np.flatnonzero(changed).tolist()


@pytest.mark.parametrize("first, last", [(0, 0), (4, 7), (3, 3), (2, 9), (11, 11), (10, 11), (0, 11)])
def test_only_these_measures_change(first, last):
    assert redone(12, first, last)[1] == list(range(first, last + 1))


def test_the_phrase_before_is_the_kept_drums():
    state, _ = redone(12, 5, 10)
    assert marks(state.calls[0][3]) == [1, 2, 3, 4]
    assert [heard(call) for call in state.calls] == [[5, 6, 7, 8], [8, 9, 10, 11]]
    assert state.calls[1][3] is not None and marks(state.calls[1][3]) == [-1] * 4, "then its own"


def test_fewer_than_four_measures_before_go_round():
    assert marks(redone(8, 2, 5)[0].calls[0][3]) == [0, 1, 0, 1]
    assert marks(redone(8, 3, 5)[0].calls[0][3]) == [2, 0, 1, 2]
    assert redone(8, 0, 3)[0].calls[0][3] is None


def test_it_hears_the_bass_to_come_and_at_the_end_looks_back():
    assert heard(redone(12, 4, 4)[0].calls[0]) == [4, 5, 6, 7]
    assert heard(redone(12, 11, 11)[0].calls[0]) == [8, 9, 10, 11]


def test_phrases_are_counted_from_the_song_s_first():
    assert [call[4] for call in redone(16, 8, 15)[0].calls] == [2, 3]


@pytest.mark.parametrize("first, last", [(1, 4), (5, 8), (9, 12)])
def test_with_the_seed_they_were_played_with_bars_come_out_as_they_were(tmp_path, first, last):
    drummer = basedrum.Drummer()
    source = Path(__file__).parent.parent / "samples" / "disco.mid"
    played = drummer.play(source, seed=3)
    again = drummer.play(played.write(tmp_path / "song.mid"), seed=3, bars=(first, last))
    assert np.array_equal(played.drums.hits, again.drums.hits)


def test_a_rest_of_the_band_stays_a_rest():
    bass, grid = song(range(8))
    sounding = np.ones(8, bool)
    sounding[5] = False
    hits = redo_song(Recorder(), bass, grid, Sounding(sounding), Kept(np.zeros((128, 12), bool), 4, 7))
    assert np.flatnonzero(hits.reshape(8, -1).any(axis=1)).tolist() == [4, 6, 7]


def test_a_silent_song_stays_silent():
    bass, grid = song(range(4))
    kept = marked(4)
    assert redo_song(Recorder(), bass, grid, Sounding(np.zeros(4, bool)), Kept(kept, 0, 3)) is kept


@pytest.mark.parametrize("first, num_kept", [(3, 0), (4, 1), (7, 1), (8, 2)])
def test_it_remembers_the_kept_phrases_that_end_before_the_new_bars(first, num_kept):
    """A phrase whose last bar is played again is not remembered as it was."""
    state, _ = redone(12, first, first)
    assert len(state.remembered) == num_kept + len(state.calls)
    kept = [marks(hits) for _, hits in state.remembered[:num_kept]]
    assert kept == [[0, 1, 2, 3], [4, 5, 6, 7]][:num_kept]
