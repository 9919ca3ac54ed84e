"""Transport: one call, sent as often as it takes, to a body that reads or an error of the tree.

Input:  `Call`, a decoder for its body, the location's key and rate limit.
Output: `Reply`, or an ApiError. `client` and `writes` say what is called; here is how.

Retries are stamina's: bounded, with growing pauses and jitter, for idempotent calls and retryable types alone. What the
API asks for by Retry-After holds for the whole location, so it pauses the rate limit and not the one call.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import orjson
import pendulum
import stamina
from pendulum import DateTime

from bookings_sync.api.connections import Connections
from bookings_sync.api.limits import RateLimit
from bookings_sync.api.replies import Reply, is_object
from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import (
    ApiError,
    AuthenticationFailed,
    BadReply,
    ConnectionFailed,
    RateLimited,
    ReplyTooLarge,
    RequestRefused,
    ServerFailed,
    TimedOut,
)
from bookings_sync.logs import LOCATION
from bookings_sync.planning.windows import SPOILT_MS, Window
from bookings_sync.records.digests import digest_of
from bookings_sync.records.json_text import Unreadable, decode

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 15 * 60.0
"""A longer Retry-After is no pause but a spent daily limit: give up, the next run goes on from there."""

_LONGEST_TARGET = 65_536
"""Characters of path and query: no server takes as many."""

_WHOLE_REPLY = 5
"""The read time-out bounds each pause of a reply; so many times as long bounds the reply, should it come in drips."""

T = TypeVar("T")
E = TypeVar("E", bound=ApiError)


@dataclass(frozen=True, slots=True)
class Call:
    """What is called. `path` begins with a slash, its ids are quoted; `params` and `body` are never logged.

    `absent` are statuses with which the API, in a JSON object, may say that there is no such record.
    """

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    window: Window | None = None
    absent: tuple[int, ...] = ()
    halvable: bool = False
    """Whether the reader asks for the window's halves where no good reply comes for the whole."""

    @property
    def idempotent(self) -> bool:
        return self.method != "POST"


_TIMEOUTS_OF_A_WINDOW = 2
"""A window that did not come in time twice is too long rather than unlucky: its reader asks for its halves."""
_BAD_REPLIES_OF_A_WINDOW = 3
"""And one that did not read well so often holds a record that spoils it, rather than that it is bad luck."""


class Transport:
    """Sends calls for one location. Safe to share between threads.

    `clock` gives the time in UTC; `monotonic` (seconds) and `sleep` can be a test's own.
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        http: Connections,
        *,
        clock: Callable[[], DateTime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.location = location
        self._settings = settings
        self._http = http
        self._address = _address(settings.base_url)
        self._base_path = self._address.raw_path.decode("ascii").rstrip("/")
        self._headers = httpx.Headers({**http.headers, "Authorization": f"Bearer {location.api_key}"})
        read, connect = settings.read_timeout_seconds, settings.connect_timeout_seconds
        self._told = {"timeout": httpx.Timeout(read, connect=connect).as_dict()}
        self._clock = clock
        self._monotonic = monotonic
        self._limits = RateLimit(settings.rate_limit, settings.rate_period_seconds, monotonic=monotonic, sleep=sleep)
        self._most_bytes = settings.max_reply_mb * 1_000_000
        self._counting = threading.Lock()
        self.requests_sent = 0
        """Requests sent so far, retries among them."""

    def call(self, call: Call, read: Callable[[bytes], T], known_digest: str | None = None) -> Reply[T]:
        """The reply, its body read by `read` unless its digest is `known_digest`. Raises ApiError."""
        LOCATION.set(self.location.name)  # for the log lines of this thread, stamina's among them
        if not call.idempotent:
            return self._attempt(call, read, known_digest, 1)
        timeouts, bad_replies = 0, 0

        def worth_retrying(error: Exception) -> bool:
            nonlocal timeouts, bad_replies
            timeouts += isinstance(error, TimedOut)
            bad_replies += isinstance(error, BadReply)
            spoilt = call.halvable and call.window is not None and call.window.length_ms > SPOILT_MS
            if spoilt and bad_replies >= _BAD_REPLIES_OF_A_WINDOW:
                return False
            if call.window is not None and timeouts >= _TIMEOUTS_OF_A_WINDOW:
                return False
            return _worth_retrying(error)

        try:
            return self._attempt(call, read, known_digest, 1)
        except ApiError as error:
            failed = error
        # Told of the first failure, stamina does the rest. Most calls succeed at once, and do without its machinery.
        for attempt in stamina.retry_context(
            on=worth_retrying,
            attempts=self._settings.attempts,
            timeout=None,
            wait_initial=0.5,
            wait_exp_base=3,
            wait_jitter=0.5,
            wait_max=30,
        ):
            with attempt:
                if attempt.num == 1:
                    raise failed
                return self._attempt(call, read, known_digest, attempt.num)
        raise AssertionError("stamina ends with a result or an error")

    def _attempt(self, call: Call, read: Callable[[bytes], T], known_digest: str | None, number: int) -> Reply[T]:
        request = self._request(call)
        self._limits.acquire()
        sent_at, started = self._clock(), self._monotonic()
        with self._counting:
            self.requests_sent += 1
        status, headers, body = self._exchange(call, request, started)
        seconds = self._monotonic() - started
        log.debug(
            "%s: %s %s %s: %d in %.0f ms",
            self.location.name,
            call.method,
            call.path,
            call.window or "",
            status,
            seconds * 1000,
        )
        if status in call.absent and is_object(body):
            body = b""  # how `read` is told that there is none
        elif status // 100 != 2:
            raise self._refusal(call, status, headers, body)
        digest = digest_of(body)
        try:
            records = None if digest == known_digest else read(body)
        except Unreadable as error:
            raise self._error(BadReply, str(error), call, status) from None
        return Reply(records, digest, len(body), sent_at, seconds, number)

    def _request(self, call: Call) -> httpx.Request:
        """The request. All have one address, which httpx reads once; what is asked for stands beside it, as its
        extension for that."""
        target = self._base_path + call.path
        if call.params:
            target += "?" + urlencode(call.params)
        if len(target) > _LONGEST_TARGET:  # an id of the API's own may be longer
            raise self._error(RequestRefused, "what is asked for fits in no address", call, None)
        request = httpx.Request(
            call.method,
            self._address,
            headers=self._headers,
            content=None if call.body is None else orjson.dumps(call.body),
            extensions={**self._told, "target": target.encode("ascii")},
        )
        if call.body is not None:
            request.headers["Content-Type"] = "application/json"
        return request

    def _exchange(self, call: Call, request: httpx.Request, started: float) -> tuple[int, httpx.Headers, bytes]:
        """Sends one request and reads its reply, whole. Raises the errors that leave no whole reply."""
        response: httpx.Response | None = None
        try:
            with self._http.one() as connection:
                try:
                    response = connection.handle_request(request)
                finally:
                    self._limits.release()
                try:
                    return response.status_code, response.headers, self._body(call, response, started)
                finally:
                    response.close()
        except httpx.TimeoutException as error:
            raise self._error(TimedOut, f"{type(error).__name__}", call, _status(response)) from error
        except httpx.DecodingError as error:
            raise self._error(BadReply, "the body does not unpack", call, _status(response)) from error
        except httpx.RemoteProtocolError as error:
            if response is not None:
                raise self._error(BadReply, "the body was cut short", call, response.status_code) from error
            raise self._error(ConnectionFailed, "the reply did not begin", call, None) from error
        except httpx.NetworkError as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self._error(ConnectionFailed, what, call, _status(response)) from error
        except httpx.TransportError as error:
            # Of these some quote what was to be sent: neither the message nor the cause is kept.
            raise self._error(ConnectionFailed, type(error).__name__, call, _status(response)) from None

    def _body(self, call: Call, response: httpx.Response, started: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        longest = self._settings.read_timeout_seconds * _WHOLE_REPLY
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._most_bytes:
                what = f"the reply is larger than max_reply_mb = {self._settings.max_reply_mb}"
                raise self._error(ReplyTooLarge, what, call, response.status_code)
            if self._monotonic() - started > longest:
                raise self._error(TimedOut, f"the reply is not whole after {longest:.0f} s", call, response.status_code)
        return b"".join(chunks)

    def _refusal(self, call: Call, status: int, headers: httpx.Headers, body: bytes) -> ApiError:
        """The error that a status other than 2xx stands for."""
        if status in {401, 403}:
            return self._error(AuthenticationFailed, "the API key was refused", call, status)
        if status == 408:
            return self._error(TimedOut, "the server gave up waiting", call, status)
        if status == 429 or status >= 500:
            error: ApiError = (
                self._error(RateLimited, "too many requests", call, status)
                if status == 429
                else self._error(ServerFailed, "the server failed", call, status)
            )
            error.retry_after = retry_after(headers, self._clock)
            pause = error.retry_after
            if pause is None and status == 429:
                pause = self._settings.rate_period_seconds
            if pause is not None and pause <= LONGEST_PAUSE_SECONDS:
                self._limits.pause(pause)
            return error
        if 400 <= status < 500 and is_object(body):
            fields = tuple(str(key)[:80] for key in decode(body)) if status == 422 else ()
            refused = self._error(RequestRefused, ": ".join(filter(None, ["refused", ", ".join(fields)])), call, status)
            refused.fields = fields
            return refused
        what = "a redirect, which is never followed" if status // 100 == 3 else "not a reply of the API"
        return self._error(BadReply, what, call, status)

    def _error(self, kind: type[E], what: str, call: Call, status: int | None) -> E:
        return kind(
            what, location=self.location.name, method=call.method, path=call.path, window=call.window, status=status
        )


_address = cache(httpx.URL)
"""The API's address, which all locations share."""


def _status(response: httpx.Response | None) -> int | None:
    return None if response is None else response.status_code


def _worth_retrying(error: Exception) -> bool:
    if not isinstance(error, ApiError) or not error.retryable:
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_PAUSE_SECONDS


def retry_after(headers: httpx.Headers, clock: Callable[[], DateTime]) -> float | None:
    """Seconds of a Retry-After, in either of its forms (RFC 9110); None where there is none that reads.

    A date is measured from the reply's own Date where it has one, so that a clock that differs does no harm.
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
