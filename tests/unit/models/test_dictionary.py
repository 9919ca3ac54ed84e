"""The dictionary is complete, and its lineage is right."""

from __future__ import annotations

import re

import pytest

from bookings_sync.dictionary import ColumnEntry, ColumnName, Dictionary, build
from bookings_sync.dictionary.page import render
from bookings_sync.models.destination import Datasets
from bookings_sync.models.project import Project
from bookings_sync.records.tables import TABLES


@pytest.fixture(scope="module")
def dictionary(project: Project) -> Dictionary:
    return build(project)


def test_every_column_has_a_type_a_meaning_and_an_origin(dictionary: Dictionary, project: Project) -> None:
    entries = {entry.name: entry for entry in dictionary.tables}
    assert entries.keys() == TABLES.keys() | project.models.keys()
    for entry in dictionary.tables:
        assert entry.grain, entry.name
        assert entry.question, entry.name
    for column in dictionary.columns():
        assert column.type, column.name
        assert column.meaning.endswith("."), column.name
        assert column.origins or column.counts or column.api_fields or column.written_by, column.name
    for name, model in project.models.items():
        assert [column.name.column for column in entries[name].columns] == list(model.header.columns)
    for name, table in TABLES.items():
        assert {column.name for column in table.columns} < {column.name.column for column in entries[name].columns}


def test_every_origin_exists_and_links_back(dictionary: Dictionary) -> None:
    columns = {column.name: column for column in dictionary.columns()}
    for column in columns.values():
        for origin in column.origins:
            assert origin.layer == "warehouse" or column.name in columns[origin].used_by, column.name


def entry(dictionary: Dictionary, table: str, column: str) -> ColumnEntry:
    (found,) = [each for each in dictionary.columns() if each.name[1:] == (table, column)]
    return found


# Traced by hand through CTEs, stars, unions, windows, unnested lists and literals.
BY_HAND = [
    ("stg_appointments", "member_id", {"stg_appointment_versions.member_id"}),
    ("stg_appointment_versions", "member_id", {"appointments.user_id", "appointments.assigned_user_id"}),
    (
        "stg_appointment_versions",
        "status",
        {"appointments.appoinment_status", "appointments.appointment_status", "appointments.status"},
    ),
    ("stg_contact_custom_fields", "value", {"contact_custom_fields.value"}),
    ("fct_appointments", "team_id", {"stg_appointments.team_id", "dim_service.team_id"}),
    ("fct_appointments", "local_hour", {"stg_appointments.starts_at", "dim_location.timezone"}),
    ("fct_appointments", "times_rescheduled", {"fct_appointment_events.event"}),
    ("fct_appointment_events", "from_status", {"stg_appointment_versions.status"}),
    (
        "dim_location",
        "timezone",
        {"stg_locations.timezone", "stg_locations.api_timezone", "timezones.canonical", "timezones.name"},
    ),
    ("dim_team", "name", {"stg_teams.name"}),
    ("rpt_bookings", "source", {"dim_contact.source"}),
    ("rpt_utilisation", "seat_utilisation", {"fct_appointments.duration_minutes", "fct_slots.free_seat_minutes"}),
]


@pytest.mark.parametrize(("table", "column", "origins"), BY_HAND, ids=[f"{one[0]}.{one[1]}" for one in BY_HAND])
def test_lineage_equals_a_trace_by_hand(dictionary: Dictionary, table: str, column: str, origins: set[str]) -> None:
    found = {f"{each.table}.{each.column}" for each in entry(dictionary, table, column).origins}
    assert found == origins


def test_marts_columns_lead_to_api_fields(dictionary: Dictionary) -> None:
    assert entry(dictionary, "rpt_bookings", "status").api_fields == (
        ("appointments", "appoinmentStatus"),
        ("appointments", "appointmentStatus"),
        ("appointments", "status"),
    )
    assert entry(dictionary, "dim_service", "slot_duration_minutes").api_fields == (
        ("services", "availability.eventTiming.slotDuration"),
    )
    assert entry(dictionary, "rpt_bookings", "bookings").counts == (("marts", "fct_appointments"),)
    assert entry(dictionary, "rpt_member_fairness", "bookings").counts == (("marts", "fct_appointments"),)
    assert entry(dictionary, "rpt_rejections", "records").counts == (("staging", "stg_rejected_records"),)
    drift = {name for _, name in entry(dictionary, "rpt_schema_drift", "records").counts}
    assert {"stg_appointments", "stg_teams", "stg_contacts"} < drift
    assert entry(dictionary, "rpt_noshow_risk", "risk_by").written_by == "the model itself"
    used_by = entry(dictionary, "contacts", "source").used_by
    assert used_by == (ColumnName("staging", "stg_contacts", "source"),)


@pytest.mark.parametrize(
    ("table", "column", "unit"),
    [
        ("rpt_bookings", "booked_minutes", "minutes"),
        ("rpt_bookings", "bookings", "count"),
        ("rpt_bookings", "local_date", "local day"),
        ("rpt_show_rate", "show_rate", "part of 1"),
        ("rpt_noshow_risk", "noshow_rate_low", "part of 1"),
        ("fct_appointments", "starts_at", "UTC"),
        ("fct_appointments", "local_start", "the location's clock"),
        ("fct_appointments", "local_hour", ""),
        ("services", "slot_duration", "minutes"),
        ("reads", "seconds", "seconds"),
        ("rpt_show_rate_as_known", "days_after", "days"),
    ],
)
def test_units(dictionary: Dictionary, table: str, column: str, unit: str) -> None:
    assert entry(dictionary, table, column).unit == unit


def test_every_link_of_the_page_has_a_target(dictionary: Dictionary) -> None:
    page = render(dictionary, Datasets(marts="answers"))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= {*ids}
    assert "answers.</small>rpt_bookings" in page
    assert "http" not in re.sub(r'content="[^"]*"|http-equiv', "", page), "the page loads nothing"
