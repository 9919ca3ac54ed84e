"""Figures: counts everything that the report's page shows, by day, small enough to embed in the page.

Input:  the marts, through dlt's SQL client; the report's time.
Output: `Figures`: the names of locations, teams, services, members and sources, and tables of counts by these and by
        age.

The *age* of a booking is its day minus the location's own today: yesterday is -1 in every time zone, and "the last 28
days" are the ages -28 to -1 everywhere. All figures are counted by day, so any range of days is a sum of counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.errors import BookingsError
from bookings_sync.models.destination import Datasets
from bookings_sync.models.unusable import Unusable
from bookings_sync.report import more, queries
from bookings_sync.report.index import CountTable, Index
from bookings_sync.report.marts import Marts
from bookings_sync.report.more import More, collect_more
from bookings_sync.report.today import NEEDED as NEEDED_TODAY
from bookings_sync.report.today import Today, read_today
from bookings_sync.status import Rejection

PERIODS = (7, 28, 84, 364)
"""The page's periods, in days up to yesterday. Each is compared with as many days before."""
AHEAD = 28
"""Days ahead that the page shows, including today."""
TWELVE_WEEKS = 84
"""Days up to yesterday that count as "the last 12 weeks": on the page, in `answers`, in the demo."""
FEWEST_CONTACTS = 10
"""Contacts that must share a source for the page to name it: a rare one could point to a person."""
NEEDED = (
    "rpt_hourly_utilisation", "rpt_utilisation", "rpt_staff_utilisation", "rpt_show_rate_as_known", "rpt_schema_drift",
)  # fmt: skip
"""The most downstream marts of the page: if they exist, all marts that the page reads exist."""
OUTCOMES = ("showed", "noshow", "cancelled", "invalid", "open")
"""What became of bookings. Each booking counts in one of these columns."""
MOST_ROWS = 1_000_000
"""Rows of counts in a page: at most about 4 MB, 3 bytes per row of bookings and half a byte per row of open hours. With
more rows, the page leaves out its longest periods."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How recently and how completely a location was read, and its time zone with its source. Times are UTC; None means
    never."""

    name: str
    fresh_at: DateTime | None
    history_from: DateTime | None
    covered: float
    oldest_read_at: DateTime | None
    timezone: str | None = None
    timezone_source: str | None = None
    unseen_p50: float | None = None
    unseen_p95: float | None = None
    """Seconds within which half and 95 % of the changes of the last day were seen, at most."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that the API sends and no column holds. `since` is a UTC day."""

    table: str
    field: str
    records: int
    since: date


@dataclass(frozen=True, slots=True)
class Names:
    """The labels that counts refer to by index.

    - `locations`: (name, local today).
    - `hours_from`: for each location, the first age with known opening hours; earlier ones are those of the first sync.
    - `members`: (location, label). Labels are real names only if `named`, else numbers.
    - `sources`: where contacts came from. Sources that few contacts share are one: Other.
    - `combos`: (location, team, service, first age with a booking). The first three are indexes into the other lists.
    """

    locations: list[tuple[str, date]]
    hours_from: list[int]
    teams: list[str]
    services: list[str]
    members: list[tuple[int, str]]
    sources: list[str]
    spans: list[str]
    combos: list[tuple[int | None, ...]]
    named: bool


class Counts(NamedTuple):
    """Tables of counts, for the periods that fit. `known` counts by days after the appointment instead of age."""

    periods: tuple[int, ...]
    bookings: CountTable
    hours: CountTable
    staff: CountTable
    seats: CountTable
    slot_days: CountTable
    known: CountTable


@dataclass(frozen=True, slots=True)
class Health:
    """What limits the figures: freshness, rejected records, fields without a column, and the last run's outcome."""

    drift: tuple[Drift, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    last_outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The page's content. `past`: the figures are as of `written_at`, a past moment, so the page shows no freshness."""

    written_at: DateTime
    names: Names
    counts: Counts
    today: Today
    more: More
    health: Health = field(default_factory=Health)
    past: bool = False


def collect(
    sql_client: SqlClientBase[Any],
    datasets: Datasets,
    now: DateTime,
    *,
    locations: Sequence[str] = (),
    named: bool = False,
    most_rows: int = MOST_ROWS,
) -> Figures:
    """Counts what the page shows. Of `Figures.health` it fills in only the drift.

    `locations` are names; by default all locations. With `named`, members have their real names, else numbers. Raises
    ModelError if the marts were never built, and BookingsError if a name is not a location's.
    """
    marts = Marts(sql_client, datasets, now, needed=(*NEEDED, *NEEDED_TODAY, *more.NEEDED))
    here = _select_locations(marts.rows(queries.LOCATIONS), locations)
    index = Index([location_id for location_id, _, _ in here], marts)
    counts = _count(marts, index, locations, most_rows)
    today, extra = read_today(marts, index), collect_more(marts, index)
    hours_from = {location_id: int(age) for location_id, age in marts.rows(queries.HOURS_KNOWN)}
    names = Names(
        locations=[(name, today) for _, name, today in here],
        hours_from=[hours_from.get(location_id, 0) for location_id, _, _ in here],
        combos=index.combos(marts),
        teams=index.teams.labels,
        services=index.services.labels,
        members=index.members(marts, named=named),
        sources=index.sources,
        spans=[label for (label,) in marts.rows(queries.SPANS)],
        named=named,
    )
    drift = _drift(marts, {location_id for location_id, _, _ in here})
    return Figures(written_at=now, names=names, counts=counts, today=today, more=extra, health=Health(drift=drift))


def _count(marts: Marts, index: Index, locations: Sequence[str], most_rows: int) -> Counts:
    periods, (bookings, hours, staff, seats, slot_days) = _fitting(marts, locations, most_rows)
    return Counts(
        periods,
        bookings=index.by_combo(
            bookings,
            ("combo", "age", "member", "source", "span", "hour", *OUTCOMES, "rescheduled", "minutes"),
        ),
        hours=index.by_combo(hours, ("combo", "age", "hour", "booked_minutes", "open_minutes")),
        staff=index.by_member(staff, ("member", "age", "hour", "booked_minutes", "available_minutes")),
        seats=index.by_combo(seats, ("combo", "age", "booked_minutes", "free_minutes")),
        slot_days=index.by_combo(slot_days, ("combo", "age", "days", "known")),
        known=index.by_combo(
            marts.rows(queries.KNOWN.format(days=TWELVE_WEEKS)),
            ("combo", "days_after", "bookings", "showed", "noshow", "open", "showed_now", "noshow_now"),
        ),
    )


def _fitting(
    marts: Marts, locations: Sequence[str], most_rows: int
) -> tuple[tuple[int, ...], list[list[Sequence[Any]]]]:
    """The periods for which all rows fit, and the rows: twice the longest period back, and the days ahead."""
    names = ", ".join(exp.Literal.string(name).sql("duckdb") for name in locations)
    chosen = f"name IN ({names})" if names else "TRUE"
    periods: tuple[int, ...] = PERIODS
    while True:
        tables: list[list[Sequence[Any]]] = []
        # One row beyond the limit shows that it does not fit, without reading the rest.
        for query in (queries.BOOKINGS, queries.HOURS, queries.STAFF_HOURS, queries.SEATS, queries.SLOT_DAYS):
            sql = (queries.AGED + query).format(
                oldest=2 * periods[-1], ahead=AHEAD, chosen=chosen, contacts=FEWEST_CONTACTS
            )
            tables.append(marts.rows(f"{sql} LIMIT {most_rows + 1}"))
        if len(periods) == 1 or sum(map(len, tables)) <= most_rows:
            return periods, tables
        periods = periods[:-1]


def _select_locations(held: Iterable[Sequence[Any]], names: Sequence[str]) -> list[tuple[str, str, date]]:
    rows = [(location_id, name, today) for location_id, name, today in held]
    known = [name for _, name, _ in rows]
    if unknown := [name for name in names if name not in known]:
        raise BookingsError(f"no location in the warehouse is called {unknown[0]!r}. Known: {', '.join(known)}")
    return [row for row in rows if not names or row[1] in names]


def _drift(marts: Marts, location_ids: set[str]) -> tuple[Drift, ...]:
    """Fields without a column, over the selected locations, most frequent first."""
    fields: dict[tuple[str, str], Drift] = {}
    for location_id, table, name, records, since in marts.rows(queries.DRIFT):
        if location_id in location_ids:
            held = fields.get((table, name), Drift(table, name, 0, since))
            fields[table, name] = Drift(table, name, held.records + int(records), min(held.since, since))
    return tuple(sorted(fields.values(), key=lambda each: (-each.records, each.table, each.field)))
