/*
Grain: one row per location and appointment.
Question: What is the state of each appointment, when does it take place, and how far ahead was it booked?
Key: location_id, appointment_id
Incremental by: location_id, appointment_id
Notes: Includes deleted appointments and blocked-off time. Filter by is_booking to count bookings, by is_expected to
  leave out cancelled and invalid ones, and by takes_time for booked time. An appointment that was deleted after its
  start took place, so it still counts as what it was (is_deleted_after_start). One that was deleted before its start is
  a loss, like a cancellation (is_deleted_before_start). A deletion counts from the sync that saw it, up to one sync
  interval late. Local dates and hours use the location's time zone (dim_location.timezone), not the zone the contact
  chose. When clocks go back, two hours share one local hour; when they go forward, one local hour does not exist. Lead
  time is first_starts_at - booked_at: a later move does not change it. It is negative for an appointment entered after
  it began. booked_at is the API's createdAt; if the API sends none, it is the time a sync first saw the appointment.
  That is far too late for appointments that already existed at the first sync. booked_at_source has the origin of
  booked_at. Whether and how the API expands recurring appointments is not documented for version 1. series_id is the
  master that the API names (masterEventId, version 2), else the part of the id before an underscore and 13 digits
  (`<master>_<epoch milliseconds>`, seen in ids of both versions). An appointment may be recurring without a known
  series, and an id of that form may be in a series of its own.
Audits:
  not null: location_id, appointment_id, status, is_blocked, is_deleted, is_deleted_before_start, is_deleted_after_start,
    is_booking, is_expected, takes_time, blocks_time, is_open, is_seen_ahead, booked_at, lead_time_span, first_seen_at
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
  service_id: The service booked, also if the API names it in calendarId only; null if it names none.
  team_id: The team booked, else the service's team; null if neither is known.
  is_blocked: Whether this is blocked-off time: it has no contact, and nobody marked it as showed or noshow.
  is_deleted: Whether the appointment was deleted; the other columns keep their last values.
  is_deleted_before_start: Whether this was a booking that was deleted before its start, so it never took place.
  is_deleted_after_start: Whether this is a booking that was deleted after its start, so it still counts.
  is_booking: Whether this is a booking: it is not blocked-off time, and it was not deleted before its start. Cancelled
    bookings count.
  is_expected: Whether this is a booking whose status is neither cancelled nor invalid. A no-show was expected.
  takes_time: Whether this is an expected booking that takes time: the API does not send isFree for it.
  blocks_time: Whether this is blocked-off time in force: neither deleted, cancelled nor invalid, and not isFree.
  is_open: Whether this is a booking without a final status: none of showed, noshow, cancelled and invalid.
  is_seen_ahead: Whether this is a booking that a sync saw before its start. Only then could a sync see that it was moved.
  series_id: The series it is an occurrence of, the id of its master; null if it is none or not known.
  first_starts_at: The first start that a sync saw, UTC: what was booked, unless it was moved before the first sync.
  local_start: Start, on the location's clock.
  local_date: Local day of the start.
  local_week: Monday of the local day's week.
  local_month: First day of the local day's month.
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: Local hour of the start, 0 to 23.
  duration_minutes: Time from start to end, in minutes; the service's slot duration if the end is missing or before the
    start.
  booked_at: When the appointment was booked, UTC; see booked_at_source.
  booked_at_source: Where booked_at comes from: created_at (the API) or first_seen (the first sync that saw it).
  lead_time_hours: Time from booked_at to first_starts_at, in hours; negative if entered after the start.
  lead_time_span: Group of the lead time (dim_time_span); not known if booked_at_source is first_seen or there is no
    start.
  times_rescheduled: How often a sync saw a new start.
  times_reassigned: How often a sync saw a new member.
  first_seen_at: When a sync first saw the appointment, UTC.
  last_changed_at: When a sync last saw a change, UTC.
  deleted_at: When a sync found the appointment gone, UTC; null if it is not deleted.
*/
WITH event_counts AS (
  SELECT
    location_id,
    appointment_id,
    MIN(observed_at) AS first_seen_at,
    MAX(CASE WHEN event = 'booked' THEN to_starts_at END) AS booked_start,
    MIN(CASE WHEN event = 'rescheduled' AND from_starts_at IS NULL THEN to_starts_at END) AS start_given_later,
    CAST(COUNT_IF(event = 'rescheduled') AS BIGINT) AS times_rescheduled,
    CAST(COUNT_IF(event = 'reassigned') AS BIGINT) AS times_reassigned
  FROM marts.fct_appointment_events
  GROUP BY location_id, appointment_id
), distinct_starts AS (
  -- Time zone conversion is slow and many appointments share a start, so each start is converted once.
  SELECT DISTINCT location.timezone, appointments.starts_at
  FROM staging.stg_appointments AS appointments
  JOIN marts.dim_location AS location ON location.location_id = appointments.location_id
), local_starts AS (
  SELECT timezone, starts_at, starts_at AT TIME ZONE timezone AS local_start
  FROM distinct_starts
), booked_appointments AS (
  -- Some replies name the service in calendarId only.
  SELECT
    appointments.*,
    COALESCE(appointments.service_id, calendar.service_id) AS booked_service_id,
    COALESCE(
      NULLIF(JSON_EXTRACT_STRING(CAST(appointments.extra AS JSON), '$.masterEventId'), ''),
      CASE
        WHEN STRPOS(appointments.appointment_id, '_') > 1
          AND LENGTH(SUBSTRING(appointments.appointment_id, STRPOS(appointments.appointment_id, '_') + 1, 13)) = 13
          AND TRANSLATE(
            SUBSTRING(appointments.appointment_id, STRPOS(appointments.appointment_id, '_') + 1, 13), '0123456789', ''
          ) = ''
          AND SUBSTRING(appointments.appointment_id, STRPOS(appointments.appointment_id, '_') + 14, 1) IN ('', '_')
          THEN SUBSTRING(appointments.appointment_id, 1, STRPOS(appointments.appointment_id, '_') - 1)
      END
    ) AS series_id
  FROM staging.stg_appointments AS appointments
  LEFT JOIN marts.dim_service AS calendar
    ON calendar.location_id = appointments.location_id
    AND calendar.service_id = appointments.calendar_id
    AND appointments.service_id IS NULL
    AND NOT calendar.is_inferred
), located_appointments AS (
  SELECT
    appointments.*,
    COALESCE(appointments.team_id, service.team_id) AS booked_team_id,
    local_starts.local_start,
    CAST(local_starts.local_start AS DATE) AS local_date,
    CASE
      WHEN appointments.ends_at >= appointments.starts_at THEN CAST(
        FLOOR((EXTRACT(EPOCH FROM appointments.ends_at) - EXTRACT(EPOCH FROM appointments.starts_at)) / 60) AS BIGINT
      )
      ELSE service.slot_duration_minutes
    END AS duration_minutes,
    COALESCE(appointments.created_at, event_counts.first_seen_at) AS booked_at,
    event_counts.first_seen_at,
    COALESCE(event_counts.booked_start, event_counts.start_given_later, appointments.starts_at) AS first_starts_at,
    event_counts.times_rescheduled,
    event_counts.times_reassigned
  FROM booked_appointments AS appointments
  JOIN marts.dim_location AS location ON location.location_id = appointments.location_id
  JOIN event_counts
    ON event_counts.location_id = appointments.location_id
    AND event_counts.appointment_id = appointments.appointment_id
  LEFT JOIN local_starts
    ON local_starts.timezone = location.timezone AND local_starts.starts_at = appointments.starts_at
  LEFT JOIN marts.dim_service AS service
    ON service.location_id = appointments.location_id AND service.service_id = appointments.booked_service_id
), timed_appointments AS (
  SELECT
    *,
    CAST(EXTRACT(EPOCH FROM first_starts_at) - EXTRACT(EPOCH FROM booked_at) AS DOUBLE) / 3600 AS lead_time_hours
  FROM located_appointments
), flagged_appointments AS (
  SELECT
    *,
    contact_id IS NULL AND status NOT IN ('showed', 'noshow') AS is_blocked,
    -- Without a start it cannot have taken place.
    deleted_at IS NOT NULL AND COALESCE(deleted_at > starts_at, FALSE) AS had_begun_when_deleted,
    status NOT IN ('cancelled', 'invalid') AS stands,
    CASE WHEN created_at IS NOT NULL THEN lead_time_hours END AS known_lead_time_hours
  FROM timed_appointments
), classified_appointments AS (
  SELECT
    *,
    NOT is_blocked AND deleted_at IS NOT NULL AND NOT had_begun_when_deleted AS is_deleted_before_start,
    NOT is_blocked AND had_begun_when_deleted AS is_deleted_after_start,
    NOT is_blocked AND (deleted_at IS NULL OR had_begun_when_deleted) AS is_booking
  FROM flagged_appointments
)
SELECT
  -- ids
  fact.location_id,
  fact.appointment_id,
  fact.booked_service_id AS service_id,
  fact.booked_team_id AS team_id,
  fact.member_id,
  fact.contact_id,
  -- status
  fact.status,
  fact.attendance_status,
  fact.booking_state,
  fact.is_blocked,
  fact.deleted_at IS NOT NULL AS is_deleted,
  fact.is_deleted_before_start,
  fact.is_deleted_after_start,
  fact.is_booking,
  fact.is_booking AND fact.stands AS is_expected,
  fact.is_booking AND fact.stands AND NOT COALESCE(fact.is_free, FALSE) AS takes_time,
  fact.is_blocked AND fact.deleted_at IS NULL AND fact.stands AND NOT COALESCE(fact.is_free, FALSE) AS blocks_time,
  fact.is_booking AND fact.status NOT IN ('showed', 'noshow', 'cancelled', 'invalid') AS is_open,
  fact.is_booking AND COALESCE(fact.first_seen_at < fact.starts_at OR fact.times_rescheduled > 0, FALSE) AS is_seen_ahead,
  fact.is_recurring,
  fact.series_id,
  -- start and end
  fact.starts_at,
  fact.ends_at,
  fact.first_starts_at,
  fact.local_start,
  fact.local_date,
  CAST(DATE_TRUNC('WEEK', fact.local_date) AS DATE) AS local_week,
  CAST(DATE_TRUNC('MONTH', fact.local_date) AS DATE) AS local_month,
  CAST(EXTRACT(ISODOW FROM fact.local_date) AS INTEGER) AS local_weekday,
  CAST(EXTRACT(HOUR FROM fact.local_start) AS INTEGER) AS local_hour,
  fact.duration_minutes,
  -- booking and changes
  fact.booked_at,
  CASE WHEN fact.created_at IS NULL THEN 'first_seen' ELSE 'created_at' END AS booked_at_source,
  fact.lead_time_hours,
  span.time_span AS lead_time_span,
  fact.times_rescheduled,
  fact.times_reassigned,
  fact.first_seen_at,
  fact.valid_from AS last_changed_at,
  fact.deleted_at
FROM classified_appointments AS fact
LEFT JOIN marts.dim_time_span AS span
  -- The group without bounds is for unknown durations.
  ON (fact.known_lead_time_hours IS NULL) = (span.from_hours IS NULL AND span.to_hours IS NULL)
  AND (fact.known_lead_time_hours >= span.from_hours OR span.from_hours IS NULL)
  AND (fact.known_lead_time_hours < span.to_hours OR span.to_hours IS NULL)
