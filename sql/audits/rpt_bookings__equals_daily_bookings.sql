/*
Model: rpt_bookings
Question: In which locations does the sum of bookings differ from rpt_daily_bookings?
*/
WITH pivot_totals AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_bookings GROUP BY location_id
), daily_totals AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_daily_bookings GROUP BY location_id
)
SELECT
  daily_totals.location_id,
  CAST(NULL AS DATE) AS local_date,
  CAST(NULL AS VARCHAR) AS service_id,
  CAST(NULL AS VARCHAR) AS team_id,
  CAST(NULL AS VARCHAR) AS member_id,
  CAST(NULL AS VARCHAR) AS source,
  CAST(NULL AS VARCHAR) AS status
FROM daily_totals
LEFT JOIN pivot_totals ON pivot_totals.location_id = daily_totals.location_id
WHERE COALESCE(pivot_totals.bookings, 0) <> daily_totals.bookings
