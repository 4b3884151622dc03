"""Which sounds real songs have: clap or side stick, and the percussion, by where in the bar they are played.

Each song of split train counts with the weight it is drawn with in training. A song's kind is the one with
most hits; songs with fewer than one hit in four bars do not count. `drummer.sounds` ships these shares.

Data: a folder that `basedrum prepare` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basedrum.corpus.phrases import PhraseDataset
from basedrum.drummer.sounds import KINDS, ON_SNARE, percussion_place
from basedrum.lab import Request
from basedrum.music import kit
from basedrum.music.grid import MEASURES_PER_PHRASE

NAME = "sounds"
SUMMARY = "claps, side sticks and percussion of real songs, by place (data: a prepared folder)"
MOST_PHRASES, QUICK_SONGS = 40, 500
FEWEST_A_BAR = 0.25
_STICK = [37 - kit.LOWEST_PITCH, kit.CLAP - kit.LOWEST_PITCH]


@dataclass(frozen=True)
class SongSounds:
    """What was counted in a song.

    Attributes:
        weight: of the song in training.
        place: where its percussion is played; "" where it has too little.
        kinds: hits of each of `KINDS`.
        stick: hits of side stick and clap; on_snare: how many of both are on a snare; on_backbeat: on the
            steps 4 and 12.
        num_bars: how many bars were counted.
    """

    weight: float
    place: str
    kinds: np.ndarray
    stick: np.ndarray
    on_snare: int
    on_backbeat: int
    num_bars: int


def count_song(pitched: np.ndarray, weight: float) -> SongSounds:
    """Return the counts of a song's phrases (n, 64, 72) bool."""
    roll = pitched.reshape(-1, pitched.shape[2])
    hits, num_bars = kit.fold(roll), len(pitched) * MEASURES_PER_PHRASE
    by_pitch = roll.sum(axis=0)
    kinds = [by_pitch[np.asarray(pitches) - kit.LOWEST_PITCH].sum() for pitches in KINDS.values()]
    has_enough = sum(kinds) >= FEWEST_A_BAR * num_bars
    stick = hits[:, kit.SIDE_STICK]
    steps = np.arange(len(hits)) % 16
    return SongSounds(
        weight,
        percussion_place(hits) if has_enough else "",
        np.asarray(kinds),
        by_pitch[_STICK],
        int((stick & hits[:, kit.SNARE]).sum()),
        int((stick & np.isin(steps, (4, 12))).sum()),
        num_bars,
    )


def run(request: Request) -> str:
    """Return the tables."""
    dataset = PhraseDataset.open(request.needed_data)
    rows = dataset.rows("train")
    song = dataset.index["song"][rows]
    rows = rows[np.argsort(song, kind="stable")]
    groups = np.split(rows, np.flatnonzero(np.diff(dataset.index["song"][rows])) + 1)
    songs = []
    for group in groups[:QUICK_SONGS] if request.quick else groups:
        weight = float(dataset.index["weight"][group].sum())
        chosen = group[np.unique(np.linspace(0, len(group) - 1, MOST_PHRASES).astype(int))]
        songs.append(count_song(dataset.drums(chosen), weight))
    kinds, claps = kind_shares(songs), clap_shares(songs)
    request.write({"kinds": kinds, "claps": claps})
    lines = [f"{'percussion':12}songs  share " + " ".join(f"{kind:>10}" for kind in KINDS)]
    for place, (count, share, shares) in kinds.items():
        lines.append(f"{place:12}{count:5}{share:7.3f} " + " ".join(f"{value:10.3f}" for value in shares))
    lines += ["", f"{'of the side stick on a snare':30}songs  clap"]
    lines += [f"{name:30}{count:5}{share:7.3f}" for name, (count, share) in claps.items()]
    return "\n".join(lines) + "\n"


def kind_shares(songs: list[SongSounds]) -> dict[str, tuple[int, float, list[float]]]:
    """Return for each place: songs, their share of the weight, and the share of each of `KINDS`."""
    found = {}
    played = [song for song in songs if song.place]
    whole = sum(song.weight for song in played)
    for place in sorted({song.place for song in played}):
        here = [song for song in played if song.place == place]
        weights = np.asarray([song.weight for song in here])
        main = np.asarray([song.kinds.argmax() for song in here])
        shares = np.bincount(main, weights, len(KINDS)) / weights.sum()
        found[place] = (len(here), float(weights.sum() / whole), shares.tolist())
    return found


def clap_shares(songs: list[SongSounds]) -> dict[str, tuple[int, float]]:
    """Return songs and the share whose side stick is mostly a clap, by how it is played."""
    found = {}
    played = [song for song in songs if song.stick.sum() >= FEWEST_A_BAR * song.num_bars]
    on_snare = np.asarray([song.on_snare / song.stick.sum() for song in played])
    on_backbeat = np.asarray([song.on_backbeat / song.stick.sum() for song in played]) > 0.6
    weights = np.asarray([song.weight for song in played])
    is_clap = np.asarray([song.stick[1] > song.stick[0] for song in played])
    row = np.searchsorted(ON_SNARE, on_snare, side="right")
    names = [f"under {ON_SNARE[0]:g}", *(f"from {bound:g}" for bound in ON_SNARE)]
    for number, name in enumerate(names):
        for where, chosen in (("backbeat", on_backbeat), ("elsewhere", ~on_backbeat)):
            here = (row == number) & chosen
            total = max(weights[here].sum(), 1e-9)
            found[f"{name}, {where}"] = (int(here.sum()), float((weights * is_clap)[here].sum() / total))
    return found
