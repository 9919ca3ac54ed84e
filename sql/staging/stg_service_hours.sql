/*
Grain: one row per location, service, weekday and opening.
Question: When is each service open?
Key: location_id, service_id, weekday, position
Notes: Times are on the location's clock.
Audits:
  not null: location_id, service_id, weekday, position
  range: weekday from 1 to 7
Columns:
  open_minutes: Length of the opening; 0 if it closes before it opens.
  valid_from: When a sync first saw the record as it is now, UTC.
*/
SELECT
  location_id,
  service_id,
  weekday,
  position,
  opens_at_minute,
  closes_at_minute,
  GREATEST(closes_at_minute - opens_at_minute, 0) AS open_minutes,
  extra,
  deleted_at,
  COALESCE(unchanged_since, valid_from) AS valid_from
FROM staging.stg_service_hour_versions
WHERE valid_to IS NULL
