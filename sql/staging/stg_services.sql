/*
Grain: one row per location and service.
Question: Which services can be booked, and under which rules?
Key: location_id, service_id
Notes: Durations are in minutes. A month of booking notice or horizon counts as 31 days, the longest month, as in the
  sync. The API stops listing a slot when it is too late to book it. A notice counted too short would make every such
  slot look withdrawn; a notice counted too long is the smaller error. A negative number, a duration of 0 and a
  number far beyond any real rule are null: over a year (527,040 minutes) for the times of a slot, over 5,270,400 for
  notice and horizon, over a million for counts. stg_unusable_values counts them.
Audits:
  not null: location_id, service_id
Columns:
  service_id: The service.
  team_id: The team the service belongs to.
  slot_duration_minutes: Length of an appointment, in minutes.
  slot_interval_minutes: Time from one slot's start to the next, in minutes.
  slot_buffer_minutes: Time kept free after an appointment, in minutes.
  appointments_per_slot: How many may book the same slot.
  appointments_per_day: How many may be booked in a day.
  booking_notice_minutes: Shortest time between a booking and its start; null if there is no rule.
  booking_horizon_minutes: How far ahead slots are offered; null if there is no rule.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  -- ids, names and links
  location_id,
  id AS service_id,
  NULLIF(team_id, '') AS team_id,
  name,
  description,
  appointment_title,
  meeting_location,
  event_color,
  sync_option,
  google_calendar_id,
  google_calendar_name,
  clio_calendar_id,
  clio_calendar_name,
  drchrono_calendar_id,
  drchrono_calendar_name,
  -- booking rules
  CASE WHEN slot_duration > 0 AND slot_duration <= 527040 THEN slot_duration END AS slot_duration_minutes,
  CASE WHEN slot_interval BETWEEN 0 AND 527040 THEN slot_interval END AS slot_interval_minutes,
  CASE WHEN slot_buffer BETWEEN 0 AND 527040 THEN slot_buffer END AS slot_buffer_minutes,
  CASE WHEN appointments_per_slot BETWEEN 0 AND 1000000 THEN appointments_per_slot END AS appointments_per_slot,
  CASE WHEN appointments_per_day BETWEEN 0 AND 1000000 THEN appointments_per_day END AS appointments_per_day,
  -- The API sends units in upper and lower case, singular and plural. A month counts as 31 days.
  CASE WHEN allow_booking_after BETWEEN 0 AND 5270400 THEN allow_booking_after END * CASE
    WHEN LOWER(allow_booking_after_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(allow_booking_after_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(allow_booking_after_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(allow_booking_after_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(allow_booking_after_unit) LIKE 'month%' THEN 44640
  END AS booking_notice_minutes,
  CASE WHEN allow_booking_for BETWEEN 0 AND 5270400 THEN allow_booking_for END * CASE
    WHEN LOWER(allow_booking_for_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(allow_booking_for_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(allow_booking_for_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(allow_booking_for_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(allow_booking_for_unit) LIKE 'month%' THEN 44640
  END AS booking_horizon_minutes,
  -- what happens on booking
  custom_form_id,
  sticky_contact AS has_sticky_contact,
  alert_email,
  has_auto_confirm,
  has_google_send_invitation_email AS has_google_invitation,
  has_allow_reschedule AS allows_reschedule,
  has_allow_cancellation AS allows_cancellation,
  has_send_email_to_assigned_member AS emails_assigned_member,
  notes,
  facebook_pixel_id,
  custom_code,
  form_submission_type,
  form_submission_content,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.services
WHERE _dlt_valid_to IS NULL
