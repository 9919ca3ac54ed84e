"""Queries: the SELECTs that count the page's figures, in DuckDB's SQL like the models.

Input:  the marts; in braces, the locations and the range of days (`figures` fills both in).
Output: rows that begin with location_id and the other ids that they count by.
"""

from __future__ import annotations

AGED = """
WITH here AS (
  SELECT location_id, CAST($now AT TIME ZONE timezone AS DATE) AS today FROM marts.dim_location WHERE {chosen}
), aged AS (
  SELECT bookings.*, bookings.local_date - here.today AS age
  FROM marts.fct_appointments AS bookings
  JOIN here ON here.location_id = bookings.location_id
  WHERE bookings.is_booking
    AND bookings.local_date >= here.today - {oldest} AND bookings.local_date < here.today + {ahead}
)
"""
"""The page's bookings, with their age in days. The next queries, up to SLOT_DAYS, are appended to this one."""

BOOKINGS = """
, shared AS (
  SELECT location_id, source FROM marts.dim_contact WHERE source IS NOT NULL
  GROUP BY location_id, source HAVING COUNT(*) >= {contacts}
), sourced AS (
  SELECT aged.*, CASE
      WHEN contact.source IS NULL THEN 'Not known' WHEN shared.source IS NULL THEN 'Other' ELSE contact.source
    END AS source
  FROM aged
  LEFT JOIN marts.dim_contact AS contact
    ON contact.location_id = aged.location_id AND contact.contact_id = aged.contact_id
  LEFT JOIN shared ON shared.location_id = contact.location_id AND shared.source = contact.source
)
SELECT location_id, team_id, service_id, age, member_id, source, lead_time_span, local_hour,
  COUNT_IF(status = 'showed'), COUNT_IF(status = 'noshow'), COUNT_IF(status = 'cancelled'),
  COUNT_IF(status = 'invalid'), COUNT_IF(is_open),
  COUNT_IF(times_rescheduled > 0),
  COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0)
FROM sourced GROUP BY location_id, team_id, service_id, age, member_id, source, lead_time_span, local_hour
"""
HOURS = """
SELECT used.location_id, service.team_id, used.service_id, used.local_date - here.today, used.local_hour,
  used.booked_open_seat_minutes, used.open_seat_minutes
FROM marts.rpt_hourly_utilisation AS used
JOIN here ON here.location_id = used.location_id
JOIN marts.dim_service AS service ON service.location_id = used.location_id AND service.service_id = used.service_id
WHERE used.open_seat_minutes > 0
  AND used.local_date >= here.today - {oldest} AND used.local_date < here.today + {ahead}
"""
STAFF_HOURS = """
SELECT worked.location_id, worked.member_id, worked.local_date - here.today, worked.local_hour, worked.booked_minutes,
  worked.office_minutes - worked.blocked_minutes
FROM marts.fct_staff_hours AS worked
JOIN here ON here.location_id = worked.location_id
WHERE worked.office_minutes > worked.blocked_minutes
  AND worked.local_date >= here.today - {oldest} AND worked.local_date < here.today + {ahead}
"""
SEATS = """
SELECT used.location_id, service.team_id, used.service_id, used.local_date - here.today, used.booked_seat_minutes,
  used.free_seat_minutes
FROM marts.rpt_utilisation AS used
JOIN here ON here.location_id = used.location_id
JOIN marts.dim_service AS service ON service.location_id = used.location_id AND service.service_id = used.service_id
WHERE used.local_date >= here.today - {oldest} AND used.local_date < here.today + {ahead}
"""
SLOT_DAYS = """
SELECT days.location_id, service.team_id, days.service_id, days.local_date - here.today, 1,
  CASE WHEN days.is_known THEN 1 ELSE 0 END
FROM marts.fct_slot_days AS days
JOIN here ON here.location_id = days.location_id
JOIN marts.dim_service AS service ON service.location_id = days.location_id AND service.service_id = days.service_id
WHERE days.local_date >= here.today - {oldest} AND days.local_date < here.today + {ahead}
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
HOURS_KNOWN = """
SELECT known.location_id, MIN(known.local_date - CAST($now AT TIME ZONE location.timezone AS DATE))
FROM marts.rpt_staff_utilisation AS known
JOIN marts.dim_location AS location ON location.location_id = known.location_id
WHERE known.is_hours_known
GROUP BY known.location_id
"""
LOCATIONS = """
SELECT location_id, name, CAST($now AT TIME ZONE timezone AS DATE) FROM marts.dim_location ORDER BY name, location_id
"""
SERVICES = "SELECT location_id, service_id, name FROM marts.dim_service"
TEAMS = "SELECT location_id, team_id, name FROM marts.dim_team"
MEMBERS = "SELECT location_id, member_id, name FROM marts.dim_member ORDER BY location_id, member_id"
SPANS = "SELECT label FROM marts.dim_time_span ORDER BY time_span"
