"""The lab: every file is listed, makes its table from little data, and writes its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_data import small_dataset

from basedrum import lab
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import ConfigError, DataError
from basedrum.evaluation.drummers import UserDrummer
from basedrum.evaluation.evaluation_set import build_evaluation_set
from basedrum.evaluation.songs import lay_songs, read_songs
from basedrum.evaluation.style_classifier import known_styles, train_style_classifier
from basedrum.lab import Request, knobs
from basedrum.lab.knobs import Bench, Curve, StyleAgreement, fill_activity, rank_correlation
from basedrum.music import kit
from basedrum.music.notation import groove

BAR = ("kick x.......x.x.....", "snare ....x.......x...", "closed hat x.x.x.x.x.x.x.x.")
FILL = (
    "kick x.......x.....x.",
    "snare ....x.......x.xx",
    "closed hat x.x.x.x.x.x.....",
    "high tom ............xx..",
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> PhraseDataset:
    return small_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def phrases(dataset):
    return build_evaluation_set(lay_songs(read_songs(dataset, limit=4)[0]).songs)


def test_all_files_are_listed_with_a_summary_of_one_line():
    listed = dict(lab.summaries())
    assert tuple(listed) == lab.FILES
    assert all(summary and "\n" not in summary and len(summary) < 90 for summary in listed.values())


def test_an_unknown_name_and_missing_data_are_one_clear_line():
    with pytest.raises(ConfigError, match="lab knob: unknown, did you mean knobs"):
        lab.run("knob", Request())
    with pytest.raises(DataError, match="no data given"):
        lab.run("spliced", Request())


@pytest.mark.parametrize("name", ["first_answer", "spliced"])
def test_a_table_is_made_and_its_numbers_are_written(dataset, tmp_path, monkeypatch, name):
    from basedrum.lab import first_answer, spliced

    monkeypatch.setattr(first_answer, "QUICK_STEPS", 2)
    monkeypatch.setattr(first_answer, "QUICK_SONGS", 6)
    monkeypatch.setattr(first_answer, "QUICK_SEEDS", range(1))
    monkeypatch.setattr(spliced, "QUICK_PAIRS", 2)
    text = lab.run(name, Request(dataset.folder, quick=True, out=tmp_path / "out.json"))
    assert "real drums" in text and max(map(len, text.splitlines())) <= 110
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert "real drums" in rows and len(rows) >= 3


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


class Puppet:
    """A model that plays as many hats a bar as it is asked for, the looser the hotter; or ignores what it is
    asked."""

    name, lookahead, styles, score = "puppet", 0, ("one", "two"), None

    def __init__(self, ignores: bool = False):
        self.ignores = ignores

    def new_song(self, seed, controls):
        song = Puppet(self.ignores)
        song.seed, song.temperature, song.density = seed, controls.temperature, controls.density
        return song

    def remember(self, bass, hits):
        pass

    def play(self, phrase):
        hits = np.zeros((4, 16, 12), bool)
        wanted = 8 if self.ignores else int(self.density or 8)
        for hit in range(wanted):
            hits[:, hit % 12, kit.CLOSED_HAT + hit // 12] = True
        if not self.ignores and self.temperature:
            rng = np.random.default_rng([self.seed, phrase.index])
            hits |= rng.random(hits.shape) < 0.05 * self.temperature
        return hits.reshape(64, 12)


def test_a_drummer_that_does_what_it_is_asked_and_one_that_ignores_it(phrases, monkeypatch):
    monkeypatch.setattr(knobs, "DENSITIES", (4, 12, 22))
    monkeypatch.setattr(knobs, "TEMPERATURES", (0, 1, 2))
    monkeypatch.setattr(knobs, "NUM_SEEDS", 2)
    obeys, ignores = (Bench(UserDrummer(Puppet(each)), phrases) for each in (False, True))
    curve = knobs.density_curve(obeys)
    assert curve.rank == pytest.approx(1) and knobs.density_curve(ignores).rank == 0
    assert curve.real == pytest.approx(phrases.real.sum() / len(phrases) / 4, rel=0.2)
    heat = knobs.temperature_curve(obeys)
    assert heat.rank == pytest.approx(1) and heat.song_rank > 0.9 and heat.values[0] == 0


def test_a_style_classifier_knows_styles_and_a_drummer_that_ignores_them_is_at_chance(practice_data, phrases):
    dataset = PhraseDataset.open(practice_data)
    styles = known_styles(dataset, least_songs=1)[:4]
    classifier = train_style_classifier(dataset, styles, steps=150)
    assert np.mean(list(classifier.accuracy(dataset, "train").values())) > 0.8

    class Chameleon(Puppet):
        def new_song(self, seed, controls):
            song = Chameleon()
            song.style = controls.style
            return song

        def play(self, phrase):
            rows = dataset.rows("train")
            of_style = dataset.index["style"][rows] == dataset.styles.index(self.style or styles[0])
            return dataset.kit(rows[of_style][:1])[0]

    for puppet, low, high in ((Chameleon(), 0.7, 1.0), (Puppet(ignores=True), 0.2, 0.3)):
        puppet.styles = tuple(styles)
        found = knobs.style_agreement(Bench(UserDrummer(puppet), phrases), dataset, classifier)
        assert low <= found.agreement <= high and found.chance == 0.25


def test_the_table_of_the_knobs():
    curve = Curve("density", "hits a bar", (1, 2), (3.0, 4.0), 1.0, 0.5, 3.5)
    found = StyleAgreement(("rock", "jazz"), 0.75, 0.5, (0.5, 1.0), (0.9, 0.8))
    text = knobs.table([curve], found)
    assert (
        "rank correlation 1.00, within songs 0.50" in text and "1: 3.00  2: 4.00  (real drums 3.50)" in text
    )
    assert "found as asked 0.75 (chance 0.50)" in text and "rock: 0.50 (0.90)" in text


def test_the_bass_lines_of_both_sets_are_whole_and_different():
    from basedrum.corpus.stylebook import load_page, page_names
    from basedrum.lab.style_lines import load_lines
    from basedrum.measures.style_rules import rules_of
    from basedrum.midi.reading import parse_song
    from basedrum.music.bass_track import find_bass

    dev, check = load_lines("dev"), load_lines("check")
    assert {line.style for line in dev} == {line.style for line in check}
    assert all(rules_of(line.style, line.page.bar_steps) for line in dev + check)
    assert {(line.style, line.name) for line in dev} == {(line.style, line.name) for line in check}
    assert not {line.bars for line in dev} & {line.bars for line in check}
    pages = [load_page(name) for name in page_names()]
    practised = {
        (page.style, figure.marks[at : at + page.bar_steps])
        for page in pages
        for figure in page.figures
        for at in range(0, len(figure.marks), page.bar_steps)
    }
    written = {(line.style, marks) for line in dev + check for marks, _ in line.bars}
    assert not written & practised, "a line that the drummer may have learned tells nothing"
    song = parse_song(dev[0].to_midi(), "rock")
    assert len(dev[0].bars) == 24 and len(find_bass(song).notes) == 168  # 16 bars of 8 notes, 8 of 5
    assert song.grid.qpm_at(np.array([0]))[0] == pytest.approx(122, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rock one\ntempo 100\nA  C | 1.1.\nB  C | 1...............", "4 steps"),
        ("rock one\ntempo 100\nA  H | 1...............", "chord"),
        ("rock one\ntempo 100\nA  C | 1...............", "B"),
    ],
)
def test_a_broken_bass_line_is_refused(text, message):
    from basedrum.lab.style_lines import read_lines

    with pytest.raises((ValueError, KeyError), match=message):
        read_lines(text)


def test_a_style_is_asked_for_by_the_drummers_own_name_or_the_nearest():
    from basedrum.lab.styles import known_style

    assert known_style("jazz", ("swing", "rock")) == "swing"
    assert known_style("hard_rock", ("rock", "hard_rock")) == "hard_rock"
    assert known_style("hard_rock", ("rock",)) == "rock"
    assert known_style("march", ("rock",)) is None


def test_rules_met_and_kick_lift_by_hand():
    from basedrum.lab.style_lines import load_lines
    from basedrum.lab.styles import kick_lifts, play_loop, rule_shares, shares_met

    lines = {f"{line.style} {line.name}": line for line in load_lines("dev")}
    played = [play_loop(lines["rock one"]), play_loop(lines["reggae two"])]
    shares = shares_met(played)
    assert shares["rock"]["B"] == 1 and np.isnan(shares["rock"]["S"])
    assert shares["reggae"] == {"B": 1, "S": 0}
    assert rule_shares(played)["reggae"] == {
        "B hat eighths": 1,
        "S no kick on 0": 0,
        "S kick with stick or snare on 8": 0,
        "S no backbeat": 0,
    }
    for each in played:
        each.bars.bass[:] = False
    played[0].bars.bass[:, [0, 8]] = True  # all its kicks, and no kick of the other's but the one
    played[1].bars.bass[:, [0, 4]] = True
    assert kick_lifts(played) == {"rock": pytest.approx(1 - 0.5), "reggae": pytest.approx(0.5 - 1)}


def test_the_scorecard_of_styles_is_made(tmp_path):
    text = lab.run("styles", Request(quick=True, out=tmp_path / "out.json"))
    numbers = json.loads((tmp_path / "out.json").read_text())
    assert "mean of styles" in text and max(map(len, text.splitlines())) <= 110
    assert set(numbers["shares"]) == set(numbers["lifts"]) == {"with style", "without", "rock loop"}
    with pytest.raises(DataError, match="give --data dev or --data check"):
        lab.run("styles", Request(Path("nowhere"), quick=True))
