"""Answers: the report's questions, each answered by one table, for a terminal or for another program.

Input:  the marts dataset that `transform` published; dlt's own SQL client; the report's time.
Output: `ReportTable`s, titles, columns and typed rows. How they look is the command's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp, parse_one

from bookings_sync.models.destination import Datasets, Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import ModelError

Value = str | int | float | date | None


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One answer. Columns that end in `rate`, `share` or `utilisation` are parts of 1, or None where nothing counts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


_PAST_OR_AHEAD = """
SELECT location.name, SUM(daily.bookings), SUM(daily.showed), SUM(daily.noshow), SUM(daily.cancelled), SUM(daily.open)
FROM marts.rpt_daily_bookings AS daily
JOIN marts.dim_location AS location ON location.location_id = daily.location_id
WHERE daily.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) {first}
  AND daily.local_date < CAST($now AT TIME ZONE location.timezone AS DATE) {last}
GROUP BY location.location_id, location.name
ORDER BY location.name, location.location_id
"""
_COUNTS = ("location", "bookings", "showed", "noshow", "cancelled", "open")

_QUESTIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Bookings of the last 14 days", _COUNTS, _PAST_OR_AHEAD.format(first="- 14", last="")),
    ("Bookings of today and the next 13 days", _COUNTS, _PAST_OR_AHEAD.format(first="", last="+ 14")),
    (
        "Show rate by service, last 12 weeks",
        ("location", "service", "showed", "noshow", "cancelled", "unmarked", "show rate"),
        """
        SELECT location.name, COALESCE(service.name, service.service_id, '(no service)'),
          SUM(rate.showed), SUM(rate.noshow), SUM(rate.cancelled), SUM(rate.unmarked),
          CAST(SUM(rate.showed) AS DOUBLE) / NULLIF(SUM(rate.showed) + SUM(rate.noshow), 0)
        FROM marts.rpt_show_rate AS rate
        JOIN marts.dim_location AS location ON location.location_id = rate.location_id
        LEFT JOIN marts.dim_service AS service
          ON service.location_id = rate.location_id AND service.service_id = rate.service_id
        WHERE rate.local_week > CAST($now AT TIME ZONE location.timezone AS DATE) - 84
        GROUP BY location.location_id, location.name, service.service_id, service.name
        ORDER BY location.name, location.location_id, SUM(rate.bookings) DESC, service.service_id
        """,
    ),
    (
        "Utilisation by service and week, last 2 weeks to next 2",
        ("location", "service", "week", "booked hours", "free hours", "utilisation"),
        """
        SELECT location.name, COALESCE(service.name, service.service_id), used.local_week,
          CAST(SUM(used.booked_minutes) AS DOUBLE) / 60, CAST(SUM(used.free_minutes) AS DOUBLE) / 60,
          CAST(SUM(used.booked_minutes) AS DOUBLE) / NULLIF(SUM(used.booked_minutes) + SUM(used.free_minutes), 0)
        FROM marts.rpt_utilisation AS used
        JOIN marts.dim_location AS location ON location.location_id = used.location_id
        JOIN marts.dim_service AS service
          ON service.location_id = used.location_id AND service.service_id = used.service_id
        WHERE used.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) - 14
          AND used.local_date < CAST($now AT TIME ZONE location.timezone AS DATE) + 14
        GROUP BY location.location_id, location.name, service.service_id, service.name, used.local_week
        ORDER BY location.name, location.location_id, service.name, service.service_id, used.local_week
        """,
    ),
    (
        "Member load, last 4 weeks to next 4",
        ("location", "member", "bookings", "booked hours", "showed", "noshow", "share"),
        """
        SELECT location.name, COALESCE(member.name, load.member_id, '(nobody)'), SUM(load.bookings),
          CAST(SUM(load.booked_minutes) AS DOUBLE) / 60, SUM(load.showed), SUM(load.noshow),
          CAST(SUM(load.bookings) AS DOUBLE) / SUM(SUM(load.bookings)) OVER (PARTITION BY location.location_id)
        FROM marts.rpt_member_load AS load
        JOIN marts.dim_location AS location ON location.location_id = load.location_id
        LEFT JOIN marts.dim_member AS member
          ON member.location_id = load.location_id AND member.member_id = load.member_id
        WHERE load.local_week > CAST($now AT TIME ZONE location.timezone AS DATE) - 28
          AND load.local_week <= CAST($now AT TIME ZONE location.timezone AS DATE) + 28
        GROUP BY location.location_id, location.name, load.member_id, member.name
        ORDER BY location.name, location.location_id, SUM(load.bookings) DESC, load.member_id
        """,
    ),
)


def report_tables(sql_client: SqlClientBase[Any], datasets: Datasets, now: DateTime) -> list[ReportTable]:
    """The headline questions, in the order to show them; a question with nothing to tell has no rows.

    Days and weeks are each location's own. `sql_client` is an open dlt SQL client. Raises ModelError where the marts
    were never built.
    """
    destination = Destination(sql_client, datasets)
    if not destination.has("marts", "rpt_member_load"):
        raise ModelError("there is nothing to report from: run `bookings transform` first")
    tables = []
    for title, columns, question in _QUESTIONS:
        query = parse_one(question, read="duckdb")
        assert isinstance(query, exp.Query)  # noqa: S101 - the SELECTs written above
        rows = destination.rows(resolve(query, destination.table, now))
        tables.append(ReportTable(title, columns, tuple(tuple(_plain(value) for value in row) for row in rows)))
    return tables


def _plain(value: Any) -> Value:
    """Warehouses return sums as Decimal or int: a count is an int everywhere."""
    if value is None or isinstance(value, str | float | date):
        return value
    return int(value)
