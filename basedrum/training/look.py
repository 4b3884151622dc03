"""A look at a drummer in training: what it plays to held-out bass lines, measured and drawn.

GANs fail quietly: these figures, not the losses, say whether a run is worth going on with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from basedrum.corpus.phrases import PhraseDataset
from basedrum.measures import metrics, style
from basedrum.models.families import perform
from basedrum.music import kit
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.training.batches import Batch, Batches
from basedrum.training.config import Config
from basedrum.training.step import draw_dice

SEEDS = 6
MIN_SONGS = 4
VARIETY_PHRASES = 64
PICTURED_PHRASES = 6


class Look:
    """Figures on a fixed draw of held-out phrases (split `valid`; the training's own where that has under
    four songs).

    Calling it with a trainer and its step returns: lift (listening), variety (use of the noise), hits_per_bar
    and identical (repetition), each also for the real drums as `real_*`, and draws a picture into the run
    folder.
    """

    def __init__(self, data: PhraseDataset, config: Config, pictures: Path | None = None) -> None:
        valid_songs = np.unique(data.index["song"][data.rows("valid")])
        split = "valid" if len(valid_songs) >= MIN_SONGS else "train"
        batches = Batches(data, config.model, config.train, split)
        rng = np.random.default_rng(config.train.seed)
        rows = np.sort(rng.permutation(batches.rows)[: config.train.probe_phrases])
        self.batch: Batch = batches.load(rows, style_chance=-1.0, density_chance=-1.0)
        self.songs = np.asarray(data.index["song"][rows])
        self.heard = self.batch.condition.bass[:, 0].amax(dim=2).numpy() > 0  # (n, 64)
        self.config, self.pictures = config, pictures
        self.real_drums = self._kit(self.batch.drums > 0)
        self.real = {f"real_{name}": value for name, value in self._figures(self.real_drums).items()}

    def __call__(self, trainer, step: int) -> dict[str, float]:
        device, generator = trainer.device, trainer.averaged
        condition = self.batch.condition.to(device)
        answers = []
        for seed in range(SEEDS):
            dice = torch.Generator(device)
            dice.manual_seed(seed)
            noise = draw_dice(len(condition), self.config.model, self.config.train, dice)[1]
            uniform = torch.rand(len(condition), 4, generator=dice, device=device)
            if seed == 0:
                first = self._kit(perform(generator, trainer.planner, condition, noise, uniform).cpu())
            some = torch.arange(min(VARIETY_PHRASES, len(condition)), device=device)
            answers.append(
                self._kit(
                    perform(generator, trainer.planner, condition[some], noise[some], uniform[some]).cpu()
                )
            )
        figures = self._figures(first)
        figures["variety"] = metrics.variety(np.stack(answers), self.real_drums, self.songs)
        if self.pictures is not None:
            self._draw(first, step)
        return figures | self.real

    def _kit(self, hits: torch.Tensor) -> np.ndarray:
        array = hits.numpy().astype(bool)
        return array if self.config.model.plays_kit else kit.fold(array)

    def _figures(self, hits: np.ndarray) -> dict[str, float]:
        return {
            "lift": float(metrics.lift(hits, self.heard, self.songs, draws=5).value),
            "hits_per_bar": float(style.hits_per_bar(hits).mean()),
            "identical": float(np.nanmean(style.identical_neighbours(hits))),
        }

    def _draw(self, hits: np.ndarray, step: int) -> None:
        from basedrum.render.picture import draw_phrases

        bass = self.batch.condition.bass[:PICTURED_PHRASES].numpy() > 0
        pairs = [(BassRoll.from_array(b), DrumRoll.from_kit(d)) for b, d in zip(bass, hits, strict=False)]
        draw_phrases(pairs, self.pictures / f"step{step:07d}.png")
