/*
Grain: one row per location, service and version of the service.
Question: Under which rules could each service be booked, and when?
Key: location_id, service_id, valid_from
Notes: Only what reports need of earlier versions; stg_services has the rest.
Audits:
  not null: location_id, service_id, valid_from
  check valid_to_after_valid_from: valid_to > valid_from
Columns:
  service_id: The service.
  slot_duration_minutes: Length of an appointment, in minutes; null if it is missing or impossible.
  seats_per_slot: Bookings that one member can take at the same time (appointments_per_slot); 1 if the API sends none or
    an impossible number.
  booking_notice_minutes: Shortest time between a booking and its start; null if there is no rule.
*/
SELECT
  location_id,
  id AS service_id,
  CASE WHEN slot_duration > 0 AND slot_duration <= 527040 THEN slot_duration END AS slot_duration_minutes,
  CASE WHEN appointments_per_slot BETWEEN 1 AND 1000000 THEN CAST(FLOOR(appointments_per_slot) AS BIGINT) ELSE 1 END
    AS seats_per_slot,
  -- The API sends units in upper and lower case, singular and plural. A month counts as 31 days.
  CASE WHEN allow_booking_after BETWEEN 0 AND 5270400 THEN allow_booking_after END * CASE
    WHEN LOWER(allow_booking_after_unit) LIKE 'minute%' THEN 1
    WHEN LOWER(allow_booking_after_unit) LIKE 'hour%' THEN 60
    WHEN LOWER(allow_booking_after_unit) LIKE 'day%' THEN 1440
    WHEN LOWER(allow_booking_after_unit) LIKE 'week%' THEN 10080
    WHEN LOWER(allow_booking_after_unit) LIKE 'month%' THEN 44640
  END AS booking_notice_minutes,
  deleted_at,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM raw.services
