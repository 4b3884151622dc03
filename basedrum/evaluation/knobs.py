"""Does each knob do what its name says? One figure a knob, measured on bass lines the drummer has never
heard.

    python -m basedrum.evaluation.knobs DATA [MODEL] [-o OUT.json]

A knob is turned through its range on the same bass lines with the same dice, the drummer hearing its own
drums of the phrase before; its figure has to follow. Densities are hits a bar; variety is the Jaccard
distance between the answers of four seeds; fill activity is what the last two beats of bars 4, 8, ... have
that the groove has not (voices but the kick, which plays with the bass, and toms and crashes once more); feel
is the spread of loudness and time around the answer without any; style is how often a small classifier,
trained on real drums of the training songs, hears the style that was asked for.

Conventions: hits (n, 64, 12) bool, phrases of songs in order; n phrases of a `Stage`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.feel import with_feel
from basedrum.drummer.fills import END_STEPS, HANDS, FillingPlayer, other_seeds
from basedrum.drummer.memory import Memory
from basedrum.drummer.controls import Controls
from basedrum.drummer.sampling import PhraseInputs, PhraseModel, load_phrase_model
from basedrum.models.noise import Noise, phrase_noise
from basedrum.evaluation.playing import Stage, set_stage
from basedrum.evaluation.styles import StyleJudge, known_styles, train_style_judge
from basedrum.files import write_atomic
from basedrum.measures.bootstrap import song_mean
from basedrum.measures.metrics import mask_inactive
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE, STEPS_PER_PHRASE, Grid
from basedrum.threads import one_thread

DENSITIES = (4, 6, 8, 10, 12, 15, 18, 22, 26)
TEMPERATURES = (0, 0.4, 0.7, 1, 1.3, 1.6, 2)
FILLS = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2)
HUMANIZE = (0, 0.25, 0.5, 0.75, 1)
SEEDS = 4
LOUD_HITS = (kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM, kit.CRASH)


@dataclass(frozen=True)
class Curve:
    """What a knob does: its settings, the figure at each (mean over songs), and how surely the figure
    follows.

    Attributes:
        rank: Spearman's rank correlation of setting and mean figure, -1..1; 1 where it rises at every turn.
        song_rank: the mean of the same within each song.
        real: the figure of the real drums of the same phrases, NaN where they have none.
    """

    knob: str
    figure: str
    settings: tuple[float, ...]
    values: tuple[float, ...]
    rank: float
    song_rank: float
    real: float = float("nan")


@dataclass(frozen=True)
class StyleFigures:
    """How a judge of styles hears what the drummer plays when asked for each of `styles`, every one on the
    same bass lines.

    Attributes:
        agreement: share of answers in which it hears the style asked for, the mean over styles; `chance`: 1 /
            styles.
        by_style: the same for each style; real: its share of right answers on real drums of unseen songs, by
            style.
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


def play(model: PhraseModel, stage: Stage, controls: Controls, seed: int) -> np.ndarray:
    """Return hits (n, 64, 12) bool on every phrase of the stage, each song from its first phrase to its
    last."""
    hits = np.zeros_like(stage.real)
    firsts = np.flatnonzero(stage.place == 0)
    lengths = np.diff(np.append(firsts, len(stage)))
    firsts = firsts[
        np.argsort(-lengths, kind="stable")
    ]  # the longest first: songs that end leave a memory's last rows
    memory = Memory()
    for place in range(int(lengths.max(initial=0))):
        at = firsts[: int((lengths > place).sum())] + place
        before = hits[at - 1] if place else None
        where = stage.bass[at], stage.qpm[at], stage.measure_steps[at]
        noise = Noise.join([phrase_noise(seed + 4099 * int(song), place) for song in stage.songs[at]])
        known = memory.recollect(stage.bass[at])
        hits[at] = model.sample(PhraseInputs(*where, before), noise, controls, known)
        memory.remember(stage.bass[at], hits[at])
    return _cut(hits, stage)


def play_with_fills(model: PhraseModel, stage: Stage, fills: float, seed: int) -> np.ndarray:
    """Return hits (n, 64, 12) bool as `generate --fills` plays them, every song with its own seed."""
    hits = np.zeros_like(stage.real)
    player = None
    for at in range(len(stage)):
        if stage.place[at] == 0:
            own = seed + int(stage.songs[at])
            others = [model.new_song(other) for other in other_seeds(own)]
            player, before = FillingPlayer(model.new_song(own), others, fills, own), None
        steps = stage.measure_steps[at]
        before = player.play(stage.bass[at], float(stage.qpm[at]), steps, before, int(stage.place[at]))
        player.remember(stage.bass[at], before)
        hits[at] = before
    return _cut(hits, stage)


def density_curve(model: PhraseModel, stage: Stage, seed: int = 0) -> Curve:
    """Return hits a bar at each density asked for."""
    return _curve(
        "density",
        "hits a bar",
        DENSITIES,
        stage,
        lambda x: play(model, stage, Controls(density=x), seed).sum(axis=(1, 2)) / MEASURES_PER_PHRASE,
        stage.real.sum(axis=(1, 2)) / MEASURES_PER_PHRASE,
    )


def temperature_curve(model: PhraseModel, stage: Stage, seed: int = 0) -> Curve:
    """Return the mean Jaccard distance between the answers of four seeds at each temperature."""

    def variety(temperature: float) -> np.ndarray:
        answers = [play(model, stage, Controls(temperature=temperature), seed + s) for s in range(SEEDS)]
        pairs = [(a, b) for i, a in enumerate(answers) for b in answers[:i]]
        return np.mean([_jaccard_distance(a, b) for a, b in pairs], axis=0)

    return _curve("temperature", "distance between seeds", TEMPERATURES, stage, variety)


def fills_curves(model: PhraseModel, stage: Stage, seed: int = 0) -> list[Curve]:
    """Return the fill activity of the last bar of phrases at each setting, and how far it lies above that of
    the other bars."""
    activity = {x: fill_activity(play_with_fills(model, stage, x, seed), stage.measure_steps) for x in FILLS}
    real = fill_activity(stage.real, stage.measure_steps)
    above = {x: rows[:, -1] - rows[:, :-1].mean(axis=1) for x, rows in activity.items()}
    goal = real[:, -1] - real[:, :-1].mean(axis=1)
    return [
        _curve(
            "fills",
            "fill activity in bars 4, 8, ...",
            FILLS,
            stage,
            lambda x: activity[x][:, -1],
            real[:, -1],
        ),
        _curve("fills", "the same less that of other bars", FILLS, stage, above.get, goal),
    ]


def humanize_curves(model: PhraseModel, stage: Stage, seed: int = 0) -> list[Curve]:
    """Return how far loudness and time lie from those without any feel, at each setting."""
    hits = play(model, stage, Controls(), seed)
    grids = [Grid(STEPS_PER_BEAT, STEPS_PER_PHRASE, tempos=((0, float(qpm)),)) for qpm in stage.qpm]
    count = np.maximum(hits.sum(axis=(1, 2)), 1)
    loud, late = {}, {}
    for x in HUMANIZE:
        rolls = [with_feel(phrase, grid, seed, x) for phrase, grid in zip(hits, grids, strict=True)]
        loud[x] = np.stack([roll.velocities for roll in rolls]).astype(float)
        late[x] = np.abs([roll.offsets for roll in rolls]).sum(axis=(1, 2)) / count
    spread = {x: np.abs(velocities - loud[0]).sum(axis=(1, 2)) / count for x, velocities in loud.items()}
    return [
        _curve("humanize", "velocity from the typical", HUMANIZE, stage, spread.get),
        _curve("humanize", "steps from the grid", HUMANIZE, stage, late.get),
    ]


def style_figures(
    model: PhraseModel, dataset: PhraseDataset, stage: Stage, judge: StyleJudge, seed: int = 0
) -> StyleFigures:
    """Return how often the judge hears what was asked for, among the styles both know."""
    asked = [style for style in judge.styles if style in model.styles]
    heard = [
        np.mean(judge.hears(play(model, stage, Controls(style=s), seed), among=asked) == asked.index(s))
        for s in asked
    ]
    real = judge.accuracy(dataset, "valid", among=asked)
    return StyleFigures(
        tuple(asked),
        float(np.mean(heard)),
        1 / len(asked),
        tuple(float(h) for h in heard),
        tuple(real[s] for s in asked),
    )


def measure_knobs(
    model: PhraseModel, dataset: PhraseDataset, *, num_phrases: int = 160, seed: int = 0, split: str = "valid"
) -> tuple[list[Curve], StyleFigures | None]:
    """Return a curve for each knob, and the figures of the styles (None where fewer than two can be
    judged)."""
    with one_thread():
        stage = set_stage(dataset, split, limit=num_phrases, per_song=4, seed=seed)
        curves = [density_curve(model, stage, seed), temperature_curve(model, stage, seed)]
        curves += fills_curves(model, stage, seed) + humanize_curves(model, stage, seed)
        styles = [style for style in known_styles(dataset) if style in model.styles]
        judged = None
        if len(styles) > 1:
            judged = style_figures(model, dataset, stage, train_style_judge(dataset, styles, seed=seed), seed)
    return curves, judged


def to_text(curves: Sequence[Curve], judged: StyleFigures | None) -> str:
    """Return the figures as a table for people."""
    lines = []
    for curve in curves:
        lines.append(
            f"{curve.knob}: {curve.figure}; rank correlation {curve.rank:.2f}, within songs {curve.song_rank:.2f}"
        )
        goal = "" if np.isnan(curve.real) else f"  (real drums {curve.real:.2f})"
        lines.append(
            "  "
            + "  ".join(f"{x:g}: {y:.2f}" for x, y in zip(curve.settings, curve.values, strict=True))
            + goal
        )
    if judged is not None:
        lines.append(
            f"style: heard as asked {judged.agreement:.2f} (chance {judged.chance:.2f}); real drums heard right in brackets"
        )
        rows = zip(judged.styles, judged.by_style, judged.real, strict=True)
        lines.append("  " + "  ".join(f"{name}: {ours:.2f} ({real:.2f})" for name, ours, real in rows))
    return "\n".join(lines) + "\n"


def _curve(
    knob: str,
    figure: str,
    settings: Sequence[float],
    stage: Stage,
    measure: Callable[[float], np.ndarray],
    real: np.ndarray | None = None,
) -> Curve:

    rows = np.stack([measure(x) for x in settings])
    good = ~np.isnan(rows).any(axis=0)
    songs = stage.songs[good]
    means = [song_mean(row[good], songs).value for row in rows]
    by_song = [[row[good][songs == song].mean() for row in rows] for song in np.unique(songs)]
    within = float(np.mean([rank_correlation(settings, values) for values in by_song]))
    goal = float("nan") if real is None else song_mean(real[good], songs).value
    return Curve(knob, figure, tuple(settings), tuple(means), rank_correlation(settings, means), within, goal)


def _jaccard_distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (n,) 1 - shared hits / hits of either; 0 where both are silent."""
    either = (left | right).sum(axis=(1, 2))
    return 1 - np.where(either, (left & right).sum(axis=(1, 2)) / np.maximum(either, 1), 1.0)


def _cut(hits: np.ndarray, stage: Stage) -> np.ndarray:
    """Return the hits without those past the end of a short measure."""
    return mask_inactive(hits, stage.measure_steps)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what each knob of a drummer does.")
    parser.add_argument("data", help="a folder that `basedrum prepare` wrote")
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("-o", "--output", help="write the figures as JSON as well")
    parser.add_argument("--phrases", type=int, default=160)
    options = parser.parse_args(arguments)
    dataset = PhraseDataset.open(options.data)
    curves, judged = measure_knobs(load_phrase_model(options.model), dataset, num_phrases=options.phrases)
    print(to_text(curves, judged), end="")
    if options.output:
        figures = {"curves": [asdict(curve) for curve in curves], "styles": judged and asdict(judged)}
        write_atomic(options.output, (json.dumps(figures, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
