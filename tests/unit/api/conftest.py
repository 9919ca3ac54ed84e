"""A location, settings, and a clock that moves only when something sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pendulum
import pytest
import stamina
from pendulum import DateTime

from bookings_sync.api import Client, Connections
from bookings_sync.config.settings import Location, Settings

KEY = "berlins-secret-key"


class FakeTime:
    """Seconds that pass only by sleeping, and the UTC time they make."""

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
    """stamina's own pauses are left out; how often it tries is not."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


def _with_its_target(request: httpx.Request) -> httpx.Request:
    """The request as a server sees it, with what is asked for in its address."""
    address = request.url.copy_with(raw_path=request.extensions["target"])
    return httpx.Request(request.method, address, headers=request.headers, content=request.read())


@pytest.fixture
def client_for(fake_time: FakeTime) -> Iterator[Callable[..., Client]]:
    """A client whose requests are answered by a function of the request, through httpx's own transport."""
    opened: list[Connections] = []

    def make(answer: Callable[[httpx.Request], httpx.Response], **knobs: Any) -> Client:
        settings = Settings(base_url="https://calendar.example/v1", **knobs)
        http = Connections(lambda: httpx.MockTransport(lambda request: answer(_with_its_target(request))))
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
