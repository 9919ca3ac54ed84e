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
  last_starts_at: Start of the latest slot ever seen of the service, UTC.
*/
SELECT
  location_id,
  service_id,
  MIN(_dlt_valid_from) AS first_seen_at,
  MAX(start_time) AS last_starts_at
FROM raw.slots
GROUP BY location_id, service_id
