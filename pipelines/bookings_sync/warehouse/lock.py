"""One run at a time on a dataset: dlt has no lock of its own, and of three processes with one pipeline two fail.

Input:  the file that stands for the dataset, or a connection to the server that holds it.
Output: a context that holds the lock, or LockedError naming the holder. The lock is the operating system's or the
        server's own: a run that is killed frees it.

On a server, runs that share the work by location (`Settings.shard`) hold the lock together, each its own part of it; a
run that is not such a part, and a transform, hold it alone.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from filelock import FileLock, Timeout
from pendulum import DateTime

from bookings_sync.config.settings import Part
from bookings_sync.errors import LoadError, LockedError


class Lock:
    """A lock that is held. This one is a file's: the operating system keeps it as long as the process lives."""

    def alone(self) -> AbstractContextManager[None]:
        """For what no two parts of a sharded run may do at once, such as making tables. Waits for its turn."""
        return nullcontext()

    def check(self) -> None:
        """Raises LoadError where the lock has been lost."""


# -- a file ------------------------------------------------------------------------------------------------------------


@contextmanager
def locked(path: Path, *, since: DateTime) -> Iterator[Lock]:
    """Holds the lock at `path` (a file beside the database). Raises LockedError at once where another run holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(path.name + ".holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(_read(holder)) from None
    try:
        about = {"pid": os.getpid(), "host": socket.gethostname(), "since": since.to_iso8601_string()}
        holder.write_text(json.dumps(about), encoding="utf-8")
        yield Lock()
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {about['pid']} on {about['host']}, since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "not known"  # it has only just taken the lock, or is giving it back


# -- a PostgreSQL server -----------------------------------------------------------------------------------------------

_WHOLE = 0
_GATE = -1
"""Numbers that name, beside the dataset's, what is locked: all of it, or the right to look who holds what."""

_GATE_SECONDS = 30

_NAME = "bookings"
"""Begins the connection's application_name, which tells others who holds the lock."""


@contextmanager
def locked_on_server(client: SqlClientBase[Any], dataset: str, *, part: Part | None, since: DateTime) -> Iterator[Lock]:
    """Holds PostgreSQL's advisory lock on a dataset, for as long as the open `client` stays connected.

    The connection must be a session of its own: not one that others use, nor one that a pooler shares out by
    transaction. Raises LockedError at once where a run holds the lock that this one may not run beside.
    """
    lock = _ServerLock(client, dataset)
    lock.take(part, since)
    try:
        yield lock
    finally:
        lock.release()


class _ServerLock(Lock):
    def __init__(self, client: SqlClientBase[Any], dataset: str) -> None:
        self._client = client
        # Advisory locks are per database, and go by two 32-bit numbers. This one stands for the dataset.
        self._dataset = int.from_bytes(blake2b(dataset.encode(), digest_size=4).digest(), "big", signed=True)
        self._backend: Any = None

    def take(self, part: Part | None, since: DateTime) -> None:
        wanted = part.of << 16 | part.index if part else _WHOLE
        self._ask("SELECT set_config('application_name', %s, FALSE)", _about(since))
        # A run's own connection may be silent for hours.
        self._ask("SELECT set_config(name, '0', FALSE) FROM pg_settings WHERE name = 'idle_session_timeout'")
        with self.alone():
            for held, holder in self._holders():
                if part is None or held >> 16 != part.of or held == wanted:
                    raise LockedError(_holder(holder))
            self._ask("SELECT pg_advisory_lock(%s, %s)", self._dataset, wanted)
        self._backend = self._ask("SELECT pg_backend_pid()")

    def release(self) -> None:
        with suppress(DatabaseException):  # the connection is gone, and the lock with it
            self._client.execute_sql("SELECT pg_advisory_unlock_all()")

    @contextmanager
    def alone(self) -> Iterator[None]:
        self._ask("SELECT set_config('lock_timeout', %s, FALSE)", f"{_GATE_SECONDS}s")
        try:
            self._client.execute_sql("SELECT pg_advisory_lock(%s, %s)", self._dataset, _GATE)
        except DatabaseException:
            raise LockedError("not known; it has been making tables for a long time") from None
        try:
            yield
        finally:
            self._ask("SELECT pg_advisory_unlock(%s, %s)", self._dataset, _GATE)

    def check(self) -> None:
        try:
            backend = self._ask("SELECT pg_backend_pid()")
        except DatabaseException:
            backend = None
        if backend != self._backend:
            raise LoadError("the connection that held the lock was cut: another run may have begun")

    def _holders(self) -> list[tuple[int, str]]:
        """What is held of the dataset, and the application_name of the connection that holds it."""
        rows = self._client.execute_sql(
            """
            SELECT held.objid::bigint, holder.application_name
            FROM pg_locks AS held
            LEFT JOIN pg_stat_activity AS holder ON holder.pid = held.pid
            WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 2 AND held.pid <> pg_backend_pid()
              AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND held.classid = %s AND held.objid <> %s
            """,
            self._dataset & 0xFFFFFFFF,
            _GATE & 0xFFFFFFFF,
        )
        return [(int(held), str(name or "")) for held, name in rows or ()]

    def _ask(self, sql: str, *values: Any) -> Any:
        rows = self._client.execute_sql(sql, *values)
        return rows[0][0] if rows else None


def _about(since: DateTime) -> str:
    """What others are told, in the 63 bytes that the server keeps."""
    when = since.in_timezone("UTC").format("YYYY-MM-DD[T]HH:mm:ss[Z]")
    return f"{_NAME} {os.getpid()} {when} {socket.gethostname()}".encode()[:63].decode(errors="ignore")


def _holder(application_name: str) -> str:
    match application_name.split(" ", 3):
        case [name, pid, since, host] if name == _NAME:
            return f"process {pid} on {host}, since {since}"
    return "not known"
