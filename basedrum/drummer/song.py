"""A whole song from a drummer that knows phrases of four measures: where it plays, what bass it is given,
how phrases join.

The song is cut into phrases of four measures from the first measure with sound; each phrase is played
knowing the drums of the phrase before it. The last phrase, where fewer than four measures are left, is a
window over the song's last four
measures of which only the new ones are kept: it is filled by looking back at real music, never padded with
silence.

Where the drummer plays: in every measure in which any pitched part sounds; a note that rings on counts.
Where the whole band rests, it rests. What bass it is given: that of the measure. Where the bass rests it is
given the last four measures the bass played, round and round in step; before the bass has come in (an
intro) the first four it will play. So an intro, a break of the bass or an outro gets the groove of its
neighbourhood. With a lookahead of one phrase, a phrase is played to the bass of the phrase before it, and
the very first phrase, which has none before it, to its own.

Conventions: hits are (num_measures * 16, 12) bool over the voices of the kit; a phrase is (64, 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from basedrum.drummer.layout import SongLayout
from basedrum.drummer.phrase import Phrase
from basedrum.music.form_features import of_window
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE, Grid
from basedrum.music.kit import CLOSED_HAT, NUM_VOICES
from basedrum.music.rolls import BassRoll, active_steps
from basedrum.music.sounding import Sounding


class PhrasePlayer(Protocol):
    """A drummer in the middle of a song: it plays one phrase after the other, its noise and settings its
    own."""

    def play(self, phrase: Phrase) -> np.ndarray:
        """Return hits (64, 12) bool."""

    def remember(self, bass: np.ndarray, hits: np.ndarray) -> None:
        """Keep a phrase in memory: the bass (2, 64, 72) that was given, the drums (64, 12) that were
        played."""


def play_song(
    state: PhrasePlayer,
    bass: BassRoll,
    grid: Grid,
    sounding: Sounding,
    lookahead: int = 0,
    starts: Sequence[int] | None = None,
) -> np.ndarray:
    """Return the drums of a whole song as hits (M * 16, 12) bool, none on an inactive step nor at or after
    `grid.end_tick`.

    Args:
        bass: the whole song's bass, M * 16 steps.
        sounding: where the band plays. If it begins with a pickup, no hit comes before it and phrases begin
            with the next bar.
        lookahead: 0 plays a phrase to its own bass, 1 to the bass of the phrase before.
        starts: measures of 4/4 (see `SongLayout`) at which phrases begin; None: where the bass says so.

    Raises:
        ValueError: bass, grid and sounding are of different lengths.
    """
    layout = SongLayout(bass, grid, sounding)
    hits = np.zeros((len(layout.steps), STEPS_PER_MEASURE, NUM_VOICES), bool)
    previous, window_before = None, None
    for index, (window, num_new) in enumerate(layout.windows(starts)):
        new = window[MEASURES_PER_PHRASE - num_new :]
        if window[-1] < layout.first:  # the pickup, the last to be played: nothing was before it
            previous, window_before = None, None
        source = window if lookahead == 0 or window_before is None else window_before
        window_before = window
        if not layout.is_played[new].any():
            continue  # the whole band rests; the next phrase still follows the drums before the rest
        steps = layout.steps[window]
        given = layout.bass(source, window)
        form = of_window(layout.form, window)
        phrase = Phrase(given, float(layout.qpm[window[0]]), steps, previous, index, form)
        played = state.play(phrase)
        previous = np.asarray(played, bool) & active_steps(steps)[:, None]
        state.remember(given, previous)
        hits[new] = previous.reshape(MEASURES_PER_PHRASE, STEPS_PER_MEASURE, NUM_VOICES)[-num_new:]
    whole = in_threes(layout.to_song(hits), bass.hits.reshape(grid.num_measures, -1), grid)
    step_ticks = grid.tick_at(np.arange(grid.num_measures)[:, None], np.arange(STEPS_PER_MEASURE))
    is_open = step_ticks < grid.end_tick
    if layout.first_bar and sounding.start_tick is not None:
        is_open &= step_ticks > sounding.start_tick - grid.ticks_per_step / 2
    return (whole & is_open[..., None]).reshape(-1, NUM_VOICES)


def in_threes(hits: np.ndarray, bass_hits: np.ndarray, grid: Grid) -> np.ndarray:
    """Return hits (M, 16, 12) with ternary beats played in three.

    What falls in the very middle of such a beat moves to its last third, unless the bass (M, 16) plays there
    too: of real drummers 1 hit in 50 of swung songs lies there, of ours 1 in 14. In compound bars of fewer
    than four beats (6/8) a closed hat on the first and the last third plays the second as well: real hats
    sound there in .45 of the beats, ours in .1 (lab/NOTES.md).
    """
    hits = hits.copy()
    beats = hits.reshape(len(hits), -1, STEPS_PER_BEAT, NUM_VOICES)
    moved = grid.is_ternary[:, None] & ~bass_hits.reshape(beats.shape[:3])[:, :, 2]
    beats[:, :, 3] |= beats[:, :, 2] & moved[..., None]
    beats[:, :, 2] &= ~moved[..., None]
    flows = (grid.pace != 1) & (grid.measure_steps < STEPS_PER_MEASURE)
    beats[:, :, 1, CLOSED_HAT] |= beats[:, :, 0, CLOSED_HAT] & beats[:, :, 3, CLOSED_HAT] & flows[:, None]
    return hits
