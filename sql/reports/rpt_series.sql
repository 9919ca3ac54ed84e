/*
Grain: one row per location and series of recurring appointments.
Question: Which series are running, how many of their appointments were attended, and which are about to end?
Key: location_id, series_id
Notes: Only series whose id is known (fct_appointments.series_id); rows of it count, and so does the master if the API
  lists it as an appointment. Nobody documents how far ahead the API lists the occurrences of an endless series, so
  last_starts_at is the last one that it lists, and a series that seems to end may go on. Occurrences are bookings;
  blocked-off time that recurs is not part of it. occurrences = showed + noshow + cancelled + invalid + unmarked + ahead.
Audits:
  not null: location_id, series_id, occurrences, state
  references: location_id -> marts.dim_location (location_id)
  accepted: state in running, ending, ended
  range: occurrences from 1
  check parts_add_up: occurrences = showed + noshow + cancelled + invalid + unmarked + ahead
Columns:
  service_id: The service of the latest occurrence.
  member_id: The member of the latest occurrence.
  contact_id: The contact of the latest occurrence.
  occurrences: Bookings of the series, including cancelled ones.
  showed: Occurrences that the contact attended.
  noshow: Occurrences that the contact missed.
  cancelled: Cancelled occurrences, past and future.
  invalid: Occurrences marked invalid.
  unmarked: Occurrences that had begun when the current hour began, and have no final status.
  ahead: Occurrences that had not begun by then, and have no final status.
  deleted_before_start: Occurrences that were deleted before their start; not part of occurrences.
  first_starts_at: Start of the first occurrence, UTC.
  last_starts_at: Start of the last occurrence that is neither cancelled nor invalid, UTC; null if all of them are.
  last_date: Local day of last_starts_at.
  state: ended if no occurrence is ahead, ending if the last one begins within 28 days, else running.
*/
WITH masters AS (
  SELECT DISTINCT location_id, series_id FROM marts.fct_appointments WHERE series_id IS NOT NULL
), occurrences AS (
  SELECT
    masters.location_id,
    masters.series_id,
    bookings.appointment_id,
    bookings.service_id,
    bookings.member_id,
    bookings.contact_id,
    bookings.status,
    bookings.is_booking,
    bookings.is_expected,
    bookings.is_open,
    bookings.is_deleted_before_start,
    bookings.starts_at,
    bookings.local_date,
    ROW_NUMBER() OVER (
      PARTITION BY masters.location_id, masters.series_id
      ORDER BY CASE WHEN bookings.is_booking THEN 0 ELSE 1 END, bookings.starts_at DESC, bookings.appointment_id
    ) AS newest_first
  FROM marts.fct_appointments AS bookings
  JOIN masters
    ON masters.location_id = bookings.location_id
    AND masters.series_id = COALESCE(bookings.series_id, bookings.appointment_id)
  WHERE (bookings.is_booking OR bookings.is_deleted_before_start) AND bookings.starts_at IS NOT NULL
), series AS (
  SELECT
    location_id,
    series_id,
    MAX(CASE WHEN newest_first = 1 THEN service_id END) AS service_id,
    MAX(CASE WHEN newest_first = 1 THEN member_id END) AS member_id,
    MAX(CASE WHEN newest_first = 1 THEN contact_id END) AS contact_id,
    CAST(COUNT_IF(is_booking) AS BIGINT) AS occurrences,
    CAST(COUNT_IF(is_booking AND status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(is_booking AND status = 'noshow') AS BIGINT) AS noshow,
    CAST(COUNT_IF(is_booking AND status = 'cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(is_booking AND status = 'invalid') AS BIGINT) AS invalid,
    CAST(COUNT_IF(is_open AND starts_at <= $hour) AS BIGINT) AS unmarked,
    CAST(COUNT_IF(is_open AND starts_at > $hour) AS BIGINT) AS ahead,
    CAST(COUNT_IF(is_deleted_before_start) AS BIGINT) AS deleted_before_start,
    MIN(CASE WHEN is_booking THEN starts_at END) AS first_starts_at,
    MAX(CASE WHEN is_expected THEN starts_at END) AS last_starts_at,
    MAX(CASE WHEN is_expected THEN local_date END) AS last_date
  FROM occurrences
  GROUP BY location_id, series_id
)
SELECT
  location_id,
  series_id,
  service_id,
  member_id,
  contact_id,
  occurrences,
  showed,
  noshow,
  cancelled,
  invalid,
  unmarked,
  ahead,
  deleted_before_start,
  first_starts_at,
  last_starts_at,
  last_date,
  CASE
    WHEN ahead = 0 THEN 'ended'
    WHEN last_starts_at < $hour + INTERVAL 28 DAY THEN 'ending'
    ELSE 'running'
  END AS state
FROM series
WHERE occurrences > 0
