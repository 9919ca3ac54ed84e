"""Decoding: equal content has equal digests, no value is lost, and only records without a key are rejected."""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.records.columns import row_digests
from bookings_sync.records.decoding import (
    appointment_rows,
    custom_field_rows,
    listed_rows,
    location_rows,
    slot_rows,
)
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.rows import Batch, Rejected, rejected_rows
from bookings_sync.records.tables import SERVICES, TABLES, TEAMS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
FIELDS = [column.source for column in TABLES["appointments"].columns if column.source]
content = st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), values, max_size=8).map(
    lambda record: {name: value for name, value in record.items() if name not in ("contact", "id")}
)
"""An appointment's fields: known and unknown, of any type."""


def appointments(*records: Any) -> pa.Table:
    return appointment_rows("L", records).rows["appointments"].arrow()


def row(record: dict[str, Any]) -> dict[str, Any]:
    """The row of an appointment with these fields."""
    rows: list[dict[str, Any]] = appointments({"id": "a", **record}).to_pylist()
    return rows[0]


def digest(batch: Batch, table: str) -> str:
    return batch.rows[table].digests[0]


# -- digests -----------------------------------------------------------------------------------------------------------


@given(content, st.randoms(use_true_random=False))
def test_digest_ignores_order_and_nulls(record: dict[str, Any], rng: random.Random) -> None:
    shuffled = [*record.items(), *((f"null {n}", None) for n in range(2))]
    rng.shuffle(shuffled)
    without = {name: value for name, value in record.items() if value is not None}
    digests = {
        digest(appointment_rows("L", [{"id": "a", **dict(each)}]), "appointments")
        for each in (record, shuffled, without)
    }
    assert len(digests) == 1


@given(content, content)
def test_different_content_has_different_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A null is no content, nor is an empty id of a contact."""
    told = [{k: v for k, v in each.items() if v is not None and (k, v) != ("contactId", "")} for each in (one, other)]
    found = [json.dumps(each, sort_keys=True) for each in told]
    digests = {digest(appointment_rows("L", [{"id": "a", **each}]), "appointments") for each in (one, other)}
    assert len(digests) == len(set(found))


def test_digest_covers_the_key() -> None:
    """dlt would drop the second of two rows with the same digest."""
    record = {"title": "the same"}
    batch = appointment_rows("L", [{"id": "a", **record}, {"id": "b", **record}])
    elsewhere = appointment_rows("M", [{"id": "a", **record}])
    assert len({*batch.rows["appointments"].digests, digest(elsewhere, "appointments")}) == 3


def test_contact_digest_covers_custom_fields() -> None:
    def contacts(fields: Any) -> Batch:
        return appointment_rows("L", [{"id": "a", "contact": {"id": "c", "customField": fields}}])

    one, other = contacts([{"id": "f", "value": "x"}]), contacts([{"id": "f", "value": ["x"]}])
    assert digest(one, "contacts") != digest(other, "contacts")
    assert digest(one, "appointments") == digest(other, "appointments"), "an appointment does not include its contact"
    changed = [each.rows["contacts"].arrow()["custom_fields_digest"][0].as_py() for each in (one, other, contacts([]))]
    assert len(set(changed)) == 3
    assert changed[2] is None


@given(st.lists(content, max_size=3))
def test_digests_are_the_same_with_and_without_pyarrow_compute(records: list[dict[str, Any]]) -> None:
    rows = appointment_rows("L", [{"id": str(number), **record} for number, record in enumerate(records)])
    columns = rows.rows["appointments"].columns
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "pyarrow.compute")  # as in a process that has not imported it
        assert row_digests("L", columns) == rows.rows["appointments"].digests


def test_children_do_not_change_their_parent() -> None:
    team = {"id": "t", "name": "Sales"}
    with_members = {**team, "members": [{"id": "u", "name": "Ada"}]}
    assert digest(listed_rows(TEAMS, "L", [team]), "teams") == digest(listed_rows(TEAMS, "L", [with_members]), "teams")


# -- values ------------------------------------------------------------------------------------------------------------


@given(content)
def test_every_value_is_in_its_column_or_in_extra(record: dict[str, Any]) -> None:
    """Holds for values of any type. `extra` has nothing that the record does not have."""
    found = row(record)
    extra = json.loads(found["extra"]) if found["extra"] else {}
    columns = {column.source: column for column in TABLES["appointments"].columns if column.source}
    for name, value in record.items():
        if value is None:
            assert name not in extra
        elif name not in columns or (name in extra and not name.endswith("Time")):
            assert extra[name] == value
        elif name in ("startTime", "endTime"):
            raw = {"startTime": "start_time_raw", "endTime": "end_time_raw"}[name]
            assert extra.get(name, found[raw]) == value
        elif columns[name].is_id and type(value) is int:
            assert found[columns[name].name] == str(value)
        elif columns[name].type != "timestamp":
            assert found[columns[name].name] == value
    assert extra.keys() <= record.keys()


@given(st.lists(content, min_size=2, max_size=5))
def test_rows_do_not_depend_on_other_records(records: list[dict[str, Any]]) -> None:
    together = appointments(*({"id": str(number), **record} for number, record in enumerate(records)))
    alone = [appointments({"id": str(number), **record}) for number, record in enumerate(records)]
    assert together == pa.concat_tables(alone).combine_chunks()


instants = st.datetimes(datetime.fromisoformat("1902-01-01"), datetime.fromisoformat("2199-01-01"))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(instants, offsets, st.sampled_from([None, "no instant", 5, "20260101T000000Z"]))
def test_timestamps_are_exact_to_the_microsecond(naive: datetime, offset: timezone, neighbour: Any) -> None:
    """At any offset, and with any other value in the column."""
    instant = naive.replace(tzinfo=offset)
    found = appointments(
        {"id": "a", "startTime": instant.isoformat()}, {"id": "b", "startTime": neighbour}
    ).to_pylist()[0]
    assert found["start_time"] == instant
    assert found["start_time_raw"] == instant.isoformat()


@given(instants, offsets)
def test_milliseconds_are_rounded_down(naive: datetime, offset: timezone) -> None:
    """As the warehouse truncates microseconds to milliseconds."""
    instant = naive.replace(tzinfo=offset)
    expected = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert instant_ms(instant.isoformat()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-02T09:00:00Z", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2020-07-22T16:00:00+05:30", datetime(2020, 7, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-02T09:00:00.123Z", datetime(2026, 11, 2, 9, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-02T09:00:00", None),
        ("2026-11-02", None),
        ("20261102", None),
        ("2026-11-02T09:00:00z", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02 09:00:00 UTC", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02 10:00+0100", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02T10:00:00 +01:00", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-W45-1T09:00:00Z", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("Mon, 02 Nov 2026 10:00:00 +0100", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("Mon, 02 Nov 2026 10:00:00", None),
        ("1793610000", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("1793610000000", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        (" 1793610000.5 ", datetime(2026, 11, 2, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("17936100000000", None),
        ("2026", None),
        ("09:00", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("2026-11-02T25:00:00Z", None),
        ("soon", None),
        ("", None),
        (1_793_610_000_000, datetime(2026, 11, 2, 9, tzinfo=UTC)),
        (1_793_610_000, datetime(2026, 11, 2, 9, tzinfo=UTC)),
        (1e300, None),
        (6.8e19, None),
        (-6.8e19, None),
        (True, None),
        ({"at": 5}, None),
    ],
)
def test_values_that_are_timestamps(given: Any, expected: datetime | None) -> None:
    """A local time without an offset is not one. Other values stay in `extra`."""
    found = appointments({"id": "a", "createdAt": given}, {"id": "b", "createdAt": "never"}).to_pylist()[0]
    assert found["created_at"] == expected
    assert (json.loads(found["extra"])["createdAt"] == given) if expected is None else (found["extra"] is None)


@pytest.mark.parametrize(
    ("field", "column", "value", "expected"),
    [
        ("isRecurring", "is_recurring", False, False),
        ("isRecurring", "is_recurring", "false", None),
        ("isRecurring", "is_recurring", 1, None),
        ("title", "title", "", ""),
        ("title", "title", 7, None),
        ("title", "title", ["a"], None),
        ("selectedTimezone", "timezone", "US/Central", "US/Central"),
        ("selectedTimezone", "timezone", "Mars/Olympus", None),
    ],
)
def test_values_that_do_not_fit_go_to_extra(field: str, column: str, value: Any, expected: Any) -> None:
    found = row({field: value})
    assert found[column] == expected
    misfit = expected is None and column != "timezone"
    assert found["extra"] == (json.dumps({field: value}, separators=(",", ":")) if misfit else None)


def test_both_spellings_have_their_own_column() -> None:
    found = row({"appoinmentStatus": "showed", "appointmentStatus": "new"})
    assert (found["appoinment_status"], found["appointment_status"]) == ("showed", "new")
    assert row({"appointmentStatus": "noshow"})["appoinment_status"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (30, 30),
        ("30", 30),
        (30.0, 30),
        (7.5, 7.5),
        ("7.5", 7.5),
        (0.1, 0.1),
        (True, None),
        (2**53 + 1, None),
        ("half", None),
        ("007", None),
        ("-0", None),
        ("nan", None),
    ],
)
def test_numbers(value: Any, expected: float | None) -> None:
    record = {"id": "s", "availability": {"eventTiming": {"slotDuration": value}}}
    found = listed_rows(SERVICES, "L", [record]).rows["services"].arrow().to_pylist()[0]
    assert found["slot_duration"] == expected
    extra = json.loads(found["extra"]) if found["extra"] else {}
    assert extra == ({} if expected is not None else {"availability.eventTiming.slotDuration": value})


@pytest.mark.parametrize(
    ("value", "expected"), [(9, 9), ("9", 9), (9.0, 9), (9.5, None), (True, None), (2**63, None), ("09", None)]
)
def test_whole_numbers(value: Any, expected: int | None) -> None:
    record = {"id": "s", "availability": {"officeHours": {"monday": [{"openHour": value}]}}}
    [found] = listed_rows(SERVICES, "L", [record]).rows["service_hours"].arrow().to_pylist()
    assert found["open_hour"] == expected


def test_unknown_nested_fields_go_to_extra() -> None:
    record = {
        "id": "t",
        "calendarConfig": {"slug": "s", "colour": {"hex": "#fff", "none": None}, "nothing": None},
        "icon": [1],
    }
    found = listed_rows(TEAMS, "L", [record]).rows["teams"].arrow().to_pylist()[0]
    assert found["slug"] == "s"
    assert json.loads(found["extra"]) == {
        "calendarConfig": {"colour": {"hex": "#fff", "none": None}},
        "icon": [1],
    }


# -- nested tables and rejected records --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_records_with_one_id_the_newer_counts(order: int) -> None:
    old, new = ({"id": "a", "title": each, "updatedAt": f"2026-10-0{each}T08:00:00Z"} for each in "12")
    batch = appointment_rows("L", [old, new, {"id": "b"}, {"id": "b"}][::order])
    found = batch.rows["appointments"].arrow()
    assert dict(zip(found["id"].to_pylist(), found["title"].to_pylist(), strict=True)) == {"a": "2", "b": None}
    assert [each.record for each in batch.rejected] == [old], "equal duplicates are dropped"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12345"), st.none() | st.integers(1, 3)), min_size=1),
    st.randoms(),
)
def test_the_order_of_records_with_one_id_does_not_matter(
    told: list[tuple[str, str, int | None]], rng: random.Random
) -> None:
    """Also for their contacts."""
    records = [
        {
            "id": each,
            "title": title,
            "updatedAt": day and f"2026-10-0{day}T08:00:00Z",
            "contact": {"id": each, "firstName": title},
        }
        for each, title, day in told
    ]
    shuffled = rng.sample(records, len(records))
    one, other = (appointment_rows("L", each) for each in (records, shuffled))
    for table in ("appointments", "contacts"):
        assert one.rows[table].arrow().sort_by("id") == other.rows[table].arrow().sort_by("id")
    assert {each.rejection_id for each in one.rejected} == {each.rejection_id for each in other.rejected}


def test_without_instants_of_change_the_held_record_counts() -> None:
    for title in "12345":
        held = appointment_rows("L", [{"id": "a", "title": title}]).rows["appointments"]
        told = [{"id": "a", "title": each} for each in "12345"]
        batch = appointment_rows("L", told, held=lambda *_, held=held: dict(zip(held.keys, held.digests, strict=True)))
        assert batch.rows["appointments"].digests == held.digests


@pytest.mark.parametrize("record", [None, "a", 5, [], {}, {"id": None}, {"id": ""}, {"id": True}, {"id": {"$oid": 1}}])
def test_records_without_a_key_are_rejected_unchanged(record: Any) -> None:
    """The other records of the reply are not affected."""
    batch = appointment_rows("L", [record, {"id": "good"}])
    assert batch.rows["appointments"].keys == [("good",)]
    (rejected,) = batch.rejected
    rows = rejected_rows({rejected.rejection_id: rejected}, datetime(2026, 1, 1, tzinfo=UTC), "run")  # type: ignore[arg-type]
    assert rows.schema == TABLES["rejected_records"].schema
    assert json.loads(rows["record"][0].as_py()) == record
    assert rows["table_name"][0].as_py() == "appointments"


def test_ids_are_texts_or_integers() -> None:
    ids = ["EaALh02zfPo8VB3JOnpq", "0b7c-uuid", "EaALh02zfPo8VB3JOnpq_1595413800000", "ключ", 12345]
    assert [key[0] for key in appointment_rows("L", [{"id": each} for each in ids]).rows["appointments"].keys] == [
        *ids[:-1],
        "12345",
    ]


def test_a_contact_gets_one_row() -> None:
    contact = {"id": "c", "firstName": "Ada", "tags": ["x"], "customField": [{"id": "f", "value": ["1", "2"]}]}
    batch = appointment_rows(
        "L",
        [
            {"id": "a", "contact": {**contact, "firstName": "A.", "dateUpdated": "2026-10-01T08:00:00Z"}},
            {"id": "b", "contact": {**contact, "dateUpdated": "2026-10-02T08:00:00Z"}},
            {"id": "blocked"},
            {"id": "odd", "contact": "nobody"},
        ],
    )
    contacts = batch.rows["contacts"]
    (found,) = contacts.arrow().to_pylist()
    assert (found["first_name"], json.loads(found["tags"])) == ("Ada", ["x"])
    fields = custom_field_rows("L", contacts).rows["contact_custom_fields"].arrow().to_pylist()
    assert [(each["custom_field_id"], json.loads(each["value"])) for each in fields] == [("f", ["1", "2"])]
    assert [each.record for each in batch.rejected] == ["nobody"]
    assert len(batch.rows["appointments"]) == 4


def test_duplicate_members_count_once() -> None:
    ada = {"id": "u", "name": "Ada"}
    batch = listed_rows(TEAMS, "L", [{"id": "t", "members": [ada, ada, {**ada, "name": "A."}, "x"]}, {"id": "v"}])
    assert batch.rows["team_members"].keys == [("t", "u")]
    assert sorted(str(each.record) for each in batch.rejected) in (
        ["x", str({"id": "u", "name": name})] for name in ("A.", "Ada")
    )


@pytest.mark.parametrize("hours", [None, {}, {"monday": None}, [], "always", {"monday": "9-5"}, {"monday": [5]}])
def test_odd_office_hours(hours: Any) -> None:
    batch = listed_rows(SERVICES, "L", [{"id": "s", "availability": {"officeHours": hours}}])
    assert len(batch.rows["services"]) == 1
    assert len(batch.rows["service_hours"]) == 0
    assert len(batch.rejected) == (hours not in (None, {}, {"monday": None}))


def test_office_hours_by_day_and_position() -> None:
    hours = {"monday": [{"openHour": 9, "closeHour": 12}, {"openHour": 13, "closeHour": 24}], "sunday": []}
    batch = listed_rows(SERVICES, "L", [{"id": "s", "availability": {"officeHours": hours}}])
    found = batch.rows["service_hours"].arrow().to_pylist()
    assert [(each["weekday"], each["position"], each["open_hour"], each["close_hour"]) for each in found] == [
        ("monday", 0, 9, 12),
        ("monday", 1, 13, 24),
    ]


def test_one_slot_per_instant() -> None:
    """When the clocks go back, equal local times are two slots; one instant written twice is one slot."""
    days = {
        "2026-10-25": ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", 5, None, "x"],
        "2026-10-26": [],
    }
    batch = slot_rows("L", "s", days)
    found = batch.rows["slots"].arrow().to_pylist()
    assert [(each["start_time"], each["slot_date"]) for each in found] == [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25"),
    ]
    assert len(batch.rejected) == 3


def test_tables_have_their_declared_schema() -> None:
    tables = [
        location_rows("L", "north", "config", None),
        *listed_rows(TEAMS, "L", [{"id": "t", "members": [{"id": "u"}]}]).rows.values(),
        *listed_rows(SERVICES, "L", [{"id": "s", "teamMembers": [{"userId": "u"}]}]).rows.values(),
        *appointment_rows("L", [{"id": "a", "contact": {"id": "c"}}]).rows.values(),
        *slot_rows("L", "s", {"2026-01-01": ["2026-01-01T00:00:00Z"]}).rows.values(),
    ]
    for rows in tables:
        assert rows.arrow().schema == TABLES[rows.table.name].schema
        assert rows.take([]).arrow().schema == TABLES[rows.table.name].schema


CUSTOM_FIELD = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["one", "two", "thr", "a/b"]),
        "value": st.one_of(st.text(max_size=3), st.none(), st.lists(st.text(max_size=2))),
    }
)
ODD_FIELD = st.sampled_from(
    [{"id": 7, "value": "x"}, {"id": "one"}, {"id": "", "value": 1}, {"id": "one", "value": 1, "more": 2}, "no", None]
)


@given(
    st.lists(
        st.one_of(
            st.lists(CUSTOM_FIELD, max_size=3),
            st.lists(st.one_of(CUSTOM_FIELD, ODD_FIELD), max_size=3),
            st.none(),
            st.just("no list"),
        ),
        max_size=4,
    )
)
def test_custom_fields_do_not_depend_on_other_contacts(lists: list[Any]) -> None:
    """One contact with a malformed list makes all lists go through the slow path. Both paths give the same rows."""
    records = [
        {"id": f"a{number}", "contact": {"id": f"c{number}", "customField": fields}}
        for number, fields in enumerate([*lists, "malformed"])
    ]
    contacts = appointment_rows("L", records).rows["contacts"]
    without = custom_field_rows("L", contacts.take(list(range(len(lists)))))
    slow = custom_field_rows("L", contacts)
    rows, others = (batch.rows["contact_custom_fields"] for batch in (without, slow))
    assert (rows.keys, rows.digests, rows.arrow()) == (others.keys, others.digests, others.arrow())
    expected = [
        *(each.rejection_id for each in without.rejected),
        Rejected("contact_custom_fields", "L", "not a JSON array", "malformed").rejection_id,
    ]
    assert sorted(expected) == sorted(each.rejection_id for each in slow.rejected)
