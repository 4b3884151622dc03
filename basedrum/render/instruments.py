"""The built-in instruments in numbers: the drums of General MIDI's kit, a bass, and a tone for the rest.

Each drum is a row: partials that ring, a band of noise, how loud, where from. `sound` makes samples of them.

Conventions: times in seconds, frequencies in Hz, pitches and programs those of General MIDI, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drum:
    """A drum in numbers.

    Attributes:
        partials_hz: what rings.
        ring_s: the time in which the partials fall to 1/e.
        noise_hz: lower and upper edge of the band of noise.
        noise_s: the time in which the noise falls to 1/e.
        mix: 0 all partials .. 1 all noise.
        level: peak at velocity 127, 0..1.
        pan: -1 left .. 1 right, as the audience sees the kit.
        sweep: how many times higher the partials start; they fall within 30 ms.
    """

    partials_hz: tuple[float, ...]
    ring_s: float
    noise_hz: tuple[float, float]
    noise_s: float
    mix: float
    level: float
    pan: float = 0.0
    sweep: float = 1.0

    @property
    def length_s(self) -> float:
        ring_s = self.ring_s if self.mix < 1 else 0.0
        noise_s = self.noise_s if self.mix > 0 else 0.0
        return min(6.0 * max(ring_s, noise_s), 2.4)


def _tom(hz: float, pan: float) -> Drum:
    return Drum((hz, 1.59 * hz), 0.15, (250, 3500), 0.02, 0.15, 0.62, pan, 1.5)


def _skin(hz: float, pan: float, ring_s: float = 0.07) -> Drum:
    return Drum((hz, 1.6 * hz), ring_s, (700, 5000), 0.008, 0.25, 0.42, pan, 1.15)


def _bell(hz: float, pan: float, ring_s: float, level: float = 0.25) -> Drum:
    return Drum((hz, 1.504 * hz, 2.74 * hz), ring_s, (2000, 9000), 0.006, 0.15, level, pan)


def _shaker(noise_s: float, pan: float, low_hz: float = 4500) -> Drum:
    return Drum((), 0.0, (low_hz, 13000), noise_s, 1.0, 0.16, pan)


_METAL = (3150.0, 4270.0, 5330.0, 6410.0, 7590.0, 8830.0, 10370.0, 12110.0)  # no two in a simple ratio
_SIDE_STICK = Drum((830, 1710, 2540), 0.014, (1500, 7000), 0.008, 0.35, 0.42, -0.05)
_CRASH = Drum(_METAL, 0.45, (2200, 15000), 0.5, 0.75, 0.42, -0.4)
_RIDE = Drum(_METAL, 0.4, (4500, 14000), 0.3, 0.45, 0.27, 0.4)
SHAKER = _shaker(0.03, 0.3)
DRUMS: dict[int, Drum] = {
    35: Drum((46,), 0.13, (1200, 4500), 0.004, 0.06, 0.85, 0.0, 3.0),
    36: Drum((52,), 0.11, (1500, 5500), 0.004, 0.08, 0.85, 0.0, 3.2),
    37: _SIDE_STICK,
    38: Drum((186, 331), 0.055, (800, 9500), 0.065, 0.62, 0.62, 0.0, 1.25),
    39: Drum((), 0.0, (900, 4500), 0.05, 1.0, 0.4, 0.1),  # hand clap
    40: Drum((212, 380), 0.045, (1000, 10500), 0.055, 0.62, 0.62, 0.0, 1.25),
    41: _tom(80, 0.35),
    42: Drum(_METAL[3:], 0.016, (5800, 13500), 0.02, 0.8, 0.3, -0.25),
    43: _tom(95, 0.3),
    44: Drum(_METAL[2:], 0.02, (5200, 12000), 0.026, 0.85, 0.2, -0.25),
    45: _tom(114, 0.15),
    46: Drum(_METAL[2:], 0.16, (5000, 13500), 0.18, 0.75, 0.28, -0.25),
    47: _tom(134, 0.05),
    48: _tom(160, -0.1),
    49: _CRASH,
    50: _tom(192, -0.2),
    51: _RIDE,
    52: Drum(_METAL, 0.25, (1500, 12000), 0.4, 0.85, 0.42, 0.3),  # china
    53: Drum((2090, 3340, 5210, 7730), 0.3, (4500, 12000), 0.2, 0.25, 0.25, 0.4),  # bell of the ride
    54: Drum(_METAL[2:], 0.05, (5000, 14000), 0.06, 0.6, 0.22, 0.3),  # tambourine
    55: Drum(_METAL, 0.15, (3000, 16000), 0.18, 0.75, 0.38, -0.2),  # splash
    56: _bell(540, 0.2, 0.06),
    57: Drum(_METAL, 0.4, (1900, 14000), 0.45, 0.75, 0.42, 0.4),  # the other crash
    59: Drum(_METAL[1:], 0.35, (4500, 14000), 0.28, 0.5, 0.27, 0.35),
    60: _skin(400, 0.2),
    61: _skin(300, 0.25),
    62: _skin(330, -0.25, 0.03),
    63: _skin(250, -0.25),
    64: _skin(190, -0.3, 0.1),
    65: _skin(420, 0.35),
    66: _skin(310, 0.35),
    67: _bell(900, 0.3, 0.1),
    68: _bell(680, 0.3, 0.1),
    69: _shaker(0.04, -0.3),
    70: _shaker(0.025, 0.3),
    73: _shaker(0.05, -0.2, 3000),
    74: _shaker(0.1, -0.2, 3000),
    75: _bell(2500, 0.2, 0.015),
    76: _bell(1100, 0.2, 0.02),
    77: _bell(830, 0.2, 0.02),
    80: _bell(5200, -0.3, 0.03, 0.15),
    81: _bell(5200, -0.3, 0.35, 0.15),
}
"""The sound of each General MIDI drum; any other pitch is a shaker."""
HATS, OPEN_HAT = (42, 44, 46), 46


@dataclass(frozen=True)
class Timbre:
    """A pitched sound.

    Attributes:
        num_harmonics: of a saw or a triangle.
        is_saw: a saw, else a triangle.
        dull_s: the time in which its low harmonics fall to 1/e.
        bright_s: that of its high ones.
        level: peak at velocity 127, 0..1.
    """

    num_harmonics: int
    is_saw: bool
    dull_s: float
    bright_s: float
    level: float


BASS = Timbre(24, True, 1.6, 0.16, 0.35)
PLAIN = Timbre(6, False, 2.5, 0.5, 0.14)
BASS_PROGRAMS = range(32, 40)
