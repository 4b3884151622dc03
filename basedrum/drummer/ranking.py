"""Several answers to a phrase, one of them drawn: the likelier it is from a real drummer, the more often.

A ranker's score comes near log p(real) / p(drummer) (`basedrum.training.ranking`). Were it exact and the
answers many, drawing in proportion to exp(score) would give real drummers. It is neither, so the scores are
softened: `STRICTNESS` 0 draws blindly, 1 believes the ranker to the letter. Taking the best each time would
cost variety, and overdo what the ranker likes. On 2,863 held-out phrases (C2ST, .5 is best; R@1 of 32, real
.321; four bars copied, real .080), a drummer of preset `modern`: one answer .620, .298, .010; drawn of eight
at .3 .602, .296, .020; at .5 .579, .311, .028; at .8 .588, .329, .036. One of `stepwise`,
half way: one answer .548, .282, .027; of eight at .5 .569, .311, .037; of three at .8 .559, .313, .032. It
    plays one.

Source: sampling-importance-resampling (Rubin, 1987); discriminator rejection sampling (arXiv 1810.06758).
"""

from __future__ import annotations

import numpy as np

ANSWERS = 8
STRICTNESS = 0.5
SILENT_BAR = 4.0
"""What each bar without a hit costs an answer's score. Of real bars .0024 are silent, of ours .0114 were: the
ranker saw too few to mind them."""


def draw_answers(
    scores: np.ndarray, rngs: list[np.random.Generator], strictness: float = STRICTNESS
) -> np.ndarray:
    """Return (n,) the number of the answer drawn for each of n phrases, given scores (k, n) of their k
    answers.

    Answer i is drawn with a chance in proportion to exp(strictness * score); a generator for each phrase
    throws its dice.
    """
    dice = np.stack([rng.gumbel(size=len(scores)) for rng in rngs], axis=1)
    return (strictness * scores + dice).argmax(axis=0)
