"""What a drummer is told before it plays: the bass, the tempo, the bars, what it played before, and wishes.

Conventions: every field has the batch axis first; floats are float32, a "not given" is 0 (see each field), so
that a condition can be left out sample by sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE

USUAL_HITS_PER_BAR = 14.0
USUAL_QPM = 120.0
MAX_INTERVAL = 12
BASS_ROWS = 2 + (2 * MAX_INTERVAL + 1) + 3 + 1 + 1


@dataclass(frozen=True)
class Condition:
    """One batch of conditions.

    Attributes:
        bass: (B, 2, T, P) onset and sustain, 0 or 1.
        qpm: (B,) tempo in quarters per minute.
        active: (B, T) 1 where the step exists (a 3/4 measure has 12), else 0.
        previous: (B, T, V) hits of the phrase before; zeros where not given.
        has_previous: (B,) 1 where `previous` is given.
        style: (B,) int64, 0 not given, else 1 + index into the model's styles.
        density: (B,) wished hits per bar, 0 not given.
        bass_before: (B, 2, T, P) the bass of the phrase before; counts where `previous` is given. This and
            the next two are for drummers with a memory, None for others.
        recalled: (B, T, V) hits of the phrase of the song whose bass was most like this one's; counts where
            `likeness` does.
        likeness: (B, M) how like it each measure of the bass was, 0..1; zeros where nothing is recalled.
    """

    bass: Tensor
    qpm: Tensor
    active: Tensor
    previous: Tensor
    has_previous: Tensor
    style: Tensor
    density: Tensor
    bass_before: Tensor | None = None
    recalled: Tensor | None = None
    likeness: Tensor | None = None

    def __len__(self) -> int:
        return len(self.bass)

    @cached_property
    def heard(self) -> Tensor:
        """(B, R, M, S): `bass_features`, taken once for all who listen."""
        return bass_features(self)

    @cached_property
    def heard_before(self) -> Tensor:
        """(B, R, M, S): `bass_features` of the phrase before, zeros where none is given."""
        return bass_features(self.replace(bass=self.bass_before)) * self.has_previous[:, None, None, None]

    def __getitem__(self, which: Tensor) -> Condition:
        """Return the samples that an index tensor picks."""
        return self._each(lambda field: field[which])

    def to(self, device: torch.device | str) -> Condition:
        return self._each(lambda field: field.to(device, non_blocking=True))

    def replace(self, **changes: Tensor) -> Condition:
        return dataclasses.replace(self, **changes)

    def with_bass_of(self, order: Tensor) -> Condition:
        """Return the same drums' condition with the bass and tempo of other samples: what a deaf drummer
        would face."""
        before = None if self.bass_before is None else self.bass_before[order]
        return self.replace(bass=self.bass[order], qpm=self.qpm[order], bass_before=before)

    def repeat(self, times: int) -> Condition:
        """Return all samples, then all of them again, `times` in all."""
        return self if times == 1 else self._each(lambda field: field.repeat(times, *[1] * (field.dim() - 1)))

    @classmethod
    def join(cls, parts: list[Condition]) -> Condition:
        given = [f.name for f in dataclasses.fields(cls) if getattr(parts[0], f.name) is not None]
        return cls(**{name: torch.cat([getattr(p, name) for p in parts]) for name in given})

    def _each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        """Return the condition with every field changed that is given."""
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return Condition(**{name: change(field) for name, field in fields if field is not None})


def as_measures(phrase: Tensor) -> Tensor:
    """(B, T, ...) -> (B, M, S, ...)."""
    return phrase.unflatten(1, (MEASURES_PER_PHRASE, STEPS_PER_MEASURE))


def is_recalled(condition: Condition) -> Tensor:
    """Return (B,): 1 where a phrase is recalled."""
    return (condition.likeness.amax(dim=1) > 0).to(condition.likeness.dtype)


def bass_features(condition: Condition) -> Tensor:
    """Return (B, R, M, S): what can be heard of a bass line that does not depend on its key.

    Rows: onset; sustain; lowest onset pitch minus the phrase's median onset pitch, one-hot over -12..12 (25
    rows, further intervals count as the outermost); higher, lower or same as the onset before (3 rows);
    log2(tempo / 120); active step. Because only differences of pitch enter, transposing the bass changes
    nothing, exactly.
    """
    onset, sustain = condition.bass[:, 0], condition.bass[:, 1]  # (B, T, P)
    is_onset = onset.amax(dim=2)  # (B, T)
    pitch = onset.argmax(dim=2)  # (B, T) lowest sounding row; 0 where silent
    played = is_onset > 0

    order = (
        torch.where(played, pitch, torch.full_like(pitch, 1000)).sort(dim=1).values
    )  # onsets first, by pitch
    middle = ((played.sum(dim=1) - 1).clamp(min=0) // 2)[:, None]
    median = order.gather(1, middle)  # (B, 1); 1000 where silent, masked below
    interval = (pitch - median).clamp(-MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    contour = torch.nn.functional.one_hot(
        interval.clamp(0, 2 * MAX_INTERVAL), 2 * MAX_INTERVAL + 1
    )  # (B, T, 25)

    steps = torch.arange(onset.shape[1], device=onset.device).expand_as(pitch)
    latest = (
        torch.where(played, steps, torch.full_like(steps, -1)).cummax(dim=1).values
    )  # last onset at or before t
    before = torch.nn.functional.pad(latest[:, :-1], (1, 0), value=-1)  # last onset strictly before t
    move = (pitch - pitch.gather(1, before.clamp(min=0))).sign()  # (B, T) -1, 0, 1
    moves = torch.stack([move > 0, move < 0, move == 0], dim=2) & (before >= 0)[..., None]

    tempo = torch.log2(condition.qpm.clamp(min=1.0) / USUAL_QPM)[:, None, None].expand(-1, onset.shape[1], 1)
    rows = torch.cat(
        [
            is_onset[..., None],
            sustain.amax(dim=2)[..., None],
            contour * is_onset[..., None],
            moves * is_onset[..., None],
            tempo,
            condition.active[..., None],
        ],
        dim=2,
    )  # (B, T, R)
    return as_measures(rows).permute(0, 3, 1, 2).contiguous()  # (B, R, M, S)


def wish_features(condition: Condition, num_styles: int) -> Tensor:
    """Return (B, num_styles + 3): one-hot style with "not given" first, density in octaves from the usual,
    density given."""
    style = torch.nn.functional.one_hot(condition.style, num_styles + 1).to(condition.bass.dtype)
    given = (condition.density > 0).to(condition.bass.dtype)
    density = torch.log2(condition.density.clamp(min=1.0) / USUAL_HITS_PER_BAR) * given
    return torch.cat([style, density[:, None], given[:, None]], dim=1)
