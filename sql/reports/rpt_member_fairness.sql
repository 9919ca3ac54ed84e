/*
Grain: one row per location, service, local week and member in the service's pool.
Question: Are a service's bookings shared equally between the members who take them?
Key: location_id, service_id, local_week, member_id
Incremental by: location_id, service_id, local_week
Notes: The pool of a week is every member who took a booking in it, and every member who was assigned to the service
  on its Monday, as a sync had seen by the end of that day. So a member without bookings appears, and a member who
  joined later does not; what changes today does not change earlier weeks. Assignments before the first sync are not
  known: for those weeks the pool is only the members who took bookings, so fair_share and load_index are null
  (is_pool_known). For future weeks today's assignments count.
  Counts past and future bookings that are neither cancelled nor invalid and have a service and a member. An equal
  share is 1 / pool_members. Round-robin priorities are not taken into account.
Reads staging:
  stg_service_member_versions: no mart holds the assignments of members to services.
Audits:
  not null: location_id, service_id, local_week, member_id, is_too_few, is_pool_known
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: bookings from 0
  range: service_bookings from 1
  range: pool_members from 1
  range: share from 0 to 1
  range: load_index from 0
  check part_within_total: bookings <= service_bookings
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_week: Monday of the local week.
  member_id: The member.
  bookings: The member's bookings of the service in the week.
  booked_minutes: Duration of these bookings; a booking that the API marks as isFree adds none.
  service_bookings: Bookings of the service in the week that have a member.
  pool_members: Members in the pool; those without bookings are missing if it is not known.
  is_too_few: Whether there are fewer than 10 service_bookings, too few to say that a share is unequal.
  share: bookings / service_bookings.
  share_low: Lower end of the share's 95 % interval; the share is unequal only if fair_share lies outside the interval.
  share_high: Upper end of the share's 95 % interval.
  fair_share: 1 / pool_members; null if the pool is not known.
  load_index: share / fair_share: 1 is an equal share, 2 is twice that, 0 is no booking; null if the pool is not known.
  is_pool_known: Whether a sync had seen the service by the week's Monday, and so who was assigned to it.
*/
WITH bookings_taken AS (
  SELECT
    location_id,
    service_id,
    local_week,
    member_id,
    COUNT(*) AS bookings,
    CAST(COALESCE(SUM(CASE WHEN takes_time THEN duration_minutes END), 0) AS BIGINT) AS booked_minutes
  FROM marts.fct_appointments
  WHERE is_expected
    AND local_week IS NOT NULL
    AND service_id IS NOT NULL
    AND member_id IS NOT NULL
  GROUP BY location_id, service_id, local_week, member_id
), weeks AS (
  SELECT DISTINCT location_id, service_id, local_week FROM bookings_taken
), pool_entries AS (
  SELECT location_id, service_id, local_week, member_id, bookings, booked_minutes FROM bookings_taken
  UNION ALL
  SELECT weeks.location_id, weeks.service_id, weeks.local_week, assigned.member_id, 0, 0
  FROM weeks
  JOIN marts.dim_location AS location ON location.location_id = weeks.location_id
  JOIN staging.stg_service_member_versions AS assigned
    ON assigned.location_id = weeks.location_id
    AND assigned.service_id = weeks.service_id
    AND assigned.is_assigned
    AND CAST(assigned.valid_from AT TIME ZONE location.timezone AS DATE) <= weeks.local_week
    AND COALESCE(CAST(assigned.valid_to AT TIME ZONE location.timezone AS DATE) > weeks.local_week, TRUE)
), pool_members AS (
  SELECT
    location_id,
    service_id,
    local_week,
    member_id,
    CAST(SUM(bookings) AS BIGINT) AS bookings,
    CAST(SUM(booked_minutes) AS BIGINT) AS booked_minutes
  FROM pool_entries
  GROUP BY location_id, service_id, local_week, member_id
), members_with_totals AS (
  SELECT
    members.*,
    CAST(SUM(members.bookings) OVER (
      PARTITION BY members.location_id, members.service_id, members.local_week
    ) AS BIGINT) AS service_bookings,
    COUNT(*) OVER (PARTITION BY members.location_id, members.service_id, members.local_week) AS pool_members,
    COALESCE(days.is_rule_known, FALSE) AS is_pool_known
  FROM pool_members AS members
  LEFT JOIN marts.fct_service_days AS days
    ON days.location_id = members.location_id
    AND days.service_id = members.service_id
    AND days.local_date = members.local_week
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
  service_bookings < 10 AS is_too_few,
  CAST(bookings AS DOUBLE) / service_bookings AS share,
  WILSON_LOW(bookings, service_bookings) AS share_low,
  WILSON_HIGH(bookings, service_bookings) AS share_high,
  is_pool_known,
  CASE WHEN is_pool_known THEN CAST(1 AS DOUBLE) / pool_members END AS fair_share,
  CASE WHEN is_pool_known THEN CAST(bookings * pool_members AS DOUBLE) / service_bookings END AS load_index
FROM members_with_totals
