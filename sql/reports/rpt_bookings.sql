/*
Grain: one row per location, local day, service, team, member, contact source and status.
Question: How many bookings are there by day, service, team, member, contact source and status?
Key: location_id, local_date, service_id, team_id, member_id, source, status
Incremental by: location_id, local_date
Clock:
  marts.fct_appointments: starts_at
Notes: The table to pivot. Every figure can be summed over any of the dimensions and over weeks or months; compute
  rates from the sums. sql/metrics.yml has the rates that are computed from this table. A booking counts on the local
  day it starts; fct_appointments.is_booking says what a booking is. Appointments without a start are left out.
Audits:
  not null: location_id, local_date, local_week, local_month, status
  references: location_id -> marts.dim_location (location_id)
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: location_id, team_id -> marts.dim_team (location_id, team_id)
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  accepted: status in new, confirmed, cancelled, showed, noshow, invalid, booked, other, unknown
  range: bookings from 1
  check parts_within_total: begun <= bookings AND rescheduled <= bookings AND reassigned <= bookings
  check moves_were_seen: begun_rescheduled <= begun_seen_ahead AND begun_seen_ahead <= begun
Columns:
  bookings: Bookings, whatever their status.
  begun: Bookings that have begun.
  rescheduled: Bookings rescheduled at least once.
  reassigned: Bookings reassigned at least once.
  begun_seen_ahead: Bookings that have begun and that a sync saw before their start.
  begun_rescheduled: Of these, bookings rescheduled at least once.
  booked_minutes: Duration of the bookings that take time: neither cancelled, invalid nor isFree.
*/
SELECT
  bookings.location_id,
  bookings.local_date,
  bookings.local_week,
  bookings.local_month,
  bookings.service_id,
  bookings.team_id,
  bookings.member_id,
  contact.source,
  bookings.status,
  COUNT(*) AS bookings,
  CAST(COUNT_IF(bookings.starts_at <= $now) AS BIGINT) AS begun,
  CAST(COUNT_IF(bookings.times_rescheduled > 0) AS BIGINT) AS rescheduled,
  CAST(COUNT_IF(bookings.times_reassigned > 0) AS BIGINT) AS reassigned,
  CAST(COUNT_IF(bookings.is_seen_ahead AND bookings.starts_at <= $now) AS BIGINT) AS begun_seen_ahead,
  CAST(COUNT_IF(bookings.times_rescheduled > 0 AND bookings.starts_at <= $now) AS BIGINT) AS begun_rescheduled,
  CAST(COALESCE(SUM(CASE WHEN bookings.takes_time THEN bookings.duration_minutes END), 0) AS BIGINT) AS booked_minutes
FROM marts.fct_appointments AS bookings
LEFT JOIN marts.dim_contact AS contact
  ON contact.location_id = bookings.location_id AND contact.contact_id = bookings.contact_id
WHERE bookings.is_booking AND bookings.local_date IS NOT NULL
GROUP BY
  bookings.location_id,
  bookings.local_date,
  bookings.local_week,
  bookings.local_month,
  bookings.service_id,
  bookings.team_id,
  bookings.member_id,
  contact.source,
  bookings.status
