/*
Model: rpt_daily_bookings
Question: In which locations does the sum of bookings differ from fct_appointments?
*/
WITH report_totals AS (
  SELECT location_id, SUM(bookings) AS bookings FROM marts.rpt_daily_bookings GROUP BY location_id
), fact_totals AS (
  SELECT location_id, COUNT_IF(is_booking) AS bookings
  FROM marts.fct_appointments
  WHERE local_date IS NOT NULL
  GROUP BY location_id
)
SELECT fact_totals.location_id, CAST(NULL AS VARCHAR) AS service_id, CAST(NULL AS DATE) AS local_date
FROM fact_totals
LEFT JOIN report_totals ON report_totals.location_id = fact_totals.location_id
WHERE report_totals.bookings IS DISTINCT FROM fact_totals.bookings
