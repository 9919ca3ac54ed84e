"""The read copy is replaced atomically, and open sessions keep their old state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from bookings_sync.errors import LoadError
from bookings_sync.models.publish import earlier_copies, publish, read_copy


def write(database: Path, sql: str) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(sql)


READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("select max(n) from marts.t").fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute("select max(n) from marts.t").fetchone()[0], flush=True)
"""


def test_open_sessions_keep_the_old_state_and_new_ones_see_the_new(tmp_path: Path) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create schema marts; create table marts.t as select 1 as n")
    copy = publish(database, 1)
    assert copy == read_copy(database) == tmp_path / "bookings_read.duckdb"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(copy)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline() == "1\n"
    write(database, "insert into marts.t values (2)")  # the reader does not block the writer
    publish(database, 1)
    out, _ = reader.communicate("\n")
    assert out == "1\n"
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("select max(n) from marts.t").fetchone() == (2,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bookings.duckdb", "bookings_read.duckdb"]


def test_a_failed_copy_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    copy = publish(database, 1)
    before = copy.read_bytes()
    write(database, "insert into t values (2)")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)  # some file systems report a full disk only at fsync
    with pytest.raises(LoadError, match="could not be published: the disk is full"):
        publish(database, 1)
    assert copy.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_the_copy_is_fsynced_before_it_replaces_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select range as n from range(200_000)")
    copy = publish(database, 1)
    write(database, "insert into t select range from range(200_000, 700_000)")
    steps: list[object] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(file: int) -> None:
        fsync(file)
        steps.append(os.stat(file).st_size)

    def recorded_replace(fresh: Path, name: Path) -> Path:
        steps.append("replaced")
        return replace(fresh, name)

    monkeypatch.setattr("bookings_sync.models.publish.CHUNK_BYTES", 300_000)
    monkeypatch.setattr("os.fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    publish(database, 1)
    assert copy.read_bytes() == database.read_bytes()
    assert len(steps) > 3, "chunk by chunk"
    assert steps[-2:] == [database.stat().st_size, "replaced"]


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_an_unchanged_database_is_not_copied_again(tmp_path: Path) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    copy = publish(database, 2)
    before = identity(copy)
    write(database, "select * from t; delete from t where n = 7; create temporary table u as select * from t")
    publish(database, 2)
    assert identity(copy) == before
    assert not earlier_copies(database)

    write(database, "insert into t values (2)")
    publish(database, 2)
    assert numbers(copy) == [1, 2]
    copy.unlink()
    publish(database, 2)
    assert numbers(copy) == [1, 2]


def test_a_change_that_only_the_log_holds_is_copied(tmp_path: Path) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    copy = publish(database, 1)
    killed = f"""
import duckdb, os
connection = duckdb.connect({str(database)!r})
connection.execute("insert into t values (2)")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == 9
    publish(database, 1)
    assert numbers(copy) == [1, 2]


def test_a_restored_database_is_copied_although_it_looks_alike(tmp_path: Path) -> None:
    """Two files with equal headers may hold different rows."""
    database, backup = tmp_path / "bookings.duckdb", tmp_path / "backup"
    write(database, "create table t as select 1 as n")
    backup.write_bytes(database.read_bytes())
    write(database, "insert into t values (2)")
    copy = publish(database, 1)
    database.write_bytes(backup.read_bytes())
    write(database, "insert into t values (3)")
    publish(database, 1)
    assert numbers(copy) == [1, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="reflinks are made by a request to Linux")
def test_a_file_system_with_reflinks_shares_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def ioctl(target: int, request: int, source: int) -> None:
        assert request == 0x40049409
        os.sendfile(target, source, 0, os.fstat(source).st_size)

    def refused(*_: object) -> None:
        raise AssertionError("the blocks are shared, not copied")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr("bookings_sync.models.publish._copy", refused)
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    assert numbers(publish(database, 1)) == [1]


def numbers(path: Path) -> list[int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [n for (n,) in connection.execute("select n from t order by n").fetchall()]


def published_at(database: Path, stamp: int, keep: int) -> None:
    publish(database, keep)
    os.utime(read_copy(database), (stamp, stamp))


def test_earlier_copies_are_kept_under_the_time_they_were_made(tmp_path: Path) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t (n int)")
    for number in range(4):
        write(database, f"insert into t values ({number})")
        published_at(database, 1_800_000_000 + 60 * number, keep=3)

    assert numbers(read_copy(database)) == [0, 1, 2, 3]
    assert [path.name for path in earlier_copies(database)] == [
        "bookings_read_20270115T080200Z.duckdb",
        "bookings_read_20270115T080100Z.duckdb",
    ]
    assert [numbers(path) for path in earlier_copies(database)] == [[0, 1, 2], [0, 1]]

    foreign = tmp_path / "bookings_read_mine.duckdb"
    foreign.write_text("mine")
    publish(database, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"bookings.duckdb", "bookings_read.duckdb", foreign.name}


def test_earlier_copies_are_kept_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", unsupported)
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    published_at(database, 1_800_000_000, keep=2)
    write(database, "insert into t values (2)")
    publish(database, 2)

    assert numbers(read_copy(database)) == [1, 2]
    assert [numbers(path) for path in earlier_copies(database)] == [[1]]


def test_a_new_copy_keeps_the_mode_of_the_old_one(tmp_path: Path) -> None:
    """The first copy takes the mode of the database."""
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    database.chmod(0o600)
    copy = publish(database, 1)
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.chmod(0o640)
    write(database, "insert into t values (2)")
    publish(database, 2)
    assert [each.stat().st_mode & 0o777 for each in (copy, *earlier_copies(database))] == [0o640, 0o640]
