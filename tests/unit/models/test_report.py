"""The terminal report: its figures from raw rows, through the models."""

from __future__ import annotations

import json
from datetime import date

import pendulum
import pytest

from bookings_sync.models.transform import ModelError
from bookings_sync.report import report_tables
from support.model_warehouse import NOW, Warehouse


def test_report_of_a_small_calendar(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "Main", "timezone": "America/New_York"})
    warehouse.insert("services", {"id": "S1", "name": "Advice", "slot_duration": 30})
    warehouse.insert("team_members", {"team_id": "T1", "user_id": "U1", "name": "Ann"})
    common = {"service_id": "S1", "contact_id": "C1"}
    warehouse.insert(
        "appointments",
        {"id": "a", "user_id": "U1", "appoinment_status": "showed", "start_time": "2025-03-05T15:00:00Z", **common},
        {"id": "b", "user_id": "U1", "appoinment_status": "noshow", "start_time": "2025-03-06T15:00:00Z", **common},
        {"id": "c", "appointment_status": "showed", "start_time": "2025-03-07T15:00:00Z", **common},
        # 22:00 on the 9th in New York, so yesterday, but already the 10th in UTC.
        {"id": "d", "appoinment_status": "cancelled", "start_time": "2025-03-10T02:00:00Z", **common},
        {"id": "e", "user_id": "U1", "appoinment_status": "new", "start_time": "2025-03-12T15:00:00Z", **common},
    )
    warehouse.insert("slots", {"service_id": "S1", "start_time": "2025-03-12T16:00:00Z"})
    warehouse.insert("service_members", {"service_id": "S1", "user_id": "U1"})
    warehouse.insert(
        "service_hours",
        {"service_id": "S1", "weekday": "wednesday", "position": 0, "open_hour": 10, "close_hour": 12},
    )
    synced = json.dumps([{"location_id": "L1", "outcome": "ok", "reads_slots": True, "slots_not_read": []}])
    warehouse.insert(
        "runs",
        *(
            {"run_id": f"R{day}", "started_at": f"2025-03-{day:02}T07:00:00Z", "locations": synced}
            for day in range(1, 11)
        ),
    )
    warehouse.transform()

    *_, past, ahead, shows, staff, seats, load = report_tables(warehouse.client, warehouse.datasets, NOW)

    assert past.columns == ("location", "bookings", "showed", "noshow", "cancelled", "open")
    assert past.rows == (("Main", 4, 2, 1, 1, 0),)
    assert ahead.rows == (("Main", 1, 0, 0, 0, 1),)
    # Fewer than ten are marked: too few for a rate.
    assert shows.rows == (("Main", "Advice", 2, 1, 1, 0, None),)
    # Two hours on Wednesday, 5 March, of which half an hour is booked. The Wednesdays to come are not in the figure.
    assert staff.columns[-1] == "staff utilisation"
    assert staff.rows == (("Main", "Ann", 0.5, 2.0, 0.25),)
    assert seats.columns[-1] == "seat utilisation"
    assert seats.rows == (
        ("Main", "Advice", date(2025, 3, 3), 3, 1.5, 0.0, 1.0),
        ("Main", "Advice", date(2025, 3, 10), 1, 0.5, 0.5, 0.5),
    )
    assert load.rows == (("Main", "Ann", 3, 1.5, 1, 1, 0.75), ("Main", "(nobody)", 1, 0.5, 1, 0, 0.25))


def test_the_day_and_its_work_come_first(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "Main", "timezone": "America/New_York"})
    warehouse.insert("services", {"id": "S1", "name": "Advice", "slot_duration": 30})
    warehouse.insert("team_members", {"team_id": "T1", "user_id": "U1", "name": "Ann"})
    common = {"service_id": "S1", "contact_id": "C1", "user_id": "U1", "appoinment_status": "confirmed"}
    warehouse.insert(
        "appointments",
        {**common, "id": "begun", "start_time": "2025-03-10T11:05:00Z", "user_id": None},
        {**common, "id": "new", "start_time": "2025-03-11T13:05:00Z", "appoinment_status": "new"},
        {**common, "id": "confirmed", "start_time": "2025-03-11T18:00:00Z"},
        {**common, "id": "cancelled", "start_time": "2025-03-11T19:00:00Z", "appoinment_status": "cancelled"},
        # 00:30 on the 12th in UTC is 20:30 on the 11th in New York.
        {**common, "id": "late", "start_time": "2025-03-12T00:30:00Z"},
        {**common, "id": "after", "start_time": "2025-03-12T05:00:00Z"},
    )
    warehouse.transform()
    day, confirm, mark, *_ = report_tables(warehouse.client, warehouse.datasets, NOW)
    assert day.rows == (("Main", date(2025, 3, 10), "(nobody)", 1, 0), ("Main", date(2025, 3, 11), "Ann", 3, 1))
    assert confirm.rows == (("Main", date(2025, 3, 11), "09:05", "Advice", "Ann", "new"),)
    assert mark.rows == (("Main", "(nobody)", 1, date(2025, 3, 10)),)


def test_report_of_an_empty_calendar(warehouse: Warehouse) -> None:
    warehouse.transform()
    assert [table.rows for table in report_tables(warehouse.client, warehouse.datasets, NOW)] == [()] * 9


def test_report_before_the_first_transform_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ModelError, match="bookings transform"):
        report_tables(warehouse.client, warehouse.datasets, NOW)


def test_the_last_twelve_weeks_are_the_84_days_up_to_yesterday(warehouse: Warehouse) -> None:
    warehouse.insert("locations", {"name": "Main", "timezone": "America/New_York"})
    today = pendulum.datetime(2025, 3, 10, 15)
    marks = [(days, "showed") for days in (0, 84, *range(2, 9), 85, 86)] + [(1, "noshow"), (83, "noshow")]
    warehouse.insert(
        "appointments",
        *(
            {"id": f"{days}", "contact_id": "C1", "start_time": today.subtract(days=days), "appoinment_status": status}
            for days, status in marks
        ),
    )
    warehouse.transform()
    shows = report_tables(warehouse.client, warehouse.datasets, NOW)[5]
    assert shows.rows == (("Main", "(no service)", 8, 2, 0, 0, 0.8),)
