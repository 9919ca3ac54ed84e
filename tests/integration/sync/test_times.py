"""Times in other forms than ISO 8601 with an offset are read, or the run says which it cannot read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pendulum
import pytest

from bookings_sync.config.settings import Location
from bookings_sync.models.access import open_client
from bookings_sync.status import read_status
from support.fake_calendar import NOW, FakeCalendar, appointment

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
FORMS = {
    "naive": "2026-11-05T17:00:00",
    "blank": "2026-11-05 17:00",
    "seconds": str(int(START.timestamp())),
    "milliseconds": str(int(START.timestamp() * 1000)),
    "mail": "Thu, 05 Nov 2026 09:00:00 +0000",
    "small z": "2026-11-05T09:00:00z",
}
IN_MANILA = {"first": Location("first", "a-key-of-the-first", location_id="L", timezone="Asia/Manila")}


@pytest.fixture
def calendar(warehouse_file: Path) -> FakeCalendar:
    return FakeCalendar(warehouse_file)


def starts(calendar: FakeCalendar) -> dict[str, datetime | None]:
    rows = calendar.query("SELECT id, start_time FROM appointments WHERE _dlt_valid_to IS NULL")
    return {row["id"]: row["start_time"] for row in rows}


def test_other_forms_are_read(calendar: FakeCalendar) -> None:
    calendar.starts = dict.fromkeys(FORMS, START)
    calendar.lists["calendarId", "s1"] = [appointment(key, startTime=text) for key, text in FORMS.items()]
    with calendar:
        first = calendar.sync(locations=IN_MANILA)
        again = calendar.sync(locations=IN_MANILA)
    assert starts(calendar) == dict.fromkeys(FORMS, START)
    assert not first.warnings
    assert again.changes.new == again.changes.changed == again.changes.moved == 0


def test_a_time_that_cannot_be_read_is_named_in_each_run(calendar: FakeCalendar) -> None:
    calendar.starts = {"naive": START}
    calendar.lists["calendarId", "s1"] = [appointment("good"), appointment("naive", startTime=FORMS["naive"])]
    with calendar:
        for _ in range(2):
            warnings = [each for each in calendar.sync().warnings if "cannot be read as a time" in each]
            assert len(warnings) == 1
            assert "naive" in warnings[0]
            assert "set the location's timezone" in warnings[0]
    with open_client(calendar.settings) as client:
        (unusable,) = read_status(client, calendar.settings, now=pendulum.instance(NOW), runs=1).unusable
    assert (unusable.column, unusable.records, unusable.examples) == ("start_time", 1, "naive")


def test_a_zone_that_is_set_later_is_no_change_of_the_calendar(calendar: FakeCalendar) -> None:
    calendar.starts = {"naive": START}
    calendar.lists["calendarId", "s1"] = [appointment("good"), appointment("naive", startTime=FORMS["naive"])]
    with calendar:
        calendar.sync()
        calendar.now = NOW.replace(hour=10)
        then = calendar.sync(locations=IN_MANILA)
        calendar.now = NOW.replace(hour=11)
        again = calendar.sync(locations=IN_MANILA)
    assert starts(calendar)["naive"] == START
    assert then.row["rows_rewritten"] == 1
    versions = calendar.query("SELECT unchanged_since IS NULL AS changed FROM appointments ORDER BY _dlt_valid_from")
    assert [row["changed"] for row in versions] == [True, True, False], "no change of the calendar"
    assert again.row["rows_rewritten"] == 0
    assert not again.warnings


def test_a_start_of_another_type_is_named(calendar: FakeCalendar) -> None:
    calendar.starts = {"odd": START}
    calendar.lists["calendarId", "s1"] = [appointment("good"), appointment("odd", startTime={"at": "noon"})]
    with calendar:
        assert any("odd" in each for each in calendar.sync().warnings)
