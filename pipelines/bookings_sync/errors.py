"""The errors: one tree, raised by every hop of the flow.

Input:  what went wrong, and where.
Output: exceptions whose message is one line, fit for a log and a run's record: no key, no body, no personal data.

```
BookingsError                   exit code 1
├── ConfigurationError          exit code 2
├── LockedError                 exit code 75
├── LoadError
├── AuditError
└── ApiError                    what is retried is decided by its type: `retryable`
    ├── ConnectionFailed        retried
    ├── TimedOut                retried
    ├── AuthenticationFailed
    ├── RequestRefused
    ├── RateLimited             retried
    ├── ServerFailed            retried
    ├── BadReply                retried
    └── ReplyTooLarge
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar


class BookingsError(Exception):
    """Anything the connector raises on purpose. `exit_code` is the command's."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Orchestrators send exceptions from process to process; pickle's own way would call __init__ with the message.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[BookingsError], args: tuple[Any, ...], attributes: dict[str, Any]) -> BookingsError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(BookingsError):
    """A setting is missing or cannot be right.

    `key` is its dotted name, `where` the file or environment variable to look in, `fix` what to write there.
    """

    exit_code = 2

    def __init__(self, problem: str, *, key: str, where: str, fix: str) -> None:
        super().__init__(f"{key}: {problem} (in {where}). {fix}")
        self.problem = problem
        self.key = key
        self.where = where
        self.fix = fix


class LockedError(BookingsError):
    """Another run holds the dataset's lock. `holder` says which, as far as it is known."""

    exit_code = 75

    def __init__(self, holder: str) -> None:
        super().__init__(f"another run holds the lock: {holder}")
        self.holder = holder


class LoadError(BookingsError):
    """The warehouse did not take a load. What had been loaded before it stands."""


class AuditError(BookingsError):
    """Audits failed, so nothing was published. `models` are the names of those that failed."""

    def __init__(self, models: Iterable[str]) -> None:
        self.models = tuple(models)
        super().__init__(f"audits failed, the live tables stand as they were: {', '.join(self.models)}")


class ApiError(BookingsError):
    """A request that did not succeed.

    `location` is the location's configured name; `path` may hold ids, never a query; `window` is the one asked for,
    where there was one (a `Window`); `status` is None where no reply came.
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
    """Seconds the server asked to be left alone for; None where it did not say."""


class ConnectionFailed(ApiError):  # noqa: N818 - the tree's names say what happened
    """No reply: the connection was refused, reset or closed before one began."""

    retryable = True


class TimedOut(ApiError):  # noqa: N818
    """No reply, or not the whole of it, within the time-out."""

    retryable = True


class AuthenticationFailed(ApiError):  # noqa: N818
    """401 or 403: the key is unknown, revoked or of the wrong kind (api.md, OBS)."""


class RequestRefused(ApiError):  # noqa: N818
    """400, 404, 422 or another 4xx with a JSON object: the API understood the request and says no.

    `fields` are the names of the fields a 422 complains of (api.md, DOC), never what was sent in them.
    """

    fields: tuple[str, ...] = ()


class RateLimited(ApiError):  # noqa: N818
    """429. Its body and headers are UNK (api.md): `retry_after` is there if the server said."""

    retryable = True


class ServerFailed(ApiError):  # noqa: N818
    """5xx."""

    retryable = True


class BadReply(ApiError):  # noqa: N818
    """A reply that is not the API's: cut short, HTML, a redirect, not JSON, or JSON of another shape."""

    retryable = True


class ReplyTooLarge(ApiError):  # noqa: N818
    """The reply passed `max_reply_mb`. Asking again brings the same: ask for a shorter window."""


_SAFE = re.compile(
    r"(?:\w+: \[libpq\] Failed to connect: )?(?:could not translate host name|(?:connection to server|IO Error: ).*)"
)
"""First lines of drivers' errors that name a host, a database, a user or a file, and nothing else. A host that cannot
be found may be the end of a password that was not escaped."""

_RAISED = re.compile(r"^(?:\w+\.)*([A-Z]\w+)(?:: (.*))?$", re.MULTILINE)
"""An error's line in a traceback that has become text."""


def described(error: BaseException) -> str:
    """An error of the loader or a driver in one line, fit for a log: its kind, and that of the error at its root.

    Their own words may quote a record's values or a connection string, and are left out but for what `_SAFE` matches.
    """
    root, seen = error, {id(error)}
    while (cause := getattr(root, "dbapi_exception", None) or root.__cause__) is not None and id(cause) not in seen:
        root = cause
        seen.add(id(root))
    kind, words = type(root).__name__, str(root).strip()
    if raised := _RAISED.findall(words.partition("Traceback (most recent call last):")[2]):
        kind, words = raised[-1]  # dlt hands on a failed job's error as text
    said = type(error).__name__ + (f", from {kind}" if kind != type(error).__name__ else "")
    if state := getattr(root, "pgcode", None):
        said += f" (SQLSTATE {state})"
    if safe := _SAFE.match(words):
        said += f": {safe[0][:300]}"
    return said
