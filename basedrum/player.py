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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from basedrum.errors import BasedrumError, ConfigError, MidiError, printable
from basedrum.threads import one_thread

if TYPE_CHECKING:
    import numpy as np

    from basedrum.midi.reading import Song, Track
    from basedrum.music.notes import Notes
    from basedrum.music.rolls import DrumRoll

MAX_MEASURES = 2_500  # of 12,000 songs of several collections the longest had 1,656; a bar takes a millisecond
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class PlayedSong:
    """A song and the drums a drummer played to it.

    Attributes:
        song: the song as read; bass: the track the drummer listened to.
        drums: the drums of the whole song, (measures * 16, 72); seed: what they were played with.
    """

    song: Song
    bass: Track
    drums: DrumRoll
    seed: int

    @property
    def num_bars(self) -> int:
        return int(self.song.grid.bars[-1]) + 1

    @property
    def drum_notes(self) -> Notes:
        """The drums as notes; a late hit on the last step stays inside the song."""
        notes = self.drums.to_notes(self.song.grid)
        return replace(notes, start_ticks=notes.start_ticks.clip(max=self.song.grid.end_tick - 1))

    def to_midi(self, *, drums_only: bool = False, keep_drums: bool = False) -> bytes:
        """Return a MIDI file: the song with these drums instead of its own (or beside them), or the drums alone."""
        from basedrum.midi.writing import drums_alone, song_with_drums

        notes = self.drum_notes
        return drums_alone(notes, self.song.grid) if drums_only else song_with_drums(self.song, notes, keep_drums)

    def write(self, path: str | os.PathLike, *, drums_only: bool = False, keep_drums: bool = False) -> Path:
        """Write `to_midi` to `path` and return the path.

        Raises:
            BasedrumError: the file cannot be written; one that was there stays as it was.
        """
        from basedrum.files import write_atomic

        write_atomic(path, self.to_midi(drums_only=drums_only, keep_drums=keep_drums))
        return Path(path)

    def picture(self, path: str | os.PathLike, *, first_measure: int = 0, num_measures: int = 8) -> Path:
        """Draw bass and drums of some measures as a PNG and return its path.

        Raises:
            ValueError: there is no such measure. BasedrumError: the file cannot be written.
        """
        from basedrum.listening.picture import draw
        from basedrum.music.rolls import BassRoll

        bass = BassRoll.from_notes(self.bass.notes, self.song.grid)
        draw(bass, self.drums, path, self.song.grid, printable(self.song.name, 60), first_measure, num_measures)
        return Path(path)

    def sound(
        self,
        *,
        rate: int = 44_100,
        drums_only: bool = False,
        keep_drums: bool = False,
        whole_song: bool = False,
        soundfont: str | os.PathLike | None = None,
    ) -> tuple[np.ndarray, int]:
        """Return what it sounds like, (n, 2) float32 in -1..1, and its rate in Hz.

        Bass and drums; with `drums_only` no bass, with `keep_drums` the song's own drums as well, with `whole_song` every part.
        The instruments are our own, or those of `soundfont` where FluidSynth is installed.

        Raises:
            BasedrumError: longer than 20 minutes, a soundfont that cannot be used.
        """
        from basedrum.listening.sound import render
        from basedrum.midi.building import Part

        def is_heard(track: Track) -> bool:
            if track.is_drum:
                return keep_drums
            return whole_song and not drums_only and track.index != self.bass.index

        parts = [Part("Drums", 0, True, self.drum_notes)]
        if not drums_only:
            parts.append(Part("Bass", 33, False, self.bass.notes))
        parts += filter(is_heard, self.song.tracks)
        try:
            if soundfont is None:
                return render(parts, self.song.grid, rate=rate)
            from basedrum.listening.soundfont import render_soundfont

            return render_soundfont(parts, self.song.grid, soundfont, rate=rate)
        except BasedrumError as error:
            raise BasedrumError(f"{printable(self.song.name)}: {error}") from error

    def wav(self, path: str | os.PathLike, **options) -> Path:
        """Write `sound`, with its options, as a WAV file of 16 bits and return its path.

        Raises:
            BasedrumError: as `sound`, or the file cannot be written.
        """
        from basedrum.files import write_atomic
        from basedrum.listening.sound import to_wav

        write_atomic(path, to_wav(*self.sound(**options)))
        return Path(path)


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
