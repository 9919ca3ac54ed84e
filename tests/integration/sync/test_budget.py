"""The request budget: no run sends more, whatever the requests are for, and nothing starves."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import Fault, Faults

from .conftest import Site, small

MANY_RUNS = 60


def counted(site: Site, **knobs: Any) -> tuple[Counter[str], str]:
    """One sync: its requests by endpoint, and its warnings."""
    site.world.requests.reset()
    result = site.sync(**knobs)
    assert result.row["errors"] == "[]"
    assert result.outcome == "ok"
    assert result.row["requests"] == site.world.requests.total
    return Counter(each.endpoint for each in site.world.requests.records), " ".join(result.warnings)


@pytest.mark.parametrize("minutes", [0, 60])
def test_deletions_are_verified_within_the_budget_until_all_are(open_site: Callable[..., Site], minutes: int) -> None:
    site = open_site(small(), max_window_days=8, window_days=8)
    site.sync()
    rows = site.world.data[site.location_id].by_start.all()
    gone = {row.id for row in rows[::2][: 200 if os.environ.get("CHAOS") else 60]}
    for id_ in gone:
        site.world.delete(site.location_id, id_)
    left = []
    for _ in range(MANY_RUNS):
        site.world.now_ms += minutes * 60_000
        requests, warnings = counted(site, request_budget=30)
        assert requests.total() <= 30
        left.append(len({row["id"] for row in site.live("appointments")} & gone))
        assert ("missing appointments" in warnings or "windows" in warnings) or not left[-1]
        if not left[-1]:
            break
    assert left[-1] == 0
    assert left == sorted(left, reverse=True)
    site.sync()
    assert site.differences() == []


def test_slots_and_windows_do_not_starve_each_other(open_site: Callable[..., Site]) -> None:
    spec = small(services_per_location=12, appointments=100)
    site = open_site(spec, max_window_days=32, lookback_days=100, horizon_days=60)
    read_slots: set[str] = set()
    for _ in range(MANY_RUNS):
        site.world.now_ms += 60_000
        requests, warnings = counted(site, request_budget=20)
        assert requests.total() <= 20
        assert requests["GET /appointments/slots"] >= 4
        assert "services' slots" in warnings
        scopes = site.query("SELECT scope_id FROM reads WHERE endpoint = 'slots'")
        read_slots = {row["scope_id"] for row in scopes}
        if len(read_slots) == 12 and [line for line in site.differences() if line.startswith("appointments")] == []:
            break
    else:
        raise AssertionError("not everything was read")


def test_a_first_sync_with_a_small_budget_reads_everything_over_many_runs(open_site: Callable[..., Site]) -> None:
    start = small().now.date() - timedelta(days=95)
    few = {"lookback_days": 20, "horizon_days": 41, "max_window_days": 4, "window_days": 4}
    site = open_site(small(services_per_location=2), **few, history_start=start)
    for _ in range(MANY_RUNS):
        requests, warnings = counted(site, request_budget=12)
        assert requests.total() <= 12
        if not warnings:
            break
        assert "request budget" in warnings
    assert site.differences() == []


def test_a_budget_of_one_request_is_no_error(open_site: Callable[..., Site]) -> None:
    site = open_site()
    requests, warnings = counted(site, request_budget=1)
    assert requests.total() == 1
    assert "lists of teams" in warnings or "lists of services" in warnings


def test_the_row_of_the_run_says_what_was_left_out(open_site: Callable[..., Site]) -> None:
    site = open_site(max_window_days=8, window_days=8)
    row = site.sync(request_budget=10).row
    (location,) = json.loads(row["locations"])
    assert location["left_out"]["windows that every run reads"] > 0


def test_the_row_of_the_run_names_the_services_without_a_read_of_slots(open_site: Callable[..., Site]) -> None:
    site = open_site(small(services_per_location=12, appointments=100))

    def slots_read(**knobs: Any) -> tuple[bool, list[str]]:
        (location,) = json.loads(site.sync(**knobs).row["locations"])
        return location["reads_slots"], location["slots_not_read"]

    assert slots_read(slots=False) == (False, [])
    assert slots_read() == (True, [])
    site.world.now_ms += 60_000
    _, left = slots_read(request_budget=10)
    read = {row["scope_id"] for row in site.query("SELECT scope_id FROM reads WHERE endpoint = 'slots' AND run_id = "
        "(SELECT max_by(run_id, started_at) FROM runs)")}  # fmt: skip
    assert left
    assert read
    assert read | set(left) == {row["id"] for row in site.live("services")}
    assert not read & set(left)


def test_a_full_sync_continues_where_the_budget_ended_it(open_site: Callable[..., Site]) -> None:
    site = open_site(max_window_days=8, window_days=8, slots=False)
    site.sync()
    window_reads = "SELECT read_id, read_at FROM reads WHERE endpoint = 'appointments'"
    read: set[str] = set()
    for _ in range(MANY_RUNS):
        before = {row["read_id"]: row["read_at"] for row in site.query(window_reads)}
        site.world.now_ms += 60_000
        assert counted(site, full=True, request_budget=30)[0].total() <= 30
        after = {row["read_id"]: row["read_at"] for row in site.query(window_reads)}
        read |= {id_ for id_, at in after.items() if before.get(id_) != at}
        if read >= before.keys():
            break
    assert read >= before.keys()


def test_a_location_that_answers_no_request_is_not_excused_by_its_budget(open_site: Callable[..., Site]) -> None:
    site = open_site()
    site.server.faults = Faults([Fault(kind="503")])
    result = site.sync(request_budget=3)
    assert result.outcome == "failed"
    assert "the server failed" in result.row["errors"]
