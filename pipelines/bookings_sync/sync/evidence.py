"""Evidence: what the lists of a run have shown about the API, and the reads that show more.

Input:  the decoded lists of one run.
Output: `Evidence` of each location and kind of list; `Probe`, a doubt and the reads that settle it. `doubts` decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from bookings_sync.api.listing import Listing
from bookings_sync.dialects.replies import Reply
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.scopes import Kind, Scope
from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Batch


class Listed(NamedTuple):
    """A list of appointments that was decoded, and its rows."""

    read: PlannedRead
    reply: Reply[Listing]
    listing: Listing
    batch: Batch

    @property
    def ids(self) -> set[Key]:
        return set(self.batch.rows["appointments"].keys)


class Judged(NamedTuple):
    """Lists to compare with the warehouse, and reads to send next."""

    take: list[Listed]
    ask: list[PlannedRead]

    def also(self, other: Judged) -> Judged:
        return Judged(self.take + other.take, self.ask + other.ask)


NOTHING = Judged([], [])

What = Literal["parts", "whole again", "far days"]


@dataclass(slots=True)
class Probe:
    """Reads that settle a doubt about a reply of `total` records for the read `whole`. `size` is that of the largest
    list in the reply, at which an API may cut lists off."""

    what: What
    whole: PlannedRead
    size: int
    total: int
    asked: list[PlannedRead]
    ids: set[Key] = field(default_factory=set)
    answers: list[Listed] = field(default_factory=list)
    is_second: bool = False


@dataclass(slots=True)
class Evidence:
    """What the replies of one location's lists by one kind of scope have shown. `ignores_windows` is None until it was
    tried in this run."""

    location_id: str
    kind: Kind
    cap: int | None
    is_first: bool
    """Whether no earlier run has read such a list with records."""
    largest: int = 0
    of_largest: dict[tuple[Scope, Window | None], Probe] = field(default_factory=dict)
    """The reads with the largest replies, and what would settle a doubt about each."""
    whole_sizes: set[int] = field(default_factory=set)
    """Sizes at which replies are not cut off."""
    undecided: set[int] = field(default_factory=set)
    """Sizes that the request budget did not suffice to try."""
    ignores_windows: bool | None = None
    taken: set[Scope] = field(default_factory=set)
    """Scopes that were read whole, because the API ignores windows."""
    probe: Probe | None = None
    waiting: list[Listed] = field(default_factory=list)


def probes(reads: Iterable[PlannedRead]) -> list[PlannedRead]:
    """The reads, marked as sent to settle a doubt."""
    return [replace(read, is_probe=True) for read in reads]


def parts_of(listed: Listed) -> list[PlannedRead]:
    """The window in two, with half of the listed appointments in each; none if all of them start at one instant."""
    window = window_of(listed.read)
    starts = sorted(filter(None, listed.batch.rows["appointments"].starts_ms()))
    inside = [start for start in starts if window.start_ms < start < window.end_ms]
    later = [start for start in inside if start >= starts[len(starts) // 2]]
    if listed.listing.missing is None:
        later = [start for start in later if start > starts[0]]
    if not later:
        return []
    parts = Window(window.start_ms, later[0]), Window(later[0], window.end_ms)
    return probes(replace(listed.read, window=part) for part in parts)


def are_same(one: set[Key], other: set[Key]) -> bool:
    """Whether two lists are the same, except for changes between the two requests."""
    return bool(one) and 2 * len(one & other) > max(len(one), len(other))


def is_elsewhere(listed: Listed) -> bool:
    """Whether most of a list lies outside its window: ends a day before it or starts a day after it."""
    rows, window = listed.batch.rows["appointments"], window_of(listed.read)
    if not len(rows) or listed.listing.missing is not None:
        return False
    import pyarrow as pa
    import pyarrow.compute as pc  # slow to import; a run that only plans never needs it

    starts, ends = rows.columns["start_time"], rows.columns["end_time"]
    first, last = (pa.scalar(at * 1000, starts.type) for at in (window.start_ms - DAY_MS, window.end_ms + DAY_MS))
    outside = pc.or_(pc.less(pc.coalesce(ends, starts), first), pc.greater(starts, last))
    return 2 * int(pc.sum(outside).as_py() or 0) > len(rows)
