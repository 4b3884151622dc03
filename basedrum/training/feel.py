"""Training of the feel on human drummers: `python -m basedrum.training.feel GROOVE.zip` writes the weights
that ship.

It learns on the train split of the Groove MIDI Dataset; on the validation split it measures, once at the end,
how long the drummers' deviations last. Minutes on one core; same seed, same weights.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from basedrum.corpus.groove import CREDIT, Take, read_groove
from basedrum.errors import DataError, printable
from basedrum.models.feel import (
    DRIFT_STEPS,
    OFFSET,
    OFFSET_UNIT,
    VELOCITY,
    VELOCITY_UNIT,
    FeelConfig,
    FeelNet,
    pinball,
    step_rows,
    z_of,
)
from basedrum.music.grid import STEPS_PER_MEASURE
from basedrum.music.kit import NUM_VOICES
from basedrum.music.rolls import active_steps
from basedrum.threads import one_thread
from basedrum.weights import save_feel

FAR_STEPS = 64  # hits farther apart share only what lasts all song
FEW_HITS, FEW_TAKES = 16, 20  # a voice hit so often in so many takes leans half on what all voices do
LEAST_FRESH = 0.05


@dataclass(frozen=True)
class FeelTraining:
    """`epochs` over the takes in batches of `batch` windows of `window` steps; `rate` falls along a cosine; a
    take's style is hidden in `hide_style` of the windows, so that the network also learns to do without."""

    epochs: int = 10
    batch: int = 16
    window: int = 256
    rate: float = 2e-3
    decay: float = 0.02
    dropout: float = 0.1
    hide_style: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """A take as the network is given it: rows (R, N), style, and targets (2, N, 12) of velocity and
    offset, NaN where none."""

    rows: np.ndarray
    style: int
    targets: np.ndarray


def example_of(take: Take, styles: Sequence[str]) -> Example:
    """Return a take's rows and targets on the steps that exist; a style not among `styles` is unknown (0)."""
    there = active_steps(take.grid.measure_steps)
    hits = take.hits[there]
    velocities = np.where(hits, take.velocities[there].astype(np.float32), np.nan)
    targets = np.stack([velocities, take.offsets[there]])
    style = 1 + styles.index(take.style) if take.style in styles else 0
    return Example(step_rows(hits, take.grid, np.full(len(hits), take.qpm)), style, targets)


def train_feel(
    examples: Sequence[Example],
    config: FeelConfig,
    training: FeelTraining,
    on_epoch: Callable[[int, float, FeelNet], None] = lambda epoch, loss, network: None,
) -> FeelNet:
    """Return a network that learned the examples."""
    torch.manual_seed(training.seed)
    rng = np.random.default_rng(training.seed)
    network = FeelNet(config, training.dropout)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=training.decay)
    lengths = np.asarray([example.rows.shape[1] for example in examples])
    steps_an_epoch = max(1, round(np.ceil(lengths / training.window).sum() / training.batch))
    total = training.epochs * steps_an_epoch
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / total))
    )
    share = np.ceil(lengths / training.window)
    for epoch in range(training.epochs):
        network.train()
        losses = []
        for _ in range(steps_an_epoch):
            chosen = rng.choice(len(examples), training.batch, p=share / share.sum())
            rows, style, targets = _batch([examples[i] for i in chosen], training, rng)
            loss = feel_loss(network(rows, style), targets).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            scheduler.step()
            losses.append(float(loss.detach()))
        on_epoch(epoch, float(np.mean(losses)), network.eval())
    return network.eval()


def feel_loss(quantiles: Tensor, targets: Tensor) -> Tensor:
    """Return the pinball loss of velocity and of offset, (2,), each in its unit; targets (B, 2, N, V) count
    where not NaN."""
    quantiles = quantiles.permute(0, 1, 4, 2, 3)  # (B, 2, N, V, Q)
    losses = []
    for kind, unit in ((VELOCITY, VELOCITY_UNIT), (OFFSET, OFFSET_UNIT)):
        counted = ~torch.isnan(targets[:, kind])
        losses.append(pinball(quantiles[:, kind][counted], targets[:, kind][counted]).mean() / unit)
    return torch.stack(losses)


def _batch(
    examples: list[Example], training: FeelTraining, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A window out of each example, padded with silence that nothing is learned from."""
    size, window = len(examples), training.window
    rows = np.zeros((size, examples[0].rows.shape[0], window), np.float32)
    targets = np.full((size, 2, window, examples[0].targets.shape[2]), np.nan, np.float32)
    for i, example in enumerate(examples):
        length = example.rows.shape[1]
        first = int(rng.integers(0, max(length - window, 0) + 1))
        piece = slice(first, first + window)
        rows[i, :, : min(length, window)] = example.rows[:, piece]
        targets[i, :, : min(length, window)] = example.targets[:, piece]
    is_given = rng.random(size) >= training.hide_style
    style = np.asarray([example.style for example in examples]) * is_given
    return torch.from_numpy(rows), torch.from_numpy(style), torch.from_numpy(targets)


@torch.no_grad()
def measure_variances(network: FeelNet, takes: Sequence[Take]) -> Tensor:
    """Return (2, 6, 12) variances of the parts in which takes deviate from what the network expects,
    `models.feel.PARTS`.

    From mean products of the z of two hits of one take, by what the two hits share. What the network does not
    know of held-out takes is deviation, too, so these should not be the takes that it learned.
    """
    parts = [_parts([_deviations(network, take, kind) for take in takes]) for kind in (VELOCITY, OFFSET)]
    return torch.tensor(np.stack(parts), dtype=torch.float32)


def _deviations(network: FeelNet, take: Take, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """A take's z (N, 12), NaN where there is no hit, and the place in its measure of each step (N,)."""
    example = example_of(take, network.config.styles)
    rows, style = torch.from_numpy(example.rows)[None], torch.tensor([example.style])
    quantiles = network(rows, style)[0, kind].permute(2, 0, 1).numpy()  # (N, V, Q)
    counted = ~np.isnan(example.targets[kind])
    z = np.full(counted.shape, np.nan)
    z[counted] = z_of(quantiles[counted], example.targets[kind][counted], 0.5 if kind == VELOCITY else 0.0)
    there = active_steps(take.grid.measure_steps)
    return z, np.flatnonzero(there) % STEPS_PER_MEASURE


def _parts(deviations: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    rng = np.random.default_rng(0)
    names = ("all", "other place", "same place", "next bar")
    own = {name: np.zeros((2, NUM_VOICES)) for name in names}  # sum and number of the products, by voice
    shared = {name: np.zeros(2) for name in ("other voice", "same step")}
    num_takes = np.zeros(NUM_VOICES)

    def add(name: str, products: np.ndarray, voices: np.ndarray) -> None:
        own[name][0] += np.bincount(voices, products, NUM_VOICES)
        own[name][1] += np.bincount(voices, minlength=NUM_VOICES)

    for z, place in deviations:
        step, voice = np.nonzero(~np.isnan(z))
        if not len(step):
            continue
        hit = z[step, voice]
        num_takes += np.bincount(voice, minlength=NUM_VOICES) >= FEW_HITS
        add("all", hit**2, voice)
        bar = z[:-STEPS_PER_MEASURE] * z[STEPS_PER_MEASURE:]
        both, voices = np.nonzero(~np.isnan(bar))
        add("next bar", bar[both, voices], voices)
        present, count = np.nan_to_num(z), (~np.isnan(z)).sum(axis=1)
        shared["same step"] += (
            (present.sum(axis=1) ** 2 - (present**2).sum(axis=1)).sum(),
            (count * (count - 1)).sum(),
        )
        one, other = rng.integers(0, len(step), (2, 8 * len(step)))
        far = np.abs(step[one] - step[other]) > FAR_STEPS
        same_voice, same_place = voice[one] == voice[other], place[step[one]] == place[step[other]]
        product = hit[one] * hit[other]
        shared["other voice"] += product[far & ~same_voice].sum(), (far & ~same_voice).sum()
        for name, chosen in (("other place", ~same_place), ("same place", same_place)):
            chosen &= far & same_voice
            add(name, product[chosen], voice[one][chosen])
    trust = num_takes / (num_takes + FEW_TAKES)
    pooled = {name: total.sum() / max(count.sum(), 1) for name, (total, count) in own.items()}
    mean = {name: trust * t / np.maximum(c, 1) + (1 - trust) * pooled[name] for name, (t, c) in own.items()}
    song = max(0.0, shared["other voice"][0] / max(shared["other voice"][1], 1))
    together = max(0.0, shared["same step"][0] / max(shared["same step"][1], 1) - song)
    held = np.maximum(song, mean["other place"])
    placed = np.maximum(held, mean["same place"])
    faded = np.exp(-STEPS_PER_MEASURE / DRIFT_STEPS)  # a measure later
    drift = max(0.0, pooled["next bar"] - pooled["same place"]) / faded
    fresh = np.maximum(LEAST_FRESH, mean["all"] - placed - drift - together)
    everyone = np.ones(NUM_VOICES)
    return np.stack(
        [song * everyone, held - song, placed - held, drift * everyone, together * everyone, fresh]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on a Groove MIDI Dataset zip and write the weights."""
    parser = argparse.ArgumentParser(
        "python -m basedrum.training.feel", description="Train the feel on human drummers."
    )
    parser.add_argument(
        "archive", metavar="GROOVE.zip", help="the Groove MIDI Dataset, the zip of MIDI files"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write (default: the weights that ship)"
    )
    parser.add_argument("--epochs", type=int, default=FeelTraining.epochs, metavar="N")
    parser.add_argument("--seed", type=int, default=FeelTraining.seed, metavar="N")
    options = parser.parse_args(arguments)
    training = FeelTraining(epochs=options.epochs, seed=options.seed)
    path = make_feel(
        options.archive,
        options.output,
        training,
        lambda epoch, loss, _: print(f"epoch {epoch + 1}: {loss:.4f}"),
    )
    print(f"feel written to {printable(path)}")


@one_thread()
def make_feel(
    archive: str | os.PathLike,
    output: str | os.PathLike | None = None,
    training: FeelTraining | None = None,
    on_epoch: Callable[[int, float, FeelNet], None] = lambda epoch, loss, network: None,
) -> Path:
    """Train the feel on the takes of a Groove MIDI Dataset zip, write its weights and return their path.

    Raises:
        DataError: it is not that dataset, or has no takes to learn from. BasedrumError: the file cannot be
        written.
    """
    training = training or FeelTraining()
    takes = list(read_groove(archive, ("train", "validation")))
    learned, held_out = ([take for take in takes if take.split == split] for split in ("train", "validation"))
    if not learned or not held_out:
        raise DataError(
            f"{printable(archive)}: has no takes in its splits train and validation, give the whole dataset"
        )
    styles = tuple(sorted({take.style for take in learned}))
    network = train_feel(
        [example_of(take, styles) for take in learned], FeelConfig(styles), training, on_epoch
    )
    network.half().float()  # as it will be stored
    assert isinstance(network.variances, Tensor)
    network.variances.copy_(measure_variances(network, held_out))
    provenance = {"data": CREDIT, "training": asdict(training), "takes": len(learned)}
    return save_feel(network, provenance, output)


if __name__ == "__main__":
    main()
