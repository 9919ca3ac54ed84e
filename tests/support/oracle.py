"""The oracle of random histories: compares the warehouse with the API at any moment of a history.

Input:  the sandbox's world; a DuckDB file.
Output: a line for each stale row, each flaw in a record's versions, each version that was never true, each tombstone
        of a record that existed, and each record under the wrong location.

`support.truth` compares all columns. This oracle compares only the fields that histories change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from bookings_sync.sandbox import World, truth_v2
from support.apis import Apis, api_of

Seen = Mapping[tuple[str, str], tuple[Any, ...]]
"""Live appointments by (location id, id): the values of `_FIELDS`."""

Existing = tuple[str, str, Any, Any]
"""A record that exists: its table, location, id, and a slot's start."""

_FIELDS = {
    "startTime": "start_time_raw",
    "endTime": "end_time_raw",
    "status": "status",
    "appoinmentStatus": "appoinment_status",
    "appointmentStatus": "appointment_status",
    "title": "title",
    "userId": "user_id",
    "calendarProviderId": "team_id",
    "calendarServiceId": "service_id",
}

_FIELDS_V2 = {
    "startTime": "startTime",
    "endTime": "endTime",
    "appoinmentStatus": "appointmentStatus",
    "appointmentStatus": "appointmentStatus",
    "title": "title",
    "userId": "assignedUserId",
    "calendarProviderId": "groupId",
    "calendarServiceId": "calendarId",
}
"""The field of v2 for each field of v1."""

_HISTORIES = {
    "teams": "id",
    "team_members": "team_id, user_id",
    "services": "id",
    "service_members": "service_id, user_id",
    "service_hours": "service_id, weekday, position",
    "appointments": "id",
    "contacts": "id",
    "contact_custom_fields": "contact_id, custom_field_id",
    "slots": "service_id, start_time",
}
"""Every history table, with its key without the location."""

_NO_VALUES = ("deleted_at", "row_digest", "unchanged_since")
"""Columns that describe a version."""

_SHOWN = 3


class _Any:
    """Equals every value, for a field of which lists show several values."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "any"


_ANY = _Any()


def shown(world: World, apis: Apis = "v1") -> Seen:
    """The appointments that the APIs of the locations show now, without those that a field calls deleted."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    many = {"calendarServiceId": _ANY} if world.switches.two_services else {}
    for location in world.locations:
        told = _shown_by_v1 if api_of(apis, location.id) == "v1" else _shown_by_v2
        for row in told(world, location.id):
            if row.get("deleted") is not True:
                found[location.id, row["id"]] = tuple((row | many).get(name) for name in _FIELDS)
    return found


def _shown_by_v1(world: World, location_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.truth(location_id, start=world.now, end=world.now)["appointments"]
    return found


def _shown_by_v2(world: World, location_id: str) -> list[dict[str, Any]]:
    """The same under v1's names. Only blocked-off time has a status."""
    truth = truth_v2(world, location_id, start=world.now, end=world.now)
    rows = [each | {"status": None} for each in truth["events"]]
    rows += [each | {"status": "booked"} for each in truth["blockedSlots"]]
    for row in rows:
        row["appointmentStatus"] = row.get("appointmentStatus") or row.get("appoinmentStatus")
    return [row | {name: row.get(theirs) for name, theirs in _FIELDS_V2.items()} for row in rows]


def out_of_reach(world: World, database: str) -> set[tuple[str, str]]:
    """The appointments that no sync of services' lists can find: they lost their service before they were seen, or
    their service disappeared before any of them was seen. If the API does not list a vanished service, also those that
    were restored since."""
    known = set(_rows(database, "SELECT DISTINCT location_id, service_id FROM appointments"))
    held = seen(database)
    listed = world.switches.vanished_service == "listed"
    return {
        (location_id, row.id)
        for location_id, data in world.data.items()
        for row in data.by_start.all()
        if row.service_id not in data.services
        and (location_id, row.id) not in held
        and not (listed and row.service_id is not None and (location_id, row.service_id) in known)
    }


def unlisted(world: World, truth: Seen, held: Seen) -> set[tuple[str, str]]:
    """The held appointments that no service's list shows: a sync asks for each by its id, in turn. Appointments of
    services that disappeared are among them only if they moved: a sync asks for the others when it reads the window in
    which the warehouse holds them."""
    found: set[tuple[str, str]] = set()
    for location_id, data in world.data.items():
        for row in data.appointments.values():
            key = location_id, row.id
            is_hidden = row.service_id not in data.services and world.switches.vanished_service != "listed"
            has_moved = key in truth and key in held and _place(truth[key]) != _place(held[key])
            if row.service_id is None or (is_hidden and has_moved):
                found.add(key)
    return found


def _place(row: tuple[Any, ...]) -> tuple[Any, Any]:
    """The start, and the service."""
    return row[0], row[-1]


def seen(database: str) -> Seen:
    """The live appointments in the warehouse."""
    columns = ", ".join(_FIELDS.values())
    rows = _rows(
        database,
        f"SELECT location_id, id, {columns} FROM appointments WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL",
    )
    return {(row[0], row[1]): row[2:] for row in rows}


def stale(
    truth: Seen,
    held: Seen,
    start: datetime,
    end: datetime,
    what: str,
    *,
    but: Collection[tuple[str, str]],
    among: Collection[tuple[str, str]] | None = None,
) -> list[str]:
    """The rows that start in `[start, end)` and differ between truth and warehouse; only those of `among`, if given,
    and without those of `but`."""
    found = []
    for key in truth.keys() | held.keys():
        if truth.get(key) == held.get(key) or key in but or (among is not None and key not in among):
            continue
        starts = [datetime.fromisoformat(row[0]) for row in (truth.get(key), held.get(key)) if row and row[0]]
        if any(start <= at.astimezone(UTC) < end for at in starts):
            found.append(f"{what}, {key}: the API shows {truth.get(key)}, the warehouse {held.get(key)}")
    return _few(sorted(found))


def flaws(database: str) -> list[str]:
    """Versions that overlap, leave a gap or repeat, and tombstones that lost their values."""
    found: list[str] = []
    for table, key in _HISTORIES.items():
        columns = [row[0] for row in _rows(database, f"DESCRIBE {table}")]
        values = [name for name in columns if not name.startswith("_dlt") and name not in _NO_VALUES]
        content = f"row({', '.join(values)})"
        rows = _rows(
            database,
            f"""
            WITH versions AS (
                SELECT location_id, {key}, row_number() OVER record AS number,
                    CASE
                        WHEN lead(row_digest) OVER record IS NULL AND _dlt_valid_to IS NOT NULL
                            THEN 'no current version'
                        WHEN _dlt_valid_to <= _dlt_valid_from THEN 'it ends before it begins'
                        WHEN _dlt_valid_to IS DISTINCT FROM lead(_dlt_valid_from) OVER record
                            THEN 'a gap, an overlap, or two current versions'
                        WHEN row_digest = lag(row_digest) OVER record THEN 'the same version twice'
                        WHEN deleted_at IS NULL THEN NULL
                        WHEN lag(row_digest) OVER record IS NULL THEN 'a tombstone of nothing'
                        WHEN lag(deleted_at) OVER record IS NOT NULL THEN 'deleted twice'
                        WHEN lag({content}) OVER record IS DISTINCT FROM {content} THEN 'a tombstone lost a value'
                    END AS flaw
                FROM {table}
                WINDOW record AS (PARTITION BY location_id, {key} ORDER BY _dlt_valid_from)
            )
            SELECT * FROM versions WHERE flaw IS NOT NULL
            """,
        )
        found += _few([f"{table} {row[:-2]}, version {row[-2]}: {row[-1]}" for row in rows])
    return found


def doubles(database: str) -> list[str]:
    """Records with two current versions, and versions that overlap. Other flaws are left by those who remove rows."""
    found: list[str] = []
    for table, key in _HISTORIES.items():
        rows = _rows(
            database,
            f"""
            WITH versions AS (
                SELECT location_id, {key}, _dlt_valid_to, lead(_dlt_valid_from) OVER (
                    PARTITION BY location_id, {key} ORDER BY _dlt_valid_from
                ) AS next_from
                FROM {table}
            )
            SELECT DISTINCT location_id, {key} FROM versions
            WHERE next_from IS NOT NULL AND (_dlt_valid_to IS NULL OR _dlt_valid_to > next_from)
            """,
        )
        found += _few([f"{table} {row}: an overlap, or two current versions" for row in rows])
    return found


def lies(database: str, loads: Mapping[str, Collection[Seen]]) -> list[str]:
    """Versions with content that the API did not show during their load."""
    columns = ", ".join(_FIELDS.values())
    rows = _rows(database, f"SELECT _dlt_load_id, deleted_at IS NOT NULL, location_id, id, {columns} FROM appointments")
    found = []
    for load_id, deleted, location_id, row_id, *values in rows:
        said = None if deleted else tuple(values)
        true = [truth.get((location_id, row_id)) for truth in loads[load_id]]
        if said not in true:
            found.append(f"a version of {row_id} says {said}, when the API showed {true}")
    return _few(found)


def existing_now(world: World, slot_days: int) -> set[Existing]:
    """The teams, services and free slots of all locations."""
    found: set[Existing] = set()
    for location in world.locations:
        truth = world.truth(location.id, end=world.now + timedelta(days=slot_days))
        found |= {(name, location.id, each["id"], None) for name in ("teams", "services") for each in truth[name]}
        for service_id, slots in truth["slots"].items():
            found |= {("slots", location.id, service_id, datetime.fromisoformat(at).astimezone(UTC)) for at in slots}
    return found


def ended_falsely(database: str, loads: Mapping[str, Collection[Existing]]) -> list[str]:
    """Tombstones of teams, services and slots that existed during their load."""
    found = []
    for table, key in {"teams": "id, NULL", "services": "id, NULL", "slots": "service_id, start_time"}.items():
        rows = _rows(database, f"SELECT _dlt_load_id, location_id, {key} FROM {table} WHERE deleted_at IS NOT NULL")
        found += [
            f"{table} {location_id} {record_id} {start or ''}: deleted, although it existed"
            for load_id, location_id, record_id, start in rows
            if (table, location_id, record_id, start) in loads.get(load_id, ())
        ]
    return _few(found)


def strangers(database: str, world: World) -> list[str]:
    """Records that are stored under a location and belong to another one."""
    owners: dict[str, set[str]] = {}
    for location_id, data in world.data.items():
        for records in (data.teams, data.services, data.deleted_services, data.contacts, data.appointments):
            for record_id in records:
                owners.setdefault(record_id, set()).add(location_id)
    found = []
    for table in ("teams", "services", "contacts", "appointments"):
        rows = _rows(database, f"SELECT DISTINCT location_id, id FROM {table}")
        found += [
            f"{table}: {record_id} of {owners[record_id]} is stored under {location_id}"
            for location_id, record_id in rows
            if location_id not in owners.get(record_id, {location_id})
        ]
    return _few(found)


def _rows(database: str, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'; USE bookings_raw")
        return connection.execute(sql).fetchall()


def _few(lines: list[str]) -> list[str]:
    return lines[:_SHOWN] + ([f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
