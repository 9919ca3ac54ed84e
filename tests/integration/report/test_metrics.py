"""Queries of metrics: the same figures as the marts' own rates, in every grouping."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import metric_query

from .conftest import Reported

RATES = {
    "show_rate": ("rpt_show_rate", "location service week"),
    "noshow_rate": ("rpt_show_rate", "location service week"),
    "cancellation_rate": ("rpt_show_rate", "location service week"),
    "reschedule_rate": ("rpt_show_rate", "location service week"),
    "loss_rate": ("rpt_show_rate", "location service week"),
    "late_cancellation_rate": ("rpt_cancellations", "location service week"),
    "rebooking_rate": ("rpt_rebooking", "location service month loss"),
    "staff_utilisation": ("rpt_staff_utilisation", "location member day"),
    "seat_utilisation": ("rpt_utilisation", "location service day"),
    "slot_utilisation": ("rpt_utilisation", "location service day"),
    "booked_share": ("rpt_hourly_utilisation", "location service day hour"),
    "known_days_share": ("rpt_slot_coverage", "location service week"),
    "prebooking_rate": ("rpt_returning_contacts", "location week"),
    "retention_rate": ("rpt_contact_cohorts", "location month months_since"),
    "load_index": ("rpt_member_fairness", "location service week member"),
}
"""The mart that has the metric as a column, and its key."""
OBSERVED = {"retention_rate": "months_since > 0 AND is_month_over"}
"""Rows of the mart that the metric leaves out, because nothing was observed or not all of it."""
COLUMNS = {"day": "local_date", "week": "local_week", "month": "local_month", "hour": "local_hour"}
RENAMED = {"known_days_share": "known_share"}
LAST = date(2025, 3, 9)  # Bookings of the newest week had not all begun.


def rows(marts: Reported, sql: str) -> list[dict[str, Any]]:
    cursor = marts.warehouse.client.native_connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def by_key(found: list[dict[str, Any]], by: list[str], value: str) -> dict[tuple[Any, ...], float]:
    return {tuple(row[name] for name in by): row[value] for row in found if row[value] is not None}


@pytest.mark.parametrize("name", RATES)
def test_a_rate_equals_the_marts_own_column(marts: Reported, name: str) -> None:
    mart, key = RATES[name]
    by, metric = key.split(), load_metrics()[name]
    found = rows(marts, metric_query(metric, by, last=LAST))
    cohort = {"month": "cohort_month"} if name == "retention_rate" else {}
    names = COLUMNS | cohort
    time = names[next(each for each in by if each in ("day", "week", "month"))]
    columns, joins = [], []
    for each in by:
        if each in ("location", "service", "member"):
            keys = "location_id" if each == "location" else f"location_id, {each}_id"
            columns.append(f"COALESCE({each}.name, {each}_id, '(no {each})') AS {each}")
            joins.append(f"LEFT JOIN dim_{each} AS {each} USING ({keys})")
        else:
            columns.append(f"{names.get(each, each)} AS {each}")
    observed = OBSERVED.get(name, "TRUE")
    own = rows(
        marts,
        f"SELECT {', '.join(columns)}, mart.* FROM {mart} AS mart {' '.join(joins)} "
        f"WHERE {time} <= '{LAST}' AND {observed}",
    )
    column = RENAMED.get(name, name)
    assert own
    assert by_key(found, by, name) == pytest.approx(by_key(own, by, column))
    if f"{column}_low" in own[0]:
        for end in ("low", "high"):
            assert by_key(found, by, f"{name}_{end}") == pytest.approx(by_key(own, by, f"{column}_{end}"))


@pytest.mark.parametrize("name", load_metrics())
def test_every_grouping_adds_up_to_the_whole(marts: Reported, name: str) -> None:
    metric = load_metrics()[name]
    total_of = metric.denominator.name if metric.denominator else name
    (whole,) = rows(marts, metric_query(metric))
    for by in [*((name,) for name in metric.dimensions), tuple(metric.dimensions)]:
        found = rows(marts, metric_query(metric, by))
        assert list(found[0])[: len(by)] == list(by) if found else whole[total_of] is None
        assert sum(row[total_of] or 0 for row in found) == pytest.approx(whole[total_of] or 0), by


@pytest.mark.parametrize("name", load_metrics())
def test_only_sums_with_fractions_are_marked_so(marts: Reported, name: str) -> None:
    metric = load_metrics()[name]
    for each in filter(None, (metric.numerator, metric.denominator)):
        (found,) = rows(marts, f"SELECT typeof(SUM({each.expression})) AS kind FROM {metric.model}")
        assert (found["kind"] not in ("BIGINT", "HUGEINT")) == (each.kind == "DOUBLE"), each.name


def test_the_first_known_months_have_no_new_visitors(marts: Reported) -> None:
    """Old customers look new there."""
    (found,) = rows(marts, metric_query(load_metrics()["new_visitor_share"]))
    weeks = rows(marts, "SELECT new_contacts, contacts, is_first_months FROM rpt_returning_contacts")
    later = [week for week in weeks if not week["is_first_months"]]
    assert 0 < len(later) < len(weeks)
    assert found["visitors"] == sum(week["contacts"] for week in later)
    assert found["visitors_new"] == sum(week["new_contacts"] for week in later)


def test_the_range_includes_both_ends(marts: Reported) -> None:
    day, bookings = date(2025, 3, 3), load_metrics()["bookings"]
    found = rows(marts, metric_query(bookings, ["day"], first=day, last=date(2025, 3, 5)))
    assert [row["day"] for row in found] == [day, date(2025, 3, 4), date(2025, 3, 5)]
    assert len(rows(marts, metric_query(bookings, ["week"], first=day, last=date(2025, 3, 9)))) == 1


def test_the_schema_can_be_named(marts: Reported) -> None:
    bookings = load_metrics()["bookings"]
    plain, named = (metric_query(bookings, ["service"], schema=schema) for schema in ("", "marts_data"))
    assert "FROM marts_data.rpt_bookings" in named
    assert rows(marts, plain) == rows(marts, named)
