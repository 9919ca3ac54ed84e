"""A location's id comes from the configuration, the key or, with an old key, the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bookings_sync.config.settings import Location
from bookings_sync.sandbox import Switches

from .conftest import Site, small

OPAQUE = small(opaque_key_share=1.0)


@pytest.mark.parametrize(
    ("now", "switches"),
    [
        pytest.param(datetime(2026, 2, 10, 9, tzinfo=UTC), Switches(), id="whatever-the-date"),
        pytest.param(OPAQUE.now, Switches(max_window_days=31), id="long-windows-refused"),
    ],
)
def test_the_id_is_learnt_from_the_data(open_site: Callable[..., Site], now: datetime, switches: Switches) -> None:
    """On the February day, the grid's longest window ends just after the lookback begins."""
    site = open_site(replace(OPAQUE, now=now, past_days=10), switches=switches, lookback_days=45)
    result = site.sync()
    assert result.row["errors"] == "[]"
    assert (
        site.live("locations")[0] | {"location_id": site.location_id, "id_source": "data"} == site.live("locations")[0]
    )
    assert site.differences() == []


def test_the_id_is_remembered_by_the_locations_name(open_site: Callable[..., Site]) -> None:
    """Once the warehouse has the id, the API is not asked again, even if no appointment is left."""
    site = open_site(OPAQUE)
    site.sync()
    for row in list(site.world.data[site.location_id].by_start.all()):
        site.world.delete(site.location_id, row.id)
    site.world.requests.reset()
    assert "location_id" not in site.sync().row["errors"]
    assert [each.endpoint for each in site.world.requests.records].count("GET /calendars/services") == 1


@pytest.mark.parametrize(
    ("days", "switches"),
    [
        pytest.param(300, Switches(), id="months-ago"),
        pytest.param(2_000, Switches(), id="years-ago"),
        pytest.param(300, Switches(max_window_days=31), id="long-windows-refused"),
    ],
)
def test_the_id_is_learnt_from_older_history(open_site: Callable[..., Site], days: int, switches: Switches) -> None:
    """Nothing is in the hot range: the search goes back in ever longer windows."""
    site = open_site(replace(OPAQUE, future_days=0), switches=switches, lookback_days=45, horizon_days=365)
    site.world.now_ms += days * 86_400_000
    result = site.sync(history_start=date(2015, 1, 1))
    assert result.row["errors"] == "[]"
    assert len(site.live("appointments")) == 300


def test_an_unknown_id_is_an_error(open_site: Callable[..., Site]) -> None:
    site = open_site(replace(OPAQUE, appointments=0))
    result = site.sync()
    assert result.outcome == "failed"
    assert "location_id" in result.row["errors"]
    assert "no teams and services" not in result.row["errors"]


def test_an_unknown_id_stops_the_search_within_the_budget(open_site: Callable[..., Site]) -> None:
    site = open_site(replace(OPAQUE, appointments=0))
    result = site.sync(request_budget=9)
    assert result.outcome == "failed"
    assert result.row["requests"] <= 9


def test_an_empty_calendar_needs_its_id(open_site: Callable[..., Site]) -> None:
    """Without teams, services and appointments nothing shows the id, but a written one is taken."""
    site = open_site(replace(OPAQUE, appointments=0, teams_per_location=0, services_per_location=0))
    result = site.sync()
    assert result.outcome == "failed"
    assert "no teams and services" in result.row["errors"]
    location = site.world.locations[0]
    written = Location(location.name, location.key, location_id=location.id)
    assert site.sync(locations={location.name: written}).outcome == "ok"


def test_a_location_without_services_is_found_by_its_teams(open_site: Callable[..., Site]) -> None:
    site = open_site(OPAQUE)
    for service_id in list(site.world.data[site.location_id].services):
        site.world.delete_service(site.location_id, service_id)
    result = site.sync(scopes=("team",))
    assert result.row["errors"] == "[]"
    assert site.live("appointments")
