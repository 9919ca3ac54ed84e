"""The sandbox's own routes, `/sandbox/…`: what the API has not, for tests and the demo. They need no key.

Input:  JSON bodies and queries.
Output: JSON. A setting that cannot be is refused with 400 and says what is wrong.
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

from bookings_sync.sandbox.faults import Faults
from bookings_sync.sandbox.gate import Sandbox, as_json
from bookings_sync.sandbox.limits import Limiter, RateLimit
from bookings_sync.sandbox.replies import JSON_TYPE


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Routes that read and set one sandbox."""
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
        Route("/sandbox/requests", control.requests, methods=["GET", "DELETE"]),
    ]


class _Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._world = sandbox, sandbox.world

    async def locations(self, _request: Request) -> Response:
        """Names, ids, keys and zones: a sandbox hides no secret."""
        return as_json({"locations": [location._asdict() for location in self._world.locations]})

    async def clock(self, _request: Request) -> Response:
        return as_json({"now": self._world.now, "nowMs": self._world.now_ms})

    async def advance(self, request: Request) -> Response:
        """`{"days": 14}` and/or `{"hours": 3}`, with an optional `seed`; gives the changes made, by kind."""
        try:
            body = await _json(request)
            delta = timedelta(days=body.get("days", 0), hours=body.get("hours", 0))
            changes = await asyncio.to_thread(self._world.advance, delta, seed=body.get("seed"))
        except (TypeError, ValueError, OverflowError) as error:
            return _refuse(error)
        return as_json({"now": self._world.now, "changes": changes})

    async def truth(self, request: Request) -> Response:
        """`?location=<id>`, with slots for `&start=` to `&end=` (ISO 8601) or the coming fortnight."""
        query = request.query_params
        try:
            start, end = (_instant(query.get(name)) for name in ("start", "end"))
            body = self._world.truth_json(query["location"], start=start, end=end)
        except (KeyError, ValueError) as error:
            return _refuse(error)
        return Response(body, media_type=JSON_TYPE)

    async def journal(self, request: Request) -> Response:
        """Every change since the world was made; `?since=<n>` leaves out the first n."""
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError as error:
            return _refuse(error)
        return as_json({"journal": [change._asdict() for change in self._world.journal[since:]]})

    async def switches(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._world.switches = self._world.switches.changed(await _json(request))
            except ValueError as error:
                return _refuse(error)
        return as_json(asdict(self._world.switches))

    async def faults(self, request: Request) -> Response:
        """POST replaces all rules; `{}` ends them."""
        if request.method == "POST":
            try:
                self._sandbox.faults = Faults.from_json(await _json(request))
            except ValueError as error:
                return _refuse(error)
        return as_json(self._sandbox.faults.as_json())

    async def limits(self, request: Request) -> Response:
        """`{"rateLimit": {"requests": 100, "seconds": 10, "per_day": 200000} or null, "latencyMs": 50}`."""
        if request.method == "POST":
            try:
                body = await _json(request)
                if "rateLimit" in body:
                    self._sandbox.limiter = Limiter(RateLimit(**body["rateLimit"]) if body["rateLimit"] else None)
                self._sandbox.latency_ms = float(body.get("latencyMs", self._sandbox.latency_ms))
            except (TypeError, ValueError) as error:
                return _refuse(error)
        limit = self._sandbox.limiter.limit
        return as_json({"rateLimit": asdict(limit) if limit else None, "latencyMs": self._sandbox.latency_ms})

    async def requests(self, request: Request) -> Response:
        """Counts of API requests; DELETE begins anew, giving the counts so far."""
        summary = self._world.requests.summary() | {"rateLimited": self._sandbox.limiter.refused}
        if request.method == "DELETE":
            self._world.requests.reset()
            self._sandbox.limiter.refused = 0
        return as_json(summary)


async def _json(request: Request) -> dict[str, Any]:
    body = orjson.loads(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 -- all refusals here are ValueErrors
    return body


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _refuse(error: Exception) -> Response:
    return Response(orjson.dumps({"error": str(error)}), 400, media_type=JSON_TYPE)
