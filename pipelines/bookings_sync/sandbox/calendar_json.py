"""Builds the JSON of teams, services and contacts, and API keys.

Input:  names, ids and opening hours, from `generate`, `simulation`, `validation` and tests.
Output: JSON objects with every documented field.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence

import orjson

from bookings_sync.sandbox.model import Json, Member

Hours = dict[str, list[dict[str, int]]]
"""Openings by weekday name. Each is `{openHour, openMinute, closeHour, closeMinute}` in the location's time zone."""


def opening(start: str, end: str) -> dict[str, int]:
    """An opening, such as `opening("09:30", "17:00")`."""
    (open_hour, open_minute), (close_hour, close_minute) = (map(int, text.split(":")) for text in (start, end))
    return {"openHour": open_hour, "openMinute": open_minute, "closeHour": close_hour, "closeMinute": close_minute}


def office_hours(*spans: str, saturday: Sequence[str] = (), sunday: Sequence[str] = ()) -> Hours:
    """Openings such as `office_hours("09:00-12:00", "13:00-17:00")`, Monday to Friday.

    A weekend day without openings has no key.
    """
    days = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), spans)
    days |= {day: tuple(given) for day, given in (("saturday", saturday), ("sunday", sunday)) if given}
    return {day: [opening(*span.split("-")) for span in given] for day, given in days.items()}


def team_json(team_id: str, name: str, slug: str, description: str, members: Sequence[Member]) -> Json:
    return {
        "id": team_id,
        "name": name,
        "members": [{"id": member.id, "name": member.name, "email": member.email} for member in members],
        "calendarConfig": {
            "calendarName": name,
            "description": description,
            "slug": slug,
            "link": f"/widget/appointment/{slug}",
            "shouldAssignContactToTeamMember": True,
            "shouldSkipAssigningContactForExisting": False,
        },
    }


def service_json(
    service_id: str,
    team_id: str,
    name: str,
    user_ids: Sequence[str],
    *,
    description: str = "",
    duration_min: int = 30,
    interval_min: int = 30,
    buffer_min: int = 0,
    per_slot: int = 1,
    per_day: int | None = None,
    notice_hours: int = 2,
    ahead_days: int = 60,
    hours: Hours | None = None,
    colour: str = "#039BE5",
) -> Json:
    """A service. By default it is open from Monday to Friday, 9 to 5."""
    return {
        "id": service_id,
        "name": name,
        "description": description,
        "appointmentTitle": "{{contact.name}}",
        "meetingLocation": "",
        "eventColor": colour,
        "teamId": team_id,
        "syncOption": "oneway",
        "linkedCalendars": {"google": {"id": "", "name": ""}, "clio": {}, "drchrono": {}},
        "teamMembers": [
            {"userId": user_id, "priority": 1, "selected": True, "meetingLocation": ""} for user_id in user_ids
        ],
        "availability": {
            "eventTiming": {"slotDuration": duration_min, "slotInterval": interval_min, "slotBuffer": buffer_min},
            "appointmentInfo": {"perSlot": per_slot, "perDay": per_day},
            "schedule": {
                "allowBookingAfter": notice_hours,
                "allowBookingAfterUnit": "Hours",
                "allowBookingFor": ahead_days,
                "allowBookingForUnit": "Days",
            },
            "officeHours": hours if hours is not None else office_hours("09:00-17:00"),
        },
        "confirmation": {
            "form": {"customFormId": "", "stickyContact": False},
            "notificationAndOther": {
                "alertEmail": "",
                "hasAutoConfirm": True,
                "hasGoogleSendInvitationEmail": False,
                "hasAllowReschedule": True,
                "hasAllowCancellation": True,
                "hasSendEmailToAssignedMember": False,
                "notes": "",
                "facebookPixelId": "",
                "customCode": "",
            },
            "formSubmission": {"type": "ThankYouMessage", "content": "Thank you. We look forward to seeing you."},
        },
    }


def contact_json(
    contact_id: str,
    location_id: str,
    fingerprint: str,
    date_added: str,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    timezone: str | None = None,
    country: str | None = None,
    source: str | None = None,
) -> Json:
    return {
        "id": contact_id,
        "locationId": location_id,
        "email": email,
        "emailLowerCase": email.lower() if email else None,
        "firstName": first_name,
        "lastName": last_name,
        "phone": phone,
        "fingerprint": fingerprint,
        "timezone": timezone,
        "country": country,
        "source": source,
        "dateAdded": date_added,
        "type": "lead",
        "postalCode": None,
        "customField": [],
        "tags": [],
    }


def jwt_key(rng: random.Random, **claims: str) -> str:
    """A key of the current form: a JWT with the claim `location_id` (CODE). Its signature is random."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {**claims, "version": 1, "sub": "sandbox"})
    return ".".join([*(_base64url(orjson.dumps(part)) for part in parts), _base64url(rng.randbytes(32))])


def opaque_key(rng: random.Random) -> str:
    """A key of the old form: about 50 random characters (CODE)."""
    return _base64url(rng.randbytes(37))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
