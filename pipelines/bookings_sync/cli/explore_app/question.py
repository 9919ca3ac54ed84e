"""Question: what is picked, as SQL that anybody can paste.

Input:  a figure, one or two dimensions to see it by, and a range of days.
Output: one SELECT over `rpt_bookings`, in words that DuckDB and PostgreSQL both know, its tables named as
        `bookings query` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_MARKED = "sum(CASE WHEN status IN ('showed', 'noshow') THEN bookings END)"

FIGURES: dict[str, str] = {
    "bookings": "sum(bookings)",
    "booked hours": "sum(CASE WHEN status NOT IN ('cancelled', 'invalid') THEN booked_minutes END) / 60.0",
    "show rate": f"1.0 * sum(CASE WHEN status = 'showed' THEN bookings ELSE 0 END) / {_MARKED}",
    "no-show rate": f"1.0 * sum(CASE WHEN status = 'noshow' THEN bookings ELSE 0 END) / {_MARKED}",
    "cancellation rate": "1.0 * sum(CASE WHEN status = 'cancelled' THEN bookings ELSE 0 END) / sum(bookings)",
    "reschedule rate": "1.0 * sum(rescheduled) / sum(bookings)",
}
"""What can be seen: of sums alone, so that it is right by whatever it is seen. A rate of nothing is null."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column to see a figure by, and the table that names its ids."""

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
    "member": _named("dim_member", "member_id", "'(nobody)'"),
    "source": Dimension("coalesce(source, '(not known)')"),
    "status": Dimension("status"),
}


def sql_of(figure: str, by: str, split: str | None, first: date, last: date) -> str:
    """The query: a row for each value of `by` (and of `split`), days from `first` to `last`, both included."""
    chosen = [name for name in dict.fromkeys((by, split)) if name]
    columns = [f"{DIMENSIONS[name].column} AS {_quoted(name)}" for name in chosen]
    joins = "".join(f"\n{DIMENSIONS[name].joins}" for name in chosen if DIMENSIONS[name].joins)
    places = ", ".join(str(place) for place in range(1, len(chosen) + 1))
    return (
        f"SELECT {', '.join(columns)},\n  {FIGURES[figure]} AS {_quoted(figure)}\n"
        f"FROM rpt_bookings AS cube{joins}\n"
        f"WHERE local_date BETWEEN DATE '{first:%Y-%m-%d}' AND DATE '{last:%Y-%m-%d}'\n"
        f"GROUP BY {places}\nORDER BY {places}"
    )


def _quoted(name: str) -> str:
    return f'"{name}"'
