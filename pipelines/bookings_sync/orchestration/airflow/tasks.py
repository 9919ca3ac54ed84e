"""What the DAG's tasks do.

Input:  dlt's configuration; the locations and their keys from an Airflow connection; a DAG run.
Output: for XCom, what was found, in numbers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pendulum
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException

from bookings_sync.config.load import load_settings
from bookings_sync.config.locations import Location
from bookings_sync.config.settings import Settings
from bookings_sync.errors import AuditError, BookingsError, ConfigurationError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.planning.windows import Window
from bookings_sync.sync.pipeline import sync

CONNECTION = "bookings"


def locations() -> list[str]:
    """The names of the configured locations, in order."""
    return sorted(settings().locations)


def settings() -> Settings:
    """dlt's configuration; with the locations of the Airflow connection, where they stand. Airflow masks their keys."""
    extra = Connection.get(CONNECTION).extra_dejson
    found = extra.get("locations")
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise AirflowFailException(
            f'the connection {CONNECTION}: its extra must be such as {{"locations": {{"berlin": {{"api_key": "…"}}}}}}'
        )
    named = {
        name: Location(name, each.get("api_key", ""), each.get("location_id"), each.get("timezone"))
        for name, each in found.items()
    }
    return replace(load_settings(need_locations=False), locations=named)


def sync_location(name: str, dag_run: Any) -> dict[str, Any]:
    """Syncs one location. Its failure fails the task, and is tried again unless the configuration is at fault."""
    try:
        result = sync(settings().only([name]), clock=lambda: pendulum.now("UTC"), asked=asked(dag_run))
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from None
    if result.outcome != "ok":
        raise BookingsError("; ".join(json.loads(result.row["errors"])))
    return {
        "requests": result.row["requests"],
        "reads": result.row["reads_done"],
        "tables": json.loads(result.row["tables"]),
    }


def asked(dag_run: Any) -> Window | None:
    """What a run reads: a backfill's its data interval, any other what a sync plans. Raises AirflowFailException where
    a backfill's interval is empty, rather than reading nothing."""
    if str(dag_run.run_type) != "backfill":
        return None
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is None or end is None or start >= end:
        raise AirflowFailException(
            f"the run's data interval is empty ({start} to {end}): give the DAG a timetable whose intervals are not, "
            'such as CronDataIntervalTimetable("0 0 1 * *", timezone="UTC")'
        )
    return Window.between(pendulum.instance(start), pendulum.instance(end))


def transform_models() -> dict[str, int]:
    """Builds, audits and publishes the models: the rows of each. A failed audit is not tried again."""
    found = settings()
    try:
        with open_client(found, writes=True, publishes=True) as client:
            result = transform(client, datasets(found), now=pendulum.now("UTC"))
    except AuditError as error:
        raise AirflowFailException(str(error)) from None
    return {model.name: model.rows for model in result.models}
