"""Does a song have a form? What a listener hears over whole held-out songs, of real drums and of a drummer
with its default options, and what it does to bass lines made for one question each.

The first table has the measures of `measures.listener`, `measures.idiom`, `measures.hands` and
`measures.other_metres`, means over songs. The second: stops of the whole band (the share that the drums
answer with a stop, the median over riffs and the lowest), 15 minutes of one riff (hits a bar of each 16 bars,
the least and the most as shares of those of the first 16), lines of few notes, 3/4, 6/8, 5/4 and swung
walking lines. Each over several seeds (`lab.made_songs`).

Data: a folder that `basedrum prepare` wrote, with whole songs held out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.evaluation.drummers import SongDrummer, UserDrummer
from basedrum.evaluation.song_metrics import song_values
from basedrum.evaluation.songs import LaidSong, lay_songs, read_songs
from basedrum.evaluation.training_subset import read_training_subset
from basedrum.lab import Request, made_songs
from basedrum.lab.made_songs import song_of
from basedrum.measures.hands import velocity_values
from basedrum.measures.idiom import Idiom
from basedrum.measures.other_metres import Written, other_metre_values
from basedrum.measures.song_bars import NO_KEEPER, find_keepers, mean
from basedrum.midi.midi_song import MidiSong
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.played import PlayedSong

NAME = "form"
SUMMARY = "fills, crashes, new riffs, stops and odd metres over whole songs, real and played"
SONGS, QUICK_SONGS = 100, 6
SEEDS, QUICK_SEEDS = range(8), range(1)
MINUTES, QUICK_MINUTES = 15.0, 1.0
TRAINING_PHRASES, QUICK_TRAINING_PHRASES = 40_000, 400
STRETCH = 16  # bars whose density is compared
BARS = 16


def run(request: Request) -> str:
    """Return both tables."""
    dataset = PhraseDataset.open(request.needed_data)
    count = QUICK_SONGS if request.quick else SONGS
    laid = lay_songs(read_songs(dataset, limit=count, seed=request.seed)[0]).songs
    limit = QUICK_TRAINING_PHRASES if request.quick else TRAINING_PHRASES
    training = read_training_subset(dataset, limit, request.seed, all_keys=False)
    idiom = Idiom.of(training.hits, training.songs)
    drummer = UserDrummer(request.model)
    seeds = QUICK_SEEDS if request.quick else SEEDS
    minutes = QUICK_MINUTES if request.quick else MINUTES
    heard = {
        "real": means([song_values(song, song.real, idiom) for song in laid]),
        drummer.name: means([_played_values(drummer, song, idiom) for song in laid]),
    }
    made = made_values(drummer, seeds, minutes)
    request.write({"songs": len(laid), "seeds": len(seeds), "heard": heard, "made": made})
    return table(heard) + "\n" + table({drummer.name: made})


def made_values(drummer: SongDrummer, seeds: Sequence[int], minutes: float) -> dict[str, float]:
    """Return what a drummer does to the made songs, by key."""
    return {
        **stop_values(drummer, seeds),
        **long_values(drummer, seeds, minutes),
        **few_note_values(drummer, seeds),
        "waltz_time": _metre(drummer, seeds, made_songs.WALTZES, (3, 4))["three_time"],
        "six_eight_time": _metre(drummer, seeds, made_songs.SIX_EIGHTS, (6, 8))["three_time"],
        "five_hits": _metre(drummer, seeds, made_songs.FIVE_FOURS, (5, 4))["five_hits"],
        **_swing_values(drummer, seeds),
    }


def stop_values(drummer: SongDrummer, seeds: Sequence[int]) -> dict[str, float]:
    """Return the share of stops that have no hit: `stops_median` over the riffs, `stops_lowest` of them.

    A seed that answers one stop of a song need not answer the next; all count.
    """
    shares = []
    for made in made_songs.stop_songs():
        answered = []
        for seed in seeds:
            hits = drummer.play(made.song, seed).drums.to_kit()
            answered += [not hits[first:last].any() for first, last in made.stops]
        shares.append(mean(answered))
    return {"stops_median": float(np.median(shares)), "stops_lowest": min(shares)}


def long_values(drummer: SongDrummer, seeds: Sequence[int], minutes: float) -> dict[str, float]:
    """Return the least and the most hits a bar of 16 bars, as shares of those of the first 16: over all
    riffs, one seed each."""
    shares = []
    for number, made in enumerate(made_songs.long_songs(minutes)):
        hits = _bars(drummer.play(made.song, seeds[number % len(seeds)])).sum(axis=(1, 2))
        stretches = hits[: len(hits) // STRETCH * STRETCH].reshape(-1, STRETCH).mean(axis=1)
        shares.append(stretches / max(stretches[0], 1e-9))
    every = np.concatenate(shares)
    return {"density_least": float(every.min()), "density_most": float(every.max())}


def few_note_values(drummer: SongDrummer, seeds: Sequence[int]) -> dict[str, float]:
    """Return of lines of few notes: the share without a snare in bars 1 to 8 and 9 to 16, without a keeper in
    any of them, hits a bar."""
    snare, keeper, hits = [], [], []
    for rhythm in made_songs.FEW_NOTES:
        for seed in seeds:
            bars = _bars(drummer.play(song_of([rhythm] * BARS), seed))
            for half in (bars[:8], bars[8:]):
                snare.append(not half[..., [kit.SNARE, kit.SIDE_STICK]].any())
                keeper.append(bool((find_keepers(half) == NO_KEEPER).all()))
            hits.append(bars.sum() / len(bars))
    return {"few_no_snare": mean(snare), "few_no_keeper": mean(keeper), "few_hits": mean(hits)}


def means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each key over the rows that have a number for it."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            found.setdefault(key, []).append(value)
    return {key: _known_mean(values) for key, values in found.items()}


def table(columns: dict[str, dict[str, float]]) -> str:
    """Return a line for each measure, a column for each drummer."""
    lines = [" " * 18 + "".join(name[-10:].rjust(11) for name in columns)]
    for key in dict.fromkeys(key for column in columns.values() for key in column):
        cells = [f"{column.get(key, float('nan')):11.3f}" for column in columns.values()]
        lines.append(key.ljust(18) + "".join(cells))
    return "\n".join(lines) + "\n"


def _played_values(drummer: SongDrummer, song: LaidSong, idiom: Idiom) -> dict[str, float]:
    played = drummer.play(song.held_out.read())
    values = song_values(song, song.hits_of(played), idiom)
    if song.is_common_time:
        velocities = played.drums.velocities.reshape(song.grid.num_measures, STEPS_PER_MEASURE, -1)
        values |= velocity_values(velocities)
    return values


def _metre(
    drummer: SongDrummer, seeds: Sequence[int], rhythms: Sequence[str], metre: tuple[int, int]
) -> dict[str, float]:
    rows = []
    for rhythm in rhythms:
        song = song_of([rhythm] * BARS, metre=metre)
        rows += [_other_metres(drummer, song, seed) for seed in seeds]
    return means(rows)


def _swing_values(drummer: SongDrummer, seeds: Sequence[int]) -> dict[str, float]:
    rows = []
    for rhythm in made_songs.WALKS:
        song = song_of([rhythm, "x...x...x...x.x."] * (BARS // 2), qpm=150, is_swung=True)
        rows += [_other_metres(drummer, song, seed) for seed in seeds]
    found = means(rows)
    return {key: found[key] for key in ("skips", "wrong_skips")}


def _other_metres(drummer: SongDrummer, song: MidiSong, seed: int) -> dict[str, float]:
    played = drummer.play(song, seed)
    return other_metre_values(Written(_bars(played), played.grid, np.ones(played.grid.num_measures, bool)))


def _bars(played: PlayedSong) -> np.ndarray:
    """Return hits (M, 16, 12)."""
    return played.drums.to_kit().reshape(-1, STEPS_PER_MEASURE, kit.NUM_VOICES)


def _known_mean(values: list[float]) -> float:
    return mean([value for value in values if value == value])
