"""From a small prepared dataset to a report: what is counted, and that the report can be read."""

import json

import numpy as np
import pytest
from evaluation_data import SMALL, small_dataset

from basedrum import app
from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer import stops
from basedrum.errors import DataError
from basedrum.evaluation import trees
from basedrum.evaluation.drummers import baseline_drummer
from basedrum.evaluation.evaluate import Options, evaluate
from basedrum.evaluation.phrase_metrics import TREE_METRICS
from basedrum.evaluation.report import LINE_WIDTH, REAL, Report
from basedrum.evaluation.report_blocks import BLOCKS
from basedrum.evaluation.training_subset import read_training_subset
from basedrum.evaluation.trees import TreesConfig
from basedrum.evaluation.twosample import real_floor, two_sample
from basedrum.measures.baselines import CopiedKick, FixedBeat
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate
from basedrum.measures.descriptors import phrase_descriptors
from basedrum.music import kit

FULL = Options(effort=SMALL)
ALONE = Options(effort=SMALL, baselines=False)


@pytest.fixture(scope="module", autouse=True)
def no_stops():
    """The drums are as a baseline has them, also where the band stops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stops, "ANSWERS", 0.0)
        yield


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> PhraseDataset:
    return small_dataset(tmp_path_factory.mktemp("data"))


def copied():
    return baseline_drummer(CopiedKick())


def fixed():
    return baseline_drummer(FixedBeat())


def test_the_training_subset_comes_from_training_songs_only(dataset):
    training = read_training_subset(dataset, 1000, per_song=2)
    assert set(training.songs.tolist()) == set(range(20))
    assert np.bincount(training.songs).max() == 2
    assert training.keys_4.shape == (len(dataset.rows("train")), 1)
    assert len(read_training_subset(dataset, 9).songs) == 9


@pytest.fixture(scope="module")
def report(dataset) -> Report:
    return evaluate([copied(), fixed()], dataset, FULL)


def test_report_has_every_measure_of_every_drummer(report, dataset):
    names = list(report.metrics)
    assert names[0] == REAL
    assert names[1:3] == ["copied kick", "fixed beat"]
    assert {"nearest bass", "position marginals", "another song's drums", "fixed beat (2)"} <= set(names)
    measured = set(report.metrics["position marginals"])
    for block in BLOCKS:
        assert {key for key, _ in block.metrics} <= measured
        assert len(block.metrics) <= (5 if block.with_interval else 10)
    copied, fixed, real = (report.metrics[n] for n in ("copied kick", "fixed beat", REAL))
    assert copied["phi_kick"].value == pytest.approx(1)
    assert copied["lift"].value > 0.3
    assert copied["transposed_5"].value == 1
    assert copied["seed_distance"].value == 0
    assert fixed["lift"].value == pytest.approx(0, abs=0.02)
    assert fixed["identical"].value == pytest.approx(1, abs=0.01)  # it ends with the last note of a song
    assert fixed["similarity_8"].value == pytest.approx(1, abs=0.01)
    assert fixed["copied_4"].value == 0
    assert report.metrics["another song's drums"]["copied_4"].value > 0.8  # all but those cut to 3/4
    assert real["density_error"].value < 0.3
    assert fixed["c2st_trees"].value > 0.9  # noise it is not
    assert fixed["c2st_alone_higher"].value == max(fixed["c2st_alone"].value, fixed["c2st_trees"].value)
    assert copied["seed_lift_lowest"].value == pytest.approx(
        copied["seed_lift"].value
    )  # it has but one answer
    assert fixed["hits_first"].value == pytest.approx(11.7)  # 12 hits a bar, 9 in the one song of ten in 3/4
    assert fixed["fill_4"].value == pytest.approx(1, abs=0.02)
    assert fixed["seam"].value == 0  # nothing changes but at the end of a song
    assert real["seam"].value == pytest.approx(1, abs=0.2)
    for measure in ("lift", "phi_kick", "match", "hits_per_bar"):
        assert set(report.by_source[measure][REAL]) == {"even", "odd"}
        assert list(report.by_source[measure]) == names
    assert report.by_source["phi_kick"]["copied kick"]["odd"].value == pytest.approx(1)
    assert not report.notes
    assert report.shift_curves["copied kick"][0] == 1


def test_metrics_are_the_same_again(report, dataset):
    again = evaluate([fixed()], dataset, ALONE)
    for name in (REAL, "fixed beat"):
        assert str(again.metrics[name]) == str(report.metrics[name])
        assert again.shift_curves[name] == report.shift_curves[name]


def test_text_fits_the_screen_and_shows_everyone(report):
    text = report.to_text()
    assert max(map(len, text.splitlines())) <= LINE_WIDTH
    for name in report.metrics:
        assert text.count(name) >= 4
    assert "nan" not in text
    assert "1.000" in text


def test_odd_reports_can_be_read_too():
    row = {"lift": Estimate(-0.0001, -0.5, 123.4), "c2st": Estimate(0.5, float("nan"), float("nan"))}
    report = Report(
        {"split": "valid"}, {"x" * 90: row, REAL: {}}, {"lift": {"x" * 90: {"s" * 90: row["lift"]}}}
    )
    text = report.to_text()
    assert max(map(len, text.splitlines())) <= LINE_WIDTH
    assert ".500" in text
    assert "-.500~123.4" in text
    assert json.loads(report.to_json())["metrics"]["x" * 90]["c2st"] == {
        "value": 0.5,
        "low": None,
        "high": None,
    }


def test_markdown_has_the_same_metrics_in_tables_that_render(report):
    text = report.to_markdown()
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == len(BLOCKS) + len(report.by_source)
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
        assert set(table[1]) == set("|- ")
    header = [cell.strip() for cell in tables[0][0].strip("|").split("|")]
    assert header[1:] == list(report.metrics)
    line = next(line for line in text.splitlines() if line.startswith("| phi kick |"))
    assert line.split("|")[3].strip() == "1.000 [1.000, 1.000]"
    odd = Report(
        {}, {"a|b": {"lift": Estimate(0.5, 0.4, 0.6), "c2st_16": NOT_MEASURED}}, notes=["a note"]
    ).to_markdown()
    assert (
        "| metric | a\\|b |" in odd
        and "| lift | .500 [.400, .600] |" in odd
        and "| 16-bar structure | - |" in odd
    )
    assert odd.endswith("\na note\n")


def test_without_scikit_learn_the_rest_is_measured_and_the_report_says_what_is_missing(dataset, monkeypatch):
    monkeypatch.setattr(trees, "find_spec", lambda name: None)
    report = evaluate([], dataset, ALONE)
    row = report.metrics[REAL]
    assert all(np.isnan(row[key].value) for key in TREE_METRICS)
    assert not np.isnan(row["c2st"].value)
    for text in (report.to_text(), report.to_markdown()):
        assert text.count("pip install scikit-learn") == 1
    line = report.to_text().split("Does a classifier")[1].splitlines()[2]
    assert line.split()[-3:] == ["-", "-", "-"]


def test_classifiers_of_descriptors_find_only_what_differs(dataset):
    """Songs of one kind with coins tossed, and the same with another hat: near .5, and near 1."""
    rng = np.random.default_rng(0)
    songs = np.repeat(np.arange(60), 3)
    hits = rng.random((180, 64, 12)) < 0.15
    learn = trees.trees_learner(TreesConfig(iterations=20))
    floor = real_floor(phrase_descriptors(hits), songs, learn=learn)
    assert abs(floor.value - 0.5) < 0.12
    tidy = hits.copy()
    tidy[..., kit.CLOSED_HAT] = np.arange(64) % 2 == 0
    told = two_sample(phrase_descriptors(hits), phrase_descriptors(tidy), songs, songs, learn=learn)
    assert told.value > 0.99
    assert told == two_sample(phrase_descriptors(hits), phrase_descriptors(tidy), songs, songs, learn=learn)


def test_a_split_without_sixteen_bars_in_a_row_is_measured_too(dataset):
    report = evaluate([fixed()], dataset, Options(effort=SMALL, baselines=False, per_song=2))
    assert np.isnan(report.metrics["fixed beat"]["c2st_16"].value)
    assert report.metrics["fixed beat"]["hits_per_bar"].value > 8


def test_json_is_strict(report):
    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    read = json.loads(report.to_json(), parse_constant=no_constant)
    assert read["settings"]["songs"] == 10
    assert read["settings"]["left out, bar lines were moved when the song was prepared"] == 1
    assert set(read["metrics"]) == set(report.metrics)


def test_plot_is_a_picture(report, tmp_path):
    report.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    report.plot(tmp_path / "plot.svg")
    assert b"<svg" in (tmp_path / "plot.svg").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plot.png", "plot.svg"]


def test_the_verb_writes_all_four_files(dataset, tmp_path):
    app.evaluate(
        [],
        dataset.folder,
        tmp_path / "out" / "report",
        effort=SMALL,
        baselines=False,
        limit=5,
        progress=False,
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"report.{kind}" for kind in ("json", "md", "png", "txt")
    ]
    assert REAL in (tmp_path / "out" / "report.md").read_text()


def test_a_drummer_can_be_added_to_an_earlier_report(report, dataset, tmp_path):
    """The table is that of one evaluation of both; nothing but the new drummer is measured."""
    (tmp_path / "old.json").write_text(evaluate([copied()], dataset, ALONE).to_json())
    told = []
    earlier = Report.from_json((tmp_path / "old.json").read_text())
    both = evaluate([fixed(), copied()], dataset, ALONE, earlier=earlier, on_progress=told.append)
    assert told[2:] == ["fixed beat", "copied kick (2)"]
    assert list(both.metrics) == [REAL, "copied kick", "fixed beat", "copied kick (2)"]
    for kind in ("metrics", "shift_curves"):
        ours, theirs = getattr(both, kind), getattr(report, kind)
        assert str({n: ours[n] for n in list(ours)[:3]}) == str(
            {n: theirs[n] for n in (REAL, "copied kick", "fixed beat")}
        )
        assert str(ours["copied kick"]) == str(ours["copied kick (2)"])
    assert both.by_source["lift"]["fixed beat"] == report.by_source["lift"]["fixed beat"]
    assert Report.from_json(both.to_json()).to_json() == both.to_json()
    with pytest.raises(DataError, match=r"measured otherwise \(songs, phrases"):
        evaluate([fixed()], dataset, Options(effort=SMALL, limit=5), earlier=earlier)
    for text in ("", "[]", "{}", '{"metrics": {"x": 1}}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match=r"bad\.json: no report"):
            app.evaluate([], dataset.folder, tmp_path / "report", beside=tmp_path / "bad.json")
    with pytest.raises(DataError, match=r"none\.json: cannot be read"):
        app.evaluate([], dataset.folder, tmp_path / "report", beside=tmp_path / "none.json")


def test_too_few_phrases_are_a_clear_error(dataset):
    with pytest.raises(DataError, match="only 0 phrases in split 'test'"):
        evaluate([], dataset, Options(split="test", effort=SMALL))
    with pytest.raises(DataError, match="split train: is not held out"):
        evaluate([], dataset, Options(split="train", effort=SMALL))
