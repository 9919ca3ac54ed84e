/*
Grain: one row per location, appointment and version of the appointment.
Question: What did each version of an appointment say, and when was that version current?
Key: location_id, appointment_id, valid_from
Incremental by: location_id, appointment_id
Notes: This model renames the raw columns of appointments and normalises their status; stg_appointments keeps the
  current versions. The API sends attendance in a misspelt field, in the correctly spelt field, or in both. The status
  is the misspelt field if it is set, else the correctly spelt one, else the booking's state, which is often out of
  date. Spellings are unified: "no-show" and "NoShow" become noshow, "canceled" becomes cancelled. Any undocumented
  word becomes other, so that a new word does not stop the build. Times before 1900 or from 2200 on are null;
  stg_unusable_values counts them.
Audits:
  not null: location_id, appointment_id, valid_from, status
  accepted: status in new, confirmed, cancelled, showed, noshow, invalid, booked, other, unknown
  check valid_to_after_valid_from: valid_to > valid_from
Columns:
  appointment_id: The appointment.
  service_id: The service booked (calendarServiceId, else calendarId if the service of that id lists the appointment);
    null if the appointment names none.
  team_id: The team booked; null if the appointment names none.
  member_id: The member who takes the appointment (userId, else assignedUserId); null if the API names none.
  assigned_user_id: The member it is assigned to, if the API sends this separately.
  contact_id: The contact who booked (the embedded contact's own id, else contactId); null for blocked-off time.
  status: new, confirmed, cancelled, showed, noshow or invalid; booked if only the booking's state is known; other for
    an undocumented word; unknown if the API sends no status.
  attendance_status: The attendance, from either spelling of the field; null if the API sent neither.
  booking_state: The booking's state, often out of date; null if the API sent none.
  starts_at: Start, UTC.
  ends_at: End, UTC.
  created_at: When it was booked, UTC, if the API says so.
  updated_at: When it was last changed, UTC, if the API says so.
Not read:
  row_digest: internal to the sync.
*/
WITH normalised_words AS (
  SELECT
    *,
    -- Outside these years, local times cannot be computed in every time zone and warehouse.
    CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ) AS first_instant,
    CAST('2200-01-01 00:00:00+00:00' AS TIMESTAMPTZ) AS end_instant,
    -- 'No-Show', 'no_show' and 'noshow' all become 'noshow'.
    NULLIF(
      REPLACE(REPLACE(REPLACE(
        LOWER(COALESCE(NULLIF(appoinment_status, ''), appointment_status)), '-', ''), '_', ''), ' ', ''), ''
    ) AS attendance_word,
    NULLIF(REPLACE(REPLACE(REPLACE(LOWER(status), '-', ''), '_', ''), ' ', ''), '') AS state_word
  FROM raw.appointments
), recognised_words AS (
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
  FROM normalised_words
)
SELECT
  -- ids
  location_id,
  id AS appointment_id,
  COALESCE(
    NULLIF(service_id, ''), CASE WHEN listed_by = 'service:' || calendar_id THEN calendar_id END
  ) AS service_id,
  NULLIF(team_id, '') AS team_id,
  COALESCE(NULLIF(user_id, ''), NULLIF(assigned_user_id, '')) AS member_id,
  NULLIF(assigned_user_id, '') AS assigned_user_id,
  NULLIF(contact_id, '') AS contact_id,
  calendar_id,
  user_calendar_id,
  api_location_id,
  -- status
  COALESCE(attendance_status, booking_state, 'unknown') AS status,
  attendance_status,
  booking_state,
  -- content
  title,
  notes,
  address,
  -- times
  CASE WHEN start_time >= first_instant AND start_time < end_instant THEN start_time END AS starts_at,
  CASE WHEN end_time >= first_instant AND end_time < end_instant THEN end_time END AS ends_at,
  start_time_raw AS starts_at_sent,
  end_time_raw AS ends_at_sent,
  selected_timezone,
  timezone,
  is_recurring,
  is_free,
  CASE WHEN created_at >= first_instant AND created_at < end_instant THEN created_at END AS created_at,
  CASE WHEN updated_at >= first_instant AND updated_at < end_instant THEN updated_at END AS updated_at,
  extra,
  -- version
  deleted_at,
  unchanged_since,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM recognised_words
