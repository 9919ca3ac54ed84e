"""The fast path gives exactly the rows that decoding the whole reply gives."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.api.listing import Listing, decode_all, split_decoder
from bookings_sync.changes.contact_cache import ContactCache
from bookings_sync.records.decoding import appointment_rows
from bookings_sync.records.fast_path import Plain, reader
from bookings_sync.records.json_text import Unreadable
from bookings_sync.records.rows import Batch
from support import nasty

NINE, TEN = "2026-11-03T09:00:00Z", "2026-11-03T10:00:00Z"


def booked(number: int, **changed: Any) -> dict[str, Any]:
    return {**nasty.appointment(number, "service-1", NINE, TEN), **changed}


def body_of(records: list[Any]) -> bytes:
    return nasty.as_json({"appointments": records})


def read_of(record: Any) -> Any:
    [found] = reader("L", ContactCache())([msgspec.Raw(nasty.as_json(record))])
    return found


def found_in(listing: Listing) -> tuple[Any, ...]:
    """A list's size, its rows by table, ordered by id, and its rejected records."""
    batch = appointment_rows("L", listing.records)
    tables = [(name, rows.arrow().sort_by("id").to_pylist()) for name, rows in batch.rows.items()]
    rejected = sorted(each.rejection_id for each in batch.rejected)
    return listing.size, tables, rejected


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_list_gives_the_same_rows_on_both_paths(seed: int, count: int) -> None:
    rng = random.Random(seed)
    records = [
        nasty.mauled(booked(number), rng) if rng.random() < 0.5 else booked(number, contact=None)
        for number in range(count)
    ]
    body = body_of(records)
    try:
        expected = found_in(decode_all(body))
    except Unreadable:
        with pytest.raises(Unreadable):
            split_decoder(reader("L", ContactCache()))(body)
        return
    assert found_in(split_decoder(reader("L", ContactCache()))(body)) == expected


@pytest.mark.parametrize(
    ("changed", "extra"),
    [
        ({}, None),
        ({"title": None, "contact": None}, None),
        ({"contactId": None}, None),
        ({"attributionSource": {"medium": "web"}, "calledNothing": None}, {"attributionSource": {"medium": "web"}}),
        ({"calledNothing": None}, None),
    ],
)
def test_records_of_the_expected_types_are_plain(changed: dict[str, Any], extra: dict[str, Any] | None) -> None:
    record = read_of(booked(1, **changed))
    assert isinstance(record, Plain)
    assert record.fields.extras == [extra]


def test_an_appointment_without_contact_id_keeps_its_list_on_the_fast_path() -> None:
    records = [booked(number, **({"contactId": None} if number == 3 else {})) for number in range(5)]
    listing = split_decoder(reader("L", ContactCache()))(body_of(records))
    assert [type(each) for each in listing.records] == [Plain]
    assert found_in(listing) == found_in(decode_all(body_of(records)))


@pytest.mark.parametrize("changed", [{"title": 5}, {"isFree": "no"}, {"startTime": 1_793_610_000_000}, {"id": ".."}])
def test_other_records_are_decoded(changed: dict[str, Any]) -> None:
    assert read_of(booked(1, **changed)) == booked(1, **changed)


@pytest.mark.parametrize("odd", ["a text", 5, []])
def test_a_contact_that_is_not_an_object_sends_only_its_chunk_to_the_slow_path(odd: Any) -> None:
    records = [booked(number) for number in range(600)]
    records[550]["contact"] = odd
    body = body_of(records)
    listing = split_decoder(reader("L", ContactCache()))(body)
    [appointments] = listing.records
    assert [isinstance(each, Plain) for each in appointments.contacts.read] == [True, *[False] * 100]
    assert found_in(listing) == found_in(decode_all(body))


def test_escaped_and_repeated_field_names() -> None:
    body = b'{"appointments": [{"\\u0069d": "abc", "title": "one", "titl\\u0065": "two", "more": 1, "mor\\u0065": 2}]}'
    assert found_in(split_decoder(reader("L", ContactCache()))(body)) == found_in(decode_all(body))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["with a blank", "é", "", "class", "f0"], id="any names"),
        pytest.param(['a "quoted" one', "a\\slash", "a\nline"], id="names that msgspec refuses"),
        pytest.param([f"name {number}" for number in range(300)], id="more names than are learnt"),
    ],
)
def test_unknown_fields_are_kept_whatever_their_names(names: list[str]) -> None:
    records = [booked(number, **{names[number % len(names)]: [number, None]}) for number in range(1_200)]
    records += [booked(2_000 + number, **{name: {"a": 1} for name in names}) for number in range(3)]
    body = body_of(records)
    assert found_in(split_decoder(reader("L", ContactCache()))(body)) == found_in(decode_all(body))


def test_a_chunk_that_is_not_plain_keeps_its_place_in_the_list() -> None:
    records = [booked(number, contactId="c", contact={"id": "c", "email": str(number)}) for number in range(1_600)]
    records[700]["title"] = 5
    body = body_of(records)
    listing = split_decoder(reader("L", ContactCache()))(body)
    assert [isinstance(each, Plain) for each in listing.records] == [True, *[False] * 500, True]
    assert found_in(listing) == found_in(decode_all(body))


@pytest.mark.parametrize("odd", [b'"\\ud800"', b'"a\\u0000b"', b'"\xff"', b'"\x01"', b"NaN", b"123456789012345678901"])
@pytest.mark.parametrize("field", ["title", "contact", "unknown"])
def test_text_that_is_not_strict_json(field: str, odd: bytes) -> None:
    """Also inside contacts, which are not decoded at first."""
    text = json.dumps({"appointments": [booked(1, contact=None), booked(2, **{field: {"id": "c-1", "n": "ODD"}})]})
    body = text.encode().replace(b'"ODD"', odd)
    assert found_in(split_decoder(reader("L", ContactCache()))(body)) == found_in(decode_all(body))


def contacts_of(cache: ContactCache, records: list[Any]) -> Batch:
    """The rows of a list, without cached contacts. The contacts are then remembered, as if they were staged."""
    listing = split_decoder(reader("L", cache))(body_of(records))
    batch = appointment_rows("L", listing.records, known=cache)
    cache.remember(batch.rows["contacts"])
    return batch


def test_a_remembered_contact_is_skipped() -> None:
    cache = ContactCache()
    assert len(contacts_of(cache, [booked(1), booked(2)]).rows["contacts"]) == 2
    again = [booked(3, contactId="contact-1", contact=booked(1)["contact"]), booked(2)]
    [found] = split_decoder(reader("L", cache))(body_of(again)).records
    assert found.contacts.read == []
    batch = contacts_of(cache, again)
    assert len(batch.rows["appointments"]) == 2
    assert len(batch.rows["contacts"]) == 0


def test_a_cache_hit_needs_the_same_location_and_contact() -> None:
    cache = ContactCache()
    contacts_of(cache, [booked(1)])
    record = orjson.dumps(booked(1))
    [[here], [elsewhere]] = (reader(location_id, cache)([msgspec.Raw(record)]) for location_id in "LM")
    assert [orjson.loads(bytes(body)) for _, body in here.contacts.skipped.values()] == [booked(1)["contact"]]
    assert len(elsewhere.contacts.read) == 1
    [text] = here.contacts.texts
    assert cache.holds("L", [("contact-1",), ("contact-2",)], [text, text]) == [True, False]
    assert cache.holds("M", [("contact-1",)], [text]) == [False]


def test_a_contact_that_changed_back_is_new_again() -> None:
    """The cache knows the first text, but no longer for the row that is held."""
    cache = ContactCache()
    was, became = booked(1), booked(1)
    became["contact"]["email"] = "another@example.com"
    for records, expected in (([was], 1), ([became], 1), ([became], 0), ([was], 1), ([was], 0)):
        assert len(contacts_of(cache, records).rows["contacts"]) == expected


def test_a_skipped_contact_is_decoded_if_another_list_changed_it() -> None:
    """The other list is processed between this list's download and its processing."""
    cache = ContactCache()
    was, became = booked(1), booked(1)
    became["contact"]["email"] = "another@example.com"
    contacts_of(cache, [was])
    listing = split_decoder(reader("L", cache))(body_of([was]))
    assert listing.records[0].contacts.read == []
    contacts_of(cache, [booked(2)])
    assert len(appointment_rows("L", listing.records, known=cache).rows["contacts"]) == 0
    contacts_of(cache, [became])
    [row] = appointment_rows("L", listing.records, known=cache).rows["contacts"].arrow().to_pylist()
    assert row["email"] == was["contact"]["email"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_newer_of_two_variants_counts(order: int) -> None:
    """Also if one of them is skipped, because the warehouse holds it."""
    cache = ContactCache()
    was, became = (
        booked(
            n,
            contactId="contact-1",
            contact={**booked(1)["contact"], "email": f"{n}", "dateUpdated": NINE if n == 1 else TEN},
        )
        for n in (1, 2)
    )
    contacts_of(cache, [was])
    [row] = contacts_of(cache, [was, became][::order]).rows["contacts"].arrow().to_pylist()
    assert row["email"] == "2"


# -- ids of contacts ---------------------------------------------------------------------------------------------------


CONTACT_IDS = [
    ({"contactId": "c", "contact": {"id": "c"}}, "c", "c", None),
    ({"contactId": "c", "contact": {"firstName": "Ada"}}, "c", "c", None),
    ({"contactId": "c", "contact": {"id": ""}}, "c", "c", None),
    ({"contact": {"id": "c"}}, "c", "c", None),
    ({"contactId": 123, "contact": {"id": "123"}}, "123", "123", None),
    ({"contactId": "fingerprint", "contact": {"id": "c"}}, "c", "c", {"otherContactId": "fingerprint"}),
    ({"contactId": "c"}, "c", None, None),
    ({"contactId": "", "contact": {"id": "c"}}, "c", "c", None),
    ({"contactId": ""}, None, None, None),
    ({}, None, None, None),
]
"""An appointment's fields; the ids of its contact in `appointments` and in `contacts`; what goes to `extra`."""


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("fields", "contact_id", "own_id", "extra"), CONTACT_IDS)
def test_the_two_ids_of_a_contact_stand_in_for_each_other(
    fields: dict[str, Any], contact_id: str | None, own_id: str | None, extra: dict[str, Any] | None, *, several: bool
) -> None:
    """Also next to appointments that have both."""
    records = [{"id": "the one", **fields}]
    if several:
        records += [{"id": f"other {n}", "contactId": f"c{n}", "contact": {"id": f"c{n}"}} for n in range(600)]
    body = body_of(records)
    listing = split_decoder(reader("L", ContactCache()))(body)
    assert found_in(listing) == found_in(decode_all(body))
    rows = appointment_rows("L", listing.records).rows
    [found] = [each for each in rows["appointments"].arrow().to_pylist() if each["id"] == "the one"]
    assert (found["contact_id"], found["extra"] and orjson.loads(found["extra"])) == (contact_id, extra)
    contacts = set(rows["contacts"].arrow()["id"].to_pylist()) - {f"c{n}" for n in range(600)}
    assert contacts == ({own_id} if own_id else set())


def test_one_text_may_be_the_contact_of_two_ids() -> None:
    ada = {"firstName": "Ada"}
    records = [booked(n, contactId=f"c{n}", contact=ada) for n in range(3)]
    body = body_of(records)
    listing = split_decoder(reader("L", ContactCache()))(body)
    assert found_in(listing) == found_in(decode_all(body))
    contacts = appointment_rows("L", listing.records).rows["contacts"]
    assert contacts.keys == [("c0",), ("c1",), ("c2",)]
