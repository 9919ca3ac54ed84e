/*
Grain: one row per location and appointment.
Question: What is the current version of each appointment?
Key: location_id, appointment_id
Incremental by: location_id, appointment_id
Notes: Deleted appointments are included; their deleted_at is set.
Audits:
  not null: location_id, appointment_id, status
Columns:
  valid_from: When a sync first saw the appointment as it is now, UTC.
*/
SELECT
  location_id,
  appointment_id,
  service_id,
  team_id,
  member_id,
  assigned_user_id,
  contact_id,
  calendar_id,
  user_calendar_id,
  api_location_id,
  status,
  attendance_status,
  booking_state,
  title,
  notes,
  address,
  starts_at,
  ends_at,
  starts_at_sent,
  ends_at_sent,
  selected_timezone,
  timezone,
  is_recurring,
  is_free,
  created_at,
  updated_at,
  extra,
  deleted_at,
  COALESCE(unchanged_since, valid_from) AS valid_from
FROM staging.stg_appointment_versions
WHERE valid_to IS NULL
