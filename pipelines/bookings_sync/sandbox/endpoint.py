"""Takes an API request: checks key and quota, injects faults, calls the handler, logs the request.

Input:  the handlers of one path, by method, and the version of the API that the path belongs to.
Output: `Endpoint`, an ASGI application per path. All endpoints share one `Sandbox`, which the control routes change.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bookings_sync.sandbox import error_replies
from bookings_sync.sandbox.api_version import V1, ApiVersion
from bookings_sync.sandbox.error_replies import HTML, JSON_TYPE, RefusedError
from bookings_sync.sandbox.faults import LISTS, PROXY_FAULTS, Fault, Faults
from bookings_sync.sandbox.fields import FORM_TYPE, Fields, form_values
from bookings_sync.sandbox.quota import QuotaTracker, retry_after, too_many_requests
from bookings_sync.sandbox.request_log import LoggedRequest
from bookings_sync.sandbox.world import World

_WRONG_TYPE_BODIES = {"list": b'[{"unexpected":true}]', "null": b"null", "string": b'"ok"'}


@dataclass(slots=True)
class Sandbox:
    """A served world, and how it is served. Every attribute may be changed while the server runs."""

    world: World
    faults: Faults = field(default_factory=Faults)
    quota: QuotaTracker = field(default_factory=lambda: QuotaTracker(None))
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request with a valid key."""

    world: World
    location_id: str
    path: Mapping[str, str]
    query: QueryParams
    raw_body: bytes
    content_type: str = ""
    version: str = ""
    """The Version header, which only v2 has."""

    def query_fields(self) -> Fields:
        return Fields(self.query, texts=True)

    def body_fields(self) -> Fields:
        """The fields of the body: a JSON object, or a form as some clients send it (CODE). Anything else gets 400."""
        if self.content_type.partition(";")[0].strip().lower() == FORM_TYPE:
            return Fields(form_values(self.raw_body), texts=True)
        try:
            body = orjson.loads(self.raw_body)
        except orjson.JSONDecodeError:
            raise error_replies.bad_request() from None
        if not isinstance(body, dict):
            raise error_replies.bad_request()
        return Fields(body)


Handler = Callable[[Call], Response]


def json_response(content: object) -> Response:
    return Response(orjson.dumps(content), media_type=JSON_TYPE)


class Endpoint:
    """One path of the API. `template` names the path in faults and in the log, for example `/appointments/:id`."""

    def __init__(
        self, sandbox: Sandbox, template: str, handlers: Mapping[str, Handler], api: ApiVersion | None = None
    ) -> None:
        self._sandbox, self._template, self._handlers = sandbox, template, handlers
        self._api = api or V1()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        method, path, query = request.method, str(scope["path"]), scope["query_string"].decode("latin-1")
        raw_body = await request.body() if method in ("POST", "PUT") else b""
        endpoint, sandbox, api = f"{method} {self._template}", self._sandbox, self._api
        world = sandbox.world
        location_id, refused = api.authenticate(world, request)
        decision = api.count(world, sandbox.quota, location_id) if location_id is not None else None
        identity = f"{location_id} {method} {path}?{query}"
        limited = decision is not None and decision.wait_s is not None
        fault = None if limited else sandbox.faults.pick(endpoint, location_id, identity)

        pause_s = sandbox.latency_ms / 1000 + (fault.seconds if fault and fault.kind == "slow" else 0)
        if pause_s:
            await asyncio.sleep(pause_s)

        if decision is not None and decision.wait_s is not None:
            response = too_many_requests(world.switches, decision.wait_s, api.too_many_requests)
        elif fault is not None and fault.kind in PROXY_FAULTS:
            response = _proxy_reply(fault, api.too_many_requests)
        elif refused is not None or location_id is None:
            response = api.response(world, refused or error_replies.not_found())
        elif fault is not None and fault.kind == "empty_list":
            response = json_response(LISTS[endpoint])
        elif fault is not None and fault.kind.startswith("gone_"):
            response = api.response(world, api.unknown_id(fault.kind.removeprefix("gone_")))
        else:
            call = Call(
                world,
                location_id,
                request.path_params,
                request.query_params,
                raw_body,
                request.headers.get("content-type", ""),
                request.headers.get("version", ""),
            )
            asked = _of_other_tenant(call) if fault and fault.kind == "other_tenant" else call
            response = self._handle(asked, method, path)
        if decision is not None and world.switches.limit_headers:
            response.headers.update(decision.headers)
        reset = fault is not None and fault.kind in ("reset", "reset_after")
        status = 0 if reset else response.status_code
        world.requests.add(LoggedRequest(time.monotonic(), location_id, endpoint, path, query, status))
        await _send(response, fault, scope, receive, send)

    def _handle(self, call: Call, method: str, path: str) -> Response:
        handler = self._handlers.get(method)
        if handler is None:
            return self._api.response(call.world, self._api.no_route(call.world, method, path))
        try:
            with call.world.lock:
                return handler(call)
        except RefusedError as refusal:
            return self._api.response(call.world, refusal)


def _of_other_tenant(call: Call) -> Call:
    """The same call to the next location, with its own id and those of its services, teams and users in the same
    positions."""
    with call.world.lock:
        locations = list(call.world.data)
        other_id = locations[(locations.index(call.location_id) + 1) % len(locations)]
        mine, other = call.world.data[call.location_id], call.world.data[other_id]
        others = {call.location_id: other_id}
        for name in ("services", "teams", "members"):
            ids, other_ids = list(getattr(mine, name)), list(getattr(other, name))
            others |= {each: other_ids[number % len(other_ids)] for number, each in enumerate(ids) if other_ids}
        query = QueryParams([(name, others.get(value, value)) for name, value in call.query.multi_items()])
        path = {name: others.get(value, value) for name, value in call.path.items()}
        raw_body = call.raw_body.replace(call.location_id.encode(), other_id.encode())
        return replace(call, location_id=other_id, query=query, path=path, raw_body=raw_body)


def _proxy_reply(fault: Fault, too_many_body: bytes) -> Response:
    if fault.kind in ("500", "502", "503"):
        return Response(HTML % int(fault.kind), int(fault.kind), media_type="text/html")
    if fault.kind == "html":
        return Response(HTML % 200, 200, media_type="text/html")
    return Response(too_many_body, 429, retry_after(fault.kind.removeprefix("429_"), fault.seconds), JSON_TYPE)


async def _send(response: Response, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the reply, changed as the fault demands."""
    kind, body = (fault.kind if fault else ""), bytes(response.body)
    if kind in ("reset", "reset_after"):
        _reset(send)
        await _disconnected(receive)
        return
    if response.status_code == 200 and kind in _WRONG_TYPE_BODIES:
        response = Response(_WRONG_TYPE_BODIES[kind], 200, media_type=JSON_TYPE)
    elif kind == "cut":
        response = Response(body[: len(body) // 2], response.status_code, media_type=response.media_type or JSON_TYPE)
    elif kind == "truncated":
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _transport(send).close()
        await _disconnected(receive)
        return
    await response(scope, receive, send)


async def _disconnected(receive: Receive) -> None:
    """Waits until uvicorn notices the broken connection. Otherwise it logs that no reply was sent."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> Any:
    """The connection. ASGI hides it, but uvicorn's `send` is a method of the object that holds the transport."""
    return cast(Any, send).__self__.transport


def _reset(send: Send) -> None:
    """Ends the connection with a TCP reset, by setting SO_LINGER to 0 seconds on a duplicate of the descriptor."""
    transport = _transport(send)
    with socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno())) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
