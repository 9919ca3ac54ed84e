"""Contact reads: reads the contacts of an API that lists them on their own, as far as appointments mention them.

Input:  the work of each location (`planning.contacts`), and the contacts that this load's appointments mention.
Output: `(table name, Arrow table)` pairs of `contacts` and `contact_custom_fields`, for `load`.

A contact that no appointment mentions is not stored, and neither is one that was erased. A location whose contacts
cannot be read is partial; its appointments are loaded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterator
from typing import Any, NamedTuple, TypeVar

from bookings_sync.api.client import Client
from bookings_sync.changes.held import Held as HeldRow
from bookings_sync.changes.stage import Emitted, Stage
from bookings_sync.config.settings import Settings
from bookings_sync.dialects.dialect import ContactPage
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError, BadReply, BudgetSpent, OtherReply, RequestRefused
from bookings_sync.planning.contacts import ContactWork, Held, Lacking, Page, Progress, Step, progress_of
from bookings_sync.planning.look_ups import MOST_TRIES
from bookings_sync.planning.plan import PlannedRead
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.columns import Key
from bookings_sync.records.decoding import contact_rows
from bookings_sync.records.erased import PSEUDONYM
from bookings_sync.records.json_text import Record, Records
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Batch, Rejected
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS
from bookings_sync.records.values import canonical, usable_id
from bookings_sync.sync.budget import RequestBudget
from bookings_sync.sync.completed import CompletedReads, Totals
from bookings_sync.sync.contacts import ListedContacts
from bookings_sync.sync.findings import Findings
from bookings_sync.sync.own_contacts import OwnContacts
from bookings_sync.sync.proof import STRAY, Proof
from bookings_sync.sync.reading import Answer, DecodingTurn, Reading
from bookings_sync.warehouse.held_rows import HeldRows
from bookings_sync.warehouse.history import History

_PAGES_PER_LOAD = 200
_IDS_PER_LOAD = 2_000
"""Requests of one location in one load. A kill loses the load, so this bounds what is read twice."""

_ROWS_AT_ONCE = 500
"""Contacts that were asked for by their ids and are staged together."""

_MOST_FAILURES = 3
"""Contacts whose requests fail before the run stops asking for a location's contacts."""

T = TypeVar("T")


class _Ask(NamedTuple):
    """One request: a page, or a contact by its id."""

    location_id: str
    step: Step
    contact_id: str = ""


class Mentions:
    """The contacts that the appointments of one load mention, by location."""

    def __init__(self, own: OwnContacts) -> None:
        self._own = own
        self.ids: defaultdict[str, set[str]] = defaultdict(set)

    def seen(self, emitted: Generator[Emitted, None, T]) -> Generator[Emitted, None, T]:
        """The same rows, noted as they pass."""
        while True:
            try:
                name, arrow = next(emitted)
            except StopIteration as end:
                result: T = end.value
                return result
            if name == APPOINTMENTS.name:
                (location_id,) = arrow["location_id"].unique().to_pylist() or [""]
                if self._own.is_own(location_id):
                    self.ids[location_id].update(filter(None, arrow["contact_id"].unique().to_pylist()))
            yield name, arrow


class ContactReads:
    """The contact reads of one load. `mentioned` are the contacts that its own appointments mention, by location."""

    def __init__(
        self,
        settings: Settings,
        client: Callable[[str], Client],
        own: OwnContacts,
        findings: Findings,
        budget: RequestBudget,
        history: History,
        held_rows: HeldRows,
        stage: Stage,
        completed: CompletedReads,
        contacts: ListedContacts,
        privacy: Privacy,
        proof: Proof,
        mentioned: Mentions,
    ) -> None:
        self._settings = settings
        self._client = client
        self._own = own
        self._findings = findings
        self._budget = budget
        self._history = history
        self._held_rows = held_rows
        self._stage = stage
        self._completed = completed
        self._contacts = contacts
        self._privacy = privacy
        self._proof = proof
        self._mentioned = mentioned.ids
        self._lacking: dict[str, set[str]] = {}
        self._works: dict[str, ContactWork] = {}
        self._begun: dict[str, Progress | None] = {}
        self._kept: dict[str, Progress] = {}
        """The last progress of each location that may be written."""
        self._personal: set[str] = set()
        """Cursors that name an erased contact, so they must not be written."""
        self._reading: Reading[_Ask, Reply[Any]] = Reading([], self._ask, settings.concurrency)
        self._waiting: Counter[str] = Counter()
        """Requests of each location's present step that are not answered."""
        self._held_ids: dict[str, list[str]] = {}
        self._found: defaultdict[str, Records] = defaultdict(list)
        self._pages: Counter[str] = Counter()
        self._ids: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._stopped: set[str] = set()
        self._totals: defaultdict[str, Totals] = defaultdict(Totals)

    def carry_out(self, location_ids: Collection[str]) -> Iterator[Emitted]:
        """Reads the contacts of these locations that are due, as many as one load takes."""
        self._lacking = self._history.lacking_contacts()
        for location_id in location_ids:
            self._budget.release(self._name(location_id), "contacts")
            lacking = self._lacking.setdefault(location_id, set())
            lacking |= self._new_mentions(location_id)
            self._works[location_id] = self._own.work(location_id, lacking)
            self._begun[location_id] = progress_of(self._own.entry(location_id))
            self._go_on(location_id)
        for answer in self._reading:
            yield from self._take(answer)
        for location_id in location_ids:
            yield from self._store_found(location_id)
            self._end(location_id)

    def _new_mentions(self, location_id: str) -> set[str]:
        """The contacts that this load's appointments mention and the warehouse does not hold."""
        mentioned = {each for each in self._mentioned.get(location_id, ()) if not each.startswith(PSEUDONYM)}
        if mentioned and self._own.holds_any(location_id):
            mentioned -= {str(key[0]) for key in self._held_rows.by_id(CONTACTS, location_id, mentioned)}
        return {each for each in mentioned if not self._stage.holds(CONTACTS, location_id, (each,))}

    # -- requests ------------------------------------------------------------------------------------------------------

    def _go_on(self, location_id: str) -> None:
        """Queues the requests of the location's next step."""
        work = self._works[location_id]
        asks: list[_Ask] = []
        while not asks and not self._is_full(location_id) and (step := work.next()) is not None:
            if isinstance(step, Page):
                self._pages[location_id] += 1
                asks = [_Ask(location_id, step)]
            else:
                asks = self._by_id(location_id, step)
                if location_id in self._stopped:
                    return
        self._waiting[location_id] = len(asks)
        self._findings.figures.reads_planned += len(asks)
        self._reading.add(asks)

    def _is_full(self, location_id: str) -> bool:
        """Whether the rest is for the next load."""
        has_asked_enough = self._pages[location_id] >= _PAGES_PER_LOAD or self._ids[location_id] >= _IDS_PER_LOAD
        return has_asked_enough or self._stage.rows >= self._settings.rows_per_load

    def _by_id(self, location_id: str, step: Lacking | Held) -> list[_Ask]:
        most = min(self._budget.left_for(self._name(location_id)), _IDS_PER_LOAD - self._ids[location_id])
        if most <= 0:
            self._spend(location_id)
            return []
        if isinstance(step, Lacking):
            self._ids[location_id] += min(len(step.ids), most)
            return [_Ask(location_id, step, each) for each in step.ids[:most]]
        step = step._replace(most=min(step.most, most))
        ids = self._history.contacts_after(location_id, step.after, step.most)
        self._held_ids[location_id] = ids
        self._ids[location_id] += len(ids)
        if not ids:
            self._works[location_id].take_held(step, ids)
        return [_Ask(location_id, step, each) for each in ids]

    def _ask(self, ask: _Ask, _: DecodingTurn) -> Reply[Any]:
        calls = self._client(ask.location_id).contacts
        assert calls is not None  # noqa: S101 - only such locations have work
        if isinstance(ask.step, Page):
            return calls.list_contacts(ask.step.cursor, ask.step.since_ms)
        return calls.get_contact(ask.contact_id)

    # -- answers -------------------------------------------------------------------------------------------------------

    def _take(self, answer: Answer[_Ask, Reply[Any]]) -> Iterator[Emitted]:
        ask = answer.item
        location_id, error = ask.location_id, answer.error
        if answer.result is not None:
            try:
                yield from self._take_reply(ask, answer.result)
            except OtherReply as other:
                error = other
            else:
                self._findings.answered(location_id)
        if error is not None:
            self._fail(ask, error)
        self._keep(location_id)
        self._waiting[location_id] -= 1
        if not self._waiting[location_id] and location_id not in self._stopped:
            if isinstance(ask.step, Held):
                self._works[location_id].take_held(ask.step, self._held_ids[location_id])
            self._go_on(location_id)

    def _keep(self, location_id: str) -> None:
        """Notes the progress. Instead of a cursor that must not be written, the one before stays."""
        progress = self._works[location_id].progress
        if progress is not None and self._personal.isdisjoint((progress.cursor, progress.search_cursor)):
            self._kept[location_id] = progress

    def _take_reply(self, ask: _Ask, reply: Reply[Any]) -> Iterator[Emitted]:
        location_id = ask.location_id
        before = self._totals[location_id]
        self._totals[location_id] = before._replace(
            bytes=before.bytes + reply.bytes, seconds=before.seconds + reply.seconds
        )
        if isinstance(ask.step, Page):
            assert isinstance(reply.records, ContactPage)  # noqa: S101 - the step asked for one
            yield from self._take_page(location_id, ask.step, reply.records)
            return
        path = f"/contacts/{ask.contact_id}"
        self._proof.check_records(location_id, path, reply.records or [])
        if reply.records:
            self._own.unknown.close(location_id, [ask.contact_id])
            self._found[location_id] += reply.records
        elif isinstance(ask.step, Lacking):
            self._own.unknown.note(location_id, ask.contact_id, "refused")
        self._works[location_id].found([ask.contact_id])
        if len(self._found[location_id]) >= _ROWS_AT_ONCE:
            yield from self._store_found(location_id)

    def _take_page(self, location_id: str, step: Page, page: ContactPage) -> Iterator[Emitted]:
        """Stages the contacts of a page that appointments mention."""
        records = [each for each in page.records if isinstance(each, dict)]
        self._proof.check_records(location_id, "/contacts/search", records)
        by_id: dict[str, Records] = {}
        for record in records:
            contact_id = usable_id(record.get("id"))
            if contact_id is None:
                continue
            if not self._privacy.erased.names(location_id, "contact", contact_id):
                by_id.setdefault(contact_id, []).append(record)
            elif page.cursor and canonical(contact_id).decode()[1:-1] in page.cursor:
                self._personal.add(page.cursor)
        held: dict[Key, HeldRow] = {}
        if self._own.held_before(location_id):  # contacts that this run has stored need no comparison
            held = self._held_rows.by_id(CONTACTS, location_id, by_id)
        lacking = self._lacking[location_id]
        wanted = [each for each in by_id if each in lacking or (each,) in held]
        chosen = [record for each in wanted for record in by_id[each]]
        strays = [each for each in chosen if _is_stray(each, location_id)]
        if strays:
            rejected = [Rejected(CONTACTS.name, location_id, STRAY, self._privacy.contact(each)) for each in strays]
            self._stage.reject(Batch({}, rejected))
            chosen = [each for each in chosen if not _is_stray(each, location_id)]
        yield from self._store(location_id, chosen, held)
        own = [usable_id(each["id"]) or "" for each in chosen]
        self._own.unknown.close(location_id, own)
        self._works[location_id].take_page(step, own, len(page.records), page.cursor, page.total)

    def _store_found(self, location_id: str) -> Iterator[Emitted]:
        records = self._found.pop(location_id, [])
        held: dict[Key, HeldRow] = {}
        if records and self._own.held_before(location_id):
            ids = filter(None, (usable_id(each.get("id")) for each in records))
            held = self._held_rows.by_id(CONTACTS, location_id, ids)
        yield from self._store(location_id, records, held)

    def _store(self, location_id: str, records: Records, held: dict[Key, HeldRow]) -> Iterator[Emitted]:
        if not records:
            return
        zone = self._client(location_id).location.timezone
        batch = contact_rows(location_id, records, self._privacy, self._held_rows.digests, zone)
        self._stage.reject(batch)
        rows = batch.rows[CONTACTS.name]
        before = self._totals[location_id]
        self._totals[location_id] = before._replace(rows=before.rows + len(rows))
        read = PlannedRead(location_id, "contacts", Scope("location", location_id), None, "cold")
        yield from self._contacts.take_own(rows, held, read)

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    def _fail(self, ask: _Ask, error: ApiError) -> None:
        location_id = ask.location_id
        if isinstance(error, BudgetSpent):
            self._spend(location_id)
            return
        is_single = not isinstance(ask.step, Page)
        if is_single:
            self._works[location_id].found([ask.contact_id])  # another run asks again
        if is_single and isinstance(error, OtherReply):
            if self._own.unknown.note(location_id, ask.contact_id, "another id") < MOST_TRIES:
                self._findings.of(location_id).note(error)
            return
        self._findings.of(location_id).note(error)
        self._failures[location_id] += 1
        is_only_this = is_single and isinstance(error, BadReply | RequestRefused)
        if not is_only_this or self._failures[location_id] >= _MOST_FAILURES:
            self._stop(location_id)

    def _spend(self, location_id: str) -> None:
        """Leaves the rest to later runs, because the request budget is spent."""
        if location_id not in self._stopped:
            lacking = len(self._works[location_id].lacking)
            what = "contacts that appointments mention" if lacking else "contacts to read again"
            self._findings.leave_out(location_id, what, lacking or 1)
            self._stop(location_id)

    def _stop(self, location_id: str) -> None:
        self._stopped.add(location_id)
        self._reading.drop(lambda ask: ask.location_id == location_id)

    # -- the end of the load -------------------------------------------------------------------------------------------

    def _end(self, location_id: str) -> None:
        work = self._works[location_id]
        if location_id in self._stopped or work.next() is None:
            self._own.finish(location_id)
        name = self._name(location_id)
        if work.repeats:
            self._findings.warn(
                f"{name}: the list of contacts repeats its pages, so contacts are asked for by their ids"
            )
        if work.ignores_filter:
            self._findings.warn(f"{name}: the API ignores contacts_changed_filter. Set it to false")
        totals = self._totals[location_id]
        if totals.rows:
            self._own.store(location_id)
        entry = self._own.entry(location_id)
        is_whole = not self._own.torn_left(location_id, work)
        is_known = entry is not None and (entry.reply_digest is not None or not is_whole)
        self._keep(location_id)
        kept = self._kept.get(location_id)
        if kept is not None and (kept != self._begun[location_id] or not is_known):
            self._completed.contacts(location_id, kept, totals, is_whole=is_whole)

    def _name(self, location_id: str) -> str:
        return self._findings.of(location_id).name


def _is_stray(contact: Record, location_id: str) -> bool:
    """Whether the contact names another location."""
    return usable_id(contact.get("locationId")) not in (None, location_id)
