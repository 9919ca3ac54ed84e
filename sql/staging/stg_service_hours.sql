/*
Grain: one row per location, service, weekday and opening.
Question: When is each service open?
Key: location_id, service_id, weekday, position
Notes: Times are on the location's clock. Of several spellings of a weekday, the first counts (Monday before monday).
Audits:
  not null: location_id, service_id, weekday, position
  range: weekday from 1 to 7
Columns:
  open_minutes: Length of the opening; 0 if it closes before it opens, null if a time is unknown.
  valid_from: When a sync first saw the record as it is now, UTC.
*/
WITH current_hours AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY location_id, service_id, weekday, position
      ORDER BY CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, weekday_sent
    ) AS spelling
  FROM staging.stg_service_hour_versions
  WHERE valid_to IS NULL
)
SELECT
  location_id,
  service_id,
  weekday,
  weekday_sent,
  position,
  opens_at_minute,
  closes_at_minute,
  CASE
    WHEN closes_at_minute >= opens_at_minute THEN closes_at_minute - opens_at_minute
    WHEN closes_at_minute < opens_at_minute THEN 0
  END AS open_minutes,
  extra,
  deleted_at,
  COALESCE(unchanged_since, valid_from) AS valid_from
FROM current_hours
WHERE spelling = 1
