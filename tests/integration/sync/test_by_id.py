"""Appointments that are missing from their list and are asked for by their ids: what the answer must be to count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.fake_calendar import FakeCalendar, appointment, found

S1 = ("calendarId", "s1")


@pytest.fixture
def calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeCalendar]]:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield lambda **knobs: stack.enter_context(FakeCalendar(tmp_path / "warehouse.duckdb", **knobs))


@pytest.mark.parametrize(
    "other",
    [appointment("X"), appointment("x_1796"), appointment("X_1796", id=1796)],
    ids=["the-master", "another-case", "a-number"],
)
def test_a_reply_for_another_id_changes_nothing(calendar: Callable[..., FakeCalendar], other: dict[str, Any]) -> None:
    """The row stays, nothing is loaded or deleted, and the window's read does not count: the next run repeats it."""
    site = calendar()
    site.lists[S1] = [appointment("X"), appointment("X_1796"), appointment("Y")]
    site.sync()
    del site.lists[S1][1]
    site.by_id["X_1796"] = found(other)
    reads = site.query("SELECT read_id, run_id FROM reads WHERE reply_rows = 3")
    result = site.sync()
    assert result.outcome == "partial"
    assert "another id" in result.row["errors"]
    assert site.asked_by_id().count("X_1796") == 1, "asked once: the same question gets the same answer"
    assert site.live() == ["X", "X_1796", "Y"]
    assert len(site.query("SELECT * FROM appointments")) == 3
    assert site.query("SELECT read_id, run_id FROM reads WHERE reply_rows = 3") == reads
    del site.by_id["X_1796"]
    assert site.sync().changes.deleted == 1
    assert site.live() == ["X", "Y"]


def test_a_number_in_the_list_and_by_id_is_one_id(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    site.lists[S1] = [appointment("1796", id=1796), appointment("Y")]
    site.sync()
    moved = appointment("1796", 30, id=1796)
    site.lists[S1] = [appointment("Y")]
    site.by_id["1796"] = found(moved)
    result = site.sync()
    assert (result.outcome, result.changes.moved) == ("ok", 1)


def test_many_replies_for_other_ids_do_not_give_the_location_up(calendar: Callable[..., FakeCalendar]) -> None:
    """A series of fifty dates is in the way of no other row."""
    site = calendar(concurrency=1)
    series = [appointment(f"X_{each}") for each in range(50)]
    site.lists[S1] = [appointment("X"), *series, appointment("Z")]
    site.sync()
    site.lists[S1] = [appointment("X")]
    site.by_id |= {each["id"]: found(appointment("X")) for each in series}
    result = site.sync()
    assert result.changes.deleted == 1
    assert len(site.live()) == 51
    assert result.outcome == "partial"


def test_slots_of_other_days_withdraw_no_slot(calendar: Callable[..., FakeCalendar]) -> None:
    """A reply with the slots of last month does not say that tomorrow's are taken."""
    site = calendar(slots=True, slots_horizon_days=5)
    day = site.now.replace(day=4)
    site.slots = {"2026-11-04": {"slots": [day.isoformat()]}}
    site.sync()
    site.slots = {"2026-10-04": {"slots": [day.replace(month=10).isoformat()]}}
    result = site.sync()
    assert "outside the window" in result.row["errors"]
    assert result.changes.total == 0
    assert site.query("SELECT count(*) AS n FROM slots WHERE deleted_at IS NULL") == [{"n": 1}]
