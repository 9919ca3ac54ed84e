/*
Grain: one row per location, local month in which contacts were added, and group of the time to their first booking.
Question: How long does it take from a contact's entry to the first booking?
Key: location_id, local_month, time_span
Notes: From the contact's dateAdded to the booked_at of its first booking; a booking made before or with the contact
  counts as under 1 hour. Bookings deleted before their start count, because they were made. Contacts without a
  dateAdded are left out. The sync sees only contacts who are part of an appointment, so contacts who never booked are
  missing: this is no conversion rate. The time is not known if no booking of the contact has a createdAt from the
  API.
Audits:
  not null: location_id, local_month, time_span
  references: time_span -> marts.dim_time_span (time_span)
  range: contacts from 1
Columns:
  local_month: First day of the local month in which the contacts were added.
  time_span: Group of the time to the first booking (dim_time_span); sorts from short to long.
  contacts: Contacts in the group.
*/
WITH first_bookings AS (
  SELECT location_id, contact_id, MIN(booked_at) AS booked_at
  FROM marts.fct_appointments
  WHERE (is_booking OR is_deleted_before_start) AND booked_at_source = 'created_at' AND contact_id IS NOT NULL
  GROUP BY location_id, contact_id
), times AS (
  SELECT
    contact.location_id,
    CAST(DATE_TRUNC('MONTH', contact.added_at AT TIME ZONE location.timezone) AS DATE) AS local_month,
    CASE
      WHEN first_bookings.booked_at <= contact.added_at THEN 0
      ELSE CAST(EXTRACT(EPOCH FROM first_bookings.booked_at) - EXTRACT(EPOCH FROM contact.added_at) AS DOUBLE) / 3600
    END AS hours
  FROM marts.dim_contact AS contact
  JOIN marts.dim_location AS location ON location.location_id = contact.location_id
  LEFT JOIN first_bookings
    ON first_bookings.location_id = contact.location_id AND first_bookings.contact_id = contact.contact_id
  WHERE contact.added_at IS NOT NULL AND NOT contact.is_deleted
)
SELECT
  times.location_id,
  times.local_month,
  span.time_span,
  span.label AS time_to_booking,
  COUNT(*) AS contacts
FROM times
LEFT JOIN marts.dim_time_span AS span
  -- The group without bounds is for unknown durations.
  ON (times.hours IS NULL) = (span.from_hours IS NULL AND span.to_hours IS NULL)
  AND (times.hours >= span.from_hours OR span.from_hours IS NULL)
  AND (times.hours < span.to_hours OR span.to_hours IS NULL)
GROUP BY times.location_id, times.local_month, span.time_span, span.label
