"""Refusals: the error for a reply that is no success, and how long the API asks to wait.

Input:  status, headers and body of a reply, and what the dialect knows of it.
Output: an ApiError. `calls` raises or retries it, and keeps to its pause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
import pendulum
from pendulum import DateTime

from bookings_sync.dialects.dialect import ApiCall, Pace, Refusal
from bookings_sync.dialects.replies import is_object
from bookings_sync.errors import (
    ApiError,
    AuthenticationFailed,
    BadReply,
    RateLimited,
    RequestRefused,
    ServerFailed,
    TimedOut,
)
from bookings_sync.records.json_text import decode

_ONE_DAY = 24 * 60 * 60.0
"""Seconds. The daily limit is spent, and when it is renewed is UNK."""

E = TypeVar("E", bound=ApiError)


def api_error(kind: type[E], what: str, call: ApiCall, location: str, status: int | None) -> E:
    """An error that names the request."""
    return kind(what, location=location, method=call.method, path=call.path, window=call.window, status=status)


def refused(
    call: ApiCall,
    location: str,
    reply: tuple[int, httpx.Headers, bytes],
    refusal: Refusal | None,
    pace: Pace | None,
    clock: Callable[[], DateTime],
) -> ApiError:
    """The error for a reply (status, headers, body) without a 2xx status. `refusal` is what the dialect reads in the
    body, `pace` in the headers."""
    status, headers, body = reply
    if refusal is not None:
        error = api_error(refusal.kind, refusal.what, call, location, status)
        if isinstance(error, RequestRefused):
            error.fields = refusal.fields
        return error
    if status in {401, 403}:
        return api_error(AuthenticationFailed, "the API key was refused", call, location, status)
    if status == 408:
        return api_error(TimedOut, "the server timed out waiting for the request", call, location, status)
    if status == 429:
        limited = api_error(RateLimited, "too many requests", call, location, status)
        is_day_spent = pace is not None and pace.is_day_spent
        limited.retry_after = _ONE_DAY if is_day_spent else _retry_after(headers, clock)
        return limited
    if status >= 500:
        failed = api_error(ServerFailed, "the server failed", call, location, status)
        failed.retry_after = _retry_after(headers, clock)
        return failed
    if 400 <= status < 500 and is_object(body):
        fields = tuple(str(key)[:80] for key in decode(body)) if status == 422 else ()
        what = ": ".join(filter(None, ["refused", ", ".join(fields)]))
        invalid = api_error(RequestRefused, what, call, location, status)
        invalid.fields = fields
        return invalid
    what = "a redirect, and redirects are not followed" if status // 100 == 3 else "not a reply of the API"
    return api_error(BadReply, what, call, location, status)


def _retry_after(headers: httpx.Headers, clock: Callable[[], DateTime]) -> float | None:
    """Seconds of a Retry-After header in either form (RFC 9110), or None if it is missing or unreadable.

    A date is compared with the reply's own Date header if there is one, so a wrong local clock does no harm.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    return max(0.0, (until - (_http_date(headers.get("Date", "")) or clock())).total_seconds())


def _http_date(text: str) -> DateTime | None:
    try:
        return pendulum.instance(parsedate_to_datetime(text), tz="UTC")
    except ValueError:
        return None
