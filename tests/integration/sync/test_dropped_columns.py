"""Somebody drops columns of the raw tables: the next runs fill them again, and no record counts as changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from bookings_sync.errors import BookingsError

from .conftest import Site, small
from .test_lost_rows import damage

WORLD = small(locations=2, appointments=60, services_per_location=2, teams_per_location=1)


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """Two locations, a warehouse that is in sync, and a part of the calendar that not every run reads."""
    site = open_site(
        WORLD, history_start=date(2026, 7, 1), lookback_days=10, horizon_days=120, max_window_days=16, window_days=16
    )
    site.sync()
    return site


DROPPED = {
    "appointments": ("title", "appoinment_status", "timezone", "extra"),
    "contacts": ("email", "custom_fields_digest", "tags"),
    "contact_custom_fields": ("value",),
    "teams": ("name",),
    "team_members": ("email",),
    "services": ("slot_duration", "extra"),
    "service_members": ("priority",),
    "service_hours": ("open_hour",),
    "slots": ("slot_date",),
}


def drop(site: Site, table: str, *columns: str) -> None:
    damage(site, *(f"ALTER TABLE {table} DROP COLUMN {each}" for each in columns))


@pytest.mark.parametrize("tables", [list(DROPPED), ["services"], ["contact_custom_fields"]], ids=str)
def test_columns_that_were_dropped(site: Site, tables: list[str]) -> None:
    for table in tables:
        drop(site, table, *DROPPED[table])
    healed = site.sync()
    assert site.differences() == []
    assert (healed.outcome, healed.changes.total - healed.changes.rewritten) == ("ok", 0)
    assert sum("has lost its column" in warning for warning in healed.warnings) == len(tables)
    again = site.sync()
    assert (again.changes.total, again.warnings) == (0, {})


def test_a_small_budget_fills_a_column_over_several_runs(site: Site) -> None:
    drop(site, "appointments", "title")
    for _ in range(10):
        result = site.sync(request_budget=28)
        assert result.changes.total == result.changes.rewritten
        if not site.differences():
            return
    raise AssertionError(site.differences()[:3])


@pytest.mark.parametrize(
    ("table", "column"),
    [("appointments", "id"), ("contacts", "row_digest"), ("appointments", "deleted_at"), ("reads", "rules")],
)
def test_rows_mean_nothing_without_some_columns(site: Site, table: str, column: str) -> None:
    drop(site, table, column)
    for _ in range(2):
        with pytest.raises(BookingsError, match=f"{table} has lost its column {column}.* drop it"):
            site.sync()
    damage(site, f"DROP TABLE {table}")
    site.sync()
    assert site.differences() == []
