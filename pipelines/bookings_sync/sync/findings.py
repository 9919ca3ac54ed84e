"""The findings of one run: its figures, the errors of each location, and when to give a location up.

Input:  each answer, each error and each warning, as it comes.
Output: `Findings`, from which `report_row` makes the run's row in `runs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pendulum import DateTime

from bookings_sync.changes.diff import Changes
from bookings_sync.errors import (
    ApiError,
    AuthenticationFailed,
    BadReply,
    BudgetSpent,
    OtherReply,
    ReplyTooLarge,
    RequestRefused,
    TimedOut,
)
from bookings_sync.records.holds import Why

_MOST_IN_A_ROW = {"silent": 3, "stumbled": 20, "too late": 40}
"""Consecutive failures after which a run skips a location. `silent`: no answer at all, so the API is not there.
`stumbled`: an answer, but a bad one, perhaps because of one record that only this window holds. `too late`: time-outs,
which may only mean that the windows are too long."""


class HeldBack(NamedTuple):
    """Rows of one table that look deleted and stay. `since` is the start of the first run that held any of them, in
    UTC."""

    table: str
    why: Why
    rows: int
    since: DateTime


@dataclass(slots=True)
class LocationFindings:
    """What the run has done for one location. `gave_up` means that the run does not read it any further. `held` are the
    deletions that it holds back."""

    name: str
    location_id: str = ""
    id_source: str = ""
    reads: int = 0
    errors: list[str] = field(default_factory=list)
    held: list[HeldBack] = field(default_factory=list)
    gave_up: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    """What the request budget left to later runs, by kind, for example "missing appointments"."""
    slots_not_read: set[str] | None = None
    """Services whose free slots the run did not read, or whose vanished slots it holds back; None if it did not try."""
    in_a_row: Counter[str] = field(default_factory=Counter)
    """Consecutive failures, by the names of `_MOST_IN_A_ROW`."""

    @property
    def outcome(self) -> str:
        """ok, held, partial or failed: the worst that applies."""
        nothing_read = bool(self.errors) and not self.reads
        if self.gave_up or nothing_read:
            return "failed"
        return "partial" if self.errors else "held" if self.held else "ok"

    @property
    def may_halve(self) -> bool:
        """Whether a window that was answered badly or too late is worth reading again in halves."""
        return all(self.in_a_row[how] <= _MOST_IN_A_ROW[how] for how in ("stumbled", "too late"))

    def answered(self) -> None:
        """Ends a row of consecutive failures."""
        self.in_a_row.clear()

    def unreadable(self, error: ApiError) -> None:
        """Counts an answer that came badly or too late, before it is read again in halves."""
        if isinstance(error, TimedOut | BadReply):
            self.in_a_row["too late" if isinstance(error, TimedOut) else "stumbled"] += 1

    def failed(self, error: ApiError) -> None:
        """Notes an error, and gives the location up if its key is refused or it failed too many times in a row."""
        self.note(error)
        if isinstance(error, OtherReply):
            return  # the API answers well, only not for this record: other requests may still succeed
        how = "stumbled" if _stumbles(error) else "silent"
        self.in_a_row[how] += 1
        if isinstance(error, AuthenticationFailed) or self.in_a_row[how] >= _MOST_IN_A_ROW[how]:
            self.gave_up = True

    def give_up(self, error: Exception) -> None:
        """Skips the location for the rest of the run."""
        self.note(error)
        self.gave_up = True

    def note(self, error: Exception) -> None:
        if str(error) not in self.errors:
            self.errors.append(str(error))


@dataclass(slots=True)
class RunFigures:
    """What a run has done, in numbers. `reads_unchanged` are replies equal to the last one, which were not decoded."""

    loads: int = 0
    reads_planned: int = 0
    reads_done: int = 0
    reads_unchanged: int = 0
    verifications: int = 0
    tables: dict[str, Changes] = field(default_factory=dict)

    @property
    def all_tables(self) -> Changes:
        total = Changes()
        for changes in self.tables.values():
            total.add(changes)
        return total


class Findings:
    """What a run has found so far. `on_progress` is called after each answer."""

    def __init__(self, names: Iterable[str], on_progress: Callable[[], None]) -> None:
        self.figures = RunFigures()
        self.locations = {name: LocationFindings(name) for name in names}
        self.warnings: Counter[str] = Counter()
        self._by_id: dict[str, LocationFindings] = {}
        self._on_progress = on_progress

    # -- queries -------------------------------------------------------------------------------------------------------

    @property
    def active(self) -> list[str]:
        """The ids of the locations that the run still reads."""
        return [location_id for location_id, location in self._by_id.items() if not location.gave_up]

    @property
    def location_ids(self) -> list[str]:
        """The ids of all locations that could be identified."""
        return list(self._by_id)

    @property
    def outcome(self) -> str:
        """ok, held, partial or failed. Partial: some location failed, and others did not."""
        outcomes = {location.outcome for location in self.locations.values()}
        if outcomes == {"failed"}:
            return "failed"
        return "partial" if outcomes & {"failed", "partial"} else "held" if "held" in outcomes else "ok"

    @property
    def errors(self) -> list[str]:
        return [error for location in self.locations.values() for error in location.errors]

    def of(self, location_id: str) -> LocationFindings:
        return self._by_id[location_id]

    def gave_up(self, location_id: str) -> bool:
        return self._by_id[location_id].gave_up

    # -- commands ------------------------------------------------------------------------------------------------------

    def identify(self, name: str, location_id: str, source: str) -> None:
        """Records a location's id, and where it was learnt: config, key or data."""
        location = self.locations[name]
        location.location_id, location.id_source = location_id, source
        self._by_id[location_id] = location

    def answered(self, location_id: str) -> None:
        """Counts a read that was answered in full."""
        location = self._by_id[location_id]
        location.answered()
        location.reads += 1
        self.figures.reads_done += 1
        self._on_progress()

    def failed(self, location_id: str, error: ApiError) -> None:
        if isinstance(error, BudgetSpent):
            self.leave_out(location_id, "other requests")
        else:
            self._by_id[location_id].failed(error)
        self._on_progress()

    def leave_out(self, location_id: str, what: str, count: int = 1) -> None:
        """Counts what the request budget leaves to later runs. The location is not at fault."""
        if count:
            self._by_id[location_id].left_out[what] += count

    def verified(self, location_id: str) -> None:
        """Counts an appointment that was asked for by its id and answered."""
        self._by_id[location_id].answered()
        self._on_progress()

    def warn(self, warning: str) -> None:
        self.warnings[warning] += 1


def _stumbles(error: ApiError) -> bool:
    """Whether the API is there, and only this request found no good answer."""
    return isinstance(error, BadReply | ReplyTooLarge | RequestRefused) or error.status == 500
