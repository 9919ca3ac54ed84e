"""Fixtures: a small served world, generated for each test, and a client for its first location."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import Location, SandboxServer, World, WorldSpec, generate

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""A Monday."""
ALL_TIME = {"startDate": 0, "endDate": 4_102_444_800_000}


@dataclass
class Api:
    """A client for one location, the world, and the server."""

    world: World
    server: SandboxServer
    client: httpx.Client
    location: Location

    def json(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self.client.request(method, path, **kwargs)
        assert response.status_code == 200, response.text
        return response.json()

    def appointments(self, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.json("GET", "/appointments/", params=ALL_TIME | query)["appointments"]
        return rows

    def slots(self, service_id: str, **query: Any) -> list[str]:
        start = self.world.now_ms
        params = {"calendarId": service_id, "startDate": start, "endDate": start + 14 * 86_400_000, **query}
        days = self.json("GET", "/appointments/slots", params=params)
        return [slot for name, day in days.items() if name[:2] == "20" for slot in day["slots"]]

    def v2(self, path: str, version: str = "2021-04-15", status: int = 200, **query: Any) -> Any:
        """The reply of v2 to a GET of the first location."""
        response = self.v2_request("GET", path, version=version, params=query)
        assert response.status_code == status, response.text
        return response.json()

    def v2_request(
        self, method: str, path: str, *, token: str | None = None, version: str | None = "2021-04-15", **kwargs: Any
    ) -> httpx.Response:
        """A request to v2. Without a token, that of the first location; no version means no Version header."""
        headers = {"Authorization": f"Bearer {token or self.location.pit}"} | ({"Version": version} if version else {})
        return self.client.request(method, self.server.base_url_v2 + path, headers=headers, **kwargs)

    def events(self, path: str = "/calendars/events", **query: Any) -> list[dict[str, Any]]:
        """The events of a list of v2, by default of all time."""
        window = {"locationId": self.location.id, "startTime": "0", "endTime": "4102444800000"}
        rows: list[dict[str, Any]] = self.v2(path, **window | query)["events"]
        return rows

    @property
    def service_id(self) -> str:
        """The first service of the location. One appointment per slot, open Monday to Friday."""
        return next(iter(self.world.data[self.location.id].services))


def switch(api: Api, **settings: Any) -> None:
    response = httpx.post(api.server.url + "/sandbox/switches", json=settings, trust_env=False, verify=False)
    assert response.status_code == 200, response.text


def small_spec(**settings: Any) -> WorldSpec:
    defaults: dict[str, Any] = {"now": NOW, "seed": 5, "appointments": 600, "past_days": 90, "future_days": 30}
    return WorldSpec(**defaults | settings)


def serve(world: World) -> Iterator[Api]:
    with SandboxServer(world) as server:
        location = world.locations[0]
        headers = {"Authorization": f"Bearer {location.key}"}
        with httpx.Client(
            base_url=server.base_url, headers=headers, timeout=5, trust_env=False, verify=False
        ) as client:
            yield Api(world, server, client, location)


@pytest.fixture
def api() -> Iterator[Api]:
    yield from serve(generate(small_spec()))


@pytest.fixture
def get_with_key(api: Api) -> Callable[..., httpx.Response]:
    """Sends a GET request with another key, or without a key."""

    def request(path: str, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(api.server.base_url + path, headers=headers, trust_env=False, verify=False)

    return request
