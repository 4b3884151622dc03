"""The drum kit: twelve voices, the General MIDI pitches each one gathers, and the pitch written back.

Conventions: a kit array is (..., 12) over voices in the order of `VOICES`; a pitch array is (..., 72) over
MIDI pitches from 24, as in `rolls`. The first pitch of a row is the one written where nothing else is said
(`drummer.sounds` says which sound a song's percussion has); every one of them exists in General MIDI's kit
(35..81).

Source: General MIDI percussion map. The shares were counted in real songs (`lab/NOTES.md`).
"""

from __future__ import annotations

import numpy as np

# voice, the pitches it gathers, its share of real hits
KIT: tuple[tuple[str, tuple[int, ...], float], ...] = (
    ("kick", (36, 35), 0.239),
    ("snare", (38, 40), 0.155),
    ("side stick", (37, 39), 0.021),
    ("closed hat", (42,), 0.210),
    ("pedal hat", (44,), 0.081),
    ("open hat", (46,), 0.063),
    ("low tom", (41, 43), 0.016),
    ("mid tom", (45, 47), 0.011),
    ("high tom", (48, 50), 0.007),
    ("crash", (49, 52, 55, 57), 0.025),
    ("ride", (51, 53, 59), 0.047),
    ("percussion", (54, 56, 58, *range(60, 83)), 0.101),
)
VOICES: tuple[str, ...] = tuple(row[0] for row in KIT)
NUM_VOICES = len(KIT)
(
    KICK,
    SNARE,
    SIDE_STICK,
    CLOSED_HAT,
    PEDAL_HAT,
    OPEN_HAT,
    LOW_TOM,
    MID_TOM,
    HIGH_TOM,
    CRASH,
    RIDE,
    PERCUSSION,
) = range(12)
WRITTEN_PITCHES: tuple[int, ...] = tuple(row[1][0] for row in KIT)
LOWEST_DRUM_PITCH, HIGHEST_DRUM_PITCH = 35, 81
LOWEST_PITCH, NUM_PITCHES = 24, 72  # of a pitch array

CLAP = 39
SOUND_NAMES: dict[int, str] = {
    CLAP: "clap",
    54: "tambourine",
    56: "cowbell",
    60: "bongos",
    61: "bongos",
    62: "congas",
    63: "congas",
    64: "congas",
    69: "cabasa",
    70: "maracas",
    82: "shaker",
}
"""What a pitch is called where its voice has several sounds; any other has its voice's name."""

VOICE_OF_PITCH = np.full(128, -1, dtype=np.int64)
"""(128,) the voice of each MIDI pitch, -1 where no voice gathers it."""
for _voice, (_, _pitches, _share) in enumerate(KIT):
    VOICE_OF_PITCH[list(_pitches)] = _voice


def fold(pitched: np.ndarray, lowest_pitch: int = 24) -> np.ndarray:
    """Return (..., 12) the largest value among the pitches of each voice.

    Args:
        pitched: (..., P) over the pitches from `lowest_pitch` up.
    """
    voices = []
    for _, pitches, _ in KIT:
        rows = np.asarray(pitches) - lowest_pitch
        is_inside = (rows >= 0) & (rows < pitched.shape[-1])
        voices.append(pitched[..., rows[is_inside]].max(axis=-1))
    return np.stack(voices, axis=-1)


def unfold(voices: np.ndarray, pitches: np.ndarray | None = None) -> np.ndarray:
    """Return (..., 72) with each voice (..., 12) on the pitch it is written with; `fold` undoes it.

    Args:
        pitches: (..., 12) the pitch of each hit, among those its voice gathers; None: `WRITTEN_PITCHES`.
    """
    pitched = np.zeros((*voices.shape[:-1], NUM_PITCHES), dtype=voices.dtype)
    written = WRITTEN_PITCHES if pitches is None else pitches
    rows = np.broadcast_to(np.asarray(written) - LOWEST_PITCH, voices.shape)
    np.put_along_axis(pitched, rows, voices, axis=-1)
    return pitched


def sound_name(pitch: int) -> str:
    """Return what a pitch is called: its own name, or that of its voice; "other" where no voice gathers
    it."""
    voice = VOICE_OF_PITCH[pitch]
    return SOUND_NAMES.get(pitch, VOICES[voice] if voice >= 0 else "other")
