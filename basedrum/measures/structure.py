"""Does it hold a song together? Measures of 16 bars, of the seams between phrases, of fills and of sections
that come back.

Conventions: hits (n, 64, 12) bool, a phrase of 4 bars of 16 steps over the voices of `music.kit`; spans (s,
256, 12) bool, 16 bars of adjoining phrases; `place` (n,) int counts the adjoining phrases of one song from 0,
which stand one behind the other; songs (n,) int. The last beat of a bar is that of its active steps.
Source: self-similarity matrices: Foote 1999; the measures are this project's own.
"""

from __future__ import annotations

import numpy as np

from basedrum.measures.bootstrap import NOT_MEASURED, Estimate, song_mean, song_ratio
from basedrum.measures.metrics import jaccard
from basedrum.measures.style import SPAN_MEASURES, bars_of
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE

TOMS = (kit.LOW_TOM, kit.MID_TOM, kit.HIGH_TOM)
GROUPS = {
    "all": tuple(range(kit.NUM_VOICES)),
    "kick": (kit.KICK,),
    "snare": (kit.SNARE, kit.SIDE_STICK),
    "time": (kit.CLOSED_HAT, kit.PEDAL_HAT, kit.OPEN_HAT, kit.RIDE, kit.PERCUSSION),
    "fills": (*TOMS, kit.CRASH),
}
"""The voices whose bars are compared with each other, by what they do in a song."""
SAME_BASS, OTHER_BASS = 0.9, 0.6
"""Jaccard index of the onsets of two phrases' bass: from here on the same section, up to here another one."""


def bar_distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (...) the number of cells in which two bars (..., 16, 12) differ. 0..192."""
    return (left != right).sum(axis=(-2, -1))


def similarity_matrix(spans: np.ndarray, voices: tuple[int, ...] = GROUPS["all"]) -> np.ndarray:
    """Return (s, 16, 16) float32 the Jaccard index of each two bars of a span, of these voices; NaN where
    both are empty."""
    bars = bars_of(spans)[..., list(voices)]
    cells = bars.reshape(*bars.shape[:2], STEPS_PER_MEASURE * len(voices)).astype(np.float32)
    both = cells @ cells.transpose(0, 2, 1)
    count = cells.sum(axis=-1)
    either = count[:, :, None] + count[:, None, :] - both
    return np.where(either > 0, both / np.maximum(either, 1), np.float32(np.nan))


def last_beats(hits: np.ndarray, measure_steps: np.ndarray | None = None) -> np.ndarray:
    """Return bars (n, bars, 16, 12) of which the last beat (4 steps) is kept, given the active steps (n,
    bars) (None: 16)."""
    bars = bars_of(hits)
    steps = np.full(bars.shape[:2], STEPS_PER_MEASURE) if measure_steps is None else np.asarray(measure_steps)
    to_the_end = steps[..., None] - np.arange(STEPS_PER_MEASURE)
    return bars & ((to_the_end > 0) & (to_the_end <= STEPS_PER_BEAT))[..., None]


def last_beat_hits(hits: np.ndarray, measure_steps: np.ndarray | None = None) -> np.ndarray:
    """Return (n, bars) the hits in the last beat of each bar; see `last_beats`."""
    return last_beats(hits, measure_steps).sum(axis=(2, 3))


def structure_descriptors(spans: np.ndarray, measure_steps: np.ndarray | None = None) -> np.ndarray:
    """Return (s, D) float32: what 16 bars do as a whole, and next to nothing of what is played in them.

    Of each group of voices the similarity of the bars as a matrix (upper triangle) and its mean at each lag;
    hits in the last beat, toms, and crashes on the first step of each bar; hits of each bar relative to the
    mean bar, their spread, the mean; the share of neighbouring bars that are identical, the number of
    distinct bars, how often the most frequent one comes.

    Args:
        measure_steps: (s, 16) active steps of the bars; None: 16.
    """
    bars = bars_of(spans)
    count = bars.sum(axis=(2, 3)).astype(np.float32)
    mean = np.maximum(count.mean(axis=1, keepdims=True), 1e-6)
    columns = [count / mean, count.std(axis=1, keepdims=True) / mean, mean]
    upper = np.triu_indices(SPAN_MEASURES, 1)
    for voices in GROUPS.values():
        matrix = similarity_matrix(spans, voices)
        columns += [
            np.stack(
                [_mean(np.diagonal(matrix, k, axis1=1, axis2=2)) for k in range(1, SPAN_MEASURES)], axis=1
            )
        ]
        if voices == GROUPS["all"]:
            columns.append(matrix[:, upper[0], upper[1]])
        else:  # by phrases: 16 x 16 of every group would cost five times as much
            blocks = (
                matrix.reshape(len(spans), 4, 4, 4, 4).transpose(0, 1, 3, 2, 4).reshape(len(spans), 16, 16)
            )
            columns += [_mean(blocks)[:, np.flatnonzero(np.triu(np.ones((4, 4))))]]
    last = last_beat_hits(spans, measure_steps)
    toms = bars[..., list(TOMS)].sum(axis=(2, 3))
    crashes = bars[:, :, 0, kit.CRASH]
    ends = np.arange(SPAN_MEASURES) % MEASURES_PER_PHRASE == MEASURES_PER_PHRASE - 1
    starts = np.arange(SPAN_MEASURES) % MEASURES_PER_PHRASE == 0
    for values, special in ((last, ends), (toms, ends), (crashes, starts)):
        columns += [
            values,
            values[:, special].mean(axis=1, keepdims=True),
            values[:, ~special].mean(axis=1, keepdims=True),
        ]
    same = (bars[:, 1:] == bars[:, :-1]).all(axis=(2, 3))
    distinct = [np.unique(row.reshape(SPAN_MEASURES, -1), axis=0, return_counts=True)[1] for row in bars]
    columns += [same.mean(axis=1, keepdims=True), same[:, MEASURES_PER_PHRASE - 1 :: MEASURES_PER_PHRASE]]
    columns += [np.array([[len(counts), counts.max()] for counts in distinct]).reshape(-1, 2)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return (...) the mean of the known values (..., k); NaN where none is known."""
    known = ~np.isnan(values)
    return np.where(
        known.any(axis=-1), np.nansum(values, axis=-1) / np.maximum(known.sum(axis=-1), 1), np.nan
    )


def seam_ratio(
    hits: np.ndarray, place: np.ndarray, songs: np.ndarray, *, equal_density: bool = False, seed: int = 0
) -> Estimate:
    """Return distance across a seam / mean distance between neighbouring bars of the two phrases beside it,
    summed over seams.

    The distance of two bars is the number of cells in which they differ; with `equal_density` it is divided
    by the hits of both bars, so that a seam between a busy and a sparse bar counts no more than another. 0
    upwards; 1: a seam is as smooth as
    any bar line, more: the phrases do not hang together. NaN on silence, without seams, and where no bar ever
        changes.
    """
    later = np.flatnonzero(np.asarray(place) > 0)
    if not len(later):
        return NOT_MEASURED
    bars = np.concatenate([bars_of(hits[later - 1]), bars_of(hits[later])], axis=1)  # (seams, 8, 16, 12)
    left, right = bars[:, :-1], bars[:, 1:]
    distance = bar_distance(left, right).astype(np.float64)
    if equal_density:
        distance /= np.maximum(left.sum(axis=(2, 3)) + right.sum(axis=(2, 3)), 1)
    seam = MEASURES_PER_PHRASE - 1
    inside = np.delete(distance, seam, axis=1).mean(axis=1)
    return song_ratio(distance[:, seam], inside, songs[later], seed)


def bass_pairs(bass: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (p, 2) pairs of phrases of one song that do not adjoin, and (p,) the Jaccard index of their bass
    onsets.

    bass: (n, 2, 64, 72) bool. Pairs of which neither has a note are left out.
    """
    starts = np.flatnonzero(np.asarray(place) == 0)
    parts = [np.zeros((0, 2), np.int64)]
    for first, end in zip(starts, [*starts[1:], len(place)], strict=True):
        early, late = np.triu_indices(end - first, 2)
        parts.append(np.stack([early, late], axis=1) + first)
    pairs = np.concatenate(parts)
    sounds = np.asarray(bass[:, 0].any(axis=(1, 2)))
    pairs = pairs[sounds[pairs].any(axis=1)]
    alike = [
        jaccard(bass[part[:, 0], 0], bass[part[:, 1], 0])
        for part in np.array_split(pairs, len(pairs) // 1024 + 1)
    ]
    return pairs, np.concatenate(alike)


def section_metrics(
    hits: np.ndarray, pairs: np.ndarray, alike: np.ndarray, songs: np.ndarray, seed: int = 0
) -> dict[str, Estimate]:
    """Return how alike (Jaccard index, 0..1) the drums of one song's phrases are where its bass comes back
    and where not.

    `sections_same`: the bass is nearly the same at a distance; `sections_other`: it is another. Only songs
    that have both kinds of pairs count, each song the same. Nearer to real drums is better; a drummer that
    ignores the bass has one value twice.
    """
    same, other = alike >= SAME_BASS, alike <= OTHER_BASS
    where = songs[pairs[:, 0]]
    both = np.intersect1d(where[same], where[other])
    drums = jaccard(hits[pairs[:, 0]], hits[pairs[:, 1]])
    found = {}
    for key, kind in (("sections_same", same), ("sections_other", other)):
        means = [drums[kind & (where == song)].mean() for song in both]
        found[key] = song_mean(np.asarray(means), both, seed)
    return found


def new_sections(bass: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the phrases whose bass is another than that of the phrase before; not the first of a
    run."""
    later = np.flatnonzero(np.asarray(place) > 0)
    starts = np.zeros(len(place), bool)
    starts[later] = jaccard(bass[later, 0], bass[later - 1, 0]) <= OTHER_BASS
    return starts


def form_metrics(
    hits: np.ndarray,
    songs: np.ndarray,
    number: np.ndarray,
    starts_section: np.ndarray,
    measure_steps: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return where fills, toms and crashes fall; nearer to real drums is better.

    `fill_4`, `fill_8`: hits in the last beat of the last bar of a phrase (of every second phrase), over the
    mean of its other bars; NaN on silence. `turn_4`, `turn_8`: the cells in which that beat differs from the
    same beat a bar before, over the mean of the other bars; NaN where they never differ. 1: the ends of
    phrases are like any bar.
    `toms_end`, `toms_inside`: the share of bars with a tom, of last bars and of others. `crash_phrase`,
    `crash_section`,
    `crash_inside`: the share of bars with a crash on the first step, of first bars of phrases, of those where
    the bass changes, and of all but first bars. 0..1; 0 on silence.

    Args:
        number: (n,) the phrase's number in its song, from 0.
        starts_section: (n,) bool, see `new_sections`.
    """
    beats = last_beats(hits, measure_steps)
    last, change = beats.sum(axis=(2, 3)), bar_distance(beats[:, 1:], beats[:, :-1])
    end, others = last[:, -1], last[:, :-1].mean(axis=1)
    turn, changes = change[:, -1], change[:, :-1].mean(axis=1)
    even = np.asarray(number) % 2 == 1
    bars = bars_of(hits)
    toms = np.asarray(bars[..., list(TOMS)].any(axis=(2, 3)))
    crash = bars[:, :, 0, kit.CRASH]
    starts = np.asarray(starts_section)
    return {
        "fill_4": song_ratio(end, others, songs, seed),
        "fill_8": song_ratio(end[even], others[even], songs[even], seed),
        "turn_4": song_ratio(turn, changes, songs, seed),
        "turn_8": song_ratio(turn[even], changes[even], songs[even], seed),
        "toms_end": song_mean(toms[:, -1], songs, seed),
        "toms_inside": song_mean(toms[:, :-1].mean(axis=1), songs, seed),
        "crash_phrase": song_mean(crash[:, 0], songs, seed),
        "crash_section": song_mean(crash[starts, 0], songs[starts], seed),
        "crash_inside": song_mean(crash[:, 1:].mean(axis=1), songs, seed),
    }
