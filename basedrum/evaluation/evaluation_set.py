"""The phrases that drummers are compared on: cut from whole songs after they were played.

Conventions: a run is a chain of adjoining phrases of four measures of one song, one run a song; phrases lie
run after run, in order of time. What a drummer played is a list of hits (M * 16, 12) bool, one a song of the
set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basedrum.evaluation.features import bass_rows
from basedrum.evaluation.songs import LaidSong
from basedrum.measures.baselines import bass_onsets
from basedrum.measures.metrics import mask_inactive
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE, STEPS_PER_PHRASE
from basedrum.music.rolls import NUM_PITCHES

PER_SONG = 6
SPAN_PHRASES = 16 // MEASURES_PER_PHRASE
MIN_SHARED_MEASURES = 3


@dataclass(frozen=True)
class EvaluationSet:
    """The n phrases of S songs.

    Attributes:
        laid: the S songs.
        songs: (n,) int, the place of each phrase's song among them; sources: (n,) int, numbers into
            `source_names`.
        measure: (n,) int, its first measure; place: (n,) int, its position in the run.
        number: (n,) int, which phrase of its song it is, counted from the first that could be chosen.
        bass: (n, 2, 64, 72) bool, onset and sustain; onsets: (n, 64) bool; bass_rows: (n, R, 64) float16, the
            bass as the networks of the evaluation take it.
        real: (n, 64, 12) bool, the real drums.
        qpm: (n,) float; measure_steps: (n, 4) int.
    """

    laid: Sequence[LaidSong]
    source_names: tuple[str, ...]
    songs: np.ndarray
    sources: np.ndarray
    measure: np.ndarray
    place: np.ndarray
    number: np.ndarray
    bass: np.ndarray
    onsets: np.ndarray
    bass_rows: np.ndarray
    real: np.ndarray
    qpm: np.ndarray
    measure_steps: np.ndarray

    def __len__(self) -> int:
        return len(self.songs)

    @property
    def num_songs(self) -> int:
        """How many songs have phrases in the set."""
        return len(np.unique(self.songs))

    def cut(self, played: Sequence[np.ndarray]) -> np.ndarray:
        """Return the phrases (n, 64, 12) bool of what was played to the S songs."""
        return mask_inactive(_cut(played, self.songs, self.measure), self.measure_steps)

    def spans(self, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return every 16 measures of adjoining phrases (s, 256, 12) of hits (n, 64, 12), and their songs
        (s,).

        So for anything else of a phrase, (n, k, ...) -> (s, 4 k, ...).
        """
        last = np.flatnonzero(self.place >= SPAN_PHRASES - 1)
        pieces = [hits[last - back] for back in range(SPAN_PHRASES - 1, -1, -1)]
        return np.concatenate(pieces, axis=1), self.songs[last]


def build_evaluation_set(
    laid: Sequence[LaidSong], *, per_song: int = PER_SONG, seed: int = 0
) -> EvaluationSet:
    """Choose up to `per_song` adjoining phrases of every song, from where bass and real drums both play."""
    rng = np.random.default_rng(seed)
    songs: list[int] = []
    measures: list[int] = []
    places: list[int] = []
    numbers: list[int] = []
    for at, song in enumerate(laid):
        kept = phrase_measures(song)
        run = choose_run(kept, per_song, rng)
        songs += [at] * len(run)
        measures += run
        places += range(len(run))
        numbers += [(measure - kept[0]) // MEASURES_PER_PHRASE for measure in run]
    where, first = np.asarray(songs, np.int64), np.asarray(measures, np.int64)
    bass = _cut_bass(laid, where, first)
    qpm = np.asarray([laid[s].grid.measure_qpm[m] for s, m in zip(songs, measures, strict=True)], np.float64)
    steps = [
        laid[s].grid.measure_steps[m : m + MEASURES_PER_PHRASE] for s, m in zip(songs, measures, strict=True)
    ]
    measure_steps = np.asarray(steps, np.int64).reshape(-1, MEASURES_PER_PHRASE)
    names = tuple(sorted({song.held_out.source for song in laid}))
    sources = np.asarray([names.index(laid[s].held_out.source) for s in songs], np.int64)
    return EvaluationSet(
        laid=laid,
        source_names=names,
        songs=where,
        sources=sources,
        measure=first,
        place=np.asarray(places, np.int64),
        number=np.asarray(numbers, np.int64),
        bass=bass,
        onsets=bass_onsets(bass),
        bass_rows=bass_rows(bass, qpm),
        real=mask_inactive(_cut([song.real for song in laid], where, first), measure_steps),
        qpm=qpm,
        measure_steps=measure_steps,
    )


def phrase_measures(song: LaidSong) -> list[int]:
    """Return the first measures of the phrases of a song, back to back from its first onset of bass or drums.

    Only those in which bass and real drums both sound in at least three of four measures.
    """
    num_measures = song.grid.num_measures
    drums = song.real.reshape(num_measures, -1).any(axis=1)
    starts = np.flatnonzero(drums | song.onsets.reshape(num_measures, -1).any(axis=1))
    if not len(starts):
        return []
    both = drums & song.bass_sounds
    last = int(starts[-1]) + 2 - MEASURES_PER_PHRASE
    firsts = range(int(starts[0]), last, MEASURES_PER_PHRASE)
    return [m for m in firsts if both[m : m + MEASURES_PER_PHRASE].sum() >= MIN_SHARED_MEASURES]


def choose_run(measures: Sequence[int], per_song: int, rng: np.random.Generator) -> list[int]:
    """Return up to `per_song` adjoining phrases, begun at random among the starts that give the longest
    chain."""
    inside = set(measures)
    length: dict[int, int] = {}
    for measure in sorted(inside, reverse=True):
        length[measure] = 1 + length.get(measure + MEASURES_PER_PHRASE, 0)
    longest = min(max(length.values(), default=0), per_song)
    starts = [measure for measure in sorted(inside) if min(length[measure], per_song) == longest]
    if not starts:
        return []
    start = int(rng.choice(starts))
    return [start + MEASURES_PER_PHRASE * position for position in range(longest)]


def _cut(rolls: Sequence[np.ndarray], songs: np.ndarray, measures: np.ndarray) -> np.ndarray:
    """Return (n, 64, 12) bool: the four measures from each of `measures` of hits (M * 16, 12)."""
    out = np.zeros((len(songs), STEPS_PER_PHRASE, kit.NUM_VOICES), bool)
    for row, (song, measure) in enumerate(zip(songs.tolist(), measures.tolist(), strict=True)):
        out[row] = rolls[song][measure * STEPS_PER_MEASURE :][:STEPS_PER_PHRASE]
    return out


def _cut_bass(laid: Sequence[LaidSong], songs: np.ndarray, measures: np.ndarray) -> np.ndarray:
    """Return (n, 2, 64, 72) bool: the bass of each phrase."""
    packed = np.zeros((len(songs), 2, STEPS_PER_PHRASE, NUM_PITCHES // 8), np.uint8)
    for row, (song, measure) in enumerate(zip(songs.tolist(), measures.tolist(), strict=True)):
        packed[row] = laid[song].bass[:, measure * STEPS_PER_MEASURE :][:, :STEPS_PER_PHRASE]
    return np.unpackbits(packed, axis=-1).view(bool)
