/*
Grain: one row per location and service with slots.
Question: Since when, and up to when, are a service's free times known at all?
Key: location_id, service_id
Notes: Reads every version, not the current rows alone: only the oldest version tells when slots were first seen.
Audits:
  not null: location_id, service_id, first_seen_at, last_starts_at
Columns:
  location_id: The location (tenant).
  service_id: The service.
  first_seen_at: When a slot of the service was first seen, UTC.
  service_seen_at: When the service itself was first seen, UTC; null where only its slots name it.
  last_starts_at: Start of the latest slot ever seen of the service, UTC.
*/
WITH services AS (
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
LEFT JOIN services ON services.location_id = slots.location_id AND services.service_id = slots.service_id
GROUP BY slots.location_id, slots.service_id
