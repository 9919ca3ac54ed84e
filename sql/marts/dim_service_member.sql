/*
Grain: one row per location, service, member and time for which the member took the service's bookings.
Question: Which members took each service's bookings, on which days?
Key: location_id, service_id, member_id, first_seen_at
Notes: A change counts from the local day on which a sync saw it. What the first sync of a service saw counts for all
  earlier days too, because nothing older is known. A new priority begins a new row. A version that only an upgrade, other
  settings or another API brought begins none, unless it says otherwise who takes the bookings.
Audits:
  not null: location_id, service_id, member_id, first_seen_at
Columns:
  from_date: First local day; null if the first sync of the service saw the assignment.
  before_date: First local day after the assignment; null if it lasts.
  first_seen_at: When a sync first saw this version of the assignment, UTC.
*/
WITH versions AS (
  SELECT
    *,
    COALESCE(
      LEAD(unchanged_since) OVER assignment IS NOT NULL AND LEAD(is_assigned) OVER assignment = is_assigned, FALSE
    ) AS is_rewritten,
    unchanged_since IS NOT NULL AND LAG(is_assigned) OVER assignment = is_assigned AS rewrites
  FROM staging.stg_service_member_versions
  WINDOW assignment AS (PARTITION BY location_id, service_id, member_id ORDER BY valid_from)
), assignments AS (
  SELECT
    location_id,
    service_id,
    member_id,
    is_assigned,
    CASE WHEN rewrites THEN unchanged_since ELSE valid_from END AS valid_from,
    valid_to
  FROM versions
  WHERE NOT is_rewritten
), service_starts AS (
  SELECT location_id, service_id, MIN(valid_from) AS service_seen_at
  FROM staging.stg_service_versions
  GROUP BY location_id, service_id
)
SELECT
  versions.location_id,
  versions.service_id,
  versions.member_id,
  CASE
    WHEN versions.valid_from > service_starts.service_seen_at
      THEN CAST(versions.valid_from AT TIME ZONE location.timezone AS DATE)
  END AS from_date,
  CAST(versions.valid_to AT TIME ZONE location.timezone AS DATE) AS before_date,
  versions.valid_from AS first_seen_at
FROM assignments AS versions
JOIN marts.dim_location AS location ON location.location_id = versions.location_id
LEFT JOIN service_starts
  ON service_starts.location_id = versions.location_id AND service_starts.service_id = versions.service_id
WHERE versions.is_assigned
