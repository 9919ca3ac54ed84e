"""The fields of v2's events and contacts, under the names that `records.tables` reads.

Input:  records as v2 sends them; their values decoded or still JSON texts.
Output: the same values under the first API's names. A field that no column holds keeps its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import msgspec

from bookings_sync.records.json_text import Record, Unreadable, decode
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, Table
from bookings_sync.records.values import canonical

V = TypeVar("V")

_MOST_SHAPES = 1_000
"""Orders of fields to remember. If there are more, the API uses data as names."""


@dataclass(frozen=True)
class Fields:
    """Where v2 has the fields of a table. `found_in` has, for each field that v2 calls otherwise, v2's names: the first
    one that a record has counts. The columns that are `alike` have the same values in both APIs."""

    table: Table
    found_in: Mapping[str, tuple[str, ...]]
    alike: Collection[str]

    def renamed(self, record: Mapping[str, V]) -> dict[str, V]:
        """The record under the first API's names. A v2 field with the name of another field of the table, which says
        something else, becomes `other` and its name."""
        names = tuple(record)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shape(names)
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[names] = shape
        return {field: record[name] for field, name in shape}

    def _shape(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """For a record with these fields in this order: the fields to give it, and the field of each one's value."""
        kept = [(self._other_names.get(name, name), name) for name in names if name not in self._used]
        found = {
            field: next((each for each in others if each in names), None) for field, others in self.found_in.items()
        }
        return kept + [(field, name) for field, name in found.items() if name is not None]

    @cached_property
    def _shapes(self) -> dict[tuple[str, ...], list[tuple[str, str]]]:
        """What was worked out for each order of fields. A list has few of them."""
        return {}

    @cached_property
    def _used(self) -> frozenset[str]:
        return frozenset(name for names in self.found_in.values() for name in names)

    @cached_property
    def _other_names(self) -> dict[str, str]:
        """v2's fields whose name means another field in the table."""
        return {each: f"other{each[0].upper()}{each[1:]}" for each in self.found_in if each not in self._used}

    @property
    def columns(self) -> dict[str, str]:
        """What v2 fills the table's columns with."""
        found = {
            column.name: " or ".join(self.found_in[source])
            for column in self.table.columns
            if (source := (column.derived.source if column.derived else column.source) or "") in self.found_in
        }
        return of_v2(self.table, found, self.alike)


def of_v2(table: Table, found: Mapping[str, str], alike: Collection[str]) -> dict[str, str]:
    """What v2 fills the columns with, as `Dialect.columns` has it, except the columns that are `alike` in both APIs.

    Only a difference in what is alike counts as a change when a location moves to v2. All other columns may differ
    although nothing changed: v2 lacks the field, or writes it in another form (UNK).
    """
    return {
        f"{table.name}.{column.name}": f"v2 {found.get(column.name, column.source or '')}"
        for column in table.columns
        if column.name not in alike and column.name not in STAMPED and column.name not in table.key
    }


EVENTS = Fields(
    APPOINTMENTS,
    {
        "calendarServiceId": ("calendarId",),
        "calendarProviderId": ("groupId",),
        "calendarId": (),  # a member's own calendar: none in v2
        "userId": ("assignedUserId",),
        "assignedUserId": ("assignedUserId",),
        "appoinmentStatus": ("appoinmentStatus", "appointmentStatus"),
        "appointmentStatus": ("appointmentStatus", "appoinmentStatus"),
        "createdAt": ("dateAdded",),
        "updatedAt": ("dateUpdated",),
    },
    alike=("start_time", "end_time", "contact_id"),
)
"""Both spellings of the attendance occur in v2's replies (CODE), with the same meaning, so both columns get it."""

CONTACT_FIELDS = Fields(
    CONTACTS, {"customField": ("customFields",)}, alike=("email", "first_name", "last_name", "phone")
)


def texts_under(name: str) -> Callable[[bytes], list[msgspec.Raw]]:
    """Returns a decoder of `{"<name>": [record, …]}` that leaves each record as JSON text, without the reply's
    `traceId`, which differs each time (CODE)."""
    body_type = msgspec.defstruct("Body", [(name, list[msgspec.Raw])])
    split = msgspec.json.Decoder(body_type).decode

    def decode_texts(body: bytes) -> list[msgspec.Raw]:
        try:
            found: list[msgspec.Raw] = getattr(split(body), name)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            whole = decode(body)
            records = whole.get(name) if isinstance(whole, dict) else None
            if not isinstance(records, list):
                raise Unreadable(f'expected a list under "{name}" in the JSON object') from None
            return [msgspec.Raw(canonical(each)) for each in records]
        return found

    return decode_texts


_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_BOOKED = msgspec.Raw(b'"booked"')
_NULL = msgspec.Raw(b"null")


def appointments_body(events: list[msgspec.Raw], blocked: list[msgspec.Raw]) -> bytes:
    """The JSON `{"appointments": [record, …], "largest": …}` of events and blocked slots, under the first API's names.

    A blocked slot that is also among the events counts once. `largest` is the size of the longer list.
    """
    records = [_renamed(each) for each in events]
    if blocked:
        known = {_id_text(each) for each in records} - {None}
        records += [each for each in map(_renamed, blocked) if _id_text(each) not in known]
    return _encode({"appointments": records, "largest": max(len(events), len(blocked))})


def event(record: Record) -> Record:
    """A decoded event under the first API's names."""
    return _with_status(EVENTS.renamed(record), "booked")


def _with_status(record: dict[str, V], booked: V) -> dict[str, V]:
    """Blocked-off time, which has no contact, has no status in v2. The first API calls it booked."""
    return record if record.get("contactId") not in (None, _NULL) else {"status": booked, **record}


def _renamed(text: msgspec.Raw) -> dict[str, msgspec.Raw] | msgspec.Raw:
    try:
        return _with_status(EVENTS.renamed(_decode_fields(text)), _BOOKED)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        value = decode(bytes(text))
        if not isinstance(value, dict):
            return text  # `decoding` rejects it
        return {name: msgspec.Raw(canonical(each)) for name, each in event(value).items()}


def _id_text(record: dict[str, msgspec.Raw] | msgspec.Raw) -> bytes | None:
    found = record.get("id") if isinstance(record, dict) else None
    return None if found is None else bytes(found)
