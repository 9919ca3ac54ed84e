"""Asset checks of the warehouse as a whole: what no count of one run's rows can show.

Input:  the raw dataset, the configured locations, the time.
Output: verdicts on `raw/reads` and `raw/rejected_records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import open_client
from bookings_sync.orchestration.dagster.raw import POOL, RETRIES, Clock, key
from bookings_sync.status import Status, read_status


def health_checks(settings: Settings, *, clock: Clock, stale_after: timedelta) -> Sequence[dg.AssetChecksDefinition]:
    """A location is stale when the time around now was not read for so long; one that was never synced is, too."""

    def status() -> Status:
        with open_client(settings) as client:
            return read_status(client, settings, now=clock(), runs=1)

    @dg.asset_check(
        asset=key("raw", "reads"),
        description="Every configured location was read not long ago.",
        pool=POOL,
        retry_policy=RETRIES,
    )
    def every_location_is_fresh() -> dg.AssetCheckResult:
        configured = [each for each in status().locations if each.name in settings.locations]
        now = clock()
        stale = {
            each.name: str(each.fresh_at or "never")
            for each in configured
            if each.fresh_at is None or now - each.fresh_at > stale_after
        }
        return dg.AssetCheckResult(passed=not stale, metadata={"stale": dg.MetadataValue.json(stale)})

    @dg.asset_check(
        asset=key("raw", "rejected_records"),
        description="Every record the API sent fits its table.",
        pool=POOL,
        retry_policy=RETRIES,
    )
    def nothing_is_rejected() -> dg.AssetCheckResult:
        rejections = status().rejections
        reasons = [f"{each.location}, {each.table}: {each.reason}" for each in rejections]
        return dg.AssetCheckResult(
            passed=not rejections,
            severity=dg.AssetCheckSeverity.WARN,  # the rest is loaded, and the record is kept
            metadata={
                "records": sum(each.records for each in rejections),
                "reasons": dg.MetadataValue.json(reasons),
            },
        )

    return [every_location_is_fresh, nothing_is_rejected]
