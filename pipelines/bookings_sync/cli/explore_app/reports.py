"""Reports: the ready-made reports of the app, each a query and the way to draw it.

Input:  the published tables.
Output: `REPORTS`, in the order of the selector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bookings_sync.catalogue import load_metrics
from bookings_sync.catalogue.query import column_sql, metric_query


@dataclass(frozen=True, slots=True)
class Report:
    """A ready-made report.

    - `question`: returns the SQL in a dialect. Tables have no schema, as in `bookings query`.
    - `kind`: how the rows are drawn. None shows them as a table only.
    - `x`, `y`, `value`: the columns to draw, in the order of the rows.
    - `by`: a column. Each of its values gets its own chart.
    """

    title: str
    meaning: str
    question: Callable[[str], str]
    kind: Literal["bars", "heat", "intervals"] | None = None
    x: str = ""
    y: str = ""
    value: str = ""
    by: str = ""


_NAMES = """LEFT JOIN dim_location AS location ON location.location_id = report.location_id
LEFT JOIN dim_member AS member ON member.location_id = report.location_id AND member.member_id = report.member_id
LEFT JOIN dim_service AS service
  ON service.location_id = report.location_id AND service.service_id = report.service_id"""

_RISK = """SELECT risk_by, value, label, noshow, marked,
  noshow / NULLIF(marked, 0) AS noshow_rate,
  {low},
  {high}
FROM (
  SELECT risk_by, value, label, CAST(SUM(noshow) AS DOUBLE PRECISION) AS noshow,
    CAST(SUM(marked) AS DOUBLE PRECISION) AS marked
  FROM rpt_noshow_risk
  GROUP BY 1, 2, 3
  HAVING SUM(marked) >= {too_few}
) AS sums
ORDER BY 1, 2"""


def _risk(dialect: str) -> str:
    low, high = (
        column_sql(f"WILSON_{end.upper()}(noshow, marked) AS noshow_rate_{end}", dialect) for end in ("low", "high")
    )
    return _RISK.format(low=low, high=high, too_few=load_metrics()["noshow_rate"].too_few)


def _of_metric(name: str, *by: str) -> Callable[[str], str]:
    return lambda dialect: metric_query(load_metrics()[name], by, dialect=dialect)


def _plain(sql: str) -> Callable[[str], str]:
    return lambda _dialect: sql


REPORTS = (
    Report(
        "Cohorts",
        "Of the contacts who first came in a month, the share that came in each later month that is over. In the first "
        "three months, old customers look new.",
        _of_metric("retention_rate", "month", "months_since"),
        kind="heat", x="months_since", y="month", value="retention_rate",
    ),
    Report(
        "First change",
        "What happens first to a booking. “Not known”: the first sync found it changed, or nobody knows if it was.",
        _plain("SELECT first_change, SUM(bookings) AS bookings\nFROM rpt_first_change\nGROUP BY 1\nORDER BY 2 DESC, 1"),
        kind="bars", x="first_change", y="bookings",
    ),
    Report(
        "Fairness",
        "Bookings taken ÷ bookings at an equal share, by service and member. 1 is an equal share.",
        _of_metric("load_index", "service", "member"),
        kind="bars", x="member", y="load_index", by="service",
    ),
    Report(
        "No-show risk",
        "The no-show rate with its 95 % interval. Two values differ only if their intervals do not overlap. Values "
        "with fewer than 10 marked bookings are left out.",
        _risk,
        kind="intervals", x="label", y="noshow_rate", by="risk_by",
    ),
    Report(
        "No-show prediction",
        "Of the bookings with a predicted risk, the share that was missed. The prediction uses earlier months only.",
        _plain(
            "SELECT location.name AS location, report.risk_band, report.marked, report.predicted_rate,\n"
            "  report.noshow_rate, report.noshow_rate_low, report.noshow_rate_high, report.verdict\n"
            "FROM rpt_noshow_calibration AS report\n"
            "LEFT JOIN dim_location AS location ON location.location_id = report.location_id\n"
            "WHERE report.local_month IS NULL\nORDER BY 1, CASE report.risk_band WHEN 'all' THEN 1 ELSE 0 END, 4"
        ),
    ),
    Report(
        "Lead times",
        "Bookings by the time from booking to the first known start.",
        _plain(
            "SELECT lead_time_span, lead_time, SUM(bookings) AS bookings\n"
            "FROM rpt_lead_times\nGROUP BY 1, 2\nORDER BY 1"
        ),
        kind="bars", x="lead_time", y="bookings",
    ),
    Report(
        "Pace",
        "Bookings for the month that had been made by this moment of the month, and all of them.",
        _plain(
            "SELECT local_month, SUM(made_by_then) AS made_by_then, SUM(made) AS made\n"
            "FROM rpt_pace\nGROUP BY 1\nORDER BY 1"
        ),
    ),
    Report(
        "Recurring series",
        "Series with bookings ahead. Ending: the last booking begins within 28 days.",
        _plain(
            "SELECT location.name AS location, member.name AS member, service.name AS service, report.state,\n"
            "  report.last_date, report.ahead, report.occurrences, report.series_id\n"
            f"FROM rpt_series AS report\n{_NAMES}\nWHERE report.state <> 'ended'\nORDER BY 5, 8"
        ),
    ),
    Report(
        "Work to do",
        "Bookings of the last 28 days that nobody marked, and tomorrow's bookings that are not confirmed.",
        _plain(
            "SELECT report.task, location.name AS location, member.name AS member, service.name AS service,\n"
            f"  report.local_start, report.status, report.appointment_id\nFROM rpt_worklist AS report\n{_NAMES}\n"
            "ORDER BY 1, 5, 7"
        ),
    ),
    Report(
        "Double bookings",
        "Pairs of bookings of one member that overlap, from the last 28 days on.",
        _plain(
            "SELECT location.name AS location, member.name AS member, service.name AS service, report.local_start,\n"
            "  report.overlap_minutes, report.appointment_id, report.other_appointment_id\n"
            f"FROM rpt_double_bookings AS report\n{_NAMES}\nORDER BY 4, 6"
        ),
    ),
)  # fmt: skip
