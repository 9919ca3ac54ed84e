"""`bookings_source` in a user's own dlt pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from bookings_sync.library import sync_warehouse
from bookings_sync.records.tables import TABLES
from bookings_sync.sync.load import Load
from bookings_sync.sync.source import bookings_source
from bookings_sync.warehouse.held_rows import HeldRows

from .conftest import Site


@pytest.fixture
def user_pipeline(site: Site, tmp_path: Path) -> dlt.Pipeline:
    """A pipeline with a permanent working directory."""
    return dlt.pipeline(
        "calendar",
        destination=dlt.destinations.duckdb(str(site.database)),
        dataset_name="bookings_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


def source(site: Site, **more: Any) -> Any:
    return bookings_source(settings=site.settings, clock=site.clock, **more)


def test_a_pipeline_can_run_twice(site: Site, user_pipeline: dlt.Pipeline) -> None:
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    site.world.advance(site.world.now - site.world.now.replace(hour=1))
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []
    assert [row["outcome"] for row in site.query("SELECT outcome FROM runs")] == ["ok", "ok"]


def test_every_table_and_column_is_described(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """The first load creates all tables, even without rows, and dlt's schema describes every column."""
    user_pipeline.run(source(site))
    for name, table in TABLES.items():
        known = user_pipeline.default_schema.get_table(name)["columns"]
        described = {column.name: known[column.name].get("description") for column in table.columns}
        assert described == {column.name: column.description for column in table.columns}
        types = {column.name: known[column.name]["data_type"] for column in table.columns}
        assert types == {column.name: "text" if column.type == "json" else column.type for column in table.columns}
        site.query(f"SELECT {', '.join(table.names)} FROM {name}")


@pytest.mark.parametrize(
    ("chosen", "filled"),
    [
        (("teams", "services"), {"teams", "team_members", "services", "service_members", "service_hours", "reads"}),
        (("appointments",), {"appointments", "contacts", "contact_custom_fields", "reads"}),
        (("slots",), {"slots", "reads"}),
    ],
)
def test_selected_resources_fill_their_tables_and_no_others(
    site: Site, user_pipeline: dlt.Pipeline, chosen: tuple[str, ...], filled: set[str]
) -> None:
    user_pipeline.run(source(site).with_resources(*chosen)).raise_on_failed_jobs()
    tables = {row["name"] for row in site.query("SELECT table_name AS name FROM information_schema.tables")}
    with_rows = {name for name in tables & TABLES.keys() if site.query(f"SELECT * FROM {name} LIMIT 1")}
    assert with_rows == filled
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_rows_of_a_killed_load_are_not_inserted_twice(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """A first sync does not query the warehouse for teams, unless a killed load has left some."""
    listed = ["teams", "team_members", "services", "service_members", "service_hours"]

    def counts() -> list[int]:
        return [site.query(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in listed]

    user_pipeline.run(source(site).with_resources("teams", "services")).raise_on_failed_jobs()
    before = counts()
    assert all(before)
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("DELETE FROM bookings_raw.reads")  # the table that a killed load had not reached
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert counts() == before
    assert site.differences() == []


def test_a_first_sync_does_not_query_held_teams(
    site: Site, user_pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a thousand locations, a query for each would take longer than their rows."""
    monkeypatch.delattr(HeldRows, "of_location")
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_a_range_is_read_alone(site: Site, user_pipeline: dlt.Pipeline) -> None:
    """An orchestrator passes its interval as a range. An empty range is an error."""
    now = site.clock()
    user_pipeline.run(
        source(site, start=now.subtract(days=20), end=now.subtract(days=10)).with_resources("appointments")
    )
    starts = [row["start_time"] for row in site.live("appointments")]
    assert starts
    assert all(now.subtract(days=20) <= start <= now.subtract(days=10) for start in starts)
    with pytest.raises(ValueError, match="empty"):
        source(site, start=now, end=now)


def test_the_source_is_named_bookings() -> None:
    assert bookings_source.name == "bookings"


def test_settings_come_from_dlts_configuration(
    site: Site, user_pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = site.world.locations[0]
    monkeypatch.setenv("SOURCES__BOOKINGS__BASE_URL", site.server.base_url)
    monkeypatch.setenv(f"SOURCES__BOOKINGS__LOCATIONS__{location.name.upper()}__API_KEY", location.key)
    monkeypatch.setenv("SOURCES__BOOKINGS__SLOTS_HORIZON_DAYS", "3")
    user_pipeline.run(bookings_source(clock=site.clock).with_resources("teams")).raise_on_failed_jobs()
    assert {row["id"] for row in site.live("teams")} == set(site.world.data[location.id].teams)


def _limited(source: Any) -> Any:
    return source.add_limit(1)


def _limited_to_nothing(source: Any) -> Any:
    source.resources["teams"].add_limit(0)
    return source


def _mapped(source: Any) -> Any:
    source.resources["appointments"].add_map(lambda rows: rows)
    return source


def _filtered(source: Any) -> Any:
    source.resources["appointments"].add_filter(lambda rows: True)
    return source


def _yield_mapped(source: Any) -> Any:
    source.resources["slots"].add_yield_map(lambda rows: [rows])
    return source


def _hinted(source: Any) -> Any:
    source.resources["appointments"].apply_hints(write_disposition="replace")
    return source


def _incremental(source: Any) -> Any:
    source.resources["appointments"].apply_hints(incremental=dlt.sources.incremental("start_time"))
    return source


def _frozen(source: Any) -> Any:
    source.schema_contract = "discard_row"
    return source


def _parent(source: Any) -> Any:
    return source.resources["teams"] | dlt.transformer(lambda rows: rows, name="changed")


CHANGED = [
    _limited, _limited_to_nothing, _mapped, _filtered, _yield_mapped, _hinted, _incremental, _frozen,
    lambda source: source.parallelize(), _parent,
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {"write_disposition": "replace"},
    {"write_disposition": "skip"},
    {"table_name": "everything"},
    {"columns": [{"name": "colour", "data_type": "text"}]},
    {"schema_contract": "discard_row"},
    {"primary_key": "id"},
]


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_source_is_refused_with_one_sentence(
    site: Site, user_pipeline: dlt.Pipeline, change: Callable[[Any], Any]
) -> None:
    with pytest.raises(PipelineStepFailed, match=r"of bookings_source was changed .* Only with_resources is possible"):
        user_pipeline.run(change(source(site)))
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


@pytest.mark.parametrize("options", OPTIONS)
def test_options_of_a_run_that_change_the_rows_are_refused(
    site: Site, user_pipeline: dlt.Pipeline, options: dict[str, Any]
) -> None:
    with pytest.raises(PipelineStepFailed, match="of bookings_source was changed"):
        user_pipeline.run(source(site), **options)


@pytest.mark.parametrize("refresh", ["drop_sources", "drop_resources", "drop_data"])
def test_a_refresh_is_refused_once_there_are_rows(site: Site, user_pipeline: dlt.Pipeline, refresh: Any) -> None:
    user_pipeline.run(source(site), refresh=refresh).raise_on_failed_jobs()
    assert site.differences() == []
    with pytest.raises(PipelineStepFailed, match=r"refresh would remove rows .* Run without refresh"):
        user_pipeline.run(source(site), refresh=refresh)
    assert site.differences() == []
    user_pipeline.run(source(site)).raise_on_failed_jobs()
    assert site.differences() == []


def test_one_source_runs_as_often_as_one_likes(site: Site, user_pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    one = source(site)
    user_pipeline.run(one).raise_on_failed_jobs()
    site.world.advance(site.world.now - site.world.now.replace(hour=1))
    user_pipeline.run(one, write_disposition="append").raise_on_failed_jobs()  # the tables have their own
    assert site.differences() == []
    elsewhere = dlt.pipeline(
        "elsewhere",
        destination=dlt.destinations.duckdb(str(tmp_path / "elsewhere.duckdb")),
        dataset_name="bookings_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    elsewhere.run(one).raise_on_failed_jobs()
    assert replace(site, database=tmp_path / "elsewhere.duckdb").differences() == []


def test_a_source_runs_again_after_a_failed_run(site: Site, user_pipeline: dlt.Pipeline) -> None:
    one = source(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Load, "contents")
        with pytest.raises(PipelineStepFailed):
            user_pipeline.run(one)
    user_pipeline.run(one).raise_on_failed_jobs()
    assert site.differences() == []


def test_two_sources_in_one_run_are_refused(site: Site, user_pipeline: dlt.Pipeline) -> None:
    with pytest.raises(PipelineStepFailed, match=r"twice\. Run the two sources one after another"):
        user_pipeline.run([source(site), source(site)])
    one = source(site)
    with pytest.raises(PipelineStepFailed, match=r"twice\. Run the two sources one after another"):
        user_pipeline.run([one, one])


def test_a_pipeline_in_dev_mode_loads_everything_into_its_own_dataset(site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        trial = dlt.pipeline(
            "trial",
            destination=dlt.destinations.duckdb(str(site.database)),
            dataset_name="trial",
            pipelines_dir=str(tmp_path / "pipelines"),
            dev_mode=True,
        )
        trial.run(source(site)).raise_on_failed_jobs()
        with duckdb.connect(str(site.database)) as connection:
            ((count,),) = connection.execute(f"SELECT count(*) FROM {trial.dataset_name}.appointments").fetchall()
        assert count > 100


AWARE, LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)
NAIVE = AWARE.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"start": AWARE}, "start and end go together"),
        ({"end": AWARE}, "start and end go together"),
        ({"start": LATER, "end": AWARE}, "the window is empty"),
        ({"start": AWARE, "end": AWARE}, "the window is empty"),
        ({"start": NAIVE, "end": LATER}, "start: .* has no time zone"),
        ({"start": AWARE, "end": NAIVE}, "has no time zone"),
        ({"start": "2026-11-01", "end": "2026-11-05"}, "start is a str: write a datetime"),
        ({"start": AWARE.date(), "end": LATER}, "start is a date: write a datetime"),
        ({"start": AWARE, "end": 1_793_836_800_000}, "end is a int: write a datetime"),
        ({"start": AWARE, "end": LATER, "full": True}, "full reads all history"),
    ],
)
def test_an_impossible_range_is_refused(site: Site, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source(site, **asked)
    with pytest.raises(ValueError, match=message):
        sync_warehouse(site.settings, **asked)


def test_a_range_of_plain_datetimes(site: Site, user_pipeline: dlt.Pipeline) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    asked = {"start": datetime(2026, 10, 1, tzinfo=berlin), "end": datetime(2026, 10, 8, tzinfo=berlin)}
    user_pipeline.run(source(site, **asked)).raise_on_failed_jobs()
    [found] = site.query("SELECT min(start_time) AS first, max(start_time) AS last FROM appointments")
    first, last = datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 7, 22, tzinfo=UTC)
    assert first <= found["first"] <= found["last"] <= last  # this API's windows include their end
