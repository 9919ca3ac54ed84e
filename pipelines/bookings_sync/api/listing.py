"""Listing: the records of a list of appointments, all of them or only those that differ from the last reply's.

Input:  a body, and the record digests of the last reply for the same window; and what reads records.
Output: `Listing`, or `Unreadable`. Pure.

Where a few appointments of thousands have changed, to find those takes a fifth of the time of decoding all. A record
digest is 16 bytes: 8 that digest the record's id, and 8 that digest its very bytes. They are made only of replies in
which each record has an id of its own, a text; any other is decoded whole each time, as is one that is no strict JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, filterfalse
from struct import iter_unpack
from typing import Any, NamedTuple

import msgspec

from bookings_sync.api.replies import list_under
from bookings_sync.records.digests import short_digest_of
from bookings_sync.records.json_text import holds_nul

_HALF = 8

decode_all = list_under("appointments")


ReadRecords = Callable[[Sequence[msgspec.Raw]], list[Any]]
"""Reads records into what stands for them, in their order: a dict for one, whatever has their `ids` for several.
No text in them holds a NUL; an integer may be beyond 64 bits. Raises msgspec's errors or ValueError."""


class Listing(NamedTuple):
    """What a list says.

    `records` are all of its `size` records, as they were read, where `gone` is None; else those alone that differ from
    the last reply's, and `gone` has the `id_digest` of each that was listed then and is no more. `digests` are the
    record digests in order, joined; None where there are none.
    """

    records: list[Any]
    size: int
    digests: bytes | None = None
    gone: frozenset[bytes] | None = None


class _Body(msgspec.Struct):
    appointments: list[msgspec.Raw]


_split = msgspec.json.Decoder(_Body)


def id_digest(record_id: str) -> bytes:
    return short_digest_of(record_id.encode(errors="surrogatepass"))


def all_of(body: bytes) -> Listing:
    """Every record, decoded."""
    records = decode_all(body)
    return Listing(records, len(records))


def taken_apart(read: ReadRecords) -> Callable[[bytes], Listing]:
    """A decoder that reads records from their bytes."""
    return lambda body: _by_itself(body, lambda records: _whole(body, records, read))


def compared_with(known: bytes | None, read: ReadRecords) -> Callable[[bytes], Listing]:
    """A decoder that compares a list with the record digests of the last reply, if any, and makes its own; what is to
    be read, it reads from its bytes."""

    def look_at(body: bytes, records: Sequence[msgspec.Raw]) -> Listing | None:
        digests = list(map(short_digest_of, records))
        return _differing(records, digests, known, read) or _whole(body, records, read, digests)

    return lambda body: _by_itself(body, lambda records: look_at(body, records))


def _by_itself(body: bytes, look_at: Callable[[Sequence[msgspec.Raw]], Listing | None]) -> Listing:
    """What is found of the records, each as its bytes; all of them decoded, where they do not come apart so."""
    try:
        found = look_at(_split.decode(body).appointments)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    return all_of(body) if found is None else found


def _whole(
    body: bytes, records: Sequence[msgspec.Raw], read: ReadRecords, digests: Sequence[bytes] | None = None
) -> Listing | None:
    """All of the records, which stand in `body`; None where they hold a NUL, an id is no text, or stands twice."""
    if holds_nul(body):
        return None
    whole = read(records)
    ids = _ids_of(whole)
    if not all(isinstance(each, str) for each in ids) or len(set(ids)) < len(ids):
        return None
    return Listing(whole, len(records), None if digests is None else _joined(map(id_digest, ids), digests))


def _differing(
    records: Sequence[msgspec.Raw], digests: Sequence[bytes], known: bytes | None, read: ReadRecords
) -> Listing | None:
    """The records that are not among the known; None where those are most of them, hold a NUL (the known hold none), or
    an id is no text or stands twice."""
    if not known or len(known) % (2 * _HALF):
        return None
    known_ids = {digest: id_ for id_, digest in iter_unpack(f"{_HALF}s{_HALF}s", known)}
    of_known = list(map(known_ids.get, digests))
    differing = [record for record, id_ in zip(records, of_known, strict=True) if id_ is None]
    if 2 * len(differing) > len(records):
        return None
    found = _whole(b"".join(differing), differing, read)
    if found is None:
        return None
    own = map(id_digest, _ids_of(found.records))
    ids = [next(own) if id_ is None else id_ for id_ in of_known]
    listed = set(ids)
    if len(listed) < len(ids):
        return None
    gone = frozenset(filterfalse(listed.__contains__, known_ids.values()))
    return Listing(found.records, len(records), _joined(ids, digests), gone)


def _ids_of(records: Iterable[Any]) -> list[Any]:
    return [each for record in records for each in getattr(record, "ids", None) or [_id_of(record)]]


def _id_of(record: Any) -> Any:
    return record.get("id") if isinstance(record, dict) else None


def _joined(ids: Iterable[bytes], digests: Iterable[bytes]) -> bytes:
    return b"".join(chain.from_iterable(zip(ids, digests, strict=True)))
