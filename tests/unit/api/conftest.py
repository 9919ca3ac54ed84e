"""Fixtures: a client with scripted replies, both HTTP transports, and a clock that only `sleep` moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import pendulum
import pytest
import stamina
from pendulum import DateTime

from bookings_sync.api import Client, ConnectionPool
from bookings_sync.config.settings import HttpTransport, Location, Settings

KEY = "berlins-secret-key"


class FakeTime:
    """A monotonic clock and a UTC clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds

    def clock(self) -> DateTime:
        return pendulum.datetime(2026, 3, 1, 12).add(microseconds=round(self.seconds * 1_000_000))


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """stamina retries as often as configured, but without pauses."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture(params=get_args(HttpTransport))
def http_transport(request: pytest.FixtureRequest) -> HttpTransport:
    """Tests that use this fixture run once with each HTTP transport."""
    transport: HttpTransport = request.param
    return transport


def _with_target(request: httpx.Request) -> httpx.Request:
    """The request as a server sees it: its URL has the path and query of the `target` extension."""
    url = request.url.copy_with(raw_path=request.extensions["target"])
    return httpx.Request(request.method, url, headers=request.headers, content=request.read())


@pytest.fixture
def client_for(fake_time: FakeTime) -> Iterator[Callable[..., Client]]:
    """Returns a client with a function as its server. Replies pass through httpx's MockTransport."""
    opened: list[ConnectionPool] = []

    def make(answer: Callable[[httpx.Request], httpx.Response], **knobs: Any) -> Client:
        settings = Settings(base_url="https://calendar.example/v1", **knobs)
        http = ConnectionPool(lambda: httpx.MockTransport(lambda request: answer(_with_target(request))))
        opened.append(http)
        return Client(
            Location("berlin", KEY),
            settings,
            http,
            clock=fake_time.clock,
            monotonic=fake_time.monotonic,
            sleep=fake_time.sleep,
        )

    yield make
    for http in opened:
        http.close()
