"""The dataset's lock: one run at a time. dlt has no lock, and concurrent runs of one pipeline fail.

Input:  a lock file, or a connection to the PostgreSQL server.
Output: a context manager that holds the lock, or LockedError with the holder's process and host.

The operating system or the server releases the lock of a killed run. On a server, all parts of one sharded run
(`Settings.shard`) hold the lock together. Any other run holds it alone, and so does a transform.
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
from bookings_sync.machine import naming_machine_errors

_UNKNOWN = "an unknown process"


class Lock:
    """A held lock. This class is the file lock, which cannot be lost while the process lives."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Excludes the other parts of a sharded run, for example while tables are created. Waits until it is free."""
        return nullcontext()

    def check(self) -> None:
        """Raises LoadError if the lock has been lost."""


# -- a file ------------------------------------------------------------------------------------------------------------


@contextmanager
def locked(path: Path, *, since: DateTime) -> Iterator[Lock]:
    """Holds the lock file `path`. Raises LockedError immediately if another run holds it, and MachineError if the file
    cannot be made or opened."""
    holder_file = path.with_name(path.name + ".holder")
    lock = FileLock(path)
    with naming_machine_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise LockedError(_read_holder(holder_file)) from None
    try:
        with naming_machine_errors(holder_file):
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since.to_iso8601_string()}
            holder_file.write_text(json.dumps(holder), encoding="utf-8")
        yield Lock()
    finally:
        with suppress(OSError):  # a folder that became read-only meanwhile must not hide what happened
            holder_file.unlink(missing_ok=True)
        lock.release()


def _read_holder(file: Path) -> str:
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        return _describe(holder["pid"], holder["host"], holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return _UNKNOWN  # the other run is just acquiring or releasing the lock


def _describe(pid: object, host: object, since: object) -> str:
    return f"process {pid} on {host}, since {since}"


# -- a PostgreSQL server -----------------------------------------------------------------------------------------------

# An advisory lock has two 32-bit numbers: the dataset's, and one of these or a part's.
_WHOLE = 0  # the whole dataset
_GATE = -1  # the right to inspect the holders and to become one

_GATE_TIMEOUT = "30s"
"""How long one run may keep the gate, which it needs while it creates tables and indexes."""
_TIMED_OUT = "55P03"
"""PostgreSQL's error code lock_not_available."""

_APPLICATION = "bookings"
"""First word of the connection's application_name. Other runs read the holder from that name."""


@contextmanager
def locked_on_server(client: SqlClientBase[Any], dataset: str, *, part: Part | None, since: DateTime) -> Iterator[Lock]:
    """Holds PostgreSQL's advisory lock on a dataset while the open `client` stays connected.

    The session must belong to `client` alone: no other user, no pooler in transaction mode. Raises LockedError
    immediately if a conflicting run holds the lock.
    """
    lock = _ServerLock(client, dataset)
    lock.acquire(part, since)
    try:
        yield lock
    finally:
        lock.release()


class _ServerLock(Lock):
    def __init__(self, client: SqlClientBase[Any], dataset: str) -> None:
        self._client = client
        self._dataset = int.from_bytes(blake2b(dataset.encode(), digest_size=4).digest(), "big", signed=True)
        self._backend: Any = None
        self._name = _APPLICATION

    def acquire(self, part: Part | None, since: DateTime) -> None:
        wanted = part.of << 16 | part.index if part else _WHOLE
        self._name = _application_name(since)
        self._query("SELECT set_config('application_name', %s, FALSE)", self._name)
        with self.exclusive():
            for held, application_name in self._holders():
                if part is None or held >> 16 != part.of or held == wanted:
                    raise LockedError(_holder_of(application_name))
            self._query("SELECT pg_advisory_lock(%s, %s)", self._dataset, wanted)
        self._backend = self._query("SELECT pg_backend_pid()")

    def release(self) -> None:
        with suppress(DatabaseException):  # without a connection the lock is released already
            self._client.execute_sql("SELECT pg_advisory_unlock_all()")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        while not self._take_gate():
            pass
        try:
            yield
        finally:
            self._query("SELECT pg_advisory_unlock(%s, %s)", self._dataset, _GATE)

    def _take_gate(self) -> bool:
        """Waits for the gate. Returns False if other runs took turns all the time: of many parts that begin at once,
        the last waits for all others. Raises LockedError if one run kept the gate."""
        before = self._gate_holder()
        self._query("SELECT set_config('lock_timeout', %s, FALSE)", _GATE_TIMEOUT)
        try:
            self._client.execute_sql("SELECT pg_advisory_lock(%s, %s)", self._dataset, _GATE)
        except DatabaseException as error:
            if getattr(error.__cause__, "pgcode", None) != _TIMED_OUT:
                raise
            self._query("SELECT set_config('application_name', %s, FALSE)", self._name)  # dlt resets it after an error
            if before is None or before != self._gate_holder():
                return False
            holder = f"{_holder_of(before[1])}, which has been creating tables for over {_GATE_TIMEOUT}"
            raise LockedError(holder) from None
        return True

    def check(self) -> None:
        try:
            backend = self._query("SELECT pg_backend_pid()")
        except DatabaseException:
            backend = None
        if backend != self._backend:
            raise LoadError("the connection with the lock was closed, so another run may have begun. Run again.")

    def _holders(self) -> list[tuple[int, str]]:
        """The second number of each lock on the dataset but the gate, and its connection's application_name."""
        return [(number, name) for number, _, name in self._held() if number != _GATE & 0xFFFFFFFF]

    def _gate_holder(self) -> tuple[int, str] | None:
        """The process number on the server and the application_name of the connection that has the gate."""
        return next(((pid, name) for number, pid, name in self._held() if number == _GATE & 0xFFFFFFFF), None)

    def _held(self) -> list[tuple[int, int, str]]:
        """Other connections' locks on the dataset: the second number, the process number, and the application_name."""
        rows = self._client.execute_sql(
            """
            SELECT held.objid::bigint, held.pid, holder.application_name
            FROM pg_locks AS held
            LEFT JOIN pg_stat_activity AS holder ON holder.pid = held.pid
            WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 2 AND held.pid <> pg_backend_pid()
              AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND held.classid = %s
            """,
            self._dataset & 0xFFFFFFFF,
        )
        return [(int(number), int(pid), str(name or "")) for number, pid, name in rows or ()]

    def _query(self, sql: str, *values: Any) -> Any:
        """The first value of the result; None without one."""
        rows = self._client.execute_sql(sql, *values)
        return rows[0][0] if rows else None


def _application_name(since: DateTime) -> str:
    """This process as application_name. PostgreSQL keeps 63 bytes."""
    when = since.in_timezone("UTC").format("YYYY-MM-DD[T]HH:mm:ss[Z]")
    return f"{_APPLICATION} {os.getpid()} {when} {socket.gethostname()}".encode()[:63].decode(errors="ignore")


def _holder_of(application_name: str) -> str:
    match application_name.split(" ", 3):
        case [name, pid, since, host] if name == _APPLICATION:
            return _describe(pid, host, since)
    return _UNKNOWN
