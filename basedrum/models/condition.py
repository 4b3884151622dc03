"""What a drummer knows before it plays: bass, tempo, bars, what was played before, and controls.

Conventions: every field has the batch axis first; floats are float32. "Not given" is 0 in each field, so that
a condition can be left out sample by sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES

MOST_VOICES = 5
"""Songs that play more voices at once count as these."""
USUAL_HITS_PER_BAR = 14.0
USUAL_QPM = 120.0
MAX_INTERVAL = 12
NUM_INTERVALS = 2 * MAX_INTERVAL + 1
BASS_ROWS = 2 + NUM_INTERVALS + 3 + 1 + 1


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
        density: (B,) hits per bar asked for, 0 not given.
        bass_before: (B, 2, T, P) the bass of the phrase before; counts where `previous` is given.
        recalled: (B, T, V) hits of the phrase of the song whose bass was most like this one's
            (`models.recall`); counts where `likeness` does.
        likeness: (B, M) how like it each measure of the bass was, 0..1; zeros where nothing is recalled.
        form: (B, M + 1, F) where in the form of the song each measure lies, and the one after them, each
            feature in 0..1 (`music.form_features`); zeros where that is not known.
        voices: (B, V) 1 for the voices that the song uses; zeros where that is not given.
        most_voices: (B,) int64, how many voices the song plays at once at most, 1..MOST_VOICES; 0 not given.
    """

    bass: Tensor
    qpm: Tensor
    active: Tensor
    previous: Tensor
    has_previous: Tensor
    style: Tensor
    density: Tensor
    bass_before: Tensor
    recalled: Tensor
    likeness: Tensor
    form: Tensor
    voices: Tensor
    most_voices: Tensor

    def __len__(self) -> int:
        return len(self.bass)

    @cached_property
    def features(self) -> Tensor:
        """(B, R, M, S): `bass_features`, computed once for all networks."""
        return bass_features(self)

    @cached_property
    def features_before(self) -> Tensor:
        """(B, R, M, S): `bass_features` of the phrase before, zeros where none is given."""
        return bass_features(self.replace(bass=self.bass_before)) * self.has_previous[:, None, None, None]

    @property
    def is_recalled(self) -> Tensor:
        """(B,): 1 where a phrase is recalled."""
        return (self.likeness.amax(dim=1) > 0).to(self.likeness.dtype)

    @property
    def has_voices(self) -> Tensor:
        """(B,): 1 where it is given which voices the song uses."""
        return (self.voices.amax(dim=1) > 0).to(self.voices.dtype)

    def __getitem__(self, which: Tensor) -> Condition:
        """Return the samples that an index tensor picks."""
        return self._each(lambda field: field[which])

    def to(self, device: torch.device | str) -> Condition:
        """Return the condition on a device."""
        return self._each(lambda field: field.to(device, non_blocking=True))

    def replace(self, **changes: Tensor) -> Condition:
        """Return the condition with other fields; features are computed again."""
        return dataclasses.replace(self, **changes)

    def with_bass_of(self, order: Tensor) -> Condition:
        """Return the condition with the bass and tempo of other samples, the rest as it is: what drums that
        do not follow their bass look like."""
        return self.replace(bass=self.bass[order], qpm=self.qpm[order], bass_before=self.bass_before[order])

    @classmethod
    def join(cls, parts: list[Condition]) -> Condition:
        """Return the samples of all parts, one part after the other."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})

    def _each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        names = [field.name for field in dataclasses.fields(self)]
        return Condition(**{name: change(getattr(self, name)) for name in names})


def as_measures(phrase: Tensor) -> Tensor:
    """(B, T, ...) -> (B, M, S, ...)."""
    return phrase.unflatten(1, (MEASURES_PER_PHRASE, STEPS_PER_MEASURE))


def bass_features(condition: Condition) -> Tensor:
    """Return (B, R, M, S): rows that describe a bass line and do not depend on its key.

    Rows: onset; sustain; lowest onset pitch minus the phrase's median onset pitch, one-hot over -12..12 (25
    rows, wider intervals count as the outermost); higher, lower or same as the onset before (3 rows);
    log2(tempo / 120); active step. Only differences of pitch are used, so a transposed bass gives exactly the
    same rows.
    """
    onset, sustain = condition.bass[:, 0], condition.bass[:, 1]  # (B, T, P)
    is_onset = onset.amax(dim=2)  # (B, T)
    pitch = onset.argmax(dim=2)  # (B, T) lowest sounding row; 0 where silent
    played = is_onset > 0

    no_onset = torch.full_like(pitch, 1000)
    order = torch.where(played, pitch, no_onset).sort(dim=1).values  # onsets first, by pitch
    middle = ((played.sum(dim=1) - 1).clamp(min=0) // 2)[:, None]
    median = order.gather(1, middle)  # (B, 1); 1000 where silent, masked below
    interval = (pitch - median).clamp(-MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
    contour = one_hot(interval.clamp(0, NUM_INTERVALS - 1), NUM_INTERVALS)  # (B, T, 25)

    steps = torch.arange(onset.shape[1], device=onset.device).expand_as(pitch)
    latest = torch.where(played, steps, torch.full_like(steps, -1)).cummax(dim=1).values  # at or before t
    before = pad(latest[:, :-1], (1, 0), value=-1)  # last onset strictly before t
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


def control_features(condition: Condition, num_styles: int) -> Tensor:
    """Return (B, num_styles + 3): style one-hot, "not given" first; density in octaves from the usual;
    whether a density is given."""
    style = one_hot(condition.style, num_styles + 1).to(condition.bass.dtype)
    given = (condition.density > 0).to(condition.bass.dtype)
    density = torch.log2(condition.density.clamp(min=1.0) / USUAL_HITS_PER_BAR) * given
    return torch.cat([style, density[:, None], given[:, None]], dim=1)


def kit_features(condition: Condition) -> Tensor:
    """Return (B, V + MOST_VOICES + 2): the voices that the song uses, and whether they are given; the most
    voices at once one-hot, "not given" first."""
    most = one_hot(condition.most_voices, MOST_VOICES + 1).to(condition.voices.dtype)
    return torch.cat([condition.voices, condition.has_voices[:, None], most], dim=1)


NUM_KIT_FEATURES = NUM_VOICES + MOST_VOICES + 2
