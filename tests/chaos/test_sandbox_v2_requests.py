"""Wrong and arbitrary requests to v2 of the sandbox: each gets a reply in its form, and none breaks later replies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from bookings_sync.sandbox import SandboxServer, World, WorldSpec, generate, truth_v2
from bookings_sync.sandbox.v2.routes import ENDPOINTS

from .conftest import CHAOS_SEED, amount
from .test_sandbox_requests import ODD, WRONG, anything, damaged, ids, places, replaced, words

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXAMPLES = amount(8, 300)
STEP = amount(8, 1)
"""Every eighth of the values for each field, or all."""
CALLS = [(method, path) for path, (_, handlers) in ENDPOINTS.items() for method in handlers]
STATUSES = {"POST": 201, "DELETE": 201}
"""The status of a success, where it is not 200. The two POSTs that only read have 200."""

APPOINTMENT = {
    "locationId": "$location",
    "calendarId": "$service",
    "contactId": "$contact",
    "assignedUserId": "$user",
    "startTime": "$slot",
    "appointmentStatus": "new",
    "title": "First visit",
    "address": "Room 2",
    "notes": "Bring tea",
    "ignoreFreeSlotValidation": True,
}
BLOCK = {
    "locationId": "$location",
    "calendarId": "$service",
    "startTime": "$slot",
    "endTime": "$later",
    "title": "Lunch",
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/calendars/groups/validate-slug"): {"locationId": "$location", "slug": "$fresh"},
    ("POST", "/contacts/search"): {
        "locationId": "$location",
        "pageLimit": 20,
        "searchAfter": [0, "$contact"],
        "filters": [
            {"field": "dateAdded", "operator": "range", "value": {"gte": 0, "lt": "2030-01-01T00:00:00Z"}},
            {"group": "OR", "filters": [{"field": "email", "operator": "eq", "value": "a@example.com"}]},
        ],
    },
    ("POST", "/calendars/events/appointments"): APPOINTMENT,
    ("PUT", "/calendars/events/appointments/{event_id}"): APPOINTMENT,
    ("POST", "/calendars/events/block-slots"): BLOCK,
    ("PUT", "/calendars/events/block-slots/{event_id}"): BLOCK,
}
QUERY = {
    "locationId": "$location",
    "startTime": "$now",
    "endTime": "$soon",
    "startDate": "$now",
    "endDate": "$soon",
    "calendarId": "$service",
    "companyId": "$company",
}
FIELDS = (
    *QUERY,
    "userId",
    "userIds",
    "groupId",
    "showDrafted",
    "timezone",
    "skip",
    "limit",
    "startAfter",
    "startAfterId",
)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    spec = WorldSpec(
        now=NOW, seed=3, locations=2, services_per_location=2, appointments=30, past_days=20, future_days=10
    )
    with SandboxServer(generate(spec)) as serving:
        yield serving


@st.composite
def requests(draw: st.DrawFn, method: str, path: str) -> tuple[list[str], dict[str, str], Any]:
    """Path, query and body."""
    template = BODIES.get((method, path))
    body = draw(damaged(template) | damaged(template) | anything if template else st.just(None) | anything)
    query = QUERY if draw(st.booleans()) else {}
    query = query | draw(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), words, max_size=4))
    parts = path.split("/")
    return [draw(words | st.just(known(part))) if part.startswith("{") else part for part in parts], query, body


def known(part: str) -> str:
    """A name in `send` for a part of a path."""
    return {"{event_id}": "$event", "{calendar_id}": "$service"}.get(part, f"${part[1:-4]}")


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{method} {path}" for method, path in CALLS])
def test_any_request(server: SandboxServer, number: int) -> None:
    method, path = CALLS[number]

    @seed(CHAOS_SEED + number)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(method, path))
    def holds(request: tuple[list[str], dict[str, str], Any]) -> None:
        with connected(server) as client:
            check(send(client, server.world, method, *request))
            everything_answers(client, server.world)

    holds()


@pytest.mark.parametrize(("method", "path"), list(BODIES), ids=[f"{method} {path}" for method, path in BODIES])
def test_each_field_with_each_wrong_value(server: SandboxServer, method: str, path: str) -> None:
    body = BODIES[method, path]
    target = [known(part) if part.startswith("{") else part for part in path.split("/")]
    if path.endswith("block-slots/{event_id}"):
        target[-1] = "$block"
    with connected(server) as client:
        for number, (place, _) in enumerate(places(body)):
            values = [*WRONG, *ODD, "$drop"]
            for value in values[number % STEP :: STEP]:
                check(send(client, server.world, method, target, {}, replaced(body, place, value)))
        reply = send(client, server.world, method, target, {}, body)
        reads = path in ("/contacts/search", "/calendars/groups/validate-slug")
        assert reply.status_code == (200 if reads else STATUSES.get(method, 200)), reply.text
        everything_answers(client, server.world)


def connected(server: SandboxServer) -> httpx.Client:
    """A client for the first location."""
    headers = {"Authorization": f"Bearer {server.world.locations[0].pit}", "Version": "2021-04-15"}
    return httpx.Client(base_url=server.base_url_v2, headers=headers, trust_env=False, verify=False, timeout=20)


def send(
    client: httpx.Client, world: World, method: str, path: list[str], query: dict[str, str], body: Any
) -> httpx.Response:
    names = ids(world) | {"$location": world.locations[0].id, "$company": world.company_id}
    rows = world.data[world.locations[0].id].by_start.all()
    names["$event"] = next((row.id for row in rows if not row.block and row.service_id), "none")
    names["$block"] = next((row.id for row in rows if row.block), "none")
    if "$block" in path and names["$block"] == "none":
        service_id, now = names["$service"], world.now
        names["$block"] = world.block(world.locations[0].id, service_id, now, now.replace(hour=23)).id

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {filled(name): filled(each) for name, each in value.items() if each != "$drop"}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    url = "/".join(quote(each, safe="") for each in filled(path)) + f"?{urlencode(filled(query))}"
    return client.request(method, url, json=filled(body)) if body is not None else client.request(method, url)


def check(reply: httpx.Response) -> None:
    """A JSON object; an error names its status, and has a message of one or several texts."""
    assert reply.status_code in (200, 201, 400, 403, 404, 422), reply.text
    body = reply.json()
    assert isinstance(body, dict)
    if reply.status_code >= 400:
        assert body["statusCode"] == reply.status_code
        messages = body["message"] if isinstance(body["message"], list) else [body["message"]]
        assert messages
        assert all(isinstance(each, str) and each for each in messages)


def everything_answers(client: httpx.Client, world: World) -> None:
    """Each list still answers, and so does the truth."""
    mine = {"locationId": world.locations[0].id}
    window = mine | {"startTime": "0", "endTime": "32503679999999"}
    data = world.data[world.locations[0].id]
    calls = [(path, mine) for path in ("/calendars/groups", "/calendars/", "/contacts/", "/users/")]
    calls += [("/calendars/events", window | {"calendarId": each}) for each in data.services]
    calls += [("/calendars/blocked-slots", window | {"userId": each}) for each in data.members]
    for path, query in calls:
        assert client.get(path, params=query).status_code == 200, path
    truth_v2(world, world.locations[0].id)
