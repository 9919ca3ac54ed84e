"""One run: which locations it reads, what it has done so far, and what is left to do.

Input:  settings, the warehouse as it stands, a clock.
Output: `Run`: the next load's plan, the clients to carry it out, and the figures of the row in `runs`. A run is one or
        more bounded loads (`load`); what one load has read is in the ledger before the next is planned.
"""

from __future__ import annotations

import json
import uuid
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import asdict
from importlib.metadata import version
from itertools import zip_longest
from math import ceil
from typing import Any

import pyarrow as pa
from pendulum import DateTime

from bookings_sync.api import Client, open_http
from bookings_sync.changes.contact_cache import ContactCache
from bookings_sync.changes.held import NOTHING_KNOWN, Calendar, Held
from bookings_sync.changes.seen_keys import SeenKeys
from bookings_sync.config.settings import Location, Settings, location_id_from_key
from bookings_sync.errors import ApiError, BookingsError, ConfigurationError
from bookings_sync.planning.ledger import Ledger, Read, within
from bookings_sync.planning.plan import PlannedRead, Span, hot_range, plan_appointments, plan_slots, whole_range
from bookings_sync.planning.scopes import COLUMN, Scope
from bookings_sync.planning.windows import DAY_MS, Window, gaps, grid, to_ms
from bookings_sync.records.columns import Key
from bookings_sync.records.json_text import Records
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.tables import RUNS
from bookings_sync.records.values import usable_id
from bookings_sync.sync.outcome import Figures, LocationRun
from bookings_sync.warehouse.queries import Warehouse

_ID_WINDOW_DAYS = 16
"""Length of the windows in which a location's id is looked for."""

_NEWEST = 2
"""Windows of each scope that are read at a time of what was never read, at least."""

_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS, "week": 7 * DAY_MS, "month": 31 * DAY_MS}


class Run:
    """One run over the locations of `settings`.

    `span` says what to read. `clock` gives the time in UTC, `on_progress` is called after each answer. Open it on a
    warehouse before planning; close it to close its connections.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], DateTime],
        asked: Window | None = None,
        full: bool = False,
        on_progress: Callable[[Run], None] | None = None,
        run_id: str | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.run_id = run_id or uuid.uuid4().hex
        self.span = Span(self.run_id, clock(), asked, full)
        self.privacy = Privacy.of(settings)
        self.rules = self.privacy.fingerprint
        self.on_progress = on_progress
        self.figures = Figures()
        self.locations = {name: LocationRun(name) for name in settings.locations}
        self.by_id: dict[str, LocationRun] = {}
        self.ledger = Ledger()
        self.calendars: dict[str, Calendar] = {}
        self.has_tables = False
        """Whether every raw table is known to stand."""
        self.listed: set[str] = set()
        """The resources that are read whole, and have been: once in a run."""
        self.notices: dict[tuple[str, str], int] = {}
        self.located: set[str] = set()
        """The locations of which anything was held when the run began."""
        self.torn: dict[str, set[str]] = {}
        """Contacts, by location, whose custom fields are to be looked at whatever the contact's digest."""
        self.strayed: dict[tuple[str, Scope], list[int]] = defaultdict(list)
        """When those appointments start, epoch milliseconds, by location and scope, that this run has staged and their
        window's own list did not name: at a window's very end, say, for an API that counts it in."""
        self.seen_appointments = SeenKeys()
        """Appointments that this run's lists had, of locations that are synced for the first time."""
        self.contacts = ContactCache()
        self.held_locations: dict[str, tuple[str, Held]] = {}
        self.newest_version: DateTime | None = None
        self.warnings: dict[str, int] = {}
        self._http = open_http(settings)
        self._clients: dict[str, Client] = {}
        self._cold: dict[tuple[str, Scope], list[Window]] | None = None
        """This run's share of cold windows, by location and scope, once it is fixed."""
        self._beyond: dict[str, dict[Scope, list[Window]]] = {}
        self._beside: dict[str, dict[Scope, None]] = defaultdict(dict)
        """Whom else to ask, by location: services that have gone since the last run, and whom a row tells of that no
        list names."""
        self._left_out: dict[str, set[tuple[Scope, Window | None]]] = defaultdict(set)
        self._planned: list[PlannedRead] = []
        self._planned_by: tuple[int, int, bool] | None = None
        """How many reads had been noted and requests sent when that was planned, and whether the share was fixed; None
        where what was learnt since, or failed, may make it another plan."""

    def close(self) -> None:
        self._http.close()

    def open(self, warehouse: Warehouse, *, offline: bool = False) -> None:
        """Learns each location's id, and takes stock of what the warehouse holds of them: once in a run; `offline`
        without the API."""
        if self._clients:
            return
        self.held_locations = warehouse.locations()
        self._learn_ids(offline=offline)
        self.newest_version = warehouse.newest_version()
        warehouse = self.own(warehouse)
        self.ledger = warehouse.ledger()
        self.calendars = warehouse.calendars()
        self.located = warehouse.located()
        self.torn = warehouse.torn_contacts()
        self._beyond = warehouse.beyond(whole_range(self.settings, self.span.now), self.settings.scopes)

    def own(self, warehouse: Warehouse) -> Warehouse:
        """The warehouse, asked of this run's locations alone: one part of many would else be told of those of all."""
        return warehouse if self.held_locations.keys() <= self.by_id.keys() else warehouse.of(self.by_id)

    def _learn_ids(self, *, offline: bool) -> None:
        for name, location in self.settings.locations.items():
            self._clients[name] = Client(location, self.settings, self._http, clock=self.clock)
        for name, location in self.settings.locations.items():
            try:
                location_id, source = self._identify(location, offline=offline)
                if location_id in self.by_id:
                    raise _same_calendar(name, self.by_id[location_id].name)
            except BookingsError as error:
                self.locations[name].errors.append(str(error))
                self.locations[name].gave_up = True
                continue
            self.locations[name].location_id = location_id
            self.locations[name].id_source = source
            self.by_id[location_id] = self.locations[name]

    def _identify(self, location: Location, *, offline: bool) -> tuple[str, str]:
        """The location's id and where it was learnt: config, key, or data (this run's or an earlier one's)."""
        if location.location_id:
            return location.location_id, "config"
        if from_key := location_id_from_key(location.api_key):
            return from_key, "key"
        for location_id, (name, _) in self.held_locations.items():
            if name == location.name:
                return location_id, "data"
        if offline:
            return location.name, "data"  # never synced: nothing is known of it
        client, hot = self._clients[location.name], hot_range(self.settings, self.span.now)
        services = _ids(client.list_services().records or [])
        # Nearest to now first, where most appointments are; short, for a long window may be refused (UNK).
        for window in sorted(grid(hot, _ID_WINDOW_DAYS), key=lambda each: abs(each.end_ms - to_ms(self.span.now))):
            for service_id in services:
                listing = client.list_appointments(Scope("service", service_id), window).records
                for appointment in listing.records if listing else ():
                    found = appointment.get("locationId") if isinstance(appointment, dict) else None
                    if isinstance(found, str) and found:
                        return found, "data"
        raise ConfigurationError(
            "its id stands neither in the key nor in any appointment",
            key=f"sources.bookings.locations.{location.name}.location_id",
            where=".dlt/secrets.toml",
            fix="Write the location's id there.",
        )

    def may_hold_any(self, location_id: str, scope: Scope, window: Window) -> bool:
        """Whether a window that this run has not read before may hold anything: at a location's first sync, only what
        came otherwise than by its own window's list."""
        if location_id in self.located or len(self.settings.scopes) > 1:
            return True
        return any(window.holds(start) for start in self.strayed.get((location_id, scope), ()))

    def may_hold(self, location_id: str, keys: Collection[Key]) -> list[bool]:
        """For each appointment, whether the warehouse or this load may hold it. At a location's first sync, only those
        that an earlier list of this run had."""
        if location_id in self.located:
            return [True] * len(keys)
        return self.seen_appointments.may_contain(location_id, keys)

    def note_seen(self, location_id: str, keys: Collection[Key]) -> None:
        """Notes the appointments of a list. `may_hold` needs them at a location's first sync only."""
        if location_id not in self.located:
            self.seen_appointments.add(location_id, keys)

    def next_version(self) -> DateTime:
        """The instant at which the next load's versions begin: now, but always later than any version before, for a
        clock may stand still or be set back, and history must not."""
        now = self.clock()
        if self.newest_version is not None and now <= self.newest_version:
            now = self.newest_version.add(microseconds=1)
        self.newest_version = now
        return now

    # -- what is left to do --------------------------------------------------------------------------------------------

    @property
    def active(self) -> list[LocationRun]:
        """The locations that are still read."""
        return [location for location in self.by_id.values() if not location.gave_up]

    def client(self, location_id: str) -> Client:
        return self._clients[self.by_id[location_id].name]

    def calendar(self, location_id: str) -> Calendar:
        return self.calendars.get(location_id, NOTHING_KNOWN)

    def scopes(self, location_id: str) -> list[Scope]:
        """What the location's appointments are listed by: what exists now; what has appointments although it has gone,
        for those can still change; and a service that has gone since the last run, for its last bookings."""
        calendar = self.calendar(location_id)
        now = {"service": calendar.services, "team": calendar.teams, "user": calendar.users}
        kinds = self.settings.scopes
        scopes = {Scope(kind, each): None for kind in kinds for each in now[kind]}
        gone = (*calendar.appointment_scopes, *self._beside.get(location_id, ()))
        scopes.update({scope: None for scope in gone if scope.kind in kinds})
        if calendar.unlisted:
            scopes[Scope("unlisted", "+".join(kinds))] = None
        return list(scopes)

    def plan(self) -> list[PlannedRead]:
        """The appointments still to be read, the most urgent first, the locations in turn; at most what the request
        budgets leave."""
        # Asked at a load's end, after it and at the next one's beginning: it is made once for the three.
        known = self.ledger.noted, self.requests, self._cold is None
        if known != self._planned_by:
            self._planned, self._planned_by = self._plan(), known
        return self._planned

    def _plan(self) -> list[PlannedRead]:
        each: list[list[PlannedRead]] = []
        for location in self.active:
            budget = self.settings.request_budget - self.client(location.location_id).requests_sent
            reads = plan_appointments(
                self.ledger,
                self.settings,
                location.location_id,
                self.scopes(location.location_id),
                self.span,
                self._beyond.get(location.location_id),
                {scope for scope, _ in self._left_out.get(location.location_id, ())},
            )
            reads = [read for read in reads if self._is_open(read)]
            if len(reads) > budget:
                self.warn(f"{location.name}: the request budget leaves windows to later runs; see request_budget")
            each.append(reads[: max(budget, 0)])
        return [read for turn in zip_longest(*each) for read in turn if read is not None]

    def plan_load(self, most: int) -> list[PlannedRead]:
        """What a load is to read next, at most so many reads. The first plan fixes the run's share of cold windows, for
        one made anew would take a share of what is left of them, load after load; what a load leaves of it, a later one
        reads. Of what was never read it names the newest windows of each scope, as many as can be read at once: how
        long the next ones may be is known when those are."""
        reads = self.plan()
        if self._cold is None:
            self._cold = defaultdict(list)
            for read in reads:
                if read.reason == "cold" and read.window:
                    insort(self._cold[read.location_id, read.scope], read.window)
        unread = {(read.location_id, read.scope): 0 for read in reads if read.reason == "backfill"}
        of_each = max(_NEWEST, ceil(self.settings.concurrency / max(len(unread), 1)))
        named: list[PlannedRead] = []
        for read in reads:
            if read.reason == "backfill":
                unread[read.location_id, read.scope] += 1
            if read.reason != "backfill" or unread[read.location_id, read.scope] <= of_each:
                named.append(read)
        return named[:most]

    def plan_whole(self) -> list[PlannedRead]:
        """All that this run would read, as far as the warehouse tells: what is listed whole, appointments and slots."""
        reads: list[PlannedRead] = []
        for location in self.active:
            scope = Scope("location", location.location_id)
            reads += [PlannedRead(location.location_id, each, scope, None, "list") for each in ("teams", "services")]
            services = self.calendar(location.location_id).services
            reads += plan_slots(self.settings, location.location_id, services, self.span.now)
        return reads + self.plan()

    def _is_open(self, read: PlannedRead) -> bool:
        if self._is_done(read):
            return False
        if read.reason != "cold" or self._cold is None or read.window is None:
            return True
        # Of the share, what the run has not read yet. Its windows do not overlap and stand in order.
        share = self._cold.get((read.location_id, read.scope), [])
        for unread in gaps(read.window, self._own(read, read.window)):
            at = bisect_right(share, unread.start_ms, key=lambda owed: owed.end_ms)
            if at < len(share) and share[at].overlaps(unread):
                return True
        return False

    def _own(self, read: PlannedRead, window: Window) -> list[Window]:
        """What this run has read of a window."""
        stretches = within(self.ledger.stretches(read.location_id, read.scope), window)
        return [stretch.window for stretch in stretches if stretch.read.run_id == self.run_id]

    def _is_done(self, read: PlannedRead) -> bool:
        """Whether this run has left the read's window out, or read all of it but what it has left out."""
        left = [window for scope, window in self._left_out.get(read.location_id, ()) if scope == read.scope]
        if not left or read.window is None:
            return bool(left)
        return not gaps(read.window, [*self._own(read, read.window), *filter(None, left)])

    def start(self, reads: Collection[PlannedRead]) -> None:
        """These are about to be read."""
        self.figures.reads_planned += len(reads)

    def exists(self, location_id: str, scope: Scope) -> bool:
        """Whether the API lists this service, team or user now."""
        calendar = self.calendar(location_id)
        return scope.id in {"service": calendar.services, "team": calendar.teams, "user": calendar.users}[scope.kind]

    def learn(self, location_id: str, *, teams: Records | None = None, services: Records | None = None) -> None:
        """Takes from a list of teams or services whom to ask next."""
        self._planned_by = None
        calendar = self.calendar(location_id)
        teams = None if teams is None else [team for team in teams if isinstance(team, dict)]
        services = None if services is None else [service for service in services if isinstance(service, dict)]
        self.notices.update({(location_id, str(each.get("id"))): notice_ms(each) for each in services or ()})
        members = [(team.get("members"), "id") for team in teams or ()]
        members += [(service.get("teamMembers"), "userId") for service in services or ()]
        users = set(calendar.users)
        for listed, name in members:
            each = listed if isinstance(listed, list) else ()
            users |= set(filter(None, (usable_id(member.get(name)) for member in each if isinstance(member, dict))))
        if services is not None:
            gone = set(calendar.services) - set(_ids(services))
            self._beside[location_id].update(dict.fromkeys(Scope("service", each) for each in sorted(gone)))
        self.calendars[location_id] = calendar._replace(
            users=tuple(sorted(users)),
            teams=calendar.teams if teams is None else _ids(teams),
            services=calendar.services if services is None else _ids(services),
        )

    def learn_scopes(self, location_id: str, rows: pa.Table) -> None:
        """Takes from appointments whom else to ask: one that its user lists may belong to a service that has gone, or
        that has come since the services were listed."""
        found = {
            Scope(kind, each)
            for kind in self.settings.scopes
            for each in rows[COLUMN[kind]].unique().to_pylist()
            if each is not None
        }
        new = sorted(found.difference(self.scopes(location_id)))
        self._planned_by = None if new else self._planned_by
        self._beside[location_id].update(dict.fromkeys(new))

    # -- what has happened ---------------------------------------------------------------------------------------------

    def answered(self, location_id: str) -> None:
        self.by_id[location_id].answered()
        self.figures.reads_done += 1
        self.progress()

    def failed(self, read: PlannedRead | Read, error: ApiError) -> None:
        """Notes the error: this run leaves out the read that it befell."""
        self._planned_by = None
        self.by_id[read.location_id].failed(error)
        self._left_out[read.location_id].add((read.scope, read.window))
        self.progress()

    def warn(self, warning: str) -> None:
        self.warnings[warning] = self.warnings.get(warning, 0) + 1

    def progress(self) -> None:
        if self.on_progress:
            self.on_progress(self)

    @property
    def requests(self) -> int:
        return sum(client.requests_sent for client in self._clients.values())

    @property
    def outcome(self) -> str:
        outcomes = {location.outcome for location in self.locations.values()}
        return "ok" if outcomes <= {"ok"} else "failed" if outcomes == {"failed"} else "partial"

    @property
    def errors(self) -> list[str]:
        return [error for location in self.locations.values() for error in location.errors]

    def row(self, *, complete: bool) -> dict[str, Any]:
        """The run's row in `runs`, as things stand. `complete` is False where more loads are to follow."""
        changes = self.figures.all_tables
        return {
            "run_id": self.run_id,
            "started_at": self.span.now,
            "ended_at": self.clock(),
            "outcome": self.outcome if complete else "incomplete",
            "version": version("bookings-sync"),
            "loads": self.figures.loads,
            "requests": self.requests,
            "reads_planned": self.figures.reads_planned,
            "reads_done": self.figures.reads_done,
            "reads_unchanged": self.figures.reads_unchanged,
            "verifications": self.figures.verifications,
            **{f"rows_{name}": count for name, count in asdict(changes).items()},
            "tables": json.dumps({name: asdict(each) for name, each in self.figures.tables.items() if each.total}),
            "locations": json.dumps([each.row(self._requests_of(each)) for each in self.locations.values()]),
            "errors": json.dumps(self.errors),
        }

    def _requests_of(self, location: LocationRun) -> int:
        client = self._clients.get(location.name)
        return client.requests_sent if client else 0

    def run_rows(self, *, complete: bool) -> pa.Table:
        return pa.Table.from_pylist([self.row(complete=complete)], schema=RUNS.schema)


def _ids(records: Records) -> tuple[str, ...]:
    return tuple(filter(None, (usable_id(record.get("id")) for record in records)))


def _same_calendar(name: str, other: str) -> ConfigurationError:
    return ConfigurationError(
        f"the same calendar as {other}'s",
        key=f"sources.bookings.locations.{name}",
        where=".dlt/secrets.toml",
        fix="Remove one of the two locations, or mend its key.",
    )


def notice_ms(service: Any) -> int:
    """The least notice before a slot's start, in milliseconds; 0 where the service names none that can be read."""
    availability = service.get("availability") if isinstance(service, dict) else None
    schedule = availability.get("schedule") if isinstance(availability, dict) else None
    if not isinstance(schedule, dict):
        return 0
    amount, unit = schedule.get("allowBookingAfter"), str(schedule.get("allowBookingAfterUnit") or "").lower()
    length = _UNIT_MS.get(unit.removesuffix("s"), 0)
    return int(amount) * length if isinstance(amount, int | float) else 0
