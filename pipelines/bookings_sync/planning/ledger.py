"""The ledger: which windows have been read, when, and what the replies were.

Input:  the rows of the raw table `reads` whose load is complete (`warehouse`), and the reads of this run.
Output: `Ledger`, which `plan` asks what has never been read, what was read longest ago, and how dense a calendar is;
        and the rows for the raw table `reads`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

from bookings_sync.planning.scopes import Kind, Scope
from bookings_sync.planning.windows import Window, gaps

Endpoint = Literal["teams", "services", "appointments", "slots"]


@dataclass(frozen=True, slots=True)
class Read:
    """One complete read. `window` is None for what is listed whole; `read_at_ms` is when its request was sent."""

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

    @property
    def read_id(self) -> str:
        """Reads of slots begin at the very moment of the run: they are told apart by their scope alone, not by their
        window, and the newest stands."""
        window = (
            "" if self.window is None or self.endpoint == "slots" else f"{self.window.start_ms}/{self.window.end_ms}"
        )
        name = "\x1f".join((self.location_id, self.endpoint, self.scope.kind, self.scope.id, window))
        return blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time and the newest read that covered it. `rows` is that read's, in proportion."""

    window: Window
    read: Read

    @property
    def rows(self) -> float:
        assert self.read.window is not None  # noqa: S101 - only windowed reads make stretches
        return self.read.reply_rows * self.window.length_ms / self.read.window.length_ms

    @property
    def whole(self) -> bool:
        """Whether the read still stands over all of its window: no part of it has been read again since."""
        return self.window == self.read.window


class Ledger:
    """Every complete read, the newest of each scope and window."""

    def __init__(self, reads: Iterable[Read] = ()) -> None:
        self._reads: dict[tuple[str, Endpoint, Scope], dict[Window | None, Read]] = defaultdict(dict)
        self._stretches: dict[tuple[str, Endpoint, Scope], list[Stretch]] = {}
        self._last_read: dict[str, dict[str, int]] = defaultdict(dict)
        """When the last read of each run was sent, by location."""
        self.locations: set[str] = set()
        self.kinds: set[Kind] = set()
        """By what appointments have been listed."""
        self._largest_reply: dict[str, int] = defaultdict(int)
        self.noted = 0
        """How many reads have been added."""
        for read in reads:
            self.add(read)

    def add(self, read: Read) -> None:
        self.noted += 1
        key = (read.location_id, read.endpoint, read.scope)
        self._reads[key].pop(read.window, None)  # so that it stands last: of two sent at one instant, the later counts
        self._reads[key][read.window] = read
        self._stretches.pop(key, None)
        self.locations.add(read.location_id)
        of_runs = self._last_read[read.location_id]
        of_runs[read.run_id] = max(of_runs.get(read.run_id, 0), read.read_at_ms)
        if read.endpoint == "appointments":
            self.kinds.add(read.scope.kind)
            self._largest_reply[read.location_id] = max(self._largest_reply[read.location_id], read.reply_rows)

    def all(self) -> Iterator[Read]:
        for reads in self._reads.values():
            yield from reads.values()

    def scopes(self, location_id: str, endpoint: Endpoint) -> list[Scope]:
        return [scope for location, of, scope in self._reads if location == location_id and of == endpoint]

    def newest(self, location_id: str, endpoint: Endpoint, scope: Scope) -> Read | None:
        """The read of this scope sent last, whatever its window."""
        reads = self._reads.get((location_id, endpoint, scope), {}).values()
        return max(reads, key=lambda read: read.read_at_ms, default=None)

    def largest_reply(self, location_id: str) -> int:
        """The most records in any reply with appointments; 0 before the first."""
        return self._largest_reply.get(location_id, 0)

    def last_run(self, location_id: str, *, other_than: str) -> int:
        """When the last read of another run was sent, epoch milliseconds; 0 if there is none."""
        of_runs = self._last_read.get(location_id, {})
        return max((at for run_id, at in of_runs.items() if run_id != other_than), default=0)

    def stretches(self, location_id: str, scope: Scope) -> list[Stretch]:
        """What is known of a scope's appointments: stretches that do not overlap, oldest first, each with the newest
        read that covered it."""
        key: tuple[str, Endpoint, Scope] = (location_id, "appointments", scope)
        if key not in self._stretches:
            self._stretches[key] = _newest_stretches(self._reads.get(key, {}).values())
        return self._stretches[key]

    def relied_on(self, location_id: str, scope: Scope, window: Window, rules: str) -> Read | None:
        """The last read of this very window, where the warehouse holds just what its reply said; None where that cannot
        be relied on: its digest is void, or it was read under other privacy rules, or a part of it has been read again
        since."""
        for stretch in self.stretches(location_id, scope):
            if stretch.window == window and stretch.whole and stretch.read.rules == rules:
                return stretch.read if stretch.read.reply_digest is not None else None
        return None

    def covering(self, location_id: str, scope: Scope, instant_ms: int) -> list[Read]:
        """The reads of a scope whose window holds an instant."""
        reads = self._reads.get((location_id, "appointments", scope), {}).values()
        return [r for r in reads if r.window and r.window.holds(instant_ms)]

    def holding(self, location_id: str, scope: Scope, instants_ms: Sequence[int]) -> list[Read]:
        """The reads of a scope whose window holds any of these instants, which stand in order."""
        reads = self._reads.get((location_id, "appointments", scope), {}).values()
        return [
            r
            for r in reads
            if r.window and bisect_left(instants_ms, r.window.start_ms) < bisect_left(instants_ms, r.window.end_ms)
        ]

    def overlapping(self, read: Read) -> list[Read]:
        """The reads of the same scope whose window meets this one's."""
        window = read.window
        if window is None or not within(self.stretches(read.location_id, read.scope), window):
            return []
        reads = self._reads[read.location_id, "appointments", read.scope].values()
        return [other for other in reads if other.window and other.window.overlaps(window)]


def within(stretches: list[Stretch], window: Window) -> list[Stretch]:
    """Those that meet the window. `stretches` do not overlap and stand in order, so it is found by bisection."""
    first = bisect_right(stretches, window.start_ms, key=lambda stretch: stretch.window.end_ms)
    return stretches[first : bisect_left(stretches, window.end_ms, key=lambda stretch: stretch.window.start_ms)]


def _newest_stretches(reads: Iterable[Read]) -> list[Stretch]:
    """`reads` as they were added: by their instants, but this run's own last, for its clock may have been set back."""
    stretches: list[Stretch] = []
    for read in reversed(list(reads)):
        if read.window is not None:
            covered = [stretch.window for stretch in within(stretches, read.window)]
            for gap in gaps(read.window, covered):
                insort(stretches, Stretch(gap, read), key=lambda stretch: stretch.window.start_ms)
    return stretches


def without_digest(read: Read) -> Read:
    """The same read, its reply no longer relied on: the next reply will be looked at, whatever its digest."""
    return replace(read, reply_digest=None, record_digests=None)
