"""Compares the warehouse with the true state of the demo's calendar.

Input:  the current appointments in the raw dataset, and the sandbox's truth.
Output: how many appointments were compared, and how many differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from bookings_sync.cli.sandbox_process import SandboxProcess
from bookings_sync.config.settings import Settings

_V1 = {
    "start_time_raw": "startTime",
    "end_time_raw": "endTime",
    "status": "status",
    "appoinment_status": "appoinmentStatus",
    "appointment_status": "appointmentStatus",
    "user_id": "userId",
    "contact_id": "contactId",
    "calendar_id": "calendarId",
    "service_id": "calendarServiceId",
    "title": "title",
}
_V2 = {
    "start_time_raw": "startTime",
    "end_time_raw": "endTime",
    "appointment_status": "appointmentStatus",
    "user_id": "assignedUserId",
    "contact_id": "contactId",
    "service_id": "calendarId",
    "title": "title",
}
FIELDS = {"v1": _V1, "v2": _V2}
"""By API: columns of the raw appointments, and the API fields they must equal."""

Key = tuple[str, str]
"""Location id and appointment id."""


def compare_with_calendar(
    client: SqlClientBase[Any], settings: Settings, sandbox: SandboxProcess, api: str
) -> tuple[int, int]:
    """The number of appointments compared, and of those that differ."""
    columns = ", ".join(FIELDS[api])
    current = client.execute_sql(
        f"SELECT location_id, id, {columns} FROM {settings.raw_dataset}.appointments"  # noqa: S608
        " WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
    )
    warehouse = {(location_id, id_): tuple(values) for location_id, id_, *values in current or ()}
    services = client.execute_sql(f"SELECT DISTINCT id FROM {settings.raw_dataset}.services")  # noqa: S608
    listed_services = {row[0] for row in services or ()}
    calendar: dict[Key, dict[str, Any]] = {}
    for location in sandbox.locations:
        truth = sandbox.truth(location["id"], api)
        listed_services |= {service["id"] for service in truth.get("services") or truth["calendars"]}
        shown = truth.get("appointments") or [*truth["events"], *truth["blockedSlots"]]
        calendar |= {(location["id"], each["id"]): each for each in shown}
    return count_differences(warehouse, calendar, listed_services, FIELDS[api])


def count_differences(
    warehouse: Mapping[Key, tuple[Any, ...]],
    calendar: Mapping[Key, dict[str, Any]],
    listed_services: Set[str],
    fields: Mapping[str, str],
) -> tuple[int, int]:
    """The number of appointments compared, and of those that are missing, surplus or different in these fields.

    An appointment is not compared if its service was created and deleted between two syncs. The API never listed that
    service to the connector, so the connector could not ask for its appointments.
    """
    expected = {
        key: tuple(_expected(appointment, field) for field in fields.values())
        for key, appointment in calendar.items()
        if key in warehouse or appointment.get(fields["service_id"]) in listed_services
    }
    keys = warehouse.keys() | expected.keys()
    return len(keys), sum(1 for key in keys if warehouse.get(key) != expected.get(key))


def _expected(appointment: Mapping[str, Any], field: str) -> Any:
    """The field's value. An appointment may name its contact only inside it."""
    if field == "contactId":
        return appointment.get(field) or (appointment.get("contact") or {}).get("id")
    return appointment.get(field)
