"""A location that the configuration no longer names is marked as deleted; nothing else of it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bookings_sync.config.settings import Location
from support.fake_calendar import NOW, FakeCalendar, appointment

TWO = {name: Location(name, f"a-key-of-{name}", location_id=name) for name in ("one", "two")}


def deleted(calendar: FakeCalendar) -> dict[str, bool]:
    rows = calendar.query("SELECT location_id, deleted_at FROM locations WHERE _dlt_valid_to IS NULL")
    return {row["location_id"]: row["deleted_at"] is not None for row in rows}


def test_only_a_run_over_all_locations_marks_what_is_gone(warehouse_file: Path) -> None:
    with FakeCalendar(warehouse_file, locations=TWO) as calendar:
        calendar.lists["calendarId", "s1"] = [appointment("a", locationId=None)]
        calendar.sync()
        calendar.now = NOW + timedelta(hours=1)
        calendar.sync(locations={"one": TWO["one"]}, are_all=False)
        assert deleted(calendar) == {"one": False, "two": False}
        calendar.now = NOW + timedelta(hours=2)
        calendar.sync(locations={"one": TWO["one"]})
        assert deleted(calendar) == {"one": False, "two": True}
        assert calendar.live() == ["a", "a"], "its rows stay"
        calendar.now = NOW + timedelta(hours=3)
        assert calendar.sync(locations={"one": TWO["one"]}).changes.deleted == 0
        calendar.now = NOW + timedelta(hours=4)
        calendar.sync()
        assert deleted(calendar) == {"one": False, "two": False}


def test_a_choice_of_locations_is_not_all(warehouse_file: Path) -> None:
    calendar = FakeCalendar(warehouse_file, locations=TWO)
    assert not calendar.settings.only(["one"]).are_all
    assert calendar.settings.only(["one", "two"]).are_all
    assert not calendar.settings.only(["one"]).only(["one"]).are_all
    assert replace(calendar.settings).are_all
