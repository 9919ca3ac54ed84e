"""An API that answers from recorded records: always the same, whatever the sandbox of today would answer.

Input:  the records of one location, as JSON: teams, services, appointments, slots by service.
Output: a function for `FakeApi`, and `record`, which asks a running API for the records.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from support.fake_api import Asked, Replied

Records = dict[str, Any]


def answers(records: Records) -> Callable[[Asked], Replied]:
    """Lists select appointments by their start. An unknown id gets 404."""
    by_id = {each["id"]: each for each in records["appointments"]}

    def answer(asked: Asked) -> Replied:
        name = asked.path.removeprefix("/v1").strip("/")
        if name == "calendars/teams":
            return _json({"teams": records["teams"]})
        if name == "calendars/services":
            return _json({"services": records["services"]})
        start, end = (int(asked.query.get(each, 0)) for each in ("startDate", "endDate"))
        if name == "appointments":
            service = asked.query["calendarId"]
            found = [each for each in by_id.values() if each["calendarServiceId"] == service]
            return _json({"appointments": [each for each in found if start <= _ms(each["startTime"]) < end]})
        if name == "appointments/slots":
            days = records["slots"][asked.query["calendarId"]]
            free = {day: [each for each in starts if start <= _ms(each) < end] for day, starts in days.items()}
            return _json({day: {"slots": starts} for day, starts in free.items() if starts})
        found_by_id = by_id.get(name.removeprefix("appointments/"))
        return _json(found_by_id) if found_by_id else _json({"message": "not found"}, 404)

    return answer


def record(base_url: str, key: str, timezone: str, start_ms: int, end_ms: int) -> Records:
    """The records that an API shows for a range of time."""
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {key}"}) as client:

        def get(path: str, **query: Any) -> Any:
            return client.get(path, params=query).raise_for_status().json()

        def windows(days: int) -> list[dict[str, int]]:
            step = days * 86_400_000
            return [{"startDate": at, "endDate": min(at + step, end_ms)} for at in range(start_ms, end_ms, step)]

        services = get("/calendars/services")["services"]
        ids = [each["id"] for each in services]
        appointments = {
            each["id"]: each
            for service in ids
            for window in windows(30)
            for each in get("/appointments/", calendarId=service, includeAll="true", **window)["appointments"]
        }
        slots: dict[str, dict[str, list[str]]] = {service: {} for service in ids}
        for service in ids:
            for window in windows(30):
                for day, free in get("/appointments/slots", calendarId=service, timezone=timezone, **window).items():
                    if isinstance(free, dict):
                        slots[service].setdefault(day, []).extend(free["slots"])
        return {
            "teams": get("/calendars/teams")["teams"],
            "services": services,
            "appointments": list(appointments.values()),
            "slots": slots,
        }


def _json(body: Any, status: int = 200) -> Replied:
    return Replied(json.dumps(body).encode(), status)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
