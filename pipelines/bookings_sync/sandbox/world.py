"""The simulated business behind the API: its data, its clock, and the truth that tests compare with.

Input:  created by `generate`, advanced by `simulation`, changed by the routes and by tests.
Output: `World`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from bookings_sync.sandbox import listing, simulation
from bookings_sync.sandbox.appointments import Appointments, SlotTakenError
from bookings_sync.sandbox.model import Appointment, Attendance, Json
from bookings_sync.sandbox.request_log import RequestLog
from bookings_sync.sandbox.switches import HEAD_SWITCHES, Switches

__all__ = ["SlotTakenError", "World"]


class World(Appointments):
    """All locations with their calendars, contacts and appointments, on a simulated clock."""

    def __init__(self, *, seed: int, now: datetime, switches: Switches | None = None) -> None:
        super().__init__(seed=seed, now=now)
        self._switches = switches or Switches()
        self.requests = RequestLog()
        self.advances = 0
        """How often `advance` was called. Part of the seed of the next call."""
        self.links = 0
        """The number of links made for `Switches.moving_field`."""
        self.pending_marks: list[tuple[int, int, Appointment, Attendance]] = []
        """Attendance to be marked later: a heap of (epoch ms, tie-breaker, appointment, status)."""

    @property
    def switches(self) -> Switches:
        return self._switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        with self.lock:
            old, self._switches = self._switches, switches
            if old.recurring_ids != switches.recurring_ids:
                self._rename_recurring()
            elif any(getattr(old, name) != getattr(switches, name) for name in HEAD_SWITCHES):
                for row in self._all_appointments():
                    row.head = None

    def advance(self, delta: timedelta, *, seed: int | None = None) -> dict[str, int]:
        """Simulates a length of time. Returns the number of changes by kind. The same seed gives the same changes."""
        with self.lock:
            return simulation.advance(self, delta, seed)

    def truth(self, location_id: str, *, start: datetime | None = None, end: datetime | None = None) -> Json:
        """All data of a location, as the API would show it now without caps and windows.

        `{"now", "location", "teams", "services", "vanishedServiceIds", "appointments", "slots": {service id: [time]}}`.
        Appointments contain their contacts. The slots are those in `[start, end)`, by default the next 14 days.
        """
        truth: Json = orjson.loads(self.truth_json(location_id, start=start, end=end))
        return truth

    def truth_json(self, location_id: str, *, start: datetime | None = None, end: datetime | None = None) -> bytes:
        """`truth` as JSON bytes."""
        with self.lock:
            begin = start or self.now
            return listing.truth_json(self, location_id, begin, end or begin + timedelta(days=14))

    def _all_appointments(self) -> list[Appointment]:
        return [row for data in self.data.values() for row in data.appointments.values()]

    def _rename_recurring(self) -> None:
        for data in self.data.values():
            for row in data.appointments.values():
                row.head = None
                row.id = listing.recurring_id(row, self._switches)
            data.appointments = {row.id: row for row in data.appointments.values()}
