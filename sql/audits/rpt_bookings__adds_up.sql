/*
Model: rpt_bookings
Question: Which locations' bookings by every dimension do not add up to their bookings by day?
*/
WITH cube AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_bookings GROUP BY location_id
), daily AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_daily_bookings GROUP BY location_id
)
SELECT
  daily.location_id,
  CAST(NULL AS DATE) AS local_date,
  CAST(NULL AS VARCHAR) AS service_id,
  CAST(NULL AS VARCHAR) AS team_id,
  CAST(NULL AS VARCHAR) AS member_id,
  CAST(NULL AS VARCHAR) AS source,
  CAST(NULL AS VARCHAR) AS status
FROM daily
LEFT JOIN cube ON cube.location_id = daily.location_id
WHERE COALESCE(cube.bookings, 0) <> daily.bookings
