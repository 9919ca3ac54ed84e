"""Every model that is recomputed, by name.

Input:  what the syncs saw, and the moment of the transform.
Output: `Recomputed.rows(model)`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from . import access, appointments, attendance, bookings, contacts, prediction, services, slots, working_hours
from .figures import Row
from .sights import Place

NOT_RECOMPUTED = {
    "rpt_coverage": "describes the reads of the sync",
    "rpt_freshness": "describes the reads of the sync",
    "rpt_rejections": "describes the sync: nothing is rejected here",
    "rpt_schema_drift": "describes the sync: no field is unknown here",
    "rpt_unusable_values": "describes the quality of the data: every value is usable here",
}
"""Models without a recomputation, with the reason."""

PASSED_ON = {
    "fct_appointments": {"attendance_status", "booking_state", "is_recurring"},
    "dim_contact": {"type", "country"},
    "dim_service": {"slot_interval_minutes", "slot_buffer_minutes", "appointments_per_slot", "appointments_per_day"},
}
"""Columns without a recomputation: the API's own values."""


def recomputations(places: list[Place], now: datetime) -> dict[str, Callable[[], list[Row]]]:
    """What makes the rows of each model."""
    by_place = [(place, appointments.booked(place)) for place in places]
    rows = [row for _, group in by_place for row in group]
    rules = [services.Rules(place, group, now) for place, group in by_place]
    all_slots = [slots.Slots(each) for each in rules]
    days = slots.slot_days(all_slots)
    return {
        "rpt_utilisation": lambda: slots.rpt_utilisation(days),
        "rpt_staff_utilisation": lambda: working_hours.rpt_staff_utilisation(rules),
        "rpt_hourly_utilisation": lambda: working_hours.rpt_hourly_utilisation(rules, days),
        "rpt_next_slots": lambda: access.rpt_next_slots(all_slots),
        "rpt_noshow_calibration": lambda: prediction.rpt_noshow_calibration(rows, now),
        "rpt_slot_coverage": lambda: slots.rpt_slot_coverage(days),
        "fct_slots": lambda: slots.fct_slots(all_slots),
        "fct_slot_seats": lambda: slots.fct_slot_seats(all_slots),
        "fct_slot_days": lambda: slots.fct_slot_days(days),
        "fct_staff_hours": lambda: working_hours.fct_staff_hours(rules),
        "rpt_daily_bookings": lambda: bookings.rpt_daily_bookings(rows),
        "rpt_show_rate": lambda: attendance.rpt_show_rate(rows, now),
        "rpt_show_rate_as_known": lambda: attendance.rpt_show_rate_as_known(rows, now),
        "rpt_cancellations": lambda: attendance.rpt_cancellations(rows, now),
        "rpt_lead_times": lambda: bookings.rpt_lead_times(rows),
        "rpt_noshow_risk": lambda: attendance.rpt_noshow_risk(rows, now),
        "rpt_rebooking": lambda: attendance.rpt_rebooking(rows, now),
        "rpt_returning_contacts": lambda: contacts.rpt_returning_contacts(rows, now),
        "rpt_contact_cohorts": lambda: contacts.rpt_contact_cohorts(rows, now),
        "rpt_worklist": lambda: bookings.rpt_worklist(rows, now),
        "rpt_pace": lambda: bookings.rpt_pace(rows, now),
        "rpt_double_bookings": lambda: bookings.rpt_double_bookings(rows, now),
        "rpt_series": lambda: bookings.rpt_series(rows, now),
        "rpt_first_bookings": lambda: contacts.rpt_first_bookings(places, rows),
        "rpt_first_change": lambda: attendance.rpt_first_change(rows),
        "rpt_bookings": lambda: bookings.rpt_bookings(rows, contacts.sources(places), now),
        "rpt_bookings_made": lambda: bookings.rpt_bookings_made(rows),
        "rpt_member_fairness": lambda: services.rpt_member_fairness(rules),
        "rpt_member_load": lambda: bookings.rpt_member_load(rows),
        "fct_appointments": lambda: appointments.fct_appointments(rows),
        "fct_appointment_events": lambda: appointments.fct_appointment_events(rows),
        "fct_cancellations": lambda: attendance.fct_cancellations(rows),
        "fct_service_days": lambda: services.fct_service_days(rules),
        "fct_openings": lambda: services.fct_openings(rules),
        "dim_service_member": lambda: services.dim_service_member(rules),
        "dim_service": lambda: services.dim_service(rules),
        "dim_member": lambda: services.dim_member(rules),
        "dim_team": lambda: services.dim_team(rules),
        "dim_location": lambda: services.dim_location(rules),
        "dim_date": lambda: services.dim_date(rows, now),
        "dim_time_span": services.dim_time_span,
        "dim_contact": lambda: contacts.dim_contact(places, rows),
    }
