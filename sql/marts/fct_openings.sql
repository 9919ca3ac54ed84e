/*
Grain: one row per location, service, local day and opening on that day.
Question: From when until when was each service open on each day?
Key: location_id, service_id, local_date, opens_at_minute
Notes: The opening hours that a sync had seen by that day; for earlier days those of the first sync. Openings that
  overlap or touch are one. Times are on the location's clock.
Audits:
  not null: location_id, service_id, local_date, opens_at_minute, closes_at_minute
  check closes_after_opening: closes_at_minute > opens_at_minute
Columns:
  opens_at_minute: Minute of the local day at which the opening begins.
  closes_at_minute: Minute of the local day at which the opening ends; 1440 is midnight at the end of the day.
*/
WITH service_starts AS (
  SELECT location_id, service_id, MIN(valid_from) AS service_seen_at
  FROM staging.stg_service_versions
  GROUP BY location_id, service_id
), hour_spans AS (
  SELECT
    versions.location_id,
    versions.service_id,
    versions.weekday,
    versions.opens_at_minute,
    LEAST(versions.closes_at_minute, 1440) AS closes_at_minute,
    CASE
      WHEN versions.valid_from > service_starts.service_seen_at
        THEN CAST(versions.valid_from AT TIME ZONE location.timezone AS DATE)
    END AS from_date,
    CAST(versions.valid_to AT TIME ZONE location.timezone AS DATE) AS before_date
  FROM staging.stg_service_hour_versions AS versions
  JOIN marts.dim_location AS location ON location.location_id = versions.location_id
  LEFT JOIN service_starts
    ON service_starts.location_id = versions.location_id AND service_starts.service_id = versions.service_id
  WHERE versions.deleted_at IS NULL
    AND versions.opens_at_minute >= 0
    AND versions.closes_at_minute > versions.opens_at_minute -- not LEAST, which ignores nulls
    AND versions.opens_at_minute < 1440
), openings AS (
  SELECT
    days.location_id,
    days.service_id,
    days.local_date,
    CAST(hour_spans.opens_at_minute AS BIGINT) AS opens_at_minute,
    CAST(hour_spans.closes_at_minute AS BIGINT) AS closes_at_minute
  FROM marts.fct_service_days AS days
  JOIN hour_spans
    ON hour_spans.location_id = days.location_id
    AND hour_spans.service_id = days.service_id
    AND hour_spans.weekday = CAST(EXTRACT(ISODOW FROM days.local_date) AS INTEGER)
    AND (hour_spans.from_date IS NULL OR hour_spans.from_date <= days.local_date)
    AND (hour_spans.before_date IS NULL OR hour_spans.before_date > days.local_date)
), marked_openings AS (
  SELECT
    *,
    MAX(closes_at_minute) OVER (
      PARTITION BY location_id, service_id, local_date
      ORDER BY opens_at_minute, closes_at_minute
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS open_until
  FROM openings
), numbered_openings AS (
  SELECT
    *,
    SUM(CASE WHEN open_until >= opens_at_minute THEN 0 ELSE 1 END) OVER (
      PARTITION BY location_id, service_id, local_date
      ORDER BY opens_at_minute, closes_at_minute
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS opening_number
  FROM marked_openings
)
SELECT
  location_id,
  service_id,
  local_date,
  MIN(opens_at_minute) AS opens_at_minute,
  MAX(closes_at_minute) AS closes_at_minute
FROM numbered_openings
GROUP BY location_id, service_id, local_date, opening_number
