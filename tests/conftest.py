"""Settings of all tests: Hypothesis's profile, and the tally of attempts, printed at the end."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

# A busy machine is no failure: examples are counted, never timed.
settings.register_profile("bookings", deadline=None, max_examples=60)
settings.load_profile("bookings")

_TALLY = "tally: "

_MANY = {
    "test_by_id", "test_check_v2", "test_contacts_of_their_own", "test_damage", "test_doctor", "test_doubts",
    "test_dropped_columns", "test_failures", "test_false_deletions", "test_faults", "test_incremental",
    "test_kills", "test_location_zone", "test_lost_rows", "test_models", "test_move", "test_moving_fields",
    "test_privacy", "test_released", "test_source", "test_switches", "test_switches_v2",
    "test_there_and_back", "test_variants", "test_wrong_keys",
}  # fmt: skip
"""Files with many variants of each test. `make test` runs the first and the last of each, `make chaos` all."""


_BY_V2_TOO = {
    "test_all_kinds_together", "test_it_reports_every_wrong_row", "test_rows_outside_the_range_are_read_in_turn",
}  # fmt: skip
"""Tests that `make test` also runs with locations of v2. `make chaos` runs all tests with both APIs that can."""

_ONE_OF_EACH = {
    "test_a_move_changes_no_mart": ("with-zone",),
    "test_a_move_whose_load_is_torn_and_that_is_given_up": ("reads",),
    "test_equal_after_each_round": ("1-location-v1", "3-locations-v1", "6-locations-mixed", "30-locations-v1"),
}
"""Variants that `make test` runs of a test with many."""

_LONG = {
    "test_a_change_of_a_contact_that_two_lists_disagree_about",
    "test_a_first_sync_with_a_small_budget_reads_everything_over_many_runs",
    "test_a_migration_that_is_killed",
    "test_a_move_of_hashed_data",
    "test_a_move_that_is_killed",
    "test_a_move_within_a_small_budget",
    "test_a_run_that_finds_the_rows_starts_the_count_again",
    "test_a_share_of_the_cold_in_one_load_or_in_many",
    "test_all_changes_of_days_are_found_in_time",
    "test_all_kinds_together",
    "test_an_appointment_told_differently_by_service_and_by_user",
    "test_days_of_other_lengths",
    "test_deletions_are_verified_within_the_budget_until_all_are",
    "test_each_contact_is_read_again_within_cold_reread_days",
    "test_each_kind_alone",
    "test_killed_at_any_moment",
    "test_few_deletions_in_many_small_loads",
    "test_history_under_stricter_rules",
    "test_many_small_loads_exceed_the_share_together",
    "test_random_troubles_while_following",
    "test_real_changes_are_one_event_each",
    "test_real_changes_are_still_counted",
    "test_rows_that_their_list_omits_are_asked_for_in_turn",
    "test_shards_are_added_and_removed",
}
"""Tests of half a minute, for `make chaos` only."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names bytes by their length: compressed bytes contain the time, and each worker must collect the same names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("CHAOS"):
        return
    variants: defaultdict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.path.stem in _MANY and isinstance(item, pytest.Function) and _api_of(item) != "v2":
            variants[item.path.stem, item.originalname].append(item)
    left_out = {id(item) for each in variants.values() for item in each[1:-1]}
    long = [item for item in items if isinstance(item, pytest.Function) and item.originalname in _LONG]
    left_out |= {id(item) for item in long if len(items) > len(long)}  # unless it is asked for by name
    left_out |= {id(item) for item in items if isinstance(item, pytest.Function) and not _is_for_all_runs(item)}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in left_out])
    items[:] = [item for item in items if id(item) not in left_out]


def _api_of(item: pytest.Function) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("api") if callspec else None


def _is_for_all_runs(item: pytest.Function) -> bool:
    """Whether a test runs outside of `make chaos`, as far as the API decides it."""
    if item.originalname in _ONE_OF_EACH:
        return item.callspec.id in _ONE_OF_EACH[item.originalname]
    return _api_of(item) != "v2" or item.originalname in _BY_V2_TOO


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """Restores the loggers that a command changes, so that tests do not affect each other."""
    loggers = [logging.getLogger(name) for name in ("dlt", "bookings_sync", "stamina")]
    before = [(each.level, each.propagate, each.handlers[:]) for each in loggers]
    yield
    for each, (level, propagate, handlers) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.propagate, each.handlers = propagate, handlers


@pytest.fixture
def api() -> str:
    """The API that serves the calendars of a test. A test that runs with several parametrizes it."""
    return "v1"


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Counts attempts: `tally("kills", 1)`. The sums over all tests are printed at the end."""

    def count(what: str, number: int) -> None:
        record_property(_TALLY + what, number)

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, number in report.user_properties:
                    if name.startswith(_TALLY):
                        sums[name.removeprefix(_TALLY)] += number
    if sums:
        terminalreporter.section("tried")
        for what in sorted(sums):
            terminalreporter.write_line(f"{sums[what]:>9,} {what}")
