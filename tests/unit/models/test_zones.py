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
    assert str(change).startswith("One: the time zone changes from America/Chicago to Asia/Manila (appointments).")
    assert not warehouse.transform(full=True).zone_changes
