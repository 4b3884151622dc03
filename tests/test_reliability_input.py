"""Bad input, through the real command line: status 0 or 2, one printable line, at most 1 GB, nothing half
written (B1, B3).

Every input goes through `basedrum generate` with the drummer that ships, in a process forked for it. What is
accepted is right: another reader counts the same notes.
"""

import base64
import bz2
import collections
import csv
import gzip
import io
import json
import os
import random
import socket
import struct
import tarfile
import threading
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
from corpus_songs import song as corpus_song
from corpus_songs import write_songs
from raw_midi import END, NOTE, chunk, named, number, smf
from test_midi_reading import GOOD, HOSTILE, mutated, random_song

from basedrum import cli
from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import MidiError
from basedrum.midi.reading import parse_song, read_song

LIMIT_BYTES = 10**9
PRECIOUS = b"what was there before"

FOUR = NOTE * 4
FAR = 58 * 3600 * 2 * 96  # 58 hours at 120 quarters a minute and 96 ticks a quarter
EVIL = b"\x1b[2J\x1b]0;owned\x07\r\n\x00\xe2\x80\xae"


def quarters(count):
    """A bass line of quarter notes, without the end."""
    each = [b"\x00\x90" + bytes((pitch, 64, 96, pitch, 0)) for pitch in range(28, 40)]
    return b"".join(each[i % 12] for i in range(count))


def packed(kind):
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("song.mid", GOOD)
    else:
        with tarfile.open(fileobj=file, mode="w") as archive:
            member = tarfile.TarInfo("song.mid")
            member.size = len(GOOD)
            archive.addfile(member, io.BytesIO(GOOD))
    return file.getvalue()


REFUSED = {
    **HOSTILE,
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "gzip": gzip.compress(GOOD, mtime=0),
    "bzip2": bz2.compress(GOOD),
    "zip": packed("zip"),
    "tar": packed("tar"),
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(1000),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "WAVE": b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(28),
    "UTF-16": "MThd und so weiter".encode("utf-16"),
    "base64": base64.b64encode(GOOD),
    "JSON": b'{"MThd": [0, 0, 0, 6]}',
    "small letters": b"mthd" + GOOD[4:],
    "a mark in front": b"\xef\xbb\xbf" + GOOD,
    "MacBinary": bytes(128) + GOOD,
    "a track alone": GOOD[14:],
    "bytes in pairs the other way round": np.frombuffer(GOOD[: len(GOOD) // 2 * 2], ">u2")
    .astype("<u2")
    .tobytes(),
    "CR LF for LF": GOOD[:14].replace(b"\x06", b"\r\n"),
    "SMPTE 24": smf(FOUR + END, division=0xE804),
    "SMPTE 0": smf(FOUR + END, division=0x8000),
    "format 65535": smf(FOUR + END, form=65535),
    "65,535 tracks": smf(*[END] * 65_535),
    "a million notes": smf(named(b"Bass", 33, b"\x00\x90" + b"\x28\x40\x00\x28\x00\x00" * 999_999)),
    "58 hours of silence": smf(named(b"Bass", 33, FOUR + number(FAR) + FOUR[1:])),
    "58 hours, slowly": smf(
        b"\x00\xff\x51\x03\x5b\x8d\x80" + END, named(b"Bass", 33, FOUR + number(FAR // 12) + FOUR[1:])
    ),
    "a delta of a megabyte of ones": smf(b"\xff" * 2**20 + FOUR + END),
    "a delta of a megabyte of zeros": smf(b"\x80" * 2**20 + FOUR + END),
    "a text of 256 MB that is not there": smf(b"\x00\xff\x01\xff\xff\xff\x7f" + FOUR + END),
    "ones": b"\xff" * 100_000,
    "a header and ones": smf(b"\xff" * 100_000),
    "a header and note-ons": smf(b"\x90" * 100_000),
    "a header and noise": smf(random.Random(1).randbytes(100_000))[:2000],
    "drums alone": smf(
        named(b"Kit", 0, FOUR, 9).replace(b"\x00\x90", b"\x00\x99").replace(b"\x60\x80", b"\x60\x89")
    ),
    "a high tune": smf(named(b"Flute", 73, FOUR.replace(b"\x28", b"\x58"))),
    "note-offs alone": smf(b"\x00\x80\x28\x00" * 100 + END),
    "names of control characters": smf(*[named(EVIL * 3, 73, FOUR.replace(b"\x28", b"\x58"))] * 30),
    "a thousand names of 7 KB": smf(*[named(EVIL * 400, 73, FOUR.replace(b"\x28", b"\x58"))] * 1000),
    "2,501 bars": smf(named(b"Bass", 33, quarters(10_004))),
    "bars of a quarter": smf(b"\x00\xff\x58\x04\x01\x02\x18\x08" + END, named(b"Bass", 33, quarters(19_000))),
    **{f"cut at {at}": GOOD[:at] for at in (1, 4, 7, 8, 12, 14, 18, 21, 22, 24, 27, 30, 33, 35)},
}
"""Each is refused with status 2."""

READ = {
    "as it should be": (GOOD, 4),
    **{
        f"cut at {at} of {len(GOOD)}": (GOOD[:at], notes)
        for at, notes in ((41, 1), (45, 1), (49, 2), (61, 3), (65, 4), (67, 4))
    },
    "65,535 tracks promised": (smf(named(b"Bass", 33, FOUR), count=65_535), 4),
    "no track promised": (smf(named(b"Bass", 33, FOUR), count=0), 4),
    "a track of 4 GB": (smf()[:14] + chunk(named(b"Bass", 33, FOUR), size=2**32 - 1), 4),
    "a track one byte short": (
        smf()[:14] + chunk(named(b"Bass", 33, FOUR), size=len(named(b"Bass", 33, FOUR)) - 1),
        4,
    ),
    "388 hours of silence at the end": (smf(named(b"Bass", 33, FOUR)[:-4] + number(2**28 - 1) + END[1:]), 4),
    "a delta of a megabyte behind the notes": (smf(named(b"Bass", 33, FOUR)[:-4] + b"\xff" * 2**20 + END), 4),
    "a text of 256 MB behind the notes": (
        smf(named(b"Bass", 33, FOUR)[:-4] + b"\x00\xff\x01\xff\xff\xff\x7f" + END),
        4,
    ),
    "a system exclusive without end": (
        smf(named(b"Bass", 33, FOUR)[:-4] + b"\x00\xf0\xff\xff\xff\x7f" + END),
        4,
    ),
    "RMID": (
        b"RIFF" + struct.pack("<I", len(GOOD) + 12) + b"RMIDdata" + struct.pack("<I", len(GOOD)) + GOOD,
        4,
    ),
    "RMID of 4 GB": (b"RIFF\xff\xff\xff\xffRMIDdata\xff\xff\xff\xff" + GOOD, 4),
    "a name of half a megabyte": (smf(named(b"Bass" * 2**17, 33, FOUR)), 4),
    "a name of control characters": (smf(named(b"Bass" + EVIL, 33, FOUR)), 4),
    "a name of no alphabet": (smf(named(bytes(range(128, 256)), 33, FOUR)), 4),
    "8 MB of text": (
        smf(named(b"Bass", 33, FOUR)[:-4] + (b"\x00\xff\x01" + number(990_000) + bytes(990_000)) * 8 + END),
        4,
    ),
    "200,000 controllers": (
        smf(named(b"Bass", 33, FOUR)[:-4] + b"\x00\xb0\x07\x40" + b"\x00\x07\x40" * 200_000 + END),
        4,
    ),
    "199,999 notes at one tick": (
        smf(named(b"Bass", 33, b"\x00\x90" + b"\x28\x40\x00\x28\x00\x00" * 199_999)[:-4]),
        199_999,
    ),
    "the longest song": (smf(named(b"Bass", 33, quarters(7_000))), 7_000),
    "a tempo a beat": (
        smf(b"\x60\xff\x51\x03\x07\xa1\x20" * 6_999 + END, named(b"Bass", 33, quarters(7_000))),
        7_000,
    ),
    "the lowest notes": (smf(named(b"Bass", 33, FOUR.replace(b"\x28", b"\x00"))), 4),
    "the highest notes": (smf(named(b"Bass", 33, FOUR.replace(b"\x28", b"\x7f"))), 4),
    "division 1": (smf(named(b"Bass", 33, FOUR.replace(b"\x60", b"\x01")), division=1), 4),
    "division 32767": (smf(named(b"Bass", 33, FOUR), division=32_767), 4),
    "16 channels hanging": (
        smf(b"".join(bytes((0, 0x90 | c, 40, 64)) for c in range(16)), named(b"Bass", 33, FOUR)),
        4,
    ),
    "1,022 empty tracks": (smf(*[END] * 1022, named(b"Bass", 33, FOUR)), 4),
}
"""Each is read with so many bass notes."""

EITHER = {
    "twice": GOOD + GOOD,
    "a track of no length": smf()[:14] + chunk(named(b"Bass", 33, FOUR), size=0),
    "a track of 2^31": smf()[:14] + chunk(named(b"Bass", 33, FOUR), size=2**31),
    "long notes laid over each other": smf(
        named(b"Bass", 33, b"\x00\x90" + b"".join(bytes((i % 128, 64, 1)) for i in range(90_000)))[:-4]
        + b"".join(bytes((i % 128, 0, 0)) for i in range(90_000))
        + END
    ),
    "metres of 255 by 2^255": smf(b"\x00\xff\x58\x04\xff\xff\xff\xff" + END, named(b"Bass", 33, FOUR)),
    **{f"mutated {i}": mutated(random.Random(i), random_song(np.random.default_rng(i))) for i in range(30)},
}
"""Each may be read or refused."""

PATHS = {
    "a pipe": b"pipe.mid",
    "a folder": b".",
    "a folder called .mid": b"folder.mid",
    "a socket": b"socket.mid",
    "a link to nothing": b"dangling.mid",
    "a link to itself": b"loop.mid",
    "missing": b"missing.mid",
    "missing, with control characters": b"evil\n\x1b[31m\x07.mid",
    "missing, not UTF-8": b"b\xe9ton-\xff\xfe.mid",
    "missing, right to left": "\u202emid.exe".encode(),
    "too long": b"x" * 300 + b".mid",
    "far too long": b"x/" * 3000,
    "no name": b"",
    "below a file": b"good.mid/song.mid",
    "/dev/zero": b"/dev/zero",
    "/dev/null": b"/dev/null",
    "/dev/full": b"/dev/full",
    "/dev/urandom": b"/dev/urandom",
    "memory": b"/proc/self/mem",
    "a number": b"0",
}
"""Each is refused with status 2."""


def generate_each(nursery, jobs):
    """Run the jobs (source, output, more) in one process; return a result for each."""
    named = [(os.fsencode(source).hex(), os.fsencode(output).hex(), more) for source, output, more in jobs]
    end = nursery.run(each=named)
    results = [json.loads(line) for line in end["stdout"].splitlines()]
    assert len(results) == len(jobs), (
        f"{jobs[len(results)][0]}: status {end['status']} {end['stderr'][-2000:]}"
    )
    return results


def check(result, folder, before, name):
    """The law for one input, and what lies in its folder after it; True where it was read."""
    lines = result["err"].splitlines()
    assert result["status"] in (0, 2), (name, result)
    assert all(line.isprintable() for line in (*lines, *result["out"].splitlines())), (name, result)
    assert len("".join(lines)) < 4000 and len(result["out"]) < 4000, name
    errors = [line for line in lines if line.startswith("basedrum: error: ")]
    assert all(line.startswith("basedrum: warning: ") for line in lines if line not in errors), (name, lines)
    assert len(errors) == (result["status"] == 2), (name, lines)
    assert all(", " in line for line in errors), (name, "says what to do")
    assert result["peak_bytes"] < LIMIT_BYTES, (name, result["peak_bytes"])
    assert sorted(os.listdir(folder)) == before, (name, "leaves something behind")
    output = (folder / "out.mid").read_bytes()
    assert (output == PRECIOUS) == (result["status"] == 2), name
    return result["status"] == 0


def played(nursery, folder, data):
    """Generate drums for these bytes, where the output exists already; return the result."""
    (folder / "in.mid").write_bytes(data)
    (folder / "out.mid").write_bytes(PRECIOUS)
    (result,) = generate_each(nursery, [(folder / "in.mid", folder / "out.mid", [])])
    return result


SMALL_BYTES = 100_000


@pytest.fixture(scope="module")
def generated(nursery, tmp_path_factory):
    """Return a function from an input's name to its folder and result.

    Small inputs are generated one after the other in one process, large ones in a process each, so that what
    they take in memory is told alone.
    """
    inputs = {**REFUSED, **EITHER, **{name: data for name, (data, _) in READ.items()}}
    root, folders = tmp_path_factory.mktemp("inputs"), {}
    for number_, (name, data) in enumerate(inputs.items()):
        folders[name] = root / str(number_)
        folders[name].mkdir()
        (folders[name] / "in.mid").write_bytes(data)
        (folders[name] / "out.mid").write_bytes(PRECIOUS)
    jobs = {name: (folder / "in.mid", folder / "out.mid", []) for name, folder in folders.items()}
    small = [name for name, data in inputs.items() if len(data) < SMALL_BYTES]
    results = dict(zip(small, generate_each(nursery, [jobs[name] for name in small]), strict=True))

    def of(name):
        if name not in results:
            (results[name],) = generate_each(nursery, [jobs[name]])
        return folders[name], results[name]

    return of


def walked(data):
    """Yield (track, status, first data byte, second) of the notes of a sound MIDI file, by a reader of the
    tests' own."""

    def long():
        nonlocal at
        value = 0
        while True:
            at, value = at + 1, value << 7 | data[at] & 127
            if data[at - 1] < 128:
                return value

    at, track = 14, 0
    while at < len(data):
        end, status = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big"), 0
        at += 8
        while at < end:
            long()
            if data[at] >= 0x80:
                at, status = at + 1, data[at]
            if status >= 0xF0:
                at += status == 0xFF
                size = long()
                at += size
            else:
                if status >> 4 in (8, 9):
                    yield track, status, data[at], data[at + 1]
                at += 1 if status >> 4 in (12, 13) else 2
        track += 1


def read_by_mido(data):
    """The same as mido tells it; None where it gives up, as it does on empty meta events and unheard-of
    keys."""
    try:
        tracks = mido.MidiFile(file=io.BytesIO(data), clip=True).tracks
    except Exception:  # mido has many ways to give up
        return None
    messages = [(i, m) for i, track in enumerate(tracks) for m in track if m.type in ("note_on", "note_off")]
    return [(i, (0x90 if m.type == "note_on" else 0x80) | m.channel, m.note, m.velocity) for i, m in messages]


def note_counts(messages):
    """(pitched, drums): an on and the next off of its pitch is a note."""
    counts, sounding = [0, 0], collections.Counter()
    for track, status, pitch, velocity in messages:
        key = (track, status & 15, pitch)
        if status >= 0x90 and velocity:
            sounding[key] += 1
        elif sounding[key]:
            sounding[key] -= 1
            counts[status & 15 == 9] += 1
    return tuple(counts)


def check_counts(source, output, name):
    """All readers agree on what the output holds: the pitched notes of the song, and the drums that were
    played."""
    song, again = parse_song(source), parse_song(output)
    pitched = sum(len(track.notes) for track in song.tracks if not track.is_drum)
    drums = sum(len(track.notes) for track in again.tracks if track.is_drum)
    assert sum(len(track.notes) for track in again.tracks if not track.is_drum) == pitched, name
    assert drums > 0 or song.grid.end_tick < song.grid.ticks_per_quarter, name
    assert note_counts(walked(output)) == (pitched, drums), name
    others = read_by_mido(output) if len(output) < 300_000 else None  # it is slow
    assert others is None or note_counts(others) == (pitched, drums), name


BEFORE = ["in.mid", "out.mid"]


def test_there_are_many():
    assert len(REFUSED) >= 80 and len({*REFUSED, *READ, *EITHER}) == len(REFUSED) + len(READ) + len(EITHER)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_song_is_refused(generated, name):
    folder, result = generated(name)
    assert not check(result, folder, BEFORE, name)


@pytest.mark.parametrize("name", READ)
def test_what_is_a_song_is_read_and_keeps_its_notes(generated, name):
    data, count = READ[name]
    folder, result = generated(name)
    assert check(result, folder, BEFORE, name), result["err"]
    notes = "1 note" if count == 1 else f"{count} notes"
    assert f", {notes}; " in result["out"]
    check_counts(data, (folder / "out.mid").read_bytes(), name)


@pytest.mark.parametrize("name", EITHER)
def test_the_rest_is_one_or_the_other(generated, name):
    folder, result = generated(name)
    if check(result, folder, BEFORE, name):
        check_counts(EITHER[name], (folder / "out.mid").read_bytes(), name)


@pytest.mark.slow
def test_the_awkward_files_of_other_projects_through_the_command_line(nursery, shared_folder, tmp_path):
    """B3: at least 94 % are read up to the question where the bass is; and every accepted one is right."""
    with open(shared_folder / "torture" / "manifest.csv", newline="") as file:
        expected = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    files = {name: (shared_folder / "torture" / "files" / name).read_bytes() for name in expected}
    reasons, num_read = collections.Counter(), 0
    for number_, name in enumerate(files):
        folder = tmp_path / str(number_)
        folder.mkdir()
        result = played(nursery, folder, files[name])
        if check(result, folder, BEFORE, name):
            reasons["accepted"] += 1
            check_counts(files[name], (folder / "out.mid").read_bytes(), name)
        else:
            line = result["err"].splitlines()[-1]
            reasons[line.split(": ", 3)[3].split(",")[0]] += 1
            if "no bass line found" in line:
                assert "--bass-track" in line and ("notes)" in line), name
            num_read += "no bass line found" in line
        assert expected[name] != "accept" or result["status"] == 0 or "no bass line found" in result["err"], (
            name,
            result,
        )
    print(dict(reasons.most_common()))
    sound = [name for name, what in expected.items() if not what.startswith("reject")]
    assert reasons["accepted"] + num_read >= 0.94 * len(sound)


@pytest.fixture(scope="module")
def places(nursery, tmp_path_factory):
    """A folder with things that are no songs, and what `generate` says to each of PATHS."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "good.mid").write_bytes(GOOD)
    (folder / "out.mid").write_bytes(PRECIOUS)
    os.mkfifo(folder / "pipe.mid")
    (folder / "folder.mid").mkdir()
    (folder / "dangling.mid").symlink_to("nowhere.mid")
    (folder / "loop.mid").symlink_to("loop.mid")
    before, here = Path.cwd(), socket.socket(socket.AF_UNIX)
    os.chdir(folder)  # the address of a socket must be short
    try:
        here.bind("socket.mid")
    finally:
        os.chdir(before)
    listing = sorted(os.listdir(folder))
    jobs = []
    for path in PATHS.values():
        full = path if path.startswith(b"/") or not path else os.fsencode(folder) + b"/" + path
        jobs.append((full, os.fsencode(folder / "out.mid"), []))
    results = dict(zip(PATHS, generate_each(nursery, jobs), strict=True))
    yield folder, listing, results
    here.close()


@pytest.mark.parametrize("name", PATHS)
def test_what_is_no_file_is_refused(places, name):
    folder, listing, results = places
    assert not check(results[name], folder, listing, name)


def test_songs_of_any_name_are_read(nursery, tmp_path):
    names = [
        b"evil\n\x1b[31m\x07.mid",
        b"b\xe9ton-\xff.mid",
        "ベース ü.mid".encode(),
        b"a$^$b_{.mid",
        b" .mid",
        b"%s%n{0}.mid",
    ]
    folder = os.fsencode(tmp_path)
    for name in names:
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(GOOD)
    results = generate_each(nursery, [(folder + b"/" + name, b"", ["--png"]) for name in names])
    for name, result in zip(names, results, strict=True):
        assert result["status"] == 0 and not result["err"], (name, result)
        lines = result["out"].splitlines()
        assert len(lines) == 2 and lines[1].startswith("seed "), (name, result)
        assert result["out"].count("\n") == 2 and all(line.isprintable() for line in lines), (name, result)
    made = sorted(os.listdir(folder))
    stems = [name[:-4] for name in names]
    assert made == sorted([*names, *(s + b".drums.mid" for s in stems), *(s + b".drums.png" for s in stems)])


def test_a_name_without_room_for_the_drums_beside_it(nursery, tmp_path):
    source = tmp_path / ("x" * 251 + ".mid")
    source.write_bytes(GOOD)
    (result,) = generate_each(nursery, [(source, b"", [])])
    assert result["status"] == 2 and result["err"].count("\n") == 1 and "cannot be written" in result["err"]
    assert os.listdir(tmp_path) == [source.name]


def test_a_file_that_grows_while_it_is_read(tmp_path):
    path, stop = tmp_path / "in.mid", threading.Event()
    path.write_bytes(GOOD)

    def grow():
        with open(path, "ab") as file:
            for _ in range(24):
                if not stop.is_set():
                    file.write(bytes(2**20))
                    file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(3):
            try:
                assert len(read_song(path).tracks[0].notes) == 4
            except MidiError as error:
                assert "larger than 8 MB" in str(error)
    finally:
        stop.set()
        thread.join()


# What `prepare` is given


def prepared(capsys, *arguments):
    """Run `prepare` in this process; return its status and its one line of error."""
    status = cli.main(["prepare", *map(str, arguments), "--workers", "1", "--quiet"])
    err = capsys.readouterr().err
    assert (
        status in (0, 2)
        and err.count("\n") == (status == 2)
        and all(line.isprintable() for line in err.splitlines())
    ), err
    return status, err


def zip_bomb(name, size=2**28):
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        block = bytes(2**20)
        for _ in range(size // 2**20):
            member.write(block)
    return file.getvalue()


def tar_bomb(kind, size=2**27):
    """A tar.gz whose next name or PAX header claims `size` bytes, and has them."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed_:
        packed_.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(size // 2**22):
            packed_.write(bytes(2**22))
    return file.getvalue()


@pytest.mark.parametrize("name", ["in.mid", "in.npz", "in.zip", "in.tar.gz", "in.txt"])
def test_prepare_does_not_wait_for_a_pipe(tmp_path, capsys, name):
    os.mkfifo(tmp_path / name)
    status, err = prepared(capsys, tmp_path / name, "-o", tmp_path / "out")
    assert status == 2 and "is not a regular file" in err and not (tmp_path / "out").exists()


def test_prepare_passes_by_what_is_no_file_in_a_folder(tmp_path, capsys):
    folder = write_songs(tmp_path / "songs", {"good.mid": corpus_song(1)})
    os.mkfifo(folder / "pipe.mid")
    (folder / "zero.mid").symlink_to("/dev/zero")
    (folder / "loop.mid").symlink_to("loop.mid")
    (folder / "round").symlink_to(".")
    (folder / "evil\n\x1b[31m.mid").write_bytes(b"no")
    status, _ = prepared(capsys, folder, "-o", tmp_path / "out")
    assert status == 0 and PhraseDataset.open(tmp_path / "out").songs == ["good"]


def test_prepare_does_not_wait_for_labels(tmp_path, capsys):
    folder = write_songs(tmp_path / "songs", {"good.mid": corpus_song(1)})
    os.mkfifo(tmp_path / "pipe")
    bad = {
        "nul": b"id,split\n\0,\0\n",
        "noise": random.Random(1).randbytes(10_000),
        "wide": b"id\n" + b"x" * 200_000,
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path, *(tmp_path / name for name in ("noise", "wide"))):
        status, err = prepared(capsys, folder, "-o", tmp_path / "out", "--songs", path)
        assert status == 2 and not (tmp_path / "out").exists(), err
    prepared(capsys, folder, "-o", tmp_path / "out", "--songs", tmp_path / "nul")


def test_prepare_with_a_source_that_is_missing_makes_nothing(tmp_path, capsys):
    folder = write_songs(tmp_path / "songs", {"good.mid": corpus_song(1)})
    status, err = prepared(capsys, folder, tmp_path / "mistyped", "-o", tmp_path / "out")
    assert status == 2 and "mistyped: no such file" in err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["bomb.mid", "bomb.npz"])
def test_prepare_does_not_unpack_a_bomb(tmp_path, capsys, name):
    (tmp_path / "in.zip").write_bytes(zip_bomb(name))
    before = peak()
    status, err = prepared(capsys, tmp_path / "in.zip", "-o", tmp_path / "out")
    assert status == 2 and "no song was fit" in err
    assert "larger than 8 MB" in (tmp_path / "out" / "skipped.csv").read_text()
    assert peak() - before < 64 * 2**20


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_prepare_does_not_read_a_name_of_gigabytes(tmp_path, capsys, kind):
    (tmp_path / "in.tar.gz").write_bytes(tar_bomb(kind))
    before = peak()
    status, err = prepared(capsys, tmp_path / "in.tar.gz", "-o", tmp_path / "out")
    assert status == 2 and "broken archive: a header of more than 8 MB" in err
    assert peak() - before < 64 * 2**20


def peak():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_an_archive_of_everything_but_files(tmp_path, capsys):
    """Links, devices and names that climb out of an archive are nothing to follow: its bytes are read,
    nothing is unpacked."""
    with tarfile.open(tmp_path / "in.tar", "w") as archive:
        for name, kind in (
            ("link.mid", tarfile.SYMTYPE),
            ("device.mid", tarfile.CHRTYPE),
            ("pipe.mid", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/dev/zero"
            archive.addfile(member)
        for name in ("../../escaped.mid", "/absolute.mid", "evil\n\x1b.mid"):
            data = corpus_song(len(name))
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    status, _ = prepared(capsys, tmp_path / "in.tar", "-o", tmp_path / "out")
    assert status == 0 and len(PhraseDataset.open(tmp_path / "out").songs) == 3
    assert sorted(os.listdir(tmp_path)) == ["in.tar", "out"]
