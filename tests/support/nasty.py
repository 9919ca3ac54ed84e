"""Nasty records: malformed values that an API may send.

Input:  a random generator.
Output: records of each kind, most of them with something wrong somewhere, and the JSON text a server would send.
"""

from __future__ import annotations

import json
import random
from typing import Any

Record = dict[str, Any]

DEEP = 1_000
DEEP_SHARE = 0.05
"""Levels of nesting."""

_TEXTS = [
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff tail", "🦷", "é" * 50, "x" * 20_000, "'", '"', "\\", "\\'", "null",
    "'); DROP TABLE appointments; --", "%s", "$1", "{id}", "\n", "\x1b[31m", "‮", "..", ".", "/", "?a=b&c", "#",
    "NaN", "-0", "1e5", "12", "true",
]  # fmt: skip
_TIMES = [
    "2026-13-45T99:99:00Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00", "12026-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "2024-02-29T12:00:00Z",
    "2016-12-31T23:59:60Z", "2026-11-02T09:00:00+99:00", "2026-11-02T09:00:00", "2026-11-02", "09:00", "yesterday",
    "1969-12-31T23:59:59Z", "2026-11-02T09:00:00.123456789Z", "2026-11-02T09:00:00 Europe/Berlin", "20261102T090000Z",
    "2026-W45-1T09:00:00Z", "1677-01-01T00:00:00Z", "2262-12-31T00:00:00Z",
]  # fmt: skip
_NUMBERS = [
    0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, -0.0, 1e308, float("nan"),
    float("inf"), 1_793_610_000_000, -1_000_000_000_000_000, 253_402_300_800,
]  # fmt: skip


def deep(levels: int = DEEP) -> Any:
    """A deeply nested list."""
    value: Any = "bottom"
    for level in range(levels):
        value = [value] if level % 2 else {"n": value}
    return value


def nasty(rng: random.Random) -> Any:
    """A random value of any type."""
    kind = rng.randrange(12)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind < 4:
        return rng.choice(_TEXTS)
    if kind < 6:
        return rng.choice(_TIMES)
    if kind < 8:
        return rng.choice(_NUMBERS)
    if kind == 8 and rng.random() < DEEP_SHARE:
        return deep(rng.choice((200, 300, DEEP)))
    return rng.choice(([], {}, [None], {"a": None}, [[]], {"": ""}, [1, "a", {"b": []}], {"id": "x"}, ["2026-11-02"]))


def mauled(record: Record, rng: random.Random, protect: tuple[str, ...] = ()) -> Any:
    """The record with one to three faults, sometimes another value in its place."""
    if rng.random() < 0.03:
        return nasty(rng)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        place: Any = record
        while True:
            if isinstance(place, list):
                if not place:
                    break
                at: Any = rng.randrange(len(place))
            else:
                at = rng.choice([*place, "unknown field", "é"])
            inside = place[at] if isinstance(place, list) or at in place else None
            if isinstance(inside, dict | list) and inside and rng.random() < 0.7:
                place = inside
                continue
            if place is record and at in protect:
                break
            if isinstance(place, dict) and at in place and rng.random() < 0.2:
                del place[at]
            else:
                place[at] = nasty(rng)
            break
    return record


def appointment(number: int, service_id: str, start: str, end: str) -> Record:
    return {
        "id": f"appointment-{number}",
        "userId": "user-1",
        "contactId": f"contact-{number}",
        "locationId": "location",
        "calendarProviderId": "team-1",
        "calendarServiceId": service_id,
        "calendarId": "calendar-1",
        "status": "booked",
        "appoinmentStatus": "confirmed",
        "appointmentStatus": "confirmed",
        "title": "Ana Ito",
        "notes": "",
        "address": "Room 2",
        "startTime": start,
        "endTime": end,
        "selectedTimezone": "Europe/Berlin",
        "isRecurring": False,
        "assignedUserId": "user-1",
        "userCalendarId": "calendar-1",
        "isFree": False,
        "createdAt": "2026-10-01T08:00:00.000Z",
        "updatedAt": "2026-10-02T08:00:00.000Z",
        "contact": {
            "id": f"contact-{number}",
            "locationId": "location",
            "email": "Ana@example.com",
            "emailLowerCase": "ana@example.com",
            "firstName": "Ana",
            "lastName": "Ito",
            "phone": "+15550001",
            "fingerprint": "f",
            "timezone": "Europe/Berlin",
            "country": "DE",
            "source": "phone",
            "dateAdded": "2026-09-01T08:00:00.000Z",
            "type": "lead",
            "postalCode": "1",
            "customField": [{"id": "field-1", "value": "knee"}, {"id": "field-2", "value": ["a", "b"]}],
            "tags": ["vip"],
        },
    }


def team(number: int) -> Record:
    return {
        "id": f"team-{number}",
        "name": "Front desk",
        "members": [{"id": "user-1", "name": "Bo", "email": "bo@example.com"}, {"id": "user-2", "name": "Cy"}],
        "calendarConfig": {
            "calendarName": "Desk",
            "description": "",
            "slug": f"slug-{number}",
            "link": f"/widget/appointment/slug-{number}",
            "shouldAssignContactToTeamMember": True,
            "shouldSkipAssigningContactForExisting": False,
        },
    }


def service(number: int) -> Record:
    openings = [{"openHour": 9, "openMinute": 0, "closeHour": 17, "closeMinute": 0}]
    return {
        "id": f"service-{number}",
        "name": "Consultation",
        "teamId": "team-1",
        "syncOption": "oneway",
        "linkedCalendars": {"google": {"id": "g", "name": "G"}},
        "teamMembers": [{"userId": "user-1", "priority": 1, "selected": True}],
        "availability": {
            "eventTiming": {"slotDuration": 30, "slotInterval": 30, "slotBuffer": 0},
            "appointmentInfo": {"perSlot": 1, "perDay": 8},
            "schedule": {"allowBookingAfter": 2, "allowBookingAfterUnit": "Hours"},
            "officeHours": {"monday": openings, "friday": openings},
        },
        "confirmation": {"form": {"customFormId": "f", "stickyContact": True}},
    }


def as_json(value: Any) -> bytes:
    """JSON as a careless server writes it: NaN and Infinity as words, half surrogate pairs as escapes."""
    return spelt(value).encode()


def spelt(value: Any) -> str:
    """json.dumps without its limit on nesting."""
    written: list[str] = []
    left: list[tuple[bool, Any]] = [(False, value)]
    while left:
        is_text, each = left.pop()
        if is_text:
            written.append(each)
        elif isinstance(each, list):
            left.append((True, "]"))
            for number, item in reversed(list(enumerate(each))):
                left += [(False, item), (True, "," if number else "")]
            written.append("[")
        elif isinstance(each, dict):
            left.append((True, "}"))
            for number, (name, item) in reversed(list(enumerate(each.items()))):
                left += [(False, item), (True, ("," if number else "") + json.dumps(name) + ":")]
            written.append("{")
        else:
            written.append(json.dumps(each))
    return "".join(written)
