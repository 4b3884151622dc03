"""A small prepared dataset with whole songs held out, and how little work its evaluations do."""

from pathlib import Path

from corpus_songs import bass_roll, drum_roll, song, write_songs

from basedrum.corpus.collect import PrepareOptions, prepare
from basedrum.corpus.phrases import PhraseDataset
from basedrum.evaluation.effort import Effort
from basedrum.evaluation.matching import MatchingConfig
from basedrum.evaluation.trees import TreesConfig
from basedrum.evaluation.twosample import TwoSampleConfig

SMALL = Effort(
    sets_of_fakes=2,
    samples=2,
    noise_songs=3,
    spliced_songs=2,
    matching=MatchingConfig(steps=4, batch=16, width=4, check_every=2),
    two_sample=TwoSampleConfig(width=4, steps=4),
    trees=TreesConfig(iterations=8, min_leaf=5),
)
WALTZ, HOLED = "22", "23"


def small_dataset(folder: Path) -> PhraseDataset:
    """30 songs of 1 to 7 phrases, the last ten held out for validation.

    Song 22 is in 3/4; the third phrase of song 23 has no drums; 30 has its bar lines moved by half a bar.
    """
    songs, lines = {}, ["id,split,source,phase16,phase_gain"]
    for number in range(31):
        name, measures = f"{number:02d}", 4 * (1 + number % 7)
        drums = drum_roll(number, measures)
        if name == HOLED:
            measures = 24
            drums = drum_roll(number, measures)
            drums.velocities[8 * 16 : 12 * 16] = 0
        steps = 12 if name == WALTZ else 16
        drums = drum_roll(number, measures, steps) if steps == 12 else drums
        bass = bass_roll(number, measures, steps)
        songs[f"{name}.mid"] = song(number, measures, steps, bass=bass, drums=drums)
        moved = "8,.5" if number == 30 else "0,0"
        lines.append(f"{name},{'train' if number < 20 else 'valid'},{('even', 'odd')[number % 2]},{moved}")
    write_songs(folder / "songs", songs)
    (folder / "songs.csv").write_text("\n".join([*lines, ""]))
    options = PrepareOptions(songs_csv=folder / "songs.csv", workers=1, progress=False)
    prepare([folder / "songs"], folder / "data", options)
    return PhraseDataset.open(folder / "data")
