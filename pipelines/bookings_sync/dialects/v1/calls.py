"""The read calls of the first API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, Send, path_segment
from bookings_sync.dialects.replies import FreeSlots, Reply, decode_object, list_under, one_with, slots_around
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records

_decode_teams = list_under("teams")
_decode_services = list_under("services")

T = TypeVar("T")


class V1Calls:
    """The read calls of one location. Each call is one request."""

    def __init__(self, _: Location, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send

    def get_location(self) -> None:
        """No call of this API tells a location's name or time zone (DOC, by absence)."""

    def list_teams(self) -> Reply[Records]:
        """All teams (DOC)."""
        return self._send(ApiCall("GET", "/calendars/teams"), _decode_teams)

    def list_services(self) -> Reply[Records]:
        """All services (DOC)."""
        return self._send(ApiCall("GET", "/calendars/services"), _decode_services)

    def list_appointments(
        self, scope: Scope, window: Window, known_digest: str | None, decode: Callable[[bytes], T]
    ) -> Reply[T]:
        """The appointments of a scope in a window, cancelled ones included (DOC).

        UNK: whether the window selects by start or by overlap, whether its end is inclusive, and whether the API caps
        the list.
        """
        params = {self._scope_parameter(scope): scope.id, **_dates(window)}
        if self._settings.include_contacts:
            params["includeAll"] = "true"
        call = ApiCall("GET", "/appointments/", params, window=window, can_halve_window=True)
        return self._send(call, decode, known_digest)

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One appointment (DOC), or an empty list if the API has no such appointment.

        How the API reports an unknown id is UNK. Accepted are a status of `unknown_id_statuses` with a JSON object,
        and a 200 with an empty body or object. Raises OtherReply if the API answers with another appointment.
        """
        path = f"/appointments/{path_segment(appointment_id)}"
        call = ApiCall("GET", path, not_found_statuses=self._settings.unknown_id_statuses)
        return self._send(call, one_with(appointment_id))

    def list_slots(
        self, service_id: str, window: Window, timezone: str | None, known_digest: str | None
    ) -> Reply[FreeSlots]:
        """The free slots of a service in a window, by local date in `timezone` (DOC). The default time zone is UNK."""
        params = {self._settings.service_id_parameter: service_id, **_dates(window)}
        if timezone is not None:
            params["timezone"] = timezone
        call = ApiCall("GET", "/appointments/slots", params, window=window)
        return self._send(call, slots_around(window), known_digest)

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]:
        """`{"slug", "isSlugAvailable"}` (DOC)."""
        return self._send(ApiCall("GET", f"/calendars/check-slug-availability/{path_segment(slug)}"), decode_object)

    def _scope_parameter(self, scope: Scope) -> str:
        return {"service": self._settings.service_id_parameter, "team": "teamId", "user": "userId"}[scope.kind]


def _dates(window: Window) -> dict[str, str]:
    return {"startDate": str(window.start_ms), "endDate": str(window.end_ms)}
