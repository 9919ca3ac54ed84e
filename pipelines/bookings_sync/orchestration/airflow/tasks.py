"""Tasks: the work of the DAG's tasks.

Input:  dlt's configuration; the locations and their keys from an Airflow connection; a DAG run.
Output: figures in XCom.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pendulum
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException

from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.locations import Location
from bookings_sync.config.settings import Settings
from bookings_sync.errors import AuditError, BookingsError, ConfigurationError
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform
from bookings_sync.planning.windows import Window
from bookings_sync.sync.pipeline import sync

CONNECTION = "bookings"

log = logging.getLogger(__name__)


def locations() -> list[str]:
    """The names of the configured locations, sorted."""
    return sorted(settings().locations)


def settings() -> Settings:
    """dlt's configuration with the locations of the Airflow connection, because Airflow masks keys in its logs.

    Raises AirflowFailException if the connection has no locations.
    """
    extra = Connection.get(CONNECTION).extra_dejson
    found = extra.get("locations")
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise AirflowFailException(
            f"the extra of the Airflow connection {CONNECTION} has no locations: write "
            '{"locations": {"berlin": {"api_key": "…"}}}'
        )
    named = {
        name: Location(name, each.get("api_key", ""), each.get("location_id"), each.get("timezone"))
        for name, each in found.items()
    }
    return replace(load_settings(need_locations=False), locations=named)


def sync_location(name: str, dag_run: Any) -> dict[str, Any]:
    """Syncs one location. A failure fails the task; Airflow retries it, except for a configuration error."""
    try:
        result = sync(settings().only([name]), clock=utc_now, asked=requested_window(dag_run))
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from None
    for held in result.held:
        log.warning("%s", held)
    if result.outcome not in ("ok", "held"):  # a retry would hold back the same
        raise BookingsError("; ".join(json.loads(result.row["errors"])))
    return {
        "requests": result.row["requests"],
        "reads": result.row["reads_done"],
        "tables": json.loads(result.row["tables"]),
        "held": result.held,
    }


def requested_window(dag_run: Any) -> Window | None:
    """The data interval of a backfill's run; None for any other run, because the sync then plans its own reads.

    Raises AirflowFailException if a backfill's interval is empty.
    """
    if str(dag_run.run_type) != "backfill":
        return None
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    if start is None or end is None or start >= end:
        raise AirflowFailException(
            f"the run's data interval is empty ({start} to {end}): give the DAG a timetable with data intervals, "
            'such as CronDataIntervalTimetable("0 0 1 * *", timezone="UTC")'
        )
    return Window.between(pendulum.instance(start), pendulum.instance(end))


def transform_models() -> dict[str, int]:
    """Builds, audits and publishes the models. Returns the rows of each. A failed audit is not retried."""
    found = settings()
    try:
        with open_client(found, writes=True, publishes=True) as client:
            result = transform(client, datasets(found), now=utc_now())
    except AuditError as error:
        raise AirflowFailException(str(error)) from None
    return {model.name: model.rows for model in result.models}
