"""The DAG: the configured locations, a mapped sync of each, then the models.

Input:  the Airflow connection `bookings`, the pool `bookings_warehouse`, a run's data interval.
Output: the warehouse, synced and transformed; the asset `bookings_marts`, on which other DAGs may be scheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, CronDataIntervalTimetable, TriggerRule, dag, get_current_context, task

POOL = "bookings_warehouse"
"""Whoever writes the warehouse is in it: one slot for DuckDB, which takes one writer; more for a server."""

MARTS = Asset(name="bookings_marts", uri="bookings://marts")


def bookings_dag(dag_id: str = "bookings", *, schedule: str = "*/30 * * * *") -> Any:
    """The DAG. A scheduled or manual run reads what `bookings sync` reads; a backfill's run its own data interval.

    `schedule` is a cron line, UTC. To backfill by the month, make a second DAG with `schedule="0 0 1 * *"`.
    """

    @dag(
        dag_id=dag_id,
        # A cron line by itself would give intervals that begin where they end: nothing to read.
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        catchup=False,  # a sync reads by itself what was never read
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": 2.0},
        tags=["bookings"],
        doc_md=__doc__,
    )
    def bookings() -> None:
        @task
        def locations() -> list[str]:
            from bookings_sync.orchestration.airflow import tasks

            return tasks.locations()

        @task(pool=POOL, map_index_template="{{ location }}")
        def sync(location: str) -> dict[str, Any]:
            from bookings_sync.orchestration.airflow import tasks

            context = get_current_context()
            context["location"] = location
            return tasks.sync_location(location, context["dag_run"])

        @task(pool=POOL, outlets=[MARTS], trigger_rule=TriggerRule.ALL_DONE)
        def transform() -> dict[str, int]:
            """Also where a location failed: the others' news must not wait for it."""
            from bookings_sync.orchestration.airflow import tasks

            return tasks.transform_models()

        @task(trigger_rule=TriggerRule.ONE_FAILED, retries=0)
        def every_location_synced() -> None:
            """So that the run has failed where a location has."""
            raise RuntimeError("a location failed: see the mapped tasks of sync")

        synced = sync.expand(location=locations())
        synced >> [transform(), every_location_synced()]

    return bookings()
