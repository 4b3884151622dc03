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
    from basedrum.midi.reading import Song

MAX_MEASURES = 2_500  # of 12,000 songs of several collections the longest had 1,656; a bar takes a millisecond
MAX_SEED = 2**63 - 1


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
        humanize: float = 0.7,
    ) -> PlayedSong:
        """Play drums to the bass line of a whole song; same song, seed and options, same drums.

        Args:
            song: a MIDI file, or a song already read.
            bass_track: number (from 1) or part of the name of the bass track; found by itself if None.
            temperature: 0 the most typical answer, the same hits for every seed; 1 as learned; above 1 wild.
            density: hits per bar to aim at; None leaves it to the drummer.
            style: one of `styles`; None leaves it to the drummer.
            humanize: 0 flat and on the grid .. 1 the full spread in loudness and time of the human drummers measured.

        Raises:
            MidiError: the file cannot be read, or no bass is found in it (NoBassError).
            ConfigError: an option out of its range, or an unknown style.
        """
        from basedrum.drummer.feel import with_feel
        from basedrum.drummer.song import play_song, sounding_measures
        from basedrum.midi.reading import read_song
        from basedrum.midi.tracks import find_bass
        from basedrum.music.rolls import BassRoll

        _check(seed, temperature, density, humanize)
        state = self.model.new_song(seed, temperature=temperature, density=density, style=style)
        if isinstance(song, str | os.PathLike):
            song = read_song(song)
        grid = song.grid
        if grid.num_measures > MAX_MEASURES:
            raise MidiError(f"{printable(song.name)}: has more than {MAX_MEASURES} bars, give a MIDI file of one song")
        bass = find_bass(song, bass_track)
        sounding = sounding_measures([bass.notes, *(track.notes for track in song.tracks if not track.is_drum)], grid)
        with one_thread():
            hits = play_song(state, BassRoll.from_notes(bass.notes, grid), grid, sounding, self.model.lookahead)
        return PlayedSong(song, bass, with_feel(hits, seed, humanize), seed)


def _check(seed: int, temperature: float, density: float | None, humanize: float) -> None:
    """Raise ConfigError where an option of `Drummer.play` is out of its range."""
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed {seed}: out of range, give a whole number from 0 to 2^63 - 1")
    if not (math.isfinite(temperature) and 0 <= temperature <= 10):
        raise ConfigError(f"temperature {temperature:g}: out of range, give a number from 0 to 10")
    if density is not None and not (math.isfinite(density) and 0 < density <= 64):
        raise ConfigError(f"density {density:g}: out of range, give hits per bar above 0, at most 64")
    if not 0 <= humanize <= 1:
        raise ConfigError(f"humanize {humanize:g}: out of range, give a number from 0 to 1")
