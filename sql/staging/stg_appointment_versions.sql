/*
Grain: one row per location, appointment and version of it.
Question: What was known of each appointment, and from when to when?
Key: location_id, appointment_id, valid_from
Incremental by: location_id, appointment_id
Notes: The one place where an appointment's raw columns are named and its status is normalised; stg_appointments is its
  current rows. The status is the attendance where there is one, in the documented (misspelt) field before the
  rightly spelt one, else the booking's state, which is often stale. Spellings are made one ("no-show", "NoShow" and
  "noshow"; "canceled" and "cancelled"); a word nobody documented becomes "other", so that a new one stops nothing.
Audits:
  not null: location_id, appointment_id, valid_from, status
  accepted: status in new, confirmed, cancelled, showed, noshow, invalid, booked, other, unknown
  check valid_to_after_valid_from: valid_to > valid_from
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
  valid_to: When the next version was first seen, UTC; null for the current one.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
WITH words AS (
  SELECT
    *,
    -- 'No-Show', 'no_show' and 'noshow' are one word.
    NULLIF(
      REPLACE(REPLACE(REPLACE(
        LOWER(COALESCE(NULLIF(appoinment_status, ''), appointment_status)), '-', ''), '_', ''), ' ', ''), ''
    ) AS attendance_word,
    NULLIF(REPLACE(REPLACE(REPLACE(LOWER(status), '-', ''), '_', ''), ' ', ''), '') AS state_word
  FROM raw.appointments
), named AS (
  SELECT
    *,
    CASE
      WHEN attendance_word IN ('new', 'confirmed', 'cancelled', 'showed', 'noshow', 'invalid') THEN attendance_word
      WHEN attendance_word = 'canceled' THEN 'cancelled'
      WHEN attendance_word IS NOT NULL THEN 'other'
    END AS attendance_status,
    CASE
      WHEN state_word IN ('booked', 'new', 'confirmed', 'cancelled', 'showed', 'noshow', 'invalid') THEN state_word
      WHEN state_word = 'canceled' THEN 'cancelled'
      WHEN state_word IS NOT NULL THEN 'other'
    END AS booking_state
  FROM words
)
SELECT
  -- What it belongs to
  location_id,
  id AS appointment_id,
  NULLIF(service_id, '') AS service_id,
  NULLIF(team_id, '') AS team_id,
  COALESCE(NULLIF(user_id, ''), NULLIF(assigned_user_id, '')) AS member_id,
  NULLIF(assigned_user_id, '') AS assigned_user_id,
  NULLIF(contact_id, '') AS contact_id,
  calendar_id,
  user_calendar_id,
  api_location_id,
  -- What became of it
  COALESCE(attendance_status, booking_state, 'unknown') AS status,
  attendance_status,
  booking_state,
  -- What it is
  title,
  notes,
  address,
  -- When
  start_time AS starts_at,
  end_time AS ends_at,
  start_time_raw AS starts_at_sent,
  end_time_raw AS ends_at_sent,
  selected_timezone,
  timezone,
  is_recurring,
  is_free,
  created_at,
  updated_at,
  extra,
  deleted_at,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM named
