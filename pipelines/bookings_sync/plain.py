"""Plain records: appointments as the API documents them, read straight into rows.

Input:  one record of a list, as its bytes (`api.listing` takes a list apart).
Output: `Plain`: its id, its row of `columns.Values`, what no column names, and its contact, not decoded where that very
        text is known to say what is held; or the decoded record itself, where a field is not of its column's type.

Nearly all records are plain. To read one so takes half of what it takes to decode it into a dict and look for its
columns there; and a contact who stands in many appointments is decoded for the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson

from bookings_sync.api.replies import decode
from bookings_sync.columns import LONGEST_ID, Key, Record, known_fields, sources
from bookings_sync.tables import APPOINTMENTS, Column

_TYPES = {"text": str | None, "timestamp": str | None, "bool": bool | None}
_NOTHING = msgspec.Raw(b"null")
# What could be "." or ".." is left to `records`, which knows what can be asked for.
_Id = Annotated[str, msgspec.Meta(min_length=3, max_length=LONGEST_ID)]


class Plain(NamedTuple):
    """A record whose fields all are of their columns' types.

    `contact` is what stands under that name, decoded, or the bytes of it where that need not be; `text` tells one text
    of it from another, within a location: None where it is null.
    """

    id: str
    contact_id: str | None
    row: tuple[Any, ...]
    extra: Record | None
    text: int | None
    contact: Any

    def opened(self) -> Any:
        """The contact, decoded."""
        return orjson.loads(bytes(self.contact)) if isinstance(self.contact, msgspec.Raw) else self.contact


def reader(location_id: str, is_held: Callable[[str, Key, int], bool]) -> Callable[[msgspec.Raw], Plain | Record]:
    """Reads one location's appointments. A contact whose text is known to say what is held, is not decoded.

    Raises msgspec's errors and ValueError where the record is not strict JSON.
    """
    strict, lenient, row_of, known = _decoders()

    def read(record: msgspec.Raw) -> Plain | Record:
        extra: Record | None = None
        try:
            fields = strict(record)
        except msgspec.ValidationError:
            try:
                fields = lenient(record)
            except msgspec.ValidationError:
                whole: Record = decode(bytes(record))
                return whole
            unknown = {name: orjson.loads(bytes(raw)) for name, raw in _by_name(record).items() if name not in known}
            extra = {name: value for name, value in unknown.items() if value is not None} or None
        raw = fields.contact
        text, contact, row = None, None, row_of(fields)
        if raw != _NOTHING:
            body = bytes(raw)
            text = hash((location_id, body))
            contact = raw if is_held(location_id, (fields.contactId,), text) else orjson.loads(body)
        return Plain(fields.id, fields.contactId, row, extra, text, contact)

    return read


_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@cache
def _decoders() -> tuple[Callable[..., Any], Callable[..., Any], attrgetter[Any], Container[str]]:
    """What reads a record that has known fields alone, and one with others too; and what makes its row."""
    columns: dict[str, Column] = {column.source: column for column in APPOINTMENTS.columns if column.source}
    types: dict[str, Any] = {field: _TYPES[columns[field].type] for field in sources(APPOINTMENTS.name)}
    fields: list[Any] = [("id", _Id), *((field, each, None) for field, each in types.items())]
    fields.append(("contact", msgspec.Raw, _NOTHING))
    end = {"end_of_row": None}  # as `columns` ends the row of any record
    strict = msgspec.defstruct("Appointment", fields, namespace=end, forbid_unknown_fields=True, gc=False)
    lenient = msgspec.defstruct("AppointmentAndMore", fields, namespace=end, gc=False)
    return (
        msgspec.json.Decoder(strict).decode,
        msgspec.json.Decoder(lenient).decode,
        attrgetter(*types, *end),
        frozenset(known_fields(APPOINTMENTS.name)),
    )
