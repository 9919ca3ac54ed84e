"""The planner of one run: which reads are left, and which the next load does.

Input:  the ledger and the calendars as they were when the run began, then everything that the run reads and learns.
Output: `PlannedRead`s, the most urgent first. Pure: the planner sends nothing and opens nothing.

`plan` decides what is due from the ledger alone. The planner adds what only the run knows: its calendars, windows that
failed and are left out, the share of cold windows, and the request budget.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import zip_longest
from math import ceil
from typing import NamedTuple

from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import KnownCalendars
from bookings_sync.planning.following import Following
from bookings_sync.planning.in_turn import is_urgent, within_budget
from bookings_sync.planning.ledger import Ledger, Read, within
from bookings_sync.planning.plan import PlannedRead, Span, plan_appointments, plan_slots
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window, gaps, to_ms

_NEWEST = 2
"""Unread windows of a scope that one load reads at least, newest first."""

Outside = Mapping[str, Mapping[Scope, list[Window]]]
"""By location and scope: days outside the whole range on which the warehouse holds appointments."""


class Remaining(NamedTuple):
    """The reads that a run still has to do. `over_budget` counts the reads of a location that its request budget does
    not allow, and `over_budget_hot` those of them that every run should do."""

    reads: list[PlannedRead]
    over_budget: Mapping[str, int]
    over_budget_hot: Mapping[str, int]


class Planner:
    """Plans the reads of one run. `budget_left` returns the requests that a location may still send, and `contacts` the
    reads of its contacts, if its API lists them on their own. With `following`, the run reads only what gains most."""

    def __init__(
        self,
        settings: Settings,
        span: Span,
        ledger: Ledger,
        calendars: KnownCalendars,
        outside: Outside,
        budget_left: Callable[[str], int],
        contacts: Callable[[str], list[PlannedRead]] = lambda _: [],
        following: Following | None = None,
    ) -> None:
        self.span = span
        self.ledger = ledger
        self._settings = settings
        self._calendars = calendars
        self._outside = outside
        self._budget_left = budget_left
        self._contacts = contacts
        self._following = following
        self._reads_history = False
        self._listed: set[str] = set()
        self._cold: dict[tuple[str, Scope], list[Window]] | None = None
        """The cold windows that this run reads, once their share is fixed."""
        self._left_out: dict[str, set[tuple[Scope, Window | None]]] = defaultdict(set)
        """Reads of appointments that this run does not try again."""
        self._cached: tuple[object, Remaining] | None = None

    def budget_left(self, location_id: str) -> int:
        """The requests that the location may still send."""
        return self._budget_left(location_id)

    # -- reads that are left -------------------------------------------------------------------------------------------

    def remaining(self, location_ids: Collection[str]) -> Remaining:
        """The appointment reads left for these locations, the locations in turn, within their request budgets."""
        budgets = tuple((each, self._reads_left(each)) for each in location_ids)
        known = self.ledger.noted, self._calendars.version, budgets, self._cold is None
        if self._cached is None or self._cached[0] != known:
            self._cached = known, self._remaining(dict(budgets))
        return self._cached[1]

    def _remaining(self, budgets: Mapping[str, int]) -> Remaining:
        each: list[list[PlannedRead]] = []
        over_budget: dict[str, int] = {}
        over_budget_hot: dict[str, int] = {}
        for location_id, budget in budgets.items():
            if self._following is not None:
                reads = self._due(location_id, all_cold=True) if budget > 0 else []
                each.append(self._following.choose(reads, self.ledger, self._settings, to_ms(self.span.now), budget))
                continue
            reads = self._due(location_id)
            if len(reads) > budget:
                reads = self._due(location_id, take_turns=True)
            chosen = within_budget(reads, max(budget, 0))
            if left_out := len(reads) - len(chosen):
                over_budget[location_id] = left_out
                over_budget_hot[location_id] = sum(map(is_urgent, reads)) - sum(map(is_urgent, chosen))
            each.append(chosen)
        in_turn = [read for turn in zip_longest(*each) for read in turn if read is not None]
        return Remaining(in_turn, over_budget, over_budget_hot)

    def _reads_left(self, location_id: str) -> int:
        """The planned reads that the location may still have."""
        left = self._budget_left(location_id)
        return left if self._following is None else min(left, self._following.reads_left(location_id))

    def _due(self, location_id: str, *, take_turns: bool = False, all_cold: bool = False) -> list[PlannedRead]:
        reads = plan_appointments(
            self.ledger,
            self._settings,
            location_id,
            self._calendars.scopes(location_id),
            self.span,
            self._outside.get(location_id),
            {scope for scope, _ in self._left_out.get(location_id, ())},
            take_turns=take_turns,
            all_cold=all_cold,
        )
        return [read for read in reads if self._is_open(read)]

    def next_reads(self, location_ids: Collection[str], most: int) -> list[PlannedRead]:
        """The reads of the next load, at most `most`.

        Unread history is read a few windows of each scope at a time, newest first: their density decides how long the
        next windows may be. Half of a location's budget is kept for the appointments that turn out to be missing. A run
        of `follow` has a budget for reads alone.
        """
        reads = self.remaining(location_ids).reads
        unread = {(read.location_id, read.scope): 0 for read in reads if read.reason == "backfill"}
        of_each = max(_NEWEST, ceil(self._settings.concurrency / max(len(unread), 1)))
        kept = 2 if self._following is None else 1
        allowed = {location_id: ceil(self._reads_left(location_id) / kept) for location_id in location_ids}
        chosen: list[PlannedRead] = []
        for read in reads:
            if read.reason == "backfill":
                unread[read.location_id, read.scope] += 1
                if unread[read.location_id, read.scope] > of_each:
                    continue
            if allowed[read.location_id] > 0:
                allowed[read.location_id] -= 1
                self._reads_history |= read.reason in ("first", "backfill", "outdated")
                chosen.append(read)
        return chosen[:most]

    def everything(self, location_ids: Collection[str]) -> list[PlannedRead]:
        """All reads of the run according to the warehouse: whole lists, slots, contacts and appointments."""
        reads: list[PlannedRead] = []
        for location_id in location_ids:
            scope = Scope("location", location_id)
            reads += [PlannedRead(location_id, each, scope, None, "list") for each in ("teams", "services")]
            reads += plan_slots(self._settings, location_id, self._calendars.of(location_id).services, self.span.now)
            reads += self._contacts(location_id)
        return reads + self.remaining(location_ids).reads

    @property
    def reads_history(self) -> bool:
        """Whether a load of this run has read history for the first time, or in a new way."""
        return self._reads_history

    def is_listed(self, endpoint: str) -> bool:
        """Whether the run has read this whole list (teams, services, …) already."""
        return endpoint in self._listed

    def _is_open(self, read: PlannedRead) -> bool:
        if self._is_done(read):
            return False
        if read.reason != "cold" or self._cold is None or read.window is None:
            return True
        # Of the share, what the run has not read yet. Its windows do not overlap and are sorted.
        share = self._cold.get((read.location_id, read.scope), [])
        for unread in gaps(read.window, self._read_by_this_run(read, read.window)):
            at = bisect_right(share, unread.start_ms, key=lambda owed: owed.end_ms)
            if at < len(share) and share[at].overlaps(unread):
                return True
        return False

    def _is_done(self, read: PlannedRead) -> bool:
        """Whether this run left the window out, or has read all of it except what it left out."""
        left = [window for scope, window in self._left_out.get(read.location_id, ()) if scope == read.scope]
        if not left or read.window is None:
            return bool(left)
        return not gaps(read.window, [*self._read_by_this_run(read, read.window), *filter(None, left)])

    def _read_by_this_run(self, read: PlannedRead, window: Window) -> list[Window]:
        stretches = within(self.ledger.stretches(read.location_id, read.scope), window)
        return [stretch.window for stretch in stretches if stretch.read.run_id == self.span.run_id]

    # -- what the run has learnt ---------------------------------------------------------------------------------------

    def fix_cold_share(self, location_ids: Collection[str]) -> None:
        """Fixes which cold windows this run reads. Later calls change nothing: a share computed again for each load
        would take a share of the rest, load after load."""
        if self._cold is not None:
            return
        share: dict[tuple[str, Scope], list[Window]] = defaultdict(list)
        for read in self.remaining(location_ids).reads:
            if read.reason == "cold" and read.window:
                insort(share[read.location_id, read.scope], read.window)
        self._cold = share

    def add(self, reads: Iterable[Read]) -> None:
        """Adds the completed reads of a load."""
        for read in reads:
            self.ledger.add(read)

    def leave_out(self, read: PlannedRead | Read) -> None:
        """The read failed: this run does not try the window again."""
        if read.endpoint == "appointments":  # whole lists and slots are tried once in any case
            self._cached = None
            self._left_out[read.location_id].add((read.scope, read.window))

    def mark_listed(self, endpoint: str) -> None:
        """The run has read this whole list."""
        self._listed.add(endpoint)
