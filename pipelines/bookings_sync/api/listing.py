"""Listing: the records of a list of appointments, all of them or only those that differ from the last reply's.

Input:  a body, and the record digests of the last reply for the same window; and what reads records.
Output: `Listing`, or `Unreadable`. Pure.

Where a few appointments of thousands have changed, to find those takes a fifth of the time of decoding all. A record
digest is 16 bytes: 8 that digest the record's id, and 8 that digest its very bytes. They are made only of replies in
which each record has an id of its own, a text; any other is decoded whole each time, as is one that is no strict JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from bookings_sync.api.replies import NUL, list_under

_HALF = 8
_WHOLE = 2 * _HALF

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
    return sha256(record_id.encode(errors="surrogatepass")).digest()[:_HALF]


def all_of(body: bytes) -> Listing:
    """Every record, decoded."""
    records = decode_all(body)
    return Listing(records, len(records))


def taken_apart(read: ReadRecords) -> Callable[[bytes], Listing]:
    """A decoder that reads records from their bytes."""
    return lambda body: _by_itself(body, lambda records: _whole(records, read))


def compared_with(known: bytes | None, read: ReadRecords) -> Callable[[bytes], Listing]:
    """A decoder that compares a list with the record digests of the last reply, if any, and makes its own; what is to
    be read, it reads from its bytes."""

    def look_at(records: Sequence[msgspec.Raw]) -> Listing | None:
        return _differing(records, known, read) or _whole(records, read, digested=True)

    return lambda body: _by_itself(body, look_at)


def _by_itself(body: bytes, look_at: Callable[[Sequence[msgspec.Raw]], Listing | None]) -> Listing:
    """What is found of the records, each as its bytes; all of them decoded, where they do not come apart so."""
    if NUL not in body:
        try:
            found = look_at(_split.decode(body).appointments)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = None
        if found is not None:
            return found
    return all_of(body)


def _whole(records: Sequence[msgspec.Raw], read: ReadRecords, *, digested: bool = False) -> Listing | None:
    """All of them; None where an id is no text, or stands twice."""
    whole = read(records)
    ids = _ids_of(whole)
    if not all(isinstance(each, str) for each in ids) or len(set(ids)) < len(ids):
        return None
    digests = _joined(map(id_digest, ids), map(_digest, records)) if digested else None
    return Listing(whole, len(records), digests)


def _differing(records: Sequence[msgspec.Raw], known: bytes | None, read: ReadRecords) -> Listing | None:
    """The records that are not among the known; None where those are most of them, an id is no text or stands twice."""
    if not known:
        return None
    known_ids = {known[at + _HALF : at + _WHOLE]: known[at : at + _HALF] for at in range(0, len(known), _WHOLE)}
    digests = [_digest(record) for record in records]
    differing = [record for record, digest in zip(records, digests, strict=True) if digest not in known_ids]
    if 2 * len(differing) > len(records):
        return None
    found = _whole(differing, read)
    if found is None:
        return None
    own = map(id_digest, _ids_of(found.records))
    ids = [known_ids[digest] if digest in known_ids else next(own) for digest in digests]
    listed = set(ids)
    if len(listed) < len(ids):
        return None
    return Listing(found.records, len(records), _joined(ids, digests), frozenset(known_ids.values()) - listed)


def _ids_of(records: Iterable[Any]) -> list[Any]:
    return [each for record in records for each in getattr(record, "ids", None) or [_id_of(record)]]


def _id_of(record: Any) -> Any:
    return record.get("id") if isinstance(record, dict) else None


def _digest(record: msgspec.Raw) -> bytes:
    return sha256(record).digest()[:_HALF]


def _joined(ids: Iterable[bytes], digests: Iterable[bytes]) -> bytes:
    return b"".join(half for both in zip(ids, digests, strict=True) for half in both)
