"""The planner: what only the run knows is added to the plan, and asking twice changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pendulum
import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import Calendar, KnownCalendars
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, Span, window_of
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import to_ms

NOW = pendulum.datetime(2026, 11, 2, 9)
SHORT = Settings(history_start=NOW.subtract(days=400).date(), window_days=8, max_window_days=8)
ANN, BOB = Scope("service", "ann"), Scope("service", "bob")


@dataclass
class Run:
    """A planner over services that nothing is known of, and reads as they would be completed."""

    budget: int = 1_000
    calendars: dict[str, Calendar] = field(default_factory=lambda: {"L": Calendar(services=("ann",))})
    settings: Settings = field(default_factory=lambda: Settings(history_start=NOW.subtract(days=400).date()))
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        span = Span("this run", NOW)
        self.learnt = KnownCalendars(self.calendars, self.settings.scopes)
        self.planner = Planner(self.settings, span, self.ledger, self.learnt, {}, lambda _: self.budget)

    def complete(self, planned: PlannedRead, *, rows: int = 1, run_id: str = "this run") -> None:
        window, at = window_of(planned), to_ms(NOW)
        read = Read(planned.location_id, "appointments", planned.scope, window, at, run_id, "", "digest", 0, rows, 0.0)
        self.planner.add([read])

    def remaining(self, *location_ids: str) -> list[PlannedRead]:
        return self.planner.remaining(location_ids or ("L",)).reads


def test_a_run_reads_until_nothing_is_left() -> None:
    run = Run()
    done = []
    while planned := run.planner.next_reads(["L"], 100):
        done += planned
        for each in planned:
            run.complete(each)
        assert len(done) < 200
    assert [each.reason for each in done[:2]] == ["first", "hot"]
    assert run.remaining() == []


def test_a_question_changes_nothing() -> None:
    run = Run()
    assert run.remaining() == run.remaining()
    assert run.planner.next_reads(["L"], 5) == run.planner.next_reads(["L"], 5)


def test_a_failed_window_is_left_out_and_the_others_are_read() -> None:
    run = Run()
    (first,) = run.remaining()
    run.planner.leave_out(first)
    others = run.remaining()
    assert others
    assert first.window not in [each.window for each in others]


@pytest.mark.parametrize("budget", [0, 1, 2])
def test_the_request_budget_limits_the_plan_and_names_the_location(budget: int) -> None:
    run = Run(budget=budget)
    if budget:
        run.complete(run.remaining()[0])
    found = run.planner.remaining(["L"])
    assert len(found.reads) == budget
    assert found.over_budget["L"] > 0


def test_a_budget_too_small_for_the_hot_range_still_reads_history() -> None:
    run = Run(
        budget=40, settings=Settings(history_start=NOW.subtract(days=400).date(), window_days=8, max_window_days=8)
    )
    run.complete(run.remaining()[0])
    reasons = Counter(each.reason for each in run.remaining())
    assert reasons == {"hot": 30, "backfill": 10}
    assert run.planner.remaining(["L"]).over_budget_hot["L"] > 0


def test_half_of_the_budget_is_kept_for_missing_appointments() -> None:
    run = Run(
        budget=40, settings=Settings(history_start=NOW.subtract(days=400).date(), window_days=8, max_window_days=8)
    )
    run.complete(run.remaining()[0])
    assert len(run.planner.next_reads(["L"], 100)) == 20


def test_locations_take_turns() -> None:
    calendars = {each: Calendar(services=("ann", "bob")) for each in ("L", "M")}
    run = Run(calendars=calendars)
    assert [each.location_id for each in run.remaining("L", "M")] == ["L", "M", "L", "M"]


def test_a_service_that_disappeared_is_still_asked_for_its_appointments() -> None:
    run = Run()
    run.learnt.learn_services("L", ["bob"], [], {})
    assert {each.scope for each in run.remaining()} == {ANN, BOB}
    assert run.learnt.of("L").lists(BOB)
    assert not run.learnt.of("L").lists(ANN)


def test_a_scope_that_only_an_appointment_names_is_asked_for() -> None:
    run = Run()
    run.learnt.learn_scopes("L", {ANN, BOB})
    assert {each.scope for each in run.remaining()} == {ANN, BOB}


def test_members_of_teams_and_services_are_users() -> None:
    run = Run(settings=Settings(scopes=("user",)))
    run.learnt.learn_teams("L", ["team"], ["one"])
    run.learnt.learn_services("L", ["ann"], ["two"], {"ann": 60_000})
    assert {each.scope for each in run.remaining()} == {Scope("user", "one"), Scope("user", "two")}
    assert run.learnt.of("L").notice_ms == {"ann": 60_000}


def _with_cold_windows() -> Run:
    """A run after another one that has read everything, a day ago."""
    run = Run()
    while planned := run.planner.next_reads(["L"], 100):
        for each in planned:
            run.complete(each)
    return Run(ledger=Ledger(_by(each, "earlier run", days_ago=1) for each in run.ledger.all()))


def _by(read: Read, run_id: str, *, days_ago: int) -> Read:
    fields: dict[str, Any] = {name: getattr(read, name) for name in Read.__slots__}
    return Read(**fields | {"run_id": run_id, "read_at_ms": to_ms(NOW.subtract(days=days_ago))})


def test_the_share_of_cold_windows_is_fixed_once() -> None:
    """Later loads of the same run add no cold window to the share."""
    run = _with_cold_windows()
    share = [each for each in run.remaining() if each.reason == "cold"]
    assert share
    run.planner.fix_cold_share(["L"])
    for each in run.remaining():
        run.complete(each)
        run.planner.fix_cold_share(["L"])
    assert run.remaining() == []
