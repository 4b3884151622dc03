"""The door for the Lakh Pianoroll Dataset (LPD-5): one `.npz` of pianorolls, as pypianoroll saves it, to one
pair.

An `.npz` is a zip that may claim any size: every size it names is bounded before anything is allocated, and
pickled arrays are never loaded.

Conventions: one time step of a roll is one tick; a new note begins where a pitch starts to sound or changes
velocity.
Source: Dong et al., Pypianoroll (2018); LPD-5 has the tracks Drums, Piano, Guitar, Bass, Strings at 24 steps
a beat.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from basedrum.corpus.pairs import Pair, PartNotes
from basedrum.errors import DataError
from basedrum.music.bass_track import BASS_PROGRAMS, is_bass_name
from basedrum.music.grid import Grid

if TYPE_CHECKING:
    import pypianoroll

MAX_BEATS = 5_000
MAX_TRACKS = 16
MAX_MEMBERS = 128
MAX_MEMBER_BYTES = 32 * 2**20
MAX_TOTAL_BYTES = 128 * 2**20
MAX_INFO_BYTES = 2**20
MAX_RESOLUTION = 960
NUM_PITCHES = 128
LOWEST_QPM, HIGHEST_QPM = 10.0, 1000.0
_DAMAGED = "is not a pianoroll file, or is damaged"


def read_lpd_pair(data: bytes, name: str) -> Pair:
    """Return bass and drums of one LPD file.

    Raises:
        DataError: it is not a pianoroll file, is damaged, claims to be larger than any song, or lacks drums
        or bass.
    """
    try:
        check_npz(data)
        import pypianoroll

        return _pair(pypianoroll.load(io.BytesIO(data)), name)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # numpy, zipfile, json and scipy each have their own ways to fail on damaged bytes
        raise DataError(_DAMAGED) from error


def check_npz(data: bytes) -> None:
    """Refuse an .npz that is no pianoroll file or would unpack to more than any song needs; allocates next to
    nothing.

    scipy writes the cells of a sparse roll wherever they claim to be, outside its memory too, so their places
    are looked at.

    Raises:
        DataError: it names too many or too large arrays, pickled objects, or a roll of the wrong shape or
        with cells outside.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_TOTAL_BYTES:
            raise DataError("is larger than any song")
        names = {m.filename for m in members}
        if "info.json" not in names:
            raise DataError("is not a pianoroll file (no info.json)")
        if len(names) < len(members):
            raise DataError("holds two arrays of one name")
        arrays = {}
        for member in members:
            if member.filename == "info.json":
                _check_info(_bounded(archive, member, MAX_INFO_BYTES))
            else:
                arrays[member.filename] = _check_array(archive, member)
        for name in names:
            if name.endswith("_csc_shape.npy"):
                _check_roll(
                    *(
                        arrays[name.replace("_shape.", f"_{part}.")]
                        for part in ("shape", "indptr", "indices", "data")
                    )
                )


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(member) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DataError("is larger than any song")
    return data


def _check_info(data: bytes) -> None:
    info = json.loads(data.decode("utf-8"))
    resolution = info.get("resolution", info.get("beat_resolution"))
    if not isinstance(resolution, int) or not 1 <= resolution <= MAX_RESOLUTION:
        raise DataError("has no usable beat resolution")
    if sum(key.isdecimal() for key in info) > MAX_TRACKS:
        raise DataError("has more tracks than any song")


def _check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Check one array by its header; return it, flat, where it belongs to a sparse roll, else nothing of
    it."""
    if not member.filename.endswith(".npy"):
        raise DataError(_DAMAGED)
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(file)
        size = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
        if dtype.hasobject:
            raise DataError("holds pickled objects, which are never loaded")
        if size > MAX_MEMBER_BYTES or size > member.file_size:
            raise DataError("is larger than any song")
        return np.frombuffer(file.read(size) if "_csc_" in member.filename else b"", dtype)


def _check_roll(shape: np.ndarray, indptr: np.ndarray, indices: np.ndarray, data: np.ndarray) -> None:
    """Check that every cell of a sparse roll lies inside it."""
    rows, *columns = shape.astype(object).tolist()
    if columns != [NUM_PITCHES] or not 0 <= rows <= MAX_BEATS * 24:
        raise DataError(f"has a roll of another shape than (up to {MAX_BEATS * 24}, {NUM_PITCHES})")
    if indptr.dtype.kind not in "iu" or indices.dtype.kind not in "iu":
        raise DataError(_DAMAGED)
    ends, cells = indptr.astype(np.int64), indices.astype(np.int64)
    is_sound = len(ends) == NUM_PITCHES + 1 and ends[0] == 0 and ends[-1] == len(cells) == len(data)
    if not is_sound or (np.diff(ends) < 0).any() or (cells < 0).any() or (cells >= rows).any():
        raise DataError(_DAMAGED)


def _pair(song: pypianoroll.Multitrack, name: str) -> Pair:
    rolls = [track.pianoroll for track in song.tracks]
    if any(roll.ndim != 2 or roll.shape[1] not in (0, NUM_PITCHES) for roll in rolls):
        raise DataError("has a roll of another shape than (steps, 128)")
    drums = [roll for track, roll in zip(song.tracks, rolls, strict=True) if track.is_drum and roll.any()]
    lines = [
        (track, roll)
        for track, roll in zip(song.tracks, rolls, strict=True)
        if not track.is_drum and roll.any()
    ]
    named = [roll for track, roll in lines if is_bass_name(track.name or "")]
    bass = named or [roll for track, roll in lines if track.program in BASS_PROGRAMS]
    if not drums:
        raise DataError("has no drums")
    if not bass:
        raise DataError("has no bass")
    end = max(len(roll) for roll in (*drums, *bass))
    grid = Grid(song.resolution, end, _tempos(song), _time_signatures(song, end))
    return Pair(name, grid, _part(bass), _part(drums))


def _part(rolls: list[np.ndarray]) -> PartNotes:
    """The notes of one or more rolls (T, 128) of velocities, or of bools, sorted by start."""
    parts = []
    for roll in rolls:
        padded = np.zeros((len(roll) + 2, NUM_PITCHES), np.uint8)
        padded[1:-1] = roll
        changes = padded[1:] != padded[:-1]
        pitches, starts = np.nonzero((changes & (padded[1:] > 0)).T)
        _, ends = np.nonzero((changes & (padded[:-1] > 0)).T)
        parts.append(np.stack([starts, ends, pitches]))
    joined = np.concatenate(parts, axis=1)
    return PartNotes(*joined[:, np.lexsort((joined[2], joined[0]))])


def _tempos(song: pypianoroll.Multitrack) -> tuple[tuple[int, float], ...]:
    if song.tempo is None or not np.size(song.tempo):
        return ()
    qpm = np.clip(
        np.nan_to_num(np.asarray(song.tempo, np.float64).reshape(-1), nan=120.0), LOWEST_QPM, HIGHEST_QPM
    )
    at = np.flatnonzero(np.diff(qpm, prepend=-1.0))
    return tuple((int(tick), float(qpm[tick])) for tick in at)


def _time_signatures(song: pypianoroll.Multitrack, end: int) -> tuple[tuple[int, int, int], ...]:
    """Return the metre that the downbeats give; 4/4 where there are none.

    Raises:
        DataError: a bar is no whole number of sixteenths.
    """
    downbeats = np.flatnonzero(song.downbeat) if song.downbeat is not None else np.zeros(0, np.int64)
    if len(downbeats) < 2:
        return ()
    starts = np.union1d([0], downbeats[downbeats < end])
    lengths = np.diff(starts)
    sixteenths, rest = np.divmod(lengths * 4, song.resolution)
    if (rest[1:] != 0).any():
        raise DataError("has bars of no whole number of sixteenths")
    if len(sixteenths) and (
        rest[0] != 0 or downbeats[0] > 0
    ):  # an opening bar cut short by the first downbeat
        sixteenths[0] = sixteenths[1] if len(sixteenths) > 1 else 16
    if (sixteenths < 1).any() or (sixteenths > 64).any():
        raise DataError("has bars longer than any song's")
    signatures: list[tuple[int, int, int]] = []
    for start, count in zip(starts.tolist(), sixteenths.tolist(), strict=False):
        metre = next((count // unit, 16 // unit) for unit in (4, 2, 1) if count % unit == 0)
        if not signatures or signatures[-1][1:] != metre or (start == downbeats[0] and start > 0):
            signatures.append((start, *metre))
    return tuple(signatures)
