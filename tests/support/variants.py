"""Takes from the warehouse the records of which the API shows several variants, so that `truth` can compare the rest.

Input:  `World.truth` or `truth_v2` of a location, changed in place; the warehouse's live rows; the sandbox's switches.
Output: with `two_services`, `contact_variants` and `moving_field`, the truth has the variant that the warehouse holds,
        if the API may show it.
"""

from __future__ import annotations

import json
from typing import Any

import duckdb

from bookings_sync.sandbox import World

Json = dict[str, Any]
_LINKS = {"teams": "previewLink", "services": "previewLink", "appointments": "joinLink", "contacts": "portalLink"}

_V2 = {
    "groups": "teams",
    "calendars": "services",
    "events": "appointments",
    "blockedSlots": "appointments",
    "contacts": "contacts",
}


def accept_variants(database: str, world: World, truth: Json) -> None:
    """Changes the truth to the held variant, where the API shows several."""
    switches, location_id = world.switches, truth["location"]["id"]
    if switches.moving_field == "none" and switches.contact_variants == "same" and not switches.two_services:
        return
    data = world.data[location_id]
    services = {*data.services, *data.deleted_services}
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("USE bookings_raw")
        held = {name: _live(connection, name, location_id) for name in _LINKS}
    is_v2 = "calendars" in truth
    listed = _V2 if is_v2 else {name: name for name in _LINKS}
    records = [(table, each["id"], each) for name, table in listed.items() for each in truth.get(name, ())]
    records += [
        ("contacts", contact.get("id") or each.get("contactId"), contact)
        for each in truth.get("appointments", ())
        if (contact := each.get("contact"))
    ]
    for name, record_id, record in records:
        if row := held[name].get(record_id):
            link = json.loads(row["extra"] or "{}").get(_LINKS[name])
            if link and switches.moving_field != "none":
                record[_LINKS[name]] = link
            by_clients = (
                ("calendarId", "calendar_id") if switches.client_field_names else ("calendarServiceId", "service_id")
            )
            field, column = ("calendarId", "service_id") if is_v2 else by_clients
            if name == "appointments" and switches.two_services and row[column] in services:
                record[field] = row[column]
            if not is_v2 and name == "contacts" and (row["source"] or "").startswith("list of "):
                record["source"] = row["source"]


def _live(connection: duckdb.DuckDBPyConnection, table: str, location_id: str) -> dict[str, Json]:
    answer = connection.execute(
        f"SELECT * FROM {table} WHERE location_id = ? AND _dlt_valid_to IS NULL AND deleted_at IS NULL", [location_id]
    )
    return {row["id"]: row for row in answer.to_arrow_table().to_pylist()}
