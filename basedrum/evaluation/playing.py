"""Lets a drummer play held-out songs the way it is used: phrase after phrase, hearing its own drums of the
phrase before.

Conventions: a run is a chain of adjoining phrases of one song, one run a song; phrases lie run after run, in
order of time.
All runs are played side by side, the longest first: the k-th call of `play` gets the k-th phrase of every run
that has one, and a run keeps its row in all of them. A drummer may carry `lookahead` (1: it hears the bass of
the phrase before the one it answers) and `start_songs(num_songs, seed)`, called before the first phrase, to
draw noise that lasts through each song.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.evaluation.features import bass_rows
from basedrum.measures.baselines import PhraseDrummer, bass_onsets
from basedrum.measures.metrics import mask_inactive
from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.music.rolls import LOWEST_PITCH, NUM_PITCHES, fold_octaves

Previous = Literal["own", "real", "none"]
PER_SONG = 6
SPAN_PHRASES = 16 // MEASURES_PER_PHRASE


@dataclass(frozen=True)
class Stage:
    """The n phrases a drummer is judged on.

    Attributes:
        rows: (n,) row numbers in the dataset, run after run; songs, sources: (n,) int; place: (n,) position
            in the run.
        number: (n,) int, which phrase of its song it is, counted from the first that was kept.
        bass, heard: (n, 2, 64, 72) bool, the bass of the phrase and of the phrase before it (silent where
            there is none).
        onsets: (n, 64) bool; bass_rows: (n, R, 64) float16, the bass as the judges see it.
        real, before: (n, 64, 12) bool, the real drums and those of the phrase before; has_before: (n,) bool.
        qpm: (n,) float; measure_steps: (n, 4) int.
    """

    rows: np.ndarray
    songs: np.ndarray
    sources: np.ndarray
    place: np.ndarray
    number: np.ndarray
    bass: np.ndarray
    heard: np.ndarray
    onsets: np.ndarray
    bass_rows: np.ndarray
    real: np.ndarray
    before: np.ndarray
    has_before: np.ndarray
    qpm: np.ndarray
    measure_steps: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def spans(self, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return every 16 measures of adjoining phrases (s, 256, 12) of hits (n, 64, 12), and their songs
        (s,).

        So for anything else of a phrase, (n, k, ...) -> (s, 4 k, ...).
        """
        last = np.flatnonzero(self.place >= SPAN_PHRASES - 1)
        pieces = [hits[last - back] for back in range(SPAN_PHRASES - 1, -1, -1)]
        return np.concatenate(pieces, axis=1), self.songs[last]


def choose_runs(
    index: np.ndarray,
    rows: np.ndarray,
    *,
    limit: int | None = None,
    per_song: int = PER_SONG,
    seed: int = 0,
    with_before: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, place in the run) of one chain of up to `per_song` adjoining phrases of each song, songs
    in random order.

    The chain starts at random among the starts that give the longest. `with_before` leaves out phrases with
    none before.
    """
    rng = np.random.default_rng(seed)
    inside = set(rows.tolist())
    length: dict[int, int] = {}
    for row in sorted(inside, reverse=True):
        length[row] = 1 + length.get(int(index["next"][row]), 0)
    starts: dict[int, list[int]] = {}
    for row in sorted(inside):
        if not with_before or index["previous"][row] >= 0:
            starts.setdefault(int(index["song"][row]), []).append(row)
    chosen, place = [], []
    for song in rng.permutation(sorted(starts)).tolist():
        if limit is not None and len(chosen) >= limit:
            break
        reach = [min(length[row], per_song) for row in starts[song]]
        row = int(rng.choice([r for r, n in zip(starts[song], reach, strict=True) if n == max(reach)]))
        for position in range(max(reach)):
            chosen.append(row)
            place.append(position)
            row = int(index["next"][row])
    return np.asarray(chosen[:limit], np.int64), np.asarray(place[:limit], np.int64)


def set_stage(
    dataset: PhraseDataset,
    split: str = "valid",
    *,
    limit: int | None = None,
    per_song: int = PER_SONG,
    seed: int = 0,
    with_before: bool = False,
) -> Stage:
    """Read the phrases to be judged; see `choose_runs`."""
    rows, place = choose_runs(
        dataset.index, dataset.rows(split), limit=limit, per_song=per_song, seed=seed, with_before=with_before
    )
    index = dataset.index[rows]
    previous = index["previous"].astype(np.int64)
    has_before = previous >= 0
    there = np.where(has_before, previous, rows)
    bass = dataset.bass(rows)
    measure_steps = index["measure_steps"].astype(np.int64)
    qpm = index["qpm"].astype(np.float64)
    return Stage(
        rows=rows,
        songs=index["song"].astype(np.int64),
        sources=index["source"].astype(np.int64),
        place=place,
        number=_numbers(dataset.index, rows),
        bass=bass,
        heard=dataset.bass(there) & has_before[:, None, None, None],
        onsets=bass_onsets(bass),
        bass_rows=bass_rows(bass, qpm),
        real=mask_inactive(dataset.kit(rows), measure_steps),
        before=dataset.kit(there) & has_before[:, None, None],
        has_before=has_before,
        qpm=qpm,
        measure_steps=measure_steps,
    )


def _numbers(index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (n,) how many phrases of four measures lie between each row and the first of its song."""
    songs, first = np.unique(index["song"], return_index=True)  # rows of a song stand in order of time
    begins = index["measure"][first][np.searchsorted(songs, index["song"][rows])]
    return (index["measure"][rows].astype(np.int64) - begins) // MEASURES_PER_PHRASE


def play_runs(
    drummer: PhraseDrummer, stage: Stage, *, previous: Previous = "own", seed: int = 0
) -> np.ndarray:
    """Return the drummer's hits (n, 64, 12) bool on every phrase, nothing past the end of a short measure.

    previous: the drums before that it is given: its own (nothing before a run's first phrase), the real ones,
        or none.
    """
    if previous == "real":
        hits = np.zeros_like(stage.real)
        for number, which in enumerate((stage.has_before, ~stage.has_before)):
            at = np.flatnonzero(which)
            if len(at):
                hits[at] = _answer(
                    drummer, stage, at, stage.before[at] if number == 0 else None, _step_seed(seed, number)
                )
        return hits
    firsts = np.flatnonzero(stage.place == 0)
    lengths = np.diff(np.append(firsts, len(stage)))
    firsts = firsts[np.argsort(-lengths, kind="stable")]
    if hasattr(drummer, "start_songs"):
        drummer.start_songs(len(firsts), seed)
    hits = np.zeros_like(stage.real)
    for step in range(int(lengths.max(initial=0))):
        at = firsts[: int((lengths > step).sum())] + step
        own = hits[at - 1] if previous == "own" and step > 0 else None
        hits[at] = _answer(drummer, stage, at, own, _step_seed(seed, step))
    return hits


def play_variants(
    drummer: PhraseDrummer, stage: Stage, at: np.ndarray, *, answers: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the drummer's answers to the phrases `at`, each by itself, with no drums before.

    "answers" (answers, n, 64, 12): one noise each. With the noise of the first: "up 5" and "up 12" (n, 64,
    12), the bass transposed by semitones; "late 2", its rhythm shifted by two sixteenths.
    """
    heard = _heard(drummer, stage)[at]
    noise = _step_seed(seed, 0)
    variants = {
        "up 5": transposed(heard, 5),
        "up 12": transposed(heard, 12),
        "late 2": np.roll(heard, 2, axis=2),
    }
    played = {name: _answer(drummer, stage, at, None, noise, bass) for name, bass in variants.items()}
    seeds = [_step_seed(seed, number) for number in range(answers)]
    return played | {"answers": np.stack([_answer(drummer, stage, at, None, s, heard) for s in seeds])}


def transposed(bass: np.ndarray, semitones: int) -> np.ndarray:
    """Return rolls (..., 72) moved by semitones, folded by octaves at the edges."""
    rows = fold_octaves(np.arange(NUM_PITCHES) + LOWEST_PITCH + semitones)
    moved = np.zeros_like(bass)
    for old, new in enumerate(rows):
        moved[..., new] |= bass[..., old]
    return moved


def _heard(drummer: PhraseDrummer, stage: Stage) -> np.ndarray:
    return stage.heard if getattr(drummer, "lookahead", 0) else stage.bass


def _answer(
    drummer: PhraseDrummer,
    stage: Stage,
    at: np.ndarray,
    previous: np.ndarray | None,
    seed: int,
    bass: np.ndarray | None = None,
) -> np.ndarray:
    bass = _heard(drummer, stage)[at] if bass is None else bass
    hits = np.asarray(drummer.play(bass, stage.qpm[at], stage.measure_steps[at], previous, seed), bool)
    if hits.shape != stage.real[at].shape:
        raise ValueError(
            f"drummer {drummer.name!r} answered with shape {hits.shape}, expected {stage.real[at].shape}"
        )
    return mask_inactive(hits, stage.measure_steps[at])


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
