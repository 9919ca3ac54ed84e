"""One location behind v2, with answers that a test chooses.

Input:  its scopes, calendars, events, blocked slots and contacts, and what the API does where its reference is silent.
Output: a server, and a `Location` and `Settings` for it. It shares no code with the connector or the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings_sync.config.settings import Location, Settings

from .fake_api import Asked, FakeApi, Replied

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""A Monday."""
LOCATION_ID = "L-of-the-token"
READ_SCOPES = {
    "calendars.readonly",
    "calendars/groups.readonly",
    "calendars/events.readonly",
    "contacts.readonly",
    "users.readonly",
    "locations.readonly",
}
_PARAMETER = {"calendarId": "calendarId", "groupId": "groupId", "userId": "assignedUserId"}


def event(record_id: str, hours_from_now: float = 3, **fields: Any) -> dict[str, Any]:
    """An event of the calendar C1, its group G1 and the user U1. A field that is None is left out."""
    start = NOW + timedelta(hours=hours_from_now)
    plain = {
        "id": record_id,
        "locationId": LOCATION_ID,
        "calendarId": "C1",
        "groupId": "G1",
        "assignedUserId": "U1",
        "contactId": "K1",
        "appointmentStatus": "confirmed",
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(hours=1)).isoformat(),
        "dateAdded": "2026-10-01T10:00:00.000Z",
        "dateUpdated": "2026-10-01T10:00:00.000Z",
    }
    return {name: value for name, value in (plain | fields).items() if value is not None}


class FakeV2:
    """Serves while the `with` block lasts. Every attribute may be changed."""

    def __init__(self) -> None:
        self.scopes = set(READ_SCOPES)
        self.token = "pit-of-the-fake"
        self.location: dict[str, Any] = {"id": LOCATION_ID, "name": "Berlin", "timezone": "Europe/Berlin"}
        self.location["companyId"] = "Comp"
        hours = [{"openHour": 9, "openMinute": 0, "closeHour": 17, "closeMinute": 0}]
        self.calendars: list[dict[str, Any]] = [
            {
                "id": "C1",
                "groupId": "G1",
                "name": "First",
                "teamMembers": [{"userId": "U1"}],
                "openHours": [{"daysOfTheWeek": [1, 2, 3], "hours": hours}],
            }
        ]
        self.groups: list[dict[str, Any]] = [{"id": "G1", "name": "Team", "slug": "team"}]
        self.users: list[dict[str, Any]] = [{"id": "U1", "name": "Una"}]
        self.events = [event("e1", -50), event("e2", 3), event("e3", 27)]
        self.blocked: list[dict[str, Any]] = []
        self.contacts: list[dict[str, Any]] = []
        self.free_weekdays = {0, 1, 2}
        """Monday is 0."""
        self.end_inclusive = False
        self.overlap = False
        self.cap: int | None = None
        self.heeds_changed = True
        self.unknown_id = Replied(b'{"message":"not found","statusCode":404}', 404)
        self.headers: dict[str, str] = {}
        self.answers: dict[tuple[str, str], Callable[[Asked], Replied]] = {}
        """By method and path, what replaces the answer."""
        self.api = FakeApi(self._answer)

    def __enter__(self) -> FakeV2:
        self.api.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__()

    def settings(self, *, location_id: str | None = LOCATION_ID, token: str = "", **knobs: Any) -> Settings:
        location = Location("berlin", token or self.token, location_id=location_id)
        base_url = self.api.base_url.removesuffix("/v1")
        plain: dict[str, Any] = {"v2_base_url": base_url, "rate_limit": 100, "attempts": 1}
        return Settings(**plain | {"locations": {"berlin": location}} | knobs)

    def asked(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.api.requests if (each.method, each.path) == (method, path)]

    def _answer(self, asked: Asked) -> Replied:
        replied = self._replied(asked)
        return replied._replace(headers={**self.headers, **replied.headers})

    def _replied(self, asked: Asked) -> Replied:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        if "version" not in headers:
            return _error(401, "version header was not found.")
        if headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "Invalid JWT")
        if not _scope(asked):
            return _error(404, f"Cannot {asked.method} {asked.path}")
        if _scope(asked) not in self.scopes:
            return _error(401, "The token is not authorized for this scope.")
        body = json.loads(asked.body or b"{}")
        named = asked.query.get("locationId") or body.get("locationId") or LOCATION_ID
        if asked.path.startswith("/locations/"):
            named = asked.path.removeprefix("/locations/")
        if named != LOCATION_ID:
            return _error(403, "The token does not have access to this location.")
        if (asked.method, asked.path) in self.answers:
            return self.answers[asked.method, asked.path](asked)
        return self._read(asked, body)

    def _read(self, asked: Asked, body: dict[str, Any]) -> Replied:
        path = asked.path
        lists = {
            "/calendars/": "calendars",
            "/calendars/groups": "groups",
            "/users/": "users",
            "/users/search": "users",
        }
        if path in lists:
            return as_json({lists[path]: getattr(self, lists[path])})
        if path.startswith("/locations/"):
            return as_json({"location": self.location})
        if path == "/calendars/events":
            return as_json({"events": self._listed(self.events, asked), "traceId": "t"})
        if path == "/calendars/blocked-slots":
            return as_json({"events": self._listed(self.blocked, asked)})
        if path == "/contacts/search":
            return as_json({"contacts": self._found(body), "total": len(self.contacts)})
        if path == "/calendars/groups/validate-slug":
            return as_json({"available": False})
        if path.endswith("/free-slots"):
            return as_json(self._free(asked))
        if path.startswith("/calendars/events/appointments/"):
            record_id = path.removeprefix("/calendars/events/appointments/")
            found = next((each for each in (*self.events, *self.blocked) if each["id"] == record_id), None)
            return as_json({"event": found}) if found else self.unknown_id
        return _error(404, f"Cannot {asked.method} {path}")

    def _listed(self, records: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
        parameter = next(each for each in _PARAMETER if each in asked.query)
        start, end = (int(asked.query[name]) for name in ("startTime", "endTime"))
        found = []
        for each in records:
            first, last = (datetime.fromisoformat(each[name]).timestamp() * 1000 for name in ("startTime", "endTime"))
            is_in = (last > start if self.overlap else first >= start) and (first < end)
            if each.get(_PARAMETER[parameter]) == asked.query[parameter] and (
                is_in or (self.end_inclusive and first == end)
            ):
                found.append(each)
        return found[: self.cap]

    def _found(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.contacts
        for each in body.get("filters", []) if self.heeds_changed else []:
            since = each["value"]["gte"] / 1000
            found = [one for one in found if datetime.fromisoformat(one["dateUpdated"]).timestamp() >= since]
        return found[: body["pageLimit"]]

    def _free(self, asked: Asked) -> dict[str, Any]:
        first = datetime.fromtimestamp(int(asked.query["startDate"]) / 1000, UTC)
        days = (first + timedelta(days=each) for each in range(28))
        free = {each.date().isoformat(): each.isoformat() for each in days if each.weekday() in self.free_weekdays}
        return {day: {"slots": [start]} for day, start in free.items()} | {"traceId": "t"}


def as_json(body: Any, status: int = 200) -> Replied:
    return Replied(json.dumps(body).encode(), status)


def _error(status: int, message: str) -> Replied:
    return as_json({"statusCode": status, "message": message, "error": "…"}, status)


def _scope(asked: Asked) -> str:
    is_read = asked.method == "GET" or asked.path.endswith(("/search", "/validate-slug"))
    for prefix, family in (
        ("/calendars/events", "calendars/events"),
        ("/calendars/blocked-slots", "calendars/events"),
        ("/calendars/groups", "calendars/groups"),
        ("/calendars", "calendars"),
        ("/contacts", "contacts"),
        ("/users", "users"),
        ("/locations", "locations"),
    ):
        if asked.path.startswith(prefix):
            return f"{family}.{'readonly' if is_read else 'write'}"
    return ""
