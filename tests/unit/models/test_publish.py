"""Publishing: the copy is replaced in one step, and whoever has the one before open goes on reading it."""

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


def test_an_open_session_goes_on_and_a_new_one_sees_the_new_state(tmp_path: Path) -> None:
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
    write(database, "insert into marts.t values (2)")  # the reader does not stand in the writer's way
    publish(database, 1)
    out, _ = reader.communicate("\n")
    assert out == "1\n"
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("select max(n) from marts.t").fetchone() == (2,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bookings.duckdb", "bookings_read.duckdb"]


def test_a_failed_copy_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    copy = publish(database, 1)
    before = copy.read_bytes()
    write(database, "insert into t values (2)")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)  # a file system may take what it has no room for, and say so then
    with pytest.raises(LoadError, match="could not be published"):
        publish(database, 1)
    assert copy.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_a_copy_is_on_the_disk_before_it_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select range as n from range(200_000)")
    copy = publish(database, 1)
    write(database, "insert into t select range from range(200_000, 700_000)")
    done: list[object] = []
    written, replaced = os.fsync, Path.replace

    def synced(file: int) -> None:
        written(file)
        done.append(os.stat(file).st_size)

    def replacing(fresh: Path, name: Path) -> Path:
        done.append("replaced")
        return replaced(fresh, name)

    monkeypatch.setattr("bookings_sync.models.publish._PIECE", 300_000)
    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr(Path, "replace", replacing)
    publish(database, 1)
    assert copy.read_bytes() == database.read_bytes()
    assert len(done) > 3
    assert done[-2:] == [database.stat().st_size, "replaced"]


def numbers(path: Path) -> list[int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [n for (n,) in connection.execute("select n from t order by n").fetchall()]


def published_at(database: Path, stamp: int, keep: int) -> None:
    publish(database, keep)
    os.utime(read_copy(database), (stamp, stamp))


def test_the_last_copies_are_kept_by_the_time_they_were_made(tmp_path: Path) -> None:
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

    somebody_elses = tmp_path / "bookings_read_mine.duckdb"
    somebody_elses.write_text("mine")
    publish(database, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([
        "bookings.duckdb", "bookings_read.duckdb", somebody_elses.name
    ])  # fmt: skip


def test_copies_are_kept_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refused)
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    published_at(database, 1_800_000_000, keep=2)
    write(database, "insert into t values (2)")
    publish(database, 2)

    assert numbers(read_copy(database)) == [1, 2]
    assert [numbers(path) for path in earlier_copies(database)] == [[1]]


def test_who_may_read_the_copy_is_said_once(tmp_path: Path) -> None:
    """At first whoever may read the database; then whoever the copy before was opened to."""
    database = tmp_path / "bookings.duckdb"
    write(database, "create table t as select 1 as n")
    database.chmod(0o600)
    copy = publish(database, 1)
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.chmod(0o640)
    publish(database, 2)
    assert [each.stat().st_mode & 0o777 for each in (copy, *earlier_copies(database))] == [0o640, 0o640]
