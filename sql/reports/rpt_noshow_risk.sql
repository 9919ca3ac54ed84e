/*
Grain: one row per location, service, characteristic (lead time, weekday, hour or prior no-shows) and its value.
Question: How does the no-show rate depend on lead time, weekday, hour and the contact's earlier no-shows?
Key: location_id, service_id, risk_by, value
Clock:
  marts.fct_appointments: CASE WHEN status IN ('showed', 'noshow') THEN starts_at END
Notes: No-show rate = noshow / (showed + noshow); bookings with any other status
  are left out, and so are marked bookings that have not begun, as in rpt_show_rate. noshow_rate_low and
  noshow_rate_high bound the 95 % Wilson confidence interval of the rate. Rates of few bookings have wide intervals;
  treat two values as different only if their intervals do not overlap, and show no rate of fewer than 10
  (is_too_few). prior no-shows counts the
  contact's no-shows that began before this booking, in all services of the location; bookings without a known contact
  are left out there.
Audits:
  not null: location_id, risk_by, value, label, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: risk_by in lead time, weekday, hour, prior no-shows
  range: marked from 1
  range: noshow_rate from 0 to 1
  range: noshow_rate_low from 0 to 1
  range: noshow_rate_high from 0 to 1
  check interval_contains_rate: noshow_rate_low <= noshow_rate + 0.000001 AND noshow_rate <= noshow_rate_high + 0.000001
Columns:
  location_id: The location (tenant).
  service_id: The service booked; null if the appointment names none.
  risk_by: The characteristic: lead time, weekday, hour or prior no-shows.
  value: The group of the lead time (dim_time_span), the weekday (1 Monday to 7 Sunday), the local hour (0 to 23), or the
    number of earlier no-shows (3 is 3 or more).
  label: The value in words, such as 1 to 3 days, Monday, 09:00 or none.
  marked: Bookings with status showed or noshow.
  noshow: Bookings that the contact missed.
  is_too_few: Whether fewer than 10 bookings are marked, too few for a rate.
  noshow_rate: noshow / marked.
  noshow_rate_low: Lower end of the 95 % interval.
  noshow_rate_high: Upper end of the 95 % interval.
*/
WITH bookings AS (
  SELECT
    location_id,
    service_id,
    lead_time_span,
    local_weekday,
    local_hour,
    CASE WHEN status = 'noshow' THEN 1 ELSE 0 END AS is_noshow,
    CASE
      WHEN contact_id IS NOT NULL THEN LEAST(COALESCE(SUM(CASE WHEN status = 'noshow' THEN 1 ELSE 0 END) OVER (
        PARTITION BY location_id, contact_id ORDER BY starts_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        EXCLUDE GROUP
      ), 0), 3)
    END AS prior_noshows
  FROM marts.fct_appointments
  WHERE is_booking AND status IN ('showed', 'noshow') AND starts_at <= $now AND local_date IS NOT NULL
), marked_bookings AS (
  -- Count first: the next step reads these rows four times.
  SELECT
    location_id,
    service_id,
    lead_time_span,
    local_weekday,
    local_hour,
    CAST(prior_noshows AS INTEGER) AS prior_noshows,
    COUNT(*) AS marked,
    CAST(SUM(is_noshow) AS BIGINT) AS noshow
  FROM bookings
  GROUP BY location_id, service_id, lead_time_span, local_weekday, local_hour, CAST(prior_noshows AS INTEGER)
), characteristics AS (
  SELECT location_id, service_id, 'lead time' AS risk_by, lead_time_span AS value, marked, noshow FROM marked_bookings
  UNION ALL
  SELECT location_id, service_id, 'weekday', local_weekday, marked, noshow FROM marked_bookings
  UNION ALL
  SELECT location_id, service_id, 'hour', local_hour, marked, noshow FROM marked_bookings
  UNION ALL
  SELECT location_id, service_id, 'prior no-shows', prior_noshows, marked, noshow FROM marked_bookings
  WHERE prior_noshows IS NOT NULL
), characteristic_counts AS (
  SELECT
    location_id,
    service_id,
    risk_by,
    value,
    CAST(SUM(marked) AS BIGINT) AS marked,
    CAST(SUM(noshow) AS BIGINT) AS noshow
  FROM characteristics
  GROUP BY location_id, service_id, risk_by, value
)
SELECT
  counts.location_id,
  counts.service_id,
  counts.risk_by,
  counts.value,
  CASE counts.risk_by
    WHEN 'lead time' THEN span.label
    WHEN 'hour' THEN LPAD(CAST(counts.value AS VARCHAR), 2, '0') || ':00'
    WHEN 'prior no-shows' THEN CASE counts.value
      WHEN 0 THEN 'none' WHEN 3 THEN '3 or more' ELSE CAST(counts.value AS VARCHAR)
    END
    ELSE CASE counts.value
      WHEN 1 THEN 'Monday'
      WHEN 2 THEN 'Tuesday'
      WHEN 3 THEN 'Wednesday'
      WHEN 4 THEN 'Thursday'
      WHEN 5 THEN 'Friday'
      WHEN 6 THEN 'Saturday'
      WHEN 7 THEN 'Sunday'
    END
  END AS label,
  counts.marked,
  counts.noshow,
  counts.marked < 10 AS is_too_few,
  CAST(counts.noshow AS DOUBLE) / counts.marked AS noshow_rate,
  WILSON_LOW(counts.noshow, counts.marked) AS noshow_rate_low,
  WILSON_HIGH(counts.noshow, counts.marked) AS noshow_rate_high
FROM characteristic_counts AS counts
LEFT JOIN marts.dim_time_span AS span ON counts.risk_by = 'lead time' AND span.time_span = counts.value
