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
  seats_per_slot: Bookings that one member can take at the same time (appointments_per_slot); 1 if the API sends none.
*/
SELECT
  location_id,
  id AS service_id,
  slot_duration AS slot_duration_minutes,
  GREATEST(COALESCE(CAST(FLOOR(appointments_per_slot) AS BIGINT), 1), 1) AS seats_per_slot,
  deleted_at,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM raw.services
