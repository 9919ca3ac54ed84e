"""Runs the DAG with the commands of docs/airflow.md: from a sandbox's socket into a DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowFailException

from bookings_sync.orchestration import POOL
from bookings_sync.orchestration.airflow import tasks
from bookings_sync.orchestration.airflow.dag import MARTS, bookings_dag
from support.truth import differences

from .conftest import COMMANDS, Site


def test_a_run_syncs_every_location_and_builds_the_models(site: Site) -> None:
    assert COMMANDS[-1] == "airflow dags test bookings"
    ran = site.run(COMMANDS[-1])
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
    ahead = site.world.now + timedelta(days=3)
    truths = [site.world.truth(each.id, end=ahead) for each in site.world.locations]
    assert differences(str(site.home / "warehouse.duckdb"), truths, slot_days=3) == []
    with duckdb.connect(str(site.home / "warehouse_read.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM bookings_marts.fct_appointments").fetchall() == [(True,)]
    for location in site.world.locations:
        assert location.key not in ran.stdout + ran.stderr


def test_the_dag_is_as_documented() -> None:
    dag = bookings_dag()
    assert set(dag.task_ids) == {"locations", "sync", "transform", "every_location_synced"}
    assert dag.task_dict["sync"].is_mapped
    assert {dag.task_dict[name].pool for name in ("sync", "transform")} == {POOL}
    assert dag.task_dict["transform"].outlets == [MARTS]
    assert dag.task_dict["sync"].retries == 2
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


@dataclass
class DagRun:
    run_type: str
    data_interval_start: datetime | None
    data_interval_end: datetime | None


OCTOBER, NOVEMBER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def test_a_backfill_reads_its_interval() -> None:
    window = tasks.requested_window(DagRun("backfill", OCTOBER, NOVEMBER))
    assert window is not None
    assert (window.start, window.end) == (OCTOBER, NOVEMBER)
    assert tasks.requested_window(DagRun("scheduled", OCTOBER, NOVEMBER)) is None
    assert tasks.requested_window(DagRun("manual", None, None)) is None


@pytest.mark.parametrize(("start", "end"), [(OCTOBER, OCTOBER), (None, None), (NOVEMBER, OCTOBER)])
def test_a_backfill_with_an_empty_interval_is_an_error_that_names_a_timetable(
    start: datetime | None, end: datetime | None
) -> None:
    with pytest.raises(AirflowFailException, match="CronDataIntervalTimetable"):
        tasks.requested_window(DagRun("backfill", start, end))
