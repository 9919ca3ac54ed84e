"""Answers arrive as they come, with the API's errors among them. Other errors are raised. Calls in flight are
limited."""

from __future__ import annotations

import threading

import pytest

from bookings_sync.errors import ServerFailed
from bookings_sync.sync.reading import DecodingTurn, Reading


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
