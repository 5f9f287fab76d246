"""A file is there whole or not at all, and an unwritable folder is named."""

import errno
import logging
import os
import threading
import time
from pathlib import Path

import pytest

from medrepro.datamodules.support.cache import atomic_write, cache_root, check_space, locked, writable_folder
from medrepro.datamodules.support.errors import InputError


def test_success_replaces(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "value.txt"
    for text in ("old", "new"):
        with atomic_write(target) as temporary:
            temporary.write_text(text)
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_failure_keeps_the_old_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "value.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), atomic_write(target) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("half way")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="cannot write .*value.txt: No space left on device"),
        atomic_write(tmp_path / "value.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"cannot write to .*taken.*--out"):
        writable_folder(tmp_path / "taken", "--out")


def test_cache_root_prefers_argument_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDREPRO_CACHE", str(tmp_path / "env"))
    assert cache_root(tmp_path / "arg") == tmp_path / "arg"
    assert cache_root(None) == tmp_path / "env"


def test_a_locked_folder_is_waited_for_or_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medrepro.datamodules.support.cache._WAIT_S", 0.05)
    held, done = threading.Event(), []

    def hold() -> None:
        with locked(tmp_path / "deep" / "folder"):
            held.set()
            time.sleep(0.3)
            done.append(True)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(InputError, match="busy here"), locked(tmp_path / "deep" / "folder", busy="busy here"):
        pass
    with caplog.at_level(logging.WARNING), locked(tmp_path / "deep" / "folder"):
        assert done == [True]
    assert "another process is working on" in caplog.text
    thread.join()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [".folder.lock"]


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "there", 1, "rendering", "free space")
    with pytest.raises(InputError, match=r"rendering needs 1000000000000 MB in .*not.there, \d+ MB are free; go away"):
        check_space(tmp_path / "not" / "there", 10**18, "rendering", "go away")
