"""Decoders of reply bodies: lenient JSON, wrong shapes, empty replies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.dialects import replies
from bookings_sync.records.json_text import Unreadable


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b'{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        (b'{"a": "\\ud83d"}', {"a": "�"}),
        (b'{"a": ["\\ud83d\\ude00", "\\ude00x"]}', {"a": ["😀", "�x"]}),
        (b'{"a": "\xff"}', {"a": "�"}),
        (b'{"a": 18446744073709551615, "b": -9223372036854775808}', {"a": 2**64 - 1, "b": -(2**63)}),
        (b'{"a":18446744073709551616,"b":-9223372036854775809}', {"a": str(2**64), "b": str(-(2**63) - 1)}),
        (b'[1%s,"1%s"]' % (b"0" * 5_000, b"0" * 30), ["1" + "0" * 5_000, "1" + "0" * 30]),
        (b"[0.12345678901234567890123, 12345678901234567890123e2]", [0.12345678901234568, 12345678901234567890123e2]),
    ],
)
def test_lenient_json(body: bytes, value: Any) -> None:
    decoded = replies.decode(body)
    assert decoded == value
    json.dumps(decoded, ensure_ascii=False).encode()  # strict JSON again, which every warehouse accepts


@given(st.lists(st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)))
def test_no_digit_of_an_integer_is_lost(numbers: list[int | float]) -> None:
    """Integers beyond 64 bits become strings, since JSON readers and warehouses would round them."""
    for separators in ((",", ":"), (", ", ": ")):
        for read, sent in zip(
            replies.decode(json.dumps(numbers, separators=separators).encode()), numbers, strict=True
        ):
            fits = isinstance(sent, float) or -(2**63) <= sent < 2**64
            assert read == (sent if fits else str(sent))
            assert type(read) is (type(sent) if fits else str)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"OK", b"<html></html>", b'{"a": [1, 2', b'{"a": "', b"[" * 100_000, b'{"a": 1} {"a": 2}']
)
def test_invalid_or_truncated_json(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        replies.decode(body)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"{}", b'{"teams": null}', b'{"teams": {}}', b'{"team": []}'])
def test_list_is_missing_or_not_a_list(body: bytes) -> None:
    with pytest.raises(Unreadable):
        replies.list_under("teams")(body)


@pytest.mark.parametrize(("body", "records"), [(b"", []), (b" \n", []), (b"{}", []), (b'{"id": "x"}', [{"id": "x"}])])
def test_one_record_or_no_record(body: bytes, records: list[Any]) -> None:
    assert replies.one_with("x")(body) == records


@pytest.mark.parametrize("body", [b"null", b"[]", b'{"msg": "Bad Request"}', b"OK"])
def test_unexpected_body_does_not_mean_no_record(body: bytes) -> None:
    with pytest.raises(Unreadable):
        replies.one_with("x")(body)


def test_slots_by_date() -> None:
    body = {
        "2020-09-04": {"slots": ["2020-09-04T08:00:00+05:30"]},
        "2020-09-05": {"slots": []},
        "2020-09-06": {},
        "2020-09-07": None,
        "2020-09-08": {"slots": None},
        "2020-09-09": ["2020-09-09T08:00:00Z"],
        "_dates_": {"slots": ["no"]},
        "traceId": "b1946ac9",
        "20200910": {"slots": ["no"]},
        "2020-13-01": {"slots": ["no"]},
    }
    assert replies.decode_slots(json.dumps(body).encode()) == {
        "2020-09-04": ["2020-09-04T08:00:00+05:30"],
        "2020-09-05": [],
        "2020-09-06": [],
        "2020-09-07": [],
        "2020-09-08": [],
        "2020-09-09": ["2020-09-09T08:00:00Z"],
    }


@pytest.mark.parametrize("decode", [replies.decode_slots, replies.decode_object])
@pytest.mark.parametrize("body", [b"[]", b"null", b""])
def test_reply_must_be_an_object(decode: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)


def test_a_days_slots_are_a_list() -> None:
    with pytest.raises(Unreadable):
        replies.decode_slots(b'{"2020-09-04": {"slots": "none"}}')
