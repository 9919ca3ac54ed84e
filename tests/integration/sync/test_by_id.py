"""Appointments that are missing from their list and are asked for by their ids: what the answer must be to count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from support.fake_calendar import FakeCalendar, appointment, found

S1 = ("calendarId", "s1")


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


def test_an_appointment_that_the_budget_leaves_in_doubt_is_no_control(calendar: Callable[..., FakeCalendar]) -> None:
    """Of 120 missing appointments the budget allows a few. The others are as doubtful as these, so that the API does
    not find them proves no fault of it."""
    site = calendar(deletion_guard_percent=100)
    rows = [appointment(f"a{each}") for each in range(120)]
    site.lists[S1] = [appointment("stays"), *rows]
    site.sync()
    site.lists[S1] = [appointment("stays")]
    result = site.sync(request_budget=30)
    assert result.row["errors"] == "[]"
    assert result.changes.deleted > 0


def test_a_number_in_the_list_and_by_id_is_one_id(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    site.lists[S1] = [appointment("1796", id=1796), appointment("Y")]
    site.sync()
    moved = appointment("1796", 30, id=1796)
    site.lists[S1] = [appointment("Y")]
    site.by_id["1796"] = found(moved)
    result = site.sync()
    assert (result.outcome, result.changes.moved) == ("ok", 1)


def test_an_id_that_is_always_answered_with_another_ends_as_a_warning(calendar: Callable[..., FakeCalendar]) -> None:
    """Three runs take it for an error. Then it is known, and asked for in turn."""
    site = calendar()
    site.lists[S1] = [appointment("X"), appointment("X_1796")]
    site.sync()
    del site.lists[S1][1]
    site.by_id["X_1796"] = found(appointment("X"))
    assert [site.sync().outcome for _ in range(5)] == ["partial"] * 3 + ["ok"] * 2
    assert site.asked_by_id("X") == []
    result = site.sync()
    assert any("another appointment" in warning for warning in result.warnings)
    site.now += timedelta(days=31)
    assert site.sync().outcome == "ok"
    assert site.asked_by_id("X") == ["X_1796"]
    assert site.live() == ["X", "X_1796"]


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


# -- in turn -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True], ids=["in-turn", "in-full"])
@pytest.mark.parametrize("days", [900, -900], ids=["ahead", "before-the-start"])
def test_a_row_outside_the_range_that_comes_back(calendar: Callable[..., FakeCalendar], days: int, full: bool) -> None:
    """Its tombstone's day is read again in turn, as a live row's is."""
    site = calendar()
    wide = {"horizon_days": 1000, "history_start": (site.now - timedelta(days=1000)).date()}
    far = appointment("far", days)
    site.lists[S1] = [appointment("near"), far]
    site.sync(**wide)
    site.lists[S1] = [appointment("near")]
    site.sync(full=True, **wide)
    assert site.live() == ["near"]
    site.lists[S1] = [appointment("near"), far]
    site.sync()
    site.now += timedelta(days=0 if full else 31)
    site.sync(full=full)
    assert site.live() == ["far", "near"]


def test_rows_that_their_list_omits_are_asked_for_in_turn(calendar: Callable[..., FakeCalendar]) -> None:
    """A host may take a deleted row from its list and still answer its id. The next sync asks for nothing, relies on
    the list's digest. A real deletion is found within `cold_reread_days`."""
    site = calendar()
    rows = [appointment(f"a{each}") for each in range(120)]
    site.lists[S1] = [appointment("stays"), *rows]
    site.sync()
    site.lists[S1] = [appointment("stays")]
    site.by_id = {each["id"]: found(each) for each in rows}
    result = site.sync()
    assert len(site.asked_by_id("stays", "new")) == 120
    assert any("120 appointments" in warning for warning in result.warnings)
    result = site.sync()
    assert site.asked_by_id("stays", "new") == []
    assert result.row["reads_unchanged"] == result.row["reads_done"]
    assert any("120 appointments" in warning for warning in result.warnings)
    site.lists[S1].append(appointment("new"))
    site.sync()
    assert site.asked_by_id("stays", "new") == []
    site.sync(full=True)
    assert len(site.asked_by_id("stays", "new")) == 120
    del site.by_id["a7"]
    asked = 0
    for _ in range(31):
        site.now += timedelta(days=1)
        site.sync()
        assert len(site.asked_by_id("stays", "new")) < 40, "spread over the days"
        asked += len(site.asked_by_id("stays", "new"))
    assert 120 <= asked <= 240
    assert "a7" not in site.live()


def test_a_deletion_that_the_ids_know_later_than_the_lists(calendar: Callable[..., FakeCalendar]) -> None:
    """The next run asks once more for a row that was found although its list omits it, and then only in turn."""
    site = calendar()
    lagging, kept = appointment("lagging"), appointment("kept")
    site.lists[S1] = [appointment("stays"), lagging, kept]
    site.sync()
    site.lists[S1] = [appointment("stays")]
    site.by_id |= {"lagging": found(lagging), "kept": found(kept)}
    site.sync()
    assert site.asked_by_id("stays") == ["kept", "lagging"]
    del site.by_id["lagging"]
    assert site.sync().changes.deleted == 1
    assert site.asked_by_id("stays") == ["kept", "lagging"]
    site.sync()
    assert site.asked_by_id("stays") == []


def test_an_omitted_row_that_comes_back_and_goes_again_is_asked_for_at_once(
    calendar: Callable[..., FakeCalendar],
) -> None:
    site = calendar()
    row = appointment("a")
    site.lists[S1] = [appointment("stays"), row]
    site.sync()
    site.lists[S1] = [appointment("stays")]
    site.by_id["a"] = found(row)
    site.sync()
    site.lists[S1] = [appointment("stays"), row]
    site.sync()
    site.lists[S1] = [appointment("stays")]
    del site.by_id["a"]
    assert site.sync().changes.deleted == 1


def test_a_row_that_one_list_omits_is_deleted_when_the_other_loses_it(calendar: Callable[..., FakeCalendar]) -> None:
    """What holds for the user's list does not hold for the service's."""
    site = calendar(scopes=("service", "user"))
    row = appointment("a", userId="u1")
    users = ("userId", "u1")
    site.lists |= {S1: [row, appointment("b", userId="u1")], users: [row, appointment("b", userId="u1")]}
    site.sync()
    site.lists[users] = [appointment("b", userId="u1")]
    site.sync()
    assert site.live() == ["a", "b"]
    site.lists[S1] = [appointment("b", userId="u1")]
    assert site.sync().changes.deleted == 1


# -- soft deletion -----------------------------------------------------------------------------------------------------

SOFT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"deleted": True}, {}),
    ({"deleted": "true"}, {"pii": "drop"}),
    ({"status": "Deleted"}, {}),
    ({"appointmentStatus": "deleted"}, {}),
    ({"deletedAt": "2026-11-01T00:00:00Z"}, {"deleted_when": ("deletedAt",)}),
    ({"state": {"isGone": 1}}, {"deleted_when": ("state.isGone=1",)}),
]
SOFT_NAMES = ["flag", "text-and-dropped-fields", "status", "attendance", "any-value", "nested"]


@pytest.mark.parametrize(("mark", "knobs"), SOFT, ids=SOFT_NAMES)
@pytest.mark.parametrize("is_listed", [False, True], ids=["by-id", "in-the-list"])
def test_a_record_that_says_that_it_is_deleted_gets_a_tombstone(
    calendar: Callable[..., FakeCalendar], mark: dict[str, Any], knobs: dict[str, Any], is_listed: bool
) -> None:
    """Whether the list still contains it or only its id finds it. The tombstone keeps the values; a record without the
    mark is restored."""
    site = calendar(**knobs)
    others = [appointment(f"b{each}") for each in range(4)]
    row = appointment("a", title="Massage", somethingElse=False)
    site.lists[S1] = [*others, row]
    site.sync()
    gone = {**row, **mark}
    site.lists[S1] = [*others, gone] if is_listed else others
    site.by_id["a"] = found(gone)
    assert site.sync().changes.deleted == 1
    (tombstone,) = site.query("SELECT * FROM appointments WHERE deleted_at IS NOT NULL")
    assert (tombstone["id"], tombstone["status"]) == ("a", "booked")
    result = site.sync()
    assert (result.changes.total, site.asked_by_id("b0", "b1", "b2", "b3"), result.warnings) == (0, [], {})
    site.lists[S1] = [*others, row]
    assert site.sync().changes.restored == 1


def test_a_record_that_was_deleted_before_the_first_sync_is_not_loaded(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    site.lists[S1] = [appointment("a", deleted=True), appointment("b", deleted=False), appointment("c", deleted=None)]
    site.sync()
    assert site.live() == ["b", "c"]
    assert site.sync().row["requests"] == len(site.api.requests)
    assert site.asked_by_id() == []


def test_a_mark_that_is_configured_later_counts_for_what_is_held(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    site.lists[S1] = [appointment("a", archived=True), appointment("b")]
    site.sync()
    assert site.live() == ["a", "b"]
    assert site.sync(deleted_when=("archived=true",)).changes.deleted == 1
    assert site.live() == ["b"]


# -- which list a row belongs to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"calendarServiceId": None, "calendarProviderId": "t1"},
        {"calendarServiceId": None, "userId": "u1"},
        {"calendarServiceId": None},
        {"calendarServiceId": "another"},
    ],
    ids=["only-a-team", "only-a-user", "nothing", "another-service"],
)
def test_a_row_belongs_to_the_list_that_it_came_from(
    calendar: Callable[..., FakeCalendar], fields: dict[str, Any]
) -> None:
    """Whatever its own fields say: its deletion is noticed at once, and an idle sync asks for nothing."""
    site = calendar()
    rows = [appointment(f"a{each}", each % 60 - 30, **fields) for each in range(300)]
    site.lists[S1] = [*rows, appointment("plain")]
    site.sync()
    assert len(site.live()) == 301
    assert site.sync().changes.total == 0
    assert site.asked_by_id() == []
    site.lists[S1] = [*rows[1:], appointment("plain")]
    assert site.sync().changes.deleted == 1
    assert "a0" not in site.live()
    site.lists[S1] = [*rows, appointment("plain")]
    assert site.sync().changes.restored == 1
    assert site.sync().changes.total == 0


@pytest.mark.parametrize("service", [None, "unlisted"], ids=["no-service", "a-service-that-is-not-listed"])
def test_a_row_that_leaves_its_list_is_still_followed(
    calendar: Callable[..., FakeCalendar], service: str | None
) -> None:
    """It lost its service, or got one that lists nothing: it is asked for by its id, found, changed, and deleted."""
    site = calendar()
    site.lists[S1] = [appointment("a", calendarProviderId="t1"), appointment("b")]
    site.sync()
    left = appointment("a", calendarProviderId="t1", calendarServiceId=service)
    site.lists[S1] = [appointment("b")]
    site.by_id["a"] = found(left)
    assert site.sync().changes.changed == 1
    site.sync()
    site.by_id["a"] = found({**left, "title": "again"})
    site.now += timedelta(days=31)
    assert site.sync().changes.changed == 1
    del site.by_id["a"]
    site.now += timedelta(days=31)
    assert site.sync().changes.deleted == 1


def test_a_row_that_a_wrong_list_showed_first(calendar: Callable[..., FakeCalendar]) -> None:
    """An API that mixes two lists up once does not hide a deletion in the right one for long."""
    site = calendar()
    site.services = ["s1", "s2"]
    s2 = ("calendarId", "s2")
    mine, theirs = [appointment("a"), appointment("b")], [appointment(each, calendarServiceId="s2") for each in "xyz"]
    site.lists = {S1: [*mine, *theirs], s2: []}
    site.sync()
    assert site.live() == ["a", "b", "x", "y", "z"]
    site.lists = {S1: mine, s2: theirs}
    assert [site.sync().changes.total for _ in range(3)] == [0, 0, 0]
    assert site.asked_by_id() == []
    site.lists = {S1: mine, s2: theirs[1:]}
    assert site.sync().changes.deleted == 1
    assert site.live() == ["a", "b", "y", "z"]
    assert site.sync().changes.total == 0


def test_rows_that_no_list_returns_are_asked_for_in_turn(calendar: Callable[..., FakeCalendar]) -> None:
    """Those of an older warehouse, which recorded no list: each run asks for those in the hot range, the cold ones and
    the tombstones wait for their turn."""
    site = calendar(lookback_days=45)
    rows = [appointment(f"a{each}", -each, calendarServiceId=None) for each in range(150)]
    site.lists[S1] = rows
    site.sync()
    site.change("UPDATE appointments SET listed_by = NULL")
    site.lists[S1] = []
    site.by_id = {each["id"]: found(each) for each in rows}
    site.sync()
    assert len(site.asked_by_id()) == 150
    site.sync()
    assert 40 <= len(site.asked_by_id()) <= 50
    del site.by_id["a3"], site.by_id["a149"]
    assert site.sync().changes.deleted == 1
    site.now += timedelta(days=31)
    assert site.sync().changes.deleted == 1
    site.by_id["a149"] = found(rows[149])
    site.now += timedelta(days=31)
    assert site.sync().changes.restored == 1


def test_a_contact_that_only_a_reply_by_id_shows(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    contact = {"id": "c1", "firstName": "Ada", "customField": [{"id": "f1", "value": "yes"}]}
    site.lists[S1] = [appointment("a", calendarServiceId=None, contactId="c1", contact=contact)]
    site.sync()
    site.change("UPDATE appointments SET listed_by = NULL")
    site.lists[S1] = []
    contact = contact | {"firstName": "Eve", "customField": [{"id": "f2", "value": "no"}]}
    site.by_id["a"] = found(appointment("a", calendarServiceId=None, contactId="c1", contact=contact))
    site.sync()
    live = "deleted_at IS NULL AND _dlt_valid_to IS NULL"
    assert site.query(f"SELECT first_name FROM contacts WHERE {live}") == [{"first_name": "Eve"}]
    fields = site.query(f"SELECT custom_field_id FROM contact_custom_fields WHERE {live}")
    assert fields == [{"custom_field_id": "f2"}]
    assert site.sync().changes.total == 0


def test_rows_without_a_start_are_asked_for_in_turn(calendar: Callable[..., FakeCalendar]) -> None:
    site = calendar()
    site.lists[S1] = [appointment("a"), appointment("b")]
    site.sync()
    site.lists[S1] = [appointment("b")]
    site.by_id["a"] = found(appointment("a", startTime=None))
    assert site.sync().changes.total == 1
    site.sync()
    site.sync()
    assert site.asked_by_id() == []
    del site.by_id["a"]
    site.now += timedelta(days=31)
    assert site.sync().changes.deleted == 1
