"""Recognises failures of the machine in whatever a library raises: a full disk, a limit, a file that cannot be used.

Input:  an exception of Python, DuckDB, dlt or Arrow, with its causes.
Output: a `MachineError` that names the cause, the file and the fix; None for any other failure.

Libraries wrap these failures in errors of their own, and dlt reports some as text. So the whole chain is searched.
Messages of libraries may quote data. Only fixed phrases are looked for in them, and the paths of files are taken out.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bookings_sync.errors import (
    ApiError,
    AuditError,
    ConfigurationError,
    ControlFailed,
    DamagedFile,
    DiskFull,
    FileHeld,
    LimitReached,
    LockedError,
    MachineError,
    NewerWarehouseError,
    NoAccess,
)

_FINISHED = (
    ApiError,
    AuditError,
    ConfigurationError,
    ControlFailed,
    LockedError,
    MachineError,
    NewerWarehouseError,
)
"""Errors that name their cause already. A failed request may have an OSError of the network as its cause."""


class Failure(NamedTuple):
    """A failure: its error, and the message before and behind the file's name."""

    error: type[MachineError]
    problem: str
    fix: str


_FULL = Failure(
    DiskFull,
    "the disk is full, or has no inodes left",
    "Free space there, then run again.",
)
_QUOTA = Failure(DiskFull, "the disk quota is used up", "Free space there, or ask for more.")
_READ_ONLY = Failure(NoAccess, "the file system is read-only", "Choose another place, or mount it writable.")
_DENIED = Failure(
    NoAccess,
    "permission denied",
    "Run as its owner, or change the permissions (chmod, chown).",
)
_FILE_SIZE = Failure(
    LimitReached,
    "a file has reached the largest size allowed",
    "Raise the limit: `ulimit -f`, or that of the file system.",
)
_OPEN_FILES = Failure(LimitReached, "too many files are open", "Raise the limit: `ulimit -n 1024` or more.")
_MEMORY = Failure(
    LimitReached,
    "there is not enough memory",
    "Raise the limit (`ulimit -v`, the container's, or DuckDB's memory_limit), or lower rows_per_load.",
)
_IO = Failure(DamagedFile, "the disk reports an input/output error", "Check the disk and the system's log.")
_FOLDER = Failure(NoAccess, "a folder is where a file is expected", "Move the folder away, or name a file.")
_NO_FOLDER = Failure(
    NoAccess,
    "a file is where a folder is expected, or the folder is missing",
    "Make the folder, or choose another place.",
)
_LOOP = Failure(NoAccess, "a symbolic link leads nowhere", "Remove the link, or restore what it points to.")
_MISSING = Failure(NoAccess, "", "")
"""A missing file is a failure of the machine only if its folder is missing, too, or a symbolic link leads to it."""
_NAME = Failure(NoAccess, "the file's name is too long", "Choose a shorter name.")
_TEMPORARY = Failure(
    NoAccess,
    "no folder for temporary files can be written",
    "Free space in /tmp, or set TMPDIR to a folder that can be written.",
)
_RESTORE = (
    "Restore it from a backup, or move it away: `bookings sync` makes a new one, `bookings transform` a new read copy."
)
_NO_DATABASE = Failure(
    DamagedFile,
    "the file is not a DuckDB database, or its beginning is damaged",
    _RESTORE,
)
_CORRUPT = Failure(
    DamagedFile,
    "the database file is damaged",
    _RESTORE,
)
_NEWER_FILE = Failure(
    DamagedFile,
    "a newer version of DuckDB has written the file",
    "Install that version of DuckDB.",
)
_HELD = Failure(FileHeld, "another process has the database file open", "Close that program, then run again.")

_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EFBIG: _FILE_SIZE,
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.ENOMEM: _MEMORY,
    errno.EIO: _IO,
    errno.EISDIR: _FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.ELOOP: _LOOP,
    errno.ENOENT: _MISSING,
    errno.ENAMETOOLONG: _NAME,
}

_BY_PHRASE = (
    (re.compile(r"Could not set lock on file|is already open in|being used by another process"), _HELD),
    (re.compile(r"not a valid DuckDB database file|No magic bytes found"), _NO_DATABASE),
    (re.compile(r"Trying to read a database file with version number"), _NEWER_FILE),
    (re.compile(r"No space left on device|[Nn]ot enough (?:disk )?space|database or disk is full"), _FULL),
    (re.compile(r"Disk quota exceeded"), _QUOTA),
    (re.compile(r"Read-only file system"), _READ_ONLY),
    (re.compile(r"File too large"), _FILE_SIZE),
    (re.compile(r"Too many open files"), _OPEN_FILES),
    (re.compile(r"Input/output error"), _IO),
    (re.compile(r"Is a directory"), _FOLDER),
    (re.compile(r"No such file or directory"), _MISSING),
    (re.compile(r"Not a directory"), _NO_FOLDER),
    (re.compile(r"Too many levels of symbolic links"), _LOOP),
    (re.compile(r"Permission denied|Operation not permitted"), _DENIED),
    (
        re.compile(
            r"Out of Memory Error|could not allocate|[Cc]annot allocate memory|failed to allocate|std::bad_alloc|"
            r"malloc of size|can't start new thread|Resource temporarily unavailable"
        ),
        _MEMORY,
    ),
    (
        re.compile(
            r"[Cc]orrupt|checksum|Could not read enough bytes|Failed to deserialize|SerializationException|"
            r"Serialization Error|read out of range"
        ),
        _CORRUPT,
    ),
)
"""Phrases of the libraries' messages, most certain first."""

_PATH = re.compile(r"""(?:file|File|directory|database) ?['"]([^'"\n]{1,400})['"]""")
_HOLDER = re.compile(r"Conflicting lock is held in (?:([^\n(]{1,200}) )?\(PID (\d+)\)")
_LIBRARIES = ("duckdb", "_duckdb", "pyarrow", "dlt", "builtins", "filelock", "tempfile")
"""Where the errors come from that are searched for phrases."""


@contextmanager
def naming_machine_errors(place: object, *, database: object = None) -> Iterator[None]:
    """Raises a MachineError for a failure of the machine.

    `place` is named if the failure names no file: the file or folder in use. `database` is named
    instead if DuckDB failed.
    """
    try:
        yield
    except Exception as error:
        if found := machine_error(error, place, database=database):
            raise found from error
        raise


def machine_error(error: BaseException, place: object = None, *, database: object = None) -> MachineError | None:
    """The failure of the machine behind an error; None if there is none, or if the error names its cause already."""
    chain = list(_chain(error))
    if any(isinstance(each, _FINISHED) for each in chain):
        return None
    for each in reversed(chain):
        if (kind := _kind_of(each)) is None:
            continue
        path = next(filter(None, map(_path_of, reversed(chain))), None)
        if path is None and (named := (database or place) if not isinstance(each, OSError) else place) is not None:
            path = str(named)
        if kind is _MISSING:
            if path is None or (why := _why_missing(Path(path))) is None:
                continue
            kind = why
        if kind in (_MEMORY, _OPEN_FILES, _TEMPORARY):
            path = None
        owner = f"It belongs to {_owner(path)}. " if kind is _DENIED else ""
        return kind.error(kind.problem, where=path, fix=owner + kind.fix, holder=_holder(each))
    return None


def _why_missing(path: Path) -> Failure | None:
    if path.is_symlink():
        return _LOOP
    return None if path.parent.exists() else _NO_FOLDER


def _owner(path: str | None) -> str:
    """The user who owns a file, or the nearest folder that exists above it."""
    try:
        import pwd

        there = next(each for each in (Path(path or ""), *Path(path or "").parents) if each.exists())
        owner = there.stat().st_uid
        name = pwd.getpwuid(owner).pw_name
    except (ImportError, OSError, KeyError, StopIteration):  # Windows; a user of another machine
        return "another user"
    return f"the user {name}" if owner != os.geteuid() else f"this user, {name}, who may not do this"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        context = None if error.__suppress_context__ else error.__context__
        inner = getattr(error, "dbapi_exception", None) or getattr(error, "exception", None)
        error = error.__cause__ or (inner if isinstance(inner, BaseException) else None) or context


def _kind_of(error: BaseException) -> Failure | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        return _TEMPORARY
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return _BY_ERRNO[error.errno]
    if type(error).__module__.partition(".")[0] not in _LIBRARIES:
        return None
    text = str(error)
    return next((kind for pattern, kind in _BY_PHRASE if pattern.search(text)), None)


def _path_of(error: BaseException) -> str | None:
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
        return os.fsdecode(error.filename)
    found = _PATH.search(str(error)) if type(error).__module__.partition(".")[0] in _LIBRARIES else None
    return found[1] if found and ("/" in found[1] or "\\" in found[1]) else None


def _holder(error: BaseException) -> str | None:
    if found := _HOLDER.search(str(error)):
        return f"process {found[2]}" + (f" ({found[1]})" if found[1] else "")
    return None
