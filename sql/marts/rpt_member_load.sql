/*
Grain: one row per location, member and week.
Question: Who takes how much, and is it shared fairly?
Key: location_id, member_id, local_week
Notes: Bookings neither cancelled nor invalid, past and to come, by the week they start. Bookings that nobody takes have
  a row too, with no member, so that a week's shares add up to 1.
Audits:
  not null: location_id, local_week
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: bookings from 1
  range: share from 0 to 1
Columns:
  location_id: The location (tenant).
  member_id: The member; null for bookings that nobody takes.
  local_week: Monday of the week, on the location's clock.
  bookings: Bookings the member takes.
  booked_minutes: Their time.
  showed: Of these, those who came.
  noshow: Of these, those who did not come.
  share: The member's part of the location's bookings of that week.
*/
WITH loads AS (
  SELECT
    location_id,
    member_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COALESCE(SUM(duration_minutes), 0) AS BIGINT) AS booked_minutes,
    CAST(COUNT_IF(status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(status = 'noshow') AS BIGINT) AS noshow
  FROM marts.fct_appointments
  WHERE is_booking AND status NOT IN ('cancelled', 'invalid') AND local_week IS NOT NULL
  GROUP BY location_id, member_id, local_week
)
SELECT
  location_id,
  member_id,
  local_week,
  bookings,
  booked_minutes,
  showed,
  noshow,
  bookings / SUM(bookings) OVER (PARTITION BY location_id, local_week) AS share
FROM loads
