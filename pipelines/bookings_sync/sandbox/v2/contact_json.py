"""Builds the JSON of contacts, users and locations.

Input:  objects of a world, and its switches.
Output: JSON objects. A contact's JSON is cached as bytes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from bookings_sync.sandbox.model import Contact, Json, Location, Member
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import to_ms
from bookings_sync.sandbox.v2.event_json import shown_date


def contact_json(contact: Contact, switches: Switches) -> bytes:
    """The contact. Cached until the contact or a switch changes."""
    cached = contact.v2
    if cached is not None and cached[0] is contact.tail and cached[1] is switches:
        return cached[2]
    body = orjson.dumps(contact_fields(contact, switches))
    contact.v2 = contact.tail, switches, body
    return body


def contact_fields(contact: Contact, switches: Switches) -> Json:
    """The fields of v1 without the fingerprint, `customFields` instead of `customField`, and those that v2 adds."""
    v1: Json = contact.body()
    body = {name: value for name, value in v1.items() if name not in ("fingerprint", "customField", "dateAdded")}
    names = [v1.get("firstName"), v1.get("lastName")]
    first, last = (name.lower() if isinstance(name, str) else None for name in names)
    added = v1.get("dateAdded")
    body |= {
        "firstNameLowerCase": first,
        "lastNameLowerCase": last,
        "fullNameLowerCase": " ".join(name for name in (first, last) if name) or None,
        "customFields": v1.get("customField"),
        "dateAdded": added if _date_ms(added) is None else shown_date(added_ms(contact), switches),
    }
    body.setdefault("dnd", False)
    if switches.date_updated != "absent":
        body["dateUpdated"] = shown_date(shown_update_ms(contact, switches), switches)
    return body


def added_ms(contact: Contact) -> int:
    """dateAdded in epoch milliseconds. 0 if it is no date."""
    if contact.added is None or contact.added[0] is not contact.tail:
        contact.added = contact.tail, _date_ms((contact.body() or {}).get("dateAdded")) or 0
    return contact.added[1]


def shown_update_ms(contact: Contact, switches: Switches) -> int:
    """dateUpdated in epoch milliseconds, as the switches let it move."""
    updated = contact.updated_ms if switches.date_updated == "every_change" else contact.named_ms
    return added_ms(contact) if updated is None else updated


def user_json(member: Member, location_id: str) -> Json:
    first, _, last = member.name.partition(" ")
    return {
        "id": member.id,
        "name": member.name,
        "firstName": first,
        "lastName": last,
        "email": member.email,
        "phone": "",
        "extension": "",
        "permissions": {"contactsEnabled": True, "appointmentsEnabled": True},
        "roles": {"type": "account", "role": "user", "locationIds": [location_id]},
        "deleted": False,
    }


def location_json(location: Location, company_id: str) -> Json:
    return {
        "id": location.id,
        "companyId": company_id,
        "name": location.name,
        "timezone": location.timezone,
        "email": f"desk@{location.name}.example.com",
        "phone": "+15550000000",
        "address": "1 Example Street",
        "city": "Exampleton",
        "country": "US",
        "settings": {"allowDuplicateContact": False},
        "social": {},
    }


def _date_ms(value: Any) -> int | None:
    """The instant in epoch milliseconds. None for anything but ISO text with an offset."""
    try:
        return to_ms(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None
