"""Reads appointments and contacts from their JSON bytes straight into columns.

Input:  the records of a list as bytes, split by `api.listing`; the API's names of the fields; the contact cache.
Output: `Plain` columns for records with fields of the expected types; the decoded JSON value for every other record.
        `decoding` makes the same rows from both.

Nearly all records are plain. msgspec reads plain records in chunks, in a fraction of the time that decoding each one to
a dict takes. msgspec refuses a field that it was not told about, so the reader learns the names of unknown fields as it
meets them and keeps their values for the column `extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa
from msgspec import UNSET
from msgspec.structs import astuple

from bookings_sync.records.columns import Fields, Key, Record, known_fields
from bookings_sync.records.digests import number_of
from bookings_sync.records.erased import NOBODY, Erased
from bookings_sync.records.field_names import AS_DECLARED, FieldNames
from bookings_sync.records.json_text import decode
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, TABLES, DataType, Table
from bookings_sync.records.values import LONGEST_ID, canonical, usable_id

_MISSING = msgspec.Raw(b"null")
"""The value of a field that a record does not have. Compared by identity: an explicit null is another object."""

_NO_CONTACT = number_of(b"null")

_CHUNK_SIZE = 500
"""Records. One record that is not plain sends its chunk to the slow path, and larger chunks outgrow the CPU's cache."""

_MAX_EXTRA_NAMES = 200
"""Field names beyond the known ones. If there are more, the API uses data as names, and learning them has no end."""

_SHORTEST_ID = 3
"""Characters. `decoding` decides about shorter ids, because "." and ".." cannot be part of a URL."""

TextHash = int
"""64 bits that identify a JSON text within one location."""


class HeldContacts(Protocol):
    """The part of the contact cache (`changes.contact_cache`) that readers use."""

    def holds(self, location_id: str, keys: Iterable[Key], texts: Iterable[TextHash]) -> list[bool]:
        """For each contact, whether the warehouse holds it with this JSON text."""


class EmbeddedContacts(NamedTuple):
    """The contacts of plain appointments. Each JSON text is read once, or skipped because the warehouse holds it."""

    texts: list[TextHash | None]
    """By appointment; None without a contact."""
    read: list[Plain | Any]
    read_texts: list[TextHash]
    """The texts of the contacts in `read`, in their order."""
    skipped: dict[TextHash, tuple[Key, msgspec.Raw]]
    """By text, the contact's key and its bytes."""


class Plain(NamedTuple):
    """Plain records that follow each other in a list; appointments with their contacts."""

    ids: list[str]
    fields: Fields
    contacts: EmbeddedContacts | None = None


def reader(
    location_id: str, known: HeldContacts, erased: Erased = NOBODY, names: FieldNames = AS_DECLARED
) -> Callable[[Sequence[msgspec.Raw]], list[Plain | Any]]:
    """A function that reads a location's appointments in their order, and skips contacts that are already held. Their
    fields have the API's `names`.

    Records with a contact that was `erased` come decoded: `decoding` clears them.

    The function raises msgspec's errors or ValueError if a record is not strict JSON.
    """

    def read(records: Sequence[msgspec.Raw]) -> list[Plain | Any]:
        found: list[Plain | Any] = []
        start = 0
        for each in _read(APPOINTMENTS, records, names):
            if not isinstance(each, Plain):
                found.append(each)
                start += 1
                continue
            contact_ids = each.fields.values["contactId"].to_pylist()  # type: ignore[union-attr]
            contacts = _contacts_of(each, contact_ids, location_id, known)
            named = _named_ids(contacts, contact_ids)
            if named is not None and not erased.any_of(location_id, named):
                plain = each if named is contact_ids else _with_contact_ids(each, named)
                found.append(plain._replace(contacts=contacts))
            else:
                found += (_decoded(record, names) for record in records[start : start + len(each.ids)])
            start += len(each.ids)
        return found

    return read


def _read(table: Table, records: Sequence[Any], names: FieldNames = AS_DECLARED) -> list[Plain | Any]:
    """Reads chunk by chunk. Plain chunks that follow each other become one `Plain`."""
    found: list[Plain | Any] = []
    plain: list[Plain] = []
    for start in range(0, len(records), _CHUNK_SIZE):
        chunk = records[start : start + _CHUNK_SIZE]
        read = _read_chunk(table, chunk, names)
        if read is not None:
            plain.append(read)
        else:
            found += [*_concatenated(plain), *(_decoded(record, names) for record in chunk)]
            plain = []
    return found + _concatenated(plain)


def _decoded(record: Any, names: FieldNames) -> Any:
    return names.renamed(decode(bytes(record)))


def _concatenated(chunks: list[Plain]) -> list[Plain]:
    """The chunks as at most one."""
    if len(chunks) < 2:
        return chunks
    columns = zip(*(chunk.fields.values.values() for chunk in chunks), strict=True)
    joined = [pa.concat_arrays(each) if isinstance(each[0], pa.Array) else [*chain(*each)] for each in columns]
    values = dict(zip(chunks[0].fields.values, joined, strict=True))
    extras = [*chain(*(chunk.fields.extras for chunk in chunks))]
    return [Plain([*chain(*(chunk.ids for chunk in chunks))], Fields(values, extras))]


def _contacts_of(
    appointments: Plain, contact_ids: Sequence[str | None], location_id: str, known: HeldContacts
) -> EmbeddedContacts:
    bodies = appointments.fields.values["contact"]
    if bodies.count(_MISSING) == len(bodies):  # an API that lists contacts on their own
        return EmbeddedContacts([None] * len(bodies), [], [], {})
    keys = zip(contact_ids)
    hashes = map(number_of, bodies)
    texts: list[TextHash | None] = [None if text == _NO_CONTACT else text for text in hashes]
    by_text = zip(texts, zip(keys, bodies, strict=True), strict=True)
    skipped: dict[TextHash, tuple[Key, msgspec.Raw]] = {text: each for text, each in by_text if text is not None}
    held = known.holds(location_id, (key for key, _ in skipped.values()), skipped)
    new = [text for text, is_held in zip(skipped, held, strict=True) if not is_held]
    read = _read(CONTACTS, [skipped.pop(text)[1] for text in new])
    return EmbeddedContacts(texts, read, new, skipped)


def _named_ids(contacts: EmbeddedContacts, contact_ids: list[str | None]) -> list[str | None] | None:
    """The contact of each appointment: the id that it names, else its contact's own. None if the two differ, or if a
    contact has no id. A contact that is held has the id that the appointment names."""
    if not contacts.read and not contacts.skipped and "" not in contact_ids:
        return contact_ids
    ids: dict[TextHash | None, str | None] = {text: key[0] for text, (key, _) in contacts.skipped.items()}
    texts = iter(contacts.read_texts)
    for each in contacts.read:
        if isinstance(each, Plain):
            ids.update(zip(islice(texts, len(each.ids)), each.ids, strict=True))
        elif isinstance(each, dict):
            ids[next(texts)] = usable_id(each.get("id"))
        else:
            next(texts)  # no contact at all: `decoding` rejects it
    own_ids = list(map(ids.get, contacts.texts))
    if own_ids == contact_ids:
        return contact_ids
    found: list[str | None] = []
    for own, named, text in zip(own_ids, contact_ids, contacts.texts, strict=True):
        if text is None or text not in ids or own == named or (named is None and own):
            found.append(named or own)
        else:
            return None
    return found


def _with_contact_ids(appointments: Plain, contact_ids: list[str | None]) -> Plain:
    values = {**appointments.fields.values, "contactId": pa.array(contact_ids, pa.string())}
    return appointments._replace(fields=appointments.fields._replace(values=values))


def _read_chunk(table: Table, records: Sequence[Any], names: FieldNames = AS_DECLARED) -> Plain | None:
    """The records as columns; None unless all of them are plain."""
    layout, lines = _layout_of(table.name, names), b"\n".join(records)
    read: list[Any] | None = None
    while read is None:
        try:
            read = layout.decode_lines(lines)
        except msgspec.ValidationError:  # an unknown field, or a field of another type
            extended = layout.extended(records)
            if extended is None:
                return None
            layout = _layouts[table.name, names] = extended
    columns = dict(zip(layout.read_names, zip(*map(astuple, read), strict=True), strict=True))
    ids = columns["id"]
    if not all(each and _SHORTEST_ID <= len(each) <= LONGEST_ID for each in ids):
        return None
    values = {source: layout.values(source, columns, len(ids)) for source in layout.fields}
    extras: list[Record] = [{} for _ in ids]
    found = [name for name in layout.extra_names if any(raw is not _MISSING for raw in columns[name])]
    kept_as = [names.of_extra(name) for name in found]
    if len(set(kept_as)) < len(kept_as):
        return None
    for name, kept in zip(found, kept_as, strict=True):
        for extra, value in zip(extras, _json_values(columns[name]), strict=True):
            if value is not None:
                extra[kept] = value
    return Plain(list(ids), Fields(values, [extra or None for extra in extras]))


# -- from JSON values to columns ---------------------------------------------------------------------------------------


def _json_values(column: Sequence[msgspec.Raw]) -> list[Any]:
    """The JSON values of a field. Decoding them as one list takes a fraction of the time of decoding each one."""
    values: list[Any] = decode(b"[" + b",".join(column) + b"]")
    return values


def _canonical_text(raw: msgspec.Raw) -> str | None:
    """The canonical text of a JSON value. Short values, such as tags, repeat often."""
    body = bytes(raw)
    return _short_canonical_text(body) if len(body) < _MAX_CACHED_BYTES else _new_canonical_text(body)


def _new_canonical_text(body: bytes) -> str | None:
    value = decode(body)
    return None if value is None else canonical(value).decode()


_MAX_CACHED_BYTES = 200
_short_canonical_text = lru_cache(10_000)(_new_canonical_text)

Converter = Callable[[Sequence[Any]], Any]
"""Turns a field's values into what `Fields` holds."""

_TEXT, _BOOL = (str | None, None), (bool | None, None)
_BYTES = (msgspec.Raw, _MISSING)
_TEXT_OR_UNSET = (str | msgspec.UnsetType | None, UNSET)
ReadAs = tuple[Any, Any]
"""The type that msgspec reads, and the value of a missing field."""

_READ_AS: dict[DataType, tuple[ReadAs, Converter]] = {
    "text": (_TEXT, partial(pa.array, type=pa.string())),
    "timestamp": (_TEXT, partial(pa.array, type=pa.string())),
    "bool": (_BOOL, partial(pa.array, type=pa.bool_())),
    "json": (_BYTES, lambda raws: pa.array(list(map(_canonical_text, raws)), pa.string())),
}
"""By the type of a column, how its field is read."""


class _Layout(NamedTuple):
    """How msgspec reads the records of a table under an API's names: first the known fields, then the extra ones learnt
    so far."""

    table: str
    names: FieldNames
    fields: dict[str, tuple[ReadAs, Converter]]
    """The known fields, by the sources of the table's columns."""
    unset: frozenset[str]
    """The API's names of texts that are read as UNSET if missing, because another name or a default replaces them."""
    read_names: tuple[str, ...]
    """The API's names, in the order of msgspec's fields."""
    extra_names: tuple[str, ...]
    decode_lines: Callable[[bytes], list[Any]]

    @classmethod
    def of(cls, table: str, names: FieldNames, extra_names: Sequence[str] = ()) -> _Layout:
        fields: dict[str, tuple[ReadAs, Converter]] = dict.fromkeys(known_fields(table), (_BYTES, _json_values))
        fields |= {column.source: _READ_AS[column.type] for column in TABLES[table].columns if column.source}
        if "contact" in fields:
            fields["contact"] = _BYTES, list  # `_contacts_of` decodes contacts
        unset = {name for source in fields if len(names.of(source)) > 1 for name in names.of(source)}
        if names.status_of_blocked is not None:
            unset |= {*names.of("status")}
        read_as = {
            name: _TEXT_OR_UNSET if name in unset else fields[each][0] for each in fields for name in names.of(each)
        }
        read_as |= dict.fromkeys(extra_names, _BYTES)
        record = msgspec.defstruct(
            "Record",
            [(f"f{number}", *each) for number, each in enumerate(read_as.values())],
            rename={f"f{number}": name for number, name in enumerate(read_as)},
            forbid_unknown_fields=True,
            gc=False,
        )
        decode_lines = msgspec.json.Decoder(record).decode_lines
        return cls(table, names, fields, frozenset(unset), tuple(read_as), tuple(extra_names), decode_lines)

    def values(self, source: str, columns: Mapping[str, Sequence[Any]], size: int) -> Any:
        """A known field of records that have these columns under the API's names, as `Fields` holds it."""
        (_, missing), convert = self.fields[source]
        names = self.names.of(source)
        found, *others = [columns[name] for name in names] or [[missing] * size]
        for other in others:
            found = [second if first is UNSET else first for first, second in zip(found, other, strict=True)]
        if source == "status" and (status := self.names.status_of_blocked) is not None:
            contacts = zip(found, columns["contactId"], strict=True)
            found = [status if each is UNSET and contact is None else each for each, contact in contacts]
        if not self.unset.isdisjoint(names):
            found = [None if each is UNSET else each for each in found]
        return convert(found)

    def extended(self, records: Sequence[Any]) -> _Layout | None:
        """A layout that also reads the new names in these records; None if there are none, or names it cannot read."""
        try:
            names = {name for record in records for name in _fields_of(record)}
        except msgspec.ValidationError:  # a record that is not an object
            return None
        new = sorted(names.difference(self.read_names))
        extra_names = [*self.extra_names, *new]
        if not new or len(extra_names) > _MAX_EXTRA_NAMES or any(set(name) & _REFUSED_IN_NAMES for name in new):
            return None
        return _Layout.of(self.table, self.names, extra_names)


_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_REFUSED_IN_NAMES = frozenset({'"', "\\", *map(chr, range(32))})
"""Characters that msgspec refuses in the name of a field."""

_layouts: dict[tuple[str, FieldNames], _Layout] = {}
"""The newest layouts. If two threads extend a layout at once, one extension is lost and learnt again."""


def _layout_of(table: str, names: FieldNames) -> _Layout:
    layout = _layouts.get((table, names))
    if layout is None:
        layout = _layouts[table, names] = _Layout.of(table, names)
    return layout
