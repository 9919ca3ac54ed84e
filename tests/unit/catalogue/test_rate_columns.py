"""The report's page divides the sums that the catalogue names."""

from __future__ import annotations

import pytest

from bookings_sync.catalogue import load_metrics
from bookings_sync.report.figures import OUTCOMES
from bookings_sync.report.rates import rate_columns


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        ("show_rate", ("showed",), ("showed", "noshow")),
        ("cancellation_rate", ("cancelled",), OUTCOMES),
        ("seat_utilisation", ("booked_minutes",), ("booked_minutes", "free_minutes")),
        ("staff_utilisation", ("booked_minutes",), ("available_minutes",)),
    ],
)
def test_a_rate_of_the_page_has_its_columns(
    metric: str, numerator: tuple[str, ...], denominator: tuple[str, ...]
) -> None:
    assert rate_columns(load_metrics()[metric]) == {"numerator": numerator, "denominator": denominator}


def test_a_metric_that_the_page_does_not_count_has_none() -> None:
    assert rate_columns(load_metrics()["rebooking_rate"]) == {}
    assert rate_columns(load_metrics()["bookings"]) == {}
