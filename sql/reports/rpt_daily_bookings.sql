/*
Grain: one row per location, service and local day on which appointments start.
Question: How many bookings does each day have, and what became of them?
Key: location_id, service_id, local_date
Incremental by: location_id, service_id, local_date
Notes: fct_appointments.is_booking says what a booking is. It counts on the local day it starts, not on the day it was
  made. bookings = open + showed + noshow + cancelled + invalid. Appointments without a start are left
  out.
Audits:
  not null: location_id, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 0
  check parts_add_up: bookings = open + showed + noshow + cancelled + invalid
Columns:
  bookings: Bookings of the day, whatever their status.
  open: Bookings without a final status.
  showed: Bookings that the contact attended.
  noshow: Bookings that the contact missed.
  cancelled: Cancelled bookings.
  invalid: Bookings marked invalid.
  rescheduled: Bookings rescheduled at least once.
  booked_minutes: Duration of the bookings that take time: neither cancelled, invalid nor isFree.
  deleted_before_start: Bookings that were deleted before their start: a loss like a cancellation, not part of bookings.
  deleted_after_start: Bookings that were deleted after their start; part of bookings.
  blocked: Blocked-off times; not part of bookings.
*/
SELECT
  location_id,
  service_id,
  local_date,
  CAST(COUNT_IF(is_booking) AS BIGINT) AS bookings,
  CAST(COUNT_IF(is_open) AS BIGINT) AS open,
  CAST(COUNT_IF(is_booking AND status = 'showed') AS BIGINT) AS showed,
  CAST(COUNT_IF(is_booking AND status = 'noshow') AS BIGINT) AS noshow,
  CAST(COUNT_IF(is_booking AND status = 'cancelled') AS BIGINT) AS cancelled,
  CAST(COUNT_IF(is_booking AND status = 'invalid') AS BIGINT) AS invalid,
  CAST(COUNT_IF(is_booking AND times_rescheduled > 0) AS BIGINT) AS rescheduled,
  CAST(COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0) AS BIGINT) AS booked_minutes,
  CAST(COUNT_IF(is_deleted_before_start) AS BIGINT) AS deleted_before_start,
  CAST(COUNT_IF(is_deleted_after_start) AS BIGINT) AS deleted_after_start,
  CAST(COUNT_IF(is_blocked AND NOT is_deleted) AS BIGINT) AS blocked
FROM marts.fct_appointments
WHERE local_date IS NOT NULL
GROUP BY location_id, service_id, local_date
