"""A world: what the sandbox's API serves, and the truth a test compares with.

Input:  made by `generate`, moved on by `life`, changed by the write endpoints and by tests.
Output: list calls' bytes for the routes, and `truth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from bookings_sync.sandbox import life, reading
from bookings_sync.sandbox.bodies import contact_body
from bookings_sync.sandbox.calendars import Calendars
from bookings_sync.sandbox.model import Appointment, Attendance, Contact, Json, Member, Service, new_id, new_uuid
from bookings_sync.sandbox.requests import RequestLog
from bookings_sync.sandbox.slots import free_member
from bookings_sync.sandbox.switches import Switches
from bookings_sync.sandbox.times import MINUTE_MS, to_ms, utc_iso


class SlotTakenError(ValueError):
    """The asked time is not, or no longer, free."""


class World(Calendars):
    """Every location's calendars, contacts and appointments, on a clock of its own.

    Ids that are not there raise KeyError, in every method. Methods may be called while a server serves the world.
    """

    def __init__(self, *, seed: int, now: datetime, switches: Switches | None = None) -> None:
        super().__init__(seed=seed, now=now)
        self._switches = switches or Switches()
        self.requests = RequestLog()
        self.advances = 0
        self.marks: list[tuple[int, int, Appointment, Attendance]] = []
        """Attendance still to be marked: a heap of (epoch ms, a number that breaks ties, row, status), for `life`."""

    @property
    def switches(self) -> Switches:
        return self._switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        with self.lock:
            old, self._switches = self._switches, switches
            if old.recurring_ids != switches.recurring_ids:
                self._rename_recurring()
            elif old.attendance_spelling != switches.attendance_spelling:
                for row in self._rows():
                    row.head = None

    # Appointments

    def book(
        self,
        location_id: str,
        service_id: str,
        start: datetime,
        *,
        contact: str | Mapping[str, Any] | None = None,
        user_id: str | None = None,
        timezone: str | None = None,
        status: Attendance = "confirmed",
        created: datetime | None = None,
        only_if_free: bool = False,
    ) -> Appointment:
        """Book `start`, an aware datetime: also a past one (back-dated), unless `only_if_free`.

        `contact` is a contact's id, or fields of a new one. Without `user_id` a free member takes it. Raises
        SlotTakenError with `only_if_free`, where `start` is not a free slot.
        """
        with self.lock:
            data, start_ms = self.data[location_id], to_ms(start)
            service = data.services[service_id]
            free, member_id = free_member(data, service, start_ms, self.now_ms, user_id=user_id, moving=None)
            if only_if_free and not free:
                raise SlotTakenError(f"{start.isoformat()} is not a free slot")
            if member_id is None:
                member_id = user_id or next(iter(service.user_ids()), None)
            known = data.contacts[contact] if isinstance(contact, str) else self.add_contact(location_id, contact or {})
            row = self._row(data.members.get(member_id or ""), location_id, service, start_ms, timezone, created)
            row.contact, row.attendance, row.title = known, status, known.name or service.name
            data.stand(row)
            self.note("backdated" if start_ms < self.now_ms else "booked", location_id, row.id)
            return row

    def block(
        self, location_id: str, service_id: str, start: datetime, end: datetime, *, user_id: str | None = None
    ) -> Appointment:
        """Block off `[start, end)`: the service's slots it overlaps or, with `user_id`, that member's time alone."""
        with self.lock:
            data = self.data[location_id]
            service = data.services[service_id]
            row = self._row(data.members.get(user_id or ""), location_id, service, to_ms(start), None, None)
            row.end_ms, row.block, row.title = to_ms(end), True, "Blocked"
            if row.end_ms <= row.start_ms:
                raise ValueError("blocked-off time must end after it starts")
            data.stand(row)
            self.note("blocked", location_id, row.id)
            return row

    def reschedule(
        self,
        location_id: str,
        appointment_id: str,
        start: datetime,
        *,
        timezone: str | None = None,
        only_if_free: bool = False,
    ) -> Appointment:
        """Move an appointment, its length kept. Raises SlotTakenError with `only_if_free`, if that is not free."""
        with self.lock:
            data, start_ms = self.data[location_id], to_ms(start)
            row = self.standing(location_id, appointment_id)
            if only_if_free and not row.block:
                self._take_slot(row, start_ms)
            data.lift(row)
            row.start_ms, row.end_ms = start_ms, start_ms + row.end_ms - row.start_ms
            row.zone = timezone or row.zone
            data.stand(row)
            self._touched(row, "rescheduled")
            return row

    def mark(self, location_id: str, appointment_id: str, status: Attendance) -> None:
        """Set the attendance. A cancelled one gives its slot back, and takes it again when it is confirmed."""
        with self.lock:
            row = self.standing(location_id, appointment_id)
            row.attendance = status
            self._touched(row, "cancelled" if status == "cancelled" else "marked")

    def cancel(self, location_id: str, appointment_id: str) -> None:
        self.mark(location_id, appointment_id, "cancelled")

    def delete(self, location_id: str, appointment_id: str) -> None:
        """It is listed no more; `restore` brings it back as it was."""
        with self.lock:
            row = self.standing(location_id, appointment_id)
            self.data[location_id].lift(row)
            row.deleted = True
            self.data[location_id].deleted.append(row)
            self._touched(row, "deleted")

    def restore(self, location_id: str, appointment_id: str) -> None:
        with self.lock:
            row = self.data[location_id].appointments[appointment_id]
            if row.deleted:
                row.deleted = False
                self.data[location_id].deleted.remove(row)
                self.data[location_id].stand(row)
                self._touched(row, "restored")

    def standing(self, location_id: str, appointment_id: str) -> Appointment:
        """The appointment itself; KeyError where there is none, or it was deleted."""
        row = self.data[location_id].appointments[appointment_id]
        if row.deleted:
            raise KeyError(appointment_id)
        return row

    # Contacts

    def add_contact(self, location_id: str, given: Mapping[str, Any]) -> Contact:
        """A new contact with the fields of `given`, whatever they are, over the documented ones."""
        with self.lock:
            data, contact_id = self.data[location_id], new_id(self.rng)
            body = contact_body(contact_id, location_id, new_uuid(self.rng), utc_iso(self.now_ms)) | dict(given)
            contact = data.contacts[contact_id] = Contact.of(body)
            for field in ("emailLowerCase", "phone"):
                if body.get(field):
                    data.reach[body[field]] = contact
            return contact

    def update_contact(self, location_id: str, contact_id: str, changes: Mapping[str, Any]) -> None:
        """Change fields of a contact: every appointment that embeds it shows them at once."""
        with self.lock:
            contact = self.data[location_id].contacts[contact_id]
            body = contact.body() | dict(changes)
            contact.name = Contact.of(body).name
            contact.replace(body)
            self.note("contact_updated", location_id, contact_id)

    def delete_contact(self, location_id: str, contact_id: str) -> None:
        """Its appointments stay, with a contact of null."""
        with self.lock:
            self.data[location_id].contacts.pop(contact_id).replace(None)
            self.note("contact_deleted", location_id, contact_id)

    # Time and truth

    def advance(self, delta: timedelta, *, seed: int | None = None) -> dict[str, int]:
        """Let time pass: see `life`. Gives the number of changes by kind; the same seed makes the same ones."""
        with self.lock:
            return life.advance(self, delta, seed)

    def truth(self, location_id: str, *, start: datetime | None = None, end: datetime | None = None) -> Json:
        """All of a location as the API would show it now, field for field, whatever caps and windows a call has.

        `{"now", "location", "teams", "services", "vanishedServiceIds", "appointments", "slots": {service id: [time]}}`,
        with contacts, and the slots free in `[start, end)`, by default the fortnight from now.
        """
        truth: Json = orjson.loads(self.truth_json(location_id, start=start, end=end))
        return truth

    def truth_json(self, location_id: str, *, start: datetime | None = None, end: datetime | None = None) -> bytes:
        with self.lock:
            begin = start or self.now
            return reading.truth_json(self, location_id, begin, end or begin + timedelta(days=14))

    # Within

    def _row(
        self,
        member: Member | None,
        location_id: str,
        service: Service,
        start_ms: int,
        timezone: str | None,
        created: datetime | None,
    ) -> Appointment:
        made_ms = to_ms(created) if created else self.now_ms
        return Appointment(
            id=new_id(self.rng),
            location_id=location_id,
            service_id=service.id,
            team_id=service.team_id,
            user_id=member.id if member else None,
            calendar_id=member.calendar_id if member else None,
            contact=None,
            start_ms=start_ms,
            end_ms=start_ms + service.duration_min * MINUTE_MS,
            zone=timezone or self.data[location_id].location.timezone,
            attendance="confirmed",
            title=service.name,
            created_ms=made_ms,
            updated_ms=made_ms,
        )

    def _take_slot(self, row: Appointment, start_ms: int) -> None:
        """Check that `start_ms` is free for this appointment, and let a free member take it: its own, if it can."""
        data = self.data[row.location_id]
        service = data.services[row.service_id]
        for wanted in (row.user_id, None) if row.user_id else (None,):
            free, member_id = free_member(data, service, start_ms, self.now_ms, user_id=wanted, moving=row)
            if free:
                break
        else:
            raise SlotTakenError("not a free slot")
        if member_id is not None and member_id != row.user_id:
            data.lift(row)
            row.user_id, row.calendar_id = member_id, data.members[member_id].calendar_id
            data.stand(row)

    def _touched(self, row: Appointment, kind: str) -> None:
        row.updated_ms, row.head = self.now_ms, None
        self.note(kind, row.location_id, row.id)

    def _rows(self) -> list[Appointment]:
        return [row for data in self.data.values() for row in data.appointments.values()]

    def _rename_recurring(self) -> None:
        for data in self.data.values():
            for row in data.appointments.values():
                row.head = None
                row.id = reading.recurring_id(row, self._switches)
            data.appointments = {row.id: row for row in data.appointments.values()}
