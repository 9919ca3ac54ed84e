"""Holds contacts.

Input:  calls from `appointments`, `simulation`, the routes and tests.
Output: `Contacts`, the base class of `appointments.Appointments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings_sync.sandbox.calendar_json import contact_json
from bookings_sync.sandbox.calendars import Calendars
from bookings_sync.sandbox.model import Contact, new_id, new_uuid
from bookings_sync.sandbox.times import utc_iso


class Contacts(Calendars):
    """The contacts of every location."""

    def add_contact(self, location_id: str, fields: Mapping[str, Any]) -> Contact:
        """Adds a contact. `fields` may contain any fields, also undocumented ones."""
        with self.lock:
            data, contact_id = self.data[location_id], new_id(self.rng)
            body = contact_json(contact_id, location_id, new_uuid(self.rng), utc_iso(self.now_ms)) | dict(fields)
            contact = data.contacts[contact_id] = Contact.of(body)
            data.contact_order = None
            for name in ("emailLowerCase", "phone"):
                if body.get(name):
                    data.contact_by_address[body[name]] = contact
            return contact

    def update_contact(self, location_id: str, contact_id: str, changes: Mapping[str, Any]) -> None:
        """Changes fields of a contact. All its appointments show the change."""
        with self.lock:
            contact = self.data[location_id].contacts[contact_id]
            body = contact.body() | dict(changes)
            contact.name = Contact.of(body).name
            contact.replace(body)
            contact.updated_ms = self.now_ms
            if changes.keys() - {"tags", "customField"}:
                contact.named_ms = self.now_ms
            if "dateAdded" in changes:
                self.data[location_id].contact_order = None
            self.note("contact_updated", location_id, contact_id)

    def delete_contact(self, location_id: str, contact_id: str) -> None:
        """Deletes a contact. Its appointments remain, with null as contact."""
        with self.lock:
            self.data[location_id].contacts.pop(contact_id).replace(None)
            self.data[location_id].contact_order = None
            self.note("contact_deleted", location_id, contact_id)
