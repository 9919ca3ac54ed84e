"""Changes one location's calendar: a typed method per change.

Input:  request dataclasses (`dialects.writes`), the same for all APIs.
Output: the record that the API saved, or None if the API replies with no record.

A sync never writes; tests and tools do. A POST is sent once and never retried, since a failed POST may have arrived.
PUT and DELETE are retried like reads, so a DELETE that arrived but lost its reply can end in a RequestRefused.
All calls raise ApiError. A 422 is a RequestRefused that names the fields. An update that the API answers with another
record, or that it accepted and did not make, is an OtherReply. What the location's API cannot do raises Unsupported
before anything is sent.
"""

from __future__ import annotations

from pendulum import DateTime

from bookings_sync.api.client import Client
from bookings_sync.dialects.writes import (
    AttendanceStatus,
    BlockOffRequest,
    Booked,
    BookingRequest,
    Saved,
    ServiceRequest,
    TeamRequest,
)


class Writer:
    """Writes to one location's calendar. Shares the rate limit and the request count of `client`."""

    def __init__(self, client: Client) -> None:
        self._writes = client.writes

    def create_team(self, team: TeamRequest) -> Saved:
        return self._writes.create_team(team)

    def update_team(self, team_id: str, team: TeamRequest) -> Saved:
        return self._writes.update_team(team_id, team)

    def delete_team(self, team_id: str) -> None:
        self._writes.delete_team(team_id)

    def create_service(self, service: ServiceRequest) -> Saved:
        return self._writes.create_service(service)

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved:
        return self._writes.update_service(service_id, service)

    def delete_service(self, service_id: str) -> None:
        self._writes.delete_service(service_id)

    def book(self, booking: BookingRequest) -> Booked:
        """Books a free slot. In API v2 the contact is found or created first, so it stays if the booking fails."""
        return self._writes.book(booking)

    def block_off(self, time: BlockOffRequest) -> Booked:
        return self._writes.block_off(time)

    def move_block_off(self, appointment_id: str, time: BlockOffRequest) -> Booked:
        """Changes when time is blocked off. API v2 only."""
        return self._writes.move_block_off(appointment_id, time)

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked:
        """Moves an appointment, which keeps its duration."""
        return self._writes.reschedule(appointment_id, selected_slot, selected_timezone)

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None:
        self._writes.set_status(appointment_id, status)

    def delete_appointment(self, appointment_id: str) -> None:
        """Deletes an appointment or blocked-off time."""
        self._writes.delete_appointment(appointment_id)
