"""A drummer for whole files: a MIDI song in, the song with drums out. The Python API.

    import basedrum
    drummer = basedrum.Drummer()
    song = drummer.play("bass.mid", seed=1)
    song.write("song.mid")

Nothing heavy is imported before a drummer is made.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from basedrum.errors import ConfigError, MidiError, printable
from basedrum.played import PlayedSong
from basedrum.threads import one_thread

if TYPE_CHECKING:
    from basedrum.midi.note_maps import NoteMap
    from basedrum.music.grid import Grid
    from basedrum.music.rolls import DrumRoll
    from basedrum.music.song import Song

MAX_MEASURES = (
    1_750  # of 12,000 songs of several collections the longest had 1,656; a bar takes over two milliseconds
)
MAX_SEED = 2**63 - 1
RESTS = ("play", "rest")


class Drummer:
    """A loaded drummer, ready for any number of songs.

    Args:
        model: the name of a drummer that ships ("default"), or the path of a checkpoint.

    Raises:
        CheckpointError: there is no such drummer, or the file is not one.
    """

    def __init__(self, model: str | os.PathLike = "default") -> None:
        from basedrum.drummer.sampling import load_phrase_model

        with one_thread():
            self.model = load_phrase_model(os.fspath(model))

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles it can be asked for."""
        return tuple(self.model.styles)

    def play(
        self,
        song: str | os.PathLike | Song,
        *,
        seed: int = 0,
        bass_track: str | int | None = None,
        temperature: float = 1.0,
        density: float | None = None,
        style: str | None = None,
        fills: float = 1.0,
        humanize: float = 0.7,
        kit: str | os.PathLike = "gm",
        bars: tuple[int | None, int | None] | None = None,
        rests: str = "play",
        swing: float | None = None,
    ) -> PlayedSong:
        """Play drums to the bass line of a whole song; same song, seed and options, same drums.

        Args:
            song: a MIDI file, or a song already read.
            bass_track: number (from 1) or part of the name of the bass track; found by itself if None.
            temperature: 0 the most typical answer, the same hits for every seed; 1 as learned; above 1 wild.
            density: hits per bar to aim at; None leaves it to the drummer.
            style: one of `styles`; None leaves it to the drummer.
            fills: 0 none, the groove goes on where phrases end; 1 as learned; 2 one at the end of every
                phrase of four bars.
            humanize: 0 flat and on the grid .. 1 the full spread in loudness and time of the human drummers
                measured.
            kit: the notes the drums are written on: "gm", a plug-in's ("ad2", "ezd3", "sd3", "ssd5"), or a
                TOML or JSON file of voice = note.
            bars: play only these anew, first and last (from 1, both included; None: to the song's end) of a
                song that has drums already, in the same kit; those of the other bars stay as they are, and
                the new ones go on from them.
            rests: where only the bass rests, "play" goes on, hearing the last four bars of it (in an intro
                the four to come), "rest" rests as well. Where the whole band rests the drummer always does.
            swing: long to short of the drums' eighths, 1 straight to 3; None swings as the bass does, section
                by section.

        Raises:
            MidiError: the file cannot be read, no bass is found in it (NoBassError), it has no such bars or
            no drums to keep.
            ConfigError: an option out of its range, an unknown style or kit.
        """
        import numpy as np

        from basedrum.drummer.feel import with_feel
        from basedrum.drummer.fills import FillingPlayer, other_seeds
        from basedrum.drummer.redo import redo_song
        from basedrum.drummer.song import play_song, sounding_measures
        from basedrum.midi.note_maps import read_note_map
        from basedrum.midi.reading import read_song
        from basedrum.music.bass_track import find_bass
        from basedrum.music.grid import STEPS_PER_MEASURE
        from basedrum.music.laid_grid import lay_song
        from basedrum.music.notes import Notes
        from basedrum.music.rolls import BassRoll

        _check(seed, temperature, density, fills, humanize, swing, rests)
        kit_map = read_note_map(kit)
        wishes = {"temperature": temperature, "density": density, "style": style}
        player = state = self.model.new_song(seed, **wishes)
        if fills != 1:
            others = [self.model.new_song(other, **wishes) for other in other_seeds(seed)]
            player = FillingPlayer(state, others, fills, seed)
        if isinstance(song, str | os.PathLike):
            song = read_song(song)
        if song.grid.num_measures > MAX_MEASURES:
            raise MidiError(
                f"{printable(song.name)}: has more than {MAX_MEASURES} bars, give a MIDI file of one song"
            )
        bass = find_bass(song, bass_track)
        pitched = [track.notes for track in song.tracks if not track.is_drum]
        heard_grid, grid = lay_song(bass.notes, Notes.join(pitched), song.grid, swing)
        sounding = sounding_measures([bass.notes, *(pitched if rests == "play" else ())], heard_grid)
        start = min(int(part.start_ticks.min()) for part in [bass.notes, *pitched])
        heard = BassRoll.from_notes(bass.notes, heard_grid)
        span, old = None, None
        if bars is not None:
            span, old = _span(bars, song), _drums_of(song, grid, kit_map)
        with one_thread():
            if span is None:
                hits = play_song(player, heard, grid, sounding, self.model.lookahead, start)
            else:
                measures = np.flatnonzero((span[0] <= grid.bars) & (grid.bars <= span[1]))
                first, last = int(measures[0]), int(measures[-1])
                hits = redo_song(
                    player, heard, grid, sounding, old.to_kit(), first, last, self.model.lookahead, start
                )
        accents = BassRoll.from_notes(bass.notes, grid).velocities
        drums = with_feel(hits, grid, seed, humanize, style, accents)
        if span is not None:
            steps = slice(first * STEPS_PER_MEASURE, (last + 1) * STEPS_PER_MEASURE)
            drums = old.with_part(drums, steps)
        return PlayedSong(song, bass, drums, seed, kit_map, span, state.score, grid)


def _check(
    seed: int,
    temperature: float,
    density: float | None,
    fills: float,
    humanize: float,
    swing: float | None,
    rests: str,
) -> None:
    """Raise ConfigError where an option of `Drummer.play` is out of its range."""
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed {seed}: out of range, give a whole number from 0 to 2^63 - 1")
    if not (math.isfinite(temperature) and 0 <= temperature <= 10):
        raise ConfigError(f"temperature {temperature:g}: out of range, give a number from 0 to 10")
    if density is not None and not (math.isfinite(density) and 0 < density <= 64):
        raise ConfigError(f"density {density:g}: out of range, give hits per bar above 0, at most 64")
    if not 0 <= fills <= 2:
        raise ConfigError(f"fills {fills:g}: out of range, give a number from 0 to 2")
    if not 0 <= humanize <= 1:
        raise ConfigError(f"humanize {humanize:g}: out of range, give a number from 0 to 1")
    if swing is not None and not 1 <= swing <= 3:
        raise ConfigError(
            f"swing {swing:g}: out of range, give long to short from 1 (straight) to 3, or None"
        )
    if rests not in RESTS:
        raise ConfigError(f"rests {printable(rests)}: unknown, give one of {', '.join(RESTS)}")


def _span(bars: tuple[int | None, int | None], song: Song) -> tuple[int, int]:
    """Return the first and last bar, from 0. Raises ConfigError for what is no range, MidiError where the
    song is shorter."""
    first, last = bars
    num_bars = int(song.grid.bars[-1]) + 1
    if (first is not None and first < 1) or (last is not None and last < (first or 1)):
        raise ConfigError(
            f"bars {_said(first)}:{_said(last)}: is no range, give the first and last bar, counted from 1"
        )
    if max(first or 1, last or 1) > num_bars:
        raise MidiError(
            f"{printable(song.name)}: bars {_said(first)}:{_said(last)}: it has {num_bars}, choose among them"
        )
    return (first or 1) - 1, (last or num_bars) - 1


def _said(bar: int | None) -> str:
    return "" if bar is None else str(bar)


def _drums_of(song: Song, grid: Grid, kit_map: NoteMap) -> DrumRoll:
    """Return the drums the song has. Raises MidiError where it has none in this kit."""
    from basedrum.midi.note_maps import from_note_map
    from basedrum.music.rolls import DrumRoll
    from basedrum.music.song import drum_notes

    notes = from_note_map(drum_notes(song), kit_map)
    if not len(notes):
        raise MidiError(
            f"{printable(song.name)}: has no drums to keep, give the song with its drums, or leave --bars out"
        )
    return DrumRoll.from_notes(notes, grid)
