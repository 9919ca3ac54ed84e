/*
Grain: one row per location, service and local week with bookings.
Question: How long before their start are bookings cancelled, and how many are cancelled late?
Key: location_id, service_id, local_week
Notes: By the week of the start, past and future. The notice is the time from the cancellation
  (fct_appointment_events.changed_at) to the start at that time. Late means under 24 hours of notice: same day, under 24 hours on an
  earlier local day, or after the start. A cancellation that the first sync already found is not known, and neither late
  nor in time. timed_by_sync counts those that the API did not date: the sync that saw them came up to one sync interval
  later, so their notice may have been longer. Bookings deleted before their start are not part of it.
Audits:
  not null: location_id, local_week, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 1
  range: late_cancellation_rate from 0 to 1
  check parts_add_up: cancelled = over_24_hours + under_24_hours + same_day + after_start + not_known
Columns:
  local_week: Monday of the local week of the start.
  bookings: Bookings of the week.
  cancelled: Cancelled bookings.
  over_24_hours: Cancelled at least 24 hours before the start.
  under_24_hours: Cancelled less than 24 hours before the start, on an earlier local day.
  same_day: Cancelled on the local day of the start, before it.
  after_start: Cancelled after the start.
  not_known: Cancelled before a sync first saw the booking, or without a known start.
  timed_by_sync: Of the cancelled bookings with a known notice, those dated by the sync that saw them.
  late: under_24_hours + same_day + after_start.
  is_too_few: Whether there are fewer than 10 bookings, too few for a rate.
  late_cancellation_rate: late / bookings.
  late_cancellation_rate_low: Lower end of the rate's 95 % interval.
  late_cancellation_rate_high: Upper end of the rate's 95 % interval.
*/
WITH ranked_cancellations AS (
  SELECT
    events.location_id,
    events.appointment_id,
    events.changed_at,
    events.changed_at_source,
    events.from_starts_at,
    CAST(events.from_starts_at AT TIME ZONE location.timezone AS DATE)
      = CAST(events.changed_at AT TIME ZONE location.timezone AS DATE) AS is_same_day,
    ROW_NUMBER() OVER (PARTITION BY events.location_id, events.appointment_id ORDER BY events.observed_at DESC)
      AS newest_first
  FROM marts.fct_appointment_events AS events
  JOIN marts.dim_location AS location ON location.location_id = events.location_id
  WHERE events.event = 'status changed' AND events.to_status = 'cancelled'
), cancellations AS (
  SELECT * FROM ranked_cancellations WHERE newest_first = 1
), notices AS (
  SELECT
    bookings.location_id,
    bookings.service_id,
    bookings.local_week,
    bookings.status,
    cancellations.changed_at_source,
    CAST(EXTRACT(EPOCH FROM cancellations.from_starts_at) - EXTRACT(EPOCH FROM cancellations.changed_at) AS DOUBLE) / 3600
      AS notice_hours,
    cancellations.is_same_day
  FROM marts.fct_appointments AS bookings
  -- The status is checked below: a condition on the left table alone turns this join into a loop over all pairs.
  LEFT JOIN cancellations
    ON cancellations.location_id = bookings.location_id
    AND cancellations.appointment_id = bookings.appointment_id
  WHERE bookings.is_booking AND bookings.local_week IS NOT NULL
), groups AS (
  SELECT
    *,
    CASE
      WHEN status <> 'cancelled' THEN 'not cancelled'
      WHEN notice_hours IS NULL THEN 'not known'
      WHEN notice_hours < 0 THEN 'after start'
      WHEN is_same_day THEN 'same day'
      WHEN notice_hours < 24 THEN 'under 24 hours'
      ELSE 'over 24 hours'
    END AS notice
  FROM notices
), weekly_counts AS (
  SELECT
    location_id,
    service_id,
    local_week,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(status = 'cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(notice = 'over 24 hours') AS BIGINT) AS over_24_hours,
    CAST(COUNT_IF(notice = 'under 24 hours') AS BIGINT) AS under_24_hours,
    CAST(COUNT_IF(notice = 'same day') AS BIGINT) AS same_day,
    CAST(COUNT_IF(notice = 'after start') AS BIGINT) AS after_start,
    CAST(COUNT_IF(notice = 'not known') AS BIGINT) AS not_known,
    CAST(COUNT_IF(COALESCE(
      status = 'cancelled' AND notice <> 'not known' AND changed_at_source = 'observed', FALSE
    )) AS BIGINT) AS timed_by_sync
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
  bookings < 10 AS is_too_few,
  CAST(under_24_hours + same_day + after_start AS DOUBLE) / bookings AS late_cancellation_rate,
  WILSON_LOW(under_24_hours + same_day + after_start, bookings) AS late_cancellation_rate_low,
  WILSON_HIGH(under_24_hours + same_day + after_start, bookings) AS late_cancellation_rate_high
FROM weekly_counts
