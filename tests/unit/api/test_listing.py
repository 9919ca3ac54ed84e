"""Listings: what is found by comparing bytes is what decoding everything and comparing would find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.api import listing
from bookings_sync.api.listing import Listing, all_of, id_digest
from bookings_sync.records.json_text import decode

IDS = st.sampled_from("abcdefghij")
LISTS = st.dictionaries(IDS, st.integers(0, 2), max_size=10)


def compared_with(known: bytes | None) -> Callable[[bytes], Listing]:
    """With each record that is read decoded by itself."""
    return listing.compared_with(known, lambda records: [decode(bytes(record)) for record in records])


def body_of(records: list[Any]) -> bytes:
    return orjson.dumps({"appointments": records, "traceId": "t"})


def first_of(records: list[Any]) -> bytes | None:
    return compared_with(None)(body_of(records)).digests


@given(LISTS, LISTS)
def test_only_what_differs_is_decoded(before: dict[str, int], after: dict[str, int]) -> None:
    old = [{"id": each, "status": status} for each, status in before.items()]
    new = [{"id": each, "status": status} for each, status in after.items()]
    found = compared_with(first_of(old))(body_of(new))
    assert found.size == len(new)
    assert found.digests == first_of(new)
    if found.gone is None:  # most of them differ, or there was nothing to compare with
        assert found.records == new
    else:
        assert found.records == [each for each in new if each not in old]
        assert found.gone == {id_digest(each) for each in before.keys() - after.keys()}


def test_a_few_of_many_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    old = [{"id": str(each), "status": "new"} for each in range(100)]
    new = [*old[:40], {**old[40], "status": "showed"}, *old[41:90], {"id": "another"}]
    known = first_of(old)
    monkeypatch.setattr(listing, "decode_all", None)  # nothing else is to be decoded
    found = compared_with(known)(body_of(new))
    assert found.records == [new[40], new[-1]]
    assert found.gone == {id_digest(str(each)) for each in range(90, 100)}


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "b"}], id="an id stands twice"),
        pytest.param([{"id": 7}, {"id": "b"}], id="an id is a number"),
        pytest.param([{"name": "no id"}, {"id": "b"}], id="no id"),
        pytest.param(["no object", {"id": "b"}], id="no object"),
        pytest.param([{"id": "a\x00"}, {"id": "b"}], id="a NUL"),
    ],
)
def test_what_does_not_come_apart_is_decoded_whole(records: list[Any]) -> None:
    body = body_of(records)
    assert compared_with(None)(body) == all_of(body)
    known = first_of([{"id": each} for each in "bcdefg"])
    found = compared_with(known)(body)
    assert (found.records, found.gone) == (all_of(body).records, None)


def test_what_differs_holds_a_nul() -> None:
    old = [{"id": each} for each in "bcdefg"]
    body = body_of([*old, {"id": "a", "title": "a\x00b"}])
    assert compared_with(first_of(old))(body) == all_of(body)


def test_digests_that_were_cut_off_are_none() -> None:
    body = body_of([{"id": each} for each in "abcdef"])
    known = compared_with(None)(body).digests
    assert known is not None
    assert compared_with(known[:-1])(body) == compared_with(None)(body)


def test_an_empty_list_lacks_all_that_was_listed() -> None:
    found = compared_with(first_of([{"id": "a"}, {"id": "b"}]))(body_of([]))
    assert (found.records, found.size, found.gone) == ([], 0, {id_digest("a"), id_digest("b")})


def test_an_id_that_comes_twice_is_found_beside_the_unchanged() -> None:
    """The record as it was and another of the same id: which of the two stands is for the rows to say."""
    old = [{"id": each, "n": 1} for each in "abcdef"]
    body = body_of([*old[:5], {"id": "a", "n": 2}])
    assert compared_with(first_of(old))(body) == Listing(orjson.loads(body)["appointments"], 6)


def test_integers_beyond_64_bits_and_bytes_that_are_no_text() -> None:
    for odd in (b'{"id": "a", "n": 123456789012345678901234567890}', b'{"id": "a", "n": "\xff"}'):
        body = b'{"appointments": [' + odd + b', {"id": "b"}, {"id": "c"}]}'
        found = compared_with(first_of([{"id": "b"}, {"id": "c"}]))(body)
        assert (found.records, found.gone) == (all_of(body).records, None)
