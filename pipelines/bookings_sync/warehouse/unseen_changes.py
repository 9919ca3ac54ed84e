"""Unseen changes: how long the changes of the last day were not in the warehouse, by location.

Input:  the histograms in `runs`.
Output: `UnseenChanges`, for the status, the report and the metrics.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.changes.unseen import MEASURES, Histogram, Measure, percentile, together
from bookings_sync.warehouse.raw_tables import RawTables

_HOURS = 24


@dataclass(frozen=True, slots=True)
class UnseenChanges:
    """The changes of one location in the last day: their number, and the seconds within which half and 95 % of them
    were seen. Seconds are None without changes, and if they are more than 30 days.

    The `at_most` figures count from the read before, so they are upper limits. The `by_api` figures count from the time
    of change that the API gave. `changes.unseen` defines both.
    """

    changes: int
    at_most_p50: float | None
    at_most_p95: float | None
    by_api_changes: int
    by_api_p50: float | None
    by_api_p95: float | None


def unseen_changes(client: SqlClientBase[Any], *, now: DateTime) -> dict[str, UnseenChanges]:
    """The measured freshness of each location with changes in the last day."""
    raw = RawTables(client)
    rows = raw.dicts(
        f"SELECT locations FROM {raw.name('runs')} WHERE started_at >= %s"  # noqa: S608 - our own names
        " AND rows_new + rows_changed + rows_moved > 0",
        now.subtract(hours=_HOURS),
    )
    found: dict[str, dict[Measure, list[Histogram]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for location in json.loads(row["locations"]):
            for measure in MEASURES:
                if histogram := location.get("unseen", {}).get(measure):  # rows of earlier versions have none
                    found[location["location_id"]][measure].append(histogram)
    return {location_id: _summed(each["at_most"], each["by_api"]) for location_id, each in found.items()}


def _summed(at_most: Sequence[Histogram], by_api: Sequence[Histogram]) -> UnseenChanges:
    bounds, exact = together(at_most), together(by_api)
    return UnseenChanges(
        bounds.total(),
        _seconds(bounds, 0.5),
        _seconds(bounds, 0.95),
        exact.total(),
        _seconds(exact, 0.5),
        _seconds(exact, 0.95),
    )


def _seconds(histogram: Histogram, share: float) -> float | None:
    found = percentile(histogram, share)
    return None if found is None or isinf(found) else found
