/*
Grain: one row per location, service and week of bookings that have begun.
Question: How many of those who were expected came?
Key: location_id, service_id, local_week
Notes: Show rate = showed / (showed + noshow). Cancelled ones were not expected: they stand apart, as a rate of all bookings.
  Bookings nobody has marked yet are in neither; marks come late, so the newest weeks still change
  (rpt_show_rate_as_known says how much). Each rate stands with its denominator: marked, or bookings.
Audits:
  not null: location_id, local_week
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 1
  range: show_rate from 0 to 1
  range: noshow_rate from 0 to 1
  range: cancellation_rate from 0 to 1
  range: reschedule_rate from 0 to 1
  check parts_make_the_whole: bookings = showed + noshow + cancelled + invalid + unmarked
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  local_week: Monday of the week, on the location's clock.
  bookings: Bookings of the week that have begun.
  showed: Of these, those who came.
  noshow: Of these, those who did not come.
  cancelled: Of these, those cancelled.
  invalid: Of these, those marked invalid.
  unmarked: Of these, those nobody has marked.
  marked: showed + noshow: those known to have come or not.
  rescheduled: Of all bookings of the week, those whose start was seen changed at least once.
  show_rate: showed / (showed + noshow); null where nobody is marked either way.
  noshow_rate: noshow / (showed + noshow), so 1 - show_rate.
  cancellation_rate: cancelled / bookings.
  reschedule_rate: rescheduled / bookings.
*/
WITH counted AS (
  SELECT
    location_id,
    service_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(status = 'noshow') AS BIGINT) AS noshow,
    CAST(COUNT_IF(status = 'cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(status = 'invalid') AS BIGINT) AS invalid,
    CAST(COUNT_IF(status NOT IN ('showed', 'noshow', 'cancelled', 'invalid')) AS BIGINT) AS unmarked,
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
FROM counted
