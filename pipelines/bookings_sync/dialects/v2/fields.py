"""The fields of v2's events and contacts: which columns they fill, and the JSON of a list of appointments.

Input:  the bodies of lists.
Output: their records as JSON, in v2's own words. `records` gets v2's names from `EVENTS` and `CONTACT_FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from bookings_sync.records.field_names import FieldNames
from bookings_sync.records.json_text import Unreadable, decode
from bookings_sync.records.schema import STAMPED
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, Table
from bookings_sync.records.values import canonical


def filled_by(names: FieldNames, table: Table, alike: Collection[str]) -> dict[str, str]:
    """What v2 fills the table's columns with, as `of_v2`."""
    found = {
        column.name: " or ".join(names.found_in[source])
        for column in table.columns
        if (source := (column.derived.source if column.derived else column.source) or "") in names.found_in
    }
    return of_v2(table, found, alike)


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


EVENTS = FieldNames(
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
    status_of_blocked="booked",  # as in the first API
)
"""Both spellings of the attendance occur in v2's replies (CODE), with the same meaning, so both columns get it."""

CONTACT_FIELDS = FieldNames({"customField": ("customFields",)})

FIELD_COLUMNS = {
    **filled_by(EVENTS, APPOINTMENTS, alike=("start_time", "end_time", "contact_id")),
    **filled_by(CONTACT_FIELDS, CONTACTS, alike=("email", "first_name", "last_name", "phone")),
}


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


def appointments_body(events: list[msgspec.Raw], blocked: list[msgspec.Raw]) -> bytes:
    """The JSON `{"appointments": [record, …], "largest": …}` of events and blocked slots, in v2's own words.

    A blocked slot that is also among the events counts once. `largest` is the size of the longer list.
    """
    records = events
    if blocked:
        known = set(map(_id_text, events)) - {b""}
        records = events + [each for each in blocked if _id_text(each) not in known]
    return b'{"appointments":[%b],"largest":%d}' % (b",".join(records), max(len(events), len(blocked)))


class _WithId(msgspec.Struct, gc=False):
    id: msgspec.Raw = msgspec.Raw(b"")


_decode_id = msgspec.json.Decoder(_WithId).decode


def _id_text(record: msgspec.Raw) -> bytes:
    """The id as JSON; empty without one."""
    try:
        return bytes(_decode_id(record).id)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        value = decode(bytes(record))
        return canonical(value["id"]) if isinstance(value, dict) and "id" in value else b""
