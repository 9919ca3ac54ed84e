"""Outcome: what a run has done so far, in numbers and by location; and when a location is left for the next run.

Input:  each answer and each error, as it comes.
Output: `LocationRun` and `Figures`, of which `run` makes the row in `runs`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bookings_sync.changes.diff import Changes
from bookings_sync.errors import ApiError, AuthenticationFailed, BadReply, ReplyTooLarge, RequestRefused, TimedOut

_MOST_IN_A_ROW = {"silent": 3, "stumbled": 20, "too late": 40}
"""So often may a location fail time after time before it is left for the next run. Without an answer, it is not there.
Where it answers, but not as it should, that may be this window's matter alone: a record that the API itself stumbles
over. And windows that come too late may just be too long, all that are under way at a time."""


@dataclass(slots=True)
class LocationRun:
    """What the run has done for one location."""

    name: str
    location_id: str = ""
    id_source: str = ""
    reads: int = 0
    errors: list[str] = field(default_factory=list)
    gave_up: bool = False
    in_a_row: Counter[str] = field(default_factory=Counter)
    """What it has failed at since it last answered, by the names of _MOST_IN_A_ROW."""

    @property
    def outcome(self) -> str:
        nothing_read = bool(self.errors) and not self.reads
        return "failed" if self.gave_up or nothing_read else "partial" if self.errors else "ok"

    def answered(self) -> None:
        self.in_a_row.clear()
        self.reads += 1

    def is_past_halving(self, error: ApiError) -> bool:
        """Whether it does not answer well at all, however short the windows: then halving them must end."""
        how = "too late" if isinstance(error, TimedOut) else "stumbled"
        self.in_a_row[how] += isinstance(error, TimedOut | BadReply)
        return self.in_a_row[how] > _MOST_IN_A_ROW[how]

    def failed(self, error: ApiError) -> None:
        """Notes the error. A location whose key is refused, or that fails time after time, is read no further."""
        if str(error) not in self.errors:
            self.errors.append(str(error))
        how = "stumbled" if _stumbles(error) else "silent"
        self.in_a_row[how] += 1
        if isinstance(error, AuthenticationFailed) or self.in_a_row[how] >= _MOST_IN_A_ROW[how]:
            self.gave_up = True

    def row(self, requests: int) -> dict[str, Any]:
        """Its part of the row in `runs`."""
        return {
            "name": self.name,
            "location_id": self.location_id,
            "outcome": self.outcome,
            "requests": requests,
            "reads": self.reads,
            "errors": self.errors,
        }


@dataclass(slots=True)
class Figures:
    """What a run has done, in numbers."""

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


def _stumbles(error: ApiError) -> bool:
    """Whether the API is there, but this one request finds no good answer."""
    return isinstance(error, BadReply | ReplyTooLarge | RequestRefused) or error.status == 500
