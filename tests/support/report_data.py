"""A small calendar for the report: three locations in three time zones, with hostile names and personal data."""

from __future__ import annotations

import json
import random

from bookings_sync.catalogue import load_metrics

from .model_warehouse import NOW, Warehouse

HOSTILE = "</script><img src=x onerror='window.hacked=1'>\u2028{{7*7}}&quot;\"'<b>"
"""A service's name that must never become markup, script or a template."""
STAFF = ("Ann Example", "Bob Example")
CONTACT = "somebody@example.com"
RARE = "recommended by Aunt Example"
"""A source that only one contact has, so the page must not name it."""
NAMES = ("Main", "Osaka", "Tiny")

READ_BY_REPORT = (
    "+rpt_hourly_utilisation",
    "+rpt_utilisation",
    "+rpt_staff_utilisation",
    "+rpt_bookings",
    "+fct_appointments",
    "+dim_member",
    "+dim_team",
    "dim_time_span",
    "+rpt_show_rate_as_known",
    "+rpt_schema_drift",
    "+rpt_worklist",
    "+rpt_coverage",
    "+rpt_contact_cohorts",
    "+rpt_first_change",
    "+rpt_member_fairness",
    "+rpt_noshow_risk",
)
"""The models that the page reads."""
READ_BY_EXPLORE = (
    *READ_BY_REPORT,
    *dict.fromkeys(f"+{metric.model}" for metric in load_metrics().values()),
    "+rpt_first_change",
    "+rpt_noshow_risk",
    "+rpt_noshow_calibration",
    "+rpt_lead_times",
)
"""These, and the marts of all metrics and of the explore app's reports."""


def fill(warehouse: Warehouse) -> None:
    """Two locations in far time zones with a service of the same name, and a third with a single booking."""
    chance = random.Random(5)
    for place, (name, zone) in enumerate(
        zip(NAMES, ("America/New_York", "Asia/Tokyo", "Europe/Oslo"), strict=True), start=1
    ):
        here = {"location_id": f"L{place}"}
        warehouse.insert("locations", {"name": name, "timezone": zone, **here})
        unknown = json.dumps({HOSTILE: place})
        warehouse.insert("teams", {"id": f"T{place}", "name": f"Team {place}", "extra": unknown, **here})
        for member, staff in enumerate(STAFF):
            warehouse.insert(
                "team_members",
                {"team_id": f"T{place}", "user_id": f"U{member}", "name": staff, "email": "staff@example.com", **here},
            )
        warehouse.insert(
            "services", {"id": "S1", "name": "Advice", "team_id": f"T{place}", "slot_duration": 30, **here}
        )
        warehouse.insert("service_members", {"service_id": "S1", "user_id": "U0", **here})
        hours = {"service_id": "S1", "open_hour": 9, "close_hour": 17, "close_minute": 30, "position": 0, **here}
        warehouse.insert("service_hours", *({**hours, "weekday": weekday} for weekday in ("monday", "friday")))
    warehouse.insert("services", {"id": "S2", "name": HOSTILE, "team_id": "T1", "slot_duration": 60})
    warehouse.insert("contacts", {"id": "C1", "email": CONTACT, "first_name": "Somebody", "phone": "+4712345678"})
    sources = {"C2": RARE, **{f"C{number}": "referral" for number in range(3, 15)}}
    warehouse.insert("contacts", *({"id": each, "source": source} for each, source in sources.items()))
    statuses = ("showed", "showed", "showed", "noshow", "cancelled", "invalid", "confirmed")
    appointments = [
        {
            "location_id": location, "id": f"{location}-{service}-{number}", "service_id": service,
            "contact_id": f"C{1 + number % 14}", "user_id": chance.choice(("U0", "U1", None)),
            "start_time": start, "end_time": start.add(minutes=minutes),
            "appoinment_status": chance.choice(statuses) if start < NOW else chance.choice(("new", "cancelled")),
            "created_at": start.subtract(hours=chance.choice((2, 50, 400))), "title": f"{CONTACT} comes",
        }
        for location, service, minutes, step in (("L1", "S1", 30, 19), ("L1", "S2", 60, 45), ("L2", "S1", 30, 31))
        for number in range(140 * 24 // step)
        for start in [NOW.subtract(days=120).add(hours=number * step)]
    ]  # fmt: skip
    # Marked two days after it started.
    only = {**appointments[0], "location_id": "L3", "id": "only", "start_time": NOW.subtract(days=3)}
    marked = {"_dlt_valid_to": NOW.subtract(days=1)}, {"_dlt_valid_from": NOW.subtract(days=1)}
    appointments += [
        {**only, "appoinment_status": status, **versions}
        for status, versions in zip(("new", "showed"), marked, strict=True)
    ]
    warehouse.insert("appointments", *appointments)
    slots = [NOW.subtract(days=8).add(hours=7 * number) for number in range(90)]
    warehouse.insert("slots", *({"service_id": "S1", "start_time": start} for start in slots))
    read = json.dumps([{"location_id": f"L{place}", "outcome": "ok"} for place in (1, 2, 3)])
    runs = [NOW.subtract(hours=6 * number) for number in range(36)]
    warehouse.insert(
        "runs",
        *({"run_id": str(at), "started_at": at, "ended_at": at, "outcome": "ok", "locations": read} for at in runs),
    )
