"""One run: the parts that its loads share, from the first load to the last.

Input:  settings, a clock, optionally a range to read.
Output: `Run`. Each part has one job: `snapshot` keeps the warehouse as it was at the beginning, `calendars` what is
        known of each location, `planner` the reads that are left, `look_ups` which appointments to ask for by their ids
        in turn, `own_contacts` the contacts of APIs that list them on their own, `budget` counts requests, `findings`
        keeps figures and errors, `deletions` holds back what looks deleted without enough evidence, `listed` samples
        what lists return, `contacts` and `first_sync` save look-ups, `doubts` notices lists that are not what they
        seem. A run is one or more bounded loads (`load`). What a load has read is in the ledger before the next one is
        planned.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.api.client import Client
from bookings_sync.api.connections import open_http
from bookings_sync.changes.contact_cache import ContactCaches
from bookings_sync.changes.contents import Contents
from bookings_sync.changes.unseen import Unseen
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects import interpretations
from bookings_sync.errors import BookingsError
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.planning.look_ups import LookUps
from bookings_sync.planning.plan import PlannedRead, Span, hot_range
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.records.erased import Erased
from bookings_sync.records.interpretation import Declarations, Interpretation
from bookings_sync.sync.budget import RequestBudget
from bookings_sync.sync.controls import ListedSamples
from bookings_sync.sync.deletions import Deletions
from bookings_sync.sync.disputes import Unsettled
from bookings_sync.sync.doubts import Doubts
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.sync.follower import LONGEST_PAUSE_SECONDS, Follower
from bookings_sync.sync.identity import check_move, same_calendar, stored_id
from bookings_sync.sync.identity_search import find_id
from bookings_sync.sync.kept_replies import KeptReplies
from bookings_sync.sync.own_contacts import OwnContacts
from bookings_sync.sync.proof import Proof
from bookings_sync.sync.report_row import report_row
from bookings_sync.sync.snapshot import Snapshot, take_snapshot
from bookings_sync.warehouse.dropped_columns import withdraw_claims
from bookings_sync.warehouse.erasures import Erasures
from bookings_sync.warehouse.history import History
from bookings_sync.warehouse.migrations import check_version, migrate, ways_of_reading
from bookings_sync.warehouse.owners import HeldOwners
from bookings_sync.warehouse.properties import Properties


class Run:
    """One run over the locations of `settings`.

    `clock` gives the time in UTC. `asked` is a range to read instead of the planned windows, `full` asks for all
    history. With a `follower`, it is one of many runs and reads only what gains most.
    `accept_deletions` are names of locations whose deletions need no further evidence. `is_one_load` says that
    no other load follows the first one. `on_progress` is called after each answer. Open the run on a warehouse before
    planning, and close it to close its connections. The parts below exist once the run is open.
    """

    declared: dict[str, Declarations]
    erased: Erased
    snapshot: Snapshot
    contents: Contents
    calendars: KnownCalendars
    planner: Planner
    look_ups: LookUps
    own_contacts: OwnContacts
    deletions: Deletions
    first_sync: FirstSync
    doubts: Doubts
    proof: Proof
    unseen: Unseen

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], DateTime],
        asked: Window | None = None,
        full: bool = False,
        accept_deletions: Collection[str] = (),
        is_one_load: bool = False,
        on_progress: Callable[[Run], None] | None = None,
        run_id: str | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.settings = settings
        self.is_one_load = is_one_load
        self._accept_deletions = frozenset(accept_deletions)
        self.clock = clock
        self._interpretations = interpretations(settings)
        rules = partial(self.rules_of, endpoint="appointments")
        self.span = Span(run_id or uuid.uuid4().hex, clock(), asked, full, rules)
        self.findings = Findings(settings.locations, lambda: on_progress(self) if on_progress else None)
        self.listed = ListedSamples()
        self.contacts = ContactCaches()
        self.unsettled = Unsettled()
        self.kept = KeptReplies()
        self.follower = follower
        self.has_news = False
        """Whether a load so far has more than reads without news."""
        self._http = follower.connections(clock()) if follower else open_http(settings)
        self._clients = {name: self._new_client(location) for name, location in settings.locations.items()}
        self.budget = RequestBudget(settings.request_budget, self._clients)
        self.step = ""
        self._on_progress = on_progress
        self._newest_version: DateTime | None = None
        self._is_open = False

    def announce(self, step: str) -> None:
        """Notes a step that takes a while and sends no request."""
        self.step = step
        if self._on_progress:
            self._on_progress(self)

    def _new_client(self, location: Location) -> Client:
        follower = self.follower
        if follower is None:
            return Client(location, self.settings, self._http, clock=self.clock)
        limiter = follower.limiters[location.name]
        longest = LONGEST_PAUSE_SECONDS
        return Client(
            location, self.settings, self._http, clock=self.clock, limiter=limiter, longest_pause_seconds=longest
        )

    def close(self) -> None:
        if self.follower is None:
            self._http.close()

    def open(self, client: SqlClientBase[Any], *, offline: bool = False) -> None:
        """Identifies each location and takes the snapshot, once in a run. `offline` asks the API nothing."""
        if self._is_open:
            return
        self._is_open = True
        facts = Properties(client).read()
        check_version(facts)
        if not offline:
            # `sync` has done this already. A user's dlt pipeline has no other place for it.
            self.warn_of_dropped_columns(client)
            facts = migrate(client, self.settings, at=self.clock(), announce=self.announce)
        self.declared = ways_of_reading(facts)
        self.erased = Erasures(client).erased(facts)
        held = History(client).locations()
        names = {location_id: name for location_id, (name, _) in held.items()}
        found_in_data = self._identify(names, offline=offline)
        # A part of a sharded run shares the warehouse with locations that are none of its business.
        is_part = not held.keys() <= set(self.findings.location_ids)
        history = History(client, self.findings.location_ids if is_part else None)
        rows = {location_id: row for location_id, (_, row) in held.items()}
        self.snapshot = take_snapshot(history, rows, self.settings, self.span)
        self.contents = Contents(self.snapshot.counted)
        self._warn_of_lost_rows()
        self._newest_version = self.snapshot.newest_version
        ledger = self.snapshot.ledger
        self.unseen = Unseen(ledger, self.follower.read_at) if self.follower else Unseen(ledger)
        self.calendars = KnownCalendars(self.snapshot.calendars, self.settings.scopes)
        self.own_contacts = OwnContacts(
            self.settings, self.span, self.client, self.rules_of, ledger, self.snapshot, self.findings.location_ids
        )
        if self.follower is not None:
            ids = {self.findings.of(each).name: each for each in self.findings.location_ids}
            self.follower.learn(client, ledger, ids, self.span.now)
        self.planner = Planner(
            self.settings,
            self.span,
            ledger,
            self.calendars,
            self.snapshot.outside,
            lambda location_id: self.budget.left_for(self.findings.of(location_id).name),
            lambda location_id: self.own_contacts.planned(
                location_id, History(client, self.own_contacts.locations).lacking_contacts
            ),
            following=self.follower.following(self._reads_left) if self.follower else None,
        )
        if self.follower is not None:
            self._leave_out_lists(self.follower)
        self.look_ups = LookUps(
            self.snapshot.look_ups,
            self.snapshot.unlisted,
            self.span,
            hot_range(self.settings, self.span.now),
            self.settings.cold_reread_days * DAY_MS,
        )
        self.deletions = Deletions(
            self.settings,
            self.findings,
            self.span,
            [each for each in self.findings.location_ids if self.findings.of(each).name in self._accept_deletions],
            self.snapshot.holds,
        )
        self.first_sync = FirstSync(self.snapshot.with_rows, self.settings.scopes)
        self.doubts = Doubts(self.settings.reply_cap, ledger, self.findings)
        configured = {location_id: self.findings.of(location_id).name for location_id in self.findings.location_ids}
        everywhere = HeldOwners(client)
        self.proof = Proof(
            self.settings,
            self.client,
            self.planner,
            self.calendars,
            self.findings,
            self.first_sync,
            everywhere.owners(names | configured),
            self.kept,
            self.budget.left_for,
            everywhere.of_appointments,
            found_in_data,
        )

    def warn_of_dropped_columns(self, client: SqlClientBase[Any]) -> None:
        """Lets the reads of this run and of later ones fill the columns that somebody dropped."""
        for warning in withdraw_claims(client, at=self.clock()):
            self.findings.warn(warning)

    def interpretation_of(self, location_id: str) -> Interpretation:
        """How this run reads a location's replies."""
        return self._interpretations[self.findings.of(location_id).name]

    def rules_of(self, location_id: str, endpoint: Endpoint) -> str:
        """The fingerprint of how this run reads the replies of a location's endpoint."""
        return self.interpretation_of(location_id).rules[endpoint]

    def rechecks(self, location_id: str) -> bool:
        """Whether this run relies on no digest of the location: it compares with the held values themselves."""
        return self.span.full or location_id in self.snapshot.lost

    def _warn_of_lost_rows(self) -> None:
        for location_id, tables in self.snapshot.lost.items():
            if location_id in self.findings.location_ids:
                name = self.findings.of(location_id).name
                self.findings.warn(
                    f"{name}: {', '.join(sorted(tables))} hold other rows than the last sync left there. "
                    "They are compared with the calendar again."
                )

    def _identify(self, known_names: dict[str, str], *, offline: bool) -> list[str]:
        """Finds out each location's id. Returns the ids that were just found in the API's data."""
        unknown: list[str] = []
        for name, location in self.settings.locations.items():
            with self._giving_up(name):
                if found := stored_id(location, known_names):
                    self._take_id(name, *found)
                else:
                    unknown.append(name)
        for location_id in self.findings.location_ids:
            name = self.findings.of(location_id).name
            with self._giving_up(name):
                check_move(self.settings.locations[name], location_id, known_names, self.findings.location_ids)
        found_in_data: list[str] = []
        for name in unknown:
            with self._giving_up(name):
                found_id = name if offline else self._find_id(name)  # offline, nothing is known of a new location
                self._take_id(name, found_id, "data")
                found_in_data.append(found_id)
        return found_in_data

    def _find_id(self, name: str) -> str:
        location, client = self.settings.locations[name], self._clients[name]
        return find_id(location, client, self.settings, self.span, self.kept, lambda: self.budget.left_for(name))

    def _take_id(self, name: str, location_id: str, source: str) -> None:
        if location_id in self.findings.location_ids:
            raise same_calendar(name, self.findings.of(location_id).name)
        self.findings.identify(name, location_id, source)

    @contextmanager
    def _giving_up(self, name: str) -> Iterator[None]:
        """Gives the location up if it has a mistake."""
        try:
            yield
        except BookingsError as error:
            self.findings.locations[name].give_up(error)

    def _leave_out_lists(self, follower: Follower) -> None:
        """Most runs of `follow` read no whole lists."""
        if not follower.is_lists_turn(self.settings.locations):
            self.planner.mark_listed("teams")
            self.planner.mark_listed("services")
        if not follower.is_slots_turn(self.settings.locations):
            self.planner.mark_listed("slots")

    def _reads_left(self, location_id: str) -> int:
        """The requests that a run of `follow` may still plan for a location."""
        assert self.follower is not None  # noqa: S101 - only such a run asks
        name = self.findings.of(location_id).name
        return self.follower.reads.get(name, 0) - self.budget.sent_for(name)

    def client(self, location_id: str) -> Client:
        """The API client of a location."""
        return self._clients[self.findings.of(location_id).name]

    def next_version(self) -> DateTime:
        """The instant at which the next load's versions begin, UTC: now, but always later than any version before, even
        if the clock was set back."""
        now = self.clock()
        if self._newest_version is not None and now <= self._newest_version:
            now = self._newest_version.add(microseconds=1)
        self._newest_version = now
        return now

    def remaining(self) -> list[PlannedRead]:
        """The appointment reads that are left for this run."""
        return self.planner.remaining(self.findings.active).reads

    def report_left_out(self) -> None:
        """Warns of what the request budgets leave to later runs. Call it once, at the end of the run."""
        if self.follower is not None:
            return  # it reads a few windows at a time, on purpose
        left = self.planner.remaining(self.findings.active)
        for location_id, count in left.over_budget.items():
            hot = left.over_budget_hot[location_id]
            self.findings.leave_out(location_id, "windows that every run reads", hot)
            self.findings.leave_out(location_id, "other windows", count - hot)
        for name, location in self.findings.locations.items():
            if location.left_out:
                what = ", ".join(f"{count:,} {what}" for what, count in sorted(location.left_out.items()))
                self.findings.warn(f"{name}: the request budget left to later runs: {what}; see request_budget")

    @property
    def goes_on(self) -> bool:
        """Whether another load follows: for reads that are left, for a record that two lists told differently, or for
        contacts of an API that lists them on their own."""
        return bool(self.remaining() or self.unsettled or self.own_contacts.unfinished(self.findings.active))

    def is_worth_writing(self) -> bool:
        """Whether the present load of a run of `follow` must be written: with news, with progress through history, with
        an error, or because the last one was written long ago."""
        assert self.follower is not None  # noqa: S101 - only such a run asks
        is_quiet = not self.has_news and not self.planner.reads_history and self.findings.outcome == "ok"
        return not (is_quiet and self.follower.may_drop())

    def row(self, *, complete: bool) -> dict[str, Any]:
        """The run's row in `runs` as things are now. `complete` is False while more loads follow."""
        return report_row(self.span, self.findings, self.budget, self.unseen, ended_at=self.clock(), complete=complete)
