"""Whole lists: locations, teams and services, which have no window.

Input:  the API's lists of teams and services; the configured locations.
Output: `(table name, Arrow table)` pairs of their tables. The planner learns from them whom to ask next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from bookings_sync.api.client import Client
from bookings_sync.changes.diff import difference, missing
from bookings_sync.changes.held import Held
from bookings_sync.changes.invalidation import Change
from bookings_sync.changes.journal import Journal
from bookings_sync.changes.owners import Listed
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.config.settings import Settings
from bookings_sync.dialects.replies import Reply
from bookings_sync.error_text import MISTAKES, mistake
from bookings_sync.errors import BookingsError, BudgetSpent
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.planner import Planner
from bookings_sync.planning.scopes import Kind, Scope
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import listed_rows, location_rows
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.interpretation import Alike
from bookings_sync.records.json_text import Records
from bookings_sync.records.listed import listed_services, listed_teams
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Batch, Rows
from bookings_sync.records.tables import LOCATIONS, SERVICES, TEAMS, Table
from bookings_sync.sync.completed import CompletedReads
from bookings_sync.sync.deletions import Deletions
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.first_sync import FirstSync
from bookings_sync.sync.kept_replies import KeptReplies
from bookings_sync.sync.proof import Proof
from bookings_sync.sync.reading import DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows


class WholeLists:
    """The whole lists of one load. Each list is read once in a run."""

    def __init__(
        self,
        settings: Settings,
        client: Callable[[str], Client],
        planner: Planner,
        calendars: KnownCalendars,
        findings: Findings,
        first_sync: FirstSync,
        held_rows: HeldRows,
        stage: Stage,
        completed: CompletedReads,
        rules: Callable[[str, Endpoint], str],
        proof: Proof,
        kept: KeptReplies,
        *,
        deletions: Deletions,
        journal: Journal,
    ) -> None:
        self._settings = settings
        self._client = client
        self._planner = planner
        self._calendars = calendars
        self._findings = findings
        self._first_sync = first_sync
        self._held_rows = held_rows
        self._stage = stage
        self._completed = completed
        self._marks = DeletionMarks.of(settings.deleted_when)
        self._privacy = Privacy.of(settings)
        self._rules = rules
        self._proof = proof
        self._kept = kept
        self._deletions = deletions
        self._journal = journal

    def locations(self, held: Mapping[str, Held]) -> Iterator[Emitted]:
        """The configured locations that are new or changed. `held` are the rows of `locations` by location id."""
        zones = self._api_zones(held)
        rows_of = {location_id: self._row(location_id, zones.get(location_id)) for location_id in self._findings.active}
        known = {location_id: {(): held[location_id]} for location_id in rows_of if location_id in held}
        news = [each for each, rows in rows_of.items() if len(difference(rows, known.get(each, {})).rows)]
        self._proof.settle(news)
        for location_id, rows in rows_of.items():
            if self._proof.is_contradicted(location_id):
                continue
            held_row = known.get(location_id, {})
            alike = self._alike(location_id, rows) if held_row and location_id in news else None
            if staged := self._stage.add_changed(rows, held_row, alike=alike):
                yield staged.emitted

    def _alike(self, location_id: str, rows: Rows) -> Mapping[str, Alike]:
        """What tells a change of the location from a move to another API, which may need the id in the configuration
        and may or may not report a zone."""
        held = self._stage.held_rows(LOCATIONS, location_id, [()])
        both_tell_zone = all(any(each["api_timezone"].to_pylist()) for each in (held, rows.columns))
        same = {"name", "timezone", "api_timezone"} if both_tell_zone else {"name", "timezone"}
        return {LOCATIONS.name: Alike(frozenset(same), frozenset(), frozenset())}

    def removed_locations(self, held: Mapping[str, Held]) -> Iterator[Emitted]:
        """Tombstones for the locations that the configuration no longer names; their other rows stay as they are.

        Only a run over all configured locations shows this, and only if the id of each is known: an id that could not
        be found out may be a held one.
        """
        configured = self._findings.location_ids
        if not self._settings.are_all or len(configured) < len(self._settings.locations):
            return
        for location_id in sorted(held.keys() - set(configured)):
            if not held[location_id].deleted and (gone := self._stage.add_deleted(LOCATIONS, location_id, [()])):
                yield gone

    def _api_zones(self, held: Mapping[str, Held]) -> dict[str, str | None]:
        """The zone that the API reports for each location. Without an answer, the held zone stays."""

        def call(location_id: str, _: DecodingTurn) -> str | None:
            reply = self._client(location_id).get_location()
            return reply.records.timezone if reply and reply.records else None

        zones: dict[str, str | None] = {}
        for answer in Reading(self._findings.active, call, self._settings.concurrency):
            if answer.error is None:
                zones[answer.item] = answer.result
                continue
            if isinstance(answer.error, BudgetSpent):
                self._findings.leave_out(answer.item, "the location's time zone")
            else:
                self._findings.failed(answer.item, answer.error)
            if answer.item in held:
                row = self._stage.held_rows(LOCATIONS, answer.item, [()])
                zones[answer.item] = next(iter(row["api_timezone"].to_pylist()), None)
        return zones

    def _row(self, location_id: str, api_timezone: str | None) -> Rows:
        location = self._findings.of(location_id)
        timezone = self._settings.locations[location.name].timezone
        return location_rows(location_id, location.name, location.id_source, timezone, api_timezone)

    def teams(self) -> Iterator[Emitted]:
        """All teams of each location, and their members."""
        for location_id, reply in self._list("teams"):
            yield from self._take("teams", location_id, reply, TEAMS)

    def services(self) -> Iterator[Emitted]:
        """All services of each location, their members and office hours."""
        for location_id, reply in self._list("services"):
            yield from self._take("services", location_id, reply, SERVICES)

    def learn_scopes(self) -> None:
        """Reads the lists that are still needed to know the scopes, without loading them: a dlt user may have selected
        resources without teams and services."""
        needed: list[Listed] = ["services"]
        if set(self._settings.scopes) & {"team", "user"}:
            needed.append("teams")
        for endpoint in needed:
            if not self._planner.is_listed(endpoint):
                for location_id, reply in self._list(endpoint):
                    self._learn(endpoint, location_id, reply.records or [])

    def _list(self, endpoint: Listed) -> Iterator[tuple[str, Reply[Records]]]:
        self._planner.mark_listed(endpoint)
        active = self._findings.active
        self._findings.figures.reads_planned += len(active)

        def call(location_id: str, _: DecodingTurn) -> Reply[Records]:
            return self._kept.list_of(self._client(location_id), endpoint)

        for answer in Reading(active, call, self._settings.concurrency):
            if isinstance(answer.error, BudgetSpent):
                self._findings.leave_out(answer.item, f"lists of {endpoint}")
            elif answer.error is not None:
                self._findings.failed(answer.item, answer.error)
            elif answer.result is not None:
                error = self._proof.other_list(endpoint, answer.item, answer.result.records or [])
                self._kept.drop_list(self._findings.of(answer.item).name, endpoint)
                if error is not None:
                    self._planner.leave_out(_whole(endpoint, answer.item))
                    self._findings.failed(answer.item, error)
                elif not self._findings.gave_up(answer.item):
                    self._findings.answered(answer.item)
                    own = self._marks.unmarked(answer.result.records or [])
                    yield answer.item, replace(answer.result, records=own)

    def _learn(self, endpoint: Listed, location_id: str, records: Records) -> set[Key]:
        """Adds the list's ids to the calendars. A team or service whose deletion is held back still exists: returns
        the keys of these."""
        if endpoint == "teams":
            teams = listed_teams(records)
            held = self._held_back(TEAMS, location_id, self._calendars.of(location_id).teams, teams.ids)
            self._calendars.learn_teams(location_id, (*teams.ids, *(key[0] for key in held)), teams.users)
        else:
            services = listed_services(records)
            held = self._held_back(SERVICES, location_id, self._calendars.of(location_id).services, services.ids)
            ids = (*services.ids, *(key[0] for key in held))
            self._calendars.learn_services(location_id, ids, services.users, services.notice_ms)
        kind: Kind = "team" if endpoint == "teams" else "service"
        self._calendars.hold_back(location_id, kind, (str(key[0]) for key in held))
        return held

    def _held_back(self, table: Table, location_id: str, known: Collection[str], listed: Iterable[str]) -> set[Key]:
        """The teams or services that are missing from their list and stay. Nothing else can confirm their deletion, so
        a list that lost most of them at once must be seen in several runs."""
        listed_keys: set[Key] = {(each,) for each in listed}
        self._deletions.exist(location_id, table.name, listed_keys)
        gone: set[Key] = {(each,) for each in known} - listed_keys
        guard, live = self._deletions.guard, len(known)
        if not (guard.is_too_much(len(gone), live) or guard.is_mostly_emptied(len(gone), live, len(listed_keys))):
            return set()
        return gone - self._deletions.proven(location_id, table.name, sorted(gone), "empty list")

    def _take(self, endpoint: Listed, location_id: str, reply: Reply[Records], table: Table) -> Iterator[Emitted]:
        """Compares one whole list with everything that the warehouse holds of it."""
        records = reply.records or []
        before = self._planner.ledger.newest(location_id, endpoint, Scope("location", location_id))
        planned = _whole(endpoint, location_id)
        rules = self._rules(location_id, endpoint)
        is_unchanged = before and before.reply_digest == reply.digest and before.rules == rules
        try:
            batch = None if is_unchanged else self._decoded(table, location_id, records)
            held_back = self._learn(endpoint, location_id, records)
        except MISTAKES as error:
            self._findings.of(location_id).give_up(BookingsError(f"{location_id}: {mistake(error)}"))
            return
        read = self._completed.add(planned, [reply], rows=len(records))
        if batch is None:
            self._findings.figures.reads_unchanged += 1
            return
        self._stage.reject(batch)
        listed = set(batch.rows[table.name].keys)
        for rows in batch.rows.values():
            is_first = self._first_sync.is_first(location_id)
            held = {} if is_first else self._held_rows.of_location(rows.table, location_id)
            if staged := self._stage.add_changed(rows, held, planned, is_whole_list=True):
                yield staged.emitted
            gone = missing(held, set(rows.keys))
            if rows.table is not table:
                self._deletions.exist(location_id, rows.table.name, rows.keys)
                held_back |= self._held_parts(rows.table, location_id, [key for key in gone if key[:1] in listed], held)
            ended = [key for key in gone if key not in held_back and key[:1] not in held_back]
            if tombstones := self._stage.add_deleted(rows.table, location_id, ended, planned):
                self._deletions.deleted(location_id, rows.table.name, ended, self._stage.started_at)
                yield tombstones
        if held_back:
            self._journal.record(Change("held back", location_id, read))

    def _decoded(self, table: Table, location_id: str, records: Records) -> Batch:
        return listed_rows(table, location_id, records, self._held_rows.digests, self._privacy)

    def _held_parts(self, table: Table, location_id: str, gone: Collection[Key], held: Mapping[Key, Held]) -> set[Key]:
        """The members or hours that are missing from teams or services in the list, and stay."""
        live = sum(not each.deleted for each in held.values())
        guard = self._deletions.guard
        if not (guard.is_too_much(len(gone), live) or guard.is_emptied(len(gone), live)):
            return set()
        return set(gone) - self._deletions.proven(location_id, table.name, gone, "empty list")


def _whole(endpoint: Listed, location_id: str) -> PlannedRead:
    return PlannedRead(location_id, endpoint, Scope("location", location_id), None, "list")
