/*
Grain: one row per location, member, local day and local hour in which the member was on duty or booked.
Question: How much of each member's working time was booked, hour by hour?
Key: location_id, member_id, local_date, local_hour
Incremental by: location_id, member_id
Notes: A member is on duty while any service that they take is open; hours that several services share count once.
  Bookings that overlap, such as those of one class, count once. Time off (fct_appointments.blocks_time) is not
  available, unless the member was booked in it. Services, hours and members are those of the day. Bookings that name no
  member count nowhere; only the first 24 hours of a booking count. All times are on the location's clock; a booking
  over a change of the clocks keeps its length.
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
  WHERE ones.digit + 10 * tens.digit <= 25
), hours_of_length AS (
  -- The hours that a stretch touches, counted from its first. A day that begins within an hour touches 25.
  SELECT lengths.hour AS length, hours.hour
  FROM hours AS lengths
  JOIN hours ON hours.hour < lengths.hour
), members AS (
  -- Members are numbered: sorting by text ids takes three times as long.
  SELECT location_id, member_id, ROW_NUMBER() OVER (ORDER BY location_id, member_id) AS member
  FROM marts.dim_member
), periods AS (
  -- Minutes since the beginning of 2000, on the location's clock.
  SELECT
    assigned.location_id,
    assigned.member_id,
    (openings.local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT) + openings.opens_at_minute AS from_minute,
    (openings.local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT) + openings.closes_at_minute AS to_minute,
    1 AS office,
    0 AS booked,
    0 AS blocked
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
    (local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT)
      + CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT),
    (local_date - CAST('2000-01-01' AS DATE)) * CAST(1440 AS BIGINT)
      + CAST(EXTRACT(HOUR FROM local_start) * 60 + EXTRACT(MINUTE FROM local_start) AS BIGINT)
      + CAST(FLOOR(CASE WHEN takes_time THEN LEAST(duration_minutes, 1440) ELSE duration_minutes END) AS BIGINT),
    0,
    CASE WHEN takes_time THEN 1 ELSE 0 END,
    CASE WHEN takes_time THEN 0 ELSE 1 END
  FROM marts.fct_appointments
  WHERE (takes_time OR blocks_time)
    AND member_id IS NOT NULL
    AND duration_minutes > 0
    AND local_date >= CAST('2000-01-01' AS DATE)
), edges AS (
  SELECT location_id, member_id, from_minute AS minute, office, booked, blocked FROM periods
  UNION ALL
  SELECT location_id, member_id, to_minute, -office, -booked, -blocked FROM periods
), steps AS (
  SELECT
    members.member,
    edges.minute,
    CAST(SUM(edges.office) AS BIGINT) AS office,
    CAST(SUM(edges.booked) AS BIGINT) AS booked,
    CAST(SUM(edges.blocked) AS BIGINT) AS blocked
  FROM edges
  JOIN members ON members.location_id = edges.location_id AND members.member_id = edges.member_id
  GROUP BY members.member, edges.minute
), stretches AS (
  -- From each edge to the next: how many services are open, how many bookings and how much time off there are.
  SELECT
    member,
    minute AS from_minute,
    LEAD(minute) OVER (PARTITION BY member ORDER BY minute) AS to_minute,
    SUM(office) OVER (
      PARTITION BY member ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) > 0 AS is_office,
    SUM(booked) OVER (
      PARTITION BY member ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) > 0 AS is_booked,
    SUM(blocked) OVER (
      PARTITION BY member ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) > 0 AS is_blocked
  FROM steps
), measured_stretches AS (
  SELECT
    *,
    CAST(FLOOR(from_minute / 60.0) AS BIGINT) AS from_hour,
    CAST(CEIL(to_minute / 60.0) - FLOOR(from_minute / 60.0) AS BIGINT) AS length
  FROM stretches
  WHERE is_office OR is_booked
), hourly_stretches AS (
  SELECT stretches.*, stretches.from_hour + hours.hour AS hour
  FROM measured_stretches AS stretches
  JOIN hours_of_length AS hours ON hours.length = stretches.length
), hourly_pieces AS (
  SELECT
    member,
    hour,
    LEAST(to_minute, hour * 60 + 60) - GREATEST(from_minute, hour * 60) AS minutes,
    is_office,
    is_booked,
    is_blocked
  FROM hourly_stretches
), hourly_sums AS (
  SELECT
    member,
    hour,
    CAST(FLOOR(hour / 24.0) AS INTEGER) AS day,
    CAST(SUM(CASE WHEN is_office THEN minutes ELSE 0 END) AS BIGINT) AS office_minutes,
    CAST(SUM(CASE WHEN is_office AND is_blocked AND NOT is_booked THEN minutes ELSE 0 END) AS BIGINT)
      AS blocked_minutes,
    CAST(SUM(CASE WHEN is_office AND is_booked THEN minutes ELSE 0 END) AS BIGINT) AS booked_minutes,
    CAST(SUM(CASE WHEN is_booked AND NOT is_office THEN minutes ELSE 0 END) AS BIGINT) AS booked_outside_minutes
  FROM hourly_pieces
  GROUP BY member, hour
)
SELECT
  members.location_id,
  members.member_id,
  CAST('2000-01-01' AS DATE) + sums.day AS local_date,
  CAST(sums.hour - sums.day * CAST(24 AS BIGINT) AS INTEGER) AS local_hour,
  sums.office_minutes,
  sums.blocked_minutes,
  sums.booked_minutes,
  sums.booked_outside_minutes
FROM hourly_sums AS sums
JOIN members ON members.member = sums.member
