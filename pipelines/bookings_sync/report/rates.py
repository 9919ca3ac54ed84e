"""Rates: how the page's counts add up to the rates of the metrics catalogue.

Input:  a metric of the catalogue.
Output: the columns of the page's tables that add up to its numerator and to its denominator.
"""

from __future__ import annotations

from collections.abc import Mapping

from bookings_sync.catalogue import Metric
from bookings_sync.report.figures import OUTCOMES

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "begun": OUTCOMES,  # the page draws rates of past days only
    "showed": ("showed",),
    "noshow": ("noshow",),
    "marked": ("showed", "noshow"),
    "cancelled": ("cancelled",),
    "unmarked": ("open",),
    "due": ("showed", "noshow", "open"),
    "staff_minutes_booked": ("booked_minutes",),
    "staff_minutes_available": ("available_minutes",),
    "seat_minutes_booked": ("booked_minutes",),
    "seat_minutes_offered": ("booked_minutes", "free_minutes"),
}
"""The columns that add up to each sum of the catalogue."""


def rate_columns(metric: Metric) -> dict[str, tuple[str, ...]]:
    """The columns of `numerator` and `denominator`. Empty if the page does not count the metric."""
    sums = {"numerator": metric.numerator, "denominator": metric.denominator}
    found = {part: COLUMNS[each.name] for part, each in sums.items() if each and each.name in COLUMNS}
    return found if len(found) == len(sums) else {}
