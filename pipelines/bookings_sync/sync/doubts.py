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

from collections.abc import Collection
from dataclasses import replace

from bookings_sync.errors import ApiError, BudgetSpent
from bookings_sync.planning.ledger import Ledger, Read
from bookings_sync.planning.plan import PlannedRead, window_of
from bookings_sync.planning.scopes import Kind
from bookings_sync.planning.windows import ALL_TIME, FAR_DAYS
from bookings_sync.sync.evidence import (
    NOTHING,
    Evidence,
    Judged,
    Listed,
    Probe,
    are_same,
    is_elsewhere,
    parts_of,
    probes,
)
from bookings_sync.sync.findings import Findings

_USUAL = frozenset({20, 25, 50, 100, 200, 250, 300, 400, 500, 1_000, 2_000, 2_500, 5_000, 10_000})
"""Numbers of records at which APIs limit their lists."""

_LEAST_UNUSUAL = 10
"""Records. Two windows of a quiet calendar often have the same few records, and no API has a smaller limit."""

_LEAST_PARTED = 2
"""Records. A smaller reply has no two parts."""

_NEW_MEANWHILE = 3
"""Records. So many more in the parts may have been added since the whole was read. The whole is then read again."""


class Doubts:
    """The doubts of one run. `configured_cap` is the setting `reply_cap`; 0 means that no cap is known."""

    def __init__(self, configured_cap: int, ledger: Ledger, findings: Findings) -> None:
        self._configured_cap = configured_cap
        self._ledger = ledger
        self._findings = findings
        self._evidence: dict[tuple[str, Kind], Evidence] = {}

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
            return NOTHING  # the doubt has been settled since
        probe.asked.remove(listed.read)
        probe.answers.append(listed)
        return NOTHING if probe.asked else self._settle(evidence, probe)

    def failed(self, read: PlannedRead, error: ApiError) -> Judged:
        """A read that should have settled a doubt failed. The replies that wait are taken as they are, except if only
        the request budget is spent: they are read again by the next run."""
        evidence = self._of(read)
        probe, evidence.probe = evidence.probe, None
        if probe is None:
            return NOTHING
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

    def _judge(self, evidence: Evidence, listed: Listed) -> Judged:
        read = listed.read
        if evidence.ignores_windows:
            return self._take_everything(evidence, listed)
        if evidence.ignores_windows is None and (read.window == ALL_TIME or is_elsewhere(listed)):
            days = probes(replace(read, window=day, sends=None) for day in FAR_DAYS)
            size, total = listed.listing.largest, listed.listing.size
            return self._wait(evidence, listed, Probe("far days", read, size, total, days, listed.ids))
        if read.window == ALL_TIME:
            self._ledger.learn_windows_are_heeded(evidence.location_id, evidence.kind)
            listed = listed._replace(read=replace(read, window=read.sends, sends=None))
        return self._judge_size(evidence, listed)

    def _judge_size(self, evidence: Evidence, listed: Listed) -> Judged:
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
        parts = parts_of(listed) if size == evidence.largest else []
        probe = Probe("parts", replace(read, is_probe=True), size, listed.listing.size, parts)
        if parts:
            evidence.of_largest[read.scope, read.window] = probe
        seen = max(evidence.largest, self._ledger.largest_reply(evidence.location_id, evidence.kind))
        is_doubtful = size in _USUAL and size >= seen and size not in evidence.whole_sizes
        if is_doubtful and parts:
            return self._wait(evidence, listed, probe)
        return Judged([listed], [])

    def _wait(self, evidence: Evidence, listed: Listed, probe: Probe) -> Judged:
        evidence.waiting.append(listed)
        return Judged([], [] if evidence.probe is not None else self._try(evidence, probe))

    def _try(self, evidence: Evidence, probe: Probe) -> list[PlannedRead]:
        evidence.probe = probe
        return list(probe.asked)

    # -- settling a doubt ----------------------------------------------------------------------------------------------

    def _settle(self, evidence: Evidence, probe: Probe) -> Judged:
        evidence.probe = None
        settle = {"parts": self._compare_parts, "whole again": self._compare_again, "far days": self._compare_far}
        asked = settle[probe.what](evidence, probe)
        return Judged([], asked) if asked else self._release(evidence)

    def _release(self, evidence: Evidence) -> Judged:
        """Judges the lists that wait once more, by what is known now."""
        waiting, evidence.waiting = evidence.waiting, []
        judged = NOTHING
        for listed in waiting:
            judged = judged.also(self._judge(evidence, listed))
        return judged

    def _compare_parts(self, evidence: Evidence, probe: Probe) -> list[PlannedRead]:
        """Each part holds about half of the reply's records. So if the reply was cut off, the parts hold more."""
        found = len(set().union(*(part.ids for part in probe.answers)))
        if found > probe.total + _NEW_MEANWHILE:
            self._learn_cap(evidence, probe.size)
        elif found > probe.total:
            again = replace(probe, what="whole again", asked=probes([probe.whole]), answers=[])
            return self._try(evidence, again)
        elif parts := self._other_parts(probe):
            return self._try(evidence, replace(probe, asked=parts, answers=[], is_second=True))
        else:
            evidence.whole_sizes.add(probe.size)
        return []

    def _other_parts(self, probe: Probe) -> list[PlannedRead]:
        """Two parts of the part that holds everything: only the changed records of the first reply were known."""
        larger, smaller = sorted(probe.answers, key=lambda part: part.listing.size, reverse=True)
        return parts_of(larger) if not probe.is_second and not smaller.listing.size else []

    def _compare_again(self, evidence: Evidence, probe: Probe) -> list[PlannedRead]:
        (again,) = probe.answers
        if again.listing.largest <= probe.size:
            self._learn_cap(evidence, probe.size)
        else:
            evidence.whole_sizes.add(probe.size)
        return []

    def _learn_cap(self, evidence: Evidence, size: int) -> None:
        evidence.cap = size
        self._ledger.learn_reply_cap(evidence.location_id, evidence.kind, size)
        self._warn(
            evidence,
            f"lists by {evidence.kind} are cut off at {size} appointments, and long windows are read in parts. "
            f"Set reply_cap = {size} to save requests",
        )

    def _compare_far(self, evidence: Evidence, probe: Probe) -> list[PlannedRead]:
        evidence.ignores_windows = all(are_same(probe.ids, each.ids) for each in probe.answers)
        if evidence.ignores_windows:
            self._warn(
                evidence,
                f"lists by {evidence.kind} ignore their window: each is read once, and taken for the whole calendar",
            )
            if probe.size in _USUAL:
                what = f"a list that ignores its window holds exactly {probe.size} appointments"
                self._warn(evidence, f"{what}: if the API cuts lists off there, the rest cannot be read")
        return []

    def _take_everything(self, evidence: Evidence, listed: Listed) -> Judged:
        read = listed.read
        if read.scope in evidence.taken:
            return NOTHING
        evidence.taken.add(read.scope)
        everything = replace(read, window=ALL_TIME, sends=read.sends or read.window)
        return Judged([listed._replace(read=everything)], [])

    # -- caps ----------------------------------------------------------------------------------------------------------

    def _of(self, read: PlannedRead) -> Evidence:
        key = read.location_id, read.scope.kind
        if key not in self._evidence:
            self._evidence[key] = Evidence(*key, self._ledger.reply_cap(*key), not self._ledger.largest_reply(*key))
        return self._evidence[key]

    def _cap(self, evidence: Evidence) -> int:
        caps = [cap for cap in (evidence.cap, self._configured_cap) if cap]
        return min((cap for cap in caps if cap not in evidence.whole_sizes), default=0)

    def _refute_cap(self, evidence: Evidence, size: int) -> None:
        """A larger reply shows that there is no such cap."""
        if evidence.cap and evidence.cap < size:
            evidence.cap = None
            self._ledger.learn_reply_cap(evidence.location_id, evidence.kind, None)
        if 0 < self._configured_cap < size:
            evidence.whole_sizes.add(self._configured_cap)
            self._warn(evidence, f"reply_cap = {self._configured_cap} is too low: a list held {size} appointments")

    def _warn(self, evidence: Evidence, what: str) -> None:
        self._findings.warn(f"{self._findings.of(evidence.location_id).name}: {what}")
