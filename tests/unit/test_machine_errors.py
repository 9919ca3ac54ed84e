"""Failures of the machine are recognised in whatever a library raises, and other failures are not."""

from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.pipeline.exceptions import PipelineStepFailed

from bookings_sync import errors
from bookings_sync.machine import machine_error, naming_machine_errors


def chained(*raised: BaseException) -> BaseException:
    """The last error, caused by those before it."""
    for inner, outer in pairwise(raised):
        outer.__cause__ = inner
    return raised[-1]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.DiskFull),
        (errno.EDQUOT, errors.DiskFull),
        (errno.EROFS, errors.NoAccess),
        (errno.EACCES, errors.NoAccess),
        (errno.EISDIR, errors.NoAccess),
        (errno.ENOTDIR, errors.NoAccess),
        (errno.EFBIG, errors.LimitReached),
        (errno.EMFILE, errors.LimitReached),
        (errno.ENOMEM, errors.LimitReached),
        (errno.EIO, errors.DamagedFile),
    ],
)
def test_error_numbers_name_the_file(number: int, kind: type[errors.MachineError]) -> None:
    found = machine_error(chained(OSError(number, "any", "/data/x.jsonl"), RuntimeError("ada@example.org")))
    assert type(found) is kind
    assert found.where == (None if number in (errno.EMFILE, errno.ENOMEM) else "/data/x.jsonl")
    assert "ada" not in str(found)


@pytest.mark.parametrize(
    ("raised", "kind", "where"),
    [
        (
            duckdb.IOException('IO Error: Could not write file "/data/b.duckdb": No space left on device'),
            errors.DiskFull,
            "/data/b.duckdb",
        ),
        (
            duckdb.TransactionException(
                'Failed to commit: Could not write file "/data/b.duckdb.wal": File too large, ada@example.org'
            ),
            errors.LimitReached,
            "/data/b.duckdb.wal",
        ),
        (
            duckdb.IOException("Trying to read a database file with version number 99, but we can only read 64 to 68"),
            errors.DamagedFile,
            "/data/b.duckdb",
        ),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block"), errors.LimitReached, None),
        (MemoryError(), errors.LimitReached, None),
        (RuntimeError("can't start new thread"), errors.LimitReached, None),
    ],
)
def test_messages_of_libraries(raised: BaseException, kind: type[errors.MachineError], where: str | None) -> None:
    wrapped = chained(raised, DatabaseTransientException(Exception("ada@example.org")), errors.LoadError("the load"))
    found = machine_error(wrapped, "/scratch", database="/data/b.duckdb")
    assert type(found) is kind
    assert found.where == where
    assert "ada" not in str(found)


def test_the_holder_of_a_file() -> None:
    message = 'IO Error: Could not set lock on file "/data/b.duckdb": Conflicting lock is held in /usr/bin/R (PID 7) by'
    found = machine_error(duckdb.IOException(message))
    assert isinstance(found, errors.FileHeld)
    assert found.exit_code == 75
    assert str(found).startswith(
        "another process has the database file open: /data/b.duckdb, by process 7 (/usr/bin/R). "
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("No space left on the calendar"),
        OSError(errno.ECONNREFUSED, "refused"),
        FileNotFoundError(errno.ENOENT, "missing", "/tmp/nothing.here"),
        errors.BookingsError("no"),
        chained(
            OSError(errno.EMFILE, "many"),
            errors.ConnectionFailed("no", location="b", method="GET", path="/", window=None),
        ),
    ],
)
def test_other_failures_stay_as_they_are(error: BaseException) -> None:
    assert machine_error(error) is None
    with pytest.raises(type(error)) as caught, naming_machine_errors("/data"):
        raise error
    assert caught.value is error


def test_a_missing_file_counts_if_its_folder_or_its_target_is_missing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    for path, problem in (("link", "a symbolic link leads nowhere"), ("gone/file", "a file is where a folder is")):
        found = machine_error(FileNotFoundError(errno.ENOENT, "missing", str(tmp_path / path)))
        assert isinstance(found, errors.NoAccess)
        assert found.problem.startswith(problem)


def test_a_step_of_dlt_that_failed() -> None:
    class Step(PipelineStepFailed):
        def __init__(self, inner: BaseException) -> None:
            Exception.__init__(self, "ada@example.org")
            self.exception = inner  # type: ignore[assignment]

    found = machine_error(Step(OSError(errno.ENOSPC, "No space left on device")), "/scratch", database="/b.duckdb")
    assert isinstance(found, errors.DiskFull)
    assert found.where == "/scratch"
