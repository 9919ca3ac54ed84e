"""Erase: carries an erasure of the raw tables on to everything that was made from them.

Input:  dlt's SQL client on a raw dataset whose rows were rewritten (`warehouse.erasure`). The lock is held.
Output: reporting tables without the values, fresh database files, a fresh read copy. Each step may be repeated, so an
        erasure that was killed is finished by the next one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.error_text import described
from bookings_sync.errors import BookingsError
from bookings_sync.models.access import datasets
from bookings_sync.models.destination import Destination
from bookings_sync.models.publish import earlier_copies, publish, read_copy
from bookings_sync.models.transform import transform
from bookings_sync.warehouse.dataset import file_of
from bookings_sync.warehouse.erasure import Erasure
from bookings_sync.warehouse.freed_pages import rewrite_duckdb, vacuum_postgres

_BY_LAYER = {"staging": "stg_contacts", "marts": "dim_contact"}
"""A table that each layer of the reporting tables has."""


def erase_everywhere(client: SqlClientBase[Any], settings: Settings, erasure: Erasure, now: DateTime) -> list[str]:
    """Erases copies of the raw values. Returns what is left to do, in sentences; empty if nothing is."""
    erasure.clear_staging()
    left = _rebuild(client, settings, now)
    file = file_of(client)
    if file is None:
        allowed = vacuum_postgres(client, _schemas(client, settings))
        if not allowed:
            left.append(
                "the server's statistics (pg_statistic) may still hold single values: a superuser runs "
                "VACUUM FULL pg_catalog.pg_statistic; CHECKPOINT"
            )
    else:
        client.close_connection()
        rewrite_duckdb(file)
        _renew_copies(file)
        client.open_connection()
    erasure.erasures.end(now)
    return left


def _rebuild(client: SqlClientBase[Any], settings: Settings, now: DateTime) -> list[str]:
    """Builds the reporting tables again, and drops those of --dev and --as-of."""
    live = datasets(settings)
    left: list[str] = []
    for layer, prefix in (("staging", live.staging), ("marts", live.marts)):
        for schema in _schemas_like(client, f"{prefix}_"):
            if _BY_LAYER[layer] in _tables(client, schema):
                _drop(client, schema)
    destination = Destination(client, live)
    if not any(destination.has(layer, table) for layer, table in _BY_LAYER.items()):
        return left
    try:
        transform(client, live, now=now, full=True)
    except BookingsError as error:
        for schema in (live.staging, live.marts):
            _drop(client, schema)
        left.append(
            f"the reporting tables were removed, because they could not be built again: {described(error)}. "
            "Run `bookings transform`"
        )
    return left


def _renew_copies(database: Path) -> None:
    for copy in earlier_copies(database):
        copy.unlink(missing_ok=True)
    if read_copy(database).exists():
        publish(database, 1)


def _schemas(client: SqlClientBase[Any], settings: Settings) -> list[str]:
    live = datasets(settings)
    return [
        each
        for each in _schemas_like(client, "")
        if each in (live.raw, live.staging, live.marts) or each.startswith(f"{live.raw}_staging")
    ]


def _schemas_like(client: SqlClientBase[Any], prefix: str) -> list[str]:
    rows = client.execute_sql("SELECT DISTINCT schema_name FROM information_schema.schemata") or ()
    return sorted(name for (name,) in rows if name.startswith(prefix))


def _tables(client: SqlClientBase[Any], schema: str) -> set[str]:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
    return {name for (name,) in client.execute_sql(sql, schema) or ()}


def _drop(client: SqlClientBase[Any], schema: str) -> None:
    with client.with_alternative_dataset_name(schema):
        client.drop_dataset()
