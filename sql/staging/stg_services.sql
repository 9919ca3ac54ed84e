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
  booking_horizon_minutes: How far ahead slots are offered; null if there is no rule.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  -- ids, names and links
  services.location_id,
  services.id AS service_id,
  NULLIF(services.team_id, '') AS team_id,
  services.name,
  services.description,
  services.appointment_title,
  services.meeting_location,
  services.event_color,
  services.sync_option,
  services.google_calendar_id,
  services.google_calendar_name,
  services.clio_calendar_id,
  services.clio_calendar_name,
  services.drchrono_calendar_id,
  services.drchrono_calendar_name,
  -- booking rules
  rules.slot_duration_minutes,
  CASE WHEN services.slot_interval BETWEEN 0 AND 527040 THEN services.slot_interval END AS slot_interval_minutes,
  CASE WHEN services.slot_buffer BETWEEN 0 AND 527040 THEN services.slot_buffer END AS slot_buffer_minutes,
  CASE WHEN services.appointments_per_slot BETWEEN 0 AND 1000000 THEN services.appointments_per_slot END
    AS appointments_per_slot,
  CASE WHEN services.appointments_per_day BETWEEN 0 AND 1000000 THEN services.appointments_per_day END
    AS appointments_per_day,
  rules.booking_notice_minutes,
  -- The API sends units in upper and lower case, singular and plural. A month counts as 31 days.
  CASE WHEN services.allow_booking_for BETWEEN 0 AND 5270400 THEN services.allow_booking_for END * CASE
    WHEN LOWER(services.allow_booking_for_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(services.allow_booking_for_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(services.allow_booking_for_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(services.allow_booking_for_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(services.allow_booking_for_unit) LIKE 'month%' THEN 44640
  END AS booking_horizon_minutes,
  -- what happens on booking
  services.custom_form_id,
  services.sticky_contact AS has_sticky_contact,
  services.alert_email,
  services.has_auto_confirm,
  services.has_google_send_invitation_email AS has_google_invitation,
  services.has_allow_reschedule AS allows_reschedule,
  services.has_allow_cancellation AS allows_cancellation,
  services.has_send_email_to_assigned_member AS emails_assigned_member,
  services.notes,
  services.facebook_pixel_id,
  services.custom_code,
  services.form_submission_type,
  services.form_submission_content,
  services.extra,
  services.deleted_at,
  COALESCE(services.unchanged_since, services._dlt_valid_from) AS valid_from
FROM raw.services AS services
JOIN staging.stg_service_versions AS rules
  ON rules.location_id = services.location_id AND rules.service_id = services.id AND rules.valid_to IS NULL
WHERE services._dlt_valid_to IS NULL
