"""Answers: one table for each headline question, as terminal or JSON output.

Input:  the marts dataset that `transform` published; the metrics catalogue; dlt's SQL client; the report's time.
Output: `ReportTable`s with titles, columns and typed rows. The command formats them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.catalogue import load_metrics
from bookings_sync.models.destination import Datasets
from bookings_sync.report.marts import Marts

Value = str | int | float | date | None


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One answer. Columns that end in `rate`, `share` or `utilisation` are parts of 1, or None if nothing counts."""

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
_TIME = """LPAD(CAST(EXTRACT(HOUR FROM local_start) AS VARCHAR), 2, '0') || ':'
    || LPAD(CAST(EXTRACT(MINUTE FROM local_start) AS VARCHAR), 2, '0')"""
_IS_TO_CONFIRM = "bookings.is_open AND bookings.status <> 'confirmed' AND bookings.starts_at > $now"
_TODAY_AND_TOMORROW = """
FROM marts.fct_appointments AS bookings
JOIN marts.dim_location AS location ON location.location_id = bookings.location_id
LEFT JOIN marts.dim_member AS member
  ON member.location_id = bookings.location_id AND member.member_id = bookings.member_id
LEFT JOIN marts.dim_service AS service
  ON service.location_id = bookings.location_id AND service.service_id = bookings.service_id
WHERE bookings.is_expected
  AND bookings.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE)
  AND bookings.local_date <= CAST($now AT TIME ZONE location.timezone AS DATE) + 1
"""
_COUNTS = ("location", "bookings", "showed", "noshow", "cancelled", "open")

_QUESTIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "Today and tomorrow, without cancelled bookings",
        ("location", "day", "member", "bookings", "not confirmed"),
        f"""
        SELECT location.name, bookings.local_date, COALESCE(member.name, bookings.member_id, '(nobody)'), COUNT(*),
          COUNT_IF({_IS_TO_CONFIRM})
        {_TODAY_AND_TOMORROW}
        GROUP BY location.location_id, location.name, bookings.local_date, bookings.member_id, member.name
        ORDER BY location.name, location.location_id, bookings.local_date, member.name, bookings.member_id
        """,
    ),
    (
        "To confirm, today and tomorrow",
        ("location", "day", "time", "service", "member", "status"),
        f"""
        SELECT location.name, bookings.local_date, {_TIME},
          COALESCE(service.name, bookings.service_id, '(no service)'),
          COALESCE(member.name, bookings.member_id, '(nobody)'), bookings.status
        {_TODAY_AND_TOMORROW} AND {_IS_TO_CONFIRM}
        ORDER BY location.name, location.location_id, bookings.starts_at, bookings.appointment_id
        """,
    ),
    (
        "To mark, last 28 days",
        ("location", "member", "bookings", "oldest"),
        """
        SELECT location.name, COALESCE(member.name, work.member_id, '(nobody)'), COUNT(*),
          MIN(CAST(work.local_start AS DATE))
        FROM marts.rpt_worklist AS work
        JOIN marts.dim_location AS location ON location.location_id = work.location_id
        LEFT JOIN marts.dim_member AS member
          ON member.location_id = work.location_id AND member.member_id = work.member_id
        WHERE work.task = 'to mark'
        GROUP BY location.location_id, location.name, work.member_id, member.name
        ORDER BY location.name, location.location_id, COUNT(*) DESC, work.member_id
        """,
    ),
    ("Bookings of the last 14 days", _COUNTS, _PAST_OR_AHEAD.format(first="- 14", last="")),
    ("Bookings of today and the next 13 days", _COUNTS, _PAST_OR_AHEAD.format(first="", last="+ 14")),
    (
        "Show rate by service, last 12 weeks (84 days up to yesterday)",
        ("location", "service", "showed", "noshow", "cancelled", "unmarked", "show rate"),
        """
        SELECT location.name, COALESCE(service.name, mart.service_id, '(no service)'),
          {showed}, {noshow}, {cancelled}, {unmarked}, CASE WHEN {marked} >= {too_few} THEN {show_rate} END
        FROM marts.rpt_bookings AS mart
        JOIN marts.dim_location AS location ON location.location_id = mart.location_id
        LEFT JOIN marts.dim_service AS service
          ON service.location_id = mart.location_id AND service.service_id = mart.service_id
        WHERE mart.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) - 84
          AND mart.local_date < CAST($now AT TIME ZONE location.timezone AS DATE)
        GROUP BY location.location_id, location.name, mart.service_id, service.name
        ORDER BY location.name, location.location_id, SUM(mart.bookings) DESC, mart.service_id
        """,
    ),
    (
        "Staff utilisation by member, last 4 weeks (28 days up to yesterday)",
        ("location", "member", "booked hours", "available hours", "staff utilisation"),
        """
        SELECT location.name, COALESCE(member.name, mart.member_id),
          CAST({staff_minutes_booked} AS DOUBLE) / 60, CAST({staff_minutes_available} AS DOUBLE) / 60,
          {staff_utilisation}
        FROM marts.rpt_staff_utilisation AS mart
        JOIN marts.dim_location AS location ON location.location_id = mart.location_id
        JOIN marts.dim_member AS member
          ON member.location_id = mart.location_id AND member.member_id = mart.member_id
        WHERE mart.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) - 28
          AND mart.local_date < CAST($now AT TIME ZONE location.timezone AS DATE)
        GROUP BY location.location_id, location.name, mart.member_id, member.name
        ORDER BY location.name, location.location_id, member.name, mart.member_id
        """,
    ),
    (
        "Seat utilisation by service and week, last 2 weeks to next 2, on days with known free times",
        ("location", "service", "week", "days known", "booked seat hours", "free seat hours", "seat utilisation"),
        """
        SELECT location.name, COALESCE(service.name, service.service_id), mart.local_week, COUNT(*),
          CAST({seat_minutes_booked} AS DOUBLE) / 60, CAST(SUM(mart.free_seat_minutes) AS DOUBLE) / 60,
          {seat_utilisation}
        FROM marts.rpt_utilisation AS mart
        JOIN marts.dim_location AS location ON location.location_id = mart.location_id
        JOIN marts.dim_service AS service
          ON service.location_id = mart.location_id AND service.service_id = mart.service_id
        WHERE mart.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) - 14
          AND mart.local_date < CAST($now AT TIME ZONE location.timezone AS DATE) + 14
        GROUP BY location.location_id, location.name, service.service_id, service.name, mart.local_week
        ORDER BY location.name, location.location_id, service.name, service.service_id, mart.local_week
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
    """The answers, in display order. An answer without data has no rows.

    Days and weeks are in each location's time zone. Raises ModelError if the marts were never built.
    """
    marts = Marts(sql_client, datasets, now, needed=["rpt_member_load", "rpt_worklist"])
    tables = []
    for title, columns, question in _QUESTIONS:
        rows = marts.rows(question.format(**_expressions()))
        tables.append(ReportTable(title, columns, tuple(tuple(_plain(value) for value in row) for row in rows)))
    return tables


def _expressions() -> dict[str, object]:
    """The metrics and their sums as SQL, by name: what stands in braces in a question. The mart's alias is `mart`."""
    metrics = load_metrics().values()
    sums = {each.name: each for metric in metrics for each in (metric.numerator, metric.denominator) if each}
    rates = {each.name: each.sql("mart") for each in metrics if each.denominator}
    too_few = load_metrics()["show_rate"].too_few
    return {**{name: each.sql("mart") for name, each in sums.items()}, **rates, "too_few": too_few}


def _plain(value: Any) -> Value:
    """Sums are Decimal on some warehouses and int on others; counts become int."""
    if value is None or isinstance(value, str | float | date):
        return value
    return int(value)
