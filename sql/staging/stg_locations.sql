/*
Grain: one row per location.
Question: Which locations are configured, and in which time zone is each?
Key: location_id
Audits:
  not null: location_id
Columns:
  timezone: IANA time zone of the location; null if the configuration has none.
  api_timezone: IANA time zone that the API reports for the location; null if it reports none.
  deleted_at: When the location was removed from the configuration, UTC; null while it is configured.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  name,
  id_source,
  NULLIF(TRIM(timezone), '') AS timezone,
  NULLIF(TRIM(api_timezone), '') AS api_timezone,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.locations
WHERE _dlt_valid_to IS NULL
