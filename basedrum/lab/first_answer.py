"""What a new user gets without `--seed`: is it as good as the drummer is, and is any single seed a trap?

The table has a line for the default seeds, one for each seed from 0 to 9 given to all songs, and one for the
real drums: hits a bar, bars without time-keeper, crashes on the ones of bars 1 and 3, how alike different
songs are played, and how well a classifier knows phrases from real ones (`measures.listener`,
`evaluation.twosample`).

Data: a folder that `basedrum prepare` wrote, with whole songs held out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.evaluation.drummers import UserDrummer
from basedrum.evaluation.evaluation_set import EvaluationSet, build_evaluation_set
from basedrum.evaluation.features import drum_rows
from basedrum.evaluation.playing import play_songs, play_with_seed
from basedrum.evaluation.song_metrics import listener_metrics
from basedrum.evaluation.songs import lay_songs, read_songs
from basedrum.evaluation.twosample import TwoSampleConfig, network_learner, real_floor, two_sample
from basedrum.lab import Request

NAME = "first_answer"
SUMMARY = "what a user gets without --seed, beside the seeds 0 to 9 and real drums"
SEEDS, QUICK_SEEDS = range(10), range(2)
SONGS, QUICK_SONGS, QUICK_STEPS = 120, 12, 60
COLUMNS = ("bar_hits", "no_keeper", "crash_1_3", "likeness", "c2st")
HEADINGS = ("hits a bar", "no keeper", "crash 1+3", "songs alike", "C2ST")


@dataclass(frozen=True)
class _Comparison:
    phrases: EvaluationSet
    config: TwoSampleConfig
    seed: int

    def row(self, played: list[np.ndarray], is_real: bool = False) -> dict[str, float]:
        """Return the metrics of one line of the table."""
        phrases, learn = self.phrases, network_learner(self.config)
        real = self._rows(phrases.real)
        if is_real:
            auc = real_floor(real, phrases.songs, learn=learn, seed=self.seed)
        else:
            fake = self._rows(phrases.cut(played))
            auc = two_sample(real, fake, phrases.songs, phrases.songs, learn=learn, seed=self.seed)
        found = listener_metrics(phrases.laid, played, self.seed) | {"c2st": auc}
        return {key: found[key].value for key in COLUMNS if key in found}

    def _rows(self, hits: np.ndarray) -> np.ndarray:
        return np.concatenate([drum_rows(hits), self.phrases.bass_rows], axis=1)


def run(request: Request) -> str:
    """Return the table."""
    dataset = PhraseDataset.open(request.needed_data)
    songs, _ = read_songs(dataset, limit=QUICK_SONGS if request.quick else SONGS, seed=request.seed)
    laid = lay_songs(songs).songs
    config = TwoSampleConfig(steps=QUICK_STEPS) if request.quick else TwoSampleConfig()
    comparison = _Comparison(build_evaluation_set(laid, seed=request.seed), config, request.seed)
    drummer = UserDrummer(request.model)
    rows = {"default seed": comparison.row(play_songs(drummer, laid)[0])}
    for seed in QUICK_SEEDS if request.quick else SEEDS:
        rows[f"seed {seed} for all"] = comparison.row(play_with_seed(drummer, laid, seed))
    rows["real drums"] = comparison.row([song.real for song in laid], is_real=True)
    request.write({"songs": len(laid), "phrases": len(comparison.phrases), "rows": rows})
    return table(rows)


def table(rows: dict[str, dict[str, float]]) -> str:
    """Return lines of the metrics in `COLUMNS`."""
    lines = [" " * 16 + "".join(heading.rjust(13) for heading in HEADINGS)]
    for name, row in rows.items():
        cells = [f"{row.get(key, float('nan')):13.3f}" for key in COLUMNS]
        lines.append(name.ljust(16) + "".join(cells))
    return "\n".join(lines) + "\n"
