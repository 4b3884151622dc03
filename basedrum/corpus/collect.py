"""`basedrum prepare`: songs from anywhere to one folder of phrases. All cores, resumable, the same bytes
every time.

Songs are read in the order of their sources, some hundred to a shard; each shard is written whole by a
worker. When all are there, duplicates are found across shards, splits and weights are dealt, and the shards
are merged, and the sources are read once more for the songs that are held out whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from basedrum.corpus.merge import merge_shards
from basedrum.corpus.prepare_report import PrepareReport
from basedrum.corpus.shard_tasks import ShardTasks, run_tasks
from basedrum.corpus.sources import check_sources
from basedrum.corpus.splits import DEFAULT_CAPS, STYLES, Labels
from basedrum.errors import DataError, printable
from basedrum.files import take_lock


@dataclass(frozen=True)
class PrepareOptions:
    """How songs are prepared.

    Attributes:
        songs_csv: labels of songs by file name (`id`) or `path`: split, source, style or genre, group,
            phase16. Without it the source of a song is the name of the folder or archive it came from.
        seed: of the split of songs without one in the CSV.
        workers: processes; None for one a core.
        source_caps: the largest share of the sampling weight that a source, genre or style may have; None for
            `DEFAULT_CAPS`, {} for none.
        styles: words that name a style in a genre.
        progress: whether a bar shows how far it is.
    """

    songs_csv: str | os.PathLike | None = None
    seed: int = 0
    workers: int | None = None
    source_caps: Mapping[str, float] | None = None
    styles: Sequence[str] = STYLES
    progress: bool = True


def prepare(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    options: PrepareOptions = PrepareOptions(),
) -> PrepareReport:
    """Turn songs into a dataset of phrases at `out`, and write skipped.csv beside it.

    Args:
        sources: folders, MIDI files, LPD .npz files, and .zip or .tar(.gz, .xz) archives of these.

    Raises:
        DataError: a source or the CSV cannot be used, `out` cannot be written or is being written, or no
        phrase is left.
    """
    out = Path(out)
    check_sources(sources)
    labels = None if options.songs_csv is None else Labels.read(options.songs_csv, options.styles)
    caps = DEFAULT_CAPS if options.source_caps is None else options.source_caps
    try:
        shards = out / ".shards"
        shards.mkdir(parents=True, exist_ok=True)
        with take_lock(out / ".lock"):
            tasks = ShardTasks(sources, shards, labels)
            paths = []
            with tqdm(desc="prepare", unit=" songs", disable=not options.progress, smoothing=0.05) as bar:
                for path, count in run_tasks(tasks, options.workers or os.cpu_count() or 1):
                    paths.append(path)
                    bar.update(count)
            report = merge_shards(out, tasks, paths, options.seed, caps)
            shutil.rmtree(shards)
    except BlockingIOError as error:
        raise DataError(
            f"{printable(out)}: another `prepare` is writing it, wait for it or choose another folder"
        ) from error
    except OSError as error:
        raise DataError(
            f"{printable(out)}: cannot be written: {error.strerror or error}, choose another place"
        ) from error
    except BrokenExecutor as error:
        raise DataError(
            f"{printable(out)}: a worker process was killed, run again (what is done is kept)"
        ) from error
    return report
