/*
Grain: one row per location, service, week and member who could take the service's bookings in it.
Question: Are a service's bookings shared fairly among those who take them?
Key: location_id, service_id, local_week, member_id
Notes: Fair is an equal part for each member of the pool. The pool of a week is those who took a booking in it, and those
  assigned to the service now whose assignment was already there when the week began: so that someone who got nothing is
  seen, and someone who came later is not blamed. What the pool was before the first sync nobody knows: only those who took
  bookings are in it then. Bookings neither cancelled nor invalid that name a service and a member, past and to come.
  Load index = share / fair share: 1 is a just part, 2 is twice that, 0 is nothing. Priorities of the round robin are not
  counted as a reason.
Audits:
  not null: location_id, service_id, local_week, member_id
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: bookings from 0
  range: service_bookings from 1
  range: pool_members from 1
  range: share from 0 to 1
  range: load_index from 0
  check no_part_without_a_whole: bookings <= service_bookings
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_week: Monday of the week, on the location's clock.
  member_id: The member.
  bookings: Bookings of the service the member takes that week.
  booked_minutes: Their time.
  service_bookings: Bookings of the service that week that some member takes.
  pool_members: Members in the pool.
  share: bookings / service_bookings.
  fair_share: 1 / pool_members.
  load_index: share / fair_share; 1 is a just part.
*/
WITH taken AS (
  SELECT
    location_id,
    service_id,
    local_week,
    member_id,
    COUNT(*) AS bookings,
    CAST(COALESCE(SUM(duration_minutes), 0) AS BIGINT) AS booked_minutes
  FROM marts.fct_appointments
  WHERE is_booking
    AND status NOT IN ('cancelled', 'invalid')
    AND local_week IS NOT NULL
    AND service_id IS NOT NULL
    AND member_id IS NOT NULL
  GROUP BY location_id, service_id, local_week, member_id
), weeks AS (
  SELECT DISTINCT location_id, service_id, local_week FROM taken
), pool AS (
  SELECT location_id, service_id, local_week, member_id, bookings, booked_minutes FROM taken
  UNION ALL
  SELECT weeks.location_id, weeks.service_id, weeks.local_week, assigned.member_id, 0, 0
  FROM weeks
  JOIN marts.dim_location AS location ON location.location_id = weeks.location_id
  JOIN staging.stg_service_members AS assigned
    ON assigned.location_id = weeks.location_id
    AND assigned.service_id = weeks.service_id
    AND assigned.deleted_at IS NULL
    AND COALESCE(assigned.is_selected, TRUE)
    AND CAST(assigned.valid_from AT TIME ZONE location.timezone AS DATE) <= weeks.local_week
), members AS (
  SELECT
    location_id,
    service_id,
    local_week,
    member_id,
    CAST(SUM(bookings) AS BIGINT) AS bookings,
    CAST(SUM(booked_minutes) AS BIGINT) AS booked_minutes
  FROM pool
  GROUP BY location_id, service_id, local_week, member_id
), shared AS (
  SELECT
    *,
    CAST(SUM(bookings) OVER (PARTITION BY location_id, service_id, local_week) AS BIGINT) AS service_bookings,
    COUNT(*) OVER (PARTITION BY location_id, service_id, local_week) AS pool_members
  FROM members
)
SELECT
  location_id,
  service_id,
  local_week,
  member_id,
  bookings,
  booked_minutes,
  service_bookings,
  pool_members,
  CAST(bookings AS DOUBLE) / service_bookings AS share,
  CAST(1 AS DOUBLE) / pool_members AS fair_share,
  CAST(bookings * pool_members AS DOUBLE) / service_bookings AS load_index
FROM shared
