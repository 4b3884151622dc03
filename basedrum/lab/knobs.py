"""Does each option do what its name says? One curve an option, on songs the drummer has never seen.

An option is turned through its range on the same whole songs, played through the door with their default
seeds; its metric has to follow. Density: hits a bar. Temperature: the Jaccard distance between four seeds.
Fills: how far the last two beats of bars 4, 8, ... depart from the groove (voices but the kick, which plays
with the bass; toms and crashes once more). Humanize: the spread of loudness and time around the drums without
any. Style: how often a small classifier, trained on real drums of the training songs, finds the style that
was asked for.

Data: a folder that `basedrum prepare` wrote, with whole songs held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.fills import END_STEPS, HANDS
from basedrum.evaluation.drummers import UserDrummer
from basedrum.evaluation.evaluation_set import EvaluationSet, build_evaluation_set
from basedrum.evaluation.songs import lay_songs, read_songs
from basedrum.evaluation.style_classifier import StyleClassifier, known_styles, train_style_classifier
from basedrum.lab import Request
from basedrum.measures.bootstrap import song_mean
from basedrum.measures.metrics import jaccard
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.played import PlayedSong

NAME = "knobs"
SUMMARY = "what density, temperature, fills, humanize and style do, an option at a time"
SONGS, QUICK_SONGS = 40, 4
DENSITIES = (4, 6, 8, 10, 12, 15, 18, 22, 26)
TEMPERATURES = (0, 0.4, 0.7, 1, 1.3, 1.6, 2)
FILLS = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2)
HUMANIZE = (0, 0.25, 0.5, 0.75, 1)
NUM_SEEDS = 4
QUICK_STEPS = 200
LOUD_HITS = (kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM, kit.CRASH)


@dataclass(frozen=True)
class Curve:
    """What an option does: its settings, the metric at each (mean over songs), and how surely it follows.

    Attributes:
        rank: Spearman's rank correlation of setting and mean metric, -1..1; 1 where it rises at every turn.
        song_rank: the mean of the same within each song.
        real: the metric of the real drums of the same songs, NaN where they have none.
    """

    option: str
    metric: str
    settings: tuple[float, ...]
    values: tuple[float, ...]
    rank: float
    song_rank: float
    real: float = float("nan")


@dataclass(frozen=True)
class StyleAgreement:
    """How often a classifier finds the style that was asked for, each of `styles` on the same songs.

    Attributes:
        agreement: share of phrases, the mean over styles; chance: 1 / styles.
        by_style: the same for each style; real: its share of right answers on real drums of held-out songs.
    """

    styles: tuple[str, ...]
    agreement: float
    chance: float
    by_style: tuple[float, ...]
    real: tuple[float, ...]


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Return Spearman's rank correlation, -1..1, ties sharing their mean rank; 0 where one side is
    constant."""
    ranks = []
    for values in (np.asarray(left, float), np.asarray(right, float)):
        ranks.append([(values < value).sum() + ((values == value).sum() - 1) / 2 for value in values])
    if not np.ptp(ranks[0]) or not np.ptp(ranks[1]):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def fill_activity(hits: np.ndarray, measure_steps: np.ndarray) -> np.ndarray:
    """Return (n, 4) how much the end of each measure of phrases (n, 64, 12) departs from the groove.

    The cells of the last two beats that differ from another measure of the phrase, without the kick, and the
    toms and crashes it adds to it there once more; the least over the other measures. 0 upwards; 0 on silence
    and where every bar ends alike. NaN in phrases whose measures differ in length.
    """
    out = np.full((len(hits), MEASURES_PER_PHRASE), np.nan)
    for i, (phrase, steps) in enumerate(
        zip(hits.reshape(-1, 4, STEPS_PER_MEASURE, kit.NUM_VOICES), measure_steps, strict=True)
    ):
        if (steps != steps[0]).any():
            continue
        end = phrase[:, max(0, steps[0] - END_STEPS) : steps[0]]
        apart = (end[:, None] != end[None])[..., HANDS].sum(axis=(2, 3)).astype(float)
        apart += (end[:, None] & ~end[None])[..., LOUD_HITS].sum(axis=(2, 3))
        np.fill_diagonal(apart, np.inf)
        out[i] = apart.min(axis=1)
    return out


class Bench:
    """A drummer and the phrases of the songs it plays, each song with its default seed."""

    def __init__(self, drummer: UserDrummer, phrases: EvaluationSet) -> None:
        self.drummer, self.phrases = drummer, phrases
        self.songs = [song.held_out.read() for song in phrases.laid]
        self.seeds = [drummer.play(song).seed for song in self.songs]

    def play(self, add_to_seed: int = 0, **options: object) -> list[PlayedSong]:
        """Return the songs as played with these options."""
        pairs = zip(self.songs, self.seeds, strict=True)
        return [self.drummer.play(song, seed + add_to_seed, **options) for song, seed in pairs]

    def hits(self, add_to_seed: int = 0, **options: object) -> np.ndarray:
        """Return the phrases (n, 64, 12) of the songs as played with these options."""
        return self.phrases.cut([played.drums.to_kit() for played in self.play(add_to_seed, **options)])

    def curve(
        self,
        option: str,
        metric: str,
        settings: Sequence[float],
        measure: Callable[[float], np.ndarray],
        real: np.ndarray | None = None,
    ) -> Curve:
        """Return the curve of a metric (n,) of phrases at each setting; phrases where it is NaN are left
        out."""
        rows = np.stack([measure(x) for x in settings])
        known = ~np.isnan(rows).any(axis=0)
        songs = self.phrases.songs[known]
        means = [song_mean(row[known], songs).value for row in rows]
        within = []
        for song in np.unique(songs):
            values = [float(row[known][songs == song].mean()) for row in rows]
            within.append(rank_correlation(settings, values))
        goal = float("nan") if real is None else song_mean(real[known], songs).value
        rank = rank_correlation(settings, means)
        return Curve(option, metric, tuple(settings), tuple(means), rank, float(np.mean(within)), goal)


def density_curve(bench: Bench) -> Curve:
    """Return hits a bar at each density asked for."""

    def measure(density: float) -> np.ndarray:
        return _hits_a_bar(bench.hits(density=float(density)))

    real = _hits_a_bar(bench.phrases.real)
    return bench.curve("density", "hits a bar", DENSITIES, measure, real)


def temperature_curve(bench: Bench) -> Curve:
    """Return the mean Jaccard distance between four seeds at each temperature."""

    def measure(temperature: float) -> np.ndarray:
        samples = [bench.hits(seed, temperature=float(temperature)) for seed in range(NUM_SEEDS)]
        distances = []
        for i, one in enumerate(samples):
            distances += [1 - jaccard(one, other) for other in samples[:i]]
        return np.mean(distances, axis=0)

    return bench.curve("temperature", "distance between seeds", TEMPERATURES, measure)


def fills_curves(bench: Bench) -> list[Curve]:
    """Return the fill activity of the last bar of phrases at each setting, and how far it lies above that of
    the other bars."""
    steps = bench.phrases.measure_steps
    activity = {x: fill_activity(bench.hits(fills=float(x)), steps) for x in FILLS}
    real = fill_activity(bench.phrases.real, steps)

    def above(rows: np.ndarray) -> np.ndarray:
        return rows[:, -1] - rows[:, :-1].mean(axis=1)

    return [
        bench.curve(
            "fills", "fill activity in bars 4, 8, ...", FILLS, lambda x: activity[x][:, -1], real[:, -1]
        ),
        bench.curve(
            "fills", "the same less that of other bars", FILLS, lambda x: above(activity[x]), above(real)
        ),
    ]


def humanize_curves(bench: Bench) -> list[Curve]:
    """Return how far loudness and time lie from those without any feel, at each setting; one value a song."""
    played = {x: bench.play(humanize=float(x)) for x in HUMANIZE}
    songs = bench.phrases.songs
    loud, late = {}, {}
    for x in HUMANIZE:
        spread, offsets = [], []
        for flat, felt in zip(played[0], played[x], strict=True):
            count = max(int(flat.drums.hits.sum()), 1)
            change = felt.drums.velocities.astype(float) - flat.drums.velocities
            spread.append(float(np.abs(change).sum()) / count)
            offsets.append(float(np.abs(felt.drums.offsets).sum()) / count)
        loud[x], late[x] = np.asarray(spread)[songs], np.asarray(offsets)[songs]
    return [
        bench.curve("humanize", "velocity from the typical", HUMANIZE, lambda x: loud[x]),
        bench.curve("humanize", "steps from the grid", HUMANIZE, lambda x: late[x]),
    ]


def style_agreement(bench: Bench, dataset: PhraseDataset, classifier: StyleClassifier) -> StyleAgreement:
    """Return how often the classifier finds what was asked for, among the styles that both know."""
    asked = [style for style in classifier.styles if style in bench.drummer.styles]
    found = []
    for place, style in enumerate(asked):
        names = classifier.classify(bench.hits(style=style), among=asked)
        found.append(float(np.mean(names == place)))
    real = classifier.accuracy(dataset, "valid", among=asked)
    by_style, of_real = tuple(found), tuple(real[style] for style in asked)
    return StyleAgreement(tuple(asked), float(np.mean(found)), 1 / len(asked), by_style, of_real)


def run(request: Request) -> str:
    """Return the table."""
    dataset = PhraseDataset.open(request.needed_data)
    drummer = UserDrummer(request.model)
    songs, _ = read_songs(dataset, limit=QUICK_SONGS if request.quick else SONGS, seed=request.seed)
    bench = Bench(drummer, build_evaluation_set(lay_songs(songs).songs, seed=request.seed))
    curves = [density_curve(bench), temperature_curve(bench), *fills_curves(bench), *humanize_curves(bench)]
    styles = [style for style in known_styles(dataset) if style in drummer.styles]
    agreement = None
    if len(styles) > 1:
        steps = {"steps": QUICK_STEPS} if request.quick else {}
        classifier = train_style_classifier(dataset, styles, seed=request.seed, **steps)
        agreement = style_agreement(bench, dataset, classifier)
    numbers = {"curves": [asdict(curve) for curve in curves], "styles": agreement and asdict(agreement)}
    request.write(numbers)
    return table(curves, agreement)


def table(curves: Sequence[Curve], agreement: StyleAgreement | None) -> str:
    """Return the curves, and what the style classifier found, as text."""
    lines = []
    for curve in curves:
        ranks = f"rank correlation {curve.rank:.2f}, within songs {curve.song_rank:.2f}"
        lines.append(f"{curve.option}: {curve.metric}; {ranks}")
        goal = "" if np.isnan(curve.real) else f"  (real drums {curve.real:.2f})"
        points = [f"{x:g}: {y:.2f}" for x, y in zip(curve.settings, curve.values, strict=True)]
        lines.append("  " + "  ".join(points) + goal)
    if agreement is not None:
        lines.append(
            f"style: found as asked {agreement.agreement:.2f} (chance {agreement.chance:.2f}); "
            "of real drums in brackets"
        )
        rows = zip(agreement.styles, agreement.by_style, agreement.real, strict=True)
        lines.append("  " + "  ".join(f"{name}: {ours:.2f} ({real:.2f})" for name, ours, real in rows))
    return "\n".join(lines) + "\n"


def _hits_a_bar(hits: np.ndarray) -> np.ndarray:
    return hits.sum(axis=(1, 2)) / MEASURES_PER_PHRASE
