/*
Grain: one row per location, local day, service, team, member, contact source and status.
Question: How many bookings are there, by day, week or month, and by whatever they can be counted by?
Key: location_id, local_date, service_id, team_id, member_id, source, status
Notes: The cube to pivot: every column after the dimensions adds up, over any of them and over weeks and months, so every
  rate can be made of it: show rate = bookings showed / bookings showed or noshow, cancellation rate = bookings cancelled
  of begun / begun, reschedule rate = rescheduled / bookings. A booking is a contact's appointment that is not deleted, by
  the day it starts; appointments without a start are left out.
Audits:
  not null: location_id, local_date, local_week, local_month, status
  references: location_id -> marts.dim_location (location_id)
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: location_id, team_id -> marts.dim_team (location_id, team_id)
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  accepted: status in new, confirmed, cancelled, showed, noshow, invalid, booked, other, unknown
  range: bookings from 1
  check parts_are_no_more_than_the_whole: begun <= bookings AND rescheduled <= bookings AND reassigned <= bookings
Columns:
  location_id: The location (tenant).
  local_date: The day, on the location's clock.
  local_week: Monday of that day's week.
  local_month: First day of that day's month.
  service_id: The service booked; null where the appointment names none.
  team_id: The team booked; null where none is known.
  member_id: The member who takes it; null for those nobody takes.
  source: Where the contact came from (dim_contact); null where nobody says.
  status: new, confirmed, cancelled, showed, noshow or invalid; booked where only the booking's state is known; other for an undocumented word; unknown where the API says nothing.
  bookings: Bookings.
  begun: Of these, those whose start has passed.
  rescheduled: Of these, those whose start was seen changed at least once.
  reassigned: Of these, those whose member was seen changed at least once.
  booked_minutes: Their time, in minutes, whatever became of them.
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
  CAST(COALESCE(SUM(bookings.duration_minutes), 0) AS BIGINT) AS booked_minutes
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
