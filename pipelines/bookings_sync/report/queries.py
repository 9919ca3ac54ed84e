"""Queries: the SELECTs that count the page's figures, in DuckDB's SQL like the models.

Input:  the marts; in braces, the range of days and the expression that puts an age into a bin (`figures` fills both
        in).
Output: rows that begin with location_id, team_id, service_id and the bin.
"""

from __future__ import annotations

AGED = """
WITH here AS (
  SELECT location_id, CAST($now AT TIME ZONE timezone AS DATE) AS today FROM marts.dim_location
), aged AS (
  SELECT bookings.*, bookings.local_date - here.today AS age
  FROM marts.fct_appointments AS bookings
  JOIN here ON here.location_id = bookings.location_id
  WHERE bookings.is_booking
    AND bookings.local_date >= here.today - {oldest} AND bookings.local_date < here.today + {ahead}
)
"""
"""The page's bookings, with their age in days. The next queries, up to LOADS, are appended to this one."""

DAYS = """
SELECT location_id, team_id, service_id, {day}, COUNT_IF(status = 'showed'), COUNT_IF(status = 'noshow'),
  COUNT_IF(status = 'cancelled'), COUNT_IF(status = 'invalid'),
  COUNT_IF(status NOT IN ('showed', 'noshow', 'cancelled', 'invalid')), COUNT_IF(times_rescheduled > 0),
  COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0)
FROM aged GROUP BY location_id, team_id, service_id, {day}
"""
HOURS = """
, open_hours AS (
  SELECT used.*, service.team_id, used.local_date - here.today AS age
  FROM marts.rpt_hourly_utilisation AS used
  JOIN here ON here.location_id = used.location_id
  JOIN marts.dim_service AS service
    ON service.location_id = used.location_id AND service.service_id = used.service_id
  WHERE used.local_date >= here.today - {oldest} AND used.local_date < here.today + {ahead}
), both_kinds AS (
  SELECT location_id, team_id, service_id, {stretch} AS stretch, local_weekday, local_hour, 1 AS bookings,
    0 AS booked_minutes, 0 AS open_minutes
  FROM aged WHERE is_expected
  UNION ALL
  SELECT location_id, team_id, service_id, {stretch}, local_weekday, local_hour, 0, booked_open_seat_minutes,
    open_seat_minutes
  FROM open_hours
  WHERE open_seat_minutes > 0
)
SELECT location_id, team_id, service_id, stretch, local_weekday, local_hour, SUM(bookings), SUM(booked_minutes),
  SUM(open_minutes)
FROM both_kinds GROUP BY location_id, team_id, service_id, stretch, local_weekday, local_hour
"""
STAFF_HOURS = """
, aged_hours AS (
  SELECT worked.*, CAST(EXTRACT(ISODOW FROM worked.local_date) AS INTEGER) AS local_weekday,
    worked.local_date - here.today AS age
  FROM marts.fct_staff_hours AS worked
  JOIN here ON here.location_id = worked.location_id
  WHERE worked.local_date >= here.today - {oldest} AND worked.local_date < here.today + {ahead}
)
SELECT location_id, {stretch}, local_weekday, local_hour, SUM(booked_minutes), SUM(office_minutes - blocked_minutes)
FROM aged_hours
GROUP BY location_id, {stretch}, local_weekday, local_hour
HAVING SUM(office_minutes - blocked_minutes) > 0
"""
SEATS = """
, aged_seats AS (
  SELECT used.*, service.team_id, used.local_date - here.today AS age
  FROM marts.rpt_utilisation AS used
  JOIN here ON here.location_id = used.location_id
  JOIN marts.dim_service AS service
    ON service.location_id = used.location_id AND service.service_id = used.service_id
  WHERE used.local_date >= here.today - {oldest} AND used.local_date < here.today + {ahead}
)
SELECT location_id, team_id, service_id, {stretch}, SUM(booked_seat_minutes), SUM(free_seat_minutes)
FROM aged_seats GROUP BY location_id, team_id, service_id, {stretch}
"""
SLOT_DAYS = """
, aged_days AS (
  SELECT read_days.*, service.team_id, read_days.local_date - here.today AS age
  FROM marts.fct_slot_days AS read_days
  JOIN here ON here.location_id = read_days.location_id
  JOIN marts.dim_service AS service
    ON service.location_id = read_days.location_id AND service.service_id = read_days.service_id
  WHERE read_days.local_date >= here.today - {oldest} AND read_days.local_date < here.today + {ahead}
)
SELECT location_id, team_id, service_id, {stretch}, COUNT(*), COUNT_IF(is_known)
FROM aged_days GROUP BY location_id, team_id, service_id, {stretch}
"""
LEADS = """
SELECT location_id, team_id, service_id, {stretch}, lead_time_span, COUNT(*), COUNT_IF(status = 'showed'),
  COUNT_IF(status = 'noshow')
FROM aged GROUP BY location_id, team_id, service_id, {stretch}, lead_time_span
"""
LOADS = """
SELECT location_id, team_id, service_id, {stretch}, member_id, COUNT(*),
  COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0),
  COUNT_IF(status = 'showed'), COUNT_IF(status = 'noshow')
FROM aged WHERE status NOT IN ('cancelled', 'invalid')
GROUP BY location_id, team_id, service_id, {stretch}, member_id
"""
KNOWN = """
SELECT known.location_id, service.team_id, known.service_id, known.days_after, SUM(known.bookings), SUM(known.showed),
  SUM(known.noshow), SUM(known.unmarked), SUM(known.showed_now), SUM(known.noshow_now)
FROM marts.rpt_show_rate_as_known AS known
JOIN marts.dim_location AS location ON location.location_id = known.location_id
LEFT JOIN marts.dim_service AS service
  ON service.location_id = known.location_id AND service.service_id = known.service_id
WHERE known.local_date >= CAST($now AT TIME ZONE location.timezone AS DATE) - {days}
GROUP BY known.location_id, service.team_id, known.service_id, known.days_after
"""
DRIFT = """
SELECT location_id, table_name, field, records, CAST(first_seen_at AT TIME ZONE 'UTC' AS DATE)
FROM marts.rpt_schema_drift
"""
FIRSTS = """
SELECT bookings.location_id, bookings.team_id, bookings.service_id,
  MIN(bookings.local_date - CAST($now AT TIME ZONE location.timezone AS DATE))
FROM (
  SELECT location_id, team_id, service_id, MIN(local_date) AS local_date FROM marts.fct_appointments
  WHERE is_booking AND local_date IS NOT NULL GROUP BY location_id, team_id, service_id
) AS bookings
JOIN marts.dim_location AS location ON location.location_id = bookings.location_id
GROUP BY bookings.location_id, bookings.team_id, bookings.service_id
"""
LOCATIONS = """
SELECT location_id, name, CAST($now AT TIME ZONE timezone AS DATE) FROM marts.dim_location ORDER BY name, location_id
"""
SERVICES = "SELECT location_id, service_id, name FROM marts.dim_service"
TEAMS = "SELECT location_id, team_id, name FROM marts.dim_team"
MEMBERS = "SELECT location_id, member_id, name FROM marts.dim_member ORDER BY location_id, member_id"
SPANS = "SELECT label FROM marts.dim_time_span ORDER BY time_span"
