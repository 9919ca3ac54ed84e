"""Free slots: skipping unchanged replies gives the same warehouse as decoding every reply.

The API is a fake. Its slots, the notice of its service and the service itself change freely.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings_sync.config.settings import Location, Settings
from bookings_sync.sync import pipeline
from bookings_sync.warehouse.held_rows import HeldRows
from support.fake_api import Asked, FakeApi, Replied

NOW = pendulum.datetime(2026, 11, 2, 8, tz="UTC")
HOUR_MS = 3_600_000


def spelt(hour: int, spelling: int) -> tuple[str, str]:
    """The slot this many hours from `NOW`: its local date, and one of two texts for its start."""
    instant = NOW.add(hours=hour).in_timezone("UTC" if spelling else "Asia/Kolkata")
    return str(instant.date()), instant.isoformat()


@dataclass
class Calendar:
    """One service with given slots, and its warehouse. `expected` are the slots that should be live, by instant."""

    api: FakeApi
    database: Path
    hours: list[tuple[int, int]] = field(default_factory=list)
    """For each listed slot: hours from `NOW`, and its spelling."""
    notice_hours: int = 0
    exists: bool = True
    now: pendulum.DateTime = NOW
    expected: set[int] = field(default_factory=set)

    def answer(self, asked: Asked) -> Replied:
        service = {"id": "service", "teamId": "team", "availability": {"schedule": self._schedule}}
        days: dict[str, Any] = {}
        for day, start in (spelt(*each) for each in self.hours):
            days.setdefault(day, {"slots": []})["slots"].append(start)
        bodies: dict[str, Any] = {
            "/v1/calendars/teams": {"teams": []},
            "/v1/calendars/services": {"services": [service] if self.exists else []},
            "/v1/appointments/": {"appointments": []},
            "/v1/appointments/slots": days,
        }
        return Replied(json.dumps(bodies[asked.path]).encode())

    @property
    def _schedule(self) -> dict[str, Any]:
        return {"allowBookingAfter": self.notice_hours, "allowBookingAfterUnit": "Hours"}

    def sync(self, days: int = 3) -> pipeline.SyncResult:
        """Syncs, and updates the slots that should be live."""
        if self.exists:
            listed = {hour for hour, _ in self.hours}
            opens, ends = self._hour(self.now) + self.notice_hours, self._hour(self.now) + 24 * days
            self.expected = listed | {hour for hour in self.expected if not opens <= hour < ends}
        else:
            self.expected = {hour for hour in self.expected if hour < self._hour(self.now)}
        location = Location("one", "key", location_id="L")
        knobs = Settings(
            base_url=self.api.base_url,
            locations={"one": location},
            lookback_days=1,
            horizon_days=1,
            history_start=NOW.date(),
            slots_horizon_days=days,
            deletion_guard_percent=100,  # a few slots are all slots here
        )
        result = pipeline.sync(knobs, clock=lambda: self.now)
        assert result.outcome == "ok", result.row["errors"]
        return result

    def _hour(self, instant: pendulum.DateTime) -> float:
        return (instant - NOW).total_seconds() / 3600

    def rows(self, where: str = "deleted_at IS NULL") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(
                f"SELECT epoch_ms(start_time), start_time_raw, slot_date FROM bookings_raw.slots"
                f" WHERE _dlt_valid_to IS NULL AND {where} ORDER BY ALL"
            ).fetchall()

    def live(self) -> set[int]:
        base = round(NOW.timestamp() * 1000)
        return {(row[0] - base) // HOUR_MS for row in self.rows()}


@pytest.fixture
def calendar(warehouse_file: Path) -> Iterator[Calendar]:
    found: list[Calendar] = []
    with FakeApi(lambda asked: found[0].answer(asked)) as api:
        found.append(Calendar(api, warehouse_file))
        yield found[0]


def test_an_equal_reply_is_not_decoded(calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar.hours = [(hour, 0) for hour in range(5, 20)]
    calendar.sync()
    asked: list[Any] = []
    monkeypatch.setattr(HeldRows, "slots_since", lambda *_, **__: asked.append(1))  # the warehouse is not asked either
    result = calendar.sync()
    assert (asked, result.changes.total) == ([], 0)
    assert calendar.live() == calendar.expected


def test_a_service_that_disappears_and_returns(calendar: Calendar) -> None:
    calendar.hours = [(5, 0), (6, 0)]
    calendar.sync()
    calendar.exists = False
    assert calendar.sync().changes.deleted == 3  # the service and its slots
    calendar.exists = True
    calendar.sync()
    assert calendar.live() == {5, 6}


def test_a_shorter_notice(calendar: Calendar) -> None:
    """A slot inside the notice was booked. This is found once the shorter notice would list the slot."""
    calendar.hours = [(2, 0), (3, 0), (9, 0)]
    calendar.sync()
    calendar.notice_hours, calendar.hours = 6, [(9, 0)]
    calendar.sync()
    calendar.sync()
    assert calendar.live() == {2, 3, 9}
    calendar.notice_hours = 0
    calendar.sync()
    assert calendar.live() == {9}


def test_slots_beyond_a_shorter_horizon(calendar: Calendar) -> None:
    calendar.hours = [(5, 0), (100, 0)]
    calendar.sync(days=5)
    calendar.hours = [(5, 0)]
    calendar.sync(days=3)
    calendar.sync(days=3)
    assert calendar.live() == {5, 100}
    calendar.now, calendar.hours = NOW.add(hours=40), []
    calendar.sync(days=3)
    assert calendar.live() == {5}


def test_one_instant_in_two_spellings_stays_unchanged(calendar: Calendar) -> None:
    calendar.hours = [(5, 0)]
    calendar.sync()
    before = calendar.rows()
    for twice in ([(5, 1), (5, 0)], [(5, 0), (5, 1)], [(5, 0), (5, 1), (6, 0)]):
        calendar.hours = twice
        calendar.sync()
        assert [row for row in calendar.rows() if row in before] == before
    calendar.hours = [(5, 1)]
    assert calendar.sync().changes.deleted == 1  # six o'clock's
    assert [row[1:] for row in calendar.rows()] == [(spelt(5, 1)[1], spelt(5, 1)[0])]
    assert calendar.rows("deleted_at IS NOT NULL")[0][1:] == (spelt(6, 0)[1], spelt(6, 0)[0])


changes = st.one_of(
    st.lists(st.tuples(st.integers(1, 90), st.integers(0, 1)), max_size=6, unique_by=lambda each: each[0]).map(
        lambda hours: {"hours": hours}
    ),
    st.sampled_from([0, 4, 30]).map(lambda hours: {"notice_hours": hours}),
    st.booleans().map(lambda exists: {"exists": exists}),
    st.integers(1, 30).map(lambda hours: {"later": hours}),
    st.just({}),
)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(changes, st.sampled_from([2, 4])), min_size=2, max_size=6))
def test_any_history_of_slots(calendar: Calendar, history: list[tuple[dict[str, Any], int]]) -> None:
    calendar.database.unlink(missing_ok=True)
    fresh = replace(calendar, hours=[], notice_hours=0, exists=True, now=NOW, expected=set())
    vars(calendar).update(vars(fresh))
    for change, days in history:
        calendar.now += timedelta(hours=change.get("later", 0))
        vars(calendar).update({name: value for name, value in change.items() if name != "later"})
        # An API lists no slot in the past or inside the notice.
        opens = calendar._hour(calendar.now) + calendar.notice_hours
        calendar.hours = [each for each in calendar.hours if each[0] >= opens]
        calendar.sync(days)
        assert calendar.live() == calendar.expected
