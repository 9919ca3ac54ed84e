/*
Grain: one row per location.
Question: Which locations are configured, and in what time zone does each live?
Key: location_id
Audits:
  not null: location_id
Columns:
  location_id: The location (tenant).
  name: Its name in the configuration.
  id_source: Where its id was learnt: config, key or data.
  timezone: IANA zone of the location, where the configuration names one.
  deleted_at: When it left the configuration, UTC; null while it is in it.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
SELECT
  location_id,
  name,
  id_source,
  NULLIF(TRIM(timezone), '') AS timezone,
  deleted_at,
  _dlt_valid_from AS valid_from
FROM raw.locations
WHERE _dlt_valid_to IS NULL
