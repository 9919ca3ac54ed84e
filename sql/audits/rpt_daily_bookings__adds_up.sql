/*
Model: rpt_daily_bookings
Question: Which locations' days do not add up to their bookings?
*/
WITH reported AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_daily_bookings GROUP BY location_id
), counted AS (
  SELECT location_id, COUNT_IF(is_booking) AS bookings
  FROM marts.fct_appointments
  WHERE local_date IS NOT NULL
  GROUP BY location_id
)
SELECT counted.location_id, CAST(NULL AS VARCHAR) AS service_id, CAST(NULL AS DATE) AS local_date
FROM counted
LEFT JOIN reported ON reported.location_id = counted.location_id
WHERE reported.bookings IS DISTINCT FROM counted.bookings
