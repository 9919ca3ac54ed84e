/*
Grain: one row per location, service, weekday, opening and version of the opening.
Question: When was each service open, and since when is that known?
Key: location_id, service_id, weekday, position, valid_from
Notes: Times are on the location's clock. Rows with an unknown weekday name are left out.
Audits:
  not null: location_id, service_id, weekday, position, valid_from
  range: weekday from 1 to 7
  check valid_to_after_valid_from: valid_to > valid_from
Columns:
  weekday: Day of the week, 1 Monday to 7 Sunday.
  opens_at_minute: Minute of the local day at which the service opens.
  closes_at_minute: Minute of the local day at which the service closes; 1440 is midnight at the end of the day.
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
  extra,
  deleted_at,
  unchanged_since,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM raw.service_hours
WHERE LOWER(weekday) IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
