/*
Grain: one row per location, endpoint, scope and id asked by.
Question: What time has been read of each calendar, without a gap, and how lately?
Key: location_id, endpoint, scope, scope_id
Notes: From the ledger of complete reads. What was never read has no row. A window read again by windows of another length
  is counted once.
Audits:
  not null: location_id, endpoint, scope, scope_id, newest_read_at
  references: location_id -> marts.dim_location (location_id)
  range: windows from 1
  range: gap_minutes from 0
  check unbroken_within: read_from <= unbroken_from AND unbroken_from < read_to
Columns:
  location_id: The location (tenant).
  endpoint: What was read, such as teams, services, appointments or slots.
  scope: What it was asked by, such as location, service, team or user.
  scope_id: Id of the service, team or user; the location's for scope location.
  windows: Windows read.
  read_from: Start of the earliest of them, UTC; null for teams and services, which have none.
  read_to: End of the latest of them, UTC, exclusive.
  unbroken_from: From here to read_to everything has been read, UTC.
  gap_minutes: Time between read_from and read_to that was never read, in minutes.
  newest_read_at: When any of it was last read, UTC.
  fresh_at: When the time around now was last read, UTC; null where it never was; of teams and services, the last read.
*/
WITH ordered AS (
  SELECT
    location_id,
    endpoint,
    scope,
    scope_id,
    window_start,
    window_end,
    read_at,
    MAX(window_end) OVER (
      PARTITION BY location_id, endpoint, scope, scope_id
      ORDER BY window_start, window_end
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reached
  FROM staging.stg_reads
)
SELECT
  location_id,
  endpoint,
  scope,
  scope_id,
  COUNT(*) AS windows,
  MIN(window_start) AS read_from,
  MAX(window_end) AS read_to,
  COALESCE(MAX(CASE WHEN window_start > reached THEN window_start END), MIN(window_start)) AS unbroken_from,
  CAST(COALESCE(SUM(
    CASE
      WHEN window_start > reached
        THEN CAST(FLOOR((EXTRACT(EPOCH FROM window_start) - EXTRACT(EPOCH FROM reached)) / 60) AS BIGINT)
    END
  ), 0) AS BIGINT) AS gap_minutes,
  MAX(read_at) AS newest_read_at,
  MAX(CASE WHEN window_start IS NULL OR (window_start <= $now AND window_end > $now) THEN read_at END) AS fresh_at
FROM ordered
GROUP BY location_id, endpoint, scope, scope_id
