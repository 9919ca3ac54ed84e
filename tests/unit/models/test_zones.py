"""A changed time zone moves all local times of a location, so a transform says so."""

from __future__ import annotations

from support.model_warehouse import Warehouse


def test_a_changed_zone_is_announced(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "One"})
    warehouse.insert("appointments", {"id": "a", "timezone": "US/Central"})
    assert not warehouse.transform(full=True).zone_changes
    warehouse.client.execute_sql("UPDATE raw_data.appointments SET timezone = 'America/Chicago'")
    assert not warehouse.transform(full=True).zone_changes, "two names of one zone"
    warehouse.client.execute_sql("UPDATE raw_data.appointments SET timezone = 'Asia/Manila'")
    (change,) = warehouse.transform(full=True).zone_changes
    assert str(change).startswith("One: the time zone changes from America/Chicago to Asia/Manila (source: contacts).")
    assert not warehouse.transform(full=True).zone_changes


def test_many_starts_give_the_zone_that_few_give(warehouse: Warehouse) -> None:
    """Of more than 1,000 starts, those of every eleventh hour count: they reach all hours and weekdays."""
    for location in ("few", "many"):
        here = {"location_id": location, "service_id": "S1"}
        zones = ("America/New_York", "America/New_York", "Europe/London")
        warehouse.insert("appointments", *({**here, "id": str(n), "timezone": zone} for n, zone in enumerate(zones)))
        hours = {**here, "open_hour": 9, "close_hour": 17, "position": 0}
        warehouse.insert("service_hours", *({**hours, "weekday": day} for day in ("monday", "thursday")))
    # Mondays and Thursdays of the winter, from 9 to 17 in London.
    warehouse.client.execute_sql(
        """INSERT INTO raw_data.slots (location_id, service_id, start_time, _dlt_valid_from)
        SELECT location.id, 'S1', start_time, TIMESTAMPTZ '2024-11-01 06:00:00+00:00'
        FROM generate_series(TIMESTAMPTZ '2024-11-04 09:00:00+00:00', TIMESTAMPTZ '2025-03-06 16:50:00+00:00',
          INTERVAL 10 MINUTES) AS starts (start_time), (VALUES ('few'), ('many')) AS location (id)
        WHERE isodow(start_time) IN (1, 4) AND hour(start_time) BETWEEN 9 AND 16
          AND (location.id = 'many' OR minute(start_time) = 0)"""
    )
    warehouse.transform(select=["+dim_location"])
    found = {
        row["location_id"]: (row["timezone"], row["timezone_source"]) for row in warehouse.rows("marts", "dim_location")
    }
    assert found == dict.fromkeys(("few", "many"), ("Europe/London", "office hours"))
