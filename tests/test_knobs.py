"""What the drummer that ships does when its options are turned."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import basedrum
from basedrum.lab.knobs import fill_activity, rank_correlation

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def bars_of(song):
    return song.drums.to_kit().sum() / song.num_bars


@pytest.fixture(scope="module")
def drummer():
    return basedrum.Drummer()


def test_density_is_obeyed_by_the_drummer_that_ships(drummer):
    names, asked = ("rock", "walking_jazz", "reggae"), (5, 9, 14, 20)
    hits = np.asarray(
        [[bars_of(drummer.play(SAMPLES / f"{name}.mid", density=x)) for x in asked] for name in names]
    )
    assert (np.diff(hits.mean(axis=0)) > 1).all(), hits
    assert np.mean([rank_correlation(asked, row) for row in hits]) > 0.9, hits


def test_temperature_is_variety(drummer):
    def distance(temperature):
        found = []
        for name in ("rock", "funk", "reggae"):
            path = SAMPLES / f"{name}.mid"
            hits = [drummer.play(path, seed=s, temperature=temperature).drums.hits for s in range(3)]
            found += [1 - (a & b).sum() / (a | b).sum() for a, b in combinations(hits, 2)]
        return np.mean(found)

    distances = [distance(t) for t in (0.0, 0.2, 1.0)]
    assert distances[0] == 0 < distances[1] < distances[2], distances


def test_fills_come_and_go(drummer):
    def activity(fills):
        found = []
        for name in ("rock", "disco", "funk"):
            hits = (
                drummer.play(SAMPLES / f"{name}.mid", seed=3, fills=fills).drums.to_kit().reshape(-1, 64, 12)
            )
            found.append(fill_activity(hits, np.full((len(hits), 4), 16))[:, -1].mean())
        return np.mean(found)

    none, learned, many = (activity(x) for x in (0, 1, 2))
    assert none <= learned < many and many > none + 2, (none, learned, many)


def test_humanize_is_spread_in_loudness_and_time(drummer):
    songs = [drummer.play(SAMPLES / "funk.mid", humanize=x).drums for x in (0, 0.5, 1)]
    late = [np.abs(drums.offsets).sum() for drums in songs]
    loud = [np.abs(drums.velocities.astype(float) - songs[0].velocities).sum() for drums in songs]
    assert late[0] == loud[0] == 0 < late[1] < late[2] and 0 < loud[1] < loud[2]
