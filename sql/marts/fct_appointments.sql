/*
Grain: one row per location and appointment.
Question: What became of each appointment, when was it for its location, and how far ahead was it booked?
Key: location_id, appointment_id
Incremental by: location_id, appointment_id
Notes: Local means in the location's own zone (dim_location.timezone), whatever zone the contact chose: a local day is
  the location's own day. Where clocks go back, two hours share a local hour; where they go forward, one is missing.
  Deleted appointments and blocked-off time stand here too, flagged: a count of bookings leaves both out (is_booking).
  Lead time is start minus booked_at, the API's createdAt where it is known (booked_at_source says so), else the first
  sight, which for what was there at the first sync is long after the booking. It is negative for a back-dated one.
Audits:
  not null: location_id, appointment_id, status, is_blocked, is_deleted, is_booking, booked_at, first_seen_at
  references: location_id -> marts.dim_location (location_id)
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: location_id, team_id -> marts.dim_team (location_id, team_id)
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  references: location_id, contact_id -> marts.dim_contact (location_id, contact_id)
  accepted: status in new, confirmed, cancelled, showed, noshow, invalid, booked, other, unknown
  accepted: booked_at_source in created_at, first_seen
  range: local_hour from 0 to 23
  range: local_weekday from 1 to 7
  range: duration_minutes from 0
  range: times_rescheduled from 0
  check local_day_near_start: ABS(EXTRACT(EPOCH FROM local_start) - EXTRACT(EPOCH FROM starts_at)) <= 54000
Columns:
  location_id: The location (tenant).
  appointment_id: The appointment.
  service_id: The service booked.
  team_id: The team booked; the service's own where the appointment names none.
  member_id: The member who takes it.
  contact_id: Who booked; null for blocked-off time.
  status: new, confirmed, cancelled, showed, noshow or invalid; booked where only the booking's state is known; other for an undocumented word; unknown where the API says nothing.
  attendance_status: The attendance alone; null where the API sent none.
  booking_state: The booking's state alone, often stale.
  is_blocked: Whether it is blocked-off time: it has no contact.
  is_deleted: Whether it is gone from the calendar; its last values are kept.
  is_booking: Whether it counts as a booking: a contact's, and not deleted. A cancelled one counts.
  is_recurring: Whether it recurs.
  starts_at: Start, UTC.
  ends_at: End, UTC.
  local_start: Start, on the location's clock.
  local_date: Day of the start, on the location's clock.
  local_week: Monday of that day's week.
  local_month: First day of that day's month.
  local_weekday: Weekday of that day, 1 Monday to 7 Sunday.
  local_hour: Hour of the start, 0 to 23, on the location's clock.
  duration_minutes: From start to end; the service's slot length where the end is missing or before the start.
  booked_at: When it was booked, UTC, as far as it is known.
  booked_at_source: What booked_at is: created_at or first_seen.
  lead_time_hours: From booked_at to the start; negative for a back-dated one.
  lead_time_span: Group of the lead time (dim_time_span); not known unless the API says when it was booked.
  times_rescheduled: How often a sync saw its start changed.
  times_reassigned: How often a sync saw its member changed.
  first_seen_at: When a sync first saw it, UTC.
  last_changed_at: When a sync last saw it changed, UTC.
  deleted_at: When a sync found it gone, UTC.
*/
WITH history AS (
  SELECT
    location_id,
    appointment_id,
    MIN(observed_at) AS first_seen_at,
    CAST(COUNT_IF(event = 'rescheduled') AS BIGINT) AS times_rescheduled,
    CAST(COUNT_IF(event = 'reassigned') AS BIGINT) AS times_reassigned
  FROM marts.fct_appointment_events
  GROUP BY location_id, appointment_id
), instants AS (
  -- A conversion by zone rules is dear, and most starts are shared: each is converted once, four times as fast in all.
  SELECT DISTINCT location.timezone, appointments.starts_at
  FROM staging.stg_appointments AS appointments
  JOIN marts.dim_location AS location ON location.location_id = appointments.location_id
), clocks AS (
  SELECT timezone, starts_at, starts_at AT TIME ZONE timezone AS local_start
  FROM instants
), placed AS (
  SELECT
    appointments.*,
    COALESCE(appointments.team_id, service.team_id) AS booked_team_id,
    clocks.local_start,
    CAST(clocks.local_start AS DATE) AS local_date,
    CASE
      WHEN appointments.ends_at >= appointments.starts_at THEN CAST(
        FLOOR((EXTRACT(EPOCH FROM appointments.ends_at) - EXTRACT(EPOCH FROM appointments.starts_at)) / 60) AS BIGINT
      )
      ELSE service.slot_duration_minutes
    END AS duration_minutes,
    COALESCE(appointments.created_at, history.first_seen_at) AS booked_at,
    history.first_seen_at,
    history.times_rescheduled,
    history.times_reassigned
  FROM staging.stg_appointments AS appointments
  JOIN marts.dim_location AS location ON location.location_id = appointments.location_id
  JOIN history
    ON history.location_id = appointments.location_id AND history.appointment_id = appointments.appointment_id
  LEFT JOIN clocks ON clocks.timezone = location.timezone AND clocks.starts_at = appointments.starts_at
  LEFT JOIN marts.dim_service AS service
    ON service.location_id = appointments.location_id AND service.service_id = appointments.service_id
), timed AS (
  SELECT
    *,
    CAST(EXTRACT(EPOCH FROM starts_at) - EXTRACT(EPOCH FROM booked_at) AS DOUBLE) / 3600 AS lead_time_hours
  FROM placed
)
SELECT
  -- What it belongs to
  location_id,
  appointment_id,
  service_id,
  booked_team_id AS team_id,
  member_id,
  contact_id,
  -- What became of it
  status,
  attendance_status,
  booking_state,
  contact_id IS NULL AS is_blocked,
  deleted_at IS NOT NULL AS is_deleted,
  contact_id IS NOT NULL AND deleted_at IS NULL AS is_booking,
  is_recurring,
  -- When it is
  starts_at,
  ends_at,
  local_start,
  local_date,
  CAST(DATE_TRUNC('WEEK', local_date) AS DATE) AS local_week,
  CAST(DATE_TRUNC('MONTH', local_date) AS DATE) AS local_month,
  CAST(EXTRACT(ISODOW FROM local_date) AS INTEGER) AS local_weekday,
  CAST(EXTRACT(HOUR FROM local_start) AS INTEGER) AS local_hour,
  duration_minutes,
  -- How it came about
  booked_at,
  CASE WHEN created_at IS NULL THEN 'first_seen' ELSE 'created_at' END AS booked_at_source,
  lead_time_hours,
  CASE
    WHEN created_at IS NULL OR lead_time_hours IS NULL THEN 9
    WHEN lead_time_hours < 0 THEN 0
    WHEN lead_time_hours < 1 THEN 1
    WHEN lead_time_hours < 4 THEN 2
    WHEN lead_time_hours < 24 THEN 3
    WHEN lead_time_hours < 72 THEN 4
    WHEN lead_time_hours < 168 THEN 5
    WHEN lead_time_hours < 336 THEN 6
    WHEN lead_time_hours < 672 THEN 7
    ELSE 8
  END AS lead_time_span,
  times_rescheduled,
  times_reassigned,
  first_seen_at,
  valid_from AS last_changed_at,
  deleted_at
FROM timed
