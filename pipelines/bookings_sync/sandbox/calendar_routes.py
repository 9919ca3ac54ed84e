"""Handlers for `/calendars/…`: teams and services.

Input:  `endpoint.Call`, with the world's lock held.
Output: replies, or RefusedError.
"""

from __future__ import annotations

from starlette.responses import Response

from bookings_sync.sandbox import error_replies, validation, variants
from bookings_sync.sandbox.endpoint import Call, json_response
from bookings_sync.sandbox.error_replies import JSON_TYPE
from bookings_sync.sandbox.fields import Fields
from bookings_sync.sandbox.model import Service, new_id


def list_teams(call: Call) -> Response:
    teams = call.world.data[call.location_id].teams.values()
    return Response(variants.calendars_json(call.world, "teams", [team.body for team in teams]), media_type=JSON_TYPE)


def check_slug(call: Call) -> Response:
    fields = Fields(call.path)
    slug = fields.slug("slug")
    fields.check()
    free = slug not in call.world.data[call.location_id].slugs()
    return json_response({"slug": slug, "isSlugAvailable": free})


def create_team(call: Call) -> Response:
    return _save_team(call, None)


def update_team(call: Call) -> Response:
    team_id = call.path["team_id"]
    if team_id not in call.world.data[call.location_id].teams:
        raise error_replies.invalid("id")
    return _save_team(call, team_id)


def _save_team(call: Call, team_id: str | None) -> Response:
    world = call.world
    form = validation.team_from_body(call.body_fields(), world.data[call.location_id])
    try:
        if team_id is None:
            team = world.add_team(call.location_id, form.name, form.config["slug"], form.user_ids)
        else:
            team = world.update_team(call.location_id, team_id, form.name, form.config["slug"], form.user_ids)
    except ValueError:
        raise error_replies.invalid("calendarConfig.slug", "The slug is not available.") from None
    team.body["calendarConfig"] |= form.config
    return json_response(team.body)


def delete_team(call: Call) -> Response:
    team_id = call.path["team_id"]
    if team_id not in call.world.data[call.location_id].teams:
        raise error_replies.invalid("id")
    call.world.delete_team(call.location_id, team_id)
    return done(call)


def list_services(call: Call) -> Response:
    team_id = call.query_fields().optional_text("teamId")
    services = call.world.data[call.location_id].services.values()
    bodies = [service.body for service in services if team_id in (None, service.team_id)]
    return Response(variants.calendars_json(call.world, "services", bodies), media_type=JSON_TYPE)


def create_service(call: Call) -> Response:
    return _save_service(call, new_id(call.world.rng), 1.0)


def update_service(call: Call) -> Response:
    service = call.world.data[call.location_id].services.get(call.path["service_id"])
    if service is None:
        raise error_replies.invalid("id")
    return _save_service(call, service.id, service.weight)


def _save_service(call: Call, service_id: str, weight: float) -> Response:
    data = call.world.data[call.location_id]
    team_id, slug, reply = validation.service_from_body(call.body_fields(), data, service_id)
    try:
        call.world.put_service(call.location_id, Service(service_id, team_id, slug, reply, weight))
    except ValueError:
        raise error_replies.invalid("slug", "The slug is not available.") from None
    return json_response(reply)


def delete_service(call: Call) -> Response:
    service_id = call.path["service_id"]
    if service_id not in call.world.data[call.location_id].services:
        raise error_replies.invalid("id")
    call.world.delete_service(call.location_id, service_id)
    return done(call)


def done(call: Call) -> Response:
    """The reply to DELETE and PUT status: 200 with an empty or non-JSON body (DOC, CODE)."""
    return Response(b"OK" if call.world.switches.done_body == "OK" else b"", media_type="text/plain")
