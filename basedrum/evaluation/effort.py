"""How much work goes into an evaluation: the full one, and a quick one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from basedrum.evaluation.matching import MatchingConfig
from basedrum.evaluation.trees import TreesConfig
from basedrum.evaluation.twosample import TwoSampleConfig


@dataclass(frozen=True)
class Effort:
    """How much is played and how long the networks of the evaluation are trained.

    Attributes:
        songs: at most so many songs are played; None: all of the split.
        sets_of_fakes: how often each song is played, with seeds one after the other from its default.
        samples, noise_songs: so many seeds, the same for all of so many songs, for the metrics of the noise.
        spliced_songs: songs made of two, whose bass changes in bar 10.
        drums_alone, descriptors, without_kick: whether these classifiers and this matching are trained.
    """

    songs: int | None = None
    sets_of_fakes: int = 2
    samples: int = 8
    noise_songs: int = 40
    spliced_songs: int = 100
    drums_alone: bool = True
    descriptors: bool = True
    without_kick: bool = True
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    two_sample: TwoSampleConfig = field(default_factory=TwoSampleConfig)
    trees: TreesConfig = field(default_factory=TreesConfig)


FULL = Effort()
QUICK = Effort(
    songs=24,
    sets_of_fakes=1,
    samples=2,
    noise_songs=6,
    spliced_songs=6,
    drums_alone=False,
    descriptors=False,
    without_kick=False,
    matching=replace(FULL.matching, steps=150, check_every=50),
    two_sample=replace(FULL.two_sample, steps=100),
)
