"""The control routes, `/sandbox/…`: tests and the demo use them to inspect and change the sandbox. They need no key.

Input:  JSON bodies and queries.
Output: JSON. An invalid setting gets 400 with the reason.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bookings_sync.sandbox.endpoint import Sandbox, json_response
from bookings_sync.sandbox.error_replies import JSON_TYPE
from bookings_sync.sandbox.faults import Faults
from bookings_sync.sandbox.quota import Quota, QuotaTracker
from bookings_sync.sandbox.v2.truth import truth_v2_json


def control_routes(sandbox: Sandbox) -> list[Route]:
    """The routes for one sandbox."""
    control = _Control(sandbox)
    return [
        Route("/sandbox/locations", control.locations, methods=["GET"]),
        Route("/sandbox/clock", control.clock, methods=["GET"]),
        Route("/sandbox/advance", control.advance, methods=["POST"]),
        Route("/sandbox/truth", control.truth, methods=["GET"]),
        Route("/sandbox/journal", control.journal, methods=["GET"]),
        Route("/sandbox/switches", control.switches, methods=["GET", "POST"]),
        Route("/sandbox/faults", control.faults, methods=["GET", "POST"]),
        Route("/sandbox/limits", control.limits, methods=["GET", "POST"]),
        Route("/sandbox/scopes", control.scopes, methods=["POST"]),
        Route("/sandbox/requests", control.requests, methods=["GET", "DELETE"]),
    ]


class _Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._world = sandbox, sandbox.world

    async def locations(self, _request: Request) -> Response:
        """Name, id, time zone, v1 key and v2 token (`pit`) of each location, and the company of all of them."""
        locations = [location._asdict() for location in self._world.locations]
        return json_response({"companyId": self._world.company_id, "locations": locations})

    async def clock(self, _request: Request) -> Response:
        return json_response({"now": self._world.now, "nowMs": self._world.now_ms})

    async def advance(self, request: Request) -> Response:
        """`{"days": 14, "hours": 3, "seed": 1}`, all optional. Replies with the changes by kind."""
        try:
            body = await _json(request)
            delta = timedelta(days=body.get("days", 0), hours=body.get("hours", 0))
            changes = await asyncio.to_thread(self._world.advance, delta, seed=body.get("seed"))
        except (TypeError, ValueError, OverflowError) as error:
            return _bad_request(error)
        return json_response({"now": self._world.now, "changes": changes})

    async def truth(self, request: Request) -> Response:
        """`?location=<id>&api=v2&start=<ISO 8601>&end=<ISO 8601>`. The times limit the slots; by default the next 14
        days. The data has the form of v1, or of v2 if `api` says so."""
        query = request.query_params
        try:
            start, end = (_instant(query.get(name)) for name in ("start", "end"))
            if query.get("api") == "v2":
                body = truth_v2_json(self._world, query["location"], start=start, end=end)
            else:
                body = self._world.truth_json(query["location"], start=start, end=end)
        except (KeyError, ValueError) as error:
            return _bad_request(error)
        return Response(body, media_type=JSON_TYPE)

    async def journal(self, request: Request) -> Response:
        """All changes since the world was generated. `?since=<n>` skips the first n."""
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError as error:
            return _bad_request(error)
        return json_response({"journal": [change._asdict() for change in self._world.journal[since:]]})

    async def switches(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._world.switches = self._world.switches.changed(await _json(request))
            except ValueError as error:
                return _bad_request(error)
        return json_response(asdict(self._world.switches))

    async def scopes(self, request: Request) -> Response:
        """`{"location": <id>, "scopes": ["calendars.readonly", ...]}`: the scopes of the location's v2 token."""
        try:
            body = await _json(request)
            self._world.set_scopes(body["location"], body["scopes"])
        except (KeyError, TypeError, ValueError) as error:
            return _bad_request(error)
        return json_response({"scopes": sorted(self._world.scopes[body["location"]])})

    async def faults(self, request: Request) -> Response:
        """POST replaces all rules. `{}` removes them."""
        if request.method == "POST":
            try:
                self._sandbox.faults = Faults.from_json(await _json(request))
            except ValueError as error:
                return _bad_request(error)
        return json_response(self._sandbox.faults.to_json())

    async def limits(self, request: Request) -> Response:
        """`{"rateLimit": {"requests": 100, "seconds": 10, "per_day": 200000} or null, "latencyMs": 50}`."""
        if request.method == "POST":
            try:
                body = await _json(request)
                if "rateLimit" in body:
                    self._sandbox.quota = QuotaTracker(Quota(**body["rateLimit"]) if body["rateLimit"] else None)
                self._sandbox.latency_ms = float(body.get("latencyMs", self._sandbox.latency_ms))
            except (TypeError, ValueError) as error:
                return _bad_request(error)
        quota = self._sandbox.quota.quota
        return json_response({"rateLimit": asdict(quota) if quota else None, "latencyMs": self._sandbox.latency_ms})

    async def requests(self, request: Request) -> Response:
        """The counts of API requests. DELETE resets them and replies with the counts so far."""
        summary = self._world.requests.summary() | {"rateLimited": self._sandbox.quota.refused}
        if request.method == "DELETE":
            self._world.requests.reset()
            self._sandbox.quota.refused = 0
        return json_response(summary)


async def _json(request: Request) -> dict[str, Any]:
    body = orjson.loads(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 -- the routes catch ValueError
    return body


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _bad_request(error: Exception) -> Response:
    return Response(orjson.dumps({"error": str(error)}), 400, media_type=JSON_TYPE)
