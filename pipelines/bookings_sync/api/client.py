"""Reads one location's calendar: one method per read endpoint of the API.

Input:  a location, settings, and the scopes and windows that `planning` asks for.
Output: `Reply`, for `records`. `writes` has the endpoints that change something.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from pendulum import DateTime

from bookings_sync.api.calls import ApiCall, Sender
from bookings_sync.api.connections import ConnectionPool, open_http
from bookings_sync.api.listing import decode_all
from bookings_sync.api.replies import FreeSlots, Reply, decode_object, list_under, one_with, slots_around
from bookings_sync.config.settings import Location, Settings
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records

_decode_teams = list_under("teams")
_decode_services = list_under("services")

T = TypeVar("T")


class Client:
    """Reads one location's calendar within its rate limit. Thread-safe. Every method raises ApiError.

    Locations can share a connection pool, `http`. A client without one opens its own, and closes it in `close`.
    `clock` returns the time in UTC.
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
    ) -> None:
        self._settings = settings
        self._http = http if http is not None else open_http(settings)
        self._owns_http = http is None
        self.sender = Sender(location, settings, self._http, clock=clock, monotonic=monotonic, sleep=sleep)

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

    def limit_requests(self, most: int) -> None:
        """Allows `most` requests in all, retries included. Further calls raise BudgetSpent."""
        self.sender.request_limit = most

    def list_teams(self) -> Reply[Records]:
        """All teams (DOC)."""
        return self.sender.send(ApiCall("GET", "/calendars/teams"), _decode_teams)

    def list_services(self) -> Reply[Records]:
        """All services (DOC)."""
        return self.sender.send(ApiCall("GET", "/calendars/services"), _decode_services)

    def list_appointments(
        self,
        scope: Scope,
        window: Window,
        known_digest: str | None = None,
        decode: Callable[[bytes], T] = decode_all,  # type: ignore[assignment]
    ) -> Reply[T]:
        """The appointments of a scope in a window, cancelled ones included (DOC).

        `decode` may compare the list with the last reply, and may block until there is memory for the records.
        UNK: whether the window selects by start or by overlap, whether its end is inclusive, and whether the API caps
        the list.
        """
        params = {self._scope_parameter(scope): scope.id, **_dates(window)}
        if self._settings.include_contacts:
            params["includeAll"] = "true"
        call = ApiCall("GET", "/appointments/", params, window=window, can_halve_window=True)
        return self.sender.send(call, decode, known_digest)

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One appointment (DOC), or an empty list if the API has no such appointment.

        How the API reports an unknown id is UNK. Accepted are a status of `unknown_id_statuses` with a JSON object,
        and a 200 with an empty body or object. Raises OtherReply if the API answers with another appointment.
        """
        path = f"/appointments/{path_segment(appointment_id)}"
        call = ApiCall("GET", path, not_found_statuses=self._settings.unknown_id_statuses)
        return self.sender.send(call, one_with(appointment_id))

    def list_slots(
        self, service_id: str, window: Window, timezone: str | None = None, known_digest: str | None = None
    ) -> Reply[FreeSlots]:
        """The free slots of a service in a window, by local date in `timezone` (DOC). The default time zone is UNK."""
        params = {self._settings.service_id_parameter: service_id, **_dates(window)}
        if timezone is not None:
            params["timezone"] = timezone
        call = ApiCall("GET", "/appointments/slots", params, window=window)
        return self.sender.send(call, slots_around(window), known_digest)

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]:
        """`{"slug", "isSlugAvailable"}` (DOC)."""
        path = f"/calendars/check-slug-availability/{path_segment(slug)}"
        return self.sender.send(ApiCall("GET", path), decode_object)

    def _scope_parameter(self, scope: Scope) -> str:
        return {"service": self._settings.service_id_parameter, "team": "teamId", "user": "userId"}[scope.kind]


def _dates(window: Window) -> dict[str, str]:
    return {"startDate": str(window.start_ms), "endDate": str(window.end_ms)}


def path_segment(text: str) -> str:
    """Quotes an id or a slug for a URL path. Raises ValueError if the path would then name another endpoint."""
    if text in {"", ".", ".."}:
        raise ValueError(f"not an id: {text!r}")
    return quote(text, safe="")
