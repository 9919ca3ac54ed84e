"""Sends one API call: rate limit, retries, and failures as typed errors.

Input:  `ApiCall` of a dialect, a decoder for the reply's body, and the location's key and rate limit.
Output: `Reply`, or an ApiError.

stamina retries idempotent calls after retryable errors, with a bounded number of attempts, growing pauses and jitter.
A Retry-After applies to the whole location, so it pauses the location's rate limiter and not only the failed call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import orjson
import stamina
from pendulum import DateTime

from bookings_sync.api.bodies import BODIES, Beyond, Undecodable, decompressed
from bookings_sync.api.connections import ConnectionPool
from bookings_sync.api.limits import RateLimiter
from bookings_sync.api.refusals import api_error, refused
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, Dialect, Pace, Refusal
from bookings_sync.dialects.replies import OtherAnswer, Reply, is_object
from bookings_sync.error_text import MISTAKES, mistake
from bookings_sync.errors import (
    ApiError,
    BadReply,
    BudgetSpent,
    ConnectionFailed,
    OtherReply,
    RateLimited,
    ReplyTooLarge,
    RequestRefused,
    TimedOut,
)
from bookings_sync.logs import LOCATION
from bookings_sync.planning.windows import SPOILT_MS
from bookings_sync.records.digests import digest_of
from bookings_sync.records.json_text import Unreadable

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 15 * 60.0
"""A longer Retry-After means that the daily limit is spent. The call fails, and the next run resumes."""

_LONGEST_TARGET = 65_536
"""Characters of path and query. Servers refuse longer ones."""

_READ_TIMEOUTS_PER_REPLY = 5
"""The read timeout applies to each read. This many timeouts bound a whole reply, in case a server sends it in drips."""

_WINDOW_TIMEOUTS = 2
"""Timeouts after which a window counts as too long: its reader asks for its halves."""

_WINDOW_BAD_REPLIES = 3
"""Unreadable replies after which a record in the window counts as the cause: its reader asks for its halves."""

T = TypeVar("T")
E = TypeVar("E", bound=ApiError)


class Sender:
    """Sends calls for one location. Thread-safe.

    `clock` returns the time in UTC. Tests pass their own `monotonic` (seconds) and `sleep`. Senders of one location can
    share a `limiter`. A call fails if the API asks for a longer pause than `longest_pause_seconds`.
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        http: ConnectionPool,
        dialect: Dialect,
        *,
        clock: Callable[[], DateTime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        limiter: RateLimiter | None = None,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self.location = location
        self._settings = settings
        self._http = http
        self._dialect = dialect
        self._base_url = _parsed_url(dialect.base_url(settings))
        self._base_path = self._base_url.raw_path.decode("ascii").rstrip("/")
        self._headers = httpx.Headers({**http.headers, "Authorization": f"Bearer {location.api_key}"})
        self._timeout = httpx.Timeout(settings.read_timeout_seconds, connect=settings.connect_timeout_seconds).as_dict()
        self._clock = clock
        self._monotonic = monotonic
        self._limiter = limiter or RateLimiter(
            settings.rate_limit, settings.rate_period_seconds, monotonic=monotonic, sleep=sleep
        )
        self._longest_pause = longest_pause_seconds
        self._max_bytes = settings.max_reply_mb * 1_000_000
        self._counting = threading.Lock()
        self.pace: Pace | None = None
        """What the last reply with such headers said about the rate limit."""
        self.requests_sent = 0
        """Requests sent so far, retries included."""
        self.request_limit: int | None = None
        """The most requests that may be sent. Further calls raise BudgetSpent. None: no limit."""

    def send(self, call: ApiCall, decode_body: Callable[[bytes], T], known_digest: str | None = None) -> Reply[T]:
        """Sends a call and returns its reply. Raises ApiError.

        A body with the digest `known_digest` is not decoded. A call that failed and may not be sent again, because
        `request_limit` is reached, raises its last failure.
        """
        LOCATION.set(self.location.name)  # log lines of this thread name the location, stamina's included
        if not call.is_idempotent:
            return self._attempt(call, decode_body, known_digest, 1)
        timeouts, bad_replies = 0, 0

        def should_retry(error: Exception) -> bool:
            nonlocal timeouts, bad_replies
            timeouts += isinstance(error, TimedOut)
            bad_replies += isinstance(error, BadReply)
            is_halved = call.can_halve_window and call.window is not None and call.window.length_ms > SPOILT_MS
            if is_halved and bad_replies >= _WINDOW_BAD_REPLIES:
                return False
            if call.window is not None and timeouts >= _WINDOW_TIMEOUTS:
                return False
            return self._is_retryable(error) and not self._is_spent()

        try:
            return self._attempt(call, decode_body, known_digest, 1)
        except ApiError as error:
            last_error = error
        # Most calls succeed at once, so stamina's overhead is only paid after a failure: its first attempt raises it.
        for attempt in stamina.retry_context(
            on=should_retry,
            attempts=self._settings.attempts,
            timeout=None,
            wait_initial=0.5,
            wait_exp_base=3,
            wait_jitter=0.5,
            wait_max=30,
        ):
            with attempt:
                if attempt.num == 1:
                    raise last_error
                try:
                    return self._attempt(call, decode_body, known_digest, attempt.num)
                except BudgetSpent:  # another call sent the last request during the pause
                    raise last_error from None
                except ApiError as error:
                    last_error = error
                    raise
        raise AssertionError("stamina ends with a result or an error")

    def _attempt(
        self, call: ApiCall, decode_body: Callable[[bytes], T], known_digest: str | None, number: int
    ) -> Reply[T]:
        request = self._request(call)
        if self._limiter.paused_seconds > self._longest_pause:
            raise self._error(RateLimited, "the API asked for a long pause, which is not over", call, None)
        self._count(call)
        self._limiter.acquire()
        sent_at, started = self._clock(), self._monotonic()
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
        self._heed(headers)
        if status // 100 != 2:
            refusal = self._dialect.refusal(call, status, body)
            is_of_record = refusal is None or refusal.kind is RequestRefused
            if not (status in call.not_found_statuses and is_object(body) and is_of_record):
                raise self._refused(call, status, headers, body, refusal)
            body = b""  # `one_with` reads an empty body as "no such record"
        digest = digest_of(body)
        try:
            records = None if digest == known_digest else decode_body(body)
        except OtherAnswer as error:
            raise self._error(OtherReply, str(error), call, status) from None
        except Unreadable as error:
            raise self._error(BadReply, str(error), call, status) from None
        except MISTAKES as error:
            raise self._error(BadReply, mistake(error), call, status) from error
        return Reply(records, digest, len(body), sent_at, seconds, number, status)

    def _count(self, call: ApiCall) -> None:
        """Counts a request before it is sent, so that threads together never send more than the limit."""
        with self._counting:
            if self._is_spent():
                raise self._error(BudgetSpent, f"request_budget allows {self.request_limit} requests", call, None)
            self.requests_sent += 1

    def _is_retryable(self, error: Exception) -> bool:
        if not isinstance(error, ApiError) or not error.retryable:
            return False
        pause = max(error.retry_after or 0.0, self._limiter.paused_seconds)
        return pause <= self._longest_pause

    def _is_spent(self) -> bool:
        return self.request_limit is not None and self.requests_sent >= self.request_limit

    def _request(self, call: ApiCall) -> httpx.Request:
        target = self._base_path + call.path
        if call.params:
            target += "?" + urlencode(call.params)
        if len(target) > _LONGEST_TARGET:  # ids come from the API and have no bound
            raise self._error(RequestRefused, "the URL is too long", call, None)
        # Parsing a URL is slow, so all requests have the parsed base URL. The `target` extension holds path and query.
        request = httpx.Request(
            call.method,
            self._base_url,
            headers=self._headers if not call.headers else httpx.Headers({**self._headers, **call.headers}),
            content=None if call.body is None else orjson.dumps(call.body),
            extensions={"timeout": self._timeout, "target": target.encode("ascii")},
        )
        if call.body is not None:
            request.headers["Content-Type"] = "application/json"
        return request

    def _exchange(self, call: ApiCall, request: httpx.Request, started: float) -> tuple[int, httpx.Headers, bytes]:
        """Sends one request and reads the whole reply. Raises ApiError if there is no whole reply."""
        response: httpx.Response | None = None
        try:
            with self._http.connection() as connection:
                try:
                    response = connection.handle_request(request)
                finally:
                    self._limiter.release()
                try:
                    return response.status_code, response.headers, self._read_body(call, response, started)
                finally:
                    response.close()
        except httpx.TimeoutException as error:
            raise self._error(TimedOut, type(error).__name__, call, _status(response)) from error
        except httpx.NetworkError as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self._error(ConnectionFailed, what, call, _status(response)) from error
        except httpx.DecodingError as error:  # a transport that decompresses by itself
            raise self._error(BadReply, "the body cannot be decompressed", call, _status(response)) from error
        # Protocol errors can quote the key or a record, so neither their message nor their traceback is kept.
        except httpx.RemoteProtocolError:
            if response is not None:
                raise self._error(BadReply, "the body was cut short", call, response.status_code) from None
            raise self._error(ConnectionFailed, "the reply did not begin", call, None) from None
        except httpx.TransportError as error:
            raise self._error(ConnectionFailed, type(error).__name__, call, _status(response)) from None

    def _read_body(self, call: ApiCall, response: httpx.Response, started: float) -> bytes:
        chunks: list[bytes] = []
        longest = self._settings.read_timeout_seconds * _READ_TIMEOUTS_PER_REPLY
        status, headers = response.status_code, response.headers
        try:
            for chunk in decompressed(_raw(response), headers.get("Content-Encoding", ""), self._max_bytes):
                if chunk:
                    chunks.append(chunk)
                if self._monotonic() - started > longest:
                    raise self._error(TimedOut, f"the reply is not whole after {longest:.0f} s", call, status)
        except Beyond:
            BODIES.largest = self._max_bytes
            what = f"the reply is larger than max_reply_mb = {self._settings.max_reply_mb}"
            raise self._error(ReplyTooLarge, what, call, status) from None
        except Undecodable as error:
            raise self._error(BadReply, str(error), call, status) from None
        body = b"".join(chunks)
        BODIES.largest = max(BODIES.largest, len(body))
        return body

    def _refused(
        self, call: ApiCall, status: int, headers: httpx.Headers, body: bytes, refusal: Refusal | None
    ) -> ApiError:
        """The error for a status that is not 2xx. Pauses the rate limiter if the API asks for a pause."""
        pace = self._dialect.pace(headers)
        error = refused(call, self.location.name, (status, headers, body), refusal, pace, self._clock)
        pause = error.retry_after
        if pause is None and status == 429 and refusal is None:
            pause = self._settings.rate_period_seconds
        if pause is not None and pause <= LONGEST_PAUSE_SECONDS:
            self._limiter.pause(pause)
        return error

    def _heed(self, headers: httpx.Headers) -> None:
        """Keeps to a lower limit than the configured one, if the reply names one."""
        pace = self._dialect.pace(headers)
        if pace is None:
            return
        self.pace = pace
        if pace.limit:
            self._limiter.lower(pace.limit, pace.period_seconds)

    def _error(self, kind: type[E], what: str, call: ApiCall, status: int | None) -> E:
        return api_error(kind, what, call, self.location.name, status)


_parsed_url = cache(httpx.URL)
"""Locations share the base URL, so it is parsed once."""


def _raw(response: httpx.Response) -> Iterable[bytes]:
    """The body's bytes as they were sent. httpx's own reading would decompress them without a limit."""
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - no transport here is asynchronous
    return response.stream


def _status(response: httpx.Response | None) -> int | None:
    return None if response is None else response.status_code
