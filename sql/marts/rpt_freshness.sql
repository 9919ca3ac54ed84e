/*
Grain: one row per location.
Question: How fresh is each location, what history of it is complete, and what is missing?
Key: location_id
Notes: A location is as fresh as the calendar of it that is least fresh, and its history reaches as far back as that of the
  calendar whose reaches least far. Its calendars are the living services (or teams, or members, where appointments are
  asked for by those); a calendar never read makes the location's freshness unknown, not good.
Audits:
  not null: location_id, calendars, calendars_read, appointments, rejected_records
  references: location_id -> marts.dim_location (location_id)
  range: calendars from 0
  check no_more_read_than_there_are: calendars_read <= calendars
Columns:
  location_id: The location (tenant).
  fresh_at: The time around now was read, of every calendar, at this moment or later, UTC; null where of some it never was.
  slots_fresh_at: When the free times around now were last read of any service, UTC.
  structure_read_at: When teams or services were last read, UTC.
  history_from: From here on, to history_to, everything has been read of every calendar, UTC.
  history_to: See history_from, UTC, exclusive.
  calendars: Calendars that there are to read.
  calendars_read: Of these, those read at least once.
  appointments: Appointments and blocked-off times that are known and live.
  deleted_appointments: Those known and gone.
  last_change_at: When a sync last saw an appointment new, changed or gone, UTC.
  rejected_records: Records that could not be loaded.
  last_rejected_at: When the last of them came, UTC.
*/
WITH coverage AS (
  SELECT location_id, endpoint, scope, scope_id, unbroken_from, read_to, newest_read_at, fresh_at FROM marts.rpt_coverage
), kinds AS (
  SELECT DISTINCT location_id, scope FROM coverage WHERE endpoint = 'appointments'
), there AS (
  SELECT location_id, 'service' AS scope, service_id AS scope_id FROM marts.dim_service
  WHERE NOT is_deleted AND NOT is_inferred
  UNION ALL
  SELECT location_id, 'team', team_id FROM marts.dim_team WHERE NOT is_deleted AND NOT is_inferred
  UNION ALL
  SELECT location_id, 'user', member_id FROM marts.dim_member WHERE is_active
), calendars AS (
  SELECT
    there.location_id,
    COUNT(*) AS calendars,
    COUNT(coverage.scope_id) AS calendars_read,
    CASE WHEN COUNT(*) = COUNT(coverage.fresh_at) THEN MIN(coverage.fresh_at) END AS fresh_at,
    CASE WHEN COUNT(*) = COUNT(coverage.scope_id) THEN MAX(coverage.unbroken_from) END AS history_from,
    CASE WHEN COUNT(*) = COUNT(coverage.scope_id) THEN MIN(coverage.read_to) END AS history_to
  FROM there
  JOIN kinds ON kinds.location_id = there.location_id AND kinds.scope = there.scope
  LEFT JOIN coverage
    ON coverage.endpoint = 'appointments'
    AND coverage.location_id = there.location_id
    AND coverage.scope = there.scope
    AND coverage.scope_id = there.scope_id
  GROUP BY there.location_id
), others AS (
  SELECT
    location_id,
    MAX(CASE WHEN endpoint = 'slots' THEN fresh_at END) AS slots_fresh_at,
    MAX(CASE WHEN endpoint IN ('teams', 'services') THEN newest_read_at END) AS structure_read_at
  FROM coverage
  GROUP BY location_id
), held AS (
  SELECT
    location_id,
    COUNT(*) - COUNT(deleted_at) AS appointments,
    COUNT(deleted_at) AS deleted_appointments,
    MAX(valid_from) AS last_change_at
  FROM staging.stg_appointments
  GROUP BY location_id
), rejected AS (
  SELECT location_id, COUNT(*) AS rejected_records, MAX(rejected_at) AS last_rejected_at
  FROM staging.stg_rejected_records
  GROUP BY location_id
)
SELECT
  location.location_id,
  calendars.fresh_at,
  others.slots_fresh_at,
  others.structure_read_at,
  calendars.history_from,
  calendars.history_to,
  COALESCE(calendars.calendars, 0) AS calendars,
  COALESCE(calendars.calendars_read, 0) AS calendars_read,
  COALESCE(held.appointments, 0) AS appointments,
  COALESCE(held.deleted_appointments, 0) AS deleted_appointments,
  held.last_change_at,
  COALESCE(rejected.rejected_records, 0) AS rejected_records,
  rejected.last_rejected_at
FROM marts.dim_location AS location
LEFT JOIN calendars ON calendars.location_id = location.location_id
LEFT JOIN others ON others.location_id = location.location_id
LEFT JOIN held ON held.location_id = location.location_id
LEFT JOIN rejected ON rejected.location_id = location.location_id
