"""v2's events under the names that the tables read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.api.listing import decode_all, split_decoder
from bookings_sync.changes.contact_cache import ContactCache
from bookings_sync.dialects.v2.fields import CONTACT_FIELDS, EVENTS, appointments_body, texts_under
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.fast_path import Plain, reader
from bookings_sync.records.json_text import Unreadable

EVENT = {
    "id": "event-1",
    "calendarId": "calendar-1",
    "groupId": "group-1",
    "locationId": "location-1",
    "contactId": "contact-1",
    "assignedUserId": "user-1",
    "appointmentStatus": "showed",
    "title": "Massage",
    "startTime": "2026-11-02T09:00:00+02:00",
    "endTime": "2026-11-02T10:00:00+02:00",
    "dateAdded": "2026-10-01T00:00:00Z",
    "dateUpdated": "2026-10-02T00:00:00Z",
    "rrule": "RRULE:FREQ=WEEKLY",
}


def listed(*events: Any, blocked: tuple[Any, ...] = ()) -> list[Any]:
    """What `decode_all` makes of these events and blocked slots."""
    texts = texts_under("events")(json.dumps({"events": events, "traceId": "t"}).encode())
    others = texts_under("events")(json.dumps({"traceId": "u", "events": blocked}).encode())
    return decode_all(appointments_body(texts, others), EVENTS).records


def test_an_event_in_the_columns_of_an_appointment() -> None:
    (row,) = appointment_rows("location-1", listed(EVENT)).rows["appointments"].arrow().to_pylist()
    assert {name: row[name] for name in ("id", "service_id", "team_id", "user_id", "assigned_user_id")} == {
        "id": "event-1",
        "service_id": "calendar-1",
        "team_id": "group-1",
        "user_id": "user-1",
        "assigned_user_id": "user-1",
    }
    assert (row["appoinment_status"], row["appointment_status"]) == ("showed", "showed")
    assert (row["calendar_id"], row["status"], row["selected_timezone"]) == (None, None, None)
    assert row["start_time"].isoformat() == "2026-11-02T07:00:00+00:00"
    assert [row[name].isoformat()[:10] for name in ("created_at", "updated_at")] == ["2026-10-01", "2026-10-02"]
    assert json.loads(row["extra"]) == {"rrule": "RRULE:FREQ=WEEKLY"}


def test_both_spellings_of_the_attendance() -> None:
    (record,) = listed({**EVENT, "appoinmentStatus": "noshow"})
    assert (record["appoinmentStatus"], record["appointmentStatus"]) == ("noshow", "showed")


def test_a_field_that_means_another_one_in_the_table_is_kept_apart() -> None:
    (record,) = listed({**EVENT, "userId": "user-9", "createdAt": "yesterday"})
    assert (record["userId"], record["otherUserId"]) == ("user-1", "user-9")
    assert (record["createdAt"], record["otherCreatedAt"]) == ("2026-10-01T00:00:00Z", "yesterday")


def test_blocked_slots_follow_the_events_and_are_booked() -> None:
    blocked = {"id": "block-1", "calendarId": "calendar-1", "startTime": EVENT["startTime"]}
    records = listed(EVENT, blocked=(blocked, {**EVENT, "title": "again"}))
    assert [record["id"] for record in records] == ["event-1", "block-1"]
    assert records[0]["title"] == "Massage"
    assert records[1]["status"] == "booked"
    assert "contactId" not in records[1]


@pytest.mark.parametrize("odd", [None, 7, "text", [1], True])
def test_records_that_are_no_objects_come_through(odd: Any) -> None:
    assert listed(EVENT, odd, blocked=(odd,))[1:] == [odd, odd]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"appointments": []}', b'{"events": {}}', b"<html>", b'{"events": [}'])
def test_another_body_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        texts_under("events")(body)


def test_json_that_strict_parsers_refuse() -> None:
    body = b'{"events": [{"id": "e", "contactId": "p", "calendarId": "c", "big": 123456789012345678901, "odd": NaN}]}'
    (record,) = decode_all(appointments_body(texts_under("events")(body), []), EVENTS).records
    known = {"id": "e", "contactId": "p", "calendarServiceId": "c"}
    assert record == {**known, "big": "123456789012345678901", "odd": None}


_NAMES = st.sampled_from(
    ["id", "contactId", "calendarId", "userId", "assignedUserId", "appointmentStatus", "dateAdded", "x", "é"]
)
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text('aé\U0001f600"', max_size=3)
    | st.lists(st.integers(0, 2), max_size=2)
)


@given(st.lists(st.dictionaries(_NAMES, _VALUES)))
def test_texts_and_decoded_values_are_renamed_alike(events: list[dict[str, Any]]) -> None:
    assert listed(*events) == [EVENTS.renamed(each) for each in events]


_TEXTS = st.none() | st.text("aé", max_size=2)
_EVENTS = st.fixed_dictionaries(
    {"id": st.uuids().map(str)},
    optional={
        "contactId": st.none() | st.sampled_from("ab"),
        **dict.fromkeys(["calendarId", "assignedUserId", "groupId", "dateAdded", "status"], _TEXTS),
        **dict.fromkeys(["appointmentStatus", "appoinmentStatus"], _TEXTS),
        **dict.fromkeys(["userId", "createdAt", "otherUserId", "calendarServiceId", "rrule"], _VALUES),
    },
)


@given(st.lists(_EVENTS))
def test_the_fast_path_reads_the_own_names_of_v2(events: list[dict[str, Any]]) -> None:
    body = appointments_body(texts_under("events")(json.dumps({"events": events}).encode()), [])
    fast = split_decoder(reader("L", ContactCache(), names=EVENTS), EVENTS)(body)
    whole = decode_all(body, EVENTS)
    rows = [appointment_rows("L", each.records).rows["appointments"] for each in (fast, whole)]
    assert rows[0].arrow().to_pylist() == rows[1].arrow().to_pylist()
    assert fast.size == whole.size


def test_events_are_read_without_decoding_each_one() -> None:
    events = [{**EVENT, "id": f"event-{number}", "userId": "user-9"} for number in range(3)]
    del events[1]["contactId"]
    body = appointments_body(texts_under("events")(json.dumps({"events": events}).encode()), [])
    [plain] = split_decoder(reader("L", ContactCache(), names=EVENTS), EVENTS)(body).records
    assert isinstance(plain, Plain)
    rows = appointment_rows("L", [plain]).rows["appointments"].arrow().to_pylist()
    assert [row["status"] for row in rows] == [None, "booked", None]
    assert {row["user_id"] for row in rows} == {"user-1"}
    assert json.loads(rows[0]["extra"]) == {"otherUserId": "user-9", "rrule": EVENT["rrule"]}


def test_a_contact() -> None:
    fields = [{"id": "field-1", "value": "x"}]
    assert CONTACT_FIELDS.renamed({"id": "c", "customFields": fields}) == {"id": "c", "customField": fields}


def test_time_without_a_contact_is_blocked_wherever_it_is_told() -> None:
    """Alone by its id, among the events, among the blocked slots, and in both lists."""
    blocked = {"id": "block-1", "calendarId": "c"}
    assert EVENTS.renamed(blocked)["status"] == EVENTS.renamed({**blocked, "contactId": None})["status"] == "booked"
    texts = texts_under("events")(json.dumps({"events": [blocked]}).encode())
    for lists in ((texts, []), ([], texts), (texts, texts)):
        assert decode_all(appointments_body(*lists), EVENTS).records == [EVENTS.renamed(blocked)]


def test_the_longer_of_both_lists_decides_whether_a_reply_may_be_cut_off() -> None:
    rows = [{"id": str(number), "contactId": "p"} for number in range(5)]
    events, blocked = (texts_under("events")(json.dumps({"events": each}).encode()) for each in (rows[:3], rows[3:]))
    listing = decode_all(appointments_body(events, blocked), EVENTS)
    assert (listing.size, listing.largest) == (5, 3)
