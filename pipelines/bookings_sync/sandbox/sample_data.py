"""Sample data: names, time zones, services, contacts, and unusual forms of appointments.

Input:  a random generator. The same seed gives the same data.
Output: fields for `calendar_json`, and shapes for appointments. All names, numbers and addresses are fictional.
"""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Any, NamedTuple

from bookings_sync.sandbox.calendar_json import Hours, office_hours
from bookings_sync.sandbox.model import Json, Shape, Spelling

LOCATION_NAMES = (
    "harbour-dental", "cedar-physio", "lotus-yoga", "kingfisher-law", "nordlicht-praxis", "maple-barbers",
    "azul-estetica", "summit-coaching", "willow-vets", "orchid-spa", "copper-tattoo", "lighthouse-optics",
)  # fmt: skip
LOCATION_ZONES = (
    "America/Chicago", "Europe/London", "Asia/Calcutta", "Australia/Sydney", "Europe/Berlin", "America/New_York",
    "America/Sao_Paulo", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland", "Africa/Cairo", "America/St_Johns",
)  # fmt: skip
ALIASES = {"America/Chicago": "US/Central", "America/New_York": "US/Eastern", "Europe/London": "GB"}
"""Other names for a location's time zone, which browsers may send."""
VISITOR_ZONES = ("US/Central", "US/Pacific", "Asia/Calcutta", "Europe/Kiev", "Europe/Paris", "Asia/Katmandu", "UTC")

TEAM_NAMES = ("Front desk", "Specialists", "Évaluations", "Wellness & care", "Weekend team", "Außendienst")
FIRST_NAMES = (
    "Ana", "Bram", "Chloé", "Dmitri", "Elif", "Farouk", "Grace", "Hana", "Ife", "Jürgen", "Keiko", "Lucía", "Mateo",
    "Nadia", "Oisín", "Priya", "Quentin", "Ravi", "Søren", "Tomás", "Ulla", "Vera", "Wei", "Ximena", "Yusuf", "Zoë",
    "Иван", "美咲", "O’Neil",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Hansen", "Ito", "Jensen", "Kowalski",
    "Lindqvist", "Müller", "Nguyễn", "Okafor", "Petrov", "Quispe", "Rao", "Silva", "Tanaka", "Usman", "Varga",
    "Watanabe", "Zhang", "de la Cruz", "Ó Briain",
)  # fmt: skip
_COUNTRIES = ("US", "GB", "IN", "DE", "AU", None)
_SOURCES = ("online booking", "walk-in", "referral", "phone", "Facebook ad", None)
_TAGS = ("vip", "new", "newsletter", "needs-parking", "lapsed", "été", "family")
_CUSTOM_FIELDS = ("iAmVsGtcxJHG6bWpQnZk", "Qk2fT7yLwN4sJ8mXe0Rb", "Zp9uC3hVd6aK1oWgM5Ti")


class ServicePlan(NamedTuple):
    """A kind of service. `weight` is its relative demand, `show` the difference of its show rate from the average."""

    name: str
    duration_min: int
    interval_min: int
    per_slot: int
    weight: float
    show: float
    hours: Hours


_DAY = office_hours("09:00-17:00")
_SPLIT = office_hours("08:30-12:30", "13:30-18:00")
_SIX_DAYS = office_hours("09:00-18:00", saturday=("10:00-14:00",))
_ALL_WEEK = office_hours("07:00-20:00", saturday=("08:00-16:00",), sunday=("09:00-12:00", "14:00-17:00"))

SERVICES = (
    ServicePlan("Consultation", 30, 30, 1, 6.0, 0.02, _SPLIT),
    ServicePlan("Follow-up", 15, 15, 1, 4.0, 0.06, _DAY),
    ServicePlan("Group class", 60, 60, 8, 5.0, -0.05, _ALL_WEEK),
    ServicePlan("Check-up", 45, 45, 1, 3.0, 0.0, _SIX_DAYS),
    ServicePlan("Erstgespräch", 60, 30, 1, 2.0, -0.08, _SPLIT),
    ServicePlan("Phone call", 10, 15, 1, 1.5, -0.1, _ALL_WEEK),
    ServicePlan("Full assessment", 90, 60, 1, 1.0, 0.04, _DAY),
    ServicePlan("Workshop", 120, 120, 12, 0.6, 0.05, _SIX_DAYS),
    ServicePlan("初回相談", 20, 20, 2, 0.4, 0.0, _DAY),
    ServicePlan("Quiet hour", 240, 60, 1, 0.1, 0.0, office_hours("06:00-10:00")),
)

_ATTRIBUTION = {"attributionSource": {"url": "https://example.com/book", "utm": {"source": "ads", "term": None}}}
_SHAPES: tuple[tuple[float, Shape | None], ...] = (
    (78.0, None),
    (4.0, Shape(more=_ATTRIBUTION)),
    (3.0, Shape(absent=("assignedUserId", "userCalendarId", "isFree"))),
    (3.0, Shape(absent=("address", "notes"))),
    (2.0, Shape(more={"source": "widget", "appointmentMeta": {"steps": [1, 2, {"ok": True}]}})),
    (2.0, Shape(absent=("createdAt", "updatedAt"))),
    (2.0, Shape(null=("updatedAt",))),
    (1.5, Shape(null=("selectedTimezone",))),
    (1.5, Shape(null=("title",), more={"googleEventId": "_6cs3ge9o"})),
    (1.0, Shape(absent=("selectedTimezone", "isRecurring"))),
    (0.6, Shape(null=("status",))),
    (0.3, Shape(null=("endTime",))),
    (0.1, Shape(absent=("contactId", "locationId"))),
)
_SHAPE_WEIGHTS = list(accumulate(weight for weight, _ in _SHAPES))
_SPELLINGS: tuple[Spelling, ...] = ("sic", "right", "both", "disagree")
_SPELLING_WEIGHTS = (55, 75, 98, 100)


def appointment_shape(rng: random.Random) -> Shape | None:
    return rng.choices(_SHAPES, cum_weights=_SHAPE_WEIGHTS)[0][1]


def spelling(rng: random.Random) -> Spelling:
    return rng.choices(_SPELLINGS, cum_weights=_SPELLING_WEIGHTS)[0]


def visitor_zone(rng: random.Random, home: str) -> str:
    """The time zone of a customer: usually the location's, by its name or an alias."""
    chance = rng.random()
    if chance < 0.8:
        return home
    return ALIASES.get(home, home) if chance < 0.9 else rng.choice(VISITOR_ZONES)


def person(rng: random.Random, zone: str) -> Json:
    """Fields of a new contact. Some are null, some are missing, some are undocumented."""
    first, last, number = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES), rng.randrange(10**7)
    email = f"Guest.{number}@example.com" if rng.random() < 0.93 else None
    fields: dict[str, Any] = {
        "firstName": first,
        "lastName": last if rng.random() < 0.97 else None,
        "email": email,
        "emailLowerCase": email.lower() if email else None,
        "phone": f"+1555{number:07d}" if email is None or rng.random() < 0.9 else None,
        "timezone": zone if rng.random() < 0.8 else None,
        "country": rng.choice(_COUNTRIES),
        "source": rng.choice(_SOURCES),
        "tags": rng.sample(_TAGS, rng.choice((0, 0, 1, 2))),
        "customField": [custom_field(rng, field) for field in rng.sample(_CUSTOM_FIELDS, rng.choice((0, 0, 1, 2, 3)))],
    }
    chance = rng.random()
    if chance < 0.05:
        fields |= {"companyName": "Ünïted Widgets", "dnd": False}
    elif chance < 0.08:
        fields |= {
            "additionalEmails": [{"email": f"other.{number}@example.org"}],
            "dndSettings": {"SMS": {"status": "active"}},
        }
    elif chance < 0.1:
        fields |= {"tags": None, "customField": None}
    elif chance < 0.11:
        fields |= {"firstName": None, "lastName": None}
    return fields


def custom_field(rng: random.Random, field_id: str) -> Json:
    """A custom field. Its value is a string or a list of strings (DOC)."""
    if rng.random() < 0.3:
        return {"id": field_id, "value": rng.sample(("knees", "back", "neck", "épaule"), rng.choice((0, 1, 2, 3)))}
    return {"id": field_id, "value": rng.choice(("yes", "no", "", "after 5 pm", "zażółć gęślą jaźń"))}


def contact_change(rng: random.Random, body: Json) -> Json:
    """A change of a contact: phone, e-mail address, name, tags, or a custom field, which may change from a string to a
    list."""
    kind = rng.randrange(4)
    if kind == 0:
        number = rng.randrange(10**7)
        email = f"New.{number}@example.com"
        return (
            {"phone": f"+1555{number:07d}"},
            {"email": email, "emailLowerCase": email.lower()},
            {"lastName": LAST_NAMES[number % len(LAST_NAMES)]},
        )[number % 3]
    if kind == 1:
        return {"tags": [*(body.get("tags") or ()), f"seen-{rng.randrange(1000)}"]}
    if kind == 2:
        return {"loyalty": {"points": rng.randrange(1000), "tier": rng.choice(("blue", "gold"))}}
    custom = list(body.get("customField") or ())
    if not custom:
        return {"customField": [custom_field(rng, rng.choice(_CUSTOM_FIELDS))]}
    first = custom[0]
    value = first["value"]
    turned = ", ".join(value) if isinstance(value, list) else [value, "and more"]
    return {"customField": [{**first, "value": turned}, *custom[1:]]}
