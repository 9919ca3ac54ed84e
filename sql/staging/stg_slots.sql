/*
Grain: one row per location, service and start.
Question: Which slots were free, and which disappeared before they began?
Key: location_id, service_id, starts_at
Notes: Slots before 1900 or from 2200 on are left out; stg_unusable_values counts them.
Audits:
  not null: location_id, service_id, starts_at
Columns:
  deleted_at: When the slot was found to be gone, UTC; null if it is free, or was still free when it began.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  service_id,
  start_time AS starts_at,
  start_time_raw AS starts_at_sent,
  slot_date,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.slots
WHERE _dlt_valid_to IS NULL
  AND start_time >= CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
  AND start_time < CAST('2200-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
