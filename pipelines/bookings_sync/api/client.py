"""Reads one location's calendar: one method per list or record, in the location's dialect.

Input:  a location, settings, and the scopes and windows that `planning` asks for.
Output: `Reply`, for `records`. `writes` has the endpoints that change something.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from pendulum import DateTime

from bookings_sync.api.calls import LONGEST_PAUSE_SECONDS, Sender
from bookings_sync.api.connections import ConnectionPool, open_http
from bookings_sync.api.limits import RateLimiter
from bookings_sync.api.listing import decode_all
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects import AboutLocation, Pace, dialect_of
from bookings_sync.dialects.replies import FreeSlots, Reply
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records

T = TypeVar("T")


class Client:
    """Reads one location's calendar within its rate limit. Thread-safe. Every method raises ApiError. Making a client
    raises ConfigurationError if the location lacks something that its dialect needs.

    Locations can share a connection pool, `http`. A client without one opens its own, and closes it in `close`.
    `clock` returns the time in UTC. `limiter` and `longest_pause_seconds` are as for `Sender`.
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        http: ConnectionPool | None = None,
        *,
        clock: Callable[[], DateTime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        limiter: RateLimiter | None = None,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._settings = settings
        self._http = http if http is not None else open_http(settings)
        self._owns_http = http is None
        dialect = self.dialect = dialect_of(location)
        dialect.check(location)
        self.sender = Sender(
            location,
            settings,
            self._http,
            dialect,
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
            limiter=limiter,
            longest_pause_seconds=longest_pause_seconds,
        )
        self.probes = dialect.probes(location, settings, self.sender.send) if dialect.probes else None
        """What only a check asks this API; None if its calls answer everything."""
        self.writes = dialect.writes(location, settings, self.sender.send)
        """The changes of this API (`writes.Writer`)."""
        self._calls = dialect.calls(location, settings, self.sender.send)
        self.contacts = dialect.contacts(location, settings, self.sender.send) if dialect.contacts else None
        """The calls that list contacts; None if appointments embed them."""

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def location(self) -> Location:
        return self.sender.location

    @property
    def requests_sent(self) -> int:
        """Requests sent so far, retries included."""
        return self.sender.requests_sent

    @property
    def pace(self) -> Pace | None:
        """What the last reply said about the rate limit; None if it said nothing."""
        return self.sender.pace

    def limit_requests(self, most: int) -> None:
        """Allows `most` requests in all, retries included. Further calls raise BudgetSpent."""
        self.sender.request_limit = most

    def get_location(self) -> Reply[AboutLocation] | None:
        """The location's name and time zone, or None if the API has no such call. It is requested once."""
        return self._calls.get_location()

    def list_teams(self) -> Reply[Records]:
        """All teams (DOC)."""
        return self._calls.list_teams()

    def list_services(self) -> Reply[Records]:
        """All services (DOC)."""
        return self._calls.list_services()

    def list_appointments(
        self,
        scope: Scope,
        window: Window,
        known_digest: str | None = None,
        decode: Callable[[bytes], T] | None = None,
    ) -> Reply[T]:
        """The appointments of a scope in a window, cancelled ones included (DOC).

        `decode` gets the list as JSON, with the names of `dialect.appointments`. It may compare the list with the last
        reply, and may block until there is memory for the records.
        """
        whole: Callable[[bytes], Any] = partial(decode_all, names=self.dialect.appointments)
        return self._calls.list_appointments(scope, window, known_digest, decode or whole)

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One appointment (DOC), or an empty list if the API has no such appointment. Raises OtherReply if the API
        answers with another one."""
        return self._calls.get_appointment(appointment_id)

    def list_slots(
        self, service_id: str, window: Window, timezone: str | None = None, known_digest: str | None = None
    ) -> Reply[FreeSlots]:
        """The free slots of a service in a window, by local date in `timezone` (DOC). The default time zone is UNK."""
        return self._calls.list_slots(service_id, window, timezone, known_digest)

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]:
        """`{"slug", "isSlugAvailable"}` (DOC)."""
        return self._calls.check_slug(slug)
