/*
Grain: one row per location, appointment, moment of observation and kind of event.
Question: What happened to each appointment, when did we see it, and what was it before and after?
Key: location_id, appointment_id, observed_at, event
Incremental by: location_id, appointment_id
Notes: Derived from consecutive versions, so an event is a change that a sync saw; what changed twice between two reads
  is one event, and what changed back is none. One version may hold several events (moved and reassigned at once).
  "booked" is the first sight of an appointment: on a first sync that is long after the booking itself. "rescheduled" is a
  new start; a new end alone is none. "restored" is an appointment found again after it was found gone.
Audits:
  not null: location_id, appointment_id, observed_at, event, to_status
  accepted: event in booked, rescheduled, status changed, reassigned, deleted, restored
  references: location_id, to_member_id -> marts.dim_member (location_id, member_id)
Columns:
  location_id: The location (tenant).
  appointment_id: The appointment.
  event: booked, rescheduled, status changed, reassigned, deleted or restored.
  observed_at: When a sync saw it, UTC.
  service_id: The service booked, after the event.
  from_status: Status before; null for booked.
  to_status: Status after.
  from_starts_at: Start before, UTC.
  to_starts_at: Start after, UTC.
  from_member_id: Member before.
  to_member_id: Member after.
  is_after_start: Whether it was seen after the start that held before it: a late mark, for a status.
*/
WITH changes AS (
  SELECT
    location_id,
    appointment_id,
    service_id,
    valid_from AS observed_at,
    status AS to_status,
    starts_at AS to_starts_at,
    member_id AS to_member_id,
    deleted_at AS to_deleted_at,
    LAG(valid_from) OVER versions AS from_valid_from,
    LAG(status) OVER versions AS from_status,
    LAG(starts_at) OVER versions AS from_starts_at,
    LAG(member_id) OVER versions AS from_member_id,
    LAG(deleted_at) OVER versions AS from_deleted_at
  FROM staging.stg_appointment_versions
  WINDOW versions AS (PARTITION BY location_id, appointment_id ORDER BY valid_from)
), kinds AS (
  SELECT event
  FROM (
    VALUES ('booked'), ('rescheduled'), ('status changed'), ('reassigned'), ('deleted'), ('restored')
  ) AS event_values (event)
)
SELECT
  changes.location_id,
  changes.appointment_id,
  kinds.event,
  changes.observed_at,
  changes.service_id,
  changes.from_status,
  changes.to_status,
  changes.from_starts_at,
  changes.to_starts_at,
  changes.from_member_id,
  changes.to_member_id,
  COALESCE(changes.observed_at > COALESCE(changes.from_starts_at, changes.to_starts_at), FALSE) AS is_after_start
FROM changes
CROSS JOIN kinds
WHERE CASE
  WHEN changes.from_valid_from IS NULL THEN kinds.event = 'booked'
  WHEN kinds.event = 'rescheduled' THEN changes.from_starts_at IS DISTINCT FROM changes.to_starts_at
  WHEN kinds.event = 'status changed' THEN changes.from_status <> changes.to_status
  WHEN kinds.event = 'reassigned' THEN changes.from_member_id IS DISTINCT FROM changes.to_member_id
  WHEN kinds.event = 'deleted' THEN changes.from_deleted_at IS NULL AND changes.to_deleted_at IS NOT NULL
  WHEN kinds.event = 'restored' THEN changes.from_deleted_at IS NOT NULL AND changes.to_deleted_at IS NULL
  ELSE FALSE
END
