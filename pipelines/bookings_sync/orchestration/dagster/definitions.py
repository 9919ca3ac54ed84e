"""Definitions: what Dagster loads with `dagster dev -m bookings_sync.orchestration.dagster.definitions`.

Input:  dlt's configuration, as the commands read it. Loading reads neither the API nor the warehouse.
Output: `defs`: assets, checks, two jobs and their schedules.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pendulum

from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.config.settings import Settings
from bookings_sync.orchestration.dagster.health import health_checks
from bookings_sync.orchestration.dagster.models import model_assets
from bookings_sync.orchestration.dagster.raw import Clock, Period, partition_date, raw_assets

SYNC_AT, TRANSFORM_AT = "*/30 * * * *", "10,40 * * * *"
STALE_AFTER = timedelta(hours=2)


def definitions(settings: Settings, *, clock: Clock = utc_now, period: Period = "month") -> dg.Definitions:
    """All assets, checks, jobs and schedules. `clock` returns the time in UTC; `period` is a partition's length."""
    freshness = dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER, warn_window=STALE_AFTER / 2)
    raw = raw_assets(settings, clock=clock, freshness=freshness, period=period)
    models = model_assets(settings, clock=clock, freshness=freshness)
    checks = health_checks(settings, clock=clock, stale_after=STALE_AFTER)
    sync = dg.define_asset_job("sync_job", selection=dg.AssetSelection.assets(raw).without_checks())
    transform = dg.define_asset_job(
        "transform_job", selection=dg.AssetSelection.assets(models) | dg.AssetSelection.checks(*checks)
    )
    return dg.Definitions(
        assets=[raw, models],
        asset_checks=checks,
        jobs=[sync, transform],
        schedules=[
            _sync_schedule(sync, settings, period),
            dg.ScheduleDefinition(job=transform, cron_schedule=TRANSFORM_AT),
        ],
        # One process per run: the warehouse allows one writer, so step processes would only wait for each other.
        executor=dg.in_process_executor,
    )


def _sync_schedule(job: Any, settings: Settings, period: Period) -> dg.ScheduleDefinition:
    """One run for all locations: a run reads them concurrently, each as fast as its own rate limit allows."""
    names = sorted(settings.locations)

    @dg.schedule(job=job, cron_schedule=SYNC_AT, name="sync_schedule")
    def sync_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        date = partition_date(pendulum.instance(context.scheduled_execution_time), period)
        tags = {
            "dagster/asset_partition_range_start": f"{date}|{names[0]}",
            "dagster/asset_partition_range_end": f"{date}|{names[-1]}",
        }
        return dg.RunRequest(tags=tags)

    return sync_schedule


@dg.definitions
def defs() -> dg.Definitions:
    """Lazy, so that the module can be imported without configuration."""
    return definitions(load_settings())
