"""v2's contacts, which it lists on their own: events name a contact's id only."""

from __future__ import annotations

from dataclasses import replace

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, ContactPage, Send, path_segment
from bookings_sync.dialects.replies import Reply, decode_object, one_under
from bookings_sync.dialects.v2.fields import CONTACT_FIELDS
from bookings_sync.dialects.v2.versions import VERSION, get
from bookings_sync.records.json_text import Records, Unreadable, decode
from bookings_sync.records.listed import objects
from bookings_sync.records.values import canonical

_PER_PAGE = 500
"""Contacts per page of a search: the largest that clients use (CODE). The API may send fewer (UNK)."""


class V2Contacts:
    """The contact calls of one location."""

    def __init__(self, location: Location, settings: Settings, send: Send) -> None:
        self._location_id = location.location_id or ""
        self._settings = settings
        self._send = send

    def list_contacts(self, cursor: str | None, changed_since_ms: int | None = None) -> Reply[ContactPage]:
        """A page of the search (CODE: its reference is empty). The cursor is the `searchAfter` of the last contact."""
        body = {"locationId": self._location_id, "pageLimit": _PER_PAGE}
        if cursor is not None:
            body["searchAfter"] = decode(cursor.encode())
        if changed_since_ms is not None:
            changed = {"field": "dateUpdated", "operator": "range", "value": {"gte": changed_since_ms}}
            body["filters"] = [changed]
        call = ApiCall("POST", "/contacts/search", headers={"Version": VERSION}, body=body, is_read=True)
        return self._send(call, _decode_page)

    def get_contact(self, contact_id: str) -> Reply[Records]:
        """One contact, `{"contact": {…}}` (DOC), or an empty list if the API has no such contact."""
        call = get(f"/contacts/{path_segment(contact_id)}", version=VERSION)
        call = replace(call, not_found_statuses=self._settings.unknown_id_statuses)
        reply = self._send(call, one_under(("contact",), contact_id))
        return replace(reply, records=[CONTACT_FIELDS.renamed(each) for each in reply.records or []])


def _decode_page(body: bytes) -> ContactPage:
    value = decode_object(body)
    contacts, total = value.get("contacts"), value.get("total")
    if not isinstance(contacts, list):
        raise Unreadable('expected a list under "contacts" in the JSON object')
    last = contacts[-1] if contacts and isinstance(contacts[-1], dict) else {}
    after = last.get("searchAfter")
    is_last = not after or (len(contacts) < _PER_PAGE and len(contacts) == total)
    for each in objects(contacts):
        each.pop("searchAfter", None)
    records = [CONTACT_FIELDS.renamed(each) for each in contacts]
    cursor = None if is_last else canonical(after).decode()
    return ContactPage(records, cursor, total if type(total) is int else None)
