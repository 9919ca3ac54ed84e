"""Plain records: those that are as the API documents them, read by hundreds into columns.

Input:  the records of a list, each as its bytes (`api.listing` takes a list apart).
Output: `Plain` for as many as are plain, with their contacts; the decoded record for any other.

Nearly all records are plain. msgspec reads them straight into the fields of their columns, in a fraction of what it
takes to make a dict of each and to look at its values one by one; and a contact who stands in many appointments is read
for the first of them. What no column names stays bytes, for `extra`: the reader learns those names as it meets them,
for msgspec tells an unknown field from a known one only by refusing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from bookings_sync.records.columns import Fields, Key, Record, known_fields
from bookings_sync.records.digests import number_of
from bookings_sync.records.json_text import decode
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, TABLES, DataType, Table
from bookings_sync.records.values import LONGEST_ID, canonical

_NOTHING = msgspec.Raw(b"null")
"""What stands for a field that is not there: this very object."""

_NO_CONTACT = number_of(b"null")

_PART = 500
"""Records that are read at a time."""

_MOST_UNNAMED = 200
"""Names of fields that no column names. Where there are more, they are no names but data."""

_SHORTEST_ID = 3
"""What could be "." or ".." is left to `records`, which knows what can be asked for."""

Text = int
"""Tells one text from another, within a location: 64 bits of it."""


class HeldContacts(Protocol):
    """What is known of the contacts that are held: `changes.contact_cache`."""

    def holds(self, location_id: str, keys: Iterable[Key], texts: Iterable[Text]) -> list[bool]:
        """Of each key, whether its row is known to be held as the text beside it says."""


class Embedded(NamedTuple):
    """The contacts that stand in records.

    `texts` is each record's, None where it has no contact; `opened` are those, each text once, that were not known to
    be held, and `opened_texts` what they came as; `left` are the others, by their texts: their keys, and their bytes.
    """

    texts: list[Text | None]
    opened: list[Plain | Any]
    opened_texts: list[Text]
    left: dict[Text, tuple[Key, msgspec.Raw]]


class Plain(NamedTuple):
    """Records that stand one behind the other in a list and whose fields all are of their columns' types; appointments
    with their contacts."""

    ids: list[str]
    fields: Fields
    contacts: Embedded | None = None


def reader(location_id: str, known: HeldContacts) -> Callable[[Sequence[msgspec.Raw]], list[Plain | Any]]:
    """Reads one location's appointments, in their order. A contact whose text is known to say what is held, is not.

    Raises msgspec's errors and ValueError where a record is not strict JSON.
    """

    def read(records: Sequence[msgspec.Raw]) -> list[Plain | Any]:
        found = _parts(APPOINTMENTS, records)
        return [
            each._replace(contacts=_embedded(each, location_id, known)) if isinstance(each, Plain) else each
            for each in found
        ]

    return read


def _parts(table: Table, records: Sequence[Any]) -> list[Plain | Any]:
    """As one where all are plain; those of a part that is not, decoded. What becomes of a part fits into a processor's
    cache: as a whole it would take half as long again.
    """
    found: list[Plain | Any] = []
    plain: list[Plain] = []
    for at in range(0, len(records), _PART):
        part = records[at : at + _PART]
        read = _plain(table, part)
        if read is not None:
            plain.append(read)
            continue
        found += [*_joined(plain), *(decode(bytes(record)) for record in part)]
        plain = []
    return found + _joined(plain)


def _joined(parts: list[Plain]) -> list[Plain]:
    """Parts that stand one behind the other, as one, if any."""
    if len(parts) < 2:
        return parts
    of_parts = zip(*(part.fields.values.values() for part in parts), strict=True)
    joined = [pa.concat_arrays(each) if isinstance(each[0], pa.Array) else [*chain(*each)] for each in of_parts]
    values = dict(zip(parts[0].fields.values, joined, strict=True))
    extras = [*chain(*(part.fields.extras for part in parts))]
    return [Plain([*chain(*(part.ids for part in parts))], Fields(values, extras))]


def _embedded(found: Plain, location_id: str, known: HeldContacts) -> Embedded:
    """The contacts of these appointments."""
    bodies = found.fields.values["contact"]
    keys = zip(found.fields.values["contactId"].to_pylist())  # type: ignore[union-attr]
    texts: list[Text | None] = [None if (text := number_of(body)) == _NO_CONTACT else text for body in bodies]
    of_texts = zip(texts, zip(keys, bodies, strict=True), strict=True)
    left: dict[Text, tuple[Key, msgspec.Raw]] = {text: each for text, each in of_texts if text is not None}
    held = known.holds(location_id, (key for key, _ in left.values()), left)
    unread = {text: left.pop(text)[1] for text, is_held in zip(list(left), held, strict=True) if not is_held}
    return Embedded(texts, _parts(CONTACTS, list(unread.values())), list(unread), left)


def _plain(table: Table, records: Sequence[Any]) -> Plain | None:
    """The records, where all are plain."""
    form, lines = _forms[table.name], b"\n".join(records)
    read: list[Any] | None = None
    while read is None:
        try:
            read = form.decode_lines(lines)
        except msgspec.ValidationError:
            learnt = form.learnt_from(records)
            if learnt is None:  # a field of another type, say
                return None
            form = _forms[table.name] = learnt
    columns = list(zip(*map(astuple, read), strict=True))
    values = {name: read(column) for name, read, column in zip(form.names, form.reads, columns, strict=False)}
    ids = columns[form.names.index("id")]
    if not all(each and _SHORTEST_ID <= len(each) <= LONGEST_ID for each in ids):
        return None
    extras: list[Record | None] = [None] * len(ids)
    for name, column in zip(form.unnamed, columns[len(form.reads) :], strict=True):
        for position, raw in enumerate(column):
            if raw is not _NOTHING and (value := _decoded(raw)) is not None:
                extras[position] = {**(extras[position] or {}), name: value}
    return Plain(list(ids), Fields(values, extras))


def _decoded(raw: msgspec.Raw) -> Any:
    if raw is _NOTHING:
        return None
    body = bytes(raw)
    return [] if body == b"[]" else decode(body)


def _written(raw: msgspec.Raw) -> str | None:
    """A JSON value as its column holds it: the same few come again and again, of tags for one."""
    body = bytes(raw)
    return _written_often(body) if len(body) < _SHORT else _written_once(body)


def _written_once(body: bytes) -> str | None:
    value = decode(body)
    return None if value is None else canonical(value).decode()


_SHORT = 200
_written_often = lru_cache(10_000)(_written_once)


_TEXTS, _BOOLS = (str | None, None), (bool | None, None)
_AS_BYTES = (msgspec.Raw, _NOTHING)
"""How msgspec reads a field, and what it gives where there is none."""

_FIELDS: dict[DataType, tuple[tuple[Any, Any], Callable[[Sequence[Any]], Any]]] = {
    "text": (_TEXTS, partial(pa.array, type=pa.string())),
    "timestamp": (_TEXTS, partial(pa.array, type=pa.string())),
    "bool": (_BOOLS, partial(pa.array, type=pa.bool_())),
    "json": (_AS_BYTES, lambda raws: pa.array(list(map(_written, raws)), pa.string())),
}
"""How the field of a column is read, by the column's type, and what becomes of its values."""


class _Form(NamedTuple):
    """How the lists of a table are read. `names` are the fields, those that columns name before the `unnamed`; `reads`
    make of the former's values what `Fields` holds. `decode_lines` gives records whose fields are in that order.
    """

    table: str
    names: tuple[str, ...]
    reads: tuple[Callable[[Sequence[Any]], Any], ...]
    decode_lines: Callable[[bytes], list[Any]]

    @classmethod
    def of(cls, table: str, unnamed: Sequence[str] = ()) -> _Form:
        whole = (_AS_BYTES, lambda raws: list(map(_decoded, raws)))
        fields = dict.fromkeys(known_fields(table), whole)
        fields |= {each.source: _FIELDS[each.type] for each in TABLES[table].columns if each.source}
        if "contact" in fields:
            fields["contact"] = _AS_BYTES, list
        names = (*fields, *unnamed)
        as_read = [*(how for how, _ in fields.values()), *(_AS_BYTES for _ in unnamed)]
        record = msgspec.defstruct(
            "Record",
            [(f"f{number}", *how) for number, how in enumerate(as_read)],
            rename={f"f{number}": name for number, name in enumerate(names)},
            forbid_unknown_fields=True,
            gc=False,
        )
        return cls(table, names, tuple(read for _, read in fields.values()), msgspec.json.Decoder(record).decode_lines)

    @property
    def unnamed(self) -> tuple[str, ...]:
        return self.names[len(self.reads) :]

    def learnt_from(self, records: Sequence[Any]) -> _Form | None:
        """One that knows of the names in these records, too; None where none is new, or there are too many."""
        try:
            names = {name for record in records for name in _by_name(record)}
        except msgspec.ValidationError:  # no object
            return None
        new = sorted(names.difference(self.names))
        unnamed = [*self.unnamed, *new]
        if not new or len(unnamed) > _MOST_UNNAMED or any(set(name) & _NO_NAME for name in new):
            return None
        return _Form.of(self.table, unnamed)


_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_NO_NAME = frozenset({'"', "\\", *map(chr, range(32))})
"""What msgspec takes in no field's name."""

_forms = {table.name: _Form.of(table.name) for table in (APPOINTMENTS, CONTACTS)}
"""As far as the names of their records are known. More than one thread may learn at a time: what one forgets of the
other's, is learnt again."""
