"""DuckLake on the local disk: two syncs, equal to the truth, with history and models."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import duckdb_extension_ducklake
import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.models.access import open_published
from bookings_sync.models.read_only import QueryError, run_query
from bookings_sync.models.transform import Datasets, transform
from bookings_sync.records.tables import TABLES
from bookings_sync.sandbox import SandboxServer, WorldSpec, generate
from bookings_sync.sync import pipeline
from support.truth import differences

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lake, with the extension in the folder where DuckDB looks for it instead of downloading."""
    (source,) = Path(str(duckdb_extension_ducklake.__file__)).parent.rglob("ducklake.duckdb_extension")
    ((platform,),) = duckdb.sql("PRAGMA platform").fetchall()
    place = tmp_path / "home/.duckdb/extensions" / source.parent.name / platform
    place.mkdir(parents=True)
    shutil.copy(source, place)
    credentials = "DESTINATION__DUCKLAKE__CREDENTIALS__"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv(f"{credentials}DUCKLAKE_NAME", "lake")
    monkeypatch.setenv(f"{credentials}CATALOG", f"duckdb:///{tmp_path}/catalog.duckdb")
    monkeypatch.setenv(f"{credentials}STORAGE__BUCKET_URL", f"{tmp_path.as_uri()}/files")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy(settings: Settings, lake: Path) -> str:
    """The raw dataset as a DuckDB file, for the comparison with the truth."""
    to = lake / "copy.duckdb"
    to.unlink(missing_ok=True)
    with (
        pipeline.open_pipeline(settings) as opened,
        pipeline.open_client(opened, settings) as client,
        duckdb.connect(str(to)) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA bookings_raw")
        for name in TABLES:
            with client.execute_query(f"SELECT * FROM {client.make_qualified_table_name(name)}") as cursor:
                connection.register("rows_of_it", cursor.arrow())
            connection.execute(f"CREATE TABLE bookings_raw.{name} AS FROM rows_of_it")
            connection.unregister("rows_of_it")
    return str(to)


def test_a_lake_is_kept_equal_to_the_calendar(lake: Path) -> None:
    spec = WorldSpec(now=NOW, seed=11, locations=1, services_per_location=1, appointments=60, past_days=40)
    with SandboxServer(generate(spec)) as server:
        world = server.world
        settings = Settings(
            base_url=server.base_url,
            locations={each.name: Location(each.name, each.key, timezone=each.timezone) for each in world.locations},
            destination="ducklake", rate_limit=100_000, history_start=date(2026, 9, 1), lookback_days=250,
            slots_horizon_days=2,
        )  # fmt: skip
        for _ in range(2):
            assert pipeline.sync(settings, clock=lambda: pendulum.instance(world.now)).outcome == "ok"
            truth = world.truth(world.locations[0].id, end=world.now + timedelta(days=2))
            assert differences(copy(settings, lake), [truth], slot_days=2) == []
            world.advance(timedelta(days=9))
        with pipeline.open_pipeline(settings) as opened, pipeline.open_client(opened, settings) as client:
            transform(client, Datasets(), now=pendulum.instance(world.now), select=["stg_teams"])
            assert client.execute_sql("SELECT count(*) > 0 FROM bookings_staging.stg_teams") == [(True,)]
            appointments = client.make_qualified_table_name("appointments")
            old = client.execute_sql(f"SELECT count(*) FROM {appointments} WHERE _dlt_valid_to IS NOT NULL")
        with open_published(settings) as client, run_query(client, settings, "SELECT count(*) FROM teams") as cursor:
            assert cursor.fetchall()[0][0] > 0
        for sql in ("DELETE FROM teams", "FROM ducklake_expire_snapshots('lake', older_than => now())"):
            with open_published(settings) as client, pytest.raises(QueryError), run_query(client, settings, sql):
                pass
    assert old is not None
    assert old[0][0] > 0
