"""Whole songs played by the drummers of an evaluation, and the songs made for one question: with another
noise, another key, a late bass, or a bass that changes in bar 10.

Conventions: what was played is hits (M * 16, 12) bool on the bars of the song; a seed of None is the
drummer's default for the song.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from basedrum.evaluation.drummers import SongDrummer
from basedrum.evaluation.songs import LaidSong
from basedrum.measures.listener import kick_follows
from basedrum.midi.building import build_midi
from basedrum.midi.midi_song import MidiSong
from basedrum.music import kit
from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Track

HIGHEST_PITCH = 127
LATE_STEPS = 2
SPLICED_BAR, SPLICED_BARS = 9, 16
"""The new bass begins with this bar, from 0, and is measured for so many bars."""
BASS_PROGRAM = 33

Watch = Callable[[Iterable, str], Iterable]
"""Wraps the songs that are gone through, to show how far it is; the text says what is done with them."""


def unwatched(songs: Iterable, what: str) -> Iterable:
    """Show nothing."""
    return songs


def play_songs(
    drummer: SongDrummer, laid: Sequence[LaidSong], *, sets: int = 1, watch: Watch = unwatched
) -> list[list[np.ndarray]]:
    """Return `sets` lists of what a drummer plays to each song: at its default seed, at the next, ..."""
    played: list[list[np.ndarray]] = [[] for _ in range(sets)]
    for song in watch(laid, drummer.name):
        read = song.held_out.read()
        first = drummer.play(read)
        played[0].append(song.hits_of(first))
        for number in range(1, sets):
            played[number].append(song.hits_of(drummer.play(read, first.seed + number)))
    return played


def play_with_seed(drummer: SongDrummer, laid: Sequence[LaidSong], seed: int) -> list[np.ndarray]:
    """Return what a drummer plays to each song with one seed for all."""
    return [song.hits_of(drummer.play(song.held_out.read(), seed)) for song in laid]


def play_variants(
    drummer: SongDrummer, laid: Sequence[LaidSong], seed: int, watch: Watch = unwatched
) -> dict[str, list[np.ndarray]]:
    """Return what a drummer plays, with one seed, where the bass of each song is another.

    "up 5" and "up 12": it is transposed by semitones; "late 2": it comes two sixteenths later. Only for songs
    in 4/4, whose bars stay where they are.
    """
    played: dict[str, list[np.ndarray]] = {"up 5": [], "up 12": [], "late 2": []}
    for song in watch(laid, f"{drummer.name}, bass moved"):
        read, bass = song.held_out.read(), song.bass_notes
        late = round(LATE_STEPS * read.grid.ticks_per_step)
        variants = {
            "up 5": replace(bass, pitches=np.minimum(bass.pitches + 5, HIGHEST_PITCH)),
            "up 12": replace(bass, pitches=np.minimum(bass.pitches + 12, HIGHEST_PITCH)),
            "late 2": moved_later(bass, late, read.grid.end_tick),
        }
        for name, notes in variants.items():
            changed, number = with_bass(read, song, notes)
            played[name].append(drummer.play(changed, seed, bass_track=number).drums.to_kit())
    return played


def moved_later(notes: Notes, ticks: int, end_tick: int) -> Notes:
    """Return the notes later by `ticks`, without what then begins at `end_tick` or after it."""
    moved = replace(
        notes,
        start_ticks=notes.start_ticks + ticks,
        end_ticks=np.minimum(notes.end_ticks + ticks, end_tick),
    )
    return moved[moved.start_ticks < end_tick]


def with_bass(song: MidiSong, laid: LaidSong, notes: Notes) -> tuple[MidiSong, int]:
    """Return the song with other notes for its bass, and the number (from 1) of that track."""
    bass = song.tracks[laid.bass_index]
    is_joined = len(laid.bass_notes) > len(bass.notes)  # of several tracks of one name
    tracks = []
    for track in song.tracks:
        if track is bass:
            tracks.append(replace(track, notes=notes))
        elif not (is_joined and not track.is_drum and track.name == bass.name):
            tracks.append(track)
    number = 1 + next(at for at, track in enumerate(tracks) if track.index == bass.index)
    return replace(song, tracks=tuple(tracks)), number


@dataclass(frozen=True)
class SplicedSong:
    """A bass that is one song's for nine bars and another's from the tenth on.

    Attributes:
        song: the bass alone, 25 bars of 4/4.
        old, new: (256,) bool, over the bars from the tenth on: where the first song's bass would have started
            notes, and where the second song's does.
        real: (256,) bool, the kicks of the second song's real drums there.
    """

    song: MidiSong
    old: np.ndarray
    new: np.ndarray
    real: np.ndarray


def splice_songs(laid: Sequence[LaidSong], count: int, seed: int = 0) -> list[SplicedSong]:
    """Return `count` spliced songs of two different songs each, drawn at random; none where too few songs
    fit."""
    fitting = [song for song in laid if can_be_spliced(song)]
    if len(fitting) < 2:
        return []
    rng = np.random.default_rng(seed)
    pairs = [rng.choice(len(fitting), 2, replace=False) for _ in range(count)]
    return [spliced(fitting[one], fitting[other]) for one, other in pairs]


def can_be_spliced(song: LaidSong) -> bool:
    """Say whether a song is in 4/4, and its bass plays in most of 25 bars from its first."""
    first = _first_bar(song)
    sounds = song.bass_sounds[first : first + SPLICED_BAR + SPLICED_BARS]
    return song.is_common_time and len(sounds) == SPLICED_BAR + SPLICED_BARS and bool(sounds.mean() > 0.8)


def spliced(one: LaidSong, other: LaidSong) -> SplicedSong:
    """Return the song whose bass is `one`'s for nine bars from its first, then `other`'s from its tenth on.

    At the tempo of `one`.
    """
    resolution = one.grid.ticks_per_quarter
    total = SPLICED_BAR + SPLICED_BARS
    opening = _bars_of(one, 0, SPLICED_BAR, resolution)
    rest = _bars_of(other, SPLICED_BAR, total, resolution)
    qpm = float(one.grid.measure_qpm[_first_bar(one)])
    grid = Grid(resolution, total * 4 * resolution, ((0, qpm),), ((0, 4, 4),))
    track = Track("Bass", BASS_PROGRAM, False, Notes.join([opening, rest]), 0)
    begin = (_first_bar(other) + SPLICED_BAR) * STEPS_PER_MEASURE
    steps = slice(begin, begin + SPLICED_BARS * STEPS_PER_MEASURE)
    old = (_first_bar(one) + SPLICED_BAR) * STEPS_PER_MEASURE
    return SplicedSong(
        MidiSong("spliced", grid, (track,), build_midi((track,), grid)),
        old=one.onsets[old : old + SPLICED_BARS * STEPS_PER_MEASURE],
        new=other.onsets[steps],
        real=other.real[steps, kit.KICK],
    )


def spliced_values(
    drummer: SongDrummer, songs: Sequence[SplicedSong], watch: Watch = unwatched
) -> np.ndarray:
    """Return (n,) how much better the drummer's kicks fit the new bass than the old; see `kick_follows`."""
    values = []
    steps = slice(SPLICED_BAR * STEPS_PER_MEASURE, (SPLICED_BAR + SPLICED_BARS) * STEPS_PER_MEASURE)
    for spliced_song in watch(songs, f"{drummer.name}, spliced songs"):
        kick = drummer.play(spliced_song.song).drums.to_kit()[steps, kit.KICK]
        values.append(kick_follows(kick, spliced_song.new, spliced_song.old))
    return np.asarray(values)


def real_spliced_values(songs: Sequence[SplicedSong]) -> np.ndarray:
    """Return (n,) the same of the real drums that belong to the new bass."""
    return np.asarray([kick_follows(each.real, each.new, each.old) for each in songs])


def _first_bar(song: LaidSong) -> int:
    return int(np.argmax(song.bass_sounds))


def _bars_of(song: LaidSong, begin: int, end: int, resolution: int) -> Notes:
    """Return the bass notes that start in bars `begin` to `end` from the first of the bass, at another
    resolution."""
    grid, notes, first = song.grid, song.bass_notes, _first_bar(song)
    edges = np.append(grid.measure_ticks, grid.last_tick) - grid.ticks_per_step / 2
    inside = (notes.start_ticks >= edges[first + begin]) & (notes.start_ticks < edges[first + end])
    scale, zero = resolution / grid.ticks_per_quarter, grid.measure_ticks[first]
    starts = np.maximum(np.rint((notes.start_ticks[inside] - zero) * scale), 0)
    ends = np.minimum(np.rint((notes.end_ticks[inside] - zero) * scale), end * 4 * resolution)
    return Notes(starts, np.maximum(ends, starts + 1), notes.pitches[inside], notes.velocities[inside])
