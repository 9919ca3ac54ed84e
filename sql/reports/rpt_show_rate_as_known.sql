/*
Grain: one row per location, service, local day and number of days after that day.
Question: How far off was the show rate when it was read 1, 3 or 7 days after the appointments?
Key: location_id, service_id, local_date, days_after
Incremental by: location_id, service_id, local_date
Clock:
  day
  marts.fct_appointments: starts_at
Notes: Compares the status known at the end of the 1st, 3rd or 7th local day after the appointment with the status
  now, for the same bookings. The status was known then only if a complete sync of the location began after the
  appointment and within the last 24 hours before that moment; without such a sync the booking is left out, because
  nobody knows what a sync would have seen. It is also left out if no sync had seen it by then, if it was deleted
  before its start and had not been restored by then, or if those days are not over; so days before the first sync
  have no rows. The day is that of the current start.
Reads staging:
  stg_appointment_versions: no mart holds past versions of appointments with their status.
  stg_location_runs: no mart holds when each location was synced.
Audits:
  not null: location_id, local_date, local_week, days_after, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: days_after from 1
  range: bookings from 1
  range: show_rate from 0 to 1
  range: show_rate_now from 0 to 1
  check parts_add_up: bookings = showed + noshow + unmarked + others
Columns:
  local_date: Local day of the appointments.
  local_week: Monday of that day's week.
  days_after: Whole local days after the appointment's day: 1, 3 or 7.
  bookings: Bookings with a known status at that time.
  showed: Bookings marked showed at that time.
  noshow: Bookings marked noshow at that time.
  unmarked: Bookings without a final status at that time.
  others: Bookings cancelled or invalid at that time.
  is_too_few: Whether fewer than 10 bookings were marked then or are marked now, too few to compare the rates.
  show_rate: showed / (showed + noshow); null if no booking was marked.
  show_rate_low: Lower end of the 95 % interval of show_rate.
  show_rate_high: Upper end of the 95 % interval of show_rate.
  showed_now: Bookings of the same set marked showed now.
  noshow_now: Bookings of the same set marked noshow now.
  show_rate_now: showed_now / (showed_now + noshow_now); null if no booking is marked now.
  show_rate_now_low: Lower end of the 95 % interval of show_rate_now.
  show_rate_now_high: Upper end of the 95 % interval of show_rate_now.
  marked_since: Bookings unmarked at that time that are marked showed or noshow now.
*/
WITH bookings AS (
  SELECT
    fact.location_id,
    fact.appointment_id,
    fact.service_id,
    fact.local_date,
    fact.status,
    fact.starts_at,
    fact.first_seen_at,
    location.timezone
  FROM marts.fct_appointments AS fact
  JOIN marts.dim_location AS location ON location.location_id = fact.location_id
  WHERE fact.is_booking AND fact.starts_at <= $now
), booking_days AS (
  SELECT DISTINCT location_id, timezone, local_date FROM bookings
), day_ends AS (
  -- Midnight at the end of the 1st, 3rd and 7th day after. Time zone conversion is slow, so each day is converted once.
  SELECT
    location_id,
    local_date,
    CAST(local_date + 2 AS TIMESTAMP) AT TIME ZONE timezone AS after_1,
    CAST(local_date + 4 AS TIMESTAMP) AT TIME ZONE timezone AS after_3,
    CAST(local_date + 8 AS TIMESTAMP) AT TIME ZONE timezone AS after_7
  FROM booking_days
), moments AS (
  SELECT location_id, after_1 AS moment FROM day_ends
  UNION
  SELECT location_id, after_3 FROM day_ends
  UNION
  SELECT location_id, after_7 FROM day_ends
), last_syncs AS (
  -- The last sync within the 24 hours before each moment.
  SELECT moments.location_id, moments.moment, MAX(syncs.started_at) AS synced_at
  FROM moments
  JOIN staging.stg_location_runs AS syncs
    ON syncs.location_id = moments.location_id
    AND syncs.is_complete
    AND COALESCE(syncs.ended_at, syncs.started_at) <= moments.moment
    AND syncs.started_at > moments.moment - INTERVAL 1 DAY
  GROUP BY moments.location_id, moments.moment
), observed_bookings AS (
  SELECT
    bookings.*,
    CASE WHEN sync_1.synced_at >= bookings.starts_at THEN day_ends.after_1 END AS after_1,
    CASE WHEN sync_3.synced_at >= bookings.starts_at THEN day_ends.after_3 END AS after_3,
    CASE WHEN sync_7.synced_at >= bookings.starts_at THEN day_ends.after_7 END AS after_7
  FROM bookings
  JOIN day_ends ON day_ends.location_id = bookings.location_id AND day_ends.local_date = bookings.local_date
  LEFT JOIN last_syncs AS sync_1
    ON sync_1.location_id = day_ends.location_id AND sync_1.moment = day_ends.after_1
  LEFT JOIN last_syncs AS sync_3
    ON sync_3.location_id = day_ends.location_id AND sync_3.moment = day_ends.after_3
  LEFT JOIN last_syncs AS sync_7
    ON sync_7.location_id = day_ends.location_id AND sync_7.moment = day_ends.after_7
  WHERE bookings.first_seen_at <= day_ends.after_7 AND day_ends.after_1 <= $now
), known_statuses AS (
  SELECT
    observed_bookings.location_id,
    observed_bookings.appointment_id,
    observed_bookings.service_id,
    observed_bookings.local_date,
    observed_bookings.status,
    MAX(CASE
      WHEN observed_bookings.after_1 <= $now AND version.valid_from <= observed_bookings.after_1
        AND COALESCE(version.valid_to > observed_bookings.after_1, TRUE) THEN version.status
    END) AS status_1,
    MAX(CASE
      WHEN observed_bookings.after_3 <= $now AND version.valid_from <= observed_bookings.after_3
        AND COALESCE(version.valid_to > observed_bookings.after_3, TRUE) THEN version.status
    END) AS status_3,
    MAX(CASE
      WHEN observed_bookings.after_7 <= $now AND version.valid_from <= observed_bookings.after_7
        AND COALESCE(version.valid_to > observed_bookings.after_7, TRUE) THEN version.status
    END) AS status_7
  FROM observed_bookings
  JOIN staging.stg_appointment_versions AS version
    ON version.location_id = observed_bookings.location_id AND version.appointment_id = observed_bookings.appointment_id
  WHERE version.deleted_at IS NULL OR version.deleted_at > version.starts_at
  GROUP BY
    observed_bookings.location_id,
    observed_bookings.appointment_id,
    observed_bookings.service_id,
    observed_bookings.local_date,
    observed_bookings.status
), status_counts AS (
  SELECT location_id, service_id, local_date, status, status_1, status_3, status_7, COUNT(*) AS bookings
  FROM known_statuses
  GROUP BY location_id, service_id, local_date, status, status_1, status_3, status_7
), statuses_then_and_now AS (
  SELECT
    status_counts.location_id,
    status_counts.service_id,
    status_counts.local_date,
    after.days AS days_after,
    CASE after.days
      WHEN 1 THEN status_counts.status_1
      WHEN 3 THEN status_counts.status_3
      ELSE status_counts.status_7
    END AS status_then,
    status_counts.status AS status_now,
    status_counts.bookings
  FROM status_counts
  CROSS JOIN (VALUES (1), (3), (7)) AS after (days)
), daily_counts AS (
  SELECT
    location_id,
    service_id,
    local_date,
    days_after,
    CAST(SUM(bookings) AS BIGINT) AS bookings,
    CAST(SUM(CASE WHEN status_then = 'showed' THEN bookings ELSE 0 END) AS BIGINT) AS showed,
    CAST(SUM(CASE WHEN status_then = 'noshow' THEN bookings ELSE 0 END) AS BIGINT) AS noshow,
    CAST(SUM(CASE WHEN status_then IN ('cancelled', 'invalid') THEN bookings ELSE 0 END) AS BIGINT) AS others,
    CAST(SUM(CASE WHEN status_now = 'showed' THEN bookings ELSE 0 END) AS BIGINT) AS showed_now,
    CAST(SUM(CASE WHEN status_now = 'noshow' THEN bookings ELSE 0 END) AS BIGINT) AS noshow_now,
    CAST(SUM(
      CASE
        -- As fct_appointments.is_open, but by the earlier status.
        WHEN status_then NOT IN ('showed', 'noshow', 'cancelled', 'invalid') AND status_now IN ('showed', 'noshow')
          THEN bookings
        ELSE 0
      END
    ) AS BIGINT) AS marked_since
  FROM statuses_then_and_now
  WHERE status_then IS NOT NULL
  GROUP BY location_id, service_id, local_date, days_after
)
SELECT
  location_id,
  service_id,
  local_date,
  CAST(DATE_TRUNC('WEEK', local_date) AS DATE) AS local_week,
  days_after,
  bookings,
  showed,
  noshow,
  bookings - showed - noshow - others AS unmarked,
  others,
  LEAST(showed + noshow, showed_now + noshow_now) < 10 AS is_too_few,
  CAST(showed AS DOUBLE) / NULLIF(showed + noshow, 0) AS show_rate,
  WILSON_LOW(showed, showed + noshow) AS show_rate_low,
  WILSON_HIGH(showed, showed + noshow) AS show_rate_high,
  showed_now,
  noshow_now,
  CAST(showed_now AS DOUBLE) / NULLIF(showed_now + noshow_now, 0) AS show_rate_now,
  WILSON_LOW(showed_now, showed_now + noshow_now) AS show_rate_now_low,
  WILSON_HIGH(showed_now, showed_now + noshow_now) AS show_rate_now_high,
  marked_since
FROM daily_counts
