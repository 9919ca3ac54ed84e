"""Listing: the records of a list of appointments, all of them or only those that differ from the last reply's.

Input:  a body, and the record digests of the last reply for the same window; and what reads one record.
Output: `Listing`, or `Unreadable`. Pure.

Where a few appointments of thousands have changed, to find those takes a fifth of the time of decoding all. A record
digest is 16 bytes: 8 that digest the record's id, and 8 that digest its very bytes. They are made only of replies in
which each record has an id of its own, a text; any other is decoded whole each time, as is one that is no strict JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from bookings_sync.api.replies import is_plain, list_under

_HALF = 8
_WHOLE = 2 * _HALF

decode_all = list_under("appointments")


ReadRecord = Callable[[msgspec.Raw], Any]
"""Reads one record into a dict, or into whatever has its `id`. Raises msgspec's errors or ValueError."""


class Listing(NamedTuple):
    """What a list says.

    `records` are all of its `size` records where `gone` is None; else those alone that differ from the last reply's,
    and `gone` has the `id_digest` of each that was listed then and is no more. `digests` are the record digests in
    order, joined; None where there are none.
    """

    records: list[Any]
    size: int
    digests: bytes | None = None
    gone: frozenset[bytes] | None = None


class _Body(msgspec.Struct):
    appointments: list[msgspec.Raw]


_split = msgspec.json.Decoder(_Body)


def id_digest(record_id: str) -> bytes:
    return blake2b(record_id.encode(errors="surrogatepass"), digest_size=_HALF).digest()


def all_of(body: bytes) -> Listing:
    """Every record, decoded."""
    records = decode_all(body)
    return Listing(records, len(records))


def taken_apart(read: ReadRecord) -> Callable[[bytes], Listing]:
    """A decoder that reads each record by itself."""
    return lambda body: _by_itself(body, lambda records: _whole(records, read))


def compared_with(known: bytes | None, read: ReadRecord) -> Callable[[bytes], Listing]:
    """A decoder that compares a list with the record digests of the last reply, if any, and makes its own; what is to
    be read, it reads by itself."""

    def look_at(records: Sequence[msgspec.Raw]) -> Listing | None:
        return _differing(records, known, read) or _whole(records, read, digested=True)

    return lambda body: _by_itself(body, look_at)


def _by_itself(body: bytes, look_at: Callable[[Sequence[msgspec.Raw]], Listing | None]) -> Listing:
    """What is found of the records, each as its bytes; all of them decoded, where they do not come apart so."""
    if is_plain(body):
        try:
            found = look_at(_split.decode(body).appointments)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            found = None
        if found is not None:
            return found
    return all_of(body)


def _whole(records: Sequence[msgspec.Raw], read: ReadRecord, *, digested: bool = False) -> Listing | None:
    """All of them; None where an id is no text, or stands twice."""
    whole = [read(record) for record in records]
    ids = [_id_of(record) for record in whole]
    if not all(isinstance(each, str) for each in ids) or len(set(ids)) < len(ids):
        return None
    digests = _joined(map(id_digest, ids), map(_digest, records)) if digested else None
    return Listing(whole, len(whole), digests)


def _differing(records: Sequence[msgspec.Raw], known: bytes | None, read: ReadRecord) -> Listing | None:
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
    own = iter([id_digest(_id_of(record)) for record in found.records])
    ids = [known_ids[digest] if digest in known_ids else next(own) for digest in digests]
    listed = set(ids)
    if len(listed) < len(ids):
        return None
    return Listing(found.records, len(records), _joined(ids, digests), frozenset(known_ids.values()) - listed)


def _id_of(record: Any) -> Any:
    return record.get("id") if isinstance(record, dict) else getattr(record, "id", None)


def _digest(record: msgspec.Raw) -> bytes:
    return blake2b(record, digest_size=_HALF).digest()


def _joined(ids: Iterable[bytes], digests: Iterable[bytes]) -> bytes:
    return b"".join(half for both in zip(ids, digests, strict=True) for half in both)
