/*
Grain: one row per location, service, weekday and opening.
Question: When is a service open, in the location's local time?
Key: location_id, service_id, weekday, position
Notes: A day with a name nobody knows is left out: nothing could be done with it.
Audits:
  not null: location_id, service_id, weekday, position
  range: weekday from 1 to 7
Columns:
  location_id: The location (tenant).
  service_id: The service.
  weekday: Day of the week, 1 Monday to 7 Sunday.
  position: Which opening of that day: 0 is the first.
  opens_at_minute: Minute of the local day it opens.
  closes_at_minute: Minute of the local day it closes; 1440 is midnight at its end.
  open_minutes: How long it is open; 0 where it closes before it opens.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the opening was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
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
  _dlt_valid_from AS valid_from
FROM raw.service_hours
WHERE _dlt_valid_to IS NULL
  AND LOWER(weekday) IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
