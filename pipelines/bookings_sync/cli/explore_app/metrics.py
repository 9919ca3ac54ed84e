"""Writes the SQL for a metric.

Input:  a metric, one or two dimensions, and a range of days.
Output: one SELECT on `rpt_bookings` that runs in DuckDB and PostgreSQL. Tables have no schema, as in `bookings query`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_MARKED = "sum(CASE WHEN status IN ('showed', 'noshow') THEN bookings END)"

METRICS: dict[str, str] = {
    "bookings": "sum(bookings)",
    "booked hours": "sum(CASE WHEN status NOT IN ('cancelled', 'invalid') THEN booked_minutes END) / 60.0",
    "show rate": f"1.0 * sum(CASE WHEN status = 'showed' THEN bookings ELSE 0 END) / {_MARKED}",
    "no-show rate": f"1.0 * sum(CASE WHEN status = 'noshow' THEN bookings ELSE 0 END) / {_MARKED}",
    "cancellation rate": "1.0 * sum(CASE WHEN status = 'cancelled' THEN bookings ELSE 0 END) / sum(bookings)",
    "reschedule rate": "1.0 * sum(rescheduled) / sum(bookings)",
}
"""Expressions by name. They consist of sums, so they are correct for any dimension. A rate without bookings is NULL."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column to group by, and the join that gives its ids a name."""

    column: str
    joins: str = ""

    @property
    def is_time(self) -> bool:
        return self.column.startswith("local_")


def _named(table: str, key: str, unnamed: str) -> Dimension:
    alias = table.removeprefix("dim_")
    keys = " AND ".join(f"{alias}.{each} = cube.{each}" for each in dict.fromkeys(("location_id", key)))
    return Dimension(f"coalesce({alias}.name, {unnamed})", f"LEFT JOIN {table} AS {alias} ON {keys}")


DIMENSIONS: dict[str, Dimension] = {
    "day": Dimension("local_date"),
    "week": Dimension("local_week"),
    "month": Dimension("local_month"),
    "location": _named("dim_location", "location_id", "cube.location_id"),
    "team": _named("dim_team", "team_id", "'(no team)'"),
    "service": _named("dim_service", "service_id", "'(no service)'"),
    "member": _named("dim_member", "member_id", "'(no member)'"),
    "source": Dimension("coalesce(source, '(unknown)')"),
    "status": Dimension("status"),
}


def metric_sql(metric: str, by: str, split: str | None, first: date, last: date) -> str:
    """A query with one row per value of `by` and `split`, for the days from `first` to `last` inclusive."""
    chosen = [name for name in dict.fromkeys((by, split)) if name]
    columns = [f"{DIMENSIONS[name].column} AS {_quoted(name)}" for name in chosen]
    joins = "".join(f"\n{DIMENSIONS[name].joins}" for name in chosen if DIMENSIONS[name].joins)
    positions = ", ".join(str(position) for position in range(1, len(chosen) + 1))
    return (
        f"SELECT {', '.join(columns)},\n  {METRICS[metric]} AS {_quoted(metric)}\n"
        f"FROM rpt_bookings AS cube{joins}\n"
        f"WHERE local_date BETWEEN DATE '{first:%Y-%m-%d}' AND DATE '{last:%Y-%m-%d}'\n"
        f"GROUP BY {positions}\nORDER BY {positions}"
    )


def _quoted(name: str) -> str:
    return f'"{name}"'
