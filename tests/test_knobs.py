"""The figures of the knobs: right on made-up drummers, and what the drummer that ships does when they are
turned."""

from pathlib import Path

import numpy as np
import pytest

import basedrum
from basedrum.corpus.phrases import PhraseDataset
from basedrum.evaluation import knobs
from basedrum.evaluation.knobs import fill_activity, rank_correlation
from basedrum.evaluation.playing import set_stage
from basedrum.evaluation.styles import known_styles, train_style_judge
from basedrum.music import kit
from basedrum.music.notation import groove

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
BAR = ("kick x.......x.x.....", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.")
FILL = (
    "kick x.......x.....x.",
    "snare ....x.......x.xx",
    "closed hat x.x.x.x.x.x.....",
    "high tom ............xx..",
)


class Puppet:
    """A drummer that plays as many hats and toms a bar as it is asked for; deaf to it if `deaf`."""

    name, lookahead, styles = "puppet", 0, ("one", "two")

    def __init__(self, deaf=False):
        self.deaf = deaf

    def play(self, bass, qpm, measure_steps, previous, seed, songs=None, index=0, wishes=None, memory=None):
        hits = np.zeros((len(bass), 4, 16, 12), bool)
        wanted = 8 if self.deaf else int(wishes.density or 8)
        for voice in range(wanted):
            hits[:, :, voice % 12, kit.CLOSED_HAT + voice // 12] = True
        if not self.deaf and wishes.temperature:
            loose = np.random.default_rng([seed, index]).random(hits.shape) < 0.05 * wishes.temperature
            hits |= loose
        return hits.reshape(-1, 64, 12)


@pytest.fixture(scope="module")
def stage(practice_data):
    return set_stage(PhraseDataset.open(practice_data), "train", limit=12, per_song=2)


def test_rank_correlation():
    assert rank_correlation([1, 2, 3], [10, 20, 90]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 2, 3], [5, 5, 5]) == 0
    assert rank_correlation([1, 2, 3, 4], [1, 1, 2, 2]) == pytest.approx(0.894, abs=0.001), (
        "Spearman's, with ties"
    )


def test_fill_activity_counts_what_the_groove_has_not():
    hits = np.concatenate([groove(*bar).to_kit() for bar in (BAR, BAR, BAR, FILL)])[None]
    activity = fill_activity(hits, np.full((1, 4), 16))
    # two snares and two toms more, hats at 12 and 14 fewer, the kick not counted, the toms once more
    assert activity.tolist() == [[0, 0, 0, 2 + 2 + 2 + 2]]
    toms = np.concatenate([groove(*BAR, "low tom ............xxxx").to_kit()] * 4)[None]
    assert not fill_activity(toms, np.full((1, 4), 16)).any(), "toms in every bar are the groove"
    assert not fill_activity(np.zeros((1, 64, 12), bool), np.full((1, 4), 16)).any()
    assert np.isnan(fill_activity(hits, np.asarray([[16, 16, 12, 16]]))).all()


def test_a_drummer_that_obeys_and_a_deaf_one(stage):
    assert knobs.density_curve(Puppet(), stage).rank == pytest.approx(1)
    assert knobs.density_curve(Puppet(deaf=True), stage).rank == 0
    heat = knobs.temperature_curve(Puppet(), stage)
    assert knobs.density_curve(Puppet(), stage).real == pytest.approx(
        stage.real.sum() / len(stage) / 4, rel=0.01
    )
    assert heat.rank == pytest.approx(1) and heat.song_rank > 0.9 and heat.values[0] == 0


def test_a_style_judge_hears_styles_and_a_drummer_that_ignores_them_is_at_chance(practice_data, stage):
    dataset = PhraseDataset.open(practice_data)
    styles = known_styles(dataset, least_songs=1)[:4]
    judge = train_style_judge(dataset, styles, steps=150)
    accuracy = judge.accuracy(dataset, "train")
    assert np.mean(list(accuracy.values())) > 0.8

    class Chameleon(Puppet):
        def play(
            self, bass, qpm, measure_steps, previous, seed, songs=None, index=0, wishes=None, memory=None
        ):
            rows = dataset.rows("train")
            row = rows[dataset.index["style"][rows] == dataset.styles.index(wishes.style)][0]
            return np.repeat(dataset.kit(np.asarray([row])), len(bass), axis=0)

    for drummer, low, high in ((Chameleon(), 0.7, 1.0), (Puppet(deaf=True), 0.2, 0.3)):
        drummer.styles = tuple(styles)
        figures = knobs.style_figures(drummer, dataset, stage, judge)
        assert low <= figures.agreement <= high and figures.chance == 0.25
    text = knobs.to_text([knobs.density_curve(Puppet(), stage)], figures)
    assert "rank correlation 1.00" in text and "chance 0.25" in text


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
        one, other = (
            drummer.play(SAMPLES / "rock.mid", seed=s, temperature=temperature).drums.hits for s in (0, 1)
        )
        return 1 - (one & other).sum() / (one | other).sum()

    distances = [distance(t) for t in (0, 1, 2)]
    assert distances[0] == 0 and distances == sorted(distances) and distances[2] > distances[1] > 0


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
