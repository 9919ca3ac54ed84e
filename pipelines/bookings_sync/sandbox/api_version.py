"""What the versions of the API do differently: keys, quotas and error replies.

Input:  a request, or an error reply that a handler raised.
Output: `ApiVersion`, used by `endpoint`, and its implementation for v1. `v2.transport` has the one for v2.
"""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from bookings_sync.sandbox import error_replies
from bookings_sync.sandbox.error_replies import RefusedError
from bookings_sync.sandbox.quota import Decision, QuotaTracker
from bookings_sync.sandbox.world import World


class ApiVersion(Protocol):
    """One version of the API."""

    too_many_requests: bytes
    """The JSON body of a 429."""

    def authenticate(self, world: World, request: Request) -> tuple[str | None, RefusedError | None]:
        """The location of the request's key, or the reply that refuses the request."""

    def count(self, world: World, tracker: QuotaTracker, location_id: str) -> Decision:
        """Counts a request against the quota of the location's key."""

    def no_route(self, world: World, method: str, path: str) -> RefusedError:
        """The reply for an unknown path, or for a method that the path does not have."""

    def unknown_id(self, reply: str) -> RefusedError:
        """The reply for an id that does not exist. `reply` is a value of `Switches.unknown_id`."""

    def response(self, world: World, refusal: RefusedError) -> Response:
        """An error reply as this version writes it."""


class V1:
    """The API under /v1."""

    too_many_requests = b'{"msg":"Too Many Requests"}'

    def authenticate(self, world: World, request: Request) -> tuple[str | None, RefusedError | None]:
        key = bearer_token(request)
        location_id = world.keys.get(key) if key is not None else None
        if location_id is not None:
            return location_id, None
        if key == world.wrong_key:
            return None, RefusedError(401, "Unauthorized, Switch to the new API token.")
        return None, RefusedError(401, world.switches.invalid_key_message)

    def count(self, _world: World, tracker: QuotaTracker, location_id: str) -> Decision:
        return tracker.check(location_id)

    def no_route(self, _world: World, _method: str, _path: str) -> RefusedError:
        return error_replies.not_found()

    def unknown_id(self, reply: str) -> RefusedError:
        return error_replies.unknown_id(reply)

    def response(self, _world: World, refusal: RefusedError) -> Response:
        return refusal.response()


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header. None without a bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
