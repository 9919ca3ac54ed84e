"""Handlers for groups and calendars.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError.
"""

from __future__ import annotations

from starlette.responses import Response

from bookings_sync.sandbox.endpoint import Call
from bookings_sync.sandbox.model import Json
from bookings_sync.sandbox.v2.calendar_json import calendar_json, group_json
from bookings_sync.sandbox.v2.transport import check_location, reply
from bookings_sync.sandbox.variants import new_link
from bookings_sync.sandbox.world import World


def list_groups(call: Call) -> Response:
    fields = call.query_fields()
    check_location(call, fields)
    fields.check()
    return reply(call, {"groups": _with_links(call.world, groups_of(call.world, call.location_id))})


def list_calendars(call: Call) -> Response:
    """`groupId` limits the list, and `showDrafted=false` omits drafts. By default they are listed (DOC)."""
    fields = call.query_fields()
    check_location(call, fields)
    group_id, drafted = fields.optional_text("groupId"), fields.flag("showDrafted")
    fields.check()
    calendars = [
        each
        for each in calendars_of(call.world, call.location_id)
        if group_id in (None, each["groupId"]) and (drafted is not False or each["isActive"])
    ]
    return reply(call, {"calendars": _with_links(call.world, calendars)})


def validate_slug(call: Call) -> Response:
    fields = call.body_fields()
    check_location(call, fields)
    slug = fields.slug("slug")
    fields.check()
    return reply(call, {"available": slug not in call.world.data[call.location_id].slugs()})


def groups_of(world: World, location_id: str) -> list[Json]:
    return [group_json(location_id, team) for team in world.data[location_id].teams.values()]


def calendars_of(world: World, location_id: str) -> list[Json]:
    data = world.data[location_id]
    return [
        calendar_json(location_id, service, data.teams.get(service.team_id), world.switches)
        for service in data.services.values()
    ]


def _with_links(world: World, records: list[Json]) -> list[Json]:
    if world.switches.moving_field not in ("calendar", "all"):
        return records
    return [record | {"previewLink": new_link(world)} for record in records]
