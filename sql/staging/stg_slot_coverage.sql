/*
Grain: one row per location and service that ever had a slot.
Question: From when and until when are a service's free slots known?
Key: location_id, service_id
Notes: Reads all versions, because the oldest version of a slot has the time it was first seen.
Audits:
  not null: location_id, service_id, first_seen_at, last_starts_at
Columns:
  first_seen_at: When a slot of the service was first seen, UTC.
  service_seen_at: When the service itself was first seen, UTC; null if it appears only in slots.
  last_starts_at: Start of the latest slot ever seen for the service, UTC.
*/
WITH first_seen_services AS (
  SELECT location_id, id AS service_id, MIN(_dlt_valid_from) AS seen_at
  FROM raw.services
  GROUP BY location_id, id
)
SELECT
  slots.location_id,
  slots.service_id,
  MIN(slots._dlt_valid_from) AS first_seen_at,
  MIN(services.seen_at) AS service_seen_at,
  MAX(slots.start_time) AS last_starts_at
FROM raw.slots AS slots
LEFT JOIN first_seen_services AS services
  ON services.location_id = slots.location_id AND services.service_id = slots.service_id
-- As in stg_slots.
WHERE slots.start_time >= CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
  AND slots.start_time < CAST('2200-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
GROUP BY slots.location_id, slots.service_id
