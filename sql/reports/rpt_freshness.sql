/*
Grain: one row per location.
Question: How recent is each location's data, how far back is it complete, and which records were rejected?
Key: location_id
Notes: A location is only as fresh as its least fresh calendar, and its history begins where the shortest history of
  its calendars begins. Its calendars are its current services, or its teams or members if appointments are listed by
  those. If a calendar was never read, fresh_at and the history are null.
Audits:
  not null: location_id, calendars, calendars_read, appointments, rejected_records
  references: location_id -> marts.dim_location (location_id)
  range: calendars from 0
  check read_within_total: calendars_read <= calendars
Columns:
  fresh_at: Every calendar's time around now was read at this time or later, UTC; null if one was never read.
  slots_fresh_at: When the free slots around now were last read for any service, UTC.
  structure_read_at: When teams or services were last read, UTC.
  history_from: Start of the range in which every calendar was read without gaps, UTC.
  history_to: End of that range, UTC, exclusive.
  calendars: Calendars to read.
  calendars_read: Calendars read at least once.
  appointments: Appointments and blocked-off times that are not deleted.
  deleted_appointments: Appointments and blocked-off times that were deleted.
  last_change_at: When a sync last saw a new, changed or deleted appointment, UTC.
  rejected_records: Records that could not be loaded.
  last_rejected_at: When the newest rejected record was first rejected, UTC.
*/
WITH coverage AS (
  SELECT location_id, endpoint, scope, scope_id, unbroken_from, read_to, newest_read_at, fresh_at
  FROM marts.rpt_coverage
), scopes AS (
  SELECT DISTINCT location_id, scope FROM coverage WHERE endpoint = 'appointments'
), current_calendars AS (
  SELECT location_id, 'service' AS scope, service_id AS scope_id FROM marts.dim_service
  WHERE NOT is_deleted AND NOT is_inferred
  UNION ALL
  SELECT location_id, 'team', team_id FROM marts.dim_team WHERE NOT is_deleted AND NOT is_inferred
  UNION ALL
  SELECT location_id, 'user', member_id FROM marts.dim_member WHERE is_active
), calendar_coverage AS (
  SELECT
    current_calendars.location_id,
    COUNT(*) AS calendars,
    COUNT(coverage.scope_id) AS calendars_read,
    CASE WHEN COUNT(*) = COUNT(coverage.fresh_at) THEN MIN(coverage.fresh_at) END AS fresh_at,
    CASE WHEN COUNT(*) = COUNT(coverage.scope_id) THEN MAX(coverage.unbroken_from) END AS history_from,
    CASE WHEN COUNT(*) = COUNT(coverage.scope_id) THEN MIN(coverage.read_to) END AS history_to
  FROM current_calendars
  JOIN scopes ON scopes.location_id = current_calendars.location_id AND scopes.scope = current_calendars.scope
  LEFT JOIN coverage
    ON coverage.endpoint = 'appointments'
    AND coverage.location_id = current_calendars.location_id
    AND coverage.scope = current_calendars.scope
    AND coverage.scope_id = current_calendars.scope_id
  GROUP BY current_calendars.location_id
), other_reads AS (
  SELECT
    location_id,
    MAX(CASE WHEN endpoint = 'slots' THEN fresh_at END) AS slots_fresh_at,
    MAX(CASE WHEN endpoint IN ('teams', 'services') THEN newest_read_at END) AS structure_read_at
  FROM coverage
  GROUP BY location_id
), appointment_counts AS (
  SELECT
    location_id,
    CAST(COUNT_IF(NOT is_deleted) AS BIGINT) AS appointments,
    CAST(COUNT_IF(is_deleted) AS BIGINT) AS deleted_appointments,
    MAX(last_changed_at) AS last_change_at
  FROM marts.fct_appointments
  GROUP BY location_id
), rejections AS (
  SELECT
    location_id,
    CAST(SUM(records) AS BIGINT) AS rejected_records,
    MAX(last_rejected_at) AS last_rejected_at
  FROM marts.rpt_rejections
  GROUP BY location_id
)
SELECT
  location.location_id,
  calendar_coverage.fresh_at,
  other_reads.slots_fresh_at,
  other_reads.structure_read_at,
  calendar_coverage.history_from,
  calendar_coverage.history_to,
  COALESCE(calendar_coverage.calendars, 0) AS calendars,
  COALESCE(calendar_coverage.calendars_read, 0) AS calendars_read,
  COALESCE(appointment_counts.appointments, 0) AS appointments,
  COALESCE(appointment_counts.deleted_appointments, 0) AS deleted_appointments,
  appointment_counts.last_change_at,
  COALESCE(rejections.rejected_records, 0) AS rejected_records,
  rejections.last_rejected_at
FROM marts.dim_location AS location
LEFT JOIN calendar_coverage ON calendar_coverage.location_id = location.location_id
LEFT JOIN other_reads ON other_reads.location_id = location.location_id
LEFT JOIN appointment_counts ON appointment_counts.location_id = location.location_id
LEFT JOIN rejections ON rejections.location_id = location.location_id
