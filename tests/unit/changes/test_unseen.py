"""How long changes were unseen: limits that are never too short."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bookings_sync.changes.unseen import LIMITS, MORE, Unseen, class_of, percentile, together
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window

NOW_MS = 1_790_000_000_000
SCOPE = Scope("service", "ann")
WINDOW = Window(NOW_MS - 10**9, NOW_MS + 10**9)


def read(at_ms: int, run_id: str = "now", rules: str = "r") -> Read:
    return Read("L", "appointments", SCOPE, WINDOW, at_ms, run_id, rules, "digest", 0, 1, 0.0)


def rows(*updated_ms: int | None, start_ms: int | None = NOW_MS) -> pa.Table:
    def instants(values: list[int | None]) -> pa.Array:
        moments = [None if each is None else datetime.fromtimestamp(each / 1_000, UTC) for each in values]
        return pa.array(moments, pa.timestamp("us", tz="UTC"))

    starts = instants([start_ms] * len(updated_ms))
    return pa.table({"start_time": starts, "updated_at": instants(list(updated_ms))})


def test_a_change_waited_since_the_last_read_at_most_and_by_the_api_since_its_own_time() -> None:
    unseen = Unseen(Ledger([read(NOW_MS - 50_000, "before")]))
    unseen.add(rows(None, NOW_MS - 12_000, NOW_MS - 70_000, NOW_MS + 5_000), read(NOW_MS))
    assert unseen.of("L") == {"at_most": {"60": 4}, "by_api": {"15": 1}}
    assert unseen.of("another") == {}


def test_a_read_that_is_not_in_the_ledger_counts() -> None:
    unseen = Unseen(Ledger([read(NOW_MS - 50_000, "before")]), lambda *_: NOW_MS - 9_000)
    unseen.add(rows(None), read(NOW_MS))
    assert unseen.of("L") == {"at_most": {"10": 1}}


@pytest.mark.parametrize(
    "ledger",
    [
        Ledger(),
        Ledger([read(NOW_MS - 50_000, "before", rules="other rules")]),
        Ledger([read(NOW_MS - 50_000, "now")]),
        Ledger([read(NOW_MS + 50_000, "before")]),
    ],
    ids=["first read", "read in another way", "read twice in a run", "clock set back"],
)
def test_what_is_no_measurement_is_not_counted(ledger: Ledger) -> None:
    unseen = Unseen(ledger)
    unseen.add(rows(None), read(NOW_MS))
    assert unseen.of("L") == {}


def test_rows_without_a_start_are_not_counted() -> None:
    unseen = Unseen(Ledger([read(NOW_MS - 50_000, "before")]))
    unseen.add(rows(None, start_ms=None), read(NOW_MS))
    assert unseen.of("L") == {}


def test_percentiles_are_upper_limits() -> None:
    assert [class_of(seconds) for seconds in (0, 5, 5.1, 61, 3e6)] == ["5", "5", "10", "90", MORE]
    histogram = together([{"5": 50, "30": 44}, {"60": 6}])
    assert percentile(histogram, 0.5) == 5
    assert percentile(histogram, 0.94) == 30
    assert percentile(histogram, 0.95) == 60
    assert percentile({}, 0.5) is None
    assert percentile({MORE: 1}, 0.5) == float("inf")
    assert list(LIMITS) == sorted(LIMITS)
