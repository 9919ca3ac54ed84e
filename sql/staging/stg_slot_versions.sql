/*
Grain: one row per location, service, start and version of the slot.
Question: From when until when was each slot listed as free?
Key: location_id, service_id, starts_at, valid_from
Notes: Only what reports need of earlier versions; stg_slots has the rest. A slot that was booked and later cancelled has
  several versions. Slots before 1900 or from 2200 on are left out; stg_unusable_values counts them.
Audits:
  not null: location_id, service_id, starts_at, valid_from
Columns:
  deleted_at: When the slot was found to be gone, UTC; null in versions in which it was listed.
*/
SELECT
  location_id,
  service_id,
  start_time AS starts_at,
  deleted_at,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM raw.slots
WHERE start_time >= CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
  AND start_time < CAST('2200-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
