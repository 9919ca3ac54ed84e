/*
Grain: one row per location, service and local day on which bookings were made.
Question: How many bookings are made each day, and what became of them?
Key: location_id, service_id, local_date
Incremental by: location_id, service_id
Notes: Counts by the day on which the booking was made; rpt_daily_bookings counts by the day it is for. Only bookings
  whose booked_at comes from the API's createdAt: for the others nobody knows when they were made. Bookings deleted
  before their start count, because they were made. made = expected + cancelled + invalid + deleted_before_start.
Audits:
  not null: location_id, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: made from 1
  check parts_add_up: made = expected + cancelled + invalid + deleted_before_start
Columns:
  local_date: Local day on which the bookings were made.
  made: Bookings made on this day.
  expected: Of these, bookings that are neither cancelled, invalid nor deleted before their start.
  cancelled: Of these, bookings that are cancelled now.
  invalid: Of these, bookings that are marked invalid now.
  deleted_before_start: Of these, bookings that were deleted before their start.
  for_the_same_day: Of these, bookings whose first known start was on this day.
*/
WITH made_bookings AS (
  SELECT
    bookings.*,
    CAST(bookings.booked_at AT TIME ZONE location.timezone AS DATE) AS made_on,
    -- Time zone conversion is slow, and the local day of the start is known.
    CASE
      WHEN bookings.first_starts_at = bookings.starts_at THEN bookings.local_date
      ELSE CAST(bookings.first_starts_at AT TIME ZONE location.timezone AS DATE)
    END AS made_for
  FROM marts.fct_appointments AS bookings
  JOIN marts.dim_location AS location ON location.location_id = bookings.location_id
  WHERE (bookings.is_booking OR bookings.is_deleted_before_start) AND bookings.booked_at_source = 'created_at'
)
SELECT
  location_id,
  service_id,
  made_on AS local_date,
  COUNT(*) AS made,
  CAST(COUNT_IF(is_expected) AS BIGINT) AS expected,
  CAST(COUNT_IF(is_booking AND status = 'cancelled') AS BIGINT) AS cancelled,
  CAST(COUNT_IF(is_booking AND status = 'invalid') AS BIGINT) AS invalid,
  CAST(COUNT_IF(is_deleted_before_start) AS BIGINT) AS deleted_before_start,
  CAST(COUNT_IF(COALESCE(made_for = made_on, FALSE)) AS BIGINT) AS for_the_same_day
FROM made_bookings
GROUP BY location_id, service_id, made_on
