"""Batches against the ground floor, and the song filters: grid, kit, bar lines; caps and styles."""

import numpy as np
import pytest
from corpus_songs import bass_roll, drum_roll, grid, song

from basedrum.corpus import filters
from basedrum.corpus.duplicates import fingerprints
from basedrum.corpus.pairs import Pair, PartNotes, SongBatch
from basedrum.corpus.song_pair import read_pair
from basedrum.corpus.splits import Labels, capped_weights, split_of_hash, style_of_genre
from basedrum.corpus.windows import cut_windows, phrase_keys
from basedrum.errors import MidiError, NoBassError
from basedrum.midi import building
from basedrum.music.grid import Grid
from basedrum.music.notation import groove
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, DrumRoll

METRES = [
    ((0, 4, 4),), (), ((0, 3, 4),), ((0, 6, 8),), ((0, 4, 4), (960, 2, 4), (1440, 4, 4)), ((0, 5, 4),),
    ((0, 1, 8), (48, 4, 4)), ((0, 4, 4), (3840, 4, 4)), ((0, 4, 4), (1000, 4, 4)), ((0, 7, 8),),
    ((100, 4, 4),), ((0, 12, 8),), ((100, 3, 4),),
]  # fmt: skip


def random_notes(rng, end: int, low: int, high: int, ticks_per_quarter: int) -> Notes:
    start = np.sort(rng.integers(0, end, 150))
    length = rng.integers(1, ticks_per_quarter * 3, 150)
    return Notes(
        start, np.minimum(start + length, end), rng.integers(low, high, 150), rng.integers(1, 128, 150)
    )


@pytest.mark.parametrize("ticks_per_quarter", [96, 480, 7])
def test_a_batch_quantises_as_the_rolls_do(ticks_per_quarter):
    rng = np.random.default_rng(ticks_per_quarter)
    songs = []
    for signatures in METRES:
        end = int(rng.integers(30, 60)) * ticks_per_quarter
        scaled = tuple((tick * ticks_per_quarter // 96, n, d) for tick, n, d in signatures)
        time = Grid(ticks_per_quarter, end, ((0, 90.0), (end // 2, 150.0)), scaled)
        bass = random_notes(rng, end, 10, 110, ticks_per_quarter)
        songs.append((time, bass, random_notes(rng, end, 20, 100, ticks_per_quarter)))
    batch = SongBatch.of(
        [Pair("", time, PartNotes.of(bass), PartNotes.of(drums)) for time, bass, drums in songs]
    )
    windows = cut_windows(batch)
    assert set(windows.index["song"].tolist()) == set(range(len(songs)))
    for row, (bass, drums) in zip(windows.index, zip(windows.bass, windows.drums, strict=True), strict=True):
        time, bass_notes, drum_notes = songs[row["song"]]
        steps = slice(row["measure"] * 16, row["measure"] * 16 + 64)
        assert np.array_equal(
            np.unpackbits(bass, axis=-1), BassRoll.from_notes(bass_notes, time)[steps].to_array()
        )
        assert np.array_equal(
            np.unpackbits(drums, axis=-1), DrumRoll.from_notes(drum_notes, time).hits[steps]
        )
        assert np.array_equal(row["measure_steps"], time.measure_steps[row["measure"] : row["measure"] + 4])
        assert np.isclose(row["qpm"], time.qpm_at(time.measure_ticks[row["measure"]]))


def test_equal_phrases_have_equal_keys_and_others_do_not():
    rolls = np.packbits(np.random.default_rng(0).random((400, 3, 64, 72)) < 0.02, axis=-1)
    keys = phrase_keys(rolls[:, :2], rolls[:, 2])
    assert np.array_equal(keys, phrase_keys(rolls[:, :2].copy(), rolls[:, 2].copy()))
    changed = rolls.copy()
    n = np.arange(400)
    changed[n, n % 3, n % 64, n % 9] ^= np.uint8(1) << (n % 8).astype(np.uint8)  # one bit each
    assert len(np.unique(np.concatenate([keys, phrase_keys(changed[:, :2], changed[:, 2])]))) == 800


def pair(bass: Notes, drums: Notes, measures: int = 16, steps: int = 16) -> Pair:
    return Pair("", grid(measures, steps), PartNotes.of(bass), PartNotes.of(drums))


def moved(notes: Notes, by: np.ndarray | int) -> Notes:
    start = np.maximum(notes.start_ticks + by, 0)
    order = np.argsort(start, kind="stable")
    return Notes(start, start + 10, notes.pitches, notes.velocities)[order]


def test_songs_off_their_grid_are_left_out_but_played_ones_stay():
    time = grid(16)
    bass, drums = bass_roll(1, 16).to_notes(time), drum_roll(1, 16).to_notes(time)
    rng = np.random.default_rng(0)
    human = moved(drums, np.round(rng.normal(0, 4, len(drums))).astype(int))  # of 24 ticks a sixteenth
    loose = moved(drums, rng.integers(0, 24, len(drums)))
    loose_bass = moved(bass, rng.integers(0, 24, len(bass)))
    batch = SongBatch.of([pair(bass, drums), pair(bass, human), pair(bass, loose), pair(loose_bass, drums)])
    assert filters.unfit(batch) == ["", "", "drums off the grid", "bass off the grid"]
    assert filters.grid_share(batch, "drums")[1] < 0.85


def test_the_share_on_the_grid_counts_sixteenths_and_triplets():
    drums = Notes(np.asarray([0, 24, 32, 64, 28, 12]), np.full(6, 100), np.full(6, 36), np.full(6, 90))
    batch = SongBatch.of([pair(Notes.empty(), drums[np.argsort(drums.start_ticks)])])
    # of 96 ticks: 0, 1/4, 1/3 and 2/3 of a beat are on it, and so is 28, within 1/24 of both; 1/8 is not
    assert filters.grid_share(batch, "drums").tolist() == [5 / 6]
    assert filters.grid_share(batch, "bass").tolist() == [1.0]


def test_a_kit_is_a_kick_and_something_else_of_the_kit():
    def drums(*rows):
        return groove(*rows).to_notes(grid(1))

    bass = bass_roll(1, 1).to_notes(grid(1))
    kick, snare, conga = "kick x...x...x...x...", "snare ....x.......x...", "percussion x.x.x.x.x.x.x.x."
    parts = [drums(kick, snare), drums(kick), drums(kick, conga), drums(snare, "closed hat x...............")]
    batch = SongBatch.of(
        [pair(bass, each, 1) for each in [*parts, Notes.empty()]] + [pair(Notes.empty(), parts[0], 1)]
    )
    assert filters.unfit(batch) == ["", "no real kit", "no real kit", "no real kit", "no drums", "no bass"]


@pytest.mark.parametrize("shift", [0, 2, 4, 8, 13])
def test_the_phase_of_shifted_drums_is_found(shift):
    time = grid(16)
    rows = ("kick x.....x.........", "snare ....x.......x...", "crash x...............")
    notes = DrumRoll(np.tile(groove(*rows).velocities, (16, 1)), np.zeros((256, 72))).to_notes(time)
    drums = moved(notes, shift * 24)
    phase, gain = filters.bar_phase(
        SongBatch.of([pair(bass_roll(1, 16).to_notes(time), drums), pair(notes, drums, 16, 12)])
    )
    assert phase[0] == shift and (gain[0] > filters.MIN_PHASE_GAIN) == (shift != 0)
    assert gain[1] == 0  # a song in three is not asked


def test_fingerprints_do_not_hear_the_key_but_hear_rhythm_and_intervals():
    time = grid(8)
    line = bass_roll(3, 8).to_notes(time)
    up = Notes(line.start_ticks, line.end_ticks, line.pitches + 5, line.velocities)
    bent = Notes(
        line.start_ticks, line.end_ticks, line.pitches + (np.arange(len(line)) == 7), line.velocities
    )
    late = Notes(line.start_ticks + 24, line.end_ticks + 24, line.pitches, line.velocities)
    bar_late = Notes(line.start_ticks + 384, line.end_ticks + 384, line.pitches, line.velocities)
    prints = fingerprints(
        SongBatch.of([pair(each, Notes.empty(), 9) for each in (line, up, bent, late, bar_late)])
    )
    assert prints[0].tune == prints[1].tune == prints[4].tune
    assert len({prints[0].tune, prints[2].tune, prints[3].tune}) == 3
    assert np.array_equal(prints[0].spans, prints[1].spans) and np.array_equal(
        prints[0].spans, prints[4].spans
    )
    assert 0 < len(np.intersect1d(prints[0].spans, prints[2].spans)) < len(prints[0].spans) == 7


def test_reading_a_pair_takes_the_short_way_and_the_long_way_to_the_same_notes():
    time = grid(4)
    bass, drums = bass_roll(1, 4).to_notes(time), drum_roll(1, 4).to_notes(time)
    short = read_pair(song(1, 4), "a")
    high = Notes(bass.start_ticks, bass.end_ticks, bass.pitches + 36, bass.velocities)
    parts = [building.Part("", 0, False, high), building.Part("", 0, False, bass)]
    unnamed = building.build_midi([*parts, building.Part("", 0, True, drums)], time)
    for found in (short, read_pair(unnamed, "b")):
        assert np.array_equal(found.bass.starts, bass.start_ticks) and np.array_equal(
            found.bass.pitches, bass.pitches
        )
        assert np.array_equal(found.bass.ends, bass.end_ticks) and np.array_equal(
            found.drums.starts, drums.start_ticks
        )
        assert found.grid.measure_ticks.tolist() == time.measure_ticks.tolist()
    with pytest.raises(MidiError, match="drums"):
        read_pair(building.build_midi([parts[1]], time), "c")
    with pytest.raises(NoBassError):
        flute = Notes(bass.start_ticks, bass.end_ticks, bass.pitches + 48, bass.velocities)
        lines = [building.Part("", 73, False, flute), building.Part("", 73, False, flute)]
        read_pair(building.build_midi([*lines, building.Part("", 0, True, drums)], time), "d")


@pytest.mark.parametrize(
    ("weights", "caps", "shares"),
    [
        ([8, 2], [0.2, 1], [0.2, 0.8]),
        ([1, 9], [0.2, 1], [0.1, 0.9]),  # below its cap: untouched
        ([50, 30, 10, 10], [0.3, 0.3, 0.3, 1], [0.3, 0.3, 0.2, 0.2]),  # the rest keep their proportions
        ([60, 24, 16], [0.4, 0.3, 1], [0.4, 0.3, 0.3]),  # one cap pushes the other over its own
        ([10, 0], [0.2, 1], [1.0, 0.0]),  # no one to fill the rest
        ([90, 10], [0.2, 0.4], [1 / 3, 2 / 3]),
    ],
)
def test_capped_weights(weights, caps, shares):
    scaled = np.asarray(weights) * capped_weights(weights, caps)
    assert np.allclose(scaled / scaled.sum(), shares)


def test_styles_come_from_the_first_known_word_of_the_genre():
    genres = [
        "rock",
        "jazz-mixed",
        "pop-mixed",
        "web90s-pop",
        "game",
        "game-touhou",
        "game-jazz",
        "mixed",
        "",
    ]
    assert [style_of_genre(g) for g in genres] == [
        "rock",
        "jazz",
        "pop",
        "pop",
        "game",
        "game",
        "game",
        "",
        "",
    ]
    assert style_of_genre("deep House", ["house"]) == "house"


def test_hashes_fall_into_splits_by_their_shares():
    splits = np.bincount(
        [split_of_hash(key * 0x9E3779B97F4A7C15 % 2**64) for key in range(20_000)], minlength=3
    )
    assert np.allclose(splits / 20_000, [0.9, 0.05, 0.05], atol=0.005)


def test_a_table_with_a_style_column_says_it_all(tmp_path):
    table = tmp_path / "songs.csv"
    table.write_text("id,genre,style\na,web90s-pop,\nb,web90s-pop,bossa\n")
    assert [Labels.read(table).of(name).style for name in "ab"] == ["", "bossa"]
    table.write_text("id,genre\na,web90s-pop\n")
    assert Labels.read(table).of("a").style == "pop"
