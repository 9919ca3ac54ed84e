"""Handlers for contacts, users and locations.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError. Contacts are listed by the time they were added, the latest first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from bookings_sync.sandbox.endpoint import Call
from bookings_sync.sandbox.error_replies import RefusedError
from bookings_sync.sandbox.fields import Fields
from bookings_sync.sandbox.model import Contact, Json, LocationData
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import to_ms
from bookings_sync.sandbox.v2.contact_json import (
    added_ms,
    contact_json,
    location_json,
    shown_update_ms,
    user_json,
)
from bookings_sync.sandbox.v2.transport import V2, check_location, check_location_id, epoch_ms, reply
from bookings_sync.sandbox.variants import new_link
from bookings_sync.sandbox.world import World

MAX_SEARCHED, MAX_LISTED = 500, 100
"""The largest pages of POST /contacts/search (CODE) and GET /contacts/ (DOC)."""

_MAX_DEPTH = 3
"""Levels of groups in a filter. More get 422."""
_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "gte": lambda at, limit: at >= limit,
    "gt": lambda at, limit: at > limit,
    "lte": lambda at, limit: at <= limit,
    "lt": lambda at, limit: at < limit,
}


def get_contact(call: Call) -> Response:
    contact = call.world.data[call.location_id].contacts.get(call.path["contact_id"])
    if contact is None:
        raise V2().unknown_id(call.world.switches.unknown_id)
    return reply(call, {"contact": _shown(call.world, contact)})


def search_contacts(call: Call) -> Response:
    """`{locationId, pageLimit, searchAfter, filters}`. Each contact has the cursor `searchAfter` of the next page."""
    fields, data = call.body_fields(), call.world.data[call.location_id]
    check_location(call, fields)
    fields.require("pageLimit")
    limit = fields.number("pageLimit", least=1, most=MAX_SEARCHED) or MAX_SEARCHED
    after = _cursor(fields)
    conditions = fields.given("filters") or []
    if not isinstance(conditions, list):
        fields.invalid("filters")
    fields.check()
    found = [
        each
        for each in _contacts_in_order(data)
        if all(_matches(each, condition, call.world.switches) for condition in conditions)
    ]
    page = [each for each in found if after is None or _key(each) > after][:limit]
    return reply(call, {"contacts": _with_cursors(call.world, page), "total": len(found)})


def list_contacts(call: Call) -> Response:
    """GET /contacts/ (deprecated): `limit`, and the cursor `startAfter` (epoch ms) with `startAfterId`."""
    fields, data = call.query_fields(), call.world.data[call.location_id]
    check_location(call, fields)
    limit = fields.number("limit", least=1, most=MAX_LISTED) or 20
    start_after_id = fields.optional_text("startAfterId")
    after = (-epoch_ms(fields, "startAfter"), start_after_id) if start_after_id is not None else None
    fields.check()
    everything = _contacts_in_order(data)
    page = [each for each in everything if after is None or _key(each) > after][:limit]
    last = page[-1] if page else None
    meta: Json = {
        "total": len(everything),
        "startAfter": added_ms(last) if last else None,
        "startAfterId": last.id if last else None,
    }
    contacts = b"[" + b",".join(_shown(call.world, each) for each in page) + b"]"
    return reply(call, {"contacts": contacts, "count": len(everything), "meta": meta})


def search_users(call: Call) -> Response:
    """`companyId` is compulsory (DOC). `locationId`, `skip` and `limit` are optional."""
    fields = call.query_fields()
    company_id, location_id = fields.text("companyId"), fields.optional_text("locationId")
    skip, limit = fields.number("skip") or 0, fields.number("limit", least=1, most=100) or 25
    fields.check()
    if company_id != call.world.company_id:
        raise RefusedError(403, "The token does not have access to this company.")
    check_location_id(call, location_id or call.location_id)
    users = users_of(call.world, call.location_id)
    return reply(call, {"users": users[skip : skip + limit], "count": len(users)})


def list_users(call: Call) -> Response:
    """GET /users/ (deprecated): all users of the location."""
    fields = call.query_fields()
    check_location(call, fields)
    fields.check()
    return reply(call, {"users": users_of(call.world, call.location_id)})


def get_location(call: Call) -> Response:
    check_location_id(call, call.path["location_id"])
    location = call.world.data[call.location_id].location
    return reply(call, {"location": location_json(location, call.world.company_id)})


def users_of(world: World, location_id: str) -> list[Json]:
    return [user_json(member, location_id) for member in world.data[location_id].members.values()]


def _contacts_in_order(data: LocationData) -> list[Contact]:
    if data.contact_order is None or len(data.contact_order) != len(data.contacts):
        data.contact_order = sorted(data.contacts.values(), key=_key)
    return data.contact_order


def _key(contact: Contact) -> tuple[int, str]:
    return -added_ms(contact), contact.id


def _cursor(fields: Fields) -> tuple[int, str] | None:
    """The key of the last contact of the page before."""
    after = fields.given("searchAfter")
    if after is None:
        return None
    if isinstance(after, list) and len(after) == 2 and isinstance(after[0], int) and isinstance(after[1], str):
        return -after[0], after[1]
    fields.invalid("searchAfter")
    return None


def _matches(contact: Contact, condition: Any, switches: Switches, depth: int = 0) -> bool:
    """A filter `{field, operator, value}` or a group `{group, filters}`. Unknown fields and operators get 422."""
    if not isinstance(condition, dict) or depth > _MAX_DEPTH:
        raise _invalid_filter()
    if isinstance(condition.get("filters"), list):
        results = [_matches(contact, each, switches, depth + 1) for each in condition["filters"]]
        return any(results) if condition.get("group") == "OR" else all(results)
    name, operator, value = (condition.get(each) for each in ("field", "operator", "value"))
    if operator == "range" and name in ("dateAdded", "dateUpdated") and isinstance(value, dict):
        if name == "dateUpdated" and switches.contacts_updated_filter == "ignored":
            return True
        if name == "dateUpdated" and switches.contacts_updated_filter == "422":
            raise _invalid_filter()
        at = added_ms(contact) if name == "dateAdded" else shown_update_ms(contact, switches)
        return all(_compare(at, each, limit) for each, limit in value.items())
    if operator == "eq" and name in ("id", "email", "phone"):
        return bool(contact.body().get(name) == value)
    raise _invalid_filter()


def _compare(at: int, operator: str, limit: Any) -> bool:
    try:
        limit_ms = limit if isinstance(limit, int) else to_ms(datetime.fromisoformat(limit))
        return _COMPARED[operator](at, limit_ms)
    except (KeyError, TypeError, ValueError):
        raise _invalid_filter() from None


def _invalid_filter() -> RefusedError:
    return RefusedError(422, fields={"filters": {"message": "", "rule": "invalid"}})


def _with_cursors(world: World, page: list[Contact]) -> bytes:
    """The contacts, each with its cursor."""
    return (
        b"["
        + b",".join(
            _shown(world, each)[:-1] + b',"searchAfter":' + orjson.dumps([added_ms(each), each.id]) + b"}"
            for each in page
        )
        + b"]"
    )


def _shown(world: World, contact: Contact) -> bytes:
    body = contact_json(contact, world.switches)
    if world.switches.moving_field not in ("contact", "all"):
        return body
    return body[:-1] + b',"portalLink":' + orjson.dumps(new_link(world)) + b"}"
