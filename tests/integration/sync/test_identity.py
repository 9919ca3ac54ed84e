"""A location's id comes from the configuration, the key or, with an old key, the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

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
    assert site.sync().row["errors"] == "[]"
    assert site.live("appointments") == []


def test_an_unknown_id_is_an_error(open_site: Callable[..., Site]) -> None:
    site = open_site(replace(OPAQUE, appointments=0))
    result = site.sync()
    assert result.outcome == "failed"
    assert "location_id" in result.row["errors"]
