/*
Grain: one row per location, appointment, time of observation and kind of event.
Question: What happened to each appointment, and when did a sync see it?
Key: location_id, appointment_id, observed_at, event
Incremental by: location_id, appointment_id
Notes: Each event compares two consecutive versions of an appointment. Changes between two syncs are seen as one
  change, and a change that was reverted between them is not seen at all. One sync can see several events, such as a
  new start and a new member. changed_at is the API's updatedAt if it lies between the sync that saw the earlier version
  and the sync that saw this one; else it is the time of the sync. booked is the first time a sync saw the appointment; at the first sync that is long
  after the real booking. rescheduled is a new start; a new end alone is not an event. restored is a deleted
  appointment that came back. wrongly deleted is one that came back although nothing shows that it was ever gone: its
  updated_at is the same as before, or its deletion was never confirmed by a control (stg_held_deletions). A version that only an upgrade or other settings brought is no event.
Audits:
  not null: location_id, appointment_id, observed_at, event, to_status, changed_at, is_after_start
  accepted: changed_at_source in updated_at, created_at, observed
  check changed_before_observed: changed_at <= observed_at
  accepted: event in booked, rescheduled, status changed, reassigned, deleted, restored, wrongly deleted
  references: location_id, to_member_id -> marts.dim_member (location_id, member_id)
Columns:
  event: booked, rescheduled, status changed, reassigned, deleted, restored or wrongly deleted.
  observed_at: When a sync first saw the event, UTC.
  changed_at: When it happened, UTC; see changed_at_source.
  changed_at_source: Where changed_at comes from: updated_at or created_at (the API's clock), or observed (the sync that
    saw it, which is too late by up to one sync interval).
  service_id: The service booked after the event, also if the API names it in calendarId only; null if the appointment
    names none.
  from_status: Status before the event; null for booked.
  to_status: Status after the event.
  from_starts_at: Start before the event, UTC; null for booked.
  to_starts_at: Start after the event, UTC.
  from_member_id: Member before the event; null for booked.
  to_member_id: Member after the event.
  is_after_start: Whether it happened (changed_at) after the appointment's previous start. For a status this means a late
    mark. If changed_at_source is observed, it only means that the sync was after the start.
*/
WITH changes AS (
  SELECT
    location_id,
    appointment_id,
    service_id,
    calendar_id,
    valid_from AS observed_at,
    status AS to_status,
    starts_at AS to_starts_at,
    member_id AS to_member_id,
    deleted_at AS to_deleted_at,
    created_at,
    updated_at AS to_updated_at,
    unchanged_since,
    LAG(valid_from) OVER versions AS from_valid_from,
    LAG(status) OVER versions AS from_status,
    LAG(starts_at) OVER versions AS from_starts_at,
    LAG(member_id) OVER versions AS from_member_id,
    LAG(deleted_at) OVER versions AS from_deleted_at,
    LAG(updated_at) OVER versions AS from_updated_at
  FROM staging.stg_appointment_versions
  WINDOW versions AS (PARTITION BY location_id, appointment_id ORDER BY valid_from)
), timed_changes AS (
  SELECT
    *,
    CASE
      WHEN from_valid_from IS NULL AND created_at <= observed_at THEN 'created_at'
      -- A clock that goes wrong, or an updatedAt that does not move, says nothing about this change.
      WHEN from_valid_from IS NOT NULL AND to_updated_at IS DISTINCT FROM from_updated_at
        AND to_updated_at >= from_valid_from AND to_updated_at <= observed_at THEN 'updated_at'
      ELSE 'observed'
    END AS changed_at_source
  FROM changes
), dated_changes AS (
  SELECT
    *,
    CASE changed_at_source
      WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN to_updated_at ELSE observed_at
    END AS changed_at
  FROM timed_changes
), explained_changes AS (
  SELECT
    changes.location_id,
    changes.appointment_id,
    COALESCE(changes.service_id, calendar.service_id) AS service_id,
    changes.observed_at,
    changes.changed_at,
    changes.changed_at_source,
    changes.from_status,
    changes.to_status,
    changes.from_starts_at,
    changes.to_starts_at,
    changes.from_member_id,
    changes.to_member_id,
    changes.from_deleted_at,
    changes.to_deleted_at,
    changes.from_updated_at,
    changes.to_updated_at,
    changes.from_valid_from,
    changes.unchanged_since,
    holds.hold_id IS NOT NULL AS was_held
  FROM dated_changes AS changes
  LEFT JOIN marts.dim_service AS calendar -- as in fct_appointments: some replies name the service in calendarId only
    ON calendar.location_id = changes.location_id
    AND calendar.service_id = changes.calendar_id
    AND changes.service_id IS NULL
    AND NOT calendar.is_inferred
  LEFT JOIN staging.stg_held_deletions AS holds
    ON holds.location_id = changes.location_id
    AND holds.record_id = changes.appointment_id
    AND holds.table_name = 'appointments'
    AND holds.why IN ('no control', 'other refusal')
    AND holds.ended_at = changes.from_deleted_at
), kinds AS (
  SELECT event
  FROM (
    VALUES ('booked'), ('rescheduled'), ('status changed'), ('reassigned'), ('deleted'), ('restored'), ('wrongly deleted')
  ) AS event_values (event)
)
SELECT
  changes.location_id,
  changes.appointment_id,
  kinds.event,
  changes.observed_at,
  changes.changed_at,
  changes.changed_at_source,
  changes.service_id,
  changes.from_status,
  changes.to_status,
  changes.from_starts_at,
  changes.to_starts_at,
  changes.from_member_id,
  changes.to_member_id,
  COALESCE(changes.changed_at > COALESCE(changes.from_starts_at, changes.to_starts_at), FALSE) AS is_after_start
FROM explained_changes AS changes
CROSS JOIN kinds
WHERE CASE
  WHEN changes.from_valid_from IS NULL THEN kinds.event = 'booked'
  WHEN changes.unchanged_since IS NOT NULL THEN FALSE -- an upgrade wrote the version, the API changed nothing
  WHEN kinds.event = 'rescheduled' THEN changes.from_starts_at IS DISTINCT FROM changes.to_starts_at
  WHEN kinds.event = 'status changed' THEN changes.from_status <> changes.to_status
  WHEN kinds.event = 'reassigned' THEN changes.from_member_id IS DISTINCT FROM changes.to_member_id
  WHEN kinds.event = 'deleted' THEN changes.from_deleted_at IS NULL AND changes.to_deleted_at IS NOT NULL
  WHEN changes.from_deleted_at IS NULL OR changes.to_deleted_at IS NOT NULL THEN FALSE
  WHEN changes.was_held OR changes.from_updated_at = changes.to_updated_at
    THEN kinds.event = 'wrongly deleted'
  WHEN kinds.event = 'restored' THEN TRUE
  ELSE FALSE
END
