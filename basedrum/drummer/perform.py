"""The seam between what makes a bass line and what plays to it: a bass on a grid in, the drums of the song
out.

Whoever has a `BassRoll` (read from MIDI, transcribed, written by a program) calls `perform`; it knows no
files.

Conventions: rolls are on the steps of the grid, M measures of 16; measures are counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from basedrum.drummer.backbeat import BackbeatPlayer
from basedrum.drummer.controls import Controls, own_style
from basedrum.drummer.feel import with_feel
from basedrum.drummer.fills import FillingPlayer, other_seeds
from basedrum.drummer.hands import Company, HandedPlayer, with_two_hands
from basedrum.drummer.redo import Kept, redo_song
from basedrum.drummer.seed import seed_of
from basedrum.drummer.song import PhrasePlayer, play_song
from basedrum.drummer.sounds import choose_sounds, is_clap_style
from basedrum.drummer.steady import SteadyPlayer
from basedrum.drummer.stops import with_stops
from basedrum.music.grid import STEPS_PER_MEASURE, Grid
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.music.rounds import TwoRounds, bass_twice, drums_twice, sounding_twice
from basedrum.music.sounding import Sounding
from basedrum.play_options import PlayOptions
from basedrum.threads import one_thread


class SongPlayer(PhrasePlayer, Protocol):
    """A drummer in the middle of a song that can say how real its drums are."""

    @property
    def score(self) -> float | None:
        """How real a re-ranker finds the phrases so far, more is better; None without one."""


class PhraseDrummer(Protocol):
    """What `perform` needs of a drummer: `drummer.sampling.PhraseModel` is one, so is a baseline."""

    name: str
    lookahead: int
    styles: tuple[str, ...]

    def new_song(self, seed: int, controls: Controls) -> SongPlayer:
        """Return a player for one song. Raises ConfigError for a style the drummer does not know."""


@dataclass(frozen=True)
class Performance:
    """What a drummer played to a song.

    Attributes:
        drums: the drums of the whole song, on the steps of its grid.
        options: what it was asked, the seed it was drawn with among it.
        player: the drummer in the state the song left it in.
        seed_was_drawn: whether the seed was made from the bass, since none was given.
    """

    drums: DrumRoll
    options: PlayOptions
    player: SongPlayer
    seed_was_drawn: bool = False

    @property
    def seed(self) -> int:
        """The seed of the noise, given or made from the bass."""
        assert self.options.seed is not None
        return self.options.seed

    @property
    def score(self) -> float | None:
        """How real a re-ranker finds the drums, more is better; None without one. It compares drums to one
        bass."""
        return self.player.score


@dataclass(frozen=True)
class KeptDrums:
    """The drums a song has, of which only the bars `first` to `last` (from 0, both included) are played
    again."""

    drums: DrumRoll
    first_bar: int
    last_bar: int


def perform(
    model: PhraseDrummer,
    bass: BassRoll,
    grid: Grid,
    sounding: Sounding,
    options: PlayOptions,
    kept: KeptDrums | None = None,
) -> Performance:
    """Play drums to the bass line of a whole song; same bass, grid and options, same drums.

    Args:
        bass: (M * 16, 72) on the steps of `grid`.
        sounding: where the band plays; the drums rest elsewhere.
        options: seed (None: made from the bass), temperature, density, style, fills, humanize, percussion and
            loop count here, and of the feel that it is another; what concerns files (bars, kit, bass_track)
            and the laying of the grid (swing, rests, feel) does not.
        kept: where only some bars are to be played again.

    Raises:
        ConfigError: a style the drummer does not know.
        ValueError: bass, grid and sounding are of different lengths.
    """
    seed_was_drawn = options.seed is None
    seed = seed_of(bass) if options.seed is None else options.seed
    options = replace(options, seed=seed, style=own_style(options.style, model.styles))
    song = model.new_song(seed, Controls(options.temperature, options.density, options.style))
    inputs = SongInputs(bass, grid, sounding, kept)
    with one_thread():
        if options.loop:
            steps = slice(bass.num_steps, None)
            drums = _drums(model, song, inputs.twice(), options)[steps]
        else:
            drums = _drums(model, song, inputs, options)
    return Performance(drums, options, song, seed_was_drawn)


@dataclass(frozen=True)
class SongInputs:
    """What a drummer is given of a song: see `perform`."""

    bass: BassRoll
    grid: Grid
    sounding: Sounding
    kept: KeptDrums | None = None

    def twice(self) -> SongInputs:
        """Return two rounds of the song; of kept drums the bars of the second are played again."""
        kept = self.kept
        if kept is not None:
            first = int(self.grid.bars[-1]) + 1
            kept = KeptDrums(drums_twice(kept.drums), first + kept.first_bar, first + kept.last_bar)
        return SongInputs(bass_twice(self.bass), TwoRounds.of(self.grid), sounding_twice(self.sounding), kept)


def _drums(model: PhraseDrummer, song: SongPlayer, inputs: SongInputs, options: PlayOptions) -> DrumRoll:
    """Return the drums of a whole song, those of the kept bars among them."""
    assert options.seed is not None
    grid, kept, song_seed = inputs.grid, inputs.kept, options.seed
    player = _with_options(model, song, options)
    if kept is None:
        hits = play_song(player, inputs.bass, grid, inputs.sounding, model.lookahead)
        hits = with_stops(hits, inputs.sounding, grid.measure_steps, song_seed)
        return _with_feel(hits, inputs.bass, grid, options)
    measures = np.flatnonzero((kept.first_bar <= grid.bars) & (grid.bars <= kept.last_bar))
    span = Kept(kept.drums.to_kit(), int(measures[0]), int(measures[-1]))
    hits = redo_song(player, inputs.bass, grid, inputs.sounding, span, model.lookahead)
    hits = with_stops(hits, inputs.sounding, grid.measure_steps, song_seed)
    steps = slice(span.first * STEPS_PER_MEASURE, (span.last + 1) * STEPS_PER_MEASURE)
    others = kept.drums.with_part(DrumRoll.empty(len(hits)), steps)
    return kept.drums.with_part(_with_feel(hits, inputs.bass, grid, options, others), steps)


def _with_options(model: PhraseDrummer, song: SongPlayer, options: PlayOptions) -> PhrasePlayer:
    """Return the player of a song as the options want it: its fills, its hands, its percussion."""
    assert options.seed is not None
    player: PhrasePlayer = song
    if options.feel in ("half", "double"):
        player = BackbeatPlayer([song, *_others(model, options)])
    if options.fills != 1:
        player = FillingPlayer(player, _others(model, options), options.fills, options.seed)
    player = SteadyPlayer(player)
    return HandedPlayer(player, Company(options.percussion == "on", is_clap_style(options.style)))


def _others(model: PhraseDrummer, options: PlayOptions) -> list[SongPlayer]:
    """Return the same drummer with other noise."""
    assert options.seed is not None
    controls = Controls(options.temperature, options.density, options.style)
    return [model.new_song(other, controls) for other in other_seeds(options.seed)]


def _with_feel(
    hits: np.ndarray, bass: BassRoll, grid: Grid, options: PlayOptions, kept: DrumRoll | None = None
) -> DrumRoll:
    """Return hits (M * 16, 12) with the sounds of the song, and the loudness and timing of a human drummer
    who follows the bass's dynamics.

    Args:
        kept: drums of other bars, whose sounds go on.
    """
    assert options.seed is not None
    hits = with_two_hands(hits)  # compound beats were given hats after the phrases were played
    feel = with_feel(hits, grid, options.seed, options.humanize, options.style, bass.velocities)
    sounds = choose_sounds(hits, options.seed, options.style, kept)
    if options.percussion == "off":
        sounds = sounds.of_kit()
    return feel.with_pitches(sounds.pitches(hits))
