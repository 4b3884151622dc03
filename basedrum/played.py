"""A song and the drums that were played to it: written, drawn, heard."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from basedrum.errors import BasedrumError, printable

if TYPE_CHECKING:
    import numpy as np

    from basedrum.drummer.perform import Performance
    from basedrum.midi.midi_song import MidiSong
    from basedrum.midi.note_maps import NoteMap
    from basedrum.music.grid import Grid
    from basedrum.music.notes import Notes
    from basedrum.music.rolls import DrumRoll
    from basedrum.music.song import Part, Track


@dataclass(frozen=True)
class PlayedSong:
    """A song and the drums a drummer played to it.

    Attributes:
        song: the song as read; bass: the track the drummer played to.
        performance: the drums, and what the drummer was asked.
        grid: the song's bars and beats as the drums are laid on them, swung beats bent.
        kit: the note map they are written with, and that of the drums the song had.
        bars: the first and last bar, from 0, that were played again while the others kept their drums;
            None: all.
        model: the name of the drummer.
        written: the grid of the song's written bars where the drummer counted others (half time, double
            time); None: `grid` is.
    """

    song: MidiSong
    bass: Track
    performance: Performance
    grid: Grid
    kit: NoteMap
    bars: tuple[int, int] | None = None
    model: str = "default"
    written: Grid | None = None

    @property
    def drums(self) -> DrumRoll:
        """The drums of the whole song, (measures * 16, 72) on the steps of `grid`."""
        return self.performance.drums

    @property
    def seed(self) -> int:
        """The seed of the noise they were drawn with, given or made from the bass."""
        return self.performance.seed

    @property
    def score(self) -> float | None:
        """How real the drummer's re-ranker finds them, more is better; None without one."""
        return self.performance.score

    @property
    def num_bars(self) -> int:
        return int(self.song.grid.bars[-1]) + 1

    @property
    def drum_notes(self) -> Notes:
        """The drums as notes on General MIDI pitches; a late hit on the last step stays inside the song."""
        from basedrum.midi.note_maps import from_note_map
        from basedrum.music.song import drum_notes

        new = self._new_notes
        return (
            new if self.bars is None else self._spliced(from_note_map(drum_notes(self.song), self.kit), new)
        )

    @property
    def _bar_grid(self) -> Grid:
        return self.written or self.grid

    @property
    def _new_notes(self) -> Notes:
        notes = self.drums.to_notes(self.grid)
        return replace(notes, start_ticks=notes.start_ticks.clip(max=self.song.grid.end_tick - 1))

    def _spliced(self, old: Notes, new: Notes) -> Notes:
        """Return the new notes of the bars that were played again, and the old ones of the others."""
        from basedrum.midi.splicing import is_in_bars

        assert self.bars is not None
        ours, theirs = (is_in_bars(notes.start_ticks, self._bar_grid, *self.bars) for notes in (new, old))
        return type(new).join([new[ours], old[~theirs]])

    @property
    def origin(self) -> str:
        """The model and the options the drums were made with: what is written into the file as a text."""
        options = self.performance.options
        words = replace(options, kit=os.path.basename(options.kit)).to_arguments()
        return printable(" ".join(["basedrum", "--model", os.path.basename(self.model), *words]), 1000)

    def to_midi(
        self,
        *,
        drums_only: bool = False,
        keep_drums: bool = False,
        split_voices: bool = False,
        count_in: int = 0,
    ) -> bytes:
        """Return a MIDI file: the song with these drums instead of its own (or beside them), or the drums
        alone.

        `origin` stands in it as a text. Where only some bars were played again, the notes of the others are
        those of the song (see `midi.splicing`), and its tracks are.

        Args:
            split_voices: a track for each voice of the drums.
            count_in: bars of clicks before the song.
        """
        from basedrum.midi.count_in import with_count_in
        from basedrum.midi.note_maps import to_note_map
        from basedrum.midi.splicing import song_with_new_bars
        from basedrum.midi.writing import drums_alone, song_with_drums
        from basedrum.music.kit import SIDE_STICK
        from basedrum.music.song import drum_notes

        notes = to_note_map(self._new_notes, self.kit)
        drums = self._by_voice() if split_voices else notes
        grid = self.song.grid
        if drums_only and self.bars is not None:
            data = drums_alone(self._spliced(drum_notes(self.song), notes), grid, self.origin)
        elif drums_only:
            data = drums_alone(drums, grid, self.origin)
        elif self.bars is not None:
            data = song_with_new_bars(self.song, notes, self.bars, self._bar_grid, self.origin)
        else:
            data = song_with_drums(self.song, drums, keep_drums, self.origin)
        return with_count_in(data, count_in, grid, self.kit[SIDE_STICK])

    def _by_voice(self) -> list[Part]:
        """Return the new drums as a part for each voice, and for each sound of a voice that has several."""
        import numpy as np

        from basedrum.midi.note_maps import to_note_map
        from basedrum.music.kit import VOICE_OF_PITCH, sound_name
        from basedrum.music.song import Part

        notes = self._new_notes
        names = np.asarray([sound_name(pitch) for pitch in notes.pitches])
        order = {sound_name(pitch): VOICE_OF_PITCH[pitch] for pitch in np.unique(notes.pitches)}
        parts = []
        for name in sorted(order, key=lambda name: (order[name], name)):
            own = to_note_map(notes[names == name], self.kit)
            parts.append(Part(name.capitalize(), 0, True, own))
        return parts

    def write(self, path: str | os.PathLike, **options) -> Path:
        """Write `to_midi`, with its options, to `path` and return the path.

        Raises:
            BasedrumError: the file cannot be written; one that was there stays as it was.
        """
        from basedrum.files import write_atomic

        write_atomic(path, self.to_midi(**options))
        return Path(path)

    def picture(self, path: str | os.PathLike, *, first_bar: int | None = None, num_bars: int = 8) -> Path:
        """Draw bass and drums of some bars as a PNG and return its path.

        Args:
            first_bar: from 1; None: the first that was played again, or where the drums begin.
            num_bars: how many (fewer where the song ends); up to 32 are readable.

        Raises:
            ValueError: there is no such bar. BasedrumError: the file cannot be written.
        """
        import numpy as np

        from basedrum.music.grid import STEPS_PER_MEASURE
        from basedrum.music.rolls import BassRoll, DrumRoll
        from basedrum.render.picture import draw

        grid = self._bar_grid
        drums = self.drums if grid is self.grid else DrumRoll.from_notes(self._new_notes, grid)
        if first_bar is not None:
            first = first_bar - 1
        elif self.bars is not None:
            first = self.bars[0]
        else:
            played = np.flatnonzero(drums.hits.any(axis=1))
            first = int(grid.bars[played[0] // STEPS_PER_MEASURE]) if len(played) else 0
        measures = np.flatnonzero((first <= grid.bars) & (grid.bars < first + num_bars))
        if first < 0 or not len(measures):
            raise ValueError(f"bars {first + 1} to {first + num_bars} of a song of {self.num_bars}")
        bass = BassRoll.from_notes(self.bass.notes, grid)
        shown = range(int(measures[0]), int(measures[-1]) + 1)
        draw(bass, drums, path, grid, printable(self.song.name, 60), shown)
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

        Bass and drums; with `drums_only` no bass, with `keep_drums` the song's own drums as well, with
        `whole_song` every part. The instruments are our own, or those of `soundfont` where FluidSynth is
        installed.

        Raises:
            BasedrumError: longer than 20 minutes, a soundfont that cannot be used.
        """
        from basedrum.music.song import Part
        from basedrum.render.sound import render

        def is_heard(track: Track) -> bool:
            if track.is_drum:
                return keep_drums
            return whole_song and not drums_only and track.index != self.bass.index

        parts = [Part("Drums", 0, True, self.drum_notes)]
        if not drums_only:
            parts.append(Part("Bass", 33, False, self.bass.notes))
        parts += [track for track in self.song.tracks if is_heard(track)]
        try:
            if soundfont is None:
                return render(parts, self.song.grid, rate=rate)
            from basedrum.render.soundfont import render_soundfont

            return render_soundfont(parts, self.song.grid, soundfont, rate=rate)
        except BasedrumError as error:
            raise BasedrumError(f"{printable(self.song.name)}: {error}") from error

    def wav(self, path: str | os.PathLike, **options) -> Path:
        """Write `sound`, with its options, as a WAV file of 16 bits and return its path.

        Raises:
            BasedrumError: as `sound`, or the file cannot be written.
        """
        from basedrum.files import write_atomic
        from basedrum.render.sound import to_wav

        write_atomic(path, to_wav(*self.sound(**options)))
        return Path(path)
