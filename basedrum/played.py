"""A song and the drums that were played to it: written, drawn, heard."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from basedrum.errors import BasedrumError, printable

if TYPE_CHECKING:
    import numpy as np

    from basedrum.midi.reading import Song, Track
    from basedrum.music.notes import Notes
    from basedrum.music.rolls import DrumRoll


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
