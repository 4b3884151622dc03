"""A validation: what a drummer in training plays to held-out bass lines, measured and drawn.

GANs fail quietly: these metrics, not the losses, say whether a run is worth going on with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from basedrum.corpus.phrases import PhraseDataset
from basedrum.measures import metrics, style
from basedrum.models.noise import Noise
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.training.batches import Batch, Batches, Chances
from basedrum.training.config import Config
from basedrum.training.trainer import Trainer

SEEDS = 6
MIN_SONGS = 4
VARIETY_PHRASES = 64
PICTURED_PHRASES = 6


class Validation:
    """Metrics on a fixed draw of held-out phrases (split `valid`; the training's own where that has under
    four songs).

    Called with a trainer and its step it returns lift (how the kick follows the bass), variety (how far apart
    two seeds are), hits_per_bar and identical (repetition), each also for the real drums as `real_*`, and
    draws a picture into the run folder.
    """

    def __init__(self, data: PhraseDataset, config: Config, pictures: Path | None = None) -> None:
        valid_songs = np.unique(data.index["song"][data.rows("valid")])
        split = "valid" if len(valid_songs) >= MIN_SONGS else "train"
        batches = Batches(data, config, split)
        rng = np.random.default_rng(config.train.seed)
        rows = np.sort(rng.permutation(batches.rows)[: config.train.validation_phrases])
        self.batch: Batch = batches.load(rows, Chances(style=-1.0, density=-1.0))
        self.songs = np.asarray(data.index["song"][rows])
        self.bass_hits = self.batch.condition.bass[:, 0].amax(dim=2).numpy() > 0  # (n, 64)
        self.pictures = pictures
        self.real_drums = self.batch.drums.numpy() > 0
        self.real = {f"real_{name}": value for name, value in self._metrics(self.real_drums).items()}

    def __call__(self, trainer: Trainer, step: int) -> dict[str, float]:
        device, model = trainer.process.device, trainer.networks.averaged
        condition = self.batch.condition.to(device)
        some = torch.arange(min(VARIETY_PHRASES, len(condition)), device=device)
        samples = []
        for seed in range(SEEDS):
            generator = torch.Generator(device)
            generator.manual_seed(seed)
            noise = Noise.draw(len(condition), generator)
            if seed == 0:
                first = model.sample(condition, noise).cpu().numpy()
            samples.append(model.sample(condition[some], noise[some]).cpu().numpy())
        found = self._metrics(first)
        found["variety"] = metrics.variety(np.stack(samples), self.real_drums, self.songs)
        if self.pictures is not None:
            self._draw(first, self.pictures / f"step{step:07d}.png")
        return found | self.real

    def _metrics(self, hits: np.ndarray) -> dict[str, float]:
        return {
            "lift": float(metrics.lift(hits, self.bass_hits, self.songs, draws=5).value),
            "hits_per_bar": float(style.hits_per_bar(hits).mean()),
            "identical": float(np.nanmean(style.identical_neighbours(hits))),
        }

    def _draw(self, hits: np.ndarray, path: Path) -> None:
        from basedrum.render.picture import draw_phrases

        bass = self.batch.condition.bass[:PICTURED_PHRASES].numpy() > 0
        pairs = [(BassRoll.from_array(b), DrumRoll.from_kit(d)) for b, d in zip(bass, hits, strict=False)]
        draw_phrases(pairs, path)
