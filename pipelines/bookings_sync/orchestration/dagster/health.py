"""Health: asset checks of the whole warehouse.

Input:  the raw dataset, the configured locations, the time.
Output: check results for `raw/reads` and `raw/rejected_records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from pendulum import DateTime

from bookings_sync.config.settings import Settings
from bookings_sync.models.access import open_client
from bookings_sync.orchestration import POOL
from bookings_sync.orchestration.dagster.raw import RETRIES, Clock, key
from bookings_sync.status import Status, read_status, stale


def health_checks(settings: Settings, *, clock: Clock, stale_after: timedelta) -> Sequence[dg.AssetChecksDefinition]:
    """`every_location_is_fresh` (by the rule of `status.stale`) and `nothing_is_rejected`."""

    def status(now: DateTime) -> Status:
        with open_client(settings) as client:
            return read_status(client, settings, now=now, runs=1)

    @dg.asset_check(
        asset=key("raw", "reads"),
        description=f"Every configured location was read in the last {stale_after}.",
        pool=POOL,
        retry_policy=RETRIES,
    )
    def every_location_is_fresh() -> dg.AssetCheckResult:
        now = clock()
        late = stale(status(now), settings.locations, now=now, after=stale_after)
        found = {each.name: str(each.fresh_at or "never") for each in late}
        return dg.AssetCheckResult(passed=not found, metadata={"stale": dg.MetadataValue.json(found)})

    @dg.asset_check(
        asset=key("raw", "rejected_records"),
        description="Every record that the API sent fits its table.",
        pool=POOL,
        retry_policy=RETRIES,
    )
    def nothing_is_rejected() -> dg.AssetCheckResult:
        rejections = status(clock()).rejections
        reasons = [f"{each.location}, {each.table}: {each.reason}" for each in rejections]
        return dg.AssetCheckResult(
            passed=not rejections,
            severity=dg.AssetCheckSeverity.WARN,  # all other records are loaded, and rejected ones are kept
            metadata={
                "records": sum(each.records for each in rejections),
                "reasons": dg.MetadataValue.json(reasons),
            },
        )

    return [every_location_is_fresh, nothing_is_rejected]
