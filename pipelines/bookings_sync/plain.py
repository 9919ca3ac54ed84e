"""Plain records: those that are as the API documents them, read a whole list at a time straight into Arrow.

Input:  the records of a list, each as its bytes (`api.listing` takes a list apart).
Output: `Plain` for as many as are plain, with their contacts; the decoded record for any other.

Nearly all records are plain. Arrow reads a list of them in a fraction of what it takes to decode each into a dict, and
a contact who stands in many appointments is read for the first of them. Arrow does not see fields that it was not told
of, nor what makes a record no strict JSON inside a contact: so each record is looked over for those by msgspec first,
which keeps unknown fields for `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from bookings_sync.api.replies import decode
from bookings_sync.columns import LONGEST_ID, Fields, Key, Record, known_fields
from bookings_sync.tables import APPOINTMENTS, CONTACTS, TABLES, DataType, Table

_TYPES: dict[DataType, pa.DataType] = {"text": pa.string(), "timestamp": pa.string(), "bool": pa.bool_()}
"""Of the fields that Arrow reads: the others stay bytes."""

_PART = 256
"""Records that are tried together where the list as a whole is not plain."""

_SHORTEST_ID = 3
"""What could be "." or ".." is left to `records`, which knows what can be asked for."""

_NOTHING = msgspec.Raw(b"null")

Text = int
"""Tells one text from another, within a location: 64 bits of it."""


class Embedded(NamedTuple):
    """The contacts that stand in records.

    `ids` and `texts` are each record's, None where it names or has none; `opened` are those, each text once, that were
    not known to be held, and `opened_texts` what they came as; `left` are the bytes of the others.
    """

    ids: list[str | None]
    texts: list[Text | None]
    opened: list[Plain | Any]
    opened_texts: list[Text]
    left: dict[Text, bytes]


class Plain(NamedTuple):
    """Records that stand one behind the other in a list and whose fields all are of their columns' types; appointments
    with their contacts."""

    ids: list[str]
    fields: Fields
    contacts: Embedded | None = None


def reader(
    location_id: str, is_held: Callable[[str, Key, Text], bool]
) -> Callable[[Sequence[msgspec.Raw]], list[Plain | Any]]:
    """Reads one location's appointments, in their order. A contact whose text is known to say what is held, is not.

    Raises msgspec's errors and ValueError where a record is not strict JSON.
    """

    def read(records: Sequence[msgspec.Raw]) -> list[Plain | Any]:
        return _parts(records, lambda part: _appointments(part, location_id, is_held))

    return read


def _parts(records: Sequence[Any], read: Callable[[Sequence[Any]], Plain | None]) -> list[Plain | Any]:
    """All as one, where all are plain; else part by part, and those of a part that is not, decoded."""
    if not records:
        return []
    whole = read(records)
    if whole is not None:
        return [whole]
    if len(records) <= _PART:
        return [decode(bytes(record)) for record in records]
    parts = (records[at : at + _PART] for at in range(0, len(records), _PART))
    return [each for part in parts for each in _parts(part, read)]


def _appointments(
    records: Sequence[msgspec.Raw], location_id: str, is_held: Callable[[str, Key, Text], bool]
) -> Plain | None:
    found = _plain(APPOINTMENTS, records)
    if found is None:
        return None
    contacts = found.fields.values["contact"]
    ids: list[str | None] = found.fields.values["contactId"].to_pylist()  # type: ignore[union-attr]
    texts: list[Text | None] = []
    unread: dict[Text, bytes] = {}
    left: dict[Text, bytes] = {}
    for contact_id, raw in zip(ids, contacts, strict=True):
        if raw is None:
            texts.append(None)
            continue
        body = bytes(raw)
        text = hash((location_id, body))
        texts.append(text)
        if text not in unread and text not in left:
            (left if is_held(location_id, (contact_id,), text) else unread)[text] = body
    opened = _parts(list(unread.values()), lambda part: _plain(CONTACTS, part))
    return found._replace(contacts=Embedded(ids, texts, opened, list(unread), left))


def _plain(table: Table, records: Sequence[Any]) -> Plain | None:
    """The records, where all are plain."""
    import pyarrow.json  # it takes long to import, and a sync that finds nothing new needs it not

    form = _form(table.name)
    kept: list[Any] = []
    extras: list[Record | None] = []
    for record in records:
        try:
            kept.append(form.kept_of(form.strict(record)))
            extras.append(None)
        except msgspec.ValidationError:
            try:
                kept.append(form.kept_of(form.lenient(record)))
            except msgspec.ValidationError:  # no object
                return None
            extras.append(_beyond(record, form.known))
    body = b"\n".join(records)
    try:
        read = pyarrow.json.read_json(
            pa.BufferReader(body),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            pyarrow.json.ParseOptions(form.schema, newlines_in_values=True, unexpected_field_behavior="ignore"),
        )
        read.validate(full=True)  # that texts are UTF-8, for one
    except pa.ArrowInvalid:
        return None
    ids: list[str | None] = read["id"].to_pylist()
    if len(ids) != len(records) or not all(each and _SHORTEST_ID <= len(each) <= LONGEST_ID for each in ids):
        return None
    values: dict[str, Any] = {name: read[name].combine_chunks() for name in read.column_names}
    for name, of_records in zip(form.kept, zip(*kept, strict=True), strict=False):
        raws = [None if raw == _NOTHING else raw for raw in of_records]
        values[name] = raws if name == "contact" else list(map(_decoded, raws))
    return Plain(ids, Fields(values, extras))  # type: ignore[arg-type]


def _decoded(raw: msgspec.Raw | None) -> Any:
    if raw is None:
        return None
    body = bytes(raw)
    return [] if body == b"[]" else decode(body)


_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _beyond(record: Any, known: frozenset[str]) -> Record | None:
    """The fields that no column names."""
    unknown = {name: decode(bytes(raw)) for name, raw in _by_name(record).items() if name not in known}
    return {name: value for name, value in unknown.items() if value is not None} or None


class _Form(NamedTuple):
    """How a table's records are read: by Arrow the fields of `schema`; by msgspec, which refuses (`strict`) or passes
    over (`lenient`) what is not `known`, those that are `kept` as bytes."""

    schema: pa.Schema
    strict: Callable[[Any], Any]
    lenient: Callable[[Any], Any]
    kept: tuple[str, ...]
    kept_of: Callable[[Any], tuple[Any, ...]]
    known: frozenset[str]


@cache
def _form(table_name: str) -> _Form:
    types = {column.source: _TYPES.get(column.type) for column in TABLES[table_name].columns if column.source}
    names = tuple(known_fields(table_name))
    kept = tuple(name for name in names if types.get(name) is None)
    raws: list[Any] = [(name, msgspec.Raw, _NOTHING) for name in names]
    end = {"end": None}  # for attrgetter gives no tuple for one name alone
    strict = msgspec.defstruct("Record", raws, namespace=end, forbid_unknown_fields=True, gc=False)
    some = [each for each in raws if each[0] in kept]
    lenient = msgspec.defstruct("RecordAndMore", some, namespace=end, gc=False)
    return _Form(
        pa.schema([(name, types[name]) for name in names if name not in kept]),
        msgspec.json.Decoder(strict).decode,
        msgspec.json.Decoder(lenient).decode,
        kept,
        attrgetter(*kept, *end),
        frozenset(names),
    )
