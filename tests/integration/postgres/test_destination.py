"""PostgreSQL under another destination name, and in a user's own dlt pipeline."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from bookings_sync.sync import pipeline
from bookings_sync.sync.source import bookings_source
from bookings_sync.warehouse.dlt_compat.postgres import Postgres

from .conftest import Database, Site


def test_a_named_destination(site: Site, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION__POSTGRES__CREDENTIALS")
    monkeypatch.setenv("DESTINATION__WAREHOUSE__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("DESTINATION__WAREHOUSE__CREDENTIALS", f"{database.url}&options=-cwork_mem%3D64MB%20-cjit%3Doff")
    settings = site.settings.only([site.world.locations[0].name])
    site.knobs = {"destination": "warehouse", "locations": settings.locations, "slots": False}
    assert site.sync().outcome == "ok"
    with pipeline.open_pipeline(site.settings) as opened, pipeline.open_client(opened, site.settings) as client:
        assert isinstance(opened.destination, Postgres)
        shown = [client.execute_sql(f"SHOW {name}") for name in ("work_mem", "jit", "TimeZone")]
    assert shown == [[("64MB",)], [("off",)], [("UTC",)]], "what the address says itself stands"


def test_a_users_own_pipeline(site: Site, database: Database, tmp_path: Path) -> None:
    """With dlt's plain destination, tables are created with their first rows. The next run finds nothing new."""
    own = dlt.pipeline(
        "calendar", destination="postgres", dataset_name="bookings_raw", pipelines_dir=str(tmp_path / "pipelines")
    )
    own.run(bookings_source(settings=site.settings, clock=site.clock)).raise_on_failed_jobs()
    assert site.differences(database, tmp_path) == []
    before = database.query("SELECT count(*) FROM bookings_raw.appointments")
    own.run(bookings_source(settings=site.settings, clock=site.clock)).raise_on_failed_jobs()
    assert database.query("SELECT count(*) FROM bookings_raw.appointments") == before
    own.deactivate()
    assert site.sync().changes.total == 0, "and `pipeline.sync` goes on from there"
