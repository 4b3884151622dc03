"""Where a phrase lies in the form of its song, as numbers that networks take as input.

Conventions: features are (measures + 1, FORM) uint8, one row for each measure of a song and one for what
follows the last; their largest values are `LARGEST`.
"""

from __future__ import annotations

import numpy as np

from basedrum.music.grid import MEASURES_PER_PHRASE
from basedrum.music.sections import Form

COLUMNS = (
    *("known", "border", "entering", "leaving", "tracks changing", "parts known"),
    *("in 4", "in 8", "in 16", "begins", "ends"),
)
LARGEST = np.asarray([1, 2, 3, 3, 4, 1, 1, 1, 1, 1, 1], np.uint8)
"""Of `COLUMNS`: whether anything is known; how often a stretch of bass that comes again begins or ends with
the measure (a section that the file names counts as twice); how many kinds of parts enter and leave with it,
how many tracks do either, and whether there are enough to tell; whether it is the first of 4, 8 and 16 since
the last change of the parts, or since the song's first measure; whether it is that, or the one after the
last. What tells fills and crashes best was measured on whole songs (lab/NOTES.md)."""
FORM = len(COLUMNS)
MEASURES_KNOWN = MEASURES_PER_PHRASE + 1


def form_features(form: Form, first: int, end: int) -> np.ndarray:
    """Return the features (N + 1, FORM) uint8 of a song whose N measures sound from `first` up to `end`."""
    size = len(form)
    features = np.zeros((size + 1, FORM), np.uint8)
    measures = np.arange(size + 1) - first
    since = np.minimum(np.append(form.since_change, form.since_change[-1:] + 1), measures)
    features[:, 0] = 1
    features[:size, 1] = np.minimum(form.border + 2 * form.named, LARGEST[1])
    for column, values in enumerate((form.entering, form.leaving, form.tracks_changing), start=2):
        features[:size, column] = np.minimum(values, LARGEST[column]) * form.parts_known
    features[:size, 5] = form.parts_known
    for column, period in ((6, 4), (7, 8), (8, 16)):
        features[:, column] = since % period == 0
    features[:, 9] = measures == 0
    features[:, 10] = measures == end - first
    return features


def of_window(features: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the rows (5, FORM) of the four measures of a window, and of the measure that follows them."""
    after = min(int(window[-1]) + 1, len(features) - 1)
    return features[np.append(window, after)]
