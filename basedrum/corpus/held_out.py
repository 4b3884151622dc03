"""The songs that training never sees, kept whole beside the phrases for an evaluation to play.

Conventions: `held_out.zip` in a prepared folder has a member `<row in songs.csv>.mid` for each song of the
splits valid and test, stored as it is, with a fixed date, so that the same songs give the same bytes. A song
that came as MIDI keeps its own bytes; of a pianoroll a MIDI file of its bass and drums is built.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from basedrum.corpus.lpd import read_lpd_pair
from basedrum.corpus.pairs import PartNotes
from basedrum.corpus.phrases import HELD_OUT_FILE, PhraseDataset
from basedrum.corpus.shard_tasks import ShardTasks, checksum
from basedrum.corpus.sources import MAX_ITEM_BYTES, Item, iterate_items
from basedrum.errors import DataError, printable
from basedrum.midi.building import build_midi
from basedrum.music.notes import Notes
from basedrum.music.rolls import DEFAULT_VELOCITY
from basedrum.music.song import Part

HELD_OUT_SPLITS = ("valid", "test")
BASS_PROGRAM = 33
_DATE = (1980, 1, 1, 0, 0, 0)


def write_held_out(file: BinaryIO, tasks: ShardTasks, rows: Mapping[int, int]) -> None:
    """Read the sources again and write the songs `rows` (place in the sources -> row in songs.csv) to a zip.

    Raises:
        DataError: a source is not what it was when it was read before.
    """
    left = len(rows)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        items = iterate_items(tasks.sources) if left else iter(())
        for place, item in enumerate(items):
            if place not in rows:
                continue
            if tasks.songs[place] != item.path or tasks.checksums[place] != checksum(item):
                raise _changed(tasks.songs[place])
            member = zipfile.ZipInfo(f"{rows[place]}.mid", _DATE)
            member.create_system = 3  # the same bytes on every system
            archive.writestr(member, midi_of(item))
            left -= 1
            if not left:
                break
    if left:
        raise _changed(next(path for place, path in enumerate(tasks.songs) if place in rows))


def midi_of(item: Item) -> bytes:
    """Return the song as a MIDI file: its own bytes, or of a pianoroll its bass and drums."""
    data = item.data or b""
    if not item.is_lpd:
        return data
    pair = read_lpd_pair(data, item.name)
    bass = Part("Bass", BASS_PROGRAM, False, _notes(pair.bass))
    drums = Part("Drums", 0, True, _notes(pair.drums))
    return build_midi([bass, drums], pair.grid)


def read_held_out(dataset: PhraseDataset, rows: Sequence[int]) -> Iterator[bytes]:
    """Yield the MIDI bytes of songs, given their rows in songs.csv.

    Raises:
        DataError: the data was prepared before held-out songs were kept, or the file is damaged.
    """
    path = dataset.folder / HELD_OUT_FILE
    if not path.is_file():
        raise DataError(
            f"{printable(dataset.folder)}: holds no whole songs to evaluate on (no {HELD_OUT_FILE}), "
            "run `basedrum prepare` again"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            for row in rows:
                with archive.open(f"{row}.mid") as member:
                    yield member.read(MAX_ITEM_BYTES)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{printable(path)}: is damaged, run `basedrum prepare` again") from error


def _changed(path: str) -> DataError:
    return DataError(
        f"{printable(path)}: changed or vanished while it was prepared, run `basedrum prepare` again"
    )


def _notes(part: PartNotes) -> Notes:
    notes = Notes(part.starts, part.ends, part.pitches, np.full(len(part.starts), DEFAULT_VELOCITY))
    return replace(notes, pitches=np.clip(notes.pitches, 0, 127))
