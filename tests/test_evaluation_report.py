"""From a small prepared dataset to a report: who is given what, what is counted, and that the report can be
read."""

import json

import numpy as np
import pytest

from basedrum import app
from basedrum.corpus.phrases import PhraseDataset, write_dataset
from basedrum.corpus.windows import INDEX_DTYPE
from basedrum.errors import DataError
from basedrum.evaluation import trees
from basedrum.evaluation.evaluate import evaluate
from basedrum.evaluation.figures import TREE_FIGURES, Effort
from basedrum.evaluation.lessons import read_lessons
from basedrum.evaluation.matching import MatchingConfig
from basedrum.evaluation.playing import choose_runs, play_runs, play_variants, set_stage, transposed
from basedrum.evaluation.report import BLOCKS, LINE_WIDTH, REAL, Report
from basedrum.evaluation.trees import TreesConfig
from basedrum.evaluation.twosample import TwoSampleConfig, real_floor, two_sample
from basedrum.measures.baselines import CopiedKick, FixedBeat, bass_onsets
from basedrum.measures.bootstrap import NOT_MEASURED, Estimate
from basedrum.measures.descriptors import phrase_descriptors
from basedrum.measures.metrics import active
from basedrum.music import kit

SMALL = Effort(
    sets_of_fakes=2,
    answers=2,
    answered_phrases=6,
    matching=MatchingConfig(steps=4, batch=16, width=4, check_every=2),
    two_sample=TwoSampleConfig(width=4, steps=4),
    trees=TreesConfig(iterations=8, min_leaf=5),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> PhraseDataset:
    """30 songs of 1 to 6 phrases; the third phrase of every sixth song is missing; the first 20 songs are for
    training."""
    rng = np.random.default_rng(0)
    rows, songs = [], []
    for song in range(30):
        songs.append({"id": f"song {song}", "split": "train" if song < 20 else "valid"})
        for number in range(1 + song % 6):
            if not (song % 6 == 5 and number == 2):
                rows.append(
                    (song, 4 * number, song % 2, -1, 0 if song < 20 else 1, 90 + song, [16] * 4, -1, -1, 1.0)
                )
    index = np.array(rows, INDEX_DTYPE)
    for row in range(1, len(index)):
        if (
            index["song"][row] == index["song"][row - 1]
            and index["measure"][row] == index["measure"][row - 1] + 4
        ):
            index["previous"][row], index["next"][row - 1] = row - 1, row
    index["measure_steps"][index["song"] == 22] = 12
    onset = (
        (rng.random((len(index), 64, 72)) < 0.01)
        & (np.arange(72) < 24)
        & active(index["measure_steps"])[..., None]
    )
    bass = np.packbits(np.stack([onset, onset], axis=1), axis=-1)
    hits = rng.random((len(index), 64, 12)) < 0.1
    drums = np.packbits(kit.unfold(hits), axis=-1)
    folder = tmp_path_factory.mktemp("data") / "phrases"
    write_dataset(folder, index, bass, drums, songs, ["even", "odd"], [])
    return PhraseDataset.open(folder)


class Witness:
    """A drummer that notes what it is given and answers each phrase with one hit that tells its bass."""

    name = "witness"

    def __init__(self, lookahead: int = 0) -> None:
        self.lookahead = lookahead
        self.calls: list[tuple] = []
        self.started: tuple | None = None

    def start_songs(self, num_songs: int, seed: int) -> None:
        self.started = (num_songs, seed)

    def play(self, bass, qpm, measure_steps, previous, seed):
        self.calls.append((bass, qpm, measure_steps, previous, seed))
        hits = np.zeros((len(bass), 64, 12), bool)
        hits[..., kit.KICK] = bass_onsets(bass)
        return hits


def test_runs_are_chains_of_adjoining_phrases_one_a_song(dataset):
    rows, place = choose_runs(dataset.index, dataset.rows("valid"), seed=1)
    assert len(set(rows.tolist())) == len(rows)
    songs = dataset.index["song"][rows]
    assert set(songs.tolist()) == set(range(20, 30))
    assert ((place == 0).sum()) == 10
    later = np.flatnonzero(place > 0)
    assert (dataset.index["previous"][rows[later]] == rows[later - 1]).all()
    assert (songs == 29).sum() == 3  # phrases 3, 4, 5: the longest chain beside the hole
    assert (songs == 28).sum() == 5
    assert len(choose_runs(dataset.index, dataset.rows("valid"), limit=7)[0]) == 7
    assert max(choose_runs(dataset.index, dataset.rows("valid"), per_song=2)[1]) == 1
    with_before, _ = choose_runs(dataset.index, dataset.rows("valid"), with_before=True)
    assert (dataset.index["previous"][with_before] >= 0).all()
    assert 24 not in dataset.index["song"][with_before]  # its only phrase has none before


def test_a_drummer_hears_its_own_drums_of_the_phrase_before(dataset):
    stage, drummer = set_stage(dataset), Witness()
    hits = play_runs(drummer, stage, seed=4)
    assert (hits[..., kit.KICK] == stage.onsets).all()
    assert drummer.calls[0][3] is None
    assert drummer.started == (10, 4)
    sizes = [len(call[0]) for call in drummer.calls]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == len(stage)
    for earlier, call in zip(drummer.calls, drummer.calls[1:], strict=False):  # rows keep their song
        assert (call[3][..., kit.KICK] == bass_onsets(earlier[0])[: len(call[0])]).all()
        assert (call[1] == earlier[1][: len(call[0])]).all()
    assert len({call[4] for call in drummer.calls}) == len(drummer.calls)


def test_real_or_no_drums_before_can_be_given(dataset):
    stage, drummer = set_stage(dataset), Witness()
    hits = play_runs(drummer, stage, previous="real")
    assert (hits[..., kit.KICK] == stage.onsets).all()
    given, none = drummer.calls
    assert none[3] is None
    assert (given[3] == dataset.kit(dataset.index["previous"][stage.rows[stage.has_before]])).all()
    drummer = Witness()
    play_runs(drummer, stage, previous="none")
    assert all(call[3] is None for call in drummer.calls)


def test_lookahead_hears_the_phrase_before_the_one_it_answers(dataset):
    stage = set_stage(dataset, with_before=True)
    hits = play_runs(Witness(lookahead=1), stage)
    before = dataset.bass(dataset.index["previous"][stage.rows])
    assert (hits[..., kit.KICK] == bass_onsets(before)).all()
    report = evaluate([Witness(lookahead=1)], dataset, effort=SMALL, rivals=False)
    assert list(report.figures) == [REAL, "witness"]
    assert report.settings["phrases"] == len(stage)
    assert report.settings["lookahead"] == 1


def test_variants_keep_the_noise_and_change_the_bass(dataset):
    stage = set_stage(dataset)
    drummer = Witness()
    at = np.flatnonzero(stage.songs != 22)[[3, 0, 5]]
    played = play_variants(drummer, stage, at, answers=3, seed=2)
    assert played["answers"].shape == (3, 3, 64, 12)
    assert (played["up 5"] == played["answers"][0]).all()
    assert (played["up 12"] == played["answers"][0]).all()
    assert (played["late 2"] == np.roll(played["answers"][0], 2, axis=1)).all()
    assert (drummer.calls[0][0] == transposed(stage.bass[at], 5)).all()
    seeds = [call[4] for call in drummer.calls]
    assert len(set(seeds[:3])) == 1
    assert seeds[3] == seeds[0]
    assert len(set(seeds[3:])) == 3


def test_answers_are_cut_at_short_measures_and_checked_for_shape(dataset):
    class Loud:
        name = "loud"

        def play(self, bass, qpm, measure_steps, previous, seed):
            return np.ones((len(bass), 64, 12), bool)

    class Wrong(Loud):
        def play(self, bass, qpm, measure_steps, previous, seed):
            return np.ones((len(bass), 64, 9), bool)

    stage = set_stage(dataset)
    hits = play_runs(Loud(), stage)
    short = stage.songs == 22
    assert hits[~short].all()
    assert hits[short].mean() == 0.75
    with pytest.raises(ValueError, match="loud"):
        play_runs(Wrong(), stage)


def test_spans_are_sixteen_adjoining_measures(dataset):
    stage = set_stage(dataset)
    spans, songs = stage.spans(stage.real)
    assert spans.shape[1:] == (256, 12)
    assert sorted(set(songs.tolist())) == [21, 22, 27, 28]  # the songs with chains of four or more
    first = np.flatnonzero(stage.songs == 21)
    assert (spans[songs == 21][0] == stage.real[first[:4]].reshape(256, 12)).all()


def test_lessons_come_from_training_songs_only(dataset):
    lessons = read_lessons(dataset, 1000, per_song=2)
    assert set(lessons.songs.tolist()) == set(range(20))
    assert np.bincount(lessons.songs).max() == 2
    assert lessons.keys_4.shape == (len(dataset.rows("train")), 1)
    assert len(read_lessons(dataset, 9).songs) == 9


@pytest.fixture(scope="module")
def report(dataset) -> Report:
    return evaluate([CopiedKick(), FixedBeat()], dataset, effort=SMALL)


def test_report_has_every_measure_of_every_drummer(report, dataset):
    names = list(report.figures)
    assert names[0] == REAL
    assert names[1:3] == ["copied kick", "fixed beat"]
    assert {"nearest bass", "position marginals", "another song's drums", "fixed beat (2)"} <= set(names)
    measured = set(report.figures["position marginals"])
    for _, measures, _ in BLOCKS:
        assert {key for key, _ in measures} <= measured
    copied, fixed, real = (report.figures[n] for n in ("copied kick", "fixed beat", REAL))
    assert copied["phi_kick"].value == pytest.approx(1)
    assert copied["lift"].value > 0.3
    assert copied["transposed_5"].value == 1
    assert copied["seed_distance"].value == 0
    assert fixed["lift"].value == pytest.approx(0, abs=0.02)
    assert fixed["identical"].value == 1
    assert fixed["similarity_8"].value == 1
    assert fixed["copied_4"].value == 0
    assert report.figures["another song's drums"]["copied_4"].value > 0.8  # all but those cut to 3/4
    assert real["density_error"].value < 0.3
    assert fixed["c2st_trees"].value > 0.9  # noise it is not
    assert fixed["c2st_alone_higher"].value == max(fixed["c2st_alone"].value, fixed["c2st_trees"].value)
    assert copied["seed_lift_lowest"].value == pytest.approx(
        copied["seed_lift"].value
    )  # it has but one answer
    assert fixed["hits_first"].value == pytest.approx(11.7)  # 12 hits a bar, 9 in the one song of ten in 3/4
    assert fixed["fill_4"].value == pytest.approx(1)
    assert np.isnan(fixed["seam"].value)  # nothing ever changes
    assert real["seam"].value == pytest.approx(1, abs=0.2)
    for measure in ("lift", "phi_kick", "match", "hits_per_bar"):
        assert set(report.by_source[measure][REAL]) == {"even", "odd"}
        assert list(report.by_source[measure]) == names
    assert report.by_source["phi_kick"]["copied kick"]["odd"].value == pytest.approx(1)
    assert not report.notes
    assert report.shift_curves["copied kick"][0] == 1


def test_report_is_the_same_again(report, dataset):
    assert evaluate([CopiedKick(), FixedBeat()], dataset, effort=SMALL).to_json() == report.to_json()


def test_text_fits_the_screen_and_shows_everyone(report):
    text = report.to_text()
    assert max(map(len, text.splitlines())) <= LINE_WIDTH
    for name in report.figures:
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
    assert json.loads(report.to_json())["figures"]["x" * 90]["c2st"] == {
        "value": 0.5,
        "low": None,
        "high": None,
    }


def test_markdown_has_the_same_figures_in_tables_that_render(report):
    text = report.to_markdown()
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == len(BLOCKS) + len(report.by_source)
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
        assert set(table[1]) == set("|- ")
    header = [cell.strip() for cell in tables[0][0].strip("|").split("|")]
    assert header[1:] == list(report.figures)
    line = next(line for line in text.splitlines() if line.startswith("| phi kick |"))
    assert line.split("|")[3].strip() == "1.000 [1.000, 1.000]"
    odd = Report(
        {}, {"a|b": {"lift": Estimate(0.5, 0.4, 0.6), "c2st_16": NOT_MEASURED}}, notes=["a note"]
    ).to_markdown()
    assert (
        "| figure | a\\|b |" in odd
        and "| lift | .500 [.400, .600] |" in odd
        and "| 16-bar structure | - |" in odd
    )
    assert odd.endswith("\na note\n")


def test_without_scikit_learn_the_rest_is_measured_and_the_report_says_what_is_missing(dataset, monkeypatch):
    monkeypatch.setattr(trees, "find_spec", lambda name: None)
    report = evaluate([], dataset, effort=SMALL, rivals=False)
    row = report.figures[REAL]
    assert all(np.isnan(row[key].value) for key in TREE_FIGURES)
    assert not np.isnan(row["c2st"].value)
    for text in (report.to_text(), report.to_markdown()):
        assert text.count("pip install scikit-learn") == 1
    line = report.to_text().split("Can it be told")[1].splitlines()[2]
    assert line.split()[-3:] == ["-", "-", "-"]


def test_judges_of_descriptors_are_told_apart_only_by_what_differs(dataset):
    """Songs of one kind with coins tossed, and the same with another hat: near .5, and near 1."""
    rng = np.random.default_rng(0)
    songs = np.repeat(np.arange(60), 3)
    hits = rng.random((180, 64, 12)) < 0.15
    judge = trees.trees_judge(TreesConfig(iterations=20))
    floor = real_floor(phrase_descriptors(hits), songs, judge=judge)
    assert abs(floor.value - 0.5) < 0.12
    tidy = hits.copy()
    tidy[..., kit.CLOSED_HAT] = np.arange(64) % 2 == 0
    told = two_sample(phrase_descriptors(hits), phrase_descriptors(tidy), songs, songs, judge=judge)
    assert told.value > 0.99
    assert told == two_sample(phrase_descriptors(hits), phrase_descriptors(tidy), songs, songs, judge=judge)


def test_the_number_of_a_phrase_counts_from_the_start_of_its_song(dataset):
    stage = set_stage(dataset)
    assert stage.number[stage.songs == 29].tolist() == [3, 4, 5]  # the chain after the hole
    assert stage.number[stage.songs == 28].tolist() == [0, 1, 2, 3, 4]


def test_a_split_without_sixteen_bars_in_a_row_is_measured_too(dataset):
    report = evaluate([FixedBeat()], dataset, per_song=2, effort=SMALL, rivals=False)
    assert np.isnan(report.figures["fixed beat"]["c2st_16"].value)
    assert report.figures["fixed beat"]["hits_per_bar"].value > 8


def test_json_is_strict(report):
    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    read = json.loads(report.to_json(), parse_constant=no_constant)
    assert read["settings"]["previous"] == "own"
    assert set(read["figures"]) == set(report.figures)


def test_plot_is_a_picture(report, tmp_path):
    report.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    report.plot(tmp_path / "plot.svg")
    assert b"<svg" in (tmp_path / "plot.svg").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plot.png", "plot.svg"]


def test_the_verb_writes_all_four_files(dataset, tmp_path):
    app.evaluate(
        [], dataset.folder, tmp_path / "out" / "report", effort=SMALL, rivals=False, limit=12, progress=False
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"report.{kind}" for kind in ("json", "md", "png", "txt")
    ]
    assert REAL in (tmp_path / "out" / "report.md").read_text()


def test_a_drummer_can_be_added_to_an_earlier_report(report, dataset, tmp_path):
    """The table is that of one evaluation of both; nothing but the new drummer is measured."""
    (tmp_path / "old.json").write_text(
        evaluate([CopiedKick()], dataset, effort=SMALL, rivals=False).to_json()
    )
    told = []
    earlier = Report.from_json((tmp_path / "old.json").read_text())
    both = evaluate(
        [FixedBeat(), CopiedKick()], dataset, effort=SMALL, earlier=earlier, on_progress=told.append
    )
    assert told[2:] == ["fixed beat", "copied kick (2)"]
    assert list(both.figures) == [REAL, "copied kick", "fixed beat", "copied kick (2)"]
    for kind in ("figures", "shift_curves"):
        ours, theirs = getattr(both, kind), getattr(report, kind)
        assert str({n: ours[n] for n in list(ours)[:3]}) == str(
            {n: theirs[n] for n in (REAL, "copied kick", "fixed beat")}
        )
        assert str(ours["copied kick"]) == str(ours["copied kick (2)"])
    assert both.by_source["lift"]["fixed beat"] == report.by_source["lift"]["fixed beat"]
    assert Report.from_json(both.to_json()).to_json() == both.to_json()
    with pytest.raises(DataError, match=r"measured otherwise \(phrases, songs"):
        evaluate([FixedBeat()], dataset, limit=12, effort=SMALL, earlier=earlier)
    for text in ("", "[]", "{}", '{"figures": {"x": 1}}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match=r"bad\.json: no report"):
            app.evaluate([], dataset.folder, tmp_path / "report", beside=tmp_path / "bad.json")
    with pytest.raises(DataError, match=r"none\.json: cannot be read"):
        app.evaluate([], dataset.folder, tmp_path / "report", beside=tmp_path / "none.json")


def test_too_few_phrases_are_a_clear_error(dataset):
    with pytest.raises(DataError, match="only 0 phrases in split 'test'"):
        evaluate([], dataset, "test", effort=SMALL)
