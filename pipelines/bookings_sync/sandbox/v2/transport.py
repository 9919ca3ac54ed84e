"""Checks tokens, versions, scopes and locations, and writes replies.

Input:  requests, and error replies that handlers raised.
Output: `V2`, the rules of this version for `endpoint`; `authorized`, which wraps handlers; `reply`, which sends JSON.

Fields are read with `fields.Fields`, as in v1. `V2.response` rewrites its errors in the form of v2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bookings_sync.sandbox.api_version import bearer_token
from bookings_sync.sandbox.endpoint import Call, Handler
from bookings_sync.sandbox.error_replies import JSON_TYPE, RefusedError
from bookings_sync.sandbox.fields import FIRST_MS, LAST_MS, Fields
from bookings_sync.sandbox.quota import Decision, QuotaTracker
from bookings_sync.sandbox.world import World

VERSIONS = ("2021-04-15", "2021-07-28", "2023-02-21", "v3")
"""The published versions. All of them answer reads alike (OBS)."""

_ERRORS = {400: "Bad Request", 404: "Not Found", 422: "Unprocessable Entity"}
"""The `error` of replies by status. 401 and 403 have none (OBS)."""


_EPOCH_MS = re.compile(r"-?[0-9]{1,15}")


class V2:
    """The API at the root."""

    too_many_requests = b'{"statusCode":429,"message":"Too Many Requests"}'

    def authenticate(self, world: World, request: Request) -> tuple[str | None, RefusedError | None]:
        """Checks the Version header, then the token. The order is UNK."""
        version, token = request.headers.get("version"), bearer_token(request)
        if version is None:
            return None, RefusedError(401, "version header was not found.")
        if version not in VERSIONS:
            return None, RefusedError(401, "version header is invalid")
        if token is not None and token in world.pits:
            return world.pits[token], None
        is_pit = token is not None and token.startswith("pit-")
        return None, RefusedError(401, world.switches.unknown_pit_message if is_pit else "Invalid JWT")

    def count(self, world: World, tracker: QuotaTracker, location_id: str) -> Decision:
        return tracker.check(location_id, version="v2", trial=world.switches.trial_account)

    def no_route(self, world: World, method: str, path: str) -> RefusedError:
        if world.switches.unknown_route == "401":
            return RefusedError(401, "Unauthorized")
        return RefusedError(404, f"Cannot {method} {path}")

    def unknown_id(self, reply: str) -> RefusedError:
        if reply in ("empty", "object"):
            return RefusedError(200, None if reply == "empty" else "")
        return RefusedError(int(reply), "The record was not found.")

    def response(self, world: World, refusal: RefusedError) -> Response:
        if refusal.fields is not None:
            messages = [_message(name, error) for name, error in refusal.fields.items()]
            as_list = world.switches.error_messages == "list"
            return _error(world, refusal.status, messages if as_list else messages[0])
        if refusal.status == 200:
            return Response(b"" if refusal.msg is None else b"{}", media_type=JSON_TYPE)
        return _error(world, refusal.status, refusal.msg or "")


def authorized(scope: str, handler: Handler) -> Handler:
    """The handler, for tokens that have the scope. Other tokens get 401 (OBS)."""

    def checked(call: Call) -> Response:
        if scope not in call.world.scopes[call.location_id]:
            raise RefusedError(401, "The token is not authorized for this scope.")
        return handler(call)

    return checked


def check_location(call: Call, fields: Fields) -> None:
    """Requires `locationId`. The location of another token gets 403 (OBS)."""
    location_id = fields.text("locationId")
    if location_id:
        check_location_id(call, location_id)


def check_location_id(call: Call, location_id: str) -> None:
    if location_id != call.location_id:
        raise RefusedError(403, "The token does not have access to this location.")


def epoch_ms(fields: Fields, name: str) -> int:
    """A required time in epoch milliseconds, as text (DOC)."""
    value = fields.text(name)
    if value and not (_EPOCH_MS.fullmatch(value) and FIRST_MS <= int(value) <= LAST_MS):
        fields.invalid(name)
        return 0
    return int(value or 0)


def reply(call: Call, parts: Mapping[str, object], *, status: int = 200, traced: bool = False) -> Response:
    """A JSON object. Values that are `bytes` are JSON already. `traced` replies have a traceId by default."""
    shown = call.world.switches.trace_id
    if shown == "all" or (shown == "some" and traced):
        parts = {**parts, "traceId": trace_id(call.world)}
    body = b",".join(
        orjson.dumps(name) + b":" + (value if isinstance(value, bytes) else orjson.dumps(value))
        for name, value in parts.items()
    )
    return Response(b"{" + body + b"}", status, media_type=JSON_TYPE)


def trace_id(world: World) -> str:
    """A UUID that no other reply has."""
    world.links += 1
    return f"{world.links:08x}-5a4d-4b0c-8d00-3f1e2d0c4b5a"


def _message(name: str, error: Mapping[str, str]) -> str:
    return f"{name} is invalid" if error["rule"] == "invalid" else f"{name} should not be empty"


def _error(world: World, status: int, message: str | list[str]) -> Response:
    body: dict[str, object] = {"statusCode": status, "message": message}
    if status in _ERRORS:
        body["error"] = _ERRORS[status]
    if world.switches.trace_id == "all":
        body["traceId"] = trace_id(world)
    return Response(orjson.dumps(body), status, media_type=JSON_TYPE)
