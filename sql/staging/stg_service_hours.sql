/*
Grain: one row per location, service, weekday and opening.
Question: When is each service open?
Key: location_id, service_id, weekday, position
Notes: Times are on the location's clock. Rows with an unknown weekday name are left out.
Audits:
  not null: location_id, service_id, weekday, position
  range: weekday from 1 to 7
Columns:
  weekday: Day of the week, 1 Monday to 7 Sunday.
  opens_at_minute: Minute of the local day at which the service opens.
  closes_at_minute: Minute of the local day at which the service closes; 1440 is midnight at the end of the day.
  open_minutes: Length of the opening; 0 if it closes before it opens.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  service_id,
  CASE LOWER(weekday)
    WHEN 'monday' THEN 1
    WHEN 'tuesday' THEN 2
    WHEN 'wednesday' THEN 3
    WHEN 'thursday' THEN 4
    WHEN 'friday' THEN 5
    WHEN 'saturday' THEN 6
    WHEN 'sunday' THEN 7
  END AS weekday,
  position,
  open_hour * 60 + COALESCE(open_minute, 0) AS opens_at_minute,
  close_hour * 60 + COALESCE(close_minute, 0) AS closes_at_minute,
  GREATEST(
    close_hour * 60 + COALESCE(close_minute, 0) - open_hour * 60 - COALESCE(open_minute, 0), 0
  ) AS open_minutes,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.service_hours
WHERE _dlt_valid_to IS NULL
  AND LOWER(weekday) IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
