/*
Grain: one row per location, service and start.
Question: Which free times were offered, and which went away before their time came?
Key: location_id, service_id, starts_at
Audits:
  not null: location_id, service_id, starts_at
Columns:
  location_id: The location (tenant).
  service_id: The service the slot can be booked for.
  starts_at: Start of the slot, UTC.
  starts_at_sent: Start as the API wrote it, with its offset.
  slot_date: Date the API listed it under, in the zone it was asked in.
  deleted_at: When it was found to be gone, UTC; null for one that is free, or was free until its time came.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
SELECT
  location_id,
  service_id,
  start_time AS starts_at,
  start_time_raw AS starts_at_sent,
  slot_date,
  deleted_at,
  _dlt_valid_from AS valid_from
FROM raw.slots
WHERE _dlt_valid_to IS NULL
