"""A drummer for whole files: a MIDI song in, the song with drums out. The Python API.

    import basedrum
    drummer = basedrum.Drummer()
    song = drummer.play("bass.mid", fills=2)
    song.write("song.mid")

Nothing heavy is imported before a drummer is made.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from basedrum.errors import MidiError, printable
from basedrum.play_options import PlayOptions, to_docstring
from basedrum.played import PlayedSong
from basedrum.threads import one_thread

if TYPE_CHECKING:
    from basedrum.drummer.perform import KeptDrums, PhraseDrummer
    from basedrum.midi.midi_song import MidiSong
    from basedrum.midi.note_maps import NoteMap
    from basedrum.music.grid import Grid
    from basedrum.music.song import Song

MAX_MEASURES = 1_750  # of 12,000 songs of several collections the longest had 1,656
BarSpan = tuple[int, int]


class Drummer:
    """A loaded drummer, ready for any number of songs.

    Args:
        model: the name of a drummer that ships ("default"), the path of a file of weights, or anything that
            plays phrases (`drummer.perform.PhraseDrummer`).

    Raises:
        WeightsError: there is no such drummer, or the file is not one.
    """

    def __init__(self, model: str | os.PathLike | PhraseDrummer = "default") -> None:
        if not isinstance(model, str | os.PathLike):
            self.model = model
            return
        from basedrum.drummer.sampling import load_phrase_model

        with one_thread():
            self.model = load_phrase_model(os.fspath(model))

    @property
    def name(self) -> str:
        """The name it was loaded by."""
        return self.model.name

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles it can be asked for."""
        return tuple(self.model.styles)

    def play(
        self, song: str | os.PathLike | MidiSong, options: PlayOptions | None = None, **changes: Any
    ) -> PlayedSong:
        """Play drums to the bass line of a whole song; same song and options, same drums.

        Args:
            song: a MIDI file, or a song already read.
            options: how to play; None: the defaults.
            changes: single options, by name:

        Raises:
            MidiError: the file cannot be read, or it has no such bars or no drums to keep.
            NoBassError: no bass is found in it.
            ConfigError: an option out of its range, an unknown style or kit.
        """
        from basedrum.drummer.controls import Controls
        from basedrum.drummer.perform import perform
        from basedrum.midi.midi_song import as_loop
        from basedrum.midi.note_maps import read_note_map
        from basedrum.midi.reading import read_song
        from basedrum.music.bass_track import find_bass
        from basedrum.music.laid_grid import lay_song
        from basedrum.music.notes import Notes
        from basedrum.music.rolls import BassRoll
        from basedrum.music.sections import Form
        from basedrum.music.sounding import Sounding
        from basedrum.music.time_feel import bars_within, counted_as

        options = replace(options or PlayOptions(), **changes)
        Controls(style=options.style).check(self.styles)
        kit_map = read_note_map(options.kit)
        if isinstance(song, str | os.PathLike):
            song = read_song(song)
        if song.grid.num_measures > MAX_MEASURES:
            long = f"has more than {MAX_MEASURES} bars"
            raise MidiError(f"{printable(song.name)}: {long}, give a MIDI file of one song")
        if options.loop:
            song = as_loop(song)
        bass = find_bass(song, options.bass_track)
        pitched = [track.notes for track in song.tracks if not track.is_drum]
        start_tick = min(int(part.start_ticks.min()) for part in [bass.notes, *pitched])
        options = replace(options, feel=_feel(song, options.feel, kit_map))
        counted = counted_as(song.grid, options.feel, start_tick)
        bass_grid, grid = lay_song(bass.notes, Notes.join(pitched), counted, options.swing)
        parts = [bass.notes, *(pitched if options.rests == "play" else ())]
        sounding = Sounding.of(parts, bass_grid, start_tick)
        span = None if options.bars is None else _span(options.bars, song)
        kept = None if span is None else _kept_drums(song, grid, kit_map, bars_within(song.grid, grid, span))
        roll = BassRoll.from_notes(bass.notes, bass_grid)
        sounding = replace(sounding, form=Form.of(song, roll, bass_grid, bass.index))
        performance = perform(self.model, roll, grid, sounding, options, kept)
        written = grid
        if counted is not song.grid:
            _, written = lay_song(bass.notes, Notes.join(pitched), song.grid, options.swing)
        return PlayedSong(song, bass, performance, grid, kit_map, span, self.name, written)

    if play.__doc__:  # not under python -OO
        play.__doc__ = play.__doc__.replace("by name:\n", f"by name:\n{to_docstring(PlayOptions)}\n")


def _span(bars: tuple[int | None, int | None], song: Song) -> BarSpan:
    """Return the first and last bar, from 0. Raises MidiError where the song is shorter."""
    first, last = bars
    num_bars = int(song.grid.bars[-1]) + 1
    if max(first or 1, last or 1) > num_bars:
        asked = ":".join("" if bar is None else str(bar) for bar in bars)
        raise MidiError(f"{printable(song.name)}: bars {asked}: it has {num_bars}, choose among them")
    return (first or 1) - 1, (last or num_bars) - 1


def _feel(song: Song, asked: str, kit_map: NoteMap) -> str:
    """Return the feel a song is played in: the one asked for; "auto" is that of its own drums."""
    from basedrum.midi.note_maps import from_note_map
    from basedrum.music.song import drum_notes
    from basedrum.music.time_feel import feel_of

    return feel_of(from_note_map(drum_notes(song), kit_map), song.grid) if asked == "auto" else asked


def _kept_drums(song: Song, grid: Grid, kit_map: NoteMap, span: BarSpan) -> KeptDrums:
    """Return the drums the song has. Raises MidiError where it has none in this kit."""
    from basedrum.drummer.perform import KeptDrums
    from basedrum.midi.note_maps import from_note_map
    from basedrum.music.rolls import DrumRoll
    from basedrum.music.song import drum_notes

    notes = from_note_map(drum_notes(song), kit_map)
    if not len(notes):
        none = "has no drums to keep, give the song with its drums, or leave --bars out"
        raise MidiError(f"{printable(song.name)}: {none}")
    return KeptDrums(DrumRoll.from_notes(notes, grid), *span)
