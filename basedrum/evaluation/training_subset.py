"""What an evaluation takes from the training split: phrases to fit the baselines and to train the matching
networks on, and hashes of the drums to find copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError, printable
from basedrum.evaluation.features import bass_rows
from basedrum.measures import style
from basedrum.measures.baselines import bass_onsets

READ_AT_ONCE = 4096


@dataclass(frozen=True)
class TrainingSubset:
    """What the training split gives: bass rows (n, R, 64), onsets (n, 64), hits (n, 64, 12), songs (n,) of
    some phrases, and the hashes of the drums of all of them, 4 bars and 2 bars at a time."""

    bass_rows: np.ndarray
    onsets: np.ndarray
    hits: np.ndarray
    songs: np.ndarray
    keys_4: np.ndarray
    keys_2: np.ndarray


def read_training_subset(
    dataset: PhraseDataset, limit: int, seed: int = 0, *, per_song: int = 6, all_keys: bool = True
) -> TrainingSubset:
    """Read up to `limit` training phrases, at most `per_song` of one song; with `all_keys` hash all training
    drums.

    Raises:
        DataError: the training split is too small.
    """
    rng = np.random.default_rng(seed)
    train = dataset.rows("train")
    order = rng.permutation(train)
    songs = dataset.index["song"][order]
    by_song = np.argsort(songs, kind="stable")
    starts = np.flatnonzero(np.diff(songs[by_song], prepend=-1))
    nth = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    few = rng.permutation(order[by_song][nth < per_song])[:limit]
    if len(np.unique(dataset.index["song"][few])) < 4:
        raise DataError(
            f"{printable(dataset.folder)}: fewer than four songs in split 'train', prepare more songs"
        )
    few.sort()
    parts: dict[str, list[np.ndarray]] = {"rows": [], "onsets": [], "hits": []}
    for start in range(0, len(few), READ_AT_ONCE):
        rows = few[start : start + READ_AT_ONCE]
        bass = dataset.bass(rows)
        parts["rows"].append(bass_rows(bass, dataset.index["qpm"][rows]))
        parts["onsets"].append(bass_onsets(bass))
        parts["hits"].append(dataset.kit(rows))
    hits = np.concatenate(parts["hits"])
    searched = np.setdiff1d(train, few) if all_keys else train[:0]
    chunks = [hits] + [
        dataset.kit(searched[i : i + READ_AT_ONCE]) for i in range(0, len(searched), READ_AT_ONCE)
    ]
    return TrainingSubset(
        bass_rows=np.concatenate(parts["rows"]),
        onsets=np.concatenate(parts["onsets"]),
        hits=hits,
        songs=dataset.index["song"][few].astype(np.int64),
        keys_4=np.concatenate([style.phrase_keys(chunk, 4) for chunk in chunks]),
        keys_2=np.concatenate([style.phrase_keys(chunk, 2) for chunk in chunks]),
    )
