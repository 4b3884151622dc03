"""The held-out songs of an evaluation: read whole, and laid on bars as the user's door lays them.

A song is parsed whenever it is played and dropped again; what stays is its file's bytes, and of its bass and
its real drums what the measures look at.

Conventions: a laid song has M measures of 16 steps; hits (M * 16, 12) bool on its own grid, where swung beats
are straight (see `music.swing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from basedrum.corpus.held_out import HELD_OUT_SPLITS, read_held_out
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import BasedrumError, DataError, printable
from basedrum.evaluation.drummers import SilentPhrases, SongDrummer, baseline_drummer
from basedrum.measures.other_metres import Written
from basedrum.measures.song_bars import SongBars
from basedrum.midi.midi_song import MidiSong
from basedrum.midi.reading import parse_song
from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.song import drum_notes
from basedrum.played import PlayedSong

BARS_MOVED = "bar lines were moved when the song was prepared"
REFUSED = "refused by the drummer"


@dataclass(frozen=True)
class HeldOutSong:
    """One song that training never saw: `row` in songs.csv, `id`, name of its `source`, its MIDI file's
    bytes."""

    row: int
    id: str
    source: str
    data: bytes

    def read(self) -> MidiSong:
        """Return the song. Raises MidiError where it cannot be read."""
        return parse_song(self.data, self.id)


@dataclass(frozen=True)
class LaidSong:
    """A held-out song on the bars on which every drummer's drums are laid.

    Attributes:
        held_out: the song.
        grid: its bars and beats.
        bass: (2, M * 16, 9) uint8, onset and sustain packed along the 72 pitches.
        real: (M * 16, 12) bool, the drums of the song itself.
        bass_notes: the notes the door takes for its bass; bass_index: the number of that track.
    """

    held_out: HeldOutSong
    grid: Grid
    bass: np.ndarray
    real: np.ndarray
    bass_notes: Notes
    bass_index: int

    @property
    def bass_roll(self) -> BassRoll:
        return BassRoll.from_array(np.unpackbits(self.bass, axis=-1).view(bool))

    @cached_property
    def onsets(self) -> np.ndarray:
        """(M * 16,) bool: where a bass note starts."""
        return self.bass[0].any(axis=-1)

    @cached_property
    def bass_sounds(self) -> np.ndarray:
        """(M,) bool: whether the bass sounds in the measure."""
        return self.bass[1].reshape(self.grid.num_measures, -1).any(axis=-1)

    @cached_property
    def is_common_time(self) -> bool:
        """Whether every measure is a bar of 4/4."""
        grid = self.grid
        return bool(
            (grid.measure_steps == STEPS_PER_MEASURE).all()
            and grid.starts_bar.all()
            and (grid.pace == 1).all()
        )

    def bars(self, hits: np.ndarray) -> SongBars:
        """Return what a listener hears of the song with drums (M * 16, 12); only for songs in 4/4."""
        num_bars = self.grid.num_measures
        rows = self.bass[0].reshape(num_bars, -1)
        line = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
        bars = hits.reshape(num_bars, STEPS_PER_MEASURE, -1)
        shape = (num_bars, STEPS_PER_MEASURE)
        held = self.bass[1].any(axis=-1).reshape(shape)
        return SongBars(bars, self.onsets.reshape(shape), held, line)

    def written(self, hits: np.ndarray) -> Written:
        """Return what a listener hears of drums (M * 16, 12) on the song's own bars, in any metre."""
        measures = hits.reshape(self.grid.num_measures, STEPS_PER_MEASURE, -1)
        return Written(measures, self.grid, self.bass_sounds)

    def hits_of(self, played: PlayedSong) -> np.ndarray:
        """Return (M * 16, 12) the drums that were played to the song.

        Raises:
            ValueError: they lie on other bars, so drummers could not be compared.
        """
        grid = played.grid
        same = np.array_equal(grid.measure_ticks, self.grid.measure_ticks)
        if not same or not np.array_equal(grid.measure_steps, self.grid.measure_steps):
            raise ValueError(f"{self.held_out.id}: was laid on other bars than before")
        return played.drums.to_kit()


@dataclass(frozen=True)
class HeldOut:
    """The songs an evaluation plays, and how many were left out, by reason."""

    songs: list[LaidSong]
    left_out: Counter[str] = field(default_factory=Counter)


def read_songs(
    dataset: PhraseDataset, split: str = "valid", *, limit: int | None = None, seed: int = 0
) -> tuple[list[HeldOutSong], Counter[str]]:
    """Return songs of a split, at most `limit`, drawn at random; and how many were left out, by reason.

    Songs whose bar lines `prepare` moved are left out: the bars of their file do not fit their drums.

    Raises:
        DataError: the split is none that is held out, or the data holds no whole songs.
    """
    if split not in HELD_OUT_SPLITS:
        raise DataError(f"split {printable(split)}: is not held out, use one of {', '.join(HELD_OUT_SPLITS)}")
    table = dataset.song_table
    left_out: Counter[str] = Counter()
    rows = [row for row, line in enumerate(table) if line["split"] == split]
    fitting = [row for row in rows if int(table[row].get("bar_shift_steps") or 0) == 0]
    if len(fitting) < len(rows):
        left_out[BARS_MOVED] = len(rows) - len(fitting)
    order = np.random.default_rng(seed).permutation(len(fitting))[:limit]
    chosen = [fitting[i] for i in order]
    data = read_held_out(dataset, chosen)
    songs = []
    for row, bytes_ in zip(chosen, data, strict=True):
        songs.append(HeldOutSong(row, table[row]["id"], table[row]["source"], bytes_))
    return songs, left_out


def lay_songs(songs: Iterable[HeldOutSong]) -> HeldOut:
    """Return the songs on their bars; those that no drummer takes (no bass is found, ...) are left out for
    all."""
    silence = baseline_drummer(SilentPhrases())
    held_out = HeldOut([])
    for song in songs:
        try:
            held_out.songs.append(lay_song(song, silence))
        except BasedrumError:
            held_out.left_out[REFUSED] += 1
    return held_out


def lay_song(held_out: HeldOutSong, drummer: SongDrummer) -> LaidSong:
    """Return a song on the bars on which a drummer's drums are laid: they depend on song and bass alone.

    Raises:
        BasedrumError: the drummer does not take the song.
    """
    song = held_out.read()
    played = drummer.play(song, humanize=0.0)
    grid = played.grid
    bass = BassRoll.from_notes(played.bass.notes, grid).to_array()
    real = DrumRoll.from_notes(drum_notes(song), grid).to_kit()
    return LaidSong(held_out, grid, np.packbits(bass, axis=-1), real, played.bass.notes, played.bass.index)
