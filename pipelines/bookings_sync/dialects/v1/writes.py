"""The bodies and paths by which the first API changes a calendar (DOC). They differ from those of its replies."""

from __future__ import annotations

from pendulum import DateTime

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.dialect import ApiCall, Send, path_segment
from bookings_sync.dialects.replies import saved_with
from bookings_sync.dialects.writes import (
    AttendanceStatus,
    BlockOffRequest,
    Booked,
    BookingRequest,
    Saved,
    ServiceMember,
    ServiceRequest,
    TeamRequest,
    opening_body,
    record_of,
    reject_html,
    schedule_body,
    without_none,
)
from bookings_sync.errors import Unsupported
from bookings_sync.records.json_text import Record


class V1Writes:
    """The changes of one location. Each is one request."""

    def __init__(self, location: Location, _: Settings, send: Send) -> None:
        self._location = location
        self._send = send

    def create_team(self, team: TeamRequest) -> Saved:
        return self._save(ApiCall("POST", "/calendars/teams/", body=_team(team)))

    def update_team(self, team_id: str, team: TeamRequest) -> Saved:
        return self._save(ApiCall("PUT", f"/calendars/teams/{path_segment(team_id)}", body=_team(team)), team_id)

    def delete_team(self, team_id: str) -> None:
        self._send(ApiCall("DELETE", f"/calendars/teams/{path_segment(team_id)}"), reject_html)

    def create_service(self, service: ServiceRequest) -> Saved:
        return self._save(ApiCall("POST", "/calendars/services/", body=_service(service)))

    def update_service(self, service_id: str, service: ServiceRequest) -> Saved:
        call = ApiCall("PUT", f"/calendars/services/{path_segment(service_id)}", body=_service(service))
        return self._save(call, service_id)

    def delete_service(self, service_id: str) -> None:
        self._send(ApiCall("DELETE", f"/calendars/services/{path_segment(service_id)}"), reject_html)

    def book(self, booking: BookingRequest) -> Booked:
        if booking.contact_id is not None or booking.end_at is not None:
            raise self._unsupported("book with contact_id or end_at", "Give email or phone.")
        body = without_none(
            calendarId=booking.calendar_id,
            selectedSlot=booking.selected_slot.isoformat(),
            selectedTimezone=booking.selected_timezone,
            email=booking.email,
            phone=booking.phone,
        )
        return self._book(ApiCall("POST", "/appointments/", body={**booking.fields, **body}))

    def block_off(self, time: BlockOffRequest) -> Booked:
        if time.calendar_id is None:
            raise self._unsupported("block time off without calendar_id", "Give a service's id.")
        body = without_none(
            calendarId=time.calendar_id,
            selectedSlot=time.selected_slot.isoformat(),
            endAt=time.end_at.isoformat(),
            selectedTimezone=time.selected_timezone,
            userId=time.user_id,
        )
        return self._book(ApiCall("POST", "/appointments/", body=body))

    def move_block_off(self, appointment_id: str, time: BlockOffRequest) -> Booked:  # noqa: ARG002 - as in `Writes`
        raise self._unsupported("change blocked-off time", "Call reschedule, or delete it and block time off again.")

    def reschedule(self, appointment_id: str, selected_slot: DateTime, selected_timezone: str) -> Booked:
        body = {"selectedSlot": selected_slot.isoformat(), "selectedTimezone": selected_timezone}
        return self._book(ApiCall("PUT", f"/appointments/{path_segment(appointment_id)}", body=body), appointment_id)

    def set_status(self, appointment_id: str, status: AttendanceStatus) -> None:
        call = ApiCall("PUT", f"/appointments/{path_segment(appointment_id)}/status", body={"status": status})
        self._send(call, reject_html)

    def delete_appointment(self, appointment_id: str) -> None:
        self._send(ApiCall("DELETE", f"/appointments/{path_segment(appointment_id)}"), reject_html)

    def _save(self, call: ApiCall, record_id: str | None = None) -> Saved:
        record = record_of(self._send(call, saved_with(record_id)))
        return Saved(record["id"], record)

    def _book(self, call: ApiCall, record_id: str | None = None) -> Booked:
        record = record_of(self._send(call, saved_with(record_id)))
        return Booked(record["id"], record.get("contactId"), record.get("contact"))

    def _unsupported(self, what: str, instead: str) -> Unsupported:
        return Unsupported(what, instead, api="v1", location=self._location.name)


def _team(team: TeamRequest) -> Record:
    page = without_none(
        calendarName=team.calendar_name,
        description=team.description,
        slug=team.slug,
        shouldAssignContactToTeamMember=team.should_assign_contact_to_team_member,
        shouldSkipAssigningContactForExisting=team.should_skip_assigning_contact_for_existing,
    )
    return {"name": team.name, "userIds": list(team.user_ids), "calendarConfig": page}


def _service(service: ServiceRequest) -> Record:
    return without_none(
        teamId=service.team_id,
        name=service.name,
        description=service.description,
        eventType=service.event_type,
        teamMembers=[_member(member) for member in service.team_members],
        slug=service.slug,
        appointmentTitle=service.appointment_title,
        eventColor=service.event_color,
        isActive=service.is_active,
        syncOption=service.sync_option,
        availability=_availability(service),
        confirmation=_confirmation(service),
    )


def _member(member: ServiceMember) -> Record:
    return without_none(userId=member.user_id, priority=member.priority, meetingLocation=member.meeting_location)


def _availability(service: ServiceRequest) -> Record:
    """The place of `slot_buffer` is inferred from the reply (UNK)."""
    return without_none(
        eventTiming=without_none(
            slotDuration=service.slot_duration, slotInterval=service.slot_interval, slotBuffer=service.slot_buffer
        ),
        appointmentInfo=without_none(perSlot=service.per_slot, perDay=service.per_day) or None,
        schedule=None if service.schedule is None else schedule_body(service.schedule),
        officeHours={day: [opening_body(span) for span in spans] for day, spans in service.office_hours.items()},
    )


def _confirmation(service: ServiceRequest) -> Record:
    """The places of `alert_email`, `notes` and `facebook_pixel_id` are inferred from the reply (UNK)."""
    return without_none(
        form=without_none(customFormId=service.custom_form_id, stickyContact=service.sticky_contact) or None,
        notificationAndOther=without_none(
            autoConfirm=service.auto_confirm,
            shouldSendAlertEmailsToAssignedMember=service.should_send_alert_emails_to_assigned_member,
            googleInvitationEmails=service.google_invitation_emails,
            allowReschedule=service.allow_reschedule,
            allowCancellation=service.allow_cancellation,
            alertEmail=service.alert_email,
            notes=service.notes,
            facebookPixelId=service.facebook_pixel_id,
        ),
        formSubmission={"type": service.form_submission_type, "content": service.form_submission_content},
    )
