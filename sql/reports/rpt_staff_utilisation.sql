/*
Grain: one row per location, member and local day on which the member was on duty or booked.
Question: How much of each member's working time was booked?
Key: location_id, member_id, local_date
Incremental by: location_id, member_id, local_date
Notes: Staff utilisation = booked minutes / (office minutes - blocked minutes). Office minutes are the opening hours of
  all services that the member takes; an hour that several services share counts once. Booked minutes count once too
  when bookings overlap, as in a class. Time booked outside the opening hours is in booked_outside_minutes only, so the
  rate is at most 1. Reads of free slots do not matter. Sum minutes before you divide; do not average the rates of days.
Audits:
  not null: location_id, member_id, local_date
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  range: office_minutes from 0 to 1440
  range: staff_utilisation from 0 to 1
Columns:
  local_week: Monday of the local day's week.
  office_minutes: Minutes of the day in which any service of the member was open.
  blocked_minutes: Minutes of these that were blocked off and not booked.
  available_minutes: office_minutes - blocked_minutes.
  booked_minutes: Minutes of office_minutes in which the member was booked.
  booked_outside_minutes: Booked minutes of the day outside the opening hours.
  staff_utilisation: booked_minutes / available_minutes; null if the member was not available.
  is_hours_known: Whether a sync had seen the location's opening hours by then. If not, the hours and members are those
    that the first sync saw.
*/
WITH first_syncs AS (
  SELECT location_id, MIN(local_date) AS local_date
  FROM marts.fct_service_days
  WHERE is_rule_known
  GROUP BY location_id
), daily_sums AS (
  SELECT
    location_id,
    member_id,
    local_date,
    CAST(SUM(office_minutes) AS BIGINT) AS office_minutes,
    CAST(SUM(blocked_minutes) AS BIGINT) AS blocked_minutes,
    CAST(SUM(booked_minutes) AS BIGINT) AS booked_minutes,
    CAST(SUM(booked_outside_minutes) AS BIGINT) AS booked_outside_minutes
  FROM marts.fct_staff_hours
  GROUP BY location_id, member_id, local_date
)
SELECT
  daily_sums.location_id,
  daily_sums.member_id,
  daily_sums.local_date,
  CAST(DATE_TRUNC('WEEK', daily_sums.local_date) AS DATE) AS local_week,
  daily_sums.office_minutes,
  daily_sums.blocked_minutes,
  daily_sums.office_minutes - daily_sums.blocked_minutes AS available_minutes,
  daily_sums.booked_minutes,
  daily_sums.booked_outside_minutes,
  CAST(daily_sums.booked_minutes AS DOUBLE)
    / NULLIF(daily_sums.office_minutes - daily_sums.blocked_minutes, 0) AS staff_utilisation,
  COALESCE(daily_sums.local_date >= first_syncs.local_date, FALSE) AS is_hours_known
FROM daily_sums
LEFT JOIN first_syncs ON first_syncs.location_id = daily_sums.location_id
