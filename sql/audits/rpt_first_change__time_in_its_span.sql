/*
Model: rpt_first_change
Question: In which groups does the mean time lie outside the group, so that the bounds are not those of dim_time_span?
*/
SELECT report.location_id, report.service_id, report.first_change, report.time_span
FROM marts.rpt_first_change AS report
JOIN marts.dim_time_span AS span ON span.time_span = report.time_span
WHERE report.minutes_to_change < span.from_hours * 60 * report.bookings
  OR report.minutes_to_change >= span.to_hours * 60 * report.bookings
