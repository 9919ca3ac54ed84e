/*
Grain: one row per location, service, weekday, opening and version of the opening.
Question: When was each service open, and since when is that known?
Key: location_id, service_id, weekday, position, valid_from
Notes: Times are on the location's clock. Rows with an unknown weekday name are left out, and so is all but the first of
  several spellings of a weekday (Monday before monday) that began at once. A time outside the day is null.
  stg_unusable_values counts all three.
Audits:
  not null: location_id, service_id, weekday, position, valid_from
  range: weekday from 1 to 7
  check valid_to_after_valid_from: valid_to > valid_from
Columns:
  weekday: Day of the week, 1 Monday to 7 Sunday.
  weekday_sent: The weekday as the API wrote it.
  opens_at_minute: Minute of the local day at which the service opens.
  closes_at_minute: Minute of the local day at which the service closes; 1440 is midnight at the end of the day.
Not read:
  row_digest: internal to the sync.
*/
WITH numbered_days AS (
  SELECT
    *,
    CASE LOWER(weekday)
      WHEN 'monday' THEN 1
      WHEN 'tuesday' THEN 2
      WHEN 'wednesday' THEN 3
      WHEN 'thursday' THEN 4
      WHEN 'friday' THEN 5
      WHEN 'saturday' THEN 6
      WHEN 'sunday' THEN 7
    END AS weekday_number
  FROM raw.service_hours
), usable_times AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY location_id, service_id, weekday_number, position, _dlt_valid_from
      ORDER BY CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, weekday
    ) AS spelling,
    CASE
      WHEN (open_hour BETWEEN 0 AND 23 AND COALESCE(open_minute, 0) BETWEEN 0 AND 59)
        OR (open_hour = 24 AND COALESCE(open_minute, 0) = 0) THEN open_hour * 60 + COALESCE(open_minute, 0)
    END AS opens_at_minute,
    CASE
      WHEN (close_hour BETWEEN 0 AND 23 AND COALESCE(close_minute, 0) BETWEEN 0 AND 59)
        OR (close_hour = 24 AND COALESCE(close_minute, 0) = 0) THEN close_hour * 60 + COALESCE(close_minute, 0)
    END AS closes_at_minute
  FROM numbered_days
  WHERE weekday_number IS NOT NULL
)
SELECT
  location_id,
  service_id,
  weekday_number AS weekday,
  weekday AS weekday_sent,
  position,
  opens_at_minute,
  closes_at_minute,
  extra,
  deleted_at,
  unchanged_since,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM usable_times
WHERE spelling = 1
