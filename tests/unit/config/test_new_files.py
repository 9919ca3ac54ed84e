"""Files are replaced in one step, for their owner alone, and never over somebody else's change."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from bookings_sync.config.new_files import NewFile, secrets_file
from bookings_sync.errors import ConfigurationError, DiskFull

BEFORE = "# mine\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of secrets that everybody may read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    file = tmp_path / ".dlt/secrets.toml"
    file.write_text(BEFORE)
    file.chmod(0o644)
    return file


def changed() -> NewFile:
    new = secrets_file()
    new.set_values(["a"], {"b": "c"})
    return new


def test_a_change_is_written_for_the_owner_alone(file: Path) -> None:
    changed().write()
    assert file.read_text() == BEFORE + '\n[a]\nb = "c"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_the_key_is_never_in_a_file_that_others_may_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for the moment between creating a file and changing its mode."""
    modes: list[int] = []
    opened = os.fdopen

    def observed(descriptor: int, *arguments: object) -> object:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return opened(descriptor, *arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "fdopen", observed)
    before = os.umask(0)
    try:
        changed().write()
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_a_file_that_changed_in_the_meantime_is_not_overwritten(file: Path) -> None:
    new = changed()
    file.write_text("# changed by hand\n")
    with pytest.raises(ConfigurationError, match=r"changed in the meantime \(in .dlt/secrets.toml\)"):
        new.write()
    assert file.read_text() == "# changed by hand\n"


def test_a_file_that_appeared_in_the_meantime_is_not_overwritten(file: Path) -> None:
    file.unlink()
    new = changed()
    file.write_text(BEFORE)
    with pytest.raises(ConfigurationError, match="changed in the meantime"):
        new.write()
    assert file.read_text() == BEFORE


def test_a_full_disk_leaves_the_old_file_and_nothing_else(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new = changed()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        new.write()
    assert file.read_text() == BEFORE
    assert [each.name for each in file.parent.iterdir()] == [file.name]
