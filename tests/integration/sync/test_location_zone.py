"""The time zone that the API reports for a location is loaded with it, by one request in each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from support.fake_api import Replied
from support.fake_v2 import LOCATION_ID, NOW, FakeV2

from .conftest import Site


class Calendar(FakeV2):
    """A location behind v2, and its warehouse."""

    database: Path

    def sync(self, **knobs: Any) -> SyncResult:
        self.api.requests.clear()
        return pipeline.sync(self.plain(**knobs), clock=lambda: pendulum.instance(NOW))

    def plain(self, **knobs: Any) -> Settings:
        few = {"include_contacts": False, "slots": False, "history_start": NOW.date(), "rate_limit": 100_000}
        return self.settings(**few | knobs)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def zones(self) -> list[str | None]:
        """The zone of each version of the location."""
        sql = "SELECT api_timezone FROM bookings_raw.locations WHERE deleted_at IS NULL ORDER BY _dlt_valid_from"
        return [row[0] for row in self.query(sql)]


@pytest.fixture
def calendar(warehouse_file: Path) -> Iterator[Calendar]:
    with Calendar() as serving:
        serving.database = warehouse_file
        yield serving


def test_a_version_per_zone_and_a_request_per_run(calendar: Calendar) -> None:
    for zone in ("Europe/Berlin", "Europe/Berlin", "Europe/Oslo"):
        calendar.location["timezone"] = zone
        assert calendar.sync().outcome == "ok"
        assert len(calendar.asked("GET", f"/locations/{LOCATION_ID}")) == 1
    assert calendar.zones() == ["Europe/Berlin", "Europe/Oslo"]


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", 7])
def test_a_zone_that_is_none_is_null(calendar: Calendar, zone: Any) -> None:
    calendar.location["timezone"] = zone
    assert calendar.sync().outcome == "ok"
    assert calendar.zones() == [None]


def test_a_zone_that_becomes_known_is_no_change(calendar: Calendar) -> None:
    changed = []
    for zone in (None, "Europe/Berlin", "Europe/Oslo"):
        calendar.location["timezone"] = zone
        changed.append(calendar.sync().row["rows_changed"])
    assert changed == [0, 0, 1]
    assert calendar.zones() == [None, "Europe/Berlin", "Europe/Oslo"]


def test_without_an_answer_the_held_zone_stays(calendar: Calendar) -> None:
    calendar.sync()
    calendar.answers["GET", f"/locations/{LOCATION_ID}"] = lambda _: Replied(b"{}", 503)
    assert calendar.sync().outcome == "partial"
    assert calendar.zones() == ["Europe/Berlin"]
    calendar.answers.clear()
    assert calendar.sync().outcome == "ok"
    assert calendar.zones() == ["Europe/Berlin"]


def test_reports_use_it(calendar: Calendar) -> None:
    calendar.location["timezone"] = "Asia/Tokyo"
    calendar.sync()
    settings = calendar.plain()
    with open_client(settings, writes=True) as client:
        transform(client, datasets(settings), now=pendulum.instance(NOW), select=["+dim_location"])
    found = calendar.query("SELECT timezone, timezone_source FROM bookings_marts.dim_location")
    assert found == [("Asia/Tokyo", "API")]


def test_locations_of_v1_report_none(open_site: Callable[..., Site]) -> None:
    site = open_site()
    site.sync()
    site.sync()
    assert [each["api_timezone"] for each in site.query("FROM locations")] == [None]
