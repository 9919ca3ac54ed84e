"""Periods: which days, weeks and months are over, so that a chart does not end with a cliff.

Input:  the days that the bookings cover, from `rpt_bookings`; today.
Output: `Span`, with the default range of the app.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bookings_sync.catalogue.metric import Grain

SPAN = """SELECT
  MIN(local_date) AS first,
  MAX(local_date) AS last,
  MAX(CASE WHEN begun > 0 THEN local_date END) AS last_begun,
  MIN(CASE WHEN begun < bookings THEN local_date END) AS first_ahead
FROM rpt_bookings"""
"""The first and last day with bookings, the last day on which one had begun, and the first with one to come."""

WEEKS = 26
"""Weeks that the app shows at first."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days that the app can show. `open_from` is the first day that was not over at the last transform."""

    first: date
    last: date
    open_from: date

    @classmethod
    def of(cls, today: date, row: dict[str, date | None]) -> Span:
        """From the row of `SPAN`. Without bookings, all days are today."""
        last_begun, first_ahead = row["last_begun"], row["first_ahead"]
        known_until = first_ahead or (last_begun + timedelta(days=1) if last_begun else today)
        return cls(row["first"] or today, row["last"] or today, min(today, known_until))

    def default_range(self) -> tuple[date, date]:
        """The last weeks that are over, from Monday to Sunday. If no week is over, all days."""
        until = _start(self.open_from, "week") - timedelta(days=1)
        since = _start(self.first + timedelta(days=6), "week")  # the first whole week
        since = max(since, until + timedelta(days=1 - 7 * WEEKS))
        return (since, until) if since <= until else (self.first, self.last)

    def is_whole(self, period: date, grain: Grain, since: date, until: date) -> bool:
        """Whether the period that begins on this day is over, and lies in the range."""
        return since <= period and _next(period, grain) <= min(self.open_from, until + timedelta(days=1))


def _start(day: date, grain: Grain) -> date:
    if grain == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if grain == "week" else day


def _next(period: date, grain: Grain) -> date:
    if grain == "month":
        return _start(period + timedelta(days=31), "month")
    return period + timedelta(days=7 if grain == "week" else 1)
