"""The paths of v2.

Input:  an `endpoint.Sandbox`.
Output: a route for each path, with and without a trailing slash.
"""

from __future__ import annotations

from starlette.routing import Route

from bookings_sync.sandbox.endpoint import Endpoint, Handler, Sandbox
from bookings_sync.sandbox.v2 import calendars, events, free_slots, people, writes
from bookings_sync.sandbox.v2.transport import V2, authorized

ENDPOINTS: dict[str, tuple[str, dict[str, tuple[str, Handler]]]] = {
    "/calendars/groups": ("/calendars/groups", {"GET": ("calendars/groups.readonly", calendars.list_groups)}),
    "/calendars/groups/validate-slug": (
        "/calendars/groups/validate-slug",
        {"POST": ("calendars/groups.readonly", calendars.validate_slug)},
    ),
    "/calendars": ("/calendars/", {"GET": ("calendars.readonly", calendars.list_calendars)}),
    "/calendars/events": ("/calendars/events", {"GET": ("calendars/events.readonly", events.list_events)}),
    "/calendars/blocked-slots": (
        "/calendars/blocked-slots",
        {"GET": ("calendars/events.readonly", events.list_blocked_slots)},
    ),
    "/calendars/events/appointments": (
        "/calendars/events/appointments",
        {"POST": ("calendars/events.write", writes.create_appointment)},
    ),
    "/calendars/events/appointments/{event_id}": (
        "/calendars/events/appointments/:id",
        {
            "GET": ("calendars/events.readonly", events.get_event),
            "PUT": ("calendars/events.write", writes.update_appointment),
        },
    ),
    "/calendars/events/block-slots": (
        "/calendars/events/block-slots",
        {"POST": ("calendars/events.write", writes.create_block)},
    ),
    "/calendars/events/block-slots/{event_id}": (
        "/calendars/events/block-slots/:id",
        {"PUT": ("calendars/events.write", writes.update_block)},
    ),
    "/calendars/events/{event_id}": (
        "/calendars/events/:id",
        {"DELETE": ("calendars/events.write", writes.delete_event)},
    ),
    "/calendars/{calendar_id}/free-slots": (
        "/calendars/:id/free-slots",
        {"GET": ("calendars.readonly", free_slots.list_free_slots)},
    ),
    "/contacts/search": ("/contacts/search", {"POST": ("contacts.readonly", people.search_contacts)}),
    "/contacts": ("/contacts/", {"GET": ("contacts.readonly", people.list_contacts)}),
    "/contacts/{contact_id}": ("/contacts/:id", {"GET": ("contacts.readonly", people.get_contact)}),
    "/users/search": ("/users/search", {"GET": ("users.readonly", people.search_users)}),
    "/users": ("/users/", {"GET": ("users.readonly", people.list_users)}),
    "/locations/{location_id}": ("/locations/:id", {"GET": ("locations.readonly", people.get_location)}),
}
"""By path: its template in faults and in the request log, and by method the scope and the handler."""


def v2_routes(sandbox: Sandbox) -> list[Route]:
    """The routes for one sandbox."""
    api = V2()
    return [
        Route(
            path + slash,
            Endpoint(
                sandbox,
                template,
                {method: authorized(scope, handler) for method, (scope, handler) in handlers.items()},
                api,
            ),
        )
        for path, (template, handlers) in ENDPOINTS.items()
        for slash in ("", "/")
    ]
