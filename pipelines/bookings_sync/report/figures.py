"""Figures: counts everything that the report's page shows, in bins small enough to embed in the page.

Input:  the marts, through dlt's SQL client; the report's time.
Output: `Figures`: the names of locations, teams, services and members, and tables of counts by these and by age.

The *age* of a booking is its day minus the location's own today: yesterday is -1 in every time zone, and "the last 28
days" are the ages -28 to -1 everywhere. The newest eight weeks are counted by day, older ones by week. Figures that are
never drawn over time (hours, lead times, members) are counted by stretch, from the edge of one period to the next.
Every period of the page begins and ends at a bin's edge, so every period is a sum of whole bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.errors import BookingsError
from bookings_sync.models.destination import Datasets
from bookings_sync.models.unusable import Unusable
from bookings_sync.report import queries
from bookings_sync.report.marts import Marts
from bookings_sync.report.today import NEEDED as NEEDED_TODAY
from bookings_sync.report.today import Today, read_today
from bookings_sync.status import Rejection

PERIODS = (7, 28, 84, 364)
"""The page's periods, in days up to yesterday. Each is compared with as many days before."""
AHEAD = 28
"""Days ahead that the page shows, including today."""
DAILY = 56
"""Days back that are counted by day: twice the longest period drawn by day."""
TWELVE_WEEKS = 84
"""Days up to yesterday that count as "the last 12 weeks": on the page, in `answers`, in the demo."""
NEEDED = ("rpt_hourly_utilisation", "rpt_utilisation", "fct_staff_hours", "rpt_show_rate_as_known", "rpt_schema_drift")
"""The most downstream marts of the page: if they exist, all marts that the page reads exist."""
MOST_ROWS = 500_000
"""Rows of counts in a page: about 4 MB. With more rows, the page leaves out its longest periods."""

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts. In the key columns, `combo` is an index into `Names.combos`, `location` one into `Names.locations`, and
    `age` is the first day of the bin."""

    columns: tuple[str, ...]
    rows: list[Row]


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
    - `members`: (location, label). Labels are real names only if `named`, else numbers.
    - `combos`: (location, team, service, first age with a booking). The first three are indexes into the other lists.
    """

    locations: list[tuple[str, date]]
    teams: list[str]
    services: list[str]
    members: list[tuple[int, str]]
    spans: list[str]
    combos: list[tuple[int | None, ...]]
    named: bool


class Counts(NamedTuple):
    """Tables of counts, for the periods that fit. `known` counts by days after the appointment instead of age."""

    periods: tuple[int, ...]
    days: CountTable
    hours: CountTable
    staff: CountTable
    seats: CountTable
    slot_days: CountTable
    leads: CountTable
    loads: CountTable
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
    marts = Marts(sql_client, datasets, now, needed=(*NEEDED, *NEEDED_TODAY))
    here = _select_locations(marts.rows(queries.LOCATIONS), locations)
    index = Index([location_id for location_id, _, _ in here], marts)
    counts = _count(marts, index, most_rows)
    today = read_today(marts, index)
    names = Names(
        locations=[(name, today) for _, name, today in here],
        combos=index.combos(marts),
        teams=index.teams.labels,
        services=index.services.labels,
        members=index.members(marts, named=named),
        spans=[label for (label,) in marts.rows(queries.SPANS)],
        named=named,
    )
    drift = _drift(marts, {location_id for location_id, _, _ in here})
    return Figures(written_at=now, names=names, counts=counts, today=today, health=Health(drift=drift))


def _count(marts: Marts, index: Index, most_rows: int) -> Counts:
    oldest = 2 * PERIODS[-1]
    days = index.table(
        _aged(marts, queries.DAYS, oldest),
        ("combo", "age", "showed", "noshow", "cancelled", "invalid", "open", "rescheduled", "minutes"),
    )
    hours = index.table(
        _aged(marts, queries.HOURS, oldest),
        ("combo", "age", "weekday", "hour", "bookings", "booked_minutes", "open_minutes"),
    )
    staff = index.by_location(
        _aged(marts, queries.STAFF_HOURS, oldest),
        ("location", "age", "weekday", "hour", "booked_minutes", "available_minutes"),
    )
    seats = index.table(_aged(marts, queries.SEATS, oldest), ("combo", "age", "booked_minutes", "free_minutes"))
    slot_days = index.table(_aged(marts, queries.SLOT_DAYS, oldest), ("combo", "age", "days", "known"))
    leads = index.table(_aged(marts, queries.LEADS, oldest), ("combo", "age", "span", "bookings", "showed", "noshow"))
    loads = index.table(
        _aged(marts, queries.LOADS, oldest),
        ("combo", "age", "member", "bookings", "minutes", "showed", "noshow"),
        members=True,
    )
    known = index.table(
        marts.rows(queries.KNOWN.format(days=TWELVE_WEEKS)),
        ("combo", "days_after", "bookings", "showed", "noshow", "open", "showed_now", "noshow_now"),
    )
    periods, (days, hours, staff, seats, slot_days, leads, loads) = _bounded(
        [days, hours, staff, seats, slot_days, leads, loads], most_rows
    )
    return Counts(periods, days, hours, staff, seats, slot_days, leads, loads, known)


def _aged(marts: Marts, sql: str, oldest: int) -> list[Sequence[Any]]:
    """The rows of a query that counts bookings by age."""
    # Only remainders of positive numbers: warehouses disagree about those of negative ones.
    day = f"CASE WHEN age >= {-DAILY} THEN age ELSE age - MOD(age + {oldest}, 7) END"
    edges = sorted({edge for days in PERIODS for edge in (days, 2 * days)})
    stretch = " ".join(f"WHEN age >= {-edge} THEN {-edge}" for edge in edges)
    stretch = f"CASE WHEN age >= 0 THEN 0 {stretch} END"
    return marts.rows((queries.AGED + sql).format(oldest=oldest, ahead=AHEAD, day=day, stretch=stretch))


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


class _Labels:
    """Numbers distinct labels in the order of first use."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]


class Index:
    """Replaces ids by indexes. Teams and services are indexed by name, so one filter covers all locations."""

    def __init__(self, location_ids: Sequence[str], marts: Marts) -> None:
        self.teams, self.services = _Labels(), _Labels()
        self.location_ids = tuple(location_ids)
        self._locations = {location_id: number for number, location_id in enumerate(location_ids)}
        self._team_names = {(location, team): name for location, team, name in marts.rows(queries.TEAMS)}
        self._service_names = {(location, service): name for location, service, name in marts.rows(queries.SERVICES)}
        self._combos: dict[tuple[str, str | None, str | None], int] = {}
        self._members: dict[tuple[str, str | None], int] = {}

    def table(self, rows: Iterable[Sequence[Any]], columns: tuple[str, ...], *, members: bool = False) -> CountTable:
        """Indexes rows of (location_id, team_id, service_id, age, …), and drops those of other locations."""
        indexed = []
        # Sorted here, because warehouses order rows differently: the same calendar must give the same page.
        ordered = sorted(rows, key=lambda row: [(value is not None, value) for value in row])
        for location_id, team_id, service_id, age, *rest in ordered:
            if location_id not in self._locations:
                continue
            combo = self._combos.setdefault((location_id, team_id, service_id), len(self._combos))
            if members:
                rest[0] = self._members.setdefault((location_id, rest[0]), len(self._members))
            indexed.append((combo, int(age), *(int(value or 0) for value in rest)))
        return CountTable(columns, sorted(indexed))

    def by_location(self, rows: Iterable[Sequence[Any]], columns: tuple[str, ...]) -> CountTable:
        """Indexes rows of (location_id, age, …), and drops those of other locations."""
        indexed = [
            (self._locations[location_id], *(int(value or 0) for value in rest))
            for location_id, *rest in rows
            if location_id in self._locations
        ]
        return CountTable(columns, sorted(indexed))

    def by_member(self, rows: Iterable[Sequence[Any]], columns: tuple[str, ...]) -> CountTable:
        """Indexes rows of (location_id, member_id, …), and drops those of other locations."""
        held = sorted((row for row in rows if row[0] in self._locations), key=lambda row: [*row])
        indexed = [
            (
                self._locations[location_id],
                self._members.setdefault((location_id, member_id), len(self._members)),
                *(int(value or 0) for value in rest),
            )
            for location_id, member_id, *rest in held
        ]
        return CountTable(columns, sorted(indexed))

    def combos(self, marts: Marts) -> list[tuple[int | None, ...]]:
        firsts = {tuple(row[:3]): int(row[3]) for row in marts.rows(queries.FIRSTS)}
        combos: list[tuple[int | None, ...]] = []
        for location_id, team_id, service_id in self._combos:
            service = self._service_names.get((location_id, service_id))
            team = self._team_names.get((location_id, team_id))
            combos.append((
                self._locations[location_id],
                self.teams.number(_label(team, team_id, "team")),
                self.services.number(_label(service, service_id, "service")),
                firsts.get((location_id, team_id, service_id)),
            ))  # fmt: skip
        return combos

    def members(self, marts: Marts, *, named: bool) -> list[tuple[int, str]]:
        """(location, label) of each member. Numbers follow the order of ids, so they change only if members do."""
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


def _bounded(tables: list[CountTable], most_rows: int) -> tuple[tuple[int, ...], list[CountTable]]:
    """Drops the oldest rows if there are too many. Returns the periods that remain complete, and the tables."""
    periods: tuple[int, ...] = PERIODS
    while len(periods) > 1 and sum(len(table.rows) for table in tables) > most_rows:
        periods = periods[:-1]
        tables = [CountTable(each.columns, [row for row in each.rows if row[1] >= -2 * periods[-1]]) for each in tables]
    return periods, tables
