"""The errors that bookings-sync raises: one tree.

Every message is one line that may be logged and stored: it holds no API key, no response body and no personal data.

```
BookingsError                   exit code 1
├── ConfigurationError          exit code 2
├── LockedError                 exit code 75
├── NewerWarehouseError         exit code 76
├── LoadError
├── AuditError
├── MachineError                the machine this runs on refuses something
│   ├── DiskFull
│   ├── NoAccess                permissions, a read-only file system, a folder where a file is expected
│   ├── LimitReached            memory, size of files, number of open files
│   ├── DamagedFile
│   └── FileHeld                exit code 75
├── Unsupported                 the location's API cannot make a change; nothing was sent
├── ControlFailed               the API cannot tell what exists, so nothing is deleted
└── ApiError                    a request failed; `retryable`: whether it is sent again
    ├── ConnectionFailed        retried
    ├── TimedOut                retried
    ├── AuthenticationFailed
    │   ├── MissingScope
    │   └── WrongLocation
    ├── UnknownPath
    ├── RequestRefused
    ├── RateLimited             retried
    ├── ServerFailed            retried
    ├── BadReply                retried
    ├── OtherReply
    ├── ReplyTooLarge
    └── BudgetSpent
```
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class BookingsError(Exception):
    """Base class. `exit_code` is the exit code of the command."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Orchestrators pickle exceptions. By default pickle would call __init__ with the message as its only argument.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[BookingsError], args: tuple[Any, ...], attributes: dict[str, Any]) -> BookingsError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(BookingsError):
    """A setting is missing or wrong.

    `problem` describes the mistake. `key` is the dotted name of the setting, `where` its file or environment variable,
    and `fix` what to write there.
    """

    exit_code = 2

    def __init__(self, problem: str, *, key: str, where: str, fix: str) -> None:
        super().__init__(f"{key}: {problem} (in {where}). {fix}")
        self.problem = problem
        self.key = key
        self.where = where
        self.fix = fix


class LockedError(BookingsError):
    """Another run holds the dataset's lock. `holder` describes that run as far as it is known."""

    exit_code = 75

    def __init__(self, holder: str) -> None:
        super().__init__(f"another run holds the lock: {holder}")
        self.holder = holder


class NewerWarehouseError(BookingsError):
    """A newer version of the program has written the warehouse: `held` is the warehouse's version, `known` the newest
    that this program knows."""

    exit_code = 76

    def __init__(self, held: int, known: int) -> None:
        super().__init__(
            f"the warehouse has version {held}, and this program knows versions up to {known}: install a newer one"
        )
        self.held = held
        self.known = known


class LoadError(BookingsError):
    """The warehouse refused a load. Earlier loads are complete and stay."""


class AuditError(BookingsError):
    """Audits failed, so no table was published. `models` are the names of the failed models."""

    def __init__(self, models: Iterable[str]) -> None:
        self.models = tuple(models)
        super().__init__(f"audits failed, the live tables are unchanged: {', '.join(self.models)}")


class MachineError(BookingsError):
    """The machine refuses something. `machine.machine_error` recognises such failures.

    `problem` describes the failure, `where` is the file or folder if it is known, `fix` what to do, and `holder` the
    process that has the file open, if that is known.
    """

    def __init__(self, problem: str, *, where: str | None, fix: str, holder: str | None = None) -> None:
        place = f": {where}" if where else ""
        by = f", by {holder}" if holder else ""
        super().__init__(f"{problem}{place}{by}. {fix}")
        self.problem = problem
        self.where = where
        self.fix = fix
        self.holder = holder


class DiskFull(MachineError):  # noqa: N818 - the names say what happened
    """No space, no inodes, or no quota left."""


class NoAccess(MachineError):  # noqa: N818
    """A file or folder cannot be read or written: permissions, a read-only file system, a folder in place of a file."""


class LimitReached(MachineError):  # noqa: N818
    """A limit of the process or of DuckDB: memory, size of files, open files."""


class DamagedFile(MachineError):  # noqa: N818
    """A file is damaged, not a DuckDB database, or of a newer DuckDB."""


class FileHeld(MachineError):  # noqa: N818
    """Another process has the database file open: a reader, or a run without the lock."""

    exit_code = 75


class ControlFailed(BookingsError):  # noqa: N818 - the name describes the event
    """The API does not find appointments that exist, or finds one that never existed. So its refusals do not show that
    an appointment was deleted. `location` is the location's configured name."""

    def __init__(self, what: str, *, location: str) -> None:
        super().__init__(
            f"{what}, so the API's refusals show no deletion and the missing appointments stay, location {location}"
        )


class Unsupported(BookingsError):  # noqa: N818 - the name describes the event
    """The location's API cannot make a change. Nothing was sent. `api` is its name, `location` the location's."""

    def __init__(self, what: str, instead: str, *, api: str, location: str) -> None:
        super().__init__(f"API {api} cannot {what}, location {location}. {instead}")
        self.what = what
        self.api = api
        self.location = location


class ApiError(BookingsError):
    """A request failed.

    `location` is the location's configured name. `path` may hold ids, never a query. `window` is the requested `Window`
    if the call has one. `status` is None if no reply came. `retry_after` is the server's Retry-After in seconds, if it
    sent one.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        location: str,
        method: str,
        path: str,
        window: object | None = None,
        status: int | None = None,
    ) -> None:
        parts = [what, f"location {location}", f"{method} {path}"]
        if window is not None:
            parts.append(f"window {window}")
        if status is not None:
            parts.append(f"status {status}")
        super().__init__(", ".join(parts))
        self.what = what
        self.location = location
        self.method = method
        self.path = path
        self.window = window
        self.status = status

    retry_after: float | None = None


class ConnectionFailed(ApiError):  # noqa: N818 - the names say what happened
    """The connection was refused, reset or closed before a reply began."""

    retryable = True


class TimedOut(ApiError):  # noqa: N818
    """The reply did not arrive completely within the timeout."""

    retryable = True


class AuthenticationFailed(ApiError):  # noqa: N818
    """401 or 403: the API key is unknown, revoked or of the wrong kind (OBS)."""


class MissingScope(AuthenticationFailed):
    """401: the token lacks a permission (OBS). The message names the scope to enable."""


class WrongLocation(AuthenticationFailed):
    """403: the token belongs to another location (OBS)."""


class UnknownPath(ApiError):  # noqa: N818
    """404 for a path that the API does not serve (OBS). It does not say whether a record exists."""


class RequestRefused(ApiError):  # noqa: N818
    """400, 404, 422 or another 4xx with a JSON object: the API understood the request and refused it.

    `fields` are the names of the fields that a 422 rejects (DOC), without their values.
    """

    fields: tuple[str, ...] = ()


class RateLimited(ApiError):  # noqa: N818
    """429: too many requests. Its body and headers are not documented (UNK)."""

    retryable = True


class ServerFailed(ApiError):  # noqa: N818
    """5xx: the server failed."""

    retryable = True


class BadReply(ApiError):  # noqa: N818
    """The reply is cut short, HTML, a redirect, not JSON, or JSON of the wrong shape."""

    retryable = True


class OtherReply(ApiError):  # noqa: N818
    """The reply is readable and answers another question: it holds another record, or other days, than asked for,
    or shows that a change was not made."""


class ReplyTooLarge(ApiError):  # noqa: N818
    """The reply is larger than `max_reply_mb`. A retry would not help; a shorter window does."""


class BudgetSpent(ApiError):  # noqa: N818
    """The request was not sent, because `request_budget` allows no more. The location is not at fault."""
