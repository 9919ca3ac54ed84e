"""Invalidation: which earlier replies a change makes stale.

Input:  the completed reads, and one `Change` that a load found out.
Output: `Stale`: the reads that lose their reply digest. Pure.

A read's digest means "the warehouse holds exactly what this reply said", so an equal reply next time needs no decoding.
This is no longer true once a row of the window reaches the warehouse through another list or by its id. The digest must
then go, or the connector would skip a reply that differs from the warehouse. `RULES` lists every such case. Digests go
at once and do not wait for a newer read of the same window: clocks may be wrong, and the newer read may be killed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bookings_sync.planning.ledger import Ledger, Read, without_digest
from bookings_sync.planning.scopes import Scope

What = Literal[
    "news", "listed", "moved", "looked up", "deleted", "contact changed", "contradicted", "omitted", "restaged",
    "unverified", "held back", "slots closed",
]  # fmt: skip

ReadOfRun = tuple[str, str]
"""The `read_id` and the `run_id` of a read: a later read of the same list is another one."""

Places = Mapping[Scope, Sequence[int]]
"""When rows start (epoch milliseconds, sorted), by each scope that lists them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a load found out.

    `read` is the read that found it, or that it contradicts. `places` are where the changed rows are listed, without
    the place in `read`'s own window and scope.
    """

    what: What
    location_id: str
    read: Read | None = None
    places: Places = field(default_factory=dict)


class Stale(NamedTuple):
    """Reads to invalidate: of earlier loads, and of the present one. `dropped` reads do not count as complete at
    all."""

    earlier: list[Read]
    current: list[Read]
    dropped: list[Read]


class Reads(NamedTuple):
    """The completed reads: of earlier loads, and of the present one."""

    earlier: Ledger
    current: Ledger


class Rule(NamedTuple):
    """`stale` gives the reads that a change of kind `what` makes stale, and `reason` is why."""

    name: str
    what: What
    stale: Callable[[Reads, Change], Stale]
    reason: str


def _reads_of_the_places(reads: Reads, change: Change) -> Stale:
    """Every read with one of the places in its window."""
    earlier: list[Read] = []
    current: list[Read] = []
    for scope, starts in change.places.items():
        earlier += reads.earlier.holding(change.location_id, scope, starts)
        current += reads.current.holding(change.location_id, scope, starts)
    return Stale(earlier, current, [])


def _overlapping_windows(reads: Reads, change: Change) -> Stale:
    """The reads of earlier loads over the same time and scope, but with another window."""
    assert change.read is not None  # noqa: S101 - changes of this kind name their read
    return Stale(_others(reads.earlier.overlapping(change.read), change.read), [], [])


def _the_read_itself(_: Reads, change: Change) -> Stale:
    assert change.read is not None  # noqa: S101 - changes of this kind name their read
    return Stale([], [change.read], [])


def _the_earlier_read_itself(_: Reads, change: Change) -> Stale:
    assert change.read is not None  # noqa: S101 - changes of this kind name their read
    return Stale([change.read], [], [])


def _drop_the_read(reads: Reads, change: Change) -> Stale:
    """The read does not count, so its window is as old as before. Its rows are loaded, and the earlier reads
    of that time did not have them."""
    assert change.read is not None  # noqa: S101 - changes of this kind name their read
    return Stale(list(reads.earlier.overlapping(change.read)), [], [change.read])


def _drop_the_read_of_the_list(reads: Reads, change: Change) -> Stale:
    """The same for a list that is read as a whole: the read before it did not have the rows that are loaded."""
    assert change.read is not None  # noqa: S101 - changes of this kind name their read
    before = reads.earlier.newest(change.location_id, change.read.endpoint, change.read.scope)
    return Stale([before] if before is not None else [], [], [change.read])


def _others(found: Iterable[Read], read: Read) -> list[Read]:
    return [other for other in found if other.window != read.window]


RULES: tuple[Rule, ...] = (
    Rule(
        "news in an overlapping window",
        "news",
        _overlapping_windows,
        "A list brought something new. Earlier reads that cut the same time into other windows did not say it.",
    ),
    Rule(
        "a listed row is in other lists too",
        "listed",
        _reads_of_the_places,
        "A row is new or changed. The lists of its other scopes, and of the window that it starts in, said otherwise.",
    ),
    Rule(
        "a moved row left its old place",
        "moved",
        _reads_of_the_places,
        "A row was found in another window or scope. The lists of its old place still claim it.",
    ),
    Rule(
        "a row found by its id",
        "looked up",
        _reads_of_the_places,
        "A row was loaded by its id. No list of its old or its new place told what the warehouse now holds.",
    ),
    Rule(
        "a deleted row",
        "deleted",
        _reads_of_the_places,
        "A row became a tombstone. Should it come back exactly as it was, a list that held it before looks unchanged.",
    ),
    Rule(
        "a changed contact",
        "contact changed",
        _reads_of_the_places,
        "A contact changed. Every list with one of the contact's appointments embeds the contact as it was.",
    ),
    Rule(
        "a record told in two ways",
        "contradicted",
        _the_read_itself,
        "Two replies of one load differ about a record. The first was loaded, so the second reply is not what is held.",
    ),
    Rule(
        "a list that omits a living row",
        "omitted",
        _the_read_itself,
        "A row is missing from a list and found by its id. An equal reply next time must be checked again.",
    ),
    Rule(
        "a list that omits a row another list has",
        "restaged",
        _the_read_itself,
        "A row is missing from a list, but another list says that it belongs there. The reply is not what is held.",
    ),
    Rule(
        "a missing row that could not be verified",
        "unverified",
        _drop_the_read,
        "A missing row was neither found nor refused. What its window holds is unknown, so the read does not count.",
    ),
    Rule(
        "a whole list with deletions that are held back",
        "held back",
        _drop_the_read_of_the_list,
        "Rows that the list no longer has stay live, until more runs see the same. So the reply is not what is held.",
    ),
    Rule(
        "the slots of a service that disappeared",
        "slots closed",
        _the_earlier_read_itself,
        "A service is no longer listed, and its slots became tombstones. Should it come back, they must be read again.",
    ),
)


def stale_reads(reads: Reads, change: Change, rules: Iterable[Rule] = RULES) -> Stale:
    """The reads that a change makes stale, by every rule for its kind."""
    earlier: list[Read] = []
    current: list[Read] = []
    dropped: list[Read] = []
    for rule in rules:
        if rule.what == change.what:
            stale = rule.stale(reads, change)
            earlier += stale.earlier
            current += stale.current
            dropped += stale.dropped
    return Stale(earlier, current, dropped)


def before_torn_load(reads: Iterable[tuple[Read, str]], torn_load: str) -> Iterator[Read]:
    """The reads without the digests that a torn load makes stale: a load that reached some tables and not others left
    rows that no completed read told of. `reads` come with their load ids; ids are instants, so they sort by age.
    `torn_load` is the newest torn load, "" if there is none."""
    for read, load_id in reads:
        yield without_digest(read) if load_id < torn_load else read


def unsure_of_rows(
    reads: Iterable[tuple[Read, str]], torn_loads: Mapping[str, str], told: Collection[str]
) -> frozenset[ReadOfRun]:
    """The reads whose rows a torn load may have written again in another way, without an entry that says how.
    `torn_loads` are the newest by location; `told` are the locations whose torn loads left such entries."""
    return frozenset(
        (read.read_id, read.run_id)
        for read, load_id in reads
        if read.location_id not in told and load_id < torn_loads.get(read.location_id, "")
    )
