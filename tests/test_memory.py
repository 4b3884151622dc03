"""What a drummer remembers of a song, at play and in training."""

import numpy as np
import pytest
import torch

import basedrum
from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.memory import Memory
from basedrum.drummer.phrase import Phrase
from basedrum.drummer.sampling import PhraseModel
from basedrum.midi.building import build_midi
from basedrum.midi.reading import parse_song
from basedrum.models.recall import LEAST, bass_line, likeness, recall
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part
from basedrum.training.batches import Batches, Chances, recalled_rows
from basedrum.training.config import load_config
from basedrum.training.loop import LoopOptions, train
from basedrum.weights import load_drummer


def line(*notes):
    """A line (64,): pitch rows on the first steps, then silence."""
    return np.asarray([*notes, *[-1] * (64 - len(notes))], np.int8)


def roll(*notes):
    bass = np.zeros((2, 64, 72), bool)
    for step, row in enumerate(notes):
        bass[:, step, row] = row >= 0
    return bass


def test_a_line_is_the_lowest_note_that_starts():
    onset = np.zeros((64, 72), bool)
    onset[3, [20, 11]] = onset[5, 0] = True
    assert np.flatnonzero(bass_line(onset) >= 0).tolist() == [3, 5] and bass_line(onset)[[3, 5]].tolist() == [
        11,
        0,
    ]


def test_likeness_counts_the_steps_that_start_the_same_note():
    one = line(5, 7, -1, 9)
    assert likeness(one, one) == pytest.approx(1)
    assert likeness(one, line(5, 8, -1, -1)) == pytest.approx(1 / 3, abs=1e-5)
    assert likeness(one, line(5, 7, 3, 9)) == pytest.approx(3 / 4, abs=1e-5)
    assert likeness(line(), line()) == pytest.approx(1) and likeness(one, line()) == pytest.approx(
        0, abs=1e-5
    )


def test_the_latest_of_the_most_alike_is_recalled_and_nothing_that_is_too_unlike():
    verse, chorus = line(5, 5, 7, 7), line(9, 2, 9, 2)
    earlier = np.stack([verse, chorus, verse, chorus])[None]
    which, by_measure = recall(np.stack([verse]), earlier)
    assert which.tolist() == [2] and by_measure.tolist() == [[1, 1, 1, 1]]
    which, by_measure = recall(line(1, 3, 1, 3, 5, 6, 8, 1)[None], earlier)
    assert which.tolist() == [-1] and not by_measure.any()
    which, by_measure = recall(
        line(5, 5, 1, 1, *[2] * 20)[None], np.stack([line(5, 5, 3, 3, *[2] * 20)])[None]
    )
    assert which.tolist() == [0] and by_measure[0] == pytest.approx([14 / 16, 1, 1, 1], abs=1e-4)
    assert LEAST > 0 and recall(verse[None], earlier[:, :0])[0].tolist() == [-1]


def test_a_memory_recalls_the_drums_of_then_but_not_of_the_phrase_before():
    rng = np.random.default_rng(0)
    drums = rng.random((4, 64, 12)) < 0.2
    verse, chorus = roll(5, 5, 7, 7), roll(9, 2, 9, 2)
    memory = Memory()
    known = memory.recollect(verse[None])
    assert (
        np.array_equal(known.bass_before, verse[None])
        and not known.recalled.any()
        and not known.likeness.any()
    )
    for bass, hits in zip((verse, chorus, verse), drums, strict=False):
        memory.remember(bass[None], hits[None])
    known = memory.recollect(chorus[None])
    assert np.array_equal(known.recalled[0], drums[1]) and np.array_equal(known.bass_before[0], verse)
    assert np.array_equal(known.recalled_line[0], bass_line(chorus[0]))
    known = memory.recollect(verse[None])
    assert np.array_equal(known.recalled[0], drums[0]), "the last verse is the phrase before"


def test_songs_are_remembered_side_by_side_and_leave_from_the_end():
    verse, chorus, other = roll(5, 5, 7, 7), roll(9, 2, 9, 2), roll(1, 1, 1, 4)
    drums = np.random.default_rng(1).random((3, 2, 64, 12)) < 0.2
    memory = Memory()
    for songs, hits in zip(([verse, chorus], [chorus, other], [other, verse]), drums, strict=True):
        memory.remember(np.stack(songs), hits)
    known = memory.recollect(np.stack([verse, chorus]))
    assert np.array_equal(known.recalled, drums[0])
    known = memory.recollect(chorus[None])
    assert np.array_equal(known.recalled[0], drums[1][0])


@pytest.fixture(scope="module")
def data(practice_data):
    return PhraseDataset.open(practice_data)


@pytest.mark.parametrize("lookahead", [0, 1])
def test_training_recalls_what_playing_recalls(data, lookahead):
    rows = data.rows("train")
    which, by_measure = recalled_rows(data, rows, lookahead)
    found = 0
    for song in np.unique(data.index["song"][rows])[:12]:
        ours = rows[data.index["song"][rows] == song]
        ours = ours[np.argsort(data.index["measure"][ours])]
        heard = ours if not lookahead else data.index["previous"][ours].astype(int)
        ours, heard = ours[heard >= 0], heard[heard >= 0]
        memory = Memory()
        for row, ear in zip(ours, heard, strict=True):
            known = memory.recollect(data.bass(np.asarray([ear])))
            assert known.likeness[0] == pytest.approx(by_measure[row], abs=1e-5)
            drums = data.kit(np.asarray([which[row]]))[0] if which[row] >= 0 else np.zeros((64, 12), bool)
            assert np.array_equal(known.recalled[0], drums)
            found += which[row] >= 0
            memory.remember(data.bass(np.asarray([ear])), data.kit(np.asarray([row])))
    assert found > 5


def test_a_batch_shows_its_memory_only_with_the_drums_before(data):
    batches = Batches(data, load_config("modern"))
    rows = np.flatnonzero(batches.recalled >= 0)[:40]
    assert len(rows) > 5
    chance = np.linspace(0, 1, len(rows))
    batch = batches.load(rows, Chances(previous=chance))
    shown = batch.condition.has_previous > 0
    assert torch.equal(batch.condition.likeness.amax(dim=1) > 0, shown) and 0 < shown.sum() < len(rows)
    assert torch.equal(batch.condition.recalled.any(dim=2).any(dim=1), shown)
    then = batches.recalled[rows]
    assert np.array_equal(batch.condition.recalled[shown].numpy() > 0, data.kit(then[shown.numpy()]))
    assert torch.equal(batch.then.bass > 0, torch.from_numpy(data.bass(then)))
    assert not batch.before.likeness.any() and not batch.then.likeness.any()


def test_what_was_played_when_the_bass_was_last_like_this_counts_in_a_song(practice_data, tmp_path):
    tiny = ["model.width=16", "model.discriminator_width=16", "train.batch=8", "train.precision='float32'"]
    tiny += ["warmup.steps=4", "adversarial.steps=3", "adversarial.discriminator_first=1"]
    config = load_config("modern", [*tiny, "reranking.steps=2"])
    weights = train(config, practice_data, tmp_path, LoopOptions(device="cpu", progress=False))
    model = PhraseModel(load_drummer(weights))
    verse, chorus = roll(*[5, 5, 7, 7] * 16), roll(*[9, 2, 9, 2] * 16)
    steps = np.asarray([16] * 4)

    def last(memory_of_verse, seed):
        state = model.new_song(seed)
        for bass, hits in ((verse, memory_of_verse), (chorus, np.zeros((64, 12), bool))):
            state.play(Phrase(bass, 120.0, steps))
            state.remember(bass, hits)
        return state.play(Phrase(verse, 120.0, steps, np.ones((64, 12), bool), 2))

    drums = np.random.default_rng(0).random((64, 12)) < 0.3
    assert any(not np.array_equal(last(drums, seed), last(~drums, seed)) for seed in range(8))


def test_a_verse_that_comes_back_gets_its_groove_back():
    drummer = basedrum.Drummer()
    verse, chorus = (
        ((0, 40), (6, 40), (8, 43), (12, 45), (14, 43)),
        tuple((2 * i, 36 + i // 4 * 2) for i in range(8)),
    )
    notes = [(bar * 16 + step, pitch) for bar in range(32) for step, pitch in (verse, chorus)[bar // 8 % 2]]
    starts = np.asarray([step for step, _ in notes]) * 120
    line = Notes(starts, starts + 200, np.asarray([pitch for _, pitch in notes]), np.full(len(notes), 90))
    source = parse_song(build_midi([Part("Bass", 33, False, line)], Grid(480, 32 * 1920)), "song.mid")
    alike = []
    for seed in range(60):
        hits = drummer.play(source, seed=seed, humanize=0).drums.to_kit().reshape(4, -1)
        first, middle, again = hits[0], hits[1], hits[2]
        alike.append([(first & other).sum() / (first | other).sum() for other in (again, middle)])
    comes_back, another = np.asarray(alike).T
    differs = another < 0.8  # the others keep one groove through the song
    assert np.median(comes_back) > 0.7 and differs.sum() >= 4, alike
    assert np.median(comes_back[differs]) > np.median(another[differs]) + 0.15, alike
