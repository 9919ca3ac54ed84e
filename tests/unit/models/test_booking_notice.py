"""The sync and the models read a service's booking notice alike: both decide by it whether a slot was withdrawn."""

from __future__ import annotations

from bookings_sync.records.listed import notice_ms

from .conftest import Warehouse


def test_a_notice_has_the_same_length_in_the_sync_and_in_the_models(warehouse: Warehouse) -> None:
    units = ["minutes", "Minutes", "hour", "Hours", "day", "Days", "week", "Weeks", "month", "Months"]
    for unit in units:
        warehouse.insert("services", {"id": unit, "allow_booking_after": 3, "allow_booking_after_unit": unit})

    warehouse.transform(select=["+stg_services"])

    staged = {row["service_id"]: row["booking_notice_minutes"] for row in warehouse.rows("staging", "stg_services")}
    for unit in units:
        schedule = {"allowBookingAfter": 3, "allowBookingAfterUnit": unit}
        assert notice_ms({"availability": {"schedule": schedule}}) == staged[unit] * 60_000, unit
    assert staged["month"] == 3 * 31 * 24 * 60, "a month is 31 days"
