"""Index: replaces the ids in counted rows by small numbers, and names what the numbers stand for.

Input:  rows of the queries; the names of teams, services and members.
Output: `CountTable`s of whole numbers, and the lists that they point into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bookings_sync.records.privacy import HASHED
from bookings_sync.report import queries
from bookings_sync.report.marts import Marts

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts. In the key columns, `combo`, `member`, `source` and `location` are indexes into the lists of `Names`, and
    `age` is a day: the location's own today is 0, yesterday is -1."""

    columns: tuple[str, ...]
    rows: list[Row]


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
    """Numbers combos, members and sources.

    A combo is a location, team and service. Teams and services are indexed by name, so one filter covers all locations.
    """

    def __init__(self, location_ids: Sequence[str], marts: Marts) -> None:
        self.teams, self.services = _Labels(), _Labels()
        self.location_ids = tuple(location_ids)
        self._locations = {location_id: number for number, location_id in enumerate(location_ids)}
        self._team_names = {(location, team): name for location, team, name in marts.rows(queries.TEAMS)}
        self._service_names = {(location, service): name for location, service, name in marts.rows(queries.SERVICES)}
        self._combos: dict[tuple[str, str | None, str | None], int] = {}
        self._members: dict[tuple[str, str | None], int] = {}
        self._sources: dict[str, int] = {}

    def by_combo(self, rows: Sequence[Sequence[Any]], columns: tuple[str, ...]) -> CountTable:
        """Indexes rows of (location_id, team_id, service_id, …), and drops those of other locations.

        `columns` begin with combo. Columns called member and source hold an id and a label, all others whole numbers.
        """
        rows = [row for row in rows if row[0] in self._locations]
        combos = [(location_id, team_id, service_id) for location_id, team_id, service_id, *_ in rows]
        return self._table(rows, combos, self._combos, columns, ids=3)

    def by_location(self, rows: Sequence[Sequence[Any]], columns: tuple[str, ...]) -> CountTable:
        """Indexes rows of (location_id, …) like `by_combo`. `columns` begin with location."""
        rows = [row for row in rows if row[0] in self._locations]
        return self._table(rows, [row[0] for row in rows], self._locations, columns, ids=1)

    def by_member(self, rows: Sequence[Sequence[Any]], columns: tuple[str, ...]) -> CountTable:
        """Indexes rows of (location_id, member_id, …) like `by_combo`. `columns` begin with member."""
        rows = [row for row in rows if row[0] in self._locations]
        return self._table(rows, [(row[0], row[1]) for row in rows], self._members, columns, ids=2)

    def _table(
        self, rows: list[Sequence[Any]], keys: list[Any], numbers: dict[Any, int], columns: tuple[str, ...], *, ids: int
    ) -> CountTable:
        """`keys` has what each row counts for, of the row's first `ids` values. `numbers` has the keys' numbers."""
        values = [_numbered(keys, numbers)]
        for place, column in enumerate(columns[1:], start=ids):
            held = [row[place] for row in rows]
            if column == "member":
                values.append(_numbered([(row[0], row[place]) for row in rows], self._members))
            elif column == "source":
                values.append(_numbered(held, self._sources))
            else:
                values.append([int(value or 0) for value in held])
        return CountTable(columns, sorted(zip(*values, strict=True)))

    @property
    def sources(self) -> list[str]:
        """The sources, by number. A hash says nothing to a reader, so hashed sources are only numbered."""
        return [f"Source {at}" if label.startswith(HASHED) else label for label, at in self._sources.items()]

    def combos(self, marts: Marts) -> list[tuple[int | None, ...]]:
        """(location, team, service, age of the first booking) of each combo."""
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


def _numbered(keys: list[Any], numbers: dict[Any, int]) -> list[int]:
    """The number of each key. New keys are numbered in their own order: warehouses order rows differently, but the same
    calendar must give the same page."""
    new = [key for key in set(keys) if key not in numbers]
    for key in sorted(new, key=lambda key: [(value is not None, value) for value in key]):
        numbers[key] = len(numbers)
    return [numbers[key] for key in keys]


def _label(name: str | None, key: str | None, kind: str) -> str:
    if name:
        return name
    return f"Unnamed {kind} {key}" if key else f"No {kind}"
