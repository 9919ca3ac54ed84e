"""Materialises partitions: from a sandbox's socket into a DuckDB file. Each test continues from the one before."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs

import dagster as dg
import duckdb
import pendulum
import pytest

from bookings_sync.config.settings import Location
from bookings_sync.orchestration.dagster import raw
from support.truth import differences

from .conftest import NOW, Site


def read_locations(site: Site) -> set[str]:
    """The locations that appointments were requested of since the requests were last reset."""
    requested = {each.location_id for each in site.world.requests.records if each.endpoint == "GET /appointments/"}
    return {each.name for each in site.world.locations if each.id in requested}


def test_a_partition_reads_its_month_of_its_location_only(site: Site) -> None:
    first, _ = sorted(site.settings.locations)
    ran = site.run("sync_job", partition_key=f"2026-10-01|{first}")
    assert ran.success
    assert read_locations(site) == {first}
    appointments = dg.AssetKey(["raw", "appointments"])
    (event,) = (each for each in ran.get_asset_materialization_events() if each.asset_key == appointments)
    assert event.partition == f"2026-10-01|{first}"
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    assert metadata["rows_new"] > 0
    assert metadata["requests"] == site.world.requests.total
    windows = [parse_qs(each.query) for each in site.world.requests.records if each.endpoint == "GET /appointments/"]
    october = [datetime(2026, month, 1, tzinfo=NOW.tzinfo).timestamp() * 1000 for month in (10, 11)]
    assert all(october[0] <= int(each["startDate"][0]) < int(each["endDate"][0]) <= october[1] for each in windows)


def test_a_partition_may_be_a_day(site: Site) -> None:
    """A past day reads only that day. The schedule requests today, and the sync plans its own reads."""
    first, _ = sorted(site.settings.locations)
    site.world.requests.reset()
    assert site.run("sync_job", period="day", partition_key=f"2026-10-07|{first}").success
    windows = [parse_qs(each.query) for each in site.world.requests.records if each.endpoint == "GET /appointments/"]
    day = [datetime(2026, 10, date, tzinfo=NOW.tzinfo).timestamp() * 1000 for date in (7, 8)]
    assert {(int(each["startDate"][0]), int(each["endDate"][0])) for each in windows} == {tuple(day)}
    schedule = site.definitions(period="day").resolve_schedule_def("sync_schedule")
    context = dg.build_schedule_context(instance=site.instance, scheduled_execution_time=NOW)
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.tags["dagster/asset_partition_range_start"] == f"2026-11-02|{first}"
    ((window, names),) = raw.requested_windows([f"2026-11-02|{first}"], pendulum.instance(NOW), "day")
    assert (window, names) == (None, [first])


def test_the_schedule_syncs_all_locations_in_one_run(site: Site) -> None:
    schedule = site.definitions().resolve_schedule_def("sync_schedule")
    context = dg.build_schedule_context(instance=site.instance, scheduled_execution_time=NOW)
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    site.world.requests.reset()
    assert site.run("sync_job", tags=request.tags).success
    assert read_locations(site) == set(site.settings.locations)
    ahead = site.world.now + timedelta(days=3)
    truths = [site.world.truth(each.id, end=ahead) for each in site.world.locations]
    assert differences(str(site.database), truths, slot_days=3) == []


def test_the_transform_job_builds_the_models_and_every_check_passes(site: Site) -> None:
    ran = site.run("transform_job")
    assert ran.success
    assert all(check.passed for check in ran.get_asset_check_evaluations())
    metadata = {
        each.asset_key.path[-1]: each.materialization.metadata for each in ran.get_asset_materialization_events()
    }
    with duckdb.connect(str(site.database.with_name("warehouse_read.duckdb")), read_only=True) as connection:
        for name in ("fct_appointments", "rpt_show_rate"):
            ((rows,),) = connection.execute(f"SELECT count(*) FROM bookings_marts.{name}").fetchall()
            assert metadata[name]["dagster/row_count"].value == rows


def test_a_failed_audit_publishes_nothing_and_shows_failing_rows(site: Site) -> None:
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("INSERT INTO bookings_raw.teams SELECT * FROM bookings_raw.teams")
    (models,) = (each for each in site.definitions().assets if each.op.name == "transform")  # type: ignore[union-attr]
    team = dg.AssetKey(["staging", "stg_teams"])
    ran = dg.materialize([models], selection=[team], instance=site.instance, raise_on_error=False)
    assert not ran.success
    assert not ran.get_asset_materialization_events()
    (failed,) = (check for check in ran.get_asset_check_evaluations() if not check.passed)
    assert failed.check_name.startswith("unique_")
    assert failed.metadata["failing_rows"].value > 0
    assert failed.metadata["sample"].value.records


def test_stale_and_never_synced_locations_fail_the_check(site: Site) -> None:
    site.world.advance(timedelta(hours=3))
    more = {**site.settings.locations, "never-synced": Location("never-synced", "another-key")}
    checks = site.definitions(locations=more).asset_checks or ()
    (fresh,) = (check for check in checks if "every_location_is_fresh" in str(check.check_keys))
    job = dg.define_asset_job("checks", dg.AssetSelection.checks(fresh))
    resolved = dg.Definitions(asset_checks=[fresh], jobs=[job]).resolve_job_def("checks")
    (found,) = resolved.execute_in_process(instance=site.instance).get_asset_check_evaluations()
    assert not found.passed
    assert sorted(found.metadata["stale"].value) == sorted(more)


def test_a_failed_location_fails_its_partition_with_the_reason(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "RETRIES", None)  # retries take minutes
    name = min(site.settings.locations)
    wrong = {name: Location(name, "a-key-that-was-revoked", location_id="elsewhere")}
    job = site.definitions(locations=wrong).resolve_job_def("sync_job")
    ran = job.execute_in_process(instance=site.instance, partition_key=f"2026-10-01|{name}", raise_on_error=False)
    (failure,) = (event for event in ran.all_events if event.is_step_failure)
    assert "status 401" in str(failure.step_failure_data.error)
    assert "revoked" not in str(failure.step_failure_data)
