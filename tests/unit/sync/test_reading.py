"""Answers arrive as they come, with the API's errors among them. Other errors are raised. Calls in flight are
limited."""

from __future__ import annotations

import threading

import pendulum
import pytest

from bookings_sync.api import Client, open_http
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import RateLimited, ServerFailed
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.records.digests import digest_of
from bookings_sync.sync.reading import DecodingTurn, Reading
from support.fake_api import Asked, FakeApi, Replied


def refuse_odd(item: int, _: DecodingTurn) -> int:
    if item % 2:
        raise ServerFailed("the server failed", location="berlin", method="GET", path="/", window=None, status=500)
    return 10 * item


def test_every_item_is_answered_once() -> None:
    answers = {answer.item: answer for answer in Reading(range(50), refuse_odd, 7)}
    assert sorted(answers) == list(range(50))
    assert all(answers[item].result == 10 * item for item in range(0, 50, 2))
    assert all(isinstance(answers[item].error, ServerFailed) for item in range(1, 50, 2))


def test_other_errors_are_raised() -> None:
    def fail(item: int, _: DecodingTurn) -> int:
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        list(Reading([1, 2, 3], fail, 2))


def test_items_can_be_added_dropped_and_left_during_the_reading() -> None:
    reading = Reading(range(100), lambda item, _: item, 1)
    seen: list[int] = []
    for answer in reading:
        seen.append(answer.item)
        if answer.item == 0:
            reading.add([1000, 1001])
            reading.drop(lambda item: item < 50)
        if answer.item == 60:
            assert reading.stop() > 0
    assert {1000, 1001} < set(seen)
    assert not set(seen) & set(range(10, 50))  # except those in flight
    assert max(item for item in seen if item < 1000) < 70


def test_calls_in_flight_are_limited() -> None:
    lock, in_flight, most = threading.Lock(), 0, 0

    def call(item: int, turn: DecodingTurn) -> int:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        turn.wait_for(len)(b"body")
        with lock:
            in_flight -= 1
        return item

    assert sum(1 for _ in Reading(range(200), call, 4)) == 200
    assert most <= 4


def unchanged(size: int) -> Reply[list[int]]:
    """A reply that equals the last one: nothing is decoded."""
    return Reply(None, "digest", size, pendulum.datetime(2026, 3, 1), 0.1, 1)


class Meter:
    """Counts the calls in flight after the first answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._in_flight += 1
            self.most = max(self.most, self._in_flight)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._in_flight -= 1


@pytest.mark.parametrize(("size", "most"), [(6_000_000, 4), (12_000_000, 2), (60_000_000, 2)])
def test_unchanged_replies_count_in_the_memory_bound(size: int, most: int) -> None:
    meter = Meter()

    def call(item: int, _: DecodingTurn) -> Reply[list[int]]:
        with meter:
            threading.Event().wait(0.001)
            return unchanged(size)

    reading = iter(Reading(range(100), call, 20))
    for _ in range(8):  # the calls that were sent before any size was known
        next(reading)
    meter.most = 0
    assert sum(1 for _ in reading) == 92
    assert meter.most <= most


@pytest.mark.parametrize("status", [200, 404, 413])
def test_every_body_counts_in_the_memory_bound(status: int) -> None:
    """Unchanged lists, error pages, and bodies that are too large, as a server sends them."""
    meter = Meter()
    body = b'{"appointments": []}' + b" " * 8_000_000 + (b" " * 8_000_000 if status == 413 else b"")

    def answer(_: Asked) -> Replied:
        with meter:
            return Replied(body, 200 if status == 413 else status)

    with FakeApi(answer) as api, open_http(Settings()) as http:
        knobs = {"attempts": 1, "rate_limit": 10_000, "max_reply_mb": 9}
        settings = Settings(base_url=api.base_url, **knobs)  # type: ignore[arg-type]
        client = Client(Location("berlin", "berlins-key"), settings, http, clock=lambda: pendulum.now("UTC"))

        def call(item: int, _: DecodingTurn) -> object:
            window = Window(item * DAY_MS, (item + 1) * DAY_MS)
            return client.list_appointments(Scope("service", "s"), window, digest_of(body))

        reading = iter(Reading(range(14), call, 20))
        for _ in range(6):
            next(reading)
        meter.most = 0
        assert sum(1 for _ in reading) == 8
    assert meter.most <= 3


def test_failures_do_not_show_that_replies_are_small() -> None:
    meter = Meter()

    def call(item: int, _: DecodingTurn) -> None:
        with meter:
            threading.Event().wait(0.001)
            raise RateLimited("no", location="berlin", method="GET", path="/", window=None, status=429)

    reading = iter(Reading(range(60), call, 20))
    for _ in range(8):
        next(reading)
    meter.most = 0
    assert all(answer.error for answer in reading)
    assert meter.most <= 4


def test_ending_the_iteration_early_ends_the_threads() -> None:
    for answer in Reading(range(100), lambda item, _: item, 5):
        assert answer.result is not None
        break
    for thread in threading.enumerate():
        if thread.name.startswith("read_"):
            thread.join(30)
            assert not thread.is_alive()


def test_one_reply_at_a_time_is_decoded() -> None:
    decoded: list[int] = []

    def call(item: int, turn: DecodingTurn) -> int:
        turn.wait_for(lambda _: decoded.append(item))(b"body")
        return item

    for taken, answer in enumerate(Reading(range(200), call, 7)):
        assert decoded == decoded[: taken + 1]
        assert decoded[-1] == answer.item
