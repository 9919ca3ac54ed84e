"""Books, changes and deletes appointments.

Input:  calls from `simulation`, the routes and tests.
Output: `Appointments`, the base class of `world.World`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bookings_sync.sandbox.contacts import Contacts
from bookings_sync.sandbox.model import Appointment, Attendance, Member, Service, Shape, new_id
from bookings_sync.sandbox.slots import free_member
from bookings_sync.sandbox.times import MINUTE_MS, to_ms


class SlotTakenError(ValueError):
    """The slot is not free."""


class Appointments(Contacts):
    """The appointments of every location."""

    def book(
        self,
        location_id: str,
        service_id: str,
        start: datetime,
        *,
        contact: str | Mapping[str, Any] | None = None,
        user_id: str | None = None,
        timezone: str | None = None,
        title: str | None = None,
        status: Attendance = "confirmed",
        created: datetime | None = None,
        only_if_free: bool = False,
        appointment_id: str | None = None,
    ) -> Appointment:
        """Books an appointment. `start` may be in the past or not a slot at all, unless `only_if_free` is set.

        `contact` is the id of a contact, or the fields of a new one. Without `user_id`, a free member takes it. With
        `only_if_free`, raises SlotTakenError if `start` is not a free slot. `appointment_id` may be an id that another
        location has.
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
            member = data.members.get(member_id or "")
            row = self._new_appointment(member, location_id, service, start_ms, timezone, created)
            row.contact, row.attendance, row.title = known, status, title or known.name or service.name
            row.id = appointment_id or row.id
            data.add_to_indexes(row)
            self.note("backdated" if start_ms < self.now_ms else "booked", location_id, row.id)
            return row

    def block(
        self,
        location_id: str,
        service_id: str | None,
        start: datetime,
        end: datetime,
        *,
        user_id: str | None = None,
        title: str | None = None,
    ) -> Appointment:
        """Blocks off `[start, end)`: for a service, for one of its members, or for a user in all services (None)."""
        with self.lock:
            data = self.data[location_id]
            service = data.services[service_id] if service_id is not None else None
            row = self._new_appointment(data.members.get(user_id or ""), location_id, service, to_ms(start), None, None)
            row.end_ms, row.block, row.title = to_ms(end), True, title or "Blocked"
            if row.end_ms <= row.start_ms:
                raise ValueError(f"expected an end after {start}, got {end}")
            data.add_to_indexes(row)
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
        """Moves an appointment. With `only_if_free`, raises SlotTakenError if `start` is not a free slot."""
        with self.lock:
            data, start_ms = self.data[location_id], to_ms(start)
            row = self.get_appointment(location_id, appointment_id)
            if only_if_free and not row.block and row.service_id is not None:
                self._assign_member(row, start_ms)
            data.remove_from_indexes(row)
            row.start_ms, row.end_ms = start_ms, start_ms + row.end_ms - row.start_ms
            row.zone = timezone or row.zone
            data.add_to_indexes(row)
            self._changed(row, "rescheduled")
            return row

    def reassign(
        self,
        location_id: str,
        appointment_id: str,
        *,
        service_id: str | None,
        team_id: str | None,
        user_id: str | None,
    ) -> None:
        """Moves an appointment to the lists of another service, team and user. None takes it from such lists."""
        with self.lock:
            data, row = self.data[location_id], self.get_appointment(location_id, appointment_id)
            member = data.members.get(user_id or "")
            data.remove_from_indexes(row)
            row.service_id, row.team_id = service_id, team_id
            row.user_id, row.calendar_id = (member.id, member.calendar_id) if member else (None, None)
            data.add_to_indexes(row)
            self._changed(row, "reassigned")

    def edit(
        self,
        location_id: str,
        appointment_id: str,
        *,
        end: datetime | None = None,
        title: str | None = None,
        address: str | None = None,
        notes: str | None = None,
    ) -> None:
        """Changes the end and the texts of an appointment. None leaves a field as it is."""
        with self.lock:
            data, row = self.data[location_id], self.get_appointment(location_id, appointment_id)
            if end is not None:
                data.remove_from_indexes(row)
                row.end_ms, row.moved_ms = to_ms(end), self.now_ms
                data.add_to_indexes(row)
            for name, value in (("title", title), ("address", address), ("notes", notes)):
                if value is not None:
                    setattr(row, name, value)
            self._changed(row, "edited")

    def mark(self, location_id: str, appointment_id: str, status: Attendance) -> None:
        """Sets the attendance. A cancelled appointment frees its slot; confirming it takes the slot again."""
        with self.lock:
            row = self.get_appointment(location_id, appointment_id)
            row.attendance = status
            self._changed(row, "cancelled" if status == "cancelled" else "marked")

    def cancel(self, location_id: str, appointment_id: str) -> None:
        self.mark(location_id, appointment_id, "cancelled")

    def delete(self, location_id: str, appointment_id: str) -> None:
        """Deletes an appointment. `restore` brings it back unchanged."""
        with self.lock:
            row = self.get_appointment(location_id, appointment_id)
            self.data[location_id].remove_from_indexes(row)
            row.deleted = True
            self.data[location_id].deleted.append(row)
            self._changed(row, "deleted")

    def restore(self, location_id: str, appointment_id: str) -> None:
        with self.lock:
            row = self.data[location_id].appointments[appointment_id]
            if row.deleted:
                row.deleted = False
                self.data[location_id].deleted.remove(row)
                self.data[location_id].add_to_indexes(row)
                self._changed(row, "restored")

    def flag_as_deleted(self, location_id: str, appointment_id: str, *, deleted: bool = True) -> None:
        """Adds `"deleted": true` to an appointment, or takes it away. Lists still contain the appointment."""
        with self.lock:
            row = self.get_appointment(location_id, appointment_id)
            shape = row.shape or Shape()
            more = {name: value for name, value in shape.more.items() if name != "deleted"}
            row.shape = replace(shape, more=more | ({"deleted": True} if deleted else {}))
            self._changed(row, "flagged" if deleted else "restored")

    def get_appointment(self, location_id: str, appointment_id: str) -> Appointment:
        """The appointment. Raises KeyError if it does not exist or was deleted."""
        row = self.data[location_id].appointments[appointment_id]
        if row.deleted:
            raise KeyError(appointment_id)
        return row

    def _new_appointment(
        self,
        member: Member | None,
        location_id: str,
        service: Service | None,
        start_ms: int,
        timezone: str | None,
        created: datetime | None,
    ) -> Appointment:
        made_ms = to_ms(created) if created else self.now_ms
        return Appointment(
            id=new_id(self.rng),
            location_id=location_id,
            service_id=service.id if service else None,
            team_id=service.team_id if service else None,
            user_id=member.id if member else None,
            calendar_id=member.calendar_id if member else None,
            contact=None,
            start_ms=start_ms,
            end_ms=start_ms + (service.duration_min if service else 0) * MINUTE_MS,
            zone=timezone or self.data[location_id].location.timezone,
            attendance="confirmed",
            title=service.name if service else "",
            created_ms=made_ms,
            updated_ms=made_ms,
        )

    def _assign_member(self, row: Appointment, start_ms: int) -> None:
        """Assigns a free member to the slot at `start_ms`, preferably the current one. Raises SlotTakenError."""
        data = self.data[row.location_id]
        service = data.services[row.service_id or ""]
        for wanted in (row.user_id, None) if row.user_id else (None,):
            free, member_id = free_member(data, service, start_ms, self.now_ms, user_id=wanted, moving=row)
            if free:
                break
        else:
            raise SlotTakenError(f"the slot at {start_ms} (epoch ms) is not free")
        if member_id is not None and member_id != row.user_id:
            data.remove_from_indexes(row)
            row.user_id, row.calendar_id = member_id, data.members[member_id].calendar_id
            data.add_to_indexes(row)

    def _changed(self, row: Appointment, kind: str) -> None:
        row.updated_ms, row.head = self.now_ms, None
        if kind in ("rescheduled", "reassigned"):
            row.moved_ms = self.now_ms
        self.note(kind, row.location_id, row.id)
