"""Deletions: holds back what looks deleted, until the evidence suffices or the user accepts it.

Input:  the records that look deleted, each group with the evidence; the holds of earlier runs.
Output: the records to delete; rows of `held_deletions`; what is held, for the run's outcome.

Appointments that were refused next to controls wait for the end of the run, because only then it is known how many
they are. Other deletions without proof (a list without a control, an id refused without a control) are held until
enough runs over enough hours have seen the same. If appointments to delete are too many, whatever the evidence, they
are all held until the user accepts it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from pendulum import DateTime

from bookings_sync.changes.guard import Guard
from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Read, without_digest
from bookings_sync.planning.plan import Span
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.columns import Key
from bookings_sync.records.holds import Ended, Hold, Why
from bookings_sync.records.tables import APPOINTMENTS
from bookings_sync.sync.findings import Findings, HeldBack


class Waiting(NamedTuple):
    """An appointment that waits to be deleted. The `reads` that missed it count only once it is deleted. `in_turn` are
    the lists for which it was asked in turn. `is_live` is False for a tombstone that was asked for again. It
    `is_proven` if it was held without proof, until enough runs had seen the same."""

    key: Key
    reads: list[Read]
    in_turn: list[Scope]
    is_live: bool
    is_proven: bool


class Buried(NamedTuple):
    """The appointments to delete, and the reads that count then."""

    appointments: list[Waiting]
    reads: list[Read]


class Deletions:
    """The deletions of one run. `accepted` are the ids of the locations whose deletions the user accepts."""

    def __init__(
        self, settings: Settings, findings: Findings, span: Span, accepted: Collection[str], holds: Iterable[Hold]
    ) -> None:
        self.guard = Guard(settings.deletion_guard_percent, settings.deletion_guard_rows)
        self._enough_runs = settings.deletion_evidence_runs
        self._enough_hours = settings.deletion_evidence_hours
        self._findings = findings
        self._run_id = span.run_id
        self._now = span.now
        self._accepted = frozenset(accepted)
        self._open: defaultdict[tuple[str, str], dict[Key, Hold]] = defaultdict(dict)
        self._news: dict[str, Hold] = {}
        """Holds that are new or changed since the last `take_news`, by id."""
        self._waiting: defaultdict[str, dict[Key, Waiting]] = defaultdict(dict)
        self._proven: set[tuple[str, str, Key]] = set()
        """Records that are held no longer, and that the run is about to delete."""
        self._too_many: set[tuple[str, str, Key]] = set()
        """Records that are held because they are too many, whatever else was against deleting them."""
        self._ended: Counter[str] = Counter()
        """By location: appointments that earlier loads of this run deleted."""
        for hold in holds:
            self._open[hold.location_id, hold.table][hold.key] = hold

    # -- evidence ------------------------------------------------------------------------------------------------------

    def proven(self, location_id: str, table: str, keys: Iterable[Key], why: Why, *, rows: int = 1) -> set[Key]:
        """Holds these records back, and returns those that need not be: enough runs have seen the same, or the user
        accepts it. Asking again in the same run changes nothing."""
        open_ = self._open[location_id, table]
        proven = set()
        for key in keys:
            hold = open_[key] = self._seen_again(
                open_.get(key), Hold(location_id, table, key, why, rows, 1, self._run_id, self._now, self._now)
            )
            if location_id in self._accepted or self._is_enough(hold):
                proven.add(key)
                self._proven.add((location_id, table, key))
        self._report(location_id)
        return proven

    def holds(self, location_id: str, table: str, key: Key) -> bool:
        """Whether the deletion of this record is held back."""
        return key in self._open[location_id, table]

    def exist(self, location_id: str, table: str, keys: Iterable[Key]) -> None:
        """These records exist: they are not held any longer."""
        self._end(location_id, table, keys, self._now, found=True)

    def deleted(self, location_id: str, table: str, keys: Collection[Key], at: DateTime) -> None:
        """These records became tombstones."""
        if table == APPOINTMENTS.name:
            self._ended[location_id] += len(keys)
        self._end(location_id, table, keys, at, found=False)

    def take_news(self) -> list[Hold]:
        """The holds that are new or changed since the last call."""
        news, self._news = list(self._news.values()), {}
        return news

    def _seen_again(self, before: Hold | None, now: Hold) -> Hold:
        if before is not None and before.why == now.why and before.first_seen_at <= self._now:
            if before.run_id == self._run_id:
                return before
            now = replace(now, first_seen_at=before.first_seen_at, runs=before.runs + 1)
        elif before is not None:
            self._note(replace(before, ended_at=self._now, ended_as="another reason"))
        return self._note(now)

    def _is_enough(self, hold: Hold) -> bool:
        """Whether a hold has lasted long enough. The user decides whether too many appointments are really gone: the
        API was seen to answer well, so more runs would add no evidence."""
        if hold.table == APPOINTMENTS.name and hold.why == "too many":
            return False
        hours = (hold.last_seen_at - hold.first_seen_at).total_seconds() / 3600
        return hold.runs >= self._enough_runs and hours >= self._enough_hours

    def _end(self, location_id: str, table: str, keys: Iterable[Key], at: DateTime, *, found: bool) -> None:
        open_, waiting = self._open.get((location_id, table)), self._waiting.get(location_id)
        for key in keys if open_ or waiting else ():
            if waiting and table == APPOINTMENTS.name:
                waiting.pop(key, None)
            if open_ and (hold := open_.pop(key, None)) is not None:
                self._note(replace(hold, ended_at=at, ended_as="found" if found else self._deleted_as(hold)))
        if open_ is not None:
            self._report(location_id)

    def _deleted_as(self, hold: Hold) -> Ended:
        if hold.location_id in self._accepted:
            return "accepted"
        return "repeated" if self._is_enough(hold) else "confirmed"

    def _note(self, hold: Hold) -> Hold:
        self._news[hold.hold_id] = hold
        return hold

    # -- appointments that wait for the end of the run -----------------------------------------------------------------

    def wait(self, location_id: str, waiting: Iterable[Waiting]) -> None:
        """Lets refused appointments wait."""
        self._waiting[location_id].update({each.key: each for each in waiting})

    @property
    def waiting(self) -> list[str]:
        """The locations with appointments that wait."""
        return [location_id for location_id, each in self._waiting.items() if each]

    def waiting_reads(self) -> list[Read]:
        """The reads that missed an appointment that waits. They count for this run's plan only."""
        waiting = (each for of_location in self._waiting.values() for each in of_location.values())
        return [without_digest(read) for each in waiting for read in each.reads]

    def take_waiting(self, location_id: str, live: int) -> Buried:
        """What becomes of the appointments that wait. `live` is the number of live appointments."""
        waiting = self._waiting.pop(location_id, {})
        doubtful = [key for key, each in waiting.items() if each.is_live]
        ended = self._ended[location_id]
        held: set[Key] = set()
        if self.guard.is_too_much(len(doubtful) + ended, live + ended):
            confirmed = [key for key in doubtful if not waiting[key].is_proven]
            self.proven(location_id, APPOINTMENTS.name, confirmed, "too many")
            held = set(doubtful) if location_id not in self._accepted else set()
            self._too_many |= {(location_id, APPOINTMENTS.name, key) for key in held}
            self._proven -= self._too_many
            self._report(location_id)
        reads = {read.read_id: read for each in waiting.values() for read in each.reads}
        for key in held:
            for read in waiting[key].reads:
                reads.pop(read.read_id, None)
        return Buried([each for key, each in waiting.items() if key not in held], list(reads.values()))

    # -- held records ------------------------------------------------------------------------------------------------

    def _report(self, location_id: str) -> None:
        """Tells the findings what this run holds back."""
        held: dict[tuple[str, Why], HeldBack] = {}
        for (of_location, table), holds in self._open.items():
            for key, hold in holds.items() if of_location == location_id else ():
                if hold.run_id == self._run_id and (location_id, table, key) not in self._proven:
                    why = "too many" if (location_id, table, key) in self._too_many else hold.why
                    before = held.get((table, why), HeldBack(table, why, 0, hold.first_seen_at))
                    since = min(before.since, hold.first_seen_at)
                    held[table, why] = HeldBack(table, why, before.rows + hold.rows, since)
        self._findings.of(location_id).held = list(held.values())
