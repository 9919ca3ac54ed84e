"""Figures: all that the report's page shows, counted small enough to be part of it.

Input:  the marts, through dlt's own SQL client; the report's time.
Output: `Figures`: the names of what can be filtered by, and tables of counts by calendar and time.

Time is *age*: days from the location's own today, so yesterday is -1 in every zone and "the last 28 days" are the ages
from -28 to -1 everywhere. The newest eight weeks are kept by the day. Older ones are kept by the week, and what is
never drawn over time (hours, lead times, members) by the stretch from one period's edge to the next. All these bins
begin and end where the page's periods do, so every period is a sum of whole bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime
from sqlglot import exp, parse_one

from bookings_sync.errors import BookingsError
from bookings_sync.models.destination import Datasets, Destination
from bookings_sync.models.dialect import resolve
from bookings_sync.models.errors import ModelError
from bookings_sync.report import queries
from bookings_sync.status import Rejection

PERIODS = (7, 28, 84, 364)
"""Lengths of the page's periods, in days up to yesterday; each is compared with as many days before it."""
AHEAD = 28
"""Days ahead that the page shows, today among them."""
DAILY = 56
"""Days back that are kept by the day: two of the longest period that is drawn by the day."""
KNOWN_WEEKS = 12
"""Weeks back of which the page tells how their show rates have changed since they were young."""
NEEDED = ("rpt_hourly_utilisation", "rpt_show_rate_as_known", "rpt_schema_drift")
"""What a page is counted from: the marts that nothing else of it is made of."""
MOST_ROWS = 500_000
"""Rows of counts in a page: some 4 MB. Beyond them its longest periods are left out."""

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Counts. Of the key columns, `combo` is an index into `Figures.combos`, `age` the first day of the bin."""

    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far a location's calendar is known. Instants are UTC; None where it was never read."""

    name: str
    fresh_at: DateTime | None
    history_from: DateTime | None
    covered: float
    oldest_read_at: DateTime | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that the API sends and no column holds; `since` is a day, UTC."""

    table: str
    field: str
    records: int
    since: date


@dataclass(frozen=True, slots=True)
class Figures:
    """The page's content.

    `combos` are (location, team, service, first age, age from which free times are known, age to which), the first
    three indexes into the lists of names. `members` are (location, label); a label holds a name only where that was
    asked for. `periods` are those whose rows fit.
    """

    written_at: DateTime
    locations: list[tuple[str, date]]
    """Name and local today."""
    teams: list[str]
    services: list[str]
    members: list[tuple[int, str]]
    spans: list[str]
    combos: list[tuple[int | None, ...]]
    periods: tuple[int, ...]
    days: Table
    hours: Table
    leads: Table
    loads: Table
    known: Table
    """Show rates as they were known: in the place of the age, the days after the appointment's own."""
    drift: tuple[Drift, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    last_outcome: str | None = None
    named: bool = False
    """Whether `members` have their names."""
    past: bool = False
    """Whether all is as it stood at `written_at`, which is long ago; then nothing is told of freshness."""


def collect(
    sql_client: SqlClientBase[Any],
    datasets: Datasets,
    now: DateTime,
    *,
    locations: Sequence[str] = (),
    named: bool = False,
    most_rows: int = MOST_ROWS,
) -> Figures:
    """Counts what the page shows, but for its freshness.

    `locations` are names; all by default. With `named`, members have their names: else they are numbered. Raises
    ModelError where the marts were never built, BookingsError where a name is no location's.
    """
    marts = _Marts(Destination(sql_client, datasets), now)
    if not all(marts.destination.has("marts", name) for name in NEEDED):
        raise ModelError("there is nothing to report from: run `bookings transform` first")
    here = _chosen(marts.rows(queries.LOCATIONS), locations)
    keys = _Keys([location_id for location_id, _, _ in here], marts)
    oldest = 2 * PERIODS[-1]
    days = keys.table(
        marts.aged(queries.DAYS, oldest),
        ("combo", "age", "showed", "noshow", "cancelled", "invalid", "open", "rescheduled", "minutes"),
    )
    hours = keys.table(
        marts.aged(queries.HOURS, oldest),
        ("combo", "age", "weekday", "hour", "bookings", "booked_minutes", "free_minutes"),
    )
    leads = keys.table(marts.aged(queries.LEADS, oldest), ("combo", "age", "span", "bookings", "showed", "noshow"))
    loads = keys.table(
        marts.aged(queries.LOADS, oldest),
        ("combo", "age", "member", "bookings", "minutes", "showed", "noshow"),
        members=True,
    )
    known = keys.table(
        marts.rows(queries.KNOWN.format(weeks=KNOWN_WEEKS)),
        ("combo", "days_after", "bookings", "showed", "noshow", "open", "showed_now", "noshow_now"),
    )
    days, hours, leads, loads, periods = _bounded((days, hours, leads, loads), most_rows)
    return Figures(
        written_at=now,
        locations=[(name, today) for _, name, today in here],
        teams=keys.teams.labels,
        services=keys.services.labels,
        members=keys.members(marts, named=named),
        spans=[label for (label,) in marts.rows(queries.SPANS)],
        combos=keys.combos(marts),
        periods=periods,
        days=days,
        hours=hours,
        leads=leads,
        loads=loads,
        known=known,
        drift=_drift(marts, {location_id for location_id, _, _ in here}),
        named=named,
    )


def _chosen(held: Iterable[Sequence[Any]], names: Sequence[str]) -> list[tuple[str, str, date]]:
    rows = [(location_id, name, today) for location_id, name, today in held]
    known = [name for _, name, _ in rows]
    if unknown := [name for name in names if name not in known]:
        raise BookingsError(f"no location is called {unknown[0]!r} in the warehouse; there are: {', '.join(known)}")
    return [row for row in rows if not names or row[1] in names]


def _drift(marts: _Marts, location_ids: set[str]) -> tuple[Drift, ...]:
    """Of the chosen locations together, the most frequent field first."""
    fields: dict[tuple[str, str], Drift] = {}
    for location_id, table, field, records, since in marts.rows(queries.DRIFT):
        if location_id in location_ids:
            held = fields.get((table, field), Drift(table, field, 0, since))
            fields[table, field] = Drift(table, field, held.records + int(records), min(held.since, since))
    return tuple(sorted(fields.values(), key=lambda each: (-each.records, each.table, each.field)))


class _Marts:
    """The marts, at one time."""

    def __init__(self, destination: Destination, now: DateTime) -> None:
        self.destination = destination
        self._now = now

    def rows(self, sql: str) -> list[Sequence[Any]]:
        query = parse_one(sql, read="duckdb")
        assert isinstance(query, exp.Query)  # noqa: S101 - the SELECTs written above
        return list(self.destination.rows(resolve(query, self.destination.table, self._now)))

    def aged(self, sql: str, oldest: int) -> list[Sequence[Any]]:
        # Remainders of positive numbers alone: of negative ones each warehouse makes its own.
        day = f"CASE WHEN age >= {-DAILY} THEN age ELSE age - MOD(age + {oldest}, 7) END"
        edges = sorted({edge for days in PERIODS for edge in (days, 2 * days)})
        stretch = " ".join(f"WHEN age >= {-edge} THEN {-edge}" for edge in edges)
        stretch = f"CASE WHEN age >= 0 THEN 0 {stretch} END"
        return self.rows((queries.AGED + sql).format(oldest=oldest, ahead=AHEAD, day=day, stretch=stretch))


class _Labels:
    """Distinct labels, in the order they are asked for, by number."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]


class _Keys:
    """Ids made into numbers. Teams and services go by their names, so that one filter takes those of all locations."""

    def __init__(self, location_ids: Sequence[str], marts: _Marts) -> None:
        self.teams, self.services = _Labels(), _Labels()
        self._locations = {location_id: number for number, location_id in enumerate(location_ids)}
        self._team_names = {(location, team): name for location, team, name in marts.rows(queries.TEAMS)}
        self._service_rows = {(row[0], row[1]): row[2:] for row in marts.rows(queries.SERVICES)}
        self._combos: dict[tuple[str, str | None, str | None], int] = {}
        self._members: dict[tuple[str, str | None], int] = {}

    def table(self, rows: Iterable[Sequence[Any]], columns: tuple[str, ...], *, members: bool = False) -> Table:
        """Rows of (location_id, team_id, service_id, age, …), those of the chosen locations, with numbers for ids."""
        made = []
        # In their own order, whatever the warehouse's: the same calendar makes the same page.
        ordered = sorted(rows, key=lambda row: [(value is not None, value) for value in row])
        for location_id, team_id, service_id, age, *rest in ordered:
            if location_id not in self._locations:
                continue
            combo = self._combos.setdefault((location_id, team_id, service_id), len(self._combos))
            if members:
                rest[0] = self._members.setdefault((location_id, rest[0]), len(self._members))
            made.append((combo, int(age), *(int(value or 0) for value in rest)))
        return Table(columns, sorted(made))

    def combos(self, marts: _Marts) -> list[tuple[int | None, ...]]:
        firsts = {tuple(row[:3]): int(row[3]) for row in marts.rows(queries.FIRSTS)}
        made = []
        for location_id, team_id, service_id in self._combos:
            service, *known = self._service_rows.get((location_id, service_id), (None, None, None))
            team = self._team_names.get((location_id, team_id))
            made.append((
                self._locations[location_id],
                self.teams.number(_label(team, team_id, "team")),
                self.services.number(_label(service, service_id, "service")),
                firsts.get((location_id, team_id, service_id)),
                *(None if age is None else int(age) for age in known),
            ))  # fmt: skip
        return made

    def members(self, marts: _Marts, *, named: bool) -> list[tuple[int, str]]:
        """Numbered in the order of their ids: a number stays the same until members come or go."""
        labels: dict[tuple[str, str | None], str] = {}
        numbers = dict.fromkeys(self._locations, 0)
        for location_id, member_id, name in marts.rows(queries.MEMBERS):
            if location_id in numbers:
                numbers[location_id] += 1
                unnamed = f"Member {numbers[location_id]}"
                labels[location_id, member_id] = name or unnamed if named else unnamed
        return [(self._locations[key[0]], labels.get(key, "Nobody")) for key in self._members]


def _label(name: str | None, key: str | None, kind: str) -> str:
    if name:
        return name
    return f"Unnamed {kind} {key}" if key else f"No {kind}"


def _bounded(tables: Sequence[Table], most_rows: int) -> tuple[Table, Table, Table, Table, tuple[int, ...]]:
    """The tables without their oldest rows where there are too many, and the periods that they still hold whole."""
    periods: tuple[int, ...] = PERIODS
    while len(periods) > 1 and sum(len(table.rows) for table in tables) > most_rows:
        periods = periods[:-1]
        tables = [Table(each.columns, [row for row in each.rows if row[1] >= -2 * periods[-1]]) for each in tables]
    days, hours, leads, loads = tables
    return days, hours, leads, loads, periods
