/*
Grain: one row per location and appointment.
Question: What is known of each appointment now? Deleted ones are here too, flagged by deleted_at.
Key: location_id, appointment_id
Incremental by: location_id, appointment_id
Audits:
  not null: location_id, appointment_id, status
Columns:
  location_id: The location (tenant).
  appointment_id: The appointment.
  service_id: The service booked.
  team_id: The team booked, as the appointment names it.
  member_id: The member who takes it (userId, else assignedUserId).
  assigned_user_id: The member it is assigned to, where the API says so apart.
  contact_id: Who booked; null for blocked-off time.
  calendar_id: A member's own calendar.
  user_calendar_id: The member's calendar, where the API says so apart.
  api_location_id: The location as the record itself names it.
  status: new, confirmed, cancelled, showed, noshow or invalid; booked where only the booking's state is known; other for an undocumented word; unknown where the API says nothing.
  attendance_status: The attendance alone, either spelling of the field; null where the API sent neither.
  booking_state: The booking's state alone.
  title: The title.
  notes: Notes.
  address: Where it takes place.
  starts_at: Start, UTC.
  ends_at: End, UTC.
  starts_at_sent: Start as the API wrote it, with its offset.
  ends_at_sent: End as the API wrote it, with its offset.
  selected_timezone: Zone the contact chose, as the API wrote it.
  timezone: The same where it is a known IANA zone; else null.
  is_recurring: Whether it recurs.
  is_free: Whether it leaves its time free.
  created_at: When it was booked, UTC, where the API says so.
  updated_at: When it was last changed, UTC, where the API says so.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When it was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
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
  valid_from
FROM staging.stg_appointment_versions
WHERE valid_to IS NULL
