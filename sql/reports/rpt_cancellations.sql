/*
Grain: one row per location, service and local week with bookings that have begun.
Question: How long before their start are bookings cancelled, and how many are cancelled late?
Key: location_id, service_id, local_week
Incremental by: location_id, service_id, local_week
Clock:
  marts.fct_appointments: starts_at
Notes: By the week of the start. Bookings to come are left out, because they may still be cancelled. The notice is the
  time from the cancellation to the start at that time. Late means under 24 hours of notice: same day, under 24 hours on
  an earlier local day, or after the start. If the API does not date a cancellation, it lies between two syncs
  (fct_cancellations). Its notice is known only if it would be the same at both ends, so rare syncs leave many
  cancellations in not_known. The rate is of the bookings that a sync saw before their start, because of the others no
  cancellation in time is known. It leaves out those with an unknown notice; its bounds late_cancellation_rate_least and
  _most say what it is if none or all of them were late. Bookings deleted before their start are not part of it.
Audits:
  not null: location_id, local_week, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 1
  range: late_cancellation_rate from 0 to 1
  check parts_add_up: cancelled = over_24_hours + under_24_hours + same_day + after_start + not_known
  check bounds_in_order: late_cancellation_rate_least <= late_cancellation_rate
    AND late_cancellation_rate <= late_cancellation_rate_most
Columns:
  local_week: Monday of the local week of the start.
  bookings: Bookings of the week that have begun.
  cancelled: Cancelled bookings.
  over_24_hours: Cancelled at least 24 hours before the start.
  under_24_hours: Cancelled less than 24 hours before the start, on an earlier local day.
  same_day: Cancelled on the local day of the start, before it.
  after_start: Cancelled after the start.
  not_known: Cancelled before a sync first saw the booking, between two syncs that leave the notice open, or without a
    known start.
  timed_by_sync: Of the cancelled bookings with a known notice, those that the API did not date.
  late: under_24_hours + same_day + after_start.
  seen_ahead: Bookings that a sync saw before their start.
  known: Of these, bookings that are not cancelled, or cancelled with a known notice.
  known_late: Of these, bookings cancelled late.
  is_too_few: Whether known is under 10, too few for a rate.
  late_cancellation_rate: known_late / known; null if known is 0.
  late_cancellation_rate_low: Lower end of the rate's 95 % interval.
  late_cancellation_rate_high: Upper end of the rate's 95 % interval.
  late_cancellation_rate_least: The rate if no cancellation with an unknown notice was late, known_late /
    seen_ahead.
  late_cancellation_rate_most: The rate if all of them were late, (known_late + seen_ahead - known) / seen_ahead.
*/
WITH ends AS (
  -- The two times between which each booking was cancelled; they are equal if the API says when.
  SELECT
    cancellations.location_id,
    cancellations.appointment_id,
    cancellations.cancelled_at_source,
    CAST(cancellations.starts_at AT TIME ZONE location.timezone AS DATE) AS start_date,
    CAST(cancellations.cancelled_after AT TIME ZONE location.timezone AS DATE) AS after_date,
    CAST(cancellations.cancelled_by AT TIME ZONE location.timezone AS DATE) AS by_date,
    EXTRACT(EPOCH FROM cancellations.starts_at) - EXTRACT(EPOCH FROM cancellations.cancelled_after) AS most_seconds,
    EXTRACT(EPOCH FROM cancellations.starts_at) - EXTRACT(EPOCH FROM cancellations.cancelled_by) AS least_seconds
  FROM marts.fct_cancellations AS cancellations
  JOIN marts.dim_location AS location ON location.location_id = cancellations.location_id
), notices AS (
  SELECT
    location_id,
    appointment_id,
    cancelled_at_source,
    CASE
      WHEN most_seconds < 0 THEN 'after start'
      WHEN start_date = after_date THEN 'same day'
      WHEN most_seconds < 86400 THEN 'under 24 hours'
      WHEN most_seconds >= 86400 THEN 'over 24 hours'
    END AS longest_notice,
    CASE
      WHEN least_seconds < 0 THEN 'after start'
      WHEN start_date = by_date THEN 'same day'
      WHEN least_seconds < 86400 THEN 'under 24 hours'
      WHEN least_seconds >= 86400 THEN 'over 24 hours'
    END AS shortest_notice
  FROM ends
), known_notices AS (
  SELECT location_id, appointment_id, cancelled_at_source, longest_notice AS notice
  FROM notices
  WHERE longest_notice = shortest_notice
), groups AS (
  SELECT
    bookings.location_id,
    bookings.service_id,
    bookings.local_week,
    bookings.is_seen_ahead,
    known_notices.cancelled_at_source,
    CASE
      WHEN bookings.status <> 'cancelled' THEN 'not cancelled' ELSE COALESCE(known_notices.notice, 'not known')
    END AS notice
  FROM marts.fct_appointments AS bookings
  LEFT JOIN known_notices
    ON known_notices.location_id = bookings.location_id
    AND known_notices.appointment_id = bookings.appointment_id
  WHERE bookings.is_booking AND bookings.starts_at <= $now
), weekly_counts AS (
  SELECT
    location_id,
    service_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(notice <> 'not cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(notice = 'over 24 hours') AS BIGINT) AS over_24_hours,
    CAST(COUNT_IF(notice = 'under 24 hours') AS BIGINT) AS under_24_hours,
    CAST(COUNT_IF(notice = 'same day') AS BIGINT) AS same_day,
    CAST(COUNT_IF(notice = 'after start') AS BIGINT) AS after_start,
    CAST(COUNT_IF(notice = 'not known') AS BIGINT) AS not_known,
    CAST(COUNT_IF(COALESCE(cancelled_at_source = 'observed', FALSE)) AS BIGINT) AS timed_by_sync,
    CAST(COUNT_IF(is_seen_ahead) AS BIGINT) AS seen_ahead,
    CAST(COUNT_IF(is_seen_ahead AND notice <> 'not known') AS BIGINT) AS known,
    CAST(COUNT_IF(is_seen_ahead AND notice IN ('under 24 hours', 'same day', 'after start')) AS BIGINT) AS known_late
  FROM groups
  GROUP BY location_id, service_id, local_week
)
SELECT
  location_id,
  service_id,
  local_week,
  bookings,
  cancelled,
  over_24_hours,
  under_24_hours,
  same_day,
  after_start,
  not_known,
  timed_by_sync,
  under_24_hours + same_day + after_start AS late,
  seen_ahead,
  known,
  known_late,
  known < 10 AS is_too_few,
  CAST(known_late AS DOUBLE) / NULLIF(known, 0) AS late_cancellation_rate,
  WILSON_LOW(known_late, known) AS late_cancellation_rate_low,
  WILSON_HIGH(known_late, known) AS late_cancellation_rate_high,
  CAST(known_late AS DOUBLE) / NULLIF(seen_ahead, 0) AS late_cancellation_rate_least,
  CAST(known_late + seen_ahead - known AS DOUBLE) / NULLIF(seen_ahead, 0) AS late_cancellation_rate_most
FROM weekly_counts
