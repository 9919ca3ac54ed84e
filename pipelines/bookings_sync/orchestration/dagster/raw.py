"""Raw: the raw tables as Dagster assets. A partition is one month (or day) of one location; materialising it syncs it.

Input:  settings, partition keys such as `2026-11-01|berlin`.
Output: the raw dataset, and the run's figures for each table.

The current partition reads what `bookings sync` reads: the hot range, everything never read, and a share of the rest.
Any other partition reads only its own range, like `--from … --to …`, so a backfill reads exactly what it names. Months
are the default: one request can cover a month, so daily partitions send about thirty times the requests.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` at runtime.
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import dagster as dg
import pendulum
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError, ConfigurationError
from bookings_sync.orchestration import POOL
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES, Table
from bookings_sync.sync.pipeline import SyncResult, sync

RETRIES = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For temporary failures: another run holds the lock, or the API is down. A retry keeps the rows already loaded."""

Clock = Callable[[], DateTime]
Period = Literal["month", "day"]
"""The length of a partition."""


def key(layer: str, name: str) -> dg.AssetKey:
    """A table's asset key: raw/appointments, staging/stg_appointments, marts/fct_appointments."""
    return dg.AssetKey([layer, name])


def partitions(settings: Settings, period: Period) -> dg.MultiPartitionsDefinition:
    """Period by location, up to the current period. New locations appear when Dagster reloads the definitions."""
    defined = {"month": dg.MonthlyPartitionsDefinition, "day": dg.DailyPartitionsDefinition}[period]
    start = pendulum.instance(settings.history_start).start_of(period)
    dates = defined(start_date=start.format("YYYY-MM-DD"), timezone="UTC", end_offset=1)
    return dg.MultiPartitionsDefinition(
        {"date": dates, "location": dg.StaticPartitionsDefinition(sorted(settings.locations))}
    )


def partition_date(moment: DateTime, period: Period) -> str:
    """The date in the key of the partition that holds a moment."""
    return moment.in_timezone("UTC").start_of(period).format("YYYY-MM-DD")


def raw_assets(
    settings: Settings, *, clock: Clock, freshness: dg.FreshnessPolicy, period: Period
) -> dg.AssetsDefinition:
    """One asset for each raw table, all materialised by one sync."""

    @dg.multi_asset(
        name="sync",
        specs=[_spec(table, settings, freshness) for table in TABLES.values()],
        partitions_def=partitions(settings, period),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        retry_policy=RETRIES,
        pool=POOL,
    )
    def _sync(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        for window, names in requested_windows(context.partition_keys, clock(), period):
            context.log.info(f"{', '.join(names)}: {window or 'what a sync plans'}")
            result = _sync_locations(settings.only(names), clock, window)
            for held in result.held:
                context.log.warning(held)
            for table in TABLES:
                yield dg.MaterializeResult(asset_key=key("raw", table), metadata=_figures(result, table))

    return _sync


def _spec(table: Table, settings: Settings, freshness: dg.FreshnessPolicy) -> dg.AssetSpec:
    columns = [dg.TableColumn(each.name, each.type, each.description) for each in table.columns]
    return dg.AssetSpec(
        key=key("raw", table.name),
        description=table.description,
        group_name="raw",
        kinds={"dlt", settings.destination},
        freshness_policy=freshness,
        metadata={
            "dagster/column_schema": dg.TableSchema(columns),
            "dagster/table_name": f"{settings.raw_dataset}.{table.name}",
        },
    )


def requested_windows(keys: Sequence[str], now: DateTime, period: Period) -> Iterator[tuple[Window | None, list[str]]]:
    """The window of each period in `keys`, with its locations. None for the current period: the sync plans."""
    pairs = sorted(tuple(each.split("|", 1)) for each in keys)
    for date, group in groupby(pairs, key=lambda pair: pair[0]):
        start = pendulum.parse(date, tz="UTC")
        if not isinstance(start, DateTime):
            raise dg.Failure(f"expected a {period} such as 2026-11-01, got {date}", allow_retries=False)
        end = start.add(months=1) if period == "month" else start.add(days=1)
        window = None if start <= now < end else Window.between(start, end)
        yield window, [name for _, name in group]


def _sync_locations(settings: Settings, clock: Clock, window: Window | None) -> SyncResult:
    """Syncs, and fails if any location failed. Dagster retries, except for a configuration error."""
    try:
        result = sync(settings, clock=clock, asked=window)
    except ConfigurationError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except BookingsError as error:
        raise dg.Failure(str(error)) from None
    if result.outcome not in ("ok", "held"):  # a retry would hold back the same
        errors = json.loads(result.row["errors"])
        raise dg.Failure(f"{result.outcome}: {'; '.join(errors)}", metadata={"errors": dg.MetadataValue.json(errors)})
    return result


def _figures(result: SyncResult, table: str) -> dict[str, Any]:
    """The run's changes of one table, and the run's requests, reads, loads and seconds."""
    row = result.row
    changes = json.loads(row["tables"]).get(table, {})
    return {
        **{f"rows_{name}": count for name, count in changes.items()},
        "run_id": row["run_id"],
        "requests": row["requests"],
        "reads": row["reads_done"],
        "reads_unchanged": row["reads_unchanged"],
        "loads": row["loads"],
        "seconds": round((row["ended_at"] - row["started_at"]).total_seconds(), 3),
    }
