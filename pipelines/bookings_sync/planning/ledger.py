"""The ledger: which windows were read, when, and what the replies were.

Input:  the completed reads of earlier runs, from the raw table `reads`, and those of this run.
Output: `Ledger`. It shows the plan which time was never read, which was read longest ago, and how dense a
        calendar is. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

from bookings_sync.planning.scopes import Kind, Scope
from bookings_sync.planning.windows import ALL_TIME, Window, gaps

Endpoint = Literal["teams", "services", "appointments", "contacts", "slots", "contents"]
"""`contacts` are those that an API lists on their own (`planning.contacts`). `contents` is no read: this entry counts
the rows of the location the warehouse holds (`changes.contents`)."""


@dataclass(frozen=True, slots=True)
class Read:
    """One completed read. `window` is None for whole lists. `read_at_ms` is when the request was sent, epoch
    milliseconds. `reply_digest` is None if an equal reply must still be decoded. `rules` fingerprint how the reply was
    read (`records.interpretation`), or are `LOST`. Only entries of `contents` have `contents`, as JSON."""

    location_id: str
    endpoint: Endpoint
    scope: Scope
    window: Window | None
    read_at_ms: int
    run_id: str
    rules: str
    reply_digest: str | None
    reply_bytes: int
    reply_rows: int
    seconds: float
    record_digests: bytes | None = field(default=None, repr=False)
    contents: str | None = None
    reply_cap: int | None = None
    """The number of records at which the API was known to cut such replies off."""
    rules_before: str | None = None
    """The other `rules` by which the rows of the window may have been read until then, separated by blanks. If the load
    of this read was torn, some rows are still read by these."""

    @property
    def read_id(self) -> str:
        """The key of the read in the table `reads`. Windows of slots start at the moment of the run, so the newest read
        of a service's slots replaces the one before."""
        window = (
            "" if self.window is None or self.endpoint == "slots" else f"{self.window.start_ms}/{self.window.end_ms}"
        )
        name = "\x1f".join((self.location_id, self.endpoint, self.scope.kind, self.scope.id, window))
        return blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time and the newest read that covered it. `rows` is the read's share of rows for this stretch."""

    window: Window
    read: Read

    @property
    def rows(self) -> float:
        assert self.read.window is not None  # noqa: S101 - only windowed reads make stretches
        return self.read.reply_rows * self.window.length_ms / self.read.window.length_ms

    @property
    def is_whole(self) -> bool:
        """Whether no part of the read's window has been read again since."""
        return self.window == self.read.window


class Ledger:
    """The newest completed read of each scope and window."""

    def __init__(self, reads: Iterable[Read] = ()) -> None:
        self._reads: dict[tuple[str, Endpoint, Scope], dict[Window | None, Read]] = defaultdict(dict)
        self._stretches: dict[tuple[str, Endpoint, Scope], list[Stretch]] = {}
        self._last_read: dict[str, dict[str, int]] = defaultdict(dict)
        """By location and run: when its last read was sent."""
        self.locations: set[str] = set()
        self.kinds: set[Kind] = set()
        """The kinds of scopes that appointments were listed by."""
        self._largest_reply: dict[tuple[str, Kind], int] = defaultdict(int)
        self._reply_caps: dict[tuple[str, Kind], int | None] = {}
        self._heeds_windows: set[tuple[str, Kind]] = set()
        self.noted = 0
        """Number of reads added so far."""
        for read in reads:
            self.add(read)

    def add(self, read: Read) -> None:
        self.noted += 1
        key = (read.location_id, read.endpoint, read.scope)
        self._reads[key].pop(read.window, None)  # insertion order breaks ties between reads sent at one instant
        self._reads[key][read.window] = read
        if read.endpoint == "contents":
            return
        self._stretches.pop(key, None)
        self.locations.add(read.location_id)
        of_runs = self._last_read[read.location_id]
        of_runs[read.run_id] = max(of_runs.get(read.run_id, 0), read.read_at_ms)
        if read.endpoint == "appointments":
            self.kinds.add(read.scope.kind)
            kind = read.location_id, read.scope.kind
            self._largest_reply[kind] = max(self._largest_reply[kind], read.reply_rows)
            if self._reply_caps.get(kind) != read.reply_cap:
                self.learn_reply_cap(*kind, read.reply_cap)

    def all(self) -> Iterator[Read]:
        for reads in self._reads.values():
            yield from reads.values()

    def scopes(self, location_id: str) -> list[Scope]:
        """The scopes that appointments were listed by."""
        return [scope for each, endpoint, scope in self._reads if (each, endpoint) == (location_id, "appointments")]

    def newest(self, location_id: str, endpoint: Endpoint, scope: Scope) -> Read | None:
        """The last read of a scope with any window."""
        reads = self._reads.get((location_id, endpoint, scope), {}).values()
        return max(reads, key=lambda read: read.read_at_ms, default=None)

    # -- what replies of this API are like -----------------------------------------------------------------------------

    def largest_reply(self, location_id: str, kind: Kind) -> int:
        """The most records in any list of appointments by this kind of scope; 0 before the first."""
        return self._largest_reply.get((location_id, kind), 0)

    def reply_cap(self, location_id: str, kind: Kind) -> int | None:
        """The number of records at which the API cuts these lists off, as far as it was found out."""
        return self._reply_caps.get((location_id, kind))

    def learn_reply_cap(self, location_id: str, kind: Kind, cap: int | None) -> None:
        """Reads with this many records or more no longer count, because their replies were cut off."""
        self._reply_caps[location_id, kind] = cap
        for key in list(self._stretches):  # threads that send requests ask for stretches too
            if key[0] == location_id and key[2].kind == kind:
                self._stretches.pop(key, None)

    def ignores_windows(self, location_id: str, kind: Kind) -> bool:
        """Whether every list by this kind of scope is the whole calendar, whatever the window. The newest read of some
        scope then covers all time."""
        if (location_id, kind) in self._heeds_windows:
            return False
        of_kind = (self._reads[key] for key in self._of_kind(location_id, kind))
        return any(next(reversed(reads), None) == ALL_TIME for reads in of_kind)

    def learn_windows_are_heeded(self, location_id: str, kind: Kind) -> None:
        """The API no longer ignores windows."""
        self._heeds_windows.add((location_id, kind))

    def replies_of_size(self, location_id: str, kind: Kind, size: int) -> list[Read]:
        """The newest reads that found exactly this many records, without those that were partly read again since."""
        scopes = [scope for _, _, scope in self._of_kind(location_id, kind)]
        stretches = (stretch for scope in scopes for stretch in self.stretches(location_id, scope))
        return [each.read for each in stretches if each.is_whole and each.read.reply_rows == size]

    def _of_kind(self, location_id: str, kind: Kind) -> list[tuple[str, Endpoint, Scope]]:
        return [key for key in self._reads if key[:2] == (location_id, "appointments") and key[2].kind == kind]

    def last_run(self, location_id: str, *, other_than: str) -> int:
        """When the last read of another run was sent, epoch milliseconds; 0 if there is none."""
        of_runs = self._last_read.get(location_id, {})
        return max((at for run_id, at in of_runs.items() if run_id != other_than), default=0)

    def stretches(self, location_id: str, scope: Scope) -> list[Stretch]:
        """The time that was read of a scope: stretches that do not overlap, oldest first, each with its newest read."""
        key: tuple[str, Endpoint, Scope] = (location_id, "appointments", scope)
        stretches = self._stretches.get(key)
        if stretches is None:
            cap = self.reply_cap(location_id, scope.kind)
            reads = self._reads.get(key, {}).values()
            stretches = _newest_stretches(r for r in reads if not cap or r.reply_rows < cap)
            self._stretches[key] = stretches
        return stretches

    def relied_on(self, location_id: str, scope: Scope, window: Window, rules: str) -> Read | None:
        """The last read of exactly this window, if the warehouse holds exactly what its reply said.

        None if the read was invalidated, was read in another way, or part of the window was read again since.
        """
        for stretch in self.stretches(location_id, scope):
            if stretch.window == window and stretch.is_whole and stretch.read.rules == rules:
                return stretch.read if stretch.read.reply_digest is not None else None
        return None

    def of_window(self, read: Read) -> Read | None:
        """The newest read with the same endpoint, scope and window."""
        return self._reads.get((read.location_id, read.endpoint, read.scope), {}).get(read.window)

    def covering(self, location_id: str, scope: Scope, instant_ms: int) -> list[Read]:
        """The reads of a scope with this instant in their window."""
        reads = self._reads.get((location_id, "appointments", scope), {}).values()
        return [r for r in reads if r.window and r.window.holds(instant_ms)]

    def holding(self, location_id: str, scope: Scope, instants_ms: Sequence[int]) -> list[Read]:
        """The reads of a scope with any of these instants in their window. The instants are sorted."""
        reads = self._reads.get((location_id, "appointments", scope), {}).values()
        return [
            r
            for r in reads
            if r.window and bisect_left(instants_ms, r.window.start_ms) < bisect_left(instants_ms, r.window.end_ms)
        ]

    def overlapping(self, read: Read) -> list[Read]:
        """The reads of the same scope that overlap this one's window."""
        window = read.window
        if window is None or not within(self.stretches(read.location_id, read.scope), window):
            return []
        reads = self._reads[read.location_id, "appointments", read.scope].values()
        return [other for other in reads if other.window and other.window.overlaps(window)]


def within(stretches: list[Stretch], window: Window) -> list[Stretch]:
    """The stretches that overlap the window, by bisection: `stretches` are sorted and do not overlap."""
    first = bisect_right(stretches, window.start_ms, key=lambda stretch: stretch.window.end_ms)
    return stretches[first : bisect_left(stretches, window.end_ms, key=lambda stretch: stretch.window.start_ms)]


def _newest_stretches(reads: Iterable[Read]) -> list[Stretch]:
    """Stretches from reads in the order they were added. A later one wins, even if its clock was set back."""
    stretches: list[Stretch] = []
    for read in reversed(list(reads)):
        if read.window is not None:
            covered = [stretch.window for stretch in within(stretches, read.window)]
            for gap in gaps(read.window, covered):
                insort(stretches, Stretch(gap, read), key=lambda stretch: stretch.window.start_ms)
    return stretches


def without_digest(read: Read) -> Read:
    """The same read, invalidated: the next reply is decoded even if it is equal."""
    return replace(read, reply_digest=None, record_digests=None)


LOST = "lost"
"""The `rules` of a read whose rows may be gone from the warehouse. No run reads by these rules, so the next runs read
the window again, as they do after an upgrade."""


def with_lost_rows(read: Read) -> Read:
    """The same read after the warehouse may have lost rows of it."""
    return replace(read, reply_digest=None, record_digests=None, rules=LOST)
