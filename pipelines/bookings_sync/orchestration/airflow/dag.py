"""The DAG: lists the configured locations, syncs each in a mapped task, then builds the models.

Input:  the Airflow connection `bookings`, the pool `bookings_warehouse`, a run's data interval.
Output: the warehouse, synced and transformed; the asset `bookings_marts`, which can trigger other DAGs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, CronDataIntervalTimetable, TriggerRule, dag, get_current_context, task

from bookings_sync.orchestration import POOL

MARTS = Asset(name="bookings_marts", uri="bookings://marts")


def bookings_dag(dag_id: str = "bookings", *, schedule: str = "*/30 * * * *") -> Any:
    """The DAG. Scheduled and manual runs read what `bookings sync` reads; a backfill reads each run's data interval.

    `schedule` is a cron line in UTC. To backfill month by month, create a second DAG with `schedule="0 0 1 * *"`.
    """

    @dag(
        dag_id=dag_id,
        # A plain cron string gives empty data intervals, so a backfill would read nothing.
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        catchup=False,  # a sync reads missing history anyway
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
            """Runs even if a location failed, so that the others' data stays current."""
            from bookings_sync.orchestration.airflow import tasks

            return tasks.transform_models()

        @task(trigger_rule=TriggerRule.ONE_FAILED, retries=0)
        def every_location_synced() -> None:
            """Fails the run if a location failed."""
            raise RuntimeError("a location failed: see the log of its mapped sync task")

        synced = sync.expand(location=locations())
        synced >> [transform(), every_location_synced()]

    return bookings()
