"""Atomic writing: nothing is ever half written."""

import os
import stat

import pytest

from basedrum.errors import BasedrumError, printable
from basedrum.files import write_atomic


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "out.mid"
    write_atomic(path, b"one")
    write_atomic(str(path), memoryview(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["out.mid"]


def test_a_file_gets_the_rights_of_any_new_file(tmp_path):
    write_atomic(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_an_existing_file_survives_a_failing_disk(tmp_path, monkeypatch, failing):
    path = tmp_path / "out.mid"
    path.write_bytes(b"precious")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(BasedrumError, match=r"out\.mid: cannot be written: No space left on device"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["out.mid"]


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "out.mid", b"new")
    assert os.listdir(tmp_path) == []


def test_a_folder_and_a_missing_folder_are_named(tmp_path):
    with pytest.raises(BasedrumError, match="is a folder"):
        write_atomic(tmp_path, b"")
    with pytest.raises(BasedrumError, match="cannot be written"):
        write_atomic(tmp_path / "missing" / "out.mid", b"")
    with pytest.raises(BasedrumError, match="cannot be written"):
        write_atomic(str(tmp_path / "a\0b"), b"")


def test_a_device_or_a_pipe_is_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BasedrumError, match="not a regular file"):
        write_atomic(pipe, b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "target.mid", tmp_path / "link.mid"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_printable_keeps_a_message_on_one_line():
    assert printable("a\nb\x1b[31m\u202ec") == "a\\nb\\x1b[31m\\u202ec"
    assert printable("Größe ベース") == "Größe ベース"
    assert len(printable("x" * 1000)) == 200
    assert printable("bad\udce9name") == "bad\\udce9name"
