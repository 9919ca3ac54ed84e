/*
Grain: one row per location and service.
Question: Which services can be booked, and by what rules?
Key: location_id, service_id
Audits:
  not null: location_id, service_id
Columns:
  location_id: The location (tenant).
  service_id: The service.
  team_id: The team it belongs to.
  name: The service's name.
  description: The service's description.
  appointment_title: Template of the title of its appointments.
  meeting_location: Where its appointments take place.
  event_color: Colour in the calendar, as hex.
  sync_option: How it is synced with linked calendars: oneway or twoway.
  google_calendar_id: Id of the linked Google calendar.
  google_calendar_name: Name of the linked Google calendar.
  clio_calendar_id: Id of the linked Clio calendar.
  clio_calendar_name: Name of the linked Clio calendar.
  drchrono_calendar_id: Id of the linked DrChrono calendar.
  drchrono_calendar_name: Name of the linked DrChrono calendar.
  slot_duration_minutes: Length of an appointment.
  slot_interval_minutes: Time from one slot's start to the next.
  slot_buffer_minutes: Time kept free after an appointment.
  appointments_per_slot: How many may book the same slot.
  appointments_per_day: How many may be booked in a day.
  booking_notice_minutes: Least notice before a slot's start; a month counts as 30 days.
  booking_horizon_minutes: How far ahead slots are offered; a month counts as 30 days.
  custom_form_id: Form filled in on booking.
  has_sticky_contact: Whether the form remembers the contact.
  alert_email: Address alerted of bookings.
  has_auto_confirm: Whether bookings are confirmed by themselves.
  has_google_invitation: Whether Google sends invitations.
  allows_reschedule: Whether contacts may reschedule.
  allows_cancellation: Whether contacts may cancel.
  emails_assigned_member: Whether the member is emailed.
  notes: Notes added to each appointment.
  facebook_pixel_id: Facebook pixel of the booking page.
  custom_code: Custom code of the booking page.
  form_submission_type: What follows a booking: ThankYouMessage or RedirectURL.
  form_submission_content: The message, or the address.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the service was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
SELECT
  -- What it is
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
  -- When it can be booked
  slot_duration AS slot_duration_minutes,
  slot_interval AS slot_interval_minutes,
  slot_buffer AS slot_buffer_minutes,
  appointments_per_slot,
  appointments_per_day,
  -- The API writes units with and without a capital, in the singular and in the plural.
  allow_booking_after * CASE
    WHEN LOWER(allow_booking_after_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(allow_booking_after_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(allow_booking_after_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(allow_booking_after_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(allow_booking_after_unit) LIKE 'month%' THEN 43200
  END AS booking_notice_minutes,
  allow_booking_for * CASE
    WHEN LOWER(allow_booking_for_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(allow_booking_for_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(allow_booking_for_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(allow_booking_for_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(allow_booking_for_unit) LIKE 'month%' THEN 43200
  END AS booking_horizon_minutes,
  -- What happens on booking
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
  _dlt_valid_from AS valid_from
FROM raw.services
WHERE _dlt_valid_to IS NULL
