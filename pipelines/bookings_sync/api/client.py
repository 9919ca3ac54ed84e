"""The client: every read of the calendar's API (api.md's table), for one location.

Input:  a location, settings, and the scopes and windows that `plan` asks for.
Output: `Reply`, for `records`. What is written to the API stands in `writes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from pendulum import DateTime

from bookings_sync.api.connections import Connections, open_http
from bookings_sync.api.listing import Listing, all_of
from bookings_sync.api.replies import FreeSlots, Reply, decode_object, decode_one, decode_slots, list_under
from bookings_sync.api.transport import Call, Transport
from bookings_sync.config.settings import Location, Settings
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records

_teams = list_under("teams")
_services = list_under("services")


class Client:
    """Reads one location's calendar; at most at its rate limit, from as many threads as ask.

    Every call raises ApiError. `http` is shared between locations (`open_http`); without one the client opens its own,
    and `close` closes that. `clock` gives the time in UTC.
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        http: Connections | None = None,
        *,
        clock: Callable[[], DateTime],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._http = http if http is not None else open_http(settings)
        self._owns_http = http is None
        self.transport = Transport(location, settings, self._http, clock=clock, monotonic=monotonic, sleep=sleep)

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def location(self) -> Location:
        return self.transport.location

    @property
    def requests_sent(self) -> int:
        """Requests sent so far, retries among them."""
        return self.transport.requests_sent

    def list_teams(self, known_digest: str | None = None) -> Reply[Records]:
        """All teams (DOC)."""
        return self.transport.call(Call("GET", "/calendars/teams"), _teams, known_digest)

    def list_services(self, team_id: str | None = None, known_digest: str | None = None) -> Reply[Records]:
        """All services, or one team's (DOC)."""
        params = {} if team_id is None else {"teamId": team_id}
        return self.transport.call(Call("GET", "/calendars/services", params), _services, known_digest)

    def list_appointments(
        self,
        scope: Scope,
        window: Window,
        known_digest: str | None = None,
        decode: Callable[[bytes], Listing] = all_of,
    ) -> Reply[Listing]:
        """The appointments of a scope in a window, cancelled ones too (DOC). `decode` may compare them with the last
        reply's, and wait until there is room for them.

        Whether the window is on the start or on any overlap, its end inclusive or not, and the reply capped, is UNK.
        """
        params = {self._parameter(scope): scope.id, **_dates(window)}
        if self._settings.include_contacts:
            params["includeAll"] = "true"
        return self.transport.call(
            Call("GET", "/appointments/", params, window=window, halvable=True), decode, known_digest
        )

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One appointment (DOC), or no record where the API says that there is none.

        How it says so is UNK: a status of `unknown_id_statuses` with a JSON object, or 200 with nothing in it.
        """
        call = Call("GET", f"/appointments/{segment(appointment_id)}", absent=self._settings.unknown_id_statuses)
        return self.transport.call(call, decode_one)

    def list_slots(
        self,
        service_id: str,
        window: Window,
        timezone: str | None = None,
        user_id: str | None = None,
        known_digest: str | None = None,
    ) -> Reply[FreeSlots]:
        """The free slots of a service in a window, by local date in `timezone` (DOC); its default is UNK."""
        params = {self._settings.service_id_parameter: service_id, **_dates(window)}
        if timezone is not None:
            params["timezone"] = timezone
        if user_id is not None:
            params["userId"] = user_id
        return self.transport.call(
            Call("GET", "/appointments/slots", params, window=window), decode_slots, known_digest
        )

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]:
        """`{"slug", "isSlugAvailable"}` (DOC)."""
        path = f"/calendars/check-slug-availability/{segment(slug)}"
        return self.transport.call(Call("GET", path), decode_object)

    def _parameter(self, scope: Scope) -> str:
        return {"service": self._settings.service_id_parameter, "team": "teamId", "user": "userId"}[scope.kind]


def _dates(window: Window) -> dict[str, str]:
    return {"startDate": str(window.start_ms), "endDate": str(window.end_ms)}


def segment(text: str) -> str:
    """An id or a slug as one segment of a path. Raises ValueError where it would name another path."""
    if text in {"", ".", ".."}:
        raise ValueError(f"no id: {text!r}")
    return quote(text, safe="")
