"""The proof of identity: shows in each run that a key opens the calendar that it is configured for.

Input:  the lists of teams and services, and the replies with appointments, as they arrive.
Output: whether they may be written. A location with a wrong key is given up before anything of it is written; a single
        reply of another location is an error of its request; a single record of another location is rejected.

In most runs the ids of the teams and services prove the identity, at no extra request. If they do not, the run looks at
lists of appointments first. `KeptReplies` hands these lists to the reads of the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

from bookings_sync.api.client import Client
from bookings_sync.changes.owners import SILENT, Listed, Owners, Whose
from bookings_sync.config.settings import Settings
from bookings_sync.errors import ApiError, AuthenticationFailed, BookingsError, OtherReply
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.plan import plan_appointments, window_of
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.json_text import Records
from bookings_sync.records.listed import listed_services, listed_teams, objects
from bookings_sync.records.rows import Batch, Rejected, Rows
from bookings_sync.records.values import usable_id
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.sync.identity import wrong_key
from bookings_sync.sync.identity_search import Search, Tried, first_lists, older_lists
from bookings_sync.sync.kept_replies import KeptReplies
from bookings_sync.sync.reading import DecodingTurn, Reading

_MOST_KNOWN_LISTS = 20
"""Lists of a location with rows that one look at its appointments reads, and at most as many beyond the run's plan."""

_MOST_OTHER_REPLIES = 3
"""Replies of another location, before any reply with the location's own appointments, after which the key is wrong."""

STRAY = "the record names another location"

HoldersOf = Callable[[Iterable[str]], Mapping[str, int]]
"""Counts, by location, how many of these appointments the warehouse holds."""


class _Look(NamedTuple):
    """The lists to look at for one location."""

    location_id: str
    lists: Iterable[Tried]


class _Found(NamedTuple):
    """Whose appointments were found, and their ids if they say nothing about their owner."""

    whose: Whose
    ids: tuple[str, ...] = ()


class Proof:
    """What a run knows about the identity of its locations."""

    def __init__(
        self,
        settings: Settings,
        client: Callable[[str], Client],
        planner: Planner,
        calendars: KnownCalendars,
        findings: Findings,
        first_sync: FirstSync,
        owners: Owners,
        kept: KeptReplies,
        budget_left: Callable[[str], int],
        holders_of: HoldersOf,
        found_in_data: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._client = client
        self._planner = planner
        self._calendars = calendars
        self._findings = findings
        self._first_sync = first_sync
        self._owners = owners
        self._kept = kept
        self._budget_left = budget_left
        self._holders_of = holders_of
        self._proven = set(found_in_data)
        self._failed: set[str] = set()
        """Locations with a request that failed before they were proven."""
        self._tried: set[str] = set()
        """Locations that nothing contradicts, although nothing proves them either."""
        self._showed_own: set[str] = set()
        self._others: Counter[str] = Counter()

    # -- before anything is written ------------------------------------------------------------------------------------

    def settle(self, location_ids: Iterable[str]) -> None:
        """Proves these locations, or gives them up if their key opens another calendar."""
        unsettled = [each for each in location_ids if each not in self._proven | self._tried]
        doubts: dict[str, tuple[Listed, Whose]] = {}
        endpoints: tuple[Listed, ...] = ("services", "teams")
        for endpoint in endpoints:
            asked = [each for each in unsettled if each not in self._proven and not self._findings.gave_up(each)]
            for location_id, records in self._lists(endpoint, asked):
                whose = self._owners.of_list(endpoint, location_id, records)
                if whose.verdict == "own":
                    self._proven.add(location_id)
                elif whose.is_doubtful:
                    doubts.setdefault(location_id, (endpoint, whose))
        unproven = [each for each in unsettled if each not in self._proven and not self._findings.gave_up(each)]
        looked = self._look({each: self._scopes(each) for each in unproven})
        # All teams or services are new. An appointment may show that they were replaced, also one that is not due.
        doubtful = [each for each in unproven if each in doubts and looked.get(each, SILENT) is SILENT]
        looked |= self._look({each: self._scopes(each) for each in doubtful}, beyond_due=True)
        for location_id in unproven:
            whose = looked.get(location_id, SILENT)
            what, doubt = doubts.get(location_id, ("appointments", SILENT))
            if whose.verdict == "own":
                self._proven.add(location_id)
            elif whose.verdict == "other":
                self._give_up(location_id, whose)
            elif doubt.is_doubtful:
                self._give_up(location_id, doubt, what)
            else:
                self._tried.add(location_id)

    def is_contradicted(self, location_id: str) -> bool:
        """Whether the key opens another calendar, or nothing could be asked that would show it."""
        return self._findings.gave_up(location_id) or (location_id in self._failed and location_id not in self._proven)

    def other_list(self, endpoint: Listed, location_id: str, records: Records) -> ApiError | None:
        """The error if a whole list is another location's. Call it before anything of the list is written. A location
        with a wrong key is given up."""
        whose = self._owners.of_list(endpoint, location_id, records)
        if whose.verdict == "own":
            self._proven.add(location_id)
            return None
        self.settle([location_id])
        if not whose.is_doubtful or self._findings.gave_up(location_id):
            return None
        listed = listed_teams(records).ids if endpoint == "teams" else listed_services(records).ids
        scopes = [Scope("team" if endpoint == "teams" else "service", each) for each in listed]
        if self._look({location_id: scopes}, beyond_due=True).get(location_id, SILENT).verdict == "own":
            return None
        return self._other_reply(location_id, f"/calendars/{endpoint}", whose)

    def _lists(self, endpoint: Listed, location_ids: list[str]) -> Iterable[tuple[str, Records]]:
        """The whole lists of these locations. They are kept for the resource that loads them, failures too."""

        def call(location_id: str, _: DecodingTurn) -> Records:
            return self._kept.list_of(self._client(location_id), endpoint).records or []

        for answer in Reading(location_ids, call, self._settings.concurrency):
            if answer.error is None:
                yield answer.item, answer.result or []
            else:
                self._failed.add(answer.item)
                if isinstance(answer.error, AuthenticationFailed):
                    self._findings.failed(answer.item, answer.error)

    def _scopes(self, location_id: str) -> list[Scope]:
        """The scopes to look at: those that the API lists, then those that are known."""
        name = self._findings.of(location_id).name
        services = listed_services(self._kept.known_list(name, "services"))
        teams = listed_teams(self._kept.known_list(name, "teams"))
        ids = {"service": services.ids, "team": teams.ids, "user": sorted(services.users | teams.users)}
        listed = [Scope(kind, each) for kind in self._settings.scopes for each in ids[kind]]
        known = [each for each in self._calendars.scopes(location_id) if each.kind != "unlisted"]
        return list(dict.fromkeys([*listed, *known]))

    def _look(self, scopes: Mapping[str, list[Scope]], *, beyond_due: bool = False) -> dict[str, Whose]:
        """The owner of the appointments in these scopes' lists, by location, where the lists show one. Looks at a few
        lists that are due, with `beyond_due` also at a few of other times."""
        looks = [
            _Look(each, self._lists_to_try(each, of_location, beyond_due=beyond_due))
            for each, of_location in scopes.items()
        ]
        found: dict[str, Whose] = {}
        for answer in Reading(looks, self._first, self._settings.concurrency):
            location_id = answer.item.location_id
            if answer.error is not None:
                self._failed.add(location_id)
                if isinstance(answer.error, AuthenticationFailed):
                    self._findings.failed(location_id, answer.error)
            elif answer.result is not None:
                whose, ids = answer.result
                found[location_id] = self._of_held(location_id, ids) if ids else whose
        return found

    def _lists_to_try(self, location_id: str, scopes: list[Scope], *, beyond_due: bool) -> Iterable[Tried]:
        span = self._planner.span
        if not self._first_sync.is_first(location_id):
            reads = plan_appointments(self._planner.ledger, self._settings, location_id, scopes, span)
            due = [(read.scope, window_of(read)) for read in reads[:_MOST_KNOWN_LISTS]]
            others = older_lists(self._settings, span, scopes) if beyond_due else iter(())
            return chain(due, islice(others, _MOST_KNOWN_LISTS))
        first = first_lists(self._settings, span, scopes)
        if span.asked is not None:
            return first[: len(scopes)]
        return chain(first, older_lists(self._settings, span, scopes))

    def _first(self, look: _Look, _: DecodingTurn) -> _Found | None:
        """The first list that names its location; else the ids of the first appointments."""
        location_id = look.location_id
        silent: list[str] = []

        def evidence(appointments: list[Any]) -> Whose | None:
            whose = self._owners.of_records(location_id, appointments)
            if whose.verdict == "silent" and not silent:
                silent.extend(filter(None, (usable_id(each.get("id")) for each in objects(appointments))))
            return None if whose.verdict == "silent" else whose

        name = self._findings.of(location_id).name
        search = Search(self._client(location_id), self._kept, lambda: self._budget_left(name))
        whose = search.first(look.lists, evidence)
        if whose is None and search.error is not None and self._findings.of(location_id).id_source == "config":
            raise search.error
        return _Found(whose) if whose else _Found(SILENT, tuple(silent)) if silent else None

    def _of_held(self, location_id: str, ids: Iterable[str]) -> Whose:
        """Whose appointments these are, by the locations that hold them."""
        held = self._holders_of(ids)
        if held.get(location_id):
            return Whose("own")
        return Whose("other", max(held, key=lambda each: held[each])) if held else SILENT

    def _give_up(self, location_id: str, whose: Whose, what: str = "appointments") -> None:
        self._findings.of(location_id).give_up(self._wrong_key(location_id, whose, what))

    def _wrong_key(
        self, location_id: str, whose: Whose, what: str = "appointments", *, wrote_nothing: bool = True
    ) -> BookingsError:
        location = self._settings.locations[self._findings.of(location_id).name]
        return wrong_key(location, location_id, whose, self._owners.names, what=what, wrote_nothing=wrote_nothing)

    # -- each reply ----------------------------------------------------------------------------------------------------

    def own_rows(self, location_id: str, batch: Batch, window: Window, unchanged: int = 0) -> Batch:
        """The location's own rows among those of a list. Single rows of another location are rejected.

        Raises OtherReply if most rows are another location's, and ConfigurationError if the key is wrong.
        """
        appointments, contacts = batch.rows["appointments"], batch.rows["contacts"]
        whose = self._owners.of_rows(location_id, appointments, contacts, unchanged)
        if whose.verdict == "other":
            self._others[location_id] += 1
            repeated = self._others[location_id] >= _MOST_OTHER_REPLIES and location_id not in self._showed_own
            if repeated or location_id not in self._proven:
                raise self._wrong_key(location_id, whose, wrote_nothing=False)
            raise self._other_reply(location_id, "/appointments/", whose, window)
        if whose.verdict == "own" and len(appointments):
            self._proven.add(location_id)
            self._showed_own.add(location_id)
        rejected = list(batch.rejected)
        rows = {name: self._without_strays(of_table, rejected) for name, of_table in batch.rows.items()}
        if len(rejected) == len(batch.rejected):
            return batch
        strays = frozenset(appointments.keys).difference(rows["appointments"].keys)
        return replace(batch, rows=rows, rejected=rejected, strays=strays)

    def check_records(self, location_id: str, path: str, records: Records) -> None:
        """Raises OtherReply if most of these appointments or contacts are another location's."""
        whose = self._owners.of_records(location_id, records)
        if whose.verdict == "other":
            raise self._other_reply(location_id, path, whose)

    def _other_reply(self, location_id: str, path: str, whose: Whose, window: Window | None = None) -> ApiError:
        name, other_id = self._findings.of(location_id).name, whose.other_id
        owner = (
            f"of {self._owners.names[other_id]} (location id {other_id})"
            if other_id in self._owners.names
            else (f"of location id {other_id}" if other_id else "that are not known here")
        )
        return OtherReply(f"the reply holds records {owner}", location=name, method="GET", path=path, window=window)

    def _without_strays(self, rows: Rows, rejected: list[Rejected]) -> Rows:
        if not len(rows) or not (strays := set(self._owners.strays(rows))):
            return rows
        records = rows.columns.take(sorted(strays)).to_pylist()
        rejected += [Rejected(rows.table.name, rows.location_id, STRAY, _plain(record)) for record in records]
        return rows.take([position for position in range(len(rows)) if position not in strays])


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON: without nulls, instants as text."""
    known = {name: value for name, value in record.items() if value is not None}
    return {name: value if isinstance(value, bool | int | str) else str(value) for name, value in known.items()}
