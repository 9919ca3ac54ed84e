/*
Grain: one row per location, member and local week.
Question: How many bookings does each member take per week?
Key: location_id, member_id, local_week
Incremental by: location_id, local_week
Notes: Past and future bookings that are neither cancelled nor invalid, by the local week in which they start.
  Bookings without a member have a row with a null member, so that the shares of a week add up to 1.
Audits:
  not null: location_id, local_week, is_too_few
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: bookings from 1
  range: share from 0 to 1
Columns:
  bookings: Bookings the member takes.
  booked_minutes: Duration of these bookings; a booking that the API marks as isFree adds none.
  showed: Bookings that the contact attended.
  noshow: Bookings that the contact missed.
  location_bookings: Bookings of the location in the week, of all members and of none.
  is_too_few: Whether there are fewer than 10 location_bookings, too few for a share.
  share: bookings / location_bookings.
  share_low: Lower end of the share's 95 % interval.
  share_high: Upper end of the share's 95 % interval.
*/
WITH weekly_loads AS (
  SELECT
    location_id,
    member_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0) AS BIGINT) AS booked_minutes,
    CAST(COUNT_IF(status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(status = 'noshow') AS BIGINT) AS noshow
  FROM marts.fct_appointments
  WHERE is_expected AND local_week IS NOT NULL
  GROUP BY location_id, member_id, local_week
), loads_with_totals AS (
  SELECT
    *,
    CAST(SUM(bookings) OVER (PARTITION BY location_id, local_week) AS BIGINT) AS location_bookings
  FROM weekly_loads
)
SELECT
  location_id,
  member_id,
  local_week,
  bookings,
  booked_minutes,
  showed,
  noshow,
  location_bookings,
  location_bookings < 10 AS is_too_few,
  CAST(bookings AS DOUBLE) / location_bookings AS share,
  WILSON_LOW(bookings, location_bookings) AS share_low,
  WILSON_HIGH(bookings, location_bookings) AS share_high
FROM loads_with_totals
