"""The raw tables as Dagster assets: a partition is one month (or day) of one location, and to materialise it is to
sync it.

Input:  settings, partition keys such as `2026-11-01|berlin`.
Output: the raw dataset; for each table what the run found, in numbers. Next room: `models`.

The one under way stands for what `bookings sync` reads: the hot range, what was never read, a share of the rest. Any
other is read as `--from … --to …` would, so that a backfill reads what it names and no more. Months unless days are
asked for: a request may ask for as many days as it likes, and a run for each day sends thirty times the requests.
"""

# Without `from __future__ import annotations`: Dagster looks at the annotation of `context` as it stands.
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import dagster as dg
import pendulum
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.errors import BookingsError, ConfigurationError
from bookings_sync.planning.windows import Window
from bookings_sync.records.tables import TABLES, Table
from bookings_sync.sync.pipeline import SyncResult, sync

POOL = "bookings_warehouse"
"""Whoever writes the warehouse is in it. A limit of 1 (dagster.yaml) is right for DuckDB, which takes one writer."""

RETRIES = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what passes: another run's lock, a calendar that is down. What was loaded before stands."""

Clock = Callable[[], DateTime]
Period = Literal["month", "day"]
"""What a partition is of."""


def key(layer: str, name: str) -> dg.AssetKey:
    """The asset of a table: raw/appointments, staging/stg_appointments, marts/fct_appointments."""
    return dg.AssetKey([layer, name])


def partitions(settings: Settings, period: Period) -> dg.MultiPartitionsDefinition:
    """Period by location; the one under way is among them. A location that is configured anew appears on reload."""
    defined = {"month": dg.MonthlyPartitionsDefinition, "day": dg.DailyPartitionsDefinition}[period]
    start = pendulum.instance(settings.history_start).start_of(period)
    dates = defined(start_date=start.format("YYYY-MM-DD"), timezone="UTC", end_offset=1)
    return dg.MultiPartitionsDefinition(
        {"date": dates, "location": dg.StaticPartitionsDefinition(sorted(settings.locations))}
    )


def partition_of(moment: DateTime, period: Period) -> str:
    """The key of the partition that holds a moment, without its location."""
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
        for asked, names in _asked(context.partition_keys, clock(), period):
            context.log.info(f"{', '.join(names)}: {asked or 'what a sync plans'}")
            result = _synced(settings.only(names), clock, asked)
            for table in TABLES:
                yield dg.MaterializeResult(asset_key=key("raw", table), metadata=_found(result, table))

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


def _asked(keys: Sequence[str], now: DateTime, period: Period) -> Iterator[tuple[Window | None, list[str]]]:
    """What to read, and of which locations: each period's range; None, which is a sync's own plan, for this one."""
    pairs = sorted(tuple(each.split("|", 1)) for each in keys)
    for date, group in groupby(pairs, key=lambda pair: pair[0]):
        start = pendulum.parse(date, tz="UTC")
        if not isinstance(start, DateTime):
            raise dg.Failure(f"{date} is no {period}", allow_retries=False)
        end = start.add(months=1) if period == "month" else start.add(days=1)
        asked = None if start <= now < end else Window.between(start, end)
        yield asked, [name for _, name in group]


def _synced(settings: Settings, clock: Clock, asked: Window | None) -> SyncResult:
    """The sync's result, where no location failed. What cannot be mended by trying again is not tried again."""
    try:
        result = sync(settings, clock=clock, asked=asked)
    except ConfigurationError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except BookingsError as error:
        raise dg.Failure(str(error)) from None
    if result.outcome != "ok":
        errors = json.loads(result.row["errors"])
        raise dg.Failure(f"{result.outcome}: {'; '.join(errors)}", metadata={"errors": dg.MetadataValue.json(errors)})
    return result


def _found(result: SyncResult, table: str) -> dict[str, Any]:
    """What the run found for one table, and what it cost."""
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
