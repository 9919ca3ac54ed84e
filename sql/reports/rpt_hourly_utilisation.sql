/*
Grain: one row per location, service, local day and local hour in which the service was open, booked or free.
Question: At which weekdays and hours is a service full, and when is it empty?
Key: location_id, service_id, local_date, local_hour
Notes: Minutes count in the hour they fall in: a booking from 9:30 to 11:00 adds 30 minutes to hour 9 and 60 to hour 10.
  Only the first 24 hours of a booking count. The share of an hour that was booked is booked_open_seat_minutes /
  open_seat_minutes, on every day; time booked outside the opening hours has no share. Seats, members and opening hours
  are those of the day (fct_service_days, fct_openings). A member who takes several services counts in each of them: for
  the time of people, use fct_staff_hours. free_seat_minutes and seat_utilisation are null on days without known free
  slots (fct_slot_days). For a weekday heat map, sum the minutes over days and then divide.
Audits:
  not null: location_id, service_id, local_date, local_hour
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: local_weekday from 1 to 7
  range: local_hour from 0 to 23
  range: booked_seat_minutes from 0
  range: free_seat_minutes from 0
  range: open_minutes from 0 to 60
  range: booked_share from 0 to 1
  range: seat_utilisation from 0 to 1
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  local_week: Monday of the local day's week.
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: The local hour, 0 to 23.
  open_minutes: Minutes of the hour within the service's opening hours on that day; 0 outside them.
  open_seat_minutes: open_minutes times the seats of the day.
  booked_seat_minutes: Minutes of the hour taken by bookings, one by one.
  booked_open_seat_minutes: Those within the opening hours, at most open_seat_minutes.
  booked_share: booked_open_seat_minutes / open_seat_minutes; null outside the opening hours.
  free_seat_minutes: Seat-minutes of the hour that could still be booked; null if free slots are not known.
  seat_utilisation: booked_seat_minutes / (booked_seat_minutes + free_seat_minutes); null if free slots are not known or
    both are 0.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), hours AS (
  SELECT ones.digit + 10 * tens.digit AS hour
  FROM digits AS ones
  CROSS JOIN digits AS tens
  WHERE ones.digit + 10 * tens.digit <= 48
), hours_of_length AS (
  -- The hours that a duration touches, counted from its first.
  SELECT lengths.hour AS length, hours.hour
  FROM hours AS lengths
  JOIN hours ON hours.hour < lengths.hour
), durations AS (
  SELECT
    location_id,
    service_id,
    local_date,
    CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT) AS from_minute,
    CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT)
      + CAST(LEAST(FLOOR(duration_minutes), 1440) AS BIGINT) AS to_minute,
    CAST(LEAST(FLOOR(duration_minutes), 1440) AS BIGINT) AS booked_seat_minutes,
    0 AS free_seat_minutes,
    0 AS open_minutes
  FROM marts.fct_appointments
  WHERE takes_time AND duration_minutes > 0 AND service_id IS NOT NULL
  UNION ALL
  SELECT
    location_id,
    service_id,
    local_date,
    local_hour * 60 + CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT),
    local_hour * 60 + CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) + free_minutes,
    0,
    free_seat_minutes,
    0
  FROM marts.fct_slots
  WHERE state = 'free' AND free_minutes > 0
  UNION ALL
  SELECT
    location_id,
    service_id,
    local_date,
    opens_at_minute,
    closes_at_minute,
    0,
    0,
    closes_at_minute - opens_at_minute
  FROM marts.fct_openings
), measured_durations AS (
  SELECT
    *,
    CAST(FLOOR(from_minute / 60.0) AS BIGINT) AS from_hour,
    CAST(LEAST(CEIL(to_minute / 60.0), 48) - FLOOR(from_minute / 60.0) AS BIGINT) AS length
  FROM durations
), hourly_durations AS (
  SELECT durations.*, durations.from_hour + hours.hour AS hour
  FROM measured_durations AS durations
  JOIN hours_of_length AS hours ON hours.length = durations.length
), pieces AS (
  -- Hours past midnight belong to the next day.
  SELECT
    location_id,
    service_id,
    local_date + CASE WHEN hour >= 24 THEN 1 ELSE 0 END AS local_date,
    hour - CASE WHEN hour >= 24 THEN 24 ELSE 0 END AS local_hour,
    GREATEST(from_minute, hour * 60) - CASE WHEN hour >= 24 THEN 1440 ELSE 0 END AS from_minute,
    LEAST(to_minute, hour * 60 + 60) - CASE WHEN hour >= 24 THEN 1440 ELSE 0 END AS to_minute,
    LEAST(to_minute, hour * 60 + 60) - GREATEST(from_minute, hour * 60) AS minutes,
    to_minute - from_minute AS of_minutes,
    booked_seat_minutes,
    free_seat_minutes,
    open_minutes
  FROM hourly_durations
), booked_in_hours AS (
  SELECT
    pieces.location_id,
    pieces.service_id,
    pieces.local_date,
    pieces.local_hour,
    SUM(
      LEAST(pieces.to_minute, openings.closes_at_minute) - GREATEST(pieces.from_minute, openings.opens_at_minute)
    ) AS minutes
  FROM pieces
  JOIN marts.fct_openings AS openings
    ON openings.location_id = pieces.location_id
    AND openings.service_id = pieces.service_id
    AND openings.local_date = pieces.local_date
    AND openings.opens_at_minute < pieces.to_minute
    AND openings.closes_at_minute > pieces.from_minute
  WHERE pieces.booked_seat_minutes > 0
  GROUP BY pieces.location_id, pieces.service_id, pieces.local_date, pieces.local_hour
), hourly_sums AS (
  SELECT
    location_id,
    service_id,
    local_date,
    local_hour,
    CAST(SUM(CASE WHEN booked_seat_minutes > 0 THEN minutes ELSE 0 END) AS BIGINT) AS booked_seat_minutes,
    CAST(FLOOR(SUM(CASE WHEN free_seat_minutes > 0 THEN minutes * free_seat_minutes / CAST(of_minutes AS DOUBLE) ELSE 0
      END)) AS BIGINT) AS free_seat_minutes,
    CAST(SUM(CASE WHEN open_minutes > 0 THEN minutes ELSE 0 END) AS BIGINT) AS open_minutes
  FROM pieces
  GROUP BY location_id, service_id, local_date, local_hour
), measured_hours AS (
  SELECT
    sums.location_id,
    sums.service_id,
    sums.local_date,
    sums.local_hour,
    sums.booked_seat_minutes,
    sums.open_minutes,
    CAST(sums.open_minutes * COALESCE(days.seats, 1) AS BIGINT) AS open_seat_minutes,
    CAST(LEAST(COALESCE(booked_in_hours.minutes, 0), sums.open_minutes * COALESCE(days.seats, 1)) AS BIGINT)
      AS booked_open_seat_minutes,
    CASE WHEN known.is_known THEN sums.free_seat_minutes END AS free_seat_minutes
  FROM hourly_sums AS sums
  LEFT JOIN marts.fct_service_days AS days
    ON days.location_id = sums.location_id
    AND days.service_id = sums.service_id
    AND days.local_date = sums.local_date
  LEFT JOIN marts.fct_slot_days AS known
    ON known.location_id = sums.location_id
    AND known.service_id = sums.service_id
    AND known.local_date = sums.local_date
  LEFT JOIN booked_in_hours
    ON booked_in_hours.location_id = sums.location_id
    AND booked_in_hours.service_id = sums.service_id
    AND booked_in_hours.local_date = sums.local_date
    AND booked_in_hours.local_hour = sums.local_hour
)
SELECT
  location_id,
  service_id,
  local_date,
  CAST(DATE_TRUNC('WEEK', local_date) AS DATE) AS local_week,
  CAST(EXTRACT(ISODOW FROM local_date) AS INTEGER) AS local_weekday,
  CAST(local_hour AS INTEGER) AS local_hour,
  open_minutes,
  open_seat_minutes,
  booked_seat_minutes,
  booked_open_seat_minutes,
  CAST(booked_open_seat_minutes AS DOUBLE) / NULLIF(open_seat_minutes, 0) AS booked_share,
  free_seat_minutes,
  CASE
    WHEN free_seat_minutes IS NOT NULL
      THEN CAST(booked_seat_minutes AS DOUBLE) / NULLIF(booked_seat_minutes + free_seat_minutes, 0)
  END AS seat_utilisation
FROM measured_hours
