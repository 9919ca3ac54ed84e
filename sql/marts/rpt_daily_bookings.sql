/*
Grain: one row per location, service and local day on which appointments start.
Question: How many bookings does each day have, and what became of them?
Key: location_id, service_id, local_date
Notes: A booking is a contact's appointment that is not deleted (fct_appointments.is_booking), by the day it starts, not
  the day it was made. bookings = open + showed + noshow + cancelled + invalid. Appointments without a start are left out.
Audits:
  not null: location_id, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 0
  check parts_make_the_whole: bookings = open + showed + noshow + cancelled + invalid
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  local_date: The day, on the location's clock.
  bookings: Bookings of that day, whatever became of them.
  open: Of these, those neither marked nor cancelled.
  showed: Of these, those who came.
  noshow: Of these, those who did not come.
  cancelled: Of these, those cancelled.
  invalid: Of these, those marked invalid.
  rescheduled: Of these, those whose start was seen changed at least once.
  booked_minutes: Time of the bookings neither cancelled nor invalid.
  deleted: Contacts' appointments of that day that were deleted; not among the bookings.
  blocked: Blocked-off times of that day; not among the bookings.
*/
SELECT
  location_id,
  service_id,
  local_date,
  CAST(COUNT_IF(is_booking) AS BIGINT) AS bookings,
  CAST(COUNT_IF(is_booking AND status NOT IN ('showed', 'noshow', 'cancelled', 'invalid')) AS BIGINT) AS open,
  CAST(COUNT_IF(is_booking AND status = 'showed') AS BIGINT) AS showed,
  CAST(COUNT_IF(is_booking AND status = 'noshow') AS BIGINT) AS noshow,
  CAST(COUNT_IF(is_booking AND status = 'cancelled') AS BIGINT) AS cancelled,
  CAST(COUNT_IF(is_booking AND status = 'invalid') AS BIGINT) AS invalid,
  CAST(COUNT_IF(is_booking AND times_rescheduled > 0) AS BIGINT) AS rescheduled,
  CAST(COALESCE(
    SUM(CASE WHEN is_booking AND status NOT IN ('cancelled', 'invalid') THEN duration_minutes END), 0
  ) AS BIGINT) AS booked_minutes,
  CAST(COUNT_IF(is_deleted AND NOT is_blocked) AS BIGINT) AS deleted,
  CAST(COUNT_IF(is_blocked AND NOT is_deleted) AS BIGINT) AS blocked
FROM marts.fct_appointments
WHERE local_date IS NOT NULL
GROUP BY location_id, service_id, local_date
