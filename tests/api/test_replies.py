"""Bodies to records: what reads, what reads all the same, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bookings_sync.api import replies
from bookings_sync.api.replies import Unreadable


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
    ],
)
def test_odd_but_whole(body: bytes, value: Any) -> None:
    decoded = replies.decode(body)
    assert decoded == value
    json.dumps(decoded, ensure_ascii=False).encode()  # any warehouse takes it


@pytest.mark.parametrize(
    "body", [b"", b" ", b"OK", b"<html></html>", b'{"a": [1, 2', b'{"a": "', b"[" * 100_000, b'{"a": 1} {"a": 2}']
)
def test_not_json_or_not_all_of_it(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        replies.decode(body)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"{}", b'{"teams": null}', b'{"teams": {}}', b'{"team": []}'])
def test_a_list_must_be_where_it_belongs(body: bytes) -> None:
    with pytest.raises(Unreadable):
        replies.list_under("teams")(body)


@pytest.mark.parametrize(("body", "records"), [(b"", []), (b" \n", []), (b"{}", []), (b'{"id": "x"}', [{"id": "x"}])])
def test_one_record_or_none(body: bytes, records: list[Any]) -> None:
    assert replies.decode_one(body) == records


@pytest.mark.parametrize("body", [b"null", b"[]", b'{"msg": "Bad Request"}', b"OK"])
def test_no_record_is_never_guessed(body: bytes) -> None:
    with pytest.raises(Unreadable):
        replies.decode_one(body)


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
def test_slots_are_an_object(decode: Callable[[bytes], Any], body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)


def test_a_days_slots_are_a_list() -> None:
    with pytest.raises(Unreadable):
        replies.decode_slots(b'{"2020-09-04": {"slots": "none"}}')


def test_digests_tell_bodies_apart() -> None:
    assert replies.digest_of(b"a") != replies.digest_of(b"b")
    assert len(replies.digest_of(b"")) == 32
