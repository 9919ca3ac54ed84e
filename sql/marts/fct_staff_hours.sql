/*
Grain: one row per location, member, local day and local hour in which the member was on duty or booked.
Question: How much of each member's working time was booked, hour by hour?
Key: location_id, member_id, local_date, local_hour
Notes: A member is on duty while any service that they take is open; hours that several services share count once.
  Bookings that overlap, such as those of one class, count once. Time off (fct_appointments.blocks_time) is not
  available, unless the member was booked in it. Services, hours and members are those of the day. Bookings that name no
  member count nowhere; only the first 24 hours of a booking count. All times are on the location's clock; a booking over a change of the clocks keeps its length.
Audits:
  not null: location_id, member_id, local_date, local_hour
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: local_hour from 0 to 23
  range: office_minutes from 0 to 60
  range: blocked_minutes from 0 to 60
  range: booked_minutes from 0 to 60
  range: booked_outside_minutes from 0 to 60
  check parts_of_office: blocked_minutes + booked_minutes <= office_minutes
Columns:
  location_id: The location (tenant).
  member_id: The member.
  local_date: The local day.
  local_hour: The local hour, 0 to 23.
  office_minutes: Minutes of the hour in which any service of the member was open.
  blocked_minutes: Minutes of these that were blocked off and not booked.
  booked_minutes: Minutes of office_minutes in which the member was booked.
  booked_outside_minutes: Booked minutes of the hour outside the opening hours.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), hours AS (
  SELECT ones.digit + 10 * tens.digit AS hour
  FROM digits AS ones
  CROSS JOIN digits AS tens
  WHERE ones.digit + 10 * tens.digit < 24
), periods AS (
  -- Minutes since the beginning of 2000, on the location's clock.
  SELECT
    assigned.location_id,
    assigned.member_id,
    'office' AS kind,
    (openings.local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT) + openings.opens_at_minute AS from_minute,
    (openings.local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT) + openings.closes_at_minute AS to_minute
  FROM marts.fct_openings AS openings
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = openings.location_id
    AND assigned.service_id = openings.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= openings.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > openings.local_date)
  UNION ALL
  SELECT
    location_id,
    member_id,
    CASE WHEN takes_time THEN 'booked' ELSE 'blocked' END,
    (local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT)
      + CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT),
    (local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT)
      + CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT)
      + CAST(FLOOR(CASE WHEN takes_time THEN LEAST(duration_minutes, 1440) ELSE duration_minutes END) AS BIGINT)
  FROM marts.fct_appointments
  WHERE (takes_time OR blocks_time)
    AND member_id IS NOT NULL
    AND duration_minutes > 0
    AND local_date >= CAST('2000-01-01' AS DATE)
), member_days AS (
  SELECT DISTINCT location_id, member_id, CAST(FLOOR(from_minute / 1440.0) AS BIGINT) AS day
  FROM periods
  WHERE kind <> 'blocked'
  UNION
  SELECT DISTINCT location_id, member_id, CAST(FLOOR((to_minute - 1) / 1440.0) AS BIGINT)
  FROM periods
  WHERE kind = 'booked'
), edges AS (
  SELECT location_id, member_id, kind, from_minute AS minute, 1 AS step FROM periods
  UNION ALL
  SELECT location_id, member_id, kind, to_minute, -1 FROM periods
  UNION ALL
  -- Each hour has an edge, so that no stretch between two edges reaches into another hour.
  SELECT member_days.location_id, member_days.member_id, 'hour', member_days.day * 1440 + hours.hour * 60, 0
  FROM member_days
  CROSS JOIN hours
), steps AS (
  SELECT
    location_id,
    member_id,
    minute,
    SUM(CASE WHEN kind = 'office' THEN step ELSE 0 END) AS office,
    SUM(CASE WHEN kind = 'booked' THEN step ELSE 0 END) AS booked,
    SUM(CASE WHEN kind = 'blocked' THEN step ELSE 0 END) AS blocked
  FROM edges
  GROUP BY location_id, member_id, minute
), stretches AS (
  SELECT
    location_id,
    member_id,
    minute,
    LEAD(minute) OVER (PARTITION BY location_id, member_id ORDER BY minute) - minute AS minutes,
    SUM(office) OVER (PARTITION BY location_id, member_id ORDER BY minute) > 0 AS is_office,
    SUM(booked) OVER (PARTITION BY location_id, member_id ORDER BY minute) > 0 AS is_booked,
    SUM(blocked) OVER (PARTITION BY location_id, member_id ORDER BY minute) > 0 AS is_blocked
  FROM steps
), hourly_sums AS (
  SELECT
    location_id,
    member_id,
    CAST(FLOOR(minute / 1440.0) AS INTEGER) AS day,
    CAST(FLOOR(minute / 60.0) AS BIGINT) AS hour,
    CAST(SUM(CASE WHEN is_office THEN minutes ELSE 0 END) AS BIGINT) AS office_minutes,
    CAST(SUM(CASE WHEN is_office AND is_blocked AND NOT is_booked THEN minutes ELSE 0 END) AS BIGINT)
      AS blocked_minutes,
    CAST(SUM(CASE WHEN is_office AND is_booked THEN minutes ELSE 0 END) AS BIGINT) AS booked_minutes,
    CAST(SUM(CASE WHEN is_booked AND NOT is_office THEN minutes ELSE 0 END) AS BIGINT) AS booked_outside_minutes
  FROM stretches
  WHERE is_office OR is_booked
  GROUP BY location_id, member_id, CAST(FLOOR(minute / 1440.0) AS INTEGER), CAST(FLOOR(minute / 60.0) AS BIGINT)
)
SELECT
  location_id,
  member_id,
  CAST('2000-01-01' AS DATE) + day AS local_date,
  CAST(hour - day * CAST(24 AS BIGINT) AS INTEGER) AS local_hour,
  office_minutes,
  blocked_minutes,
  booked_minutes,
  booked_outside_minutes
FROM hourly_sums
