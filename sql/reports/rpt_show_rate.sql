/*
Grain: one row per location, service and local week with bookings that have begun.
Question: How many contacts came to their bookings?
Key: location_id, service_id, local_week
Notes: Show rate = showed / (showed + noshow). Cancelled bookings are not part of it; their rate is relative to all
  bookings. Bookings without a final status are in neither. Marks arrive late, so recent weeks still change:
  rpt_show_rate_as_known shows by how much.
Audits:
  not null: location_id, local_week
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 1
  range: show_rate from 0 to 1
  range: noshow_rate from 0 to 1
  range: cancellation_rate from 0 to 1
  range: reschedule_rate from 0 to 1
  check parts_add_up: bookings = showed + noshow + cancelled + invalid + unmarked
Columns:
  bookings: Bookings of the week that have begun.
  showed: Bookings that the contact attended.
  noshow: Bookings that the contact missed.
  cancelled: Cancelled bookings.
  invalid: Bookings marked invalid.
  unmarked: Bookings without a final status.
  marked: showed + noshow.
  rescheduled: Bookings rescheduled at least once.
  show_rate: showed / (showed + noshow); null if no booking is marked.
  noshow_rate: noshow / (showed + noshow); null if no booking is marked.
  cancellation_rate: cancelled / bookings.
  reschedule_rate: rescheduled / bookings.
*/
WITH weekly_counts AS (
  SELECT
    location_id,
    service_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(status = 'noshow') AS BIGINT) AS noshow,
    CAST(COUNT_IF(status = 'cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(status = 'invalid') AS BIGINT) AS invalid,
    CAST(COUNT_IF(is_open) AS BIGINT) AS unmarked,
    CAST(COUNT_IF(times_rescheduled > 0) AS BIGINT) AS rescheduled
  FROM marts.fct_appointments
  WHERE is_booking AND starts_at <= $now
  GROUP BY location_id, service_id, local_week
)
SELECT
  location_id,
  service_id,
  local_week,
  bookings,
  showed,
  noshow,
  cancelled,
  invalid,
  unmarked,
  showed + noshow AS marked,
  rescheduled,
  showed / NULLIF(showed + noshow, 0) AS show_rate,
  noshow / NULLIF(showed + noshow, 0) AS noshow_rate,
  cancelled / NULLIF(bookings, 0) AS cancellation_rate,
  rescheduled / NULLIF(bookings, 0) AS reschedule_rate
FROM weekly_counts
