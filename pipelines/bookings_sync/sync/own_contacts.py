"""Own contacts: which locations have an API that lists contacts on their own, and what a run has yet to read there.

Input:  the snapshot, the ledger, and the contacts that appointments mention and the warehouse lacks.
Output: `OwnContacts`, which the loads of a run share: the work of each location, and its reads for the plan.

A location whose appointments embed their contacts has no work here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from bookings_sync.api.client import Client
from bookings_sync.config.settings import Settings
from bookings_sync.planning.contacts import ContactWork, Progress, progress_of, ways_of
from bookings_sync.planning.ledger import LOST, Endpoint, Ledger, Read
from bookings_sync.planning.look_ups import UnknownContacts
from bookings_sync.planning.plan import PlannedRead, Span
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, to_ms
from bookings_sync.records.tables import CONTACTS
from bookings_sync.sync.snapshot import Snapshot

Lacking = Mapping[str, Collection[str]]
"""By location: the contacts that appointments mention and the warehouse does not hold."""


class OwnContacts:
    """The contacts of one run. `client` returns the API client of a location."""

    def __init__(
        self,
        settings: Settings,
        span: Span,
        client: Callable[[str], Client],
        rules: Callable[[str, Endpoint], str],
        ledger: Ledger,
        snapshot: Snapshot,
        location_ids: Iterable[str],
    ) -> None:
        self._settings = settings
        self._span = span
        self._rules = rules
        self._ledger = ledger
        self._torn = snapshot.torn_contacts
        self._torn_ledger = snapshot.torn
        self._cadence_ms = settings.cold_reread_days * DAY_MS
        self.locations = frozenset(each for each in location_ids if client(each).contacts is not None)
        """The locations with such an API, whether or not the run reads contacts."""
        self.unknown = UnknownContacts(snapshot.look_ups, span, self._cadence_ms)
        self._held = dict.fromkeys(self.locations, 0)
        for counted in snapshot.counted:
            if counted.table == CONTACTS.name and counted.location_id in self._held:
                self._held[counted.location_id] += counted.versions - counted.ended
        self._lacking: Lacking | None = None
        self._stored: set[str] = set()
        self._finished: set[str] = set()
        self._moved = {each: ways for each in self.locations if self._held[each] and (ways := self._ways_before(each))}

    def _ways_before(self, location_id: str) -> tuple[str, ...]:
        """How lists of appointments that embed contacts were read, if the location had such an API until now."""
        if self.entry(location_id) is not None:
            return ()
        if torn := self._torn_ledger.newest(location_id, "contacts", Scope("location", location_id)):
            ways = {*ways_of(torn), *(torn.rules_before or "").split()}
            return tuple(sorted(ways - {self._rules(location_id, "contacts")}))
        reads = (read for read in self._ledger.all() if read.location_id == location_id)
        rules = (read.rules.partition(" ")[0] for read in reads if read.endpoint == "appointments")
        return tuple(sorted(set(rules) - {LOST}))

    # -- queries -------------------------------------------------------------------------------------------------------

    def entry(self, location_id: str) -> Read | None:
        """The ledger's entry about the location's contacts."""
        return self._ledger.newest(location_id, "contacts", Scope("location", location_id))

    def is_own(self, location_id: str) -> bool:
        """Whether the run reads the location's contacts on their own."""
        return self._settings.include_contacts and location_id in self.locations

    def unfinished(self, location_ids: Iterable[str]) -> list[str]:
        """Those of the locations with contacts that this run has yet to read, as far as it knows."""
        return [each for each in location_ids if self.is_own(each) and each not in self._finished]

    def held_before(self, location_id: str) -> bool:
        """Whether the warehouse held a contact of the location when the run began."""
        return bool(self._held[location_id])

    def holds_any(self, location_id: str) -> bool:
        """Whether the warehouse holds a contact of the location."""
        return self.held_before(location_id) or location_id in self._stored

    def torn_left(self, location_id: str, work: ContactWork) -> bool:
        """Whether contacts of a torn load have yet to be read again."""
        return not work.lacking.isdisjoint(self._torn_of(location_id))

    def work(self, location_id: str, lacking: Collection[str]) -> ContactWork:
        """The work that is left for the location."""
        wanted = {*lacking, *self._torn_of(location_id)}
        return ContactWork(
            progress_of(self.entry(location_id)),
            {each for each in wanted if self.unknown.is_due(location_id, each)},
            self._held[location_id],
            self._rules(location_id, "contacts"),
            to_ms(self._span.now),
            self._cadence_ms,
            walks=self._span.asked is None,
            uses_filter=self._settings.contacts_changed_filter,
        )

    def planned(self, location_id: str, lacking: Callable[[], Lacking]) -> list[PlannedRead]:
        """What the run would read of the location's contacts. `lacking` asks the warehouse."""
        if not self.is_own(location_id):
            return []
        if self._lacking is None:
            self._lacking = lacking()
        expected = self.work(location_id, self._lacking.get(location_id, ())).expected()
        scope = Scope("location", location_id)
        return [PlannedRead(location_id, "contacts", scope, None, reason, count) for reason, count in expected]

    def _torn_of(self, location_id: str) -> Collection[str]:
        entry = self.entry(location_id)
        return self._torn.get(location_id, ()) if entry is not None and entry.reply_digest is None else ()

    # -- what the run does ---------------------------------------------------------------------------------------------

    def take_moved(self) -> dict[str, Progress]:
        """The first progress of the locations that had another API until now, once."""
        moved, self._moved = self._moved, {}
        return {each: Progress(self._rules(each, "contacts"), ways) for each, ways in moved.items()}

    def finish(self, location_id: str) -> None:
        """Nothing is left for this run."""
        self._finished.add(location_id)

    def reopen(self, location_ids: Iterable[str]) -> None:
        """New appointments of these locations may mention further contacts."""
        self._finished.difference_update(location_ids)

    def store(self, location_id: str) -> None:
        """The next load finds contacts of the location in the warehouse."""
        self._stored.add(location_id)
