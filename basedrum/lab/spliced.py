"""Does the groove follow a bass that changes? Songs whose bass is one song's for nine bars, then another's.

The number is F1 of kick and new bass minus F1 of kick and old bass over bars 10 to 25, the mean over songs
with its 95 % interval (`evaluation.playing`, `measures.listener.kick_follows`); of the real drums that belong
to the new bass as well. 0: the drummer ignores the change.

Data: a folder that `basedrum prepare` wrote, with whole songs held out.
"""

from __future__ import annotations

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import DataError
from basedrum.evaluation.drummers import UserDrummer, baseline_drummer
from basedrum.evaluation.playing import splice_songs
from basedrum.evaluation.song_metrics import spliced_metrics
from basedrum.evaluation.songs import lay_songs, read_songs
from basedrum.lab import Request
from basedrum.measures.baselines import CopiedKick, FixedBeat

NAME = "spliced"
SUMMARY = "whether the kick follows a bass that changes in bar 10"
SONGS, QUICK_SONGS, QUICK_PAIRS = 100, 12, 6


def run(request: Request) -> str:
    """Return the table."""
    dataset = PhraseDataset.open(request.needed_data)
    songs, _ = read_songs(dataset, limit=QUICK_SONGS if request.quick else None, seed=request.seed)
    spliced = splice_songs(lay_songs(songs).songs, QUICK_PAIRS if request.quick else SONGS, request.seed)
    if not spliced:
        raise DataError(f"{request.needed_data}: no two songs in 4/4 of 25 bars, prepare more songs")
    drummers = [UserDrummer(request.model), baseline_drummer(CopiedKick()), baseline_drummer(FixedBeat())]
    found = {"real drums": spliced_metrics(None, spliced, request.seed)["spliced"]}
    for drummer in drummers:
        found[drummer.name] = spliced_metrics(drummer, spliced, request.seed)["spliced"]
    rows = {name: (each.value, each.low, each.high) for name, each in found.items()}
    request.write({"songs": len(spliced), "rows": rows})
    lines = [f"kick F1 with the new bass minus with the old, {len(spliced)} songs"]
    for name, (value, low, high) in rows.items():
        lines.append(f"{name:16}{value:7.3f}  ({low:.3f} to {high:.3f})")
    return "\n".join(lines) + "\n"
