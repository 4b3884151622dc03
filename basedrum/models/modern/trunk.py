"""The trunk of the generator: masked 2-D convolutions on the (measure, step) map, or a recurrent net over the
steps. Both give each step what came at it or before it, and nothing else.

Conventions: inputs are (B, T, I), steps in reading order over the map of M measures by S steps; `start`
(B, H) is what holds for the whole phrase. `steps` plays one step after the other and gives what `forward`
gives for all at once.

Source: masked convolutions are those of PixelCNN (van den Oord et al., arXiv 1606.05328), their taps spaced
as in WaveNet (arXiv 1609.03499): along steps, beats and measures.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basedrum.models.modern.blocks import SLOPE, position_map
from basedrum.music.grid import MEASURES_PER_PHRASE, STEPS_PER_BEAT, STEPS_PER_MEASURE, STEPS_PER_PHRASE

CHANNELS = 80
TAPS = 4
SPACINGS = (1, STEPS_PER_BEAT, STEPS_PER_MEASURE) * 2


class TrunkSteps(Protocol):
    """A trunk in the middle of a phrase."""

    def advance(self, step: int, past: Tensor) -> Tensor:
        """Return (B, H) of a step, given the part `past` (B, L) of its inputs that was not known before."""


class MaskedBlock(nn.Module):
    """Norm, masked convolution, leaky ReLU, 1x1, skip, on maps (B, C, M, S); begins near the identity.

    The convolution's four taps lie 0 to 3 times `spacing` steps back, in reading order: a step is given
    nothing of those after it.
    """

    def __init__(self, channels: int, spacing: int) -> None:
        super().__init__()
        self.spacing = spacing
        self.norm = nn.LayerNorm(channels)
        if spacing == STEPS_PER_MEASURE:
            self.taps = nn.Conv2d(channels, channels, (TAPS, 1))
        else:
            self.taps = nn.Conv2d(channels, channels, (1, TAPS), dilation=(1, spacing))
        self.mix = nn.Conv2d(channels, channels, 1)
        nn.init.normal_(self.mix.weight, std=1e-3)
        assert self.mix.bias is not None
        nn.init.zeros_(self.mix.bias)

    def forward(self, maps: Tensor) -> Tensor:
        normed = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return maps + self.mix(F.leaky_relu(self.taps(self._with_earlier(normed)), SLOPE))

    def _with_earlier(self, maps: Tensor) -> Tensor:
        """Return the map with what lies before it: measures of silence above, or to the left of each measure
        the end of the one before."""
        reach = (TAPS - 1) * self.spacing
        if self.spacing == STEPS_PER_MEASURE:
            return F.pad(maps, (0, 0, TAPS - 1, 0))
        ends = F.pad(maps[:, :, :-1, -reach:], (0, 0, 1, 0))  # (B, C, M, reach)
        return torch.cat([ends, maps], dim=3)


class ConvTrunk(nn.Module):
    """Six masked blocks, their taps spaced one step, one beat and one measure, twice."""

    def __init__(self, inputs: int, start: int) -> None:
        super().__init__()
        self.width = CHANNELS
        self.stem = nn.Linear(inputs, CHANNELS)
        self.begin = nn.Linear(start, CHANNELS)
        self.position = position_map(CHANNELS, MEASURES_PER_PHRASE, STEPS_PER_MEASURE)
        self.blocks = nn.ModuleList(MaskedBlock(CHANNELS, spacing) for spacing in SPACINGS)
        self.last = nn.LayerNorm(CHANNELS)

    def forward(self, inputs: Tensor, start: Tensor) -> Tensor:
        """(B, T, I) and (B, start) -> (B, T, H)."""
        columns = self.stem(inputs) + self.begin(start)[:, None]  # (B, T, C)
        maps = columns.unflatten(1, (MEASURES_PER_PHRASE, STEPS_PER_MEASURE)).permute(0, 3, 1, 2)
        maps = maps + self.position
        for block in self.blocks:
            maps = block(maps)
        return self.last(maps.permute(0, 2, 3, 1).flatten(1, 2))

    def steps(self, known: Tensor, start: Tensor) -> TrunkSteps:
        """Begin a phrase whose inputs are known up to those of the past: `known` (B, T, I - L)."""
        return _ConvSteps(self, known, start)


class _ConvSteps:
    """Each block keeps its normed inputs of all steps, silence before the first."""

    def __init__(self, trunk: ConvTrunk, known: Tensor, start: Tensor) -> None:
        size = known.shape[2]
        weight = trunk.stem.weight
        columns = F.linear(known, weight[:, :size], trunk.stem.bias) + trunk.begin(start)[:, None]
        position = trunk.position.flatten(1).t()  # (T, C)
        self.columns = (columns + position).unbind(1)
        self.of_past = weight[:, size:].t().contiguous()
        self.norm = trunk.last
        self.blocks = [_BlockSteps(cast(MaskedBlock, block), known) for block in trunk.blocks]

    def advance(self, step: int, past: Tensor) -> Tensor:
        column = torch.addmm(self.columns[step], past, self.of_past)
        for block in self.blocks:
            column = block.advance(step, column)
        return self.norm(column)


class _BlockSteps:
    """A masked block, one column at a time."""

    def __init__(self, block: MaskedBlock, known: Tensor) -> None:
        self.norm = block.norm
        channels = block.taps.out_channels
        taps = block.taps.weight.reshape(channels, channels, TAPS)  # the earliest first
        self.taps = taps.permute(2, 1, 0).reshape(TAPS * channels, channels).contiguous()
        assert block.taps.bias is not None and block.mix.bias is not None
        self.taps_bias, self.mix_bias = block.taps.bias, block.mix.bias
        self.mix = block.mix.weight.flatten(1).t().contiguous()
        reach = (TAPS - 1) * block.spacing
        self.places = (torch.arange(STEPS_PER_PHRASE)[:, None] + torch.arange(TAPS) * block.spacing).unbind(0)
        self.reach = reach
        self.kept = known.new_zeros(len(known), STEPS_PER_PHRASE + reach, channels)

    def advance(self, step: int, column: Tensor) -> Tensor:
        self.kept[:, self.reach + step] = self.norm(column)
        earlier = self.kept.index_select(1, self.places[step]).flatten(1)  # (B, taps * C)
        hidden = F.leaky_relu(torch.addmm(self.taps_bias, earlier, self.taps), SLOPE)
        return torch.addmm(column + self.mix_bias, hidden, self.mix)


class RecurrentTrunk(nn.Module):
    """A GRU over the steps; `start` gives its first state."""

    def __init__(self, inputs: int, start: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.begin = nn.Linear(start, width)
        self.gru = nn.GRU(inputs, width, batch_first=True)

    def forward(self, inputs: Tensor, start: Tensor) -> Tensor:
        """(B, T, I) and (B, start) -> (B, T, H)."""
        return self.gru(inputs, torch.tanh(self.begin(start))[None])[0]

    def steps(self, known: Tensor, start: Tensor) -> TrunkSteps:
        """Begin a phrase whose inputs are known up to those of the past: `known` (B, T, I - L)."""
        return _RecurrentSteps(self, known, start)


class _RecurrentSteps:
    """The equations of a GRU, written out for one step."""

    def __init__(self, trunk: RecurrentTrunk, known: Tensor, start: Tensor) -> None:
        self.width, size = trunk.width, known.shape[2]
        of_inputs, of_state, bias, self.state_bias = trunk.gru.all_weights[0]
        self.known = F.linear(known, of_inputs[:, :size], bias).unbind(1)
        self.of_past = of_inputs[:, size:].t().contiguous()
        self.of_state = of_state.t().contiguous()
        self.state = torch.tanh(trunk.begin(start))

    def advance(self, step: int, past: Tensor) -> Tensor:
        inputs = torch.addmm(self.known[step], past, self.of_past)
        gates = torch.addmm(self.state_bias, self.state, self.of_state)
        edge = 2 * self.width
        reset, keep = (inputs[:, :edge] + gates[:, :edge]).sigmoid_().chunk(2, dim=1)
        fresh = torch.addcmul(inputs[:, edge:], reset, gates[:, edge:]).tanh_()
        self.state = torch.lerp(fresh, self.state, keep)
        return self.state


def build_trunk(name: str, inputs: int, start: int, width: int) -> ConvTrunk | RecurrentTrunk:
    """Return a trunk of `models.config.TRUNKS`; `width` is that of the recurrent one."""
    return RecurrentTrunk(inputs, start, width) if name == "recurrent" else ConvTrunk(inputs, start)
