/*
Grain: one row per location, service and local month, for this month and the one before.
Question: Is this month ahead of last month on the same day?
Key: location_id, service_id, local_month
Incremental by: location_id, service_id, local_month
Clock: day
Notes: Counts bookings for the month that had been made by the same moment of the month: the end of the current hour for this
  month, and as many days and hours after its beginning for last month (its end if it is shorter). Only bookings whose booked_at comes from
  the API's createdAt; cancelled and deleted ones count in both months, because the API does not say when each was
  cancelled. So both figures are bookings made, not bookings that still stand.
Audits:
  not null: location_id, local_month, is_this_month
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: made_by_then from 0
  check part_within_total: made_by_then <= made
Columns:
  local_month: First day of the local month for which the bookings are.
  is_this_month: Whether this is the current month, else it is the one before.
  made_by_then: Bookings for the month made by the same moment of the month as now.
  made: All bookings for the month made so far; for last month, its final number.
*/
WITH clocks AS (
  SELECT
    location_id,
    timezone,
    ($hour + INTERVAL 1 HOUR) AT TIME ZONE timezone AS local_now,
    CAST(DATE_TRUNC('MONTH', $now AT TIME ZONE timezone) AS DATE) AS this_month
  FROM marts.dim_location
), months AS (
  SELECT location_id, timezone, this_month AS local_month, TRUE AS is_this_month, local_now AS until_local
  FROM clocks
  UNION ALL
  SELECT
    location_id,
    timezone,
    CAST(DATE_TRUNC('MONTH', this_month - 1) AS DATE),
    FALSE,
    LEAST(
      CAST(DATE_TRUNC('MONTH', this_month - 1) AS TIMESTAMP) + (local_now - CAST(this_month AS TIMESTAMP)),
      CAST(this_month AS TIMESTAMP)
    )
  FROM clocks
)
SELECT
  bookings.location_id,
  bookings.service_id,
  months.local_month,
  months.is_this_month,
  CAST(COUNT_IF(bookings.booked_at AT TIME ZONE months.timezone <= months.until_local) AS BIGINT) AS made_by_then,
  COUNT(*) AS made
FROM marts.fct_appointments AS bookings
JOIN months ON months.location_id = bookings.location_id AND months.local_month = bookings.local_month
WHERE (bookings.is_booking OR bookings.is_deleted_before_start) AND bookings.booked_at_source = 'created_at'
GROUP BY bookings.location_id, bookings.service_id, months.local_month, months.is_this_month
