/*
Grain: one row per location, service, what bookings are compared by and its value.
Question: Which bookings are likelier not to be kept: made when, on which weekday, at which hour?
Key: location_id, service_id, risk_by, value
Notes: No-show rate = noshow / (showed + noshow), over all bookings that are marked either way; cancelled ones were not
  expected. A rate of a few bookings says little: noshow_rate_low and noshow_rate_high are its 95 % interval (Wilson's),
  and two values differ for certain only where their intervals do not meet.
Audits:
  not null: location_id, risk_by, value, label
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: risk_by in lead time, weekday, hour
  range: marked from 1
  range: noshow_rate from 0 to 1
  range: noshow_rate_low from 0 to 1
  range: noshow_rate_high from 0 to 1
  check interval_holds_the_rate: noshow_rate_low <= noshow_rate + 0.000001 AND noshow_rate <= noshow_rate_high + 0.000001
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  risk_by: What they are compared by: lead time, weekday or hour.
  value: The group of the lead time (dim_time_span), the weekday (1 Monday to 7 Sunday), or the hour (0 to 23); orders them too.
  label: The same in words, such as 1 to 3 days, Monday or 09:00.
  marked: Bookings marked showed or noshow.
  noshow: Of these, those who did not come.
  noshow_rate: noshow / marked.
  noshow_rate_low: Lower end of the rate's 95 % interval.
  noshow_rate_high: Upper end of the rate's 95 % interval.
*/
WITH counted AS (
  -- Few rows for each service: what follows takes them apart three times.
  SELECT
    location_id,
    service_id,
    lead_time_span,
    local_weekday,
    local_hour,
    COUNT(*) AS marked,
    CAST(COUNT_IF(status = 'noshow') AS BIGINT) AS noshow
  FROM marts.fct_appointments
  WHERE is_booking AND status IN ('showed', 'noshow') AND local_date IS NOT NULL
  GROUP BY location_id, service_id, lead_time_span, local_weekday, local_hour
), valued AS (
  SELECT location_id, service_id, 'lead time' AS risk_by, lead_time_span AS value, marked, noshow FROM counted
  UNION ALL
  SELECT location_id, service_id, 'weekday', local_weekday, marked, noshow FROM counted
  UNION ALL
  SELECT location_id, service_id, 'hour', local_hour, marked, noshow FROM counted
), summed AS (
  SELECT
    location_id,
    service_id,
    risk_by,
    value,
    CAST(SUM(marked) AS BIGINT) AS marked,
    CAST(SUM(noshow) AS BIGINT) AS noshow
  FROM valued
  GROUP BY location_id, service_id, risk_by, value
), rated AS (
  SELECT *, CAST(noshow AS DOUBLE) / marked AS noshow_rate FROM summed
), judged AS (
  -- 1.96 standard deviations hold 95 %; 3.8416 is its square.
  SELECT
    *,
    (noshow_rate + 3.8416 / (2 * marked)) / (1 + 3.8416 / marked) AS middle,
    1.96 * SQRT(noshow_rate * (1 - noshow_rate) / marked + 3.8416 / (4 * marked * marked)) / (1 + 3.8416 / marked) AS half
  FROM rated
)
SELECT
  judged.location_id,
  judged.service_id,
  judged.risk_by,
  judged.value,
  CASE judged.risk_by
    WHEN 'lead time' THEN span.label
    WHEN 'hour' THEN LPAD(CAST(judged.value AS VARCHAR), 2, '0') || ':00'
    ELSE CASE judged.value
      WHEN 1 THEN 'Monday'
      WHEN 2 THEN 'Tuesday'
      WHEN 3 THEN 'Wednesday'
      WHEN 4 THEN 'Thursday'
      WHEN 5 THEN 'Friday'
      WHEN 6 THEN 'Saturday'
      WHEN 7 THEN 'Sunday'
    END
  END AS label,
  judged.marked,
  judged.noshow,
  judged.noshow_rate,
  GREATEST(CAST(judged.middle - judged.half AS DOUBLE), 0) AS noshow_rate_low,
  LEAST(CAST(judged.middle + judged.half AS DOUBLE), 1) AS noshow_rate_high
FROM judged
LEFT JOIN marts.dim_time_span AS span ON judged.risk_by = 'lead time' AND span.time_span = judged.value
