"""Doubts: whether a reply is all that the API holds of its window, and only that.

Input:  the decoded lists of one run.
Output: `Judged`: the lists that may be compared with the warehouse, and further reads that settle a doubt.

No list of the API pages. Whether the API limits a list without saying so, and whether it heeds the window, is UNK.
There are two doubts. Each is tried on one reply, while the other replies that raise it wait:

- A reply may be cut off. It has as many records as a usual limit, or two windows have the same largest number, and no
  larger reply was seen. The first sync also tries its largest reply, whatever its size. Two parts of the window are
  read. If they hold more together, the API has a cap: replies of that size no longer count, and their windows are read
  in halves. Otherwise replies of that size are whole.
- The API may ignore windows. Most of the reply lies outside its window. A day far in the past and a day far ahead are
  read. If both replies equal this one, each reply is the whole calendar, and one read of each scope is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from bookings_sync.api.listing import Listing
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError, BudgetSpent
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.scopes import Kind, Scope
from bookings_sync.planning.windows import ALL_TIME, DAY_MS, FAR_DAYS, Window
from bookings_sync.records.columns import Key
from bookings_sync.records.rows import Batch
from bookings_sync.sync.findings import Findings

_USUAL = frozenset({20, 25, 50, 100, 200, 250, 300, 400, 500, 1_000, 2_000, 2_500, 5_000, 10_000})
"""Numbers of records at which APIs limit their lists."""

_LEAST_UNUSUAL = 10
"""Records. Two windows of a quiet calendar often have the same few records, and no API has a smaller limit."""

_LEAST_PARTED = 2
"""Records. A smaller reply has no two parts."""

_NEW_MEANWHILE = 3
"""Records. So many more in the parts may have been added since the whole was read. The whole is then read again."""


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


_NOTHING = Judged([], [])

What = Literal["parts", "whole again", "far days"]


@dataclass(slots=True)
class _Probe:
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
class _Evidence:
    """What the replies of one location's lists by one kind of scope have shown. `ignores_windows` is None until it was
    tried in this run."""

    location_id: str
    kind: Kind
    cap: int | None
    is_first: bool
    """Whether no earlier run has read such a list with records."""
    largest: int = 0
    of_largest: dict[tuple[Scope, Window | None], _Probe] = field(default_factory=dict)
    """The reads with the largest replies, and what would settle a doubt about each."""
    whole_sizes: set[int] = field(default_factory=set)
    """Sizes at which replies are not cut off."""
    undecided: set[int] = field(default_factory=set)
    """Sizes that the request budget did not suffice to try."""
    ignores_windows: bool | None = None
    taken: set[Scope] = field(default_factory=set)
    """Scopes that were read whole, because the API ignores windows."""
    probe: _Probe | None = None
    waiting: list[Listed] = field(default_factory=list)


class Doubts:
    """The doubts of one run. `configured_cap` is the setting `reply_cap`; 0 means that no cap is known."""

    def __init__(self, configured_cap: int, ledger: Ledger, findings: Findings) -> None:
        self._configured_cap = configured_cap
        self._ledger = ledger
        self._findings = findings
        self._evidence: dict[tuple[str, Kind], _Evidence] = {}

    # -- queries -------------------------------------------------------------------------------------------------------

    def ignores_windows(self, read: PlannedRead) -> bool:
        """Whether this run has found out that lists of this kind are the whole calendar, whatever their window."""
        evidence = self._evidence.get((read.location_id, read.scope.kind))
        return evidence is not None and evidence.ignores_windows is True

    def with_reply_cap(self, read: Read) -> Read:
        """The read with the cap that later runs should know of."""
        cap = self._ledger.reply_cap(read.location_id, read.scope.kind)
        return read if read.endpoint != "appointments" or cap == read.reply_cap else replace(read, reply_cap=cap)

    # -- replies -------------------------------------------------------------------------------------------------------

    def judge(self, listed: Listed) -> Judged:
        """What to do with a list now. A list that raises a doubt waits until the doubt is settled."""
        evidence = self._of(listed.read)
        probe = evidence.probe
        if not listed.read.is_probe:
            return self._judge(evidence, listed)
        if probe is None or listed.read not in probe.asked:
            return _NOTHING  # the doubt has been settled since
        probe.asked.remove(listed.read)
        probe.answers.append(listed)
        return _NOTHING if probe.asked else self._settle(evidence, probe)

    def failed(self, read: PlannedRead, error: ApiError) -> Judged:
        """A read that should have settled a doubt failed. The replies that wait are taken as they are, except if only
        the request budget is spent: they are read again by the next run."""
        evidence = self._of(read)
        probe, evidence.probe = evidence.probe, None
        if probe is None:
            return _NOTHING
        if isinstance(error, BudgetSpent):
            evidence.waiting = []
            evidence.undecided.add(probe.size)
        elif probe.what == "far days":
            evidence.ignores_windows = False
        else:
            evidence.whole_sizes.add(probe.size)
            self._warn(evidence, f"it could not be tried whether lists are cut off at {probe.size} appointments")
        return self._release(evidence)

    def end(self) -> None:
        """The load takes no more lists. The reads that wait stay due."""
        for evidence in self._evidence.values():
            evidence.probe, evidence.waiting = None, []

    def late(self, location_ids: Collection[str]) -> list[PlannedRead]:
        """Reads that settle a doubt which only all replies of a load raise together: several have the same largest
        number of records."""
        asked: list[PlannedRead] = []
        for evidence in self._evidence.values():
            if evidence.location_id not in location_ids or evidence.probe is not None or evidence.ignores_windows:
                continue
            size, largest = evidence.largest, self._ledger.largest_reply(evidence.location_id, evidence.kind)
            least = _LEAST_PARTED if evidence.is_first else _LEAST_UNUSUAL
            if size < max(largest, least) or self._cap(evidence):
                continue
            if size in evidence.whole_sizes | evidence.undecided:
                continue
            same = self._ledger.replies_of_size(evidence.location_id, evidence.kind, size)
            new = [read for read in same if (read.scope, read.window) in evidence.of_largest]
            if (len(same) > 1 or evidence.is_first) and new:
                asked += self._try(evidence, evidence.of_largest[new[0].scope, new[0].window])
        return asked

    def _judge(self, evidence: _Evidence, listed: Listed) -> Judged:
        read = listed.read
        if evidence.ignores_windows:
            return self._take_everything(evidence, listed)
        if evidence.ignores_windows is None and (read.window == ALL_TIME or _is_elsewhere(listed)):
            days = _probes(replace(read, window=day, sends=None) for day in FAR_DAYS)
            size, total = listed.listing.largest, listed.listing.size
            return self._wait(evidence, listed, _Probe("far days", read, size, total, days, listed.ids))
        if read.window == ALL_TIME:
            self._ledger.learn_windows_are_heeded(evidence.location_id, evidence.kind)
            listed = listed._replace(read=replace(read, window=read.sends, sends=None))
        return self._judge_size(evidence, listed)

    def _judge_size(self, evidence: _Evidence, listed: Listed) -> Judged:
        read, size = listed.read, listed.listing.largest
        cap = self._cap(evidence)
        if cap and size > cap:
            self._refute_cap(evidence, size)
        elif cap and size == cap:
            if window_of(read).can_split:
                return Judged([], read.halves())
            self._warn(evidence, f"a window of a minute holds {cap} appointments or more, and lists are cut off there")
            return Judged([listed], [])
        if size > evidence.largest:
            evidence.largest = size
            evidence.of_largest.clear()
        parts = _parts(listed) if size == evidence.largest else []
        probe = _Probe("parts", replace(read, is_probe=True), size, listed.listing.size, parts)
        if parts:
            evidence.of_largest[read.scope, read.window] = probe
        seen = max(evidence.largest, self._ledger.largest_reply(evidence.location_id, evidence.kind))
        is_doubtful = size in _USUAL and size >= seen and size not in evidence.whole_sizes
        if is_doubtful and parts:
            return self._wait(evidence, listed, probe)
        return Judged([listed], [])

    def _wait(self, evidence: _Evidence, listed: Listed, probe: _Probe) -> Judged:
        evidence.waiting.append(listed)
        return Judged([], [] if evidence.probe is not None else self._try(evidence, probe))

    def _try(self, evidence: _Evidence, probe: _Probe) -> list[PlannedRead]:
        evidence.probe = probe
        return list(probe.asked)

    # -- settling a doubt ----------------------------------------------------------------------------------------------

    def _settle(self, evidence: _Evidence, probe: _Probe) -> Judged:
        evidence.probe = None
        settle = {"parts": self._compare_parts, "whole again": self._compare_again, "far days": self._compare_far}
        asked = settle[probe.what](evidence, probe)
        return Judged([], asked) if asked else self._release(evidence)

    def _release(self, evidence: _Evidence) -> Judged:
        """Judges the lists that wait once more, by what is known now."""
        waiting, evidence.waiting = evidence.waiting, []
        judged = _NOTHING
        for listed in waiting:
            judged = judged.also(self._judge(evidence, listed))
        return judged

    def _compare_parts(self, evidence: _Evidence, probe: _Probe) -> list[PlannedRead]:
        """Each part holds about half of the reply's records. So if the reply was cut off, the parts hold more."""
        found = len(set().union(*(part.ids for part in probe.answers)))
        if found > probe.total + _NEW_MEANWHILE:
            self._learn_cap(evidence, probe.size)
        elif found > probe.total:
            again = replace(probe, what="whole again", asked=_probes([probe.whole]), answers=[])
            return self._try(evidence, again)
        elif parts := self._other_parts(probe):
            return self._try(evidence, replace(probe, asked=parts, answers=[], is_second=True))
        else:
            evidence.whole_sizes.add(probe.size)
        return []

    def _other_parts(self, probe: _Probe) -> list[PlannedRead]:
        """Two parts of the part that holds everything: only the changed records of the first reply were known."""
        larger, smaller = sorted(probe.answers, key=lambda part: part.listing.size, reverse=True)
        return _parts(larger) if not probe.is_second and not smaller.listing.size else []

    def _compare_again(self, evidence: _Evidence, probe: _Probe) -> list[PlannedRead]:
        (again,) = probe.answers
        if again.listing.largest <= probe.size:
            self._learn_cap(evidence, probe.size)
        else:
            evidence.whole_sizes.add(probe.size)
        return []

    def _learn_cap(self, evidence: _Evidence, size: int) -> None:
        evidence.cap = size
        self._ledger.learn_reply_cap(evidence.location_id, evidence.kind, size)
        self._warn(
            evidence,
            f"lists by {evidence.kind} are cut off at {size} appointments, and long windows are read in parts. "
            f"Set reply_cap = {size} to save requests",
        )

    def _compare_far(self, evidence: _Evidence, probe: _Probe) -> list[PlannedRead]:
        evidence.ignores_windows = all(_are_same(probe.ids, each.ids) for each in probe.answers)
        if evidence.ignores_windows:
            self._warn(
                evidence,
                f"lists by {evidence.kind} ignore their window: each is read once, and taken for the whole calendar",
            )
            if probe.size in _USUAL:
                what = f"a list that ignores its window holds exactly {probe.size} appointments"
                self._warn(evidence, f"{what}: if the API cuts lists off there, the rest cannot be read")
        return []

    def _take_everything(self, evidence: _Evidence, listed: Listed) -> Judged:
        read = listed.read
        if read.scope in evidence.taken:
            return _NOTHING
        evidence.taken.add(read.scope)
        everything = replace(read, window=ALL_TIME, sends=read.sends or read.window)
        return Judged([listed._replace(read=everything)], [])

    # -- caps ----------------------------------------------------------------------------------------------------------

    def _of(self, read: PlannedRead) -> _Evidence:
        key = read.location_id, read.scope.kind
        if key not in self._evidence:
            self._evidence[key] = _Evidence(*key, self._ledger.reply_cap(*key), not self._ledger.largest_reply(*key))
        return self._evidence[key]

    def _cap(self, evidence: _Evidence) -> int:
        caps = [cap for cap in (evidence.cap, self._configured_cap) if cap]
        return min((cap for cap in caps if cap not in evidence.whole_sizes), default=0)

    def _refute_cap(self, evidence: _Evidence, size: int) -> None:
        """A larger reply shows that there is no such cap."""
        if evidence.cap and evidence.cap < size:
            evidence.cap = None
            self._ledger.learn_reply_cap(evidence.location_id, evidence.kind, None)
        if 0 < self._configured_cap < size:
            evidence.whole_sizes.add(self._configured_cap)
            self._warn(evidence, f"reply_cap = {self._configured_cap} is too low: a list held {size} appointments")

    def _warn(self, evidence: _Evidence, what: str) -> None:
        self._findings.warn(f"{self._findings.of(evidence.location_id).name}: {what}")


def _probes(reads: Iterable[PlannedRead]) -> list[PlannedRead]:
    return [replace(read, is_probe=True) for read in reads]


def _parts(listed: Listed) -> list[PlannedRead]:
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
    return _probes(replace(listed.read, window=part) for part in parts)


def _are_same(one: set[Key], other: set[Key]) -> bool:
    """Whether two lists are the same, except for changes between the two requests."""
    return bool(one) and 2 * len(one & other) > max(len(one), len(other))


def _is_elsewhere(listed: Listed) -> bool:
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
