/*
Grain: one row per location, service, week and number of days after an appointment's own day.
Question: How far is a show rate to be trusted that is read so soon? What did we know then, and what do we know now?
Key: location_id, service_id, local_week, days_after
Notes: A back-test, from the versions of appointments: the status that stood in the warehouse when the given number of days
  after the appointment's local day was over, against the status now, of the same bookings. Bookings that no sync had seen by
  then, that were gone just then, or whose days are not over yet, are left out, so history from before the first sync has
  no rows. The week is that of the start as it is known now. Attendance is marked late, and no-shows later than shows:
  a show rate of yesterday is of the bookings marked so far, and mostly too good.
Audits:
  not null: location_id, local_week, days_after
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: days_after from 1
  range: bookings from 1
  range: show_rate from 0 to 1
  range: show_rate_now from 0 to 1
  check parts_make_the_whole: bookings = showed + noshow + unmarked + others
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  local_week: Monday of the week the bookings start in, on the location's clock.
  days_after: Whole local days after the appointment's own day: 1, 3 or 7.
  bookings: Bookings whose status then is known.
  showed: Of these, those marked as come by then.
  noshow: Of these, those marked as not come by then.
  unmarked: Of these, those that were neither marked nor cancelled then.
  others: Of these, those cancelled or invalid then.
  show_rate: showed / (showed + noshow), as it was known then.
  showed_now: Of the same bookings, those marked as come by now.
  noshow_now: Of the same bookings, those marked as not come by now.
  show_rate_now: showed_now / (showed_now + noshow_now).
  marked_since: Of those unmarked then, those marked as come or not come by now.
*/
WITH bookings AS (
  SELECT
    fact.location_id,
    fact.appointment_id,
    fact.service_id,
    fact.local_week,
    fact.local_date,
    fact.status,
    fact.first_seen_at,
    location.timezone
  FROM marts.fct_appointments AS fact
  JOIN marts.dim_location AS location ON location.location_id = fact.location_id
  WHERE fact.is_booking AND fact.starts_at <= $now
), days AS (
  SELECT DISTINCT timezone, local_date FROM bookings
), ends AS (
  -- The midnight that ends each day, on the location's clock; once for each day, for a conversion by zone rules is dear.
  SELECT
    timezone,
    local_date,
    CAST(local_date + 2 AS TIMESTAMP) AT TIME ZONE timezone AS after_1,
    CAST(local_date + 4 AS TIMESTAMP) AT TIME ZONE timezone AS after_3,
    CAST(local_date + 8 AS TIMESTAMP) AT TIME ZONE timezone AS after_7
  FROM days
), watched AS (
  SELECT bookings.*, ends.after_1, ends.after_3, ends.after_7
  FROM bookings
  JOIN ends ON ends.timezone = bookings.timezone AND ends.local_date = bookings.local_date
  WHERE bookings.first_seen_at <= ends.after_7 AND ends.after_1 <= $now
), known AS (
  SELECT
    watched.location_id,
    watched.appointment_id,
    watched.service_id,
    watched.local_week,
    watched.status,
    MAX(CASE
      WHEN watched.after_1 <= $now AND version.valid_from <= watched.after_1
        AND COALESCE(version.valid_to > watched.after_1, TRUE) THEN version.status
    END) AS status_1,
    MAX(CASE
      WHEN watched.after_3 <= $now AND version.valid_from <= watched.after_3
        AND COALESCE(version.valid_to > watched.after_3, TRUE) THEN version.status
    END) AS status_3,
    MAX(CASE
      WHEN watched.after_7 <= $now AND version.valid_from <= watched.after_7
        AND COALESCE(version.valid_to > watched.after_7, TRUE) THEN version.status
    END) AS status_7
  FROM watched
  JOIN staging.stg_appointment_versions AS version
    ON version.location_id = watched.location_id AND version.appointment_id = watched.appointment_id
  WHERE version.deleted_at IS NULL
  GROUP BY watched.location_id, watched.appointment_id, watched.service_id, watched.local_week, watched.status
), counted AS (
  SELECT location_id, service_id, local_week, status, status_1, status_3, status_7, COUNT(*) AS bookings
  FROM known
  GROUP BY location_id, service_id, local_week, status, status_1, status_3, status_7
), compared AS (
  SELECT
    counted.location_id,
    counted.service_id,
    counted.local_week,
    after.days AS days_after,
    CASE after.days WHEN 1 THEN counted.status_1 WHEN 3 THEN counted.status_3 ELSE counted.status_7 END AS status_then,
    counted.status AS status_now,
    counted.bookings
  FROM counted
  CROSS JOIN (VALUES (1), (3), (7)) AS after (days)
), summed AS (
  SELECT
    location_id,
    service_id,
    local_week,
    days_after,
    CAST(SUM(bookings) AS BIGINT) AS bookings,
    CAST(SUM(CASE WHEN status_then = 'showed' THEN bookings ELSE 0 END) AS BIGINT) AS showed,
    CAST(SUM(CASE WHEN status_then = 'noshow' THEN bookings ELSE 0 END) AS BIGINT) AS noshow,
    CAST(SUM(CASE WHEN status_then IN ('cancelled', 'invalid') THEN bookings ELSE 0 END) AS BIGINT) AS others,
    CAST(SUM(CASE WHEN status_now = 'showed' THEN bookings ELSE 0 END) AS BIGINT) AS showed_now,
    CAST(SUM(CASE WHEN status_now = 'noshow' THEN bookings ELSE 0 END) AS BIGINT) AS noshow_now,
    CAST(SUM(
      CASE
        WHEN status_then NOT IN ('showed', 'noshow', 'cancelled', 'invalid') AND status_now IN ('showed', 'noshow')
          THEN bookings
        ELSE 0
      END
    ) AS BIGINT) AS marked_since
  FROM compared
  WHERE status_then IS NOT NULL
  GROUP BY location_id, service_id, local_week, days_after
)
SELECT
  location_id,
  service_id,
  local_week,
  days_after,
  bookings,
  showed,
  noshow,
  bookings - showed - noshow - others AS unmarked,
  others,
  CAST(showed AS DOUBLE) / NULLIF(showed + noshow, 0) AS show_rate,
  showed_now,
  noshow_now,
  CAST(showed_now AS DOUBLE) / NULLIF(showed_now + noshow_now, 0) AS show_rate_now,
  marked_since
FROM summed
