"""Listings: comparing record digests finds the same changes as decoding both lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.api import listing
from bookings_sync.api.listing import Listing, decode_all, id_digest
from bookings_sync.records.json_text import decode

IDS = st.sampled_from("abcdefghij")
LISTS = st.dictionaries(IDS, st.integers(0, 2), max_size=10)


def diff_decoder(known: bytes | None) -> Callable[[bytes], Listing]:
    """A decoder that decodes each changed record to a dict."""
    return listing.diff_decoder(known, lambda records: [decode(bytes(record)) for record in records])


def body_of(records: list[Any]) -> bytes:
    return orjson.dumps({"appointments": records, "traceId": "t"})


def digests_of(records: list[Any]) -> bytes | None:
    return diff_decoder(None)(body_of(records)).digests


@given(LISTS, LISTS)
def test_only_changed_records_are_decoded(before: dict[str, int], after: dict[str, int]) -> None:
    old = [{"id": each, "status": status} for each, status in before.items()]
    new = [{"id": each, "status": status} for each, status in after.items()]
    found = diff_decoder(digests_of(old))(body_of(new))
    assert found.size == len(new)
    assert found.digests == digests_of(new)
    if found.missing is None:  # most records changed, or there was no last reply
        assert found.records == new
    else:
        assert found.records == [each for each in new if each not in old]
        assert found.missing == {id_digest(each) for each in before.keys() - after.keys()}


def test_few_changes_among_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    old = [{"id": str(each), "status": "new"} for each in range(100)]
    new = [*old[:40], {**old[40], "status": "showed"}, *old[41:90], {"id": "another"}]
    known = digests_of(old)
    monkeypatch.setattr(listing, "decode_all", None)  # a call would fail
    found = diff_decoder(known)(body_of(new))
    assert found.records == [new[40], new[-1]]
    assert found.missing == {id_digest(str(each)) for each in range(90, 100)}


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "b"}], id="duplicate id"),
        pytest.param([{"id": 7}, {"id": "b"}], id="numeric id"),
        pytest.param([{"name": "no id"}, {"id": "b"}], id="no id"),
        pytest.param(["not an object", {"id": "b"}], id="not an object"),
        pytest.param([{"id": "a\x00"}, {"id": "b"}], id="a NUL"),
    ],
)
def test_odd_list_is_decoded_whole(records: list[Any]) -> None:
    body = body_of(records)
    assert diff_decoder(None)(body) == decode_all(body)
    known = digests_of([{"id": each} for each in "bcdefg"])
    found = diff_decoder(known)(body)
    assert (found.records, found.missing) == (decode_all(body).records, None)


def test_changed_record_with_nul() -> None:
    old = [{"id": each} for each in "bcdefg"]
    body = body_of([*old, {"id": "a", "title": "a\x00b"}])
    assert diff_decoder(digests_of(old))(body) == decode_all(body)


def test_truncated_digests_are_ignored() -> None:
    body = body_of([{"id": each} for each in "abcdef"])
    known = diff_decoder(None)(body).digests
    assert known is not None
    assert diff_decoder(known[:-1])(body) == diff_decoder(None)(body)


def test_all_records_are_missing_from_an_empty_list() -> None:
    found = diff_decoder(digests_of([{"id": "a"}, {"id": "b"}]))(body_of([]))
    assert (found.records, found.size, found.missing) == ([], 0, {id_digest("a"), id_digest("b")})


def test_unchanged_and_changed_record_with_the_same_id() -> None:
    """The whole list is decoded. The rows decide which of the two records counts."""
    old = [{"id": each, "n": 1} for each in "abcdef"]
    body = body_of([*old[:5], {"id": "a", "n": 2}])
    assert diff_decoder(digests_of(old))(body) == Listing(orjson.loads(body)["appointments"], 6)


def test_long_integer_and_invalid_utf8() -> None:
    for odd in (b'{"id": "a", "n": 123456789012345678901234567890}', b'{"id": "a", "n": "\xff"}'):
        body = b'{"appointments": [' + odd + b', {"id": "b"}, {"id": "c"}]}'
        found = diff_decoder(digests_of([{"id": "b"}, {"id": "c"}]))(body)
        assert (found.records, found.missing) == (decode_all(body).records, None)
