"""The follower: connections that outlive a run, and what it remembers."""

from __future__ import annotations

from collections.abc import Iterator

import pendulum
import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, to_ms
from bookings_sync.sync.follower import Follower

NOW = pendulum.datetime(2026, 11, 4, 9)
SCOPE, WINDOW = Scope("service", "ann"), Window(0, 1_000)


@pytest.fixture
def time() -> dict[str, float]:
    return {"now": 0.0}


@pytest.fixture
def follower(time: dict[str, float]) -> Iterator[Follower]:
    found = Follower(Settings(base_url="http://127.0.0.1:1"), monotonic=lambda: time["now"])
    yield found
    found.close()


def read(run_id: str, at_ms: int) -> Read:
    return Read("L", "appointments", SCOPE, WINDOW, at_ms, run_id, "", "digest", 0, 1, 0.0)


def test_connections_are_kept_from_run_to_run_and_not_over_a_suspension(follower: Follower) -> None:
    first = follower.connections(NOW)
    assert follower.connections(NOW.add(seconds=5)) is first
    second = follower.connections(NOW.add(hours=3))
    assert second is not first
    assert follower.connections(NOW.add(hours=1)) is not second  # the clock was set back


def test_loads_without_news_are_written_once_a_minute(follower: Follower, time: dict[str, float]) -> None:
    assert not follower.may_drop()
    follower.written(NOW)
    assert follower.may_drop()
    time["now"] = 61
    assert not follower.may_drop()


def test_a_round_with_slots_is_written(follower: Follower) -> None:
    follower.written(NOW)
    assert follower.is_slots_turn(["oslo"])
    follower.slots_read(["oslo"])
    assert not follower.is_slots_turn(["oslo"])
    assert follower.is_slots_turn(["oslo", "rome"])  # rome failed until now
    assert not follower.may_drop()


def test_whole_lists_are_read_once_a_minute(follower: Follower, time: dict[str, float]) -> None:
    assert follower.is_lists_turn(["oslo"])
    follower.lists_read(["oslo"])
    assert not follower.is_lists_turn(["oslo"])
    assert follower.is_lists_turn(["rome"])
    time["now"] = 60
    assert follower.is_lists_turn(["oslo"])


def test_before_it_has_learnt_every_hour_is_alike(follower: Follower) -> None:
    assert follower.pace("oslo", NOW) == 1


def test_reads_of_loads_that_were_not_written_are_remembered_for_an_hour(follower: Follower) -> None:
    now_ms = to_ms(NOW)
    follower.dropped(Ledger([read("now", now_ms)]), "now")
    follower.dropped(Ledger([read("before", now_ms + 5)]), "now")
    assert follower.read_at("L", SCOPE, WINDOW) == now_ms
    assert follower.read_at("another", SCOPE, WINDOW) == 0
    follower.written(NOW.add(minutes=59))
    assert follower.read_at("L", SCOPE, WINDOW) == now_ms
    follower.written(NOW.add(minutes=61))
    assert follower.read_at("L", SCOPE, WINDOW) == 0
